"""What a network is beside its formulas: layers put together, and how they are run."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from types import FunctionType, MethodType
from typing import Any, ClassVar, Self

import numpy as np

from clearprop.errors import ConfigError, UnsupportedError
from clearprop.graph.agreement import ASKS, disagrees
from clearprop.graph.away import come_home
from clearprop.graph.display import table
from clearprop.graph.initialised import missing
from clearprop.graph.node import Recorded
from clearprop.graph.parameters import Path, inner_layers, is_layer, names_of
from clearprop.graph.passing import Pass, running
from clearprop.graph.randomness import generators_in, undrawn, with_own_generators
from clearprop.layers import Layer, SoftmaxWithLoss
from clearprop.layers.initialisation import generator
from clearprop.layers.stand_in import KEPT
from clearprop.networks.assembly import check_layer, named_layers, one_object_a_place
from clearprop.networks.audit import Hanging, depending, exchange, goes_otherwise, left_out
from clearprop.networks.learning import Learning, rows_of
from clearprop.networks.members import Members, is_function, taken, undeclared
from clearprop.networks.outermost import OUTERMOST, check_list
from clearprop.networks.own_gradients import differentiate_anew
from clearprop.networks.parameters import Parameters
from clearprop.networks.turns import Turn
from clearprop.networks.walk import Walk, by_name, copied, record_parameters
from clearprop.primitives.masked import refuse_masked


class Assembled(Layer):
    """Layers put together: their names and parameters, a loss at the end, a generator for noise."""

    own_params: ClassVar[tuple[str, ...]] = ()
    """The arrays of a network itself, beside its layers': what a subclass names in `params`."""

    rng: "np.random.Generator"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not isinstance(vars(cls).get("params", cls), type | property):
            cls.own_params = cls.params  # type: ignore[assignment]
            type.__delattr__(cls, "params")  # so that the property is seen again
        for name, value in vars(cls).items():
            if name not in _MEANINGS and not hasattr(value, "__get__"):
                cls._check_name(name, value)
        for name, wrapped in OUTERMOST.items():
            if name in vars(cls):
                setattr(cls, name, wrapped(vars(cls)[name]))
        differentiate_anew(cls)

    def __init__(
        self,
        layers: Mapping[str, Any] | Iterable[Any] | None = None,
        loss: Any = None,
        *,
        rng: "np.random.Generator | None" = None,
    ) -> None:
        if layers is None and self.is_chain():
            layers = ()
        self.layers: OrderedDict[str, Any] = OrderedDict()
        if layers is not None:
            named = layers.items() if isinstance(layers, Mapping) else named_layers(layers)
            self.layers.update(one_object_a_place(named, chain=self.is_chain()))
        usual = SoftmaxWithLoss() if self.asks_loss_layer() else ()
        self.lastLayer: Any = usual if loss is None else loss
        for layer in self.losses:
            check_layer("lastLayer", layer, inputs=("x", "t"))
        self.rng = np.random.default_rng(0) if rng is None else generator(rng)
        self.frozen: set[str] = set()
        if layers is not None and not self.own_params:
            self._members = Members(self)  # what is wrong with them is said now

    def __getattr__(self, name: str) -> Any:
        if name in names_of(self, "noise"):
            kind = type(self).__name__
            raise AttributeError(
                f"{kind} draws {name} where it is called, and was not called yet; call it first, "
                f"as in y = self(x), or let a layer that {kind} holds draw it, and call that"
            )
        return missing(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; layers that come anew are found, those in use are not exchanged.

        Errors: `ConfigError` for a name that has a meaning already.
        """
        if name in _MEANINGS or getattr(type(self), name, None) is not None:
            self._check_name(name, value)
        holds = isinstance(value, Mapping | list | tuple | np.ndarray) or is_layer(value)
        if holds:
            come_home(self, name)
        known = name in self.__dict__ or name == KEPT or name[1:] in self.own_params
        if holds and not known:
            self.__dict__.pop("_members", None)
        object.__setattr__(self, name, value)

    @classmethod
    def _check_name(cls, name: str, value: Any) -> None:
        """Refuse what does not fit the name that it is given. Errors: `ConfigError`."""
        if name in _MEANINGS:
            kind, told = _MEANINGS[name]
            if not isinstance(value, kind()):
                raise ConfigError(
                    f"'{name}' of a {cls.__name__} is {told}, and {value!r} is none; call it "
                    f"otherwise, for instance self.own_{name}"
                )
            return
        ours = next(c for c in cls.__mro__ if c.__module__.partition(".")[0] == "clearprop")
        meant = getattr(ours, name, None)
        if isinstance(meant, property) and getattr(cls, name) is meant and meant.fset is None:
            raise taken(name, cls.__name__, value, "property")
        if isinstance(meant, FunctionType | MethodType) and not is_function(value):
            raise taken(name, cls.__name__, value)

    @property
    def members(self) -> Members:
        """What the network keeps about its layers, found at the first use."""
        found = self.__dict__.get("_members")
        if found is None or found.network is not self:
            found = self.__dict__["_members"] = Members(self)
        return found

    @property
    def params(self) -> Parameters:  # type: ignore[override]
        """All parameters by name, live: what the mapping holds is what the layers hold."""
        return self.members.params

    @property
    def states(self) -> Parameters:
        """The state of the layers by name, such as `BatchNormalization1.running_mean`."""
        return self.members.states

    @property
    def losses(self) -> tuple[Any, ...]:
        """The loss layers: one, or one for each output; none beside a `loss` without any."""
        last = self.lastLayer
        return tuple(last) if isinstance(last, list | tuple) else (last,)

    def name_at(self, path: Path) -> str:
        """The name of the parameter that a path of attributes and keys leads to."""
        return (self.__dict__.get("_members") or self.members).name_at(path)  # also a copy's

    def _shown(self) -> dict[str, str]:
        """The layers, and the loss, by name."""
        shown = {
            ".".join(map(str, path[path[0] == "layers" :])): repr(layer)
            for path, layer in inner_layers(self)
            if path[0] != "lastLayer"
        }
        return shown | {"loss": ", ".join(map(repr, self.losses)) or "of its own"}

    def __repr__(self) -> str:
        lines = (f"  {name}: {layer}" for name, layer in self._shown().items())
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])

    def _repr_html_(self) -> str:
        return table([type(self).__name__, "layer"], self._shown().items())

    def asks_loss_layer(self) -> bool:
        """Whether the loss is that of a loss layer."""
        return True

    def is_chain(self) -> bool:
        """Whether the layers run one after the other, by no `forward` of its own."""
        return False

    def goes_straight(self, x: Any) -> bool:
        """Whether the derivatives for such an input come from each `backward` alone, and no
        graph."""
        return False

    def only_calls(self, method: str) -> bool:
        """Whether a method does nothing but call the network, and its loss layers.

        Where it is given Variables each call becomes a node, which has a copy of its own.
        """
        return False

    @property
    def learning(self) -> Learning:
        """What the network remembers of its last step."""
        found = self.__dict__.get("_learning")
        if found is None:
            found = self.__dict__["_learning"] = Learning()
        return found

    def walk(self, formula: str, x: Any) -> Walk:
        """A walk through copies of the layers that looks, and changes nothing; see `Walk`."""
        check_list(self, x)
        self.members.check()
        twin, copies = self.looking_copy(formula, x)
        return Walk(self, twin, copies, self.looking_pass(formula))

    def audit(self, x: Any, t: Any, anew: bool = False) -> None:
        """Before the first step: refuse float arrays that nobody declared. Errors: `ConfigError`.

        Each layer is looked at where it runs, since what it gives may not reach the loss yet; then
        the loss, which may read arrays of the network itself, and of any layer.
        """
        if anew or self.__dict__.get("_audited") is not self.members:
            layers = self.members.layers
            if any(True for layer in layers.values() for _ in undeclared(layer)):
                twin, copies = copied(self)
                with undrawn(generators_in(layers.values())):
                    Walk(self, twin, copies, self.looking_pass("forward"), audited=True).loss(x, t)
                for layer, path, array in self.depending("forward", x, lambda net: net.loss(x, t)):
                    of = f"{self.members.names[id(layer)]}: " if layer is not self else ""
                    raise left_out(f"{of}the loss of {type(self).__name__}", path, array)
            if not self.goes_straight(x):
                self._compare(x, t)
            self.__dict__["_audited"] = self.members

    def _compare(self, x: Any, t: Any) -> None:
        """Refuse a loss that is another for arrays than on the graph: `UnsupportedError`."""
        twin, copies = self.looking_copy("forward", x)
        with undrawn(generators_in(self.members.layers.values())):
            walk = Walk(self, twin, copies, self.looking_pass("forward"))
            recorded = walk.loss(x, t)
        if disagrees(recorded, lambda: self.computed("forward", x, lambda net: net.loss(x, t))):
            where = next(
                (
                    f" ({use.name} is the first layer that differs)"
                    for use in walk.uses
                    if not use.opened and goes_otherwise(use.layer, use.inputs, use.outputs)
                ),
                "",
            )
            raise UnsupportedError(
                f"the loss of {type(self).__name__} is another for arrays than on the graph that "
                f"its derivatives come from{where}: {ASKS}"
            )

    def computed(
        self,
        formula: str,
        x: Any,
        compute: Callable[[Any], Any],
        changed: Iterable[Hanging] = (),
    ) -> Any:
        """What is computed with a copy, as looking sees it, in which some arrays are others."""
        twin, copies = self.looking_copy(formula, x)
        exchange(changed, copies)
        with_own_generators(copies.values())
        with undrawn(), running(self.looking_pass(formula)):
            return compute(twin)

    def depending(self, formula: str, x: Any, compute: Callable[[Any], Any]) -> Iterator[Hanging]:
        """The undeclared float arrays on which depends what is computed with a copy."""
        layers = self.members.layers.values()
        hanging = [(layer, *found) for layer in layers for found in undeclared(layer)]
        yield from depending(hanging, lambda changed: self.computed(formula, x, compute, changed))

    @contextmanager
    def learn(self, x: Any) -> Iterator[None]:
        """A step of learning; if it fails, state and generator are as they were."""
        refuse_masked(x, f"{type(self).__name__}: x")
        members, rng = self.members, self.rng
        with Turn(members.names.keys()):
            self.learning.begin(members, rng, rows_of(x))
            ran: list[tuple[str, Any]] = []
            self.learning.ran = ran
            passing = Pass("forward", rng, ran=[], plain=True)
            try:
                with running(passing):
                    yield
                ran += by_name(members, passing.ran or ())
                self.learning.leave(members, ran)
            except BaseException:
                self.learning.undo(members, rng)
                raise
            finally:
                self.learning.ran = []

    @contextmanager
    def look(
        self, formula: str, x: Any, *others: Any, views: bool = False, by: str = ""
    ) -> Iterator[Self]:
        """A look at the network, on copies of its layers; `by` is the method that looks."""
        refuse_masked(x, f"{type(self).__name__}: x")
        self.members.check()
        inputs = x if isinstance(x, tuple) else (x,)
        recorded, passing = _any_recorded(inputs), self.looking_pass(formula)
        if recorded and self.only_calls(by) and not self.members.stateful:
            passing.views = views
            with running(passing):
                yield self
            return
        twin, copies = self.looking_copy(formula, x, views)
        if recorded or _any_recorded(others):
            record_parameters(self, copies)
        with running(passing):
            yield twin

    def looking_copy(self, formula: str, x: Any, views: bool = False) -> tuple[Any, dict[int, Any]]:
        """A copy of the network with the state that looking sees, and what has become of what."""
        twin, copies = copied(self, views)
        self.learning.show(self.members, copies, formula, rows_of(x))
        return twin, copies

    def looking_pass(self, formula: str) -> Pass:
        """A pass that draws the noise of the last step again."""
        rng = self.learning.generator(self.rng) if self.members.noisy else None
        return Pass(formula, rng, plain=True)

    @property
    def trained(self) -> list[str]:
        """The names of the parameters that are not frozen."""
        return [name for name in self.params if name not in self.frozen]

    def freeze(self, *patterns: str) -> None:
        """Leave parameters out of gradients and training, by name or pattern: `W1`, `block.*`.

        Errors: `ConfigError` for a pattern that fits no parameter.
        """
        self.frozen |= self._matching(patterns)

    def unfreeze(self, *patterns: str) -> None:
        """Train parameters again that were frozen; all of them without a pattern."""
        self.frozen -= self._matching(patterns or ("*",))

    def _matching(self, patterns: Iterable[str]) -> set[str]:
        from fnmatch import fnmatchcase  # which few need, and everybody would load

        found: set[str] = set()
        for pattern in patterns:
            names = {name for name in self.params if fnmatchcase(name, pattern)}
            if not names:
                raise ConfigError(
                    f"no parameter is called {pattern!r}; there are: {', '.join(self.params)}"
                )
            found |= names
        return found


_MEANINGS: dict[str, tuple[Callable[[], type], str]] = {
    "layers": (lambda: Mapping, "a mapping of its layers by name"),
    "rng": (lambda: np.random.Generator, "the generator of its noise"),
    "frozen": (lambda: Set, "the set of the names of its frozen parameters"),
}
"""What a network holds under these names; generators take long to load, and are asked for late."""


def _any_recorded(values: Iterable[Any]) -> bool:
    return any(isinstance(x, Recorded) for x in values)
