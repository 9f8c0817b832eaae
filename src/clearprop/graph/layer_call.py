"""A layer on the graph: one node, which can be opened."""

import copy
import inspect
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from clearprop.errors import ClearpropError, ShapeError, UnsupportedError
from clearprop.graph.backward import derivatives
from clearprop.graph.node import Recorded, variable
from clearprop.graph.recording import attach
from clearprop.graph.variable import Parameter, Variable

_known: WeakValueDictionary[int, Parameter] = WeakValueDictionary()


def call(layer: Any, *inputs: Any, name: str | None = None) -> Any:
    """Run a layer: on arrays its `forward`, on Variables as one node of the graph.

    A layer is anything with `forward(*inputs)` and `backward(dout)`, and `params`: the names of
    the attributes that are learned, or a mapping of them. They become inputs of the node, so that
    a layer used twice, or two layers that share an array, sum their derivatives.
    """
    if not any(isinstance(x, Recorded) for x in inputs):
        own = parameters_of(layer)
        if not any(isinstance(p, Recorded) for p in own.values()):
            return layer.forward(*inputs)
    own = parameters_of(layer)
    variables = (parameter(array, key) for key, array in own.items())
    operation = LayerOperation(layer, len(inputs), tuple(own), name or type(layer).__name__)
    return operation.again((*map(_input, inputs), *variables))


def parameters_of(layer: Any) -> dict[str, Any]:
    """The parameters of a layer or network by name."""
    names = getattr(layer, "params", ())
    if isinstance(names, Mapping):
        return dict(names)
    return {name: getattr(layer, name) for name in names}


def parameter(array: Any, name: str) -> Any:
    """The Variable of a parameter: one and the same as long as any graph holds it."""
    if isinstance(array, Recorded):
        return array
    found = _known.get(id(array))
    if found is None or found.data is not array:
        found = _known[id(array)] = Parameter(array, name)
    found.name = name
    return found


def _input(x: Any) -> Any:
    return x if isinstance(x, Recorded) else np.asarray(x)[()]


class LayerOperation:
    """What the node of a layer does; it owns a shallow copy of the layer.

    What `forward` keeps on `self` for `backward` then belongs to this one call.
    """

    elementwise = False
    opens = True

    def __init__(self, layer: Any, n_inputs: int, parameters: tuple[str, ...], name: str) -> None:
        self.layer = layer
        self.n_inputs = n_inputs
        self.parameters = parameters
        self.name = self.symbol = name
        self.twin: Any = None
        """The copy of the layer that ran `forward`."""
        self.inner: Any = None
        """The inputs and outputs inside, where there is no `backward` to run."""

    @property
    def formula(self) -> str:
        return f"{type(self.layer).__name__}.forward"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of `forward`'s arguments."""
        names = [
            p.name
            for p in inspect.signature(self.layer.forward).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        return tuple(names[i] if i < len(names) else f"x{i}" for i in range(self.n_inputs))

    def bound(self, values: tuple[Any, ...]) -> Any:
        """A copy of the layer that has the given parameters."""
        twin = copy.copy(self.layer)
        for name, value in zip(self.parameters, values[self.n_inputs :], strict=True):
            if isinstance(getattr(twin, "params", None), Mapping):
                twin.params[name] = value
            else:
                setattr(twin, name, value)
        return twin

    def forward(self, twin: Any, values: tuple[Any, ...]) -> Any:
        try:
            return twin.forward(*values[: self.n_inputs])
        except ValueError as error:
            if "read-only" in str(error):
                raise UnsupportedError(
                    f"{self.name}.forward writes into its input, which belongs to the caller; "
                    "make a new array (out = x.copy(), or np.where)"
                ) from error
            raise

    def again(self, inputs: tuple[Any, ...]) -> Any:
        """Run the layer on other inputs and parameters, as a node of its own."""
        operation = LayerOperation(self.layer, self.n_inputs, self.parameters, self.name)
        values = tuple(map(_plain, inputs))
        return attach(operation, inputs, values, {}, operation.start(values))

    def start(self, values: tuple[Any, ...]) -> Any:
        """Run `forward` and keep what the backward pass will need."""
        if self.is_composed:
            self.inner = self.open(values)
            out = self.inner[1]
            return tuple(map(_plain, out)) if isinstance(out, tuple | list) else _plain(out)
        self.twin = self.bound(values)
        return self.forward(self.twin, values)

    @property
    def is_composed(self) -> bool:
        """Whether the backward pass is that of the operations inside: no `backward` is written."""
        backward = getattr(self.layer, "backward", None)
        return backward is None or getattr(backward, "is_missing", False)

    def evaluate(self, *values: Any, **params: Any) -> Any:
        return self.forward(self.bound(values), values)

    def vjp(
        self, wanted: Iterable[int], dout: Any, out: Any, values: tuple[Any, ...], params: Any
    ) -> list[Any]:
        """Run the layer's own `backward`; recorded when `dout` is a Variable."""
        recorded = any(isinstance(x, Recorded) for x in values)
        if self.is_composed:
            return self._automatic(tuple(wanted), dout, values, recorded)
        twin = self.twin
        if recorded or twin is None:
            twin = self.bound(values)
            self.forward(twin, values)
        douts = dout if isinstance(dout, tuple) else (dout,)
        # A copy, since the derivative may have gone to other nodes too.
        found = twin.backward(*(d if recorded else np.array(d)[()] for d in douts))
        by_input = self._by_input(found, values)
        return [
            by_input.get(i) if i < self.n_inputs else self._by_parameter(twin, i, values)
            for i in wanted
        ]

    def _automatic(
        self, wanted: tuple[int, ...], dout: Any, values: tuple[Any, ...], recorded: bool
    ) -> list[Any]:
        """Differentiate the operations inside: of a network, or a layer without `backward`."""
        if recorded:
            inputs, out = values, self.expand(values)
        else:
            inputs, out = self.inner or self.open(values)
        outs = out if isinstance(out, tuple | list) else (out,)
        douts = dout if isinstance(dout, tuple) else (dout,)
        pairs = zip(outs, douts, strict=True)
        found = derivatives(pairs, targets=[inputs[i] for i in wanted], record=recorded)
        return [found.get(inputs[i]) for i in wanted]

    def open(self, values: tuple[Any, ...]) -> tuple[tuple[Variable, ...], Any]:
        """Run `forward` on fresh Variables: gives them and what they were computed into."""
        names = (*self.inputs, *self.parameters)
        fresh = tuple(variable(Variable, value, None, None) for value in map(_plain, values))
        for v, name in zip(fresh, names, strict=True):
            v.name = name
        return fresh, self.expand(fresh)

    def expand(self, inputs: tuple[Any, ...]) -> Any:
        """Run `forward` on Variables, so that the operations inside stand on the graph."""
        try:
            out = self.forward(self.bound(inputs), inputs)
        except ClearpropError as error:
            raise UnsupportedError(f"{self.name} cannot be opened: {error}") from error
        parts = out if isinstance(out, tuple | list) else (out,)
        if not all(isinstance(part, Recorded) for part in parts):
            raise UnsupportedError(
                f"{self.name} cannot be opened: what its forward returns does not depend on its "
                "inputs by recorded operations; write it with NumPy functions on the inputs"
            )
        return out

    def _by_input(self, found: Any, values: tuple[Any, ...]) -> dict[int, Any]:
        fixed = getattr(self.layer, "constants", ())
        places = [i for i, name in enumerate(self.inputs) if name not in fixed]
        given = found if isinstance(found, tuple | list) else (found,)
        if len(given) != len(places):
            raise ShapeError(
                f"{self.name}.backward returned {len(given)} derivatives for {len(places)} inputs; "
                "return one for each argument of forward, in order"
            )
        return {
            i: self._checked(d, values[i], self.inputs[i])
            for i, d in zip(places, given, strict=True)
        }

    def _by_parameter(self, twin: Any, i: int, values: tuple[Any, ...]) -> Any:
        name = self.parameters[i - self.n_inputs]
        d = getattr(twin, f"d{name}", None)
        return self._checked(d, values[i], name)

    def _checked(self, d: Any, value: Any, name: str) -> Any:
        if d is None:
            raise UnsupportedError(
                f"{self.name}.backward gives no derivative by {name}; return it, "
                f"or set self.d{name} if {name} is a parameter"
            )
        if np.shape(d) != np.shape(value):
            raise ShapeError(
                f"{self.name}.backward: the derivative by {name} has shape {np.shape(d)}, "
                f"but {name} has shape {np.shape(value)}; they must be the same"
            )
        return d if isinstance(d, Recorded) else np.asarray(d)[()]


def _plain(x: Any) -> Any:
    return x.data if isinstance(x, Recorded) else x
