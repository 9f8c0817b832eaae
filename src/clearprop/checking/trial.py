"""A layer at given values, to be run again and again on private copies."""

import copy
import inspect
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from clearprop.checking import arguments
from clearprop.checking.copies import private, random_state, same_draws
from clearprop.checking.findings import Finding, Found, Kind
from clearprop.graph.node import parts
from clearprop.graph.parameters import at_path, layers_of, names_of
from clearprop.graph.passing import Drawn, Pass, inline, on_arrays, running
from clearprop.networks.learning import rows_of

Values = Mapping[str, np.ndarray]


class LayerRaised(Exception):  # noqa: N818 - it carries the layer's own exception
    """A layer's `forward` or `backward` raised something."""

    def __init__(self, method: str, error: BaseException) -> None:
        super().__init__(method, error)
        self.method, self.error = method, error


@dataclass(frozen=True)
class Argument:
    """What a derivative is taken by: an input, at a place, or a parameter, in a slot."""

    name: str
    value: np.ndarray
    place: int | None = None
    slot: arguments.Slot | None = None


class Trial:
    """One layer with its inputs, all in private copies of one dtype.

    `arguments` are the inputs and parameters that are differentiated by, by name. Which they are
    is known only after `backward` has run once where the layer does not say it: see `resolve`.
    """

    def __init__(
        self, name: str, layer: Any, inputs: Sequence[Any], dtype: DTypeLike = np.float64
    ) -> None:
        self.name = name
        self.kind = type(layer).__name__
        self.dtype = np.dtype(dtype)
        self.layer = private(layer, dtype)
        # A function that is wrapped names its inputs itself.
        signed = getattr(layer, "signature", None) or getattr(layer, "forward", None)
        self.input_names = arguments.input_names(signed, len(inputs))
        self.declared_constants = arguments.constant_names(layer)
        self.draws = True
        """Whether a run may draw from the global random state, which is then put back."""
        self.notes: list[Finding] = []
        self.were_integers: dict[int, np.ndarray] = {}
        self.inputs = [self._input(i, x) for i, x in enumerate(inputs)]
        self.slots = arguments.declared_slots(self.layer)
        self.carried = [
            (path, name)
            for path, held in ([] if arguments.runs_alone(layer) else layers_of(self.layer))
            for name in names_of(held, "carried")
        ]
        self.noise: dict[Any, list[Drawn]] = {}
        """What was drawn, by the shapes of the inputs: the same in every run."""
        self.float_places = [
            i
            for i, x in enumerate(self.inputs)
            if isinstance(x, np.ndarray)
            and x.dtype.kind == "f"
            and self.input_names[i] not in (self.declared_constants or ())
        ]
        self.arguments: dict[str, Argument] = {}
        self.list_arguments()

    def _input(self, place: int, x: Any) -> Any:
        """Copy an input: floats in the trial's dtype, and integers too, unless they are labels."""
        name = self.input_names[place]
        if isinstance(x, bool | str | bytes | type(None)):
            return x
        if isinstance(x, np.ma.MaskedArray | np.matrix):
            remedy = "give a plain array, np.asarray(x) or x.filled(0)"
            message = f"{name} is a {type(x).__name__}; {remedy}"
            raise Found(self._finding(name, Kind.DTYPE, message))
        try:
            array = np.array(x)
        except (ValueError, TypeError):
            return x
        if array.dtype.kind == "c":
            message = f"{name} holds complex numbers; derivatives are taken by real numbers only"
            raise Found(self._finding(name, Kind.COMPLEX, message))
        if array.dtype.kind not in "fui":
            return private(x) if array.dtype.kind == "O" else array
        if array.dtype.kind in "ui":
            labels = self.declared_constants
            if name in labels if labels is not None else name in arguments.CONSTANT_NAMES:
                return array
            self.were_integers[place] = array
            if not isinstance(x, int):
                message = (
                    f"{name} is an array of integers ({array.dtype}); it was compared as float64, "
                    "since an integer has no small neighbours"
                )
                self.notes.append(self._finding(name, Kind.INTEGER, message, fault=False))
        return array.astype(self.dtype)

    def _finding(self, argument: str, kind: Kind, message: str, fault: bool = True) -> Finding:
        return Finding(layer=self.name, argument=argument, kind=kind, message=message, fault=fault)

    def keep_integers(self) -> bool:
        """Let integers be what they were: indices, say, for which `forward` wants them."""
        for place, array in self.were_integers.items():
            self.inputs[place] = array
        names = {self.input_names[place] for place in self.were_integers}
        self.notes = [n for n in self.notes if n.argument not in names]
        self.float_places = [i for i in self.float_places if i not in self.were_integers]
        self.list_arguments()
        return bool(names)

    def list_arguments(self) -> None:
        """Find what derivatives are taken by, as it is known now."""
        self.arguments = {
            self.input_names[i]: Argument(self.input_names[i], self.inputs[i], place=i)
            for i in self.float_places
        }
        for slot in self.slots:
            value = slot.get(self.layer)
            if isinstance(value, int | np.integer) or np.asarray(value).dtype.kind in "ui":
                message = (
                    f"{slot.name} is made of integers; an update of it by fractions would be cut "
                    "off or fail. It was compared as float64"
                )
                self.notes.append(self._finding(slot.name, Kind.INTEGER, message, fault=False))
                value = np.asarray(value).astype(self.dtype)
                slot.replace(self.layer, value)
            if np.asarray(value).dtype.kind == "f":
                name = slot.name if slot.name not in self.arguments else f"{slot.name} (parameter)"
                self.arguments[name] = Argument(name, np.array(value, self.dtype), slot=slot)

    def made_on_the_way(self, after: Any) -> bool:
        """Take over the declared parameters that only `forward` made; whether there are any."""
        late = [s for s in self.slots if s.get(self.layer) is None and s.get(after) is not None]
        for slot in late:
            slot.replace(self.layer, private(slot.get(after), self.dtype))
        self.list_arguments()
        return bool(late)

    def infer_parameters(self, after: Any) -> bool:
        """Find the parameters of a layer that declares none; whether there are any."""
        if self.slots or arguments.declares_parameters(self.layer):
            return False
        self.slots = arguments.inferred_slots(self.layer, after)
        self.list_arguments()
        return bool(self.slots)

    def resolve(self, n_found: int) -> bool:
        """Decide which inputs have a derivative, where `backward` returned so many.

        Labels and the like are passed under usual names; a layer that does not declare them may
        leave them out. Gives whether the number fits.
        """
        if n_found == len(self.float_places):
            return True
        if self.declared_constants is not None:
            return False
        named = {i for i in self.float_places if self.input_names[i] in arguments.CONSTANT_NAMES}
        for left_out in (named, {*named, *self.were_integers}):
            fewer = [i for i in self.float_places if i not in left_out]
            if n_found == len(fewer):
                self.float_places = fewer
                self.list_arguments()
                return True
        return False

    def copy(self) -> Any:
        """A fresh copy of the layer, as it was before anything was run."""
        return private(self.layer, self.dtype)

    def run(
        self, values: Values | None = None, layer: Any = None, inputs: Sequence[Any] | None = None
    ) -> "Run":
        """Run `forward` on a copy of the layer, with other values for some arguments.

        Each run starts from the same global random state, and from a generator of the layer in
        the same state, so that a layer which draws random numbers draws the same.
        """
        layer = self.copy() if layer is None else layer
        with same_draws() if self.draws else nullcontext():
            return Run(self, layer, values or {}, inputs)

    def call(self, layer: Any, inputs: Sequence[Any], formula: str = "forward", **more: Any) -> Any:
        """Run a copy of the layer on arrays or Variables, with the noise of these shapes.

        Layers inside it run as part of it.
        """
        try:
            if arguments.runs_alone(layer):
                return layer.forward(*inputs)
            return self._call(layer, inputs, formula, **more)
        except (Exception, SystemExit) as error:
            raise LayerRaised(formula, error) from error

    def _call(self, layer: Any, inputs: Sequence[Any], formula: str, **more: Any) -> Any:
        self.bound(layer, inputs, formula)
        shapes = tuple(map(np.shape, inputs))
        more = {"record": inline, **more}
        if formula == "infer":
            passing = Pass(formula, **more)
        elif shapes in self.noise:
            passing = Pass(again=iter(self.noise[shapes]), **more)
        else:
            passing = Pass(outer=Pass(rng=np.random.default_rng(0)), **more)
        with running(passing):
            out = on_arrays(layer, tuple(inputs), passing)
        if formula == "forward":
            self.noise.setdefault(shapes, passing.drawn)
        return out

    def bound(self, layer: Any, inputs: Sequence[Any], formula: str = "forward") -> Any:
        """Give a copy of the layer the carried state for these inputs: a row for each sample."""
        for path, name in self.carried:
            value = getattr(at_path(self.layer, path), name)
            if formula == "infer" and value is not None:
                value = np.zeros_like(value)
            setattr(at_path(layer, path), name, _with_rows(value, rows_of(tuple(inputs))))
        return layer

    def batch(self, start: int, stop: int | None) -> list[Any] | None:
        """Some samples of the batch; `None` if the inputs do not share a first axis to cut."""
        arrays = [x for x in self.inputs if isinstance(x, np.ndarray)]
        if not arrays or arrays[0].ndim < 2 or arrays[0].shape[0] < 2:
            return None
        n = arrays[0].shape[0]
        if any(x.ndim and x.shape[0] != n for x in arrays):
            return None
        return [x[start:stop] if isinstance(x, np.ndarray) and x.ndim else x for x in self.inputs]

    def variant(self, inputs: Sequence[Any], dtype: DTypeLike = np.float64) -> "Trial":
        """The same layer on other inputs, or in another dtype."""
        twin = copy.copy(self)
        twin.inputs = private(list(inputs), dtype)
        twin.layer, twin.dtype = private(self.layer, dtype), np.dtype(dtype)
        twin.notes, twin.noise = [], {}
        twin.list_arguments()
        return twin


class Run:
    """One forward pass of a copy of the layer, and the backward passes that follow."""

    def __init__(
        self, trial: Trial, layer: Any, values: Values, inputs: Sequence[Any] | None
    ) -> None:
        self.trial, self.layer = trial, layer
        self.inputs = [
            x.copy() if isinstance(x, np.ndarray) else x
            for x in (trial.inputs if inputs is None else inputs)
        ]
        for name, value in values.items():
            argument = trial.arguments[name]
            if argument.slot:
                argument.slot.put(layer, _number(value.copy()))
            elif argument.place is not None:
                self.inputs[argument.place] = value.copy()
        self.raw = trial.call(layer, [*map(_number, self.inputs)])
        self.outputs = [np.asarray(part) for part in parts(self.raw)]
        """The arrays that forward handed out, not copies of them."""
        self.state = random_state() if trial.draws else None

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
            found.append(_number(part.astype(dtype)))
            start += out.size
        return found

    def backward(self, douts: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Run `backward`: what it returned, and what it set for the parameters, as it is."""
        # It goes on where forward stopped drawing.
        with same_draws(self.state) if self.state else nullcontext():
            backward = self.layer.backward
            several = len(douts) == 1 or takes(backward, len(douts))
            try:
                found = backward(*douts) if several else backward(tuple(douts))
            except (Exception, SystemExit) as error:
                raise LayerRaised("backward", error) from error
        return parts(found), {
            name: argument.slot.derivative(self.layer)
            for name, argument in self.trial.arguments.items()
            if argument.slot
        }

    def derivatives(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """Run `backward` and give the derivative of every argument, copied, by name.

        For runs after the first, which has shown that they are there: what cannot be read as
        numbers comes as NaN.
        """
        return {n: numbers(d) for n, d in self.sorted(*self.backward(self.douts(vector))).items()}

    def sorted(self, given: Sequence[Any], set_for: Mapping[str, Any]) -> dict[str, Any]:
        """Sort what `backward` returned and set by the argument that it belongs to, as it is."""
        trial = self.trial
        each = len(given) == len(trial.inputs)
        returned = dict(zip(range(len(given)) if each else trial.float_places, given, strict=False))
        return {
            name: set_for.get(name) if a.place is None else returned.get(a.place)
            for name, a in trial.arguments.items()
        }


def _with_rows(value: Any, rows: int | None) -> Any:
    """State with a row for each sample, for so many samples."""
    if rows is None or np.ndim(value) < 2 or len(value) == rows:
        return value
    if len(value) > rows:
        return value[:rows].copy()
    return value if np.any(value) else np.zeros((rows, *value.shape[1:]), value.dtype)


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


def _number(x: Any) -> Any:
    """A NumPy number for an array without axes, as a formula on numbers expects."""
    return x[()] if isinstance(x, np.ndarray) and not x.ndim else x


def takes(function: Any, n: int) -> bool:
    """Whether a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(n))
    except (TypeError, ValueError):
        return False
    return True
