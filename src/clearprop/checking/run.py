"""One forward pass of a copy of a layer, and the backward passes that follow."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import is_dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from clearprop.checking.arguments import by_the_house
from clearprop.checking.copies import random_state, same_draws
from clearprop.checking.interface import is_count, is_number
from clearprop.checking.nests import get_at, hanging, leaves
from clearprop.checking.pairing import Place
from clearprop.graph.parameters import Path

Values = Mapping[str, np.ndarray]


class LayerRaised(Exception):  # noqa: N818 - it carries the layer's own exception
    """A layer's `forward` or `backward` raised something."""

    def __init__(self, method: str, error: BaseException) -> None:
        super().__init__(method, error)
        self.method, self.error = method, error


class Run:
    """One forward pass of a copy of the layer of a trial, and the backward passes that follow."""

    def __init__(
        self, trial: Any, layer: Any, values: Values, inputs: Sequence[Any] | None
    ) -> None:
        self.trial, self.layer, self.values = trial, layer, values
        self.inputs = [
            x.copy() if isinstance(x, np.ndarray) else x
            for x in (trial.inputs if inputs is None else inputs)
        ]
        for name, value in values.items():
            argument = trial.arguments[name]
            if argument.slot:
                argument.slot.put(layer, number(value.copy()))
            elif argument.place is not None:
                self.inputs[argument.place] = value.copy()
        self.raw = trial.call(layer, [*map(number, self.inputs)])
        given, self.cache = split(self.raw, trial.calling)
        self.given: Sequence[Any] = ()
        """The derivatives from upstream that `backward` was last run for."""
        self.before: dict[Path, Any] = {}
        """The derivatives on the layer before a `backward` that adds to them."""
        self.outputs = [np.asarray(part) for part in given]
        """The arrays that forward handed out, not copies of them."""
        self.state = random_state() if trial.draws else None
        self.returned: dict[Place, Any] = {}
        """What `backward` returned last, part by part, and put in a mapping that it was given."""
        self.steps: dict[str, np.ndarray] = {}
        """By how much `backward` changed parameters itself, in units of its learning rate."""

    @property
    def vector(self) -> np.ndarray:
        """All outputs, one after the other."""
        return flat(self.outputs)

    def douts(self, vector: np.ndarray) -> list[Any]:
        """Cut a vector of derivatives into the shapes of the outputs."""
        found, start = [], 0
        for out in self.outputs:
            part = vector[start : start + out.size].reshape(out.shape)
            dtype = out.dtype if out.dtype.kind == "f" else self.trial.dtype
            found.append(number(part.astype(dtype)))
            start += out.size
        return found

    def backward(self, douts: Sequence[Any]) -> Any:
        """Run `backward`, and put back the parameters that it updates; what it returned."""
        trial, how, self.given = self.trial, self.trial.calling, douts
        if trial.accumulates:
            held = hanging(self.layer).items()
            self.before = {p: np.array(value) for p, value in held if p not in trial.assigned}
        store = Sums()
        inputs = trial.nested(self.inputs)
        placed, named = how.arguments(douts, inputs, self.cache, self.raw, store, self.layer)
        # It goes on where forward stopped drawing.
        with same_draws(self.state) if self.state else nullcontext():
            try:
                back = self.cache if how.gives_both or how.pulls else self.layer.backward
                found = by_names(back if how.gives_both else back(*placed, **named))
                found = unstacked(found, trial)
                if not how.takes_dout and len(douts) > 1:
                    raise TypeError("backward does not take dout; write def backward(self, *douts)")
            except (Exception, SystemExit) as error:
                raise LayerRaised("backward", error) from error
        self.returned = {Place("returned", path): value for path, value in leaves(found)}
        self.returned |= {Place("filled", path): value for path, value in leaves(store)}
        self.steps = {}
        if trial.updates:
            self.put_back()
        return found

    def put_back(self) -> None:
        for name, argument in self.trial.arguments.items():
            before = self.values.get(name, argument.value)
            after = argument.slot and argument.slot.get(self.layer)
            if after is not None and np.shape(after) == before.shape:
                self.steps[name] = (before - after) / self.trial.updates
                argument.slot.put(self.layer, before.copy())

    def derivatives(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """Run `backward` and give the derivative of every argument, copied, by name.

        For runs after the first, which has shown that they are there: what cannot be read as
        numbers comes as NaN.
        """
        self.backward(self.douts(vector))
        return {name: numbers(self.derivative(name)) for name in self.trial.arguments}

    def derivative(self, name: str) -> Any:
        """The derivative by an argument as it is, from where it was found to be; or `None`."""
        found = [self._at(place, name) for place in self.trial.places.get(name, ())]
        if not found or any(d is None for d in found):
            return None
        whole = sum(found[1:], start=found[0]) if found[1:] else found[0]
        if self.trial.calling.takes_dout:
            return self._in_shape(name, whole)
        try:
            x = self.trial.arguments[name].value
            return _times(self._in_shape(name, whole), self.given[0], x, self.trial.of_mean)
        except TypeError as error:
            raise LayerRaised("backward", error) from error

    def _in_shape(self, name: str, d: Any) -> Any:
        """The derivative by an argument, in the form of the values.

        One of shape (1, …) may lack the axes of one element: NumPy adds them where it is
        subtracted. Not so in layers of the house, and by the first input, which is handed on.
        """
        argument = self.trial.arguments[name]
        if (turned := self.trial.calling.turned) and not argument.slot:
            row = turned == "rows" and np.shape(d) == (1, *argument.value.shape)
            return np.asarray(d)[0] if row else np.transpose(d) if turned == "transposed" else d
        shape, lacks = argument.value.shape, argument.value.ndim - np.ndim(d)
        fits = lacks > 0 and argument.place != 0 and shape == (1,) * lacks + np.shape(d)
        if not fits or by_the_house(self.trial.layer):
            return d
        self.trial.narrower[name] = np.shape(d)
        return np.reshape(d, shape)

    def _at(self, place: Place, name: str) -> Any:
        if place.kind in ("returned", "filled"):
            return self.returned.get(place)
        if place.kind == "update":
            return self.steps.get(name)
        found = get_at(self.layer, place.path)
        return found - self.before[place.path] if place.path in self.before else found


class Sums(dict[Any, Any]):
    """A mapping that derivatives are put in, or added to what is not there yet."""

    def __missing__(self, key: Any) -> float:
        return 0.0


def by_names(record: Any) -> Any:
    """The entries of a record that is no tuple, such as a dataclass, as a mapping."""
    named = is_dataclass(record) or isinstance(record, SimpleNamespace)
    return dict(vars(record)) if named and hasattr(record, "__dict__") else record


def unstacked(found: Any, trial: Any) -> Any:
    """The derivatives of inputs of one shape, which were added up or made as one array."""
    shapes = {trial.inputs[i].shape for i in trial.float_places}
    due = [(len(trial.float_places), *shape) for shape in shapes]
    stacked = isinstance(found, np.ndarray) and len(trial.float_places) > 1
    return [*found] if stacked and [found.shape] == due else found


def split(raw: Any, how: Any) -> tuple[list[Any], Any]:
    """What `forward` gives, as its outputs and what it keeps for `backward` to be given back."""
    if how.nested:
        return [leaf for _, leaf in leaves(raw)], None
    if not isinstance(raw, list | tuple):
        return [raw], None
    if how.gives_both:
        loss, rest = (raw[-1], raw[:-1]) if how.loss_last else (raw[0], raw[1:])
        return [loss], rest[0] if len(rest) == 1 else rest
    if how.first_only:
        return [raw[0]], raw[1:]
    if how.takes_cache and len(raw) > 1:
        return [leaf for _, leaf in leaves(raw[:-1])], raw[-1]
    cache = None
    if len(raw) > 1 and not how.any_number:
        whole = [
            isinstance(entry, list | tuple | dict)
            or not is_number(entry)
            or is_count(entry, raw[0])
            for entry in raw
        ]
        if whole[-1] and not whole[0]:
            raw, cache = raw[: whole.index(True)], raw[-1]
    return [leaf for _, leaf in leaves(raw)], cache


def _times(d: Any, dout: Any, x: Any, of_mean: bool) -> Any:
    """The derivative, where `backward` gives slopes or those of a single number.

    That number may also be the sum, or the mean, of losses of which forward gives one a sample.
    """
    d, dout = np.asarray(d), np.asarray(dout)
    dout = dout if dout.size > 1 else dout.reshape(())
    if not dout.ndim or d.shape == dout.shape == np.shape(x):
        return dout * d
    if d.shape == dout.shape + np.shape(x):  # a Jacobian matrix
        return np.tensordot(dout, d, dout.ndim)
    if dout.ndim == 1 < d.ndim and d.shape == np.shape(x) and len(d) == len(dout):
        return (len(dout) if of_mean else 1) * dout.reshape(-1, *[1] * (d.ndim - 1)) * d
    raise TypeError(
        f"backward does not take dout, and gives the shape {d.shape}: for an output of shape "
        f"{dout.shape} that is no gradient, which belongs to a function that gives one number, "
        "and no slope of each element; write def backward(self, dout)"
    )


def numbers(value: Any) -> np.ndarray:
    """A copy of an array, in its dtype; NaN for what is not made of real numbers."""
    try:
        array = np.array(value)
    except (ValueError, TypeError):
        array = np.array(None)
    return array if array.dtype.kind in "fuib" else np.array(np.nan)


def flat(arrays: Iterable[Any]) -> np.ndarray:
    """Several arrays as one vector of float64."""
    vectors = [np.ravel(np.asarray(a)) for a in arrays]
    return np.concatenate(vectors).astype(np.float64) if vectors else np.zeros(0)


def number(x: Any) -> Any:
    """A NumPy number for an array without axes, as a formula on numbers expects."""
    return x[()] if isinstance(x, np.ndarray) and not x.ndim else x


def takes(function: Any, n: int) -> bool:
    """Whether a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(n))
    except (TypeError, ValueError):
        return False
    return True
