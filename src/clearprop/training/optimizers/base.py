"""What all optimisers share: an update that follows from one formula, and its state."""

import inspect
from collections.abc import Callable, Hashable, Iterable, Mapping, MutableMapping, Sequence
from html import escape
from typing import Any, ClassVar, Literal, Protocol, TypedDict

import numpy as np

from clearprop.errors import ConfigError
from clearprop.graph.away import Lends
from clearprop.graph.backward import floating
from clearprop.graph.initialised import missing
from clearprop.training.optimizers.checks import (
    check_eps,
    check_gradients,
    check_results,
    to_read,
)
from clearprop.training.optimizers.clipping import clipped
from clearprop.training.optimizers.groups import Group, check_patterns, matching
from clearprop.training.optimizers.moved import Moved
from clearprop.training.optimizers.rule import rule, settings_table
from clearprop.training.optimizers.settings import Setting, positive_number, setting
from clearprop.training.optimizers.state import fitting, loaded

Decay = Literal["weights", "all"] | Sequence[str]
Groups = Mapping[str, Mapping[str, Setting]]


class Updates(Protocol):
    """Anything that can update parameters from their derivatives, such as an `Optimizer`.

    An update is made wholly or not at all: if it raises, the parameters are as they were.
    """

    def update(self, params: MutableMapping[str, Any], grads: Mapping[str, Any]) -> None:
        """Change `params` by means of `grads`: arrays in place, plain numbers by rebinding."""


class Common(TypedDict, total=False):
    """The settings that every optimiser takes, see `Optimizer`."""

    weight_decay: Setting
    decay: Decay
    clip_value: float | None
    clip_norm: float | None
    groups: Groups | None


class Optimizer(Lends):
    """The base of all optimisers. An optimiser is one formula for one parameter:

    >>> class Signed(Optimizer):
    ...     hyperparameters = ("lr", "momentum")
    ...     state = ("m",)
    ...
    ...     @staticmethod
    ...     def change(p, g, m, *, step, lr, momentum):
    ...         m = momentum * m + (1 - momentum) * g
    ...         return p - lr * np.sign(m), m
    >>> W = np.array([1.0, 2.0])
    >>> Signed(lr=0.5, momentum=0.9).update({"W": W}, {"W": np.array([3.0, -0.1])})
    >>> W
    array([0.5, 2.5])

    - `hyperparameters` names numbers. Each is an attribute, may be assigned between two steps, and
      may be a schedule: a function of the step, see `clearprop.training.schedules`.
    - `state` names arrays of the parameter's shape and dtype, zero before the first step.
    - `change` gives the new parameter and the new state from the parameter `p`, its derivative `g`,
      the state, the number of the `step` (1, 2, …) and the hyperparameters: plain NumPy, the same
      for all values, nothing written in place. Numbers are Python's floats, so that float32 stays
      float32: their roots are written `x ** 0.5`.

    Every optimiser takes these settings too:

    - `weight_decay` pulls parameters towards 0: `g + weight_decay · p` takes the place of `g`
      (`AdamW` does otherwise). `decay` says which: `"weights"`, those of two axes or more, so not
      biases; `"all"`; or a list of patterns of names, `["W*", "conv.?"]`.
    - `clip_value` and `clip_norm` limit derivatives, see `clipped`; before any weight decay.
    - `groups` gives parameters hyperparameters of their own, by patterns of their names:
      `{"b*": {"lr": 0.01}, "conv.*": {"weight_decay": 0.0}}`. Where several patterns with the same
      hyperparameter fit, the last counts. Where `decay` says no, nothing decays.

    Names in `params.frozen`, if there is such an attribute, are left alone.

    Errors: `ConfigError` for a hyperparameter that is unknown, missing or out of range, when it is
    assigned; one from a schedule when it is used, with the step.
    """

    hyperparameters: ClassVar[tuple[str, ...]] = ("lr",)
    state: ClassVar[tuple[str, ...]] = ()
    change: ClassVar[Callable[..., Any]]
    lr: Setting
    usual_decay: ClassVar[float] = 0.0
    """The `weight_decay` where none is given."""

    arrays: dict[str, np.ndarray]
    """The state by names such as `m.W1`; empty before the first step."""
    step_count: int
    """How many steps have been taken."""
    changes: int = 0
    """Counts on with every assignment: who has read a setting need not read it again until then."""

    def __init__(
        self,
        *,
        weight_decay: Setting | None = None,
        decay: Decay = "weights",
        clip_value: float | None = None,
        clip_norm: float | None = None,
        groups: Groups | None = None,
        **hyperparameters: Any,
    ) -> None:
        self._check_known("", hyperparameters)
        for name in self.hyperparameters:
            if name not in hyperparameters:
                raise ConfigError(f"{type(self).__name__} needs {name}=")
            setattr(self, name, hyperparameters[name])
        self.weight_decay = self.usual_decay if weight_decay is None else weight_decay
        self.decay = decay
        self.clip_value, self.clip_norm = clip_value, clip_norm
        self.groups = {} if groups is None else groups
        self.reset()

    def __getattr__(self, name: str) -> Any:
        return missing(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in (*self.hyperparameters, "weight_decay"):
            value = setting(name, value)
        elif name in ("clip_value", "clip_norm") and value is not None:
            value = positive_number(name, value)
        elif name == "decay" and value not in ("weights", "all"):
            if isinstance(value, str) or not isinstance(value, Iterable):
                raise ConfigError(
                    f'decay must be "weights", "all" or a list of patterns of names such as '
                    f'["W*"], got {value!r}'
                )
            value = tuple(value)
        elif name == "groups":
            if not isinstance(value, Mapping) or not all(
                isinstance(settings, Mapping) for settings in value.values()
            ):
                raise ConfigError(f'groups must be like {{"b*": {{"lr": 0.01}}}}, got {value!r}')
            value = {pattern: dict(settings) for pattern, settings in value.items()}
            for pattern, settings in value.items():
                self._check_known(f" in groups[{pattern!r}]", settings, "weight_decay")
                settings.update({key: setting(key, each) for key, each in settings.items()})
        object.__setattr__(self, name, value)
        self.__dict__["changes"] = self.changes + 1

    def update(self, params: MutableMapping[str, Any], grads: Mapping[str, Any]) -> None:
        """Take one step: arrays change in place, plain numbers are bound anew.

        Errors: `ShapeError` if a derivative is missing, has no parameter or has another shape than
        its parameter, `DTypeError` for a parameter that cannot be changed by small steps,
        `NonFiniteError` if the step makes NaN or infinity, `ConfigError` if the state belongs to
        other parameters, a pattern fits none, or `eps` is 0 in their dtype. In each case nothing
        was changed.
        """
        arrays, new = self.tried(params, grads)
        for name, (p, *state) in new.items():
            number = params[name]
            if isinstance(number, np.ndarray):
                number[...] = p
            else:
                params[name] = p[()] if isinstance(number, np.floating) else p.item()
            for s, result in zip(self.state, state, strict=True):
                arrays[f"{s}.{name}"][...] = result
        self.arrays, self.step_count = arrays, self.step_count + 1
        self._moved.go_with(params)

    def tried(
        self, params: Mapping[str, Any], grads: Mapping[str, Any]
    ) -> tuple[dict[str, np.ndarray], dict[str, list[np.ndarray]]]:
        """The state before a step, and what that makes of each parameter and its state.

        Nothing is changed. Errors: those of `update`.
        """
        frozen = getattr(params, "frozen", ())
        moved = {name: params[name] for name in params if name not in frozen}
        check_gradients(moved, {name: g for name, g in grads.items() if name not in frozen})
        arrays, step, new = self._fitting(params), self.step_count + 1, {}
        # What is not finite is found below and named; a warning would only say that it happened.
        with np.errstate(all="ignore"):
            given = [np.asarray(grads[name], floating(np.asarray(p))) for name, p in moved.items()]
            derivatives = dict(zip(moved, self.clipped(given), strict=True))
            for group in self.partition(params):
                formula, settings = self.formula(group), self.settings(group, step)
                for name in group.names:
                    check_eps(type(self).__name__, settings, name, moved[name])
                    state = [arrays[f"{s}.{name}"] for s in self.state]
                    p = np.asarray(moved[name])
                    p = np.asarray(p, floating(p))
                    inputs = map(to_read, (p, derivatives[name], *state))
                    found = formula(*inputs, step=float(step), **settings)
                    new[name] = [np.asarray(result, p.dtype) for result in found]
        for name, results in new.items():
            what = dict(zip(("", *self.state), results, strict=True))
            check_results(type(self).__name__, name, np.shape(moved[name]), what)
        return arrays, new

    # What an update consists of; a compiled step is made of the same.

    def partition(self, params: Mapping[str, Any]) -> list[Group]:
        """The parameters that are not frozen, those with the same settings together.

        Groups stand in the order of their first parameters.

        Errors: `ConfigError` for a pattern of `groups` or `decay` that fits no parameter.
        """
        check_patterns("groups", tuple(self.groups), params)
        if not isinstance(self.decay, str):
            check_patterns("decay", self.decay, params)
        frozen = getattr(params, "frozen", ())
        found: dict[tuple[tuple[str, ...], bool], list[str]] = {}
        for name in params:
            if name not in frozen:
                patterns = matching(name, self.groups)
                decays = self._decays(name, params[name], patterns)
                found.setdefault((patterns, decays), []).append(name)
        return [Group(tuple(names), *key) for key, names in found.items()]

    def settings(self, group: Group, step: int) -> dict[str, float]:
        """The hyperparameters of a group in a step as they are now, with `weight_decay` if any."""
        names = (*self.hyperparameters, "weight_decay") if group.decays else self.hyperparameters
        found = {}
        for name in names:
            value = self._setting(name, group.patterns) if group.patterns else getattr(self, name)
            # A float was read when it was assigned; what stands in `groups` may be changed there.
            plain = type(value) is float and not group.patterns
            found[name] = value if plain else setting(name, value, step)
        return found

    def formula(self, group: Group) -> Callable[..., tuple[Any, ...]]:
        """The formula of a group: `(p, g, *state, step=, **settings)` → `(new p, *new state)`.

        Weight decay is in it. It can be recorded.
        """

        def formula(p: Any, g: Any, *state: Any, step: Any, **settings: Any) -> tuple[Any, ...]:
            if group.decays:
                weight_decay = settings.pop("weight_decay")
                p, g = self.decayed(p, g, weight_decay=weight_decay, **settings)
            new = self.change(p, g, *state, step=step, **settings)
            new = new if isinstance(new, tuple) else (new,)
            if len(new) != 1 + len(self.state):
                wanted = ", ".join(("the new parameter", *(f"the new {s}" for s in self.state)))
                raise ConfigError(
                    f"{type(self).__name__}.change must give {wanted}; it gave {len(new)} values"
                )
            return new

        return formula

    @staticmethod
    def decayed(p: Any, g: Any, *, weight_decay: Any, **settings: Any) -> tuple[Any, Any]:
        """The parameter and its derivative, with what weight decay adds before `change`."""
        return p, g + weight_decay * p

    def clipped(self, grads: Sequence[Any], **limits: Any) -> list[Any]:
        """Clip the derivatives of all parameters, to the limits of now or those given."""
        return clipped(grads, **(limits or self.limits()))

    def clips_apart(self) -> bool:
        """Whether `clipped` is another than ours, to which several derivatives may be as one."""
        return type(self).clipped is not Optimizer.clipped

    def limits(self) -> dict[str, float]:
        """What `clipped` clips to now: `clip_value`, `clip_norm`, both or neither."""
        both = {"clip_value": self.clip_value, "clip_norm": self.clip_norm}
        return {name: limit for name, limit in both.items() if limit is not None}

    def is_steady(self) -> bool:
        """Whether `settings` and `limits` give the same in every step until `changes` counts on."""
        named = (vars(self).get(n) for n in (*self.hyperparameters, "weight_decay"))
        own = type(self).settings, type(self).limits
        usual = Optimizer.settings, Optimizer.limits
        return own == usual and not self.groups and all(type(value) is float for value in named)

    def structure(self) -> Hashable:
        """What decides the operations of an update, without the numbers in it."""
        groups = self.groups.items()
        decays = [(p, "weight_decay" in s, s.get("weight_decay") == 0) for p, s in groups]
        return (*self.limits(), self.decay, self.weight_decay == 0, *decays)

    # The state

    def reset(self) -> None:
        """Forget the state and count the steps anew, as for other parameters."""
        self.arrays, self.step_count, self._moved = {}, 0, Moved()

    def prepare(self, params: Mapping[str, Any]) -> None:
        """Make the state of these parameters, zero, if there is none yet.

        Errors: `ConfigError` if the state belongs to other parameters, or `eps` is 0 in their
        dtype.
        """
        self.arrays = self._fitting(params)
        for group in self.partition(params):
            settings = self.settings(group, self.step_count + 1)
            for name in group.names:
                check_eps(type(self).__name__, settings, name, params[name])
        self._moved.go_with(params)

    def load(self, arrays: Mapping[str, np.ndarray], step: int) -> None:
        """Take up a state as `arrays` and `step_count` gave it. The arrays are copied.

        Errors: `ConfigError` names what is not the state of such an optimiser, or not that of the
        same parameters as the state that is there; nothing was changed then.
        """
        kind = type(self).__name__
        if isinstance(step, bool) or not isinstance(step, int | np.integer) or step < 0:
            raise ConfigError(f"{kind}: the steps taken must be a whole number, got {step!r}")
        found = loaded(kind, self.state, self.arrays, arrays)
        if self.state and step and not found:
            raise ConfigError(f"{kind}: there is no state to load, but {step} steps were taken")
        for key, array in found.items():
            self.arrays.setdefault(key, array)[...] = array
        self.step_count, self._moved = int(step), Moved()

    def __repr__(self) -> str:
        usual: dict[str, Any] = {"weight_decay": self.usual_decay, "groups": {}}
        for kind in (type(self), Optimizer):
            for name, parameter in inspect.signature(kind).parameters.items():
                usual.setdefault(name, parameter.default)
        names = (*self.hyperparameters, *Common.__annotations__)
        told = [n for n in names if n == "lr" or getattr(self, n) != usual.get(n)]
        return f"{type(self).__name__}({', '.join(f'{n}={getattr(self, n)!r}' for n in told)})"

    def _repr_html_(self) -> str:
        names = (*self.hyperparameters, *Common.__annotations__)
        return f"{settings_table(self, names)}<pre>{escape(rule(self))}</pre>"

    def _fitting(self, params: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The state, zero where there is none, if it is that of these parameters."""
        kind, groups = type(self).__name__, self.groups.values()
        if self.step_count and self._moved.are_others(params):
            settings = [getattr(self, name) for name in (*self.hyperparameters, "weight_decay")]
            settings += [value for group in groups for value in group.values()]
            if self.state or any(map(callable, settings)):
                raise ConfigError(
                    f"{kind} has taken {self.step_count} steps with another network, whose state "
                    "and schedules would go on; use reset(), or another optimizer"
                )
        return fitting(kind, self.state, self.arrays, params)

    def _setting(self, name: str, patterns: Sequence[str]) -> Setting:
        """A hyperparameter of the parameters that fit these patterns of `groups`."""
        for pattern in reversed(patterns):
            if name in self.groups[pattern]:
                return self.groups[pattern][name]
        return getattr(self, name)

    def _decays(self, name: str, param: Any, patterns: Sequence[str]) -> bool:
        if self._setting("weight_decay", patterns) == 0:
            return False
        if isinstance(self.decay, str):
            return self.decay == "all" or np.ndim(param) >= 2
        return bool(matching(name, self.decay))

    def _check_known(self, where: str, names: Iterable[str], *others: str) -> None:
        known = (*self.hyperparameters, *others)
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"{type(self).__name__} has no {name}{where}; it has {', '.join(known)}"
                )
