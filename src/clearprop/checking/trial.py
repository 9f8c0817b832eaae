"""A layer at given values, to be run again and again on private copies."""

import copy
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from clearprop.checking import arguments
from clearprop.checking.copies import private, same_draws
from clearprop.checking.findings import Finding, Found, Kind
from clearprop.checking.interface import (
    KEPT,
    Calling,
    calling,
    cleared,
    is_cleared,
    is_number,
)
from clearprop.checking.nests import filled, is_nest, leaves, shape_of
from clearprop.checking.pairing import Place
from clearprop.checking.run import LayerRaised, Run, Values, number, split
from clearprop.graph.parameters import Path, at_path, gives_backward, layers_of, names_of
from clearprop.graph.passing import Drawn, Pass, inline, on_arrays, running
from clearprop.layers import Layer
from clearprop.networks.learning import rows_of

_ROWS = np.ndarray | list | tuple


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
        names = arguments.input_names(signed, len(inputs))
        self.form, inputs = inputs, [leaf for x in inputs for _, leaf in _leaves(x)]
        """The inputs as they were given; here, those in lists and mappings stand one by one."""
        self.input_names = [
            name + "".join(f"[{key}]" for key in path)
            for name, x in zip(names, self.form, strict=True)
            for path, _ in _leaves(x)
        ]
        ways = [path for x in self.form for path, _ in _leaves(x)]
        self.in_mappings = {i: way for i, way in enumerate(ways) if any(map(_is_key, way))}
        """The inputs that stand in mappings, with the ways to them, by their keys."""
        self.calling = Calling()
        if gives_backward(self.layer):
            slope = getattr(self.layer, "gives_slope", False)
            self.calling = calling(self.layer.backward, names, slope)
        self.places: dict[str, tuple[Place, ...]] = {}
        """Where the derivative by each argument was found, once `backward` has run."""
        self.searched = False
        """Whether the arrays that it does not declare have been looked for."""
        self.accumulates = is_cleared(self.layer) and not isinstance(layer, Layer)
        """Whether `backward` may add to derivatives that something else sets to 0."""
        self.assigned: set[Path] = set()
        """The derivatives among them that it does not add to."""
        self.of_mean = False
        """Whether forward gives a loss a sample, and `backward` the derivative of their mean."""
        self.narrower: dict[str, tuple[int, ...]] = {}
        """The shapes of derivatives that lack leading axes of one element."""
        self.left_in = ""
        """Where a forward that returns nothing leaves its result, unless that says so itself."""
        self.updates = 0.0
        """The learning rate by which `backward` updates the parameters itself."""
        self.declared_constants = arguments.constant_names(layer)
        self.writes = False
        """Whether forward writes into arrays, so that it opens on handles only."""
        self.draws = True
        """Whether a run may draw from the global random state, which is then put back."""
        self.notes: list[Finding] = []
        self.were_integers: dict[int, Any] = {}
        """The inputs that were made floats, as they were given."""
        self.were_lists: dict[int, Any] = {}
        """The lists of floats, as they were given."""
        self.from_integers = False
        """Whether integers are data that forward computes with, and not labels or indices."""
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
            return private(x) if array.dtype.kind == "O" or isinstance(x, list | tuple) else array
        if array.dtype.kind in "ui":
            labels, given = self.declared_constants, private(x) if np.ndim(x) else array
            if name in labels if labels is not None else name in arguments.CONSTANT_NAMES:
                return given
            self.were_integers[place] = given
            if not isinstance(x, int):
                message = (
                    f"{name} is an array of integers ({array.dtype}); it was compared as float64, "
                    "since an integer has no small neighbours"
                )
                self.notes.append(self._finding(name, Kind.INTEGER, message, fault=False))
        elif isinstance(x, list | tuple):
            self.were_lists[place] = private(x)
        return array.astype(self.dtype)

    def _finding(self, argument: str, kind: Kind, message: str, fault: bool = True) -> Finding:
        return Finding(layer=self.name, argument=argument, kind=kind, message=message, fault=fault)

    def keep_integers(self) -> bool:
        """Let integers be what they were: indices, say, for which `forward` wants them."""
        return self.without_derivative(self.were_integers)

    def keep_lists(self) -> bool:
        """Let lists be what they were: records, say, with indices and numbers in them."""
        self.inputs = [self.were_lists.get(i, x) for i, x in enumerate(self.inputs)]
        return self.without_derivative(self.were_lists)

    def without_derivative(self, places: Iterable[int]) -> bool:
        """Take some inputs for constants, and integers among them for what they were."""
        names = {self.input_names[place] for place in places}
        self.inputs = [
            self.were_integers.get(i, x) if self.input_names[i] in names else x
            for i, x in enumerate(self.inputs)
        ]
        self.notes = [n for n in self.notes if n.argument not in names]
        self.float_places = [i for i in self.float_places if self.input_names[i] not in names]
        self.list_arguments()
        return bool(names)

    def arrays_of_lists(self) -> bool:
        """Let lists of integers be arrays, for a `forward` that wants them so."""
        lists = [i for i, x in enumerate(self.inputs) if isinstance(x, list | tuple)]
        lists = [i for i in lists if is_number(self.inputs[i])]
        for i in lists:
            self.inputs[i] = np.array(self.inputs[i])
        return bool(lists)

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

    def resolve(self, shapes: Sequence[Any], exactly: bool) -> bool:
        """Decide which inputs have a derivative, where `backward` returned some of these shapes.

        Labels and the like are passed under usual names; a layer that does not declare them may
        leave them out. Gives whether the number fits, and the shapes, if `exactly`.
        """
        if len(shapes) == len(self.float_places):
            return True
        if self.declared_constants is not None:
            return False
        names = self.input_names
        named = {i for i in self.float_places if names[i] in arguments.CONSTANT_NAMES}
        whole, mapped = {*named, *self.were_integers}, set(self.in_mappings)
        truth = {i for i in self.float_places if names[i] in arguments.TRUTH_NAMES}
        settings = {i for i in self.float_places if not np.ndim(self.inputs[i])}
        known = (named, whole, mapped, mapped | whole, truth | whole)
        for left_out in (*known, settings, *(settings | some for some in known)):
            fewer = [i for i in self.float_places if i not in left_out]
            due = [np.shape(self.inputs[i]) for i in fewer]
            if len(shapes) == len(fewer) and (not exactly or list(shapes) == due):
                self.without_derivative(left_out & {*self.float_places})
                return True
        return False

    @property
    def has_backward(self) -> bool:
        """Whether there is something to be compared with forward."""
        return self.calling.gives_both or self.calling.pulls or gives_backward(self.layer)

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
        if layer is None:
            layer = self.copy()
        elif self.accumulates:
            layer = cleared(layer)
        with same_draws() if self.draws else nullcontext():
            return Run(self, layer, values or {}, inputs)

    def call(self, layer: Any, inputs: Sequence[Any], formula: str = "forward", **more: Any) -> Any:
        """Run a copy of the layer on arrays or Variables, with the noise of these shapes.

        Layers inside it run as part of it.
        """
        try:
            if arguments.runs_alone(layer):
                return layer.forward(*self.nested(inputs))
            out = self._call(layer, inputs, formula, **more)
            held = getattr(layer, "__dict__", {}) if out is None else {}
            return next((held[name] for name in (*KEPT, self.left_in) if name in held), out)
        except (Exception, SystemExit) as error:
            raise LayerRaised(formula, error) from error

    def _call(self, layer: Any, inputs: Sequence[Any], formula: str, **more: Any) -> Any:
        self.bound(layer, inputs, formula)
        shapes = tuple(map(shape_of, inputs))
        more = {"record": inline, **more}
        if formula == "infer":
            passing = Pass(formula, **more)
        elif shapes in self.noise:
            passing = Pass(again=iter(self.noise[shapes]), **more)
        else:
            passing = Pass(outer=Pass(rng=np.random.default_rng(0)), **more)
        with running(passing):
            out = on_arrays(layer, self.nested(inputs), passing)
        if formula == "forward":
            self.noise.setdefault(shapes, passing.drawn)
        return out

    def nested(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """The inputs in the lists and mappings in which they were given."""
        items = iter(inputs)
        return tuple(filled(x, items) if is_nest(x) else next(items) for x in self.form)

    def outputs(self, raw: Any) -> tuple[Any, ...]:
        """The outputs among what `forward` gave."""
        return tuple(split(raw, self.calling)[0])

    def bound(self, layer: Any, inputs: Sequence[Any], formula: str = "forward") -> Any:
        """Give a copy of the layer the carried state for these inputs: a row for each sample."""
        for path, name in self.carried:
            value = getattr(at_path(self.layer, path), name)
            if formula == "infer" and value is not None:
                value = np.zeros_like(value)
            setattr(at_path(layer, path), name, _with_rows(value, rows_of(tuple(inputs))))
        return layer

    def batch(self, start: int, stop: int | None) -> list[Any] | None:
        """Some samples of the batch; `None` if the first input has no axis to cut."""
        return self.samples(range(self.rows)[start:stop])

    def samples(self, chosen: Sequence[int]) -> list[Any] | None:
        """Some samples of the batch, in some order; what does not share its axis stays whole."""
        n = self.rows
        if n < 2:
            return None
        return [
            _chosen(x, chosen) if isinstance(x, _ROWS) and shape_of(x) and len(x) == n else x
            for x in self.inputs
        ]

    @property
    def rows(self) -> int:
        """The length of the first axis of the first array, if that may be one of samples."""
        first = next((x for x in self.inputs if isinstance(x, np.ndarray)), np.zeros(0))
        return len(first) if first.ndim > 1 else 0

    def others_learned(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Other values for what is learned, near those given: none of them is 1 or 0 by chance."""
        return {
            n: a.value * rng.uniform(0.8, 1.2, a.value.shape)
            if np.any(a.value)
            else rng.uniform(-0.2, 0.2, a.value.shape)
            for n, a in self.arguments.items()
            if a.slot
        }

    def variant(
        self, inputs: Sequence[Any], dtype: DTypeLike = np.float64, values: Values | None = None
    ) -> "Trial":
        """The same layer on other inputs, in another dtype, or with other parameters."""
        twin = copy.copy(self)
        twin.inputs = private(list(inputs), dtype)
        twin.layer, twin.dtype = private(self.layer, dtype), np.dtype(dtype)
        for name, value in (values or {}).items():
            self.arguments[name].slot.put(twin.layer, number(value.copy()))  # type: ignore
        twin.notes, twin.noise = [], {}
        twin.list_arguments()
        return twin


def _chosen(x: Any, chosen: Sequence[int]) -> Any:
    return x[list(chosen)] if isinstance(x, np.ndarray) else type(x)(x[i] for i in chosen)


def _is_key(step: Any) -> bool:
    return not isinstance(step, int)


def _leaves(x: Any) -> list[tuple[Any, Any]]:
    return [*leaves(x)] if is_nest(x) else [((), x)]


def _with_rows(value: Any, rows: int | None) -> Any:
    """State with a row for each sample, for so many samples."""
    if rows is None or np.ndim(value) < 2 or len(value) == rows:
        return value
    if len(value) > rows:
        return value[:rows].copy()
    return value if np.any(value) else np.zeros((rows, *value.shape[1:]), value.dtype)
