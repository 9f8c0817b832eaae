"""One layer in a recording: opened where that is possible, as written where not."""

import copy
import random
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from clearprop.compiler.as_written import AsWrittenBackward, AsWrittenForward
from clearprop.compiler.leaf import Traced
from clearprop.compiler.naming import names
from clearprop.errors import UnsupportedError
from clearprop.graph.backward import derivatives
from clearprop.graph.node import Node, Recorded, variable
from clearprop.graph.recording import attach


class Part:
    """One layer of a network that is being recorded.

    `reason` is empty for a layer that is opened; otherwise it says why the layer runs as written.
    """

    def __init__(self, name: str, layer: Any, params: Mapping[str, Any]) -> None:
        self.name = name
        self.layer = layer
        self.params = params
        self.reason = ""
        self.gradients: dict[str, Any] = {}
        self._run: _Run | None = None
        self._written: Any = None
        self._trial: Any = None

    def forward(self, *inputs: Any) -> Any:
        """Record `forward` on a copy of the layer that holds the parameters as Variables."""
        kept = np.random.get_state()  # noqa: NPY002
        try:
            # A deep copy, so that nothing of the user's is used up, such as random numbers.
            layer = copy.deepcopy(self.layer)
            before = _random_states(layer)
            self._run = _Run(layer, self.params, inputs)
            if _random_states(layer) != before:
                raise UnsupportedError("it draws random numbers")
            self._run.check()
        # Whatever a layer raises when it is given Variables, it may still run on arrays; and where
        # it does not, the same error comes again from there.
        except Exception as error:
            self.reason = str(error) or type(error).__name__
            return self._forward_as_written(inputs)
        finally:
            np.random.set_state(kept)  # noqa: NPY002
        return self._run.out

    def backward(self, dout: Any) -> Any:
        """Record `backward`, and keep the derivatives of the parameters."""
        if self.reason or self._run is None:
            return self._backward_as_written(dout)
        dx, self.gradients = self._run.backward(dout)
        return dx

    def kept(self) -> list[Any]:
        """What forward kept on the layer for backward."""
        return [] if self._run is None else self._run.kept()

    def _forward_as_written(self, inputs: tuple[Any, ...]) -> Any:
        self._run = None
        # The recording runs on a copy, and leaves the layer's state and random numbers alone.
        names, trial = tuple(self.params), copy.deepcopy(self.layer)
        self._trial = AsWrittenForward(self.name, trial, names, len(inputs))
        operation = AsWrittenForward(self.name, self.layer, names, len(inputs))
        inputs = (*inputs, *self.params.values())
        values = tuple(x.data if isinstance(x, Recorded) else x for x in inputs)
        self._written = attach(operation, inputs, values, {}, self._trial.evaluate(*values))
        return self._written

    def _backward_as_written(self, dout: Any) -> Any:
        operation = AsWrittenBackward(self.name, self._written.node.operation, tuple(self.params))
        # What went into forward, and came out, is an input here so that it is kept until now: the
        # layer may hold on to it.
        inputs = (dout, self._written, *self._written.node.inputs)
        values = tuple(x.data if isinstance(x, Recorded) else x for x in inputs)
        trial = AsWrittenBackward(self.name, self._trial, tuple(self.params))
        found = attach(operation, inputs, values, {}, trial.evaluate(*values))
        dx, *gradients = found if isinstance(found, tuple) else (found,)
        self.gradients = dict(zip(self.params, gradients, strict=True))
        return dx


class _Run:
    """A copy of a layer that has run `forward` on Variables."""

    def __init__(self, layer: Any, params: Mapping[str, Any], inputs: tuple[Any, ...]) -> None:
        self.layer = layer
        self.params = params
        self.inputs = inputs
        self.twin = copy.copy(layer)
        for attribute, v in params.items():
            setattr(self.twin, attribute, v)
        self.out = self.twin.forward(*inputs)
        if not isinstance(self.out, Recorded):
            raise UnsupportedError("its forward does not return what NumPy functions give")

    def backward(self, dout: Any, twin: Any = None) -> tuple[Any, dict[str, Any]]:
        """The derivative of the input and those of the parameters, as Variables."""
        twin = self.twin if twin is None else twin
        backward = getattr(twin, "backward", None)
        if backward is None or getattr(backward, "is_missing", False):
            wanted = [self.inputs[0], *self.params.values()]
            found = derivatives([(self.out, dout)], targets=wanted, record=True)
            dx, *gradients = (found.get(v, np.zeros_like(v.data)) for v in wanted)
            return dx, dict(zip(self.params, gradients, strict=True))
        dx = backward(dout)
        if not isinstance(dx, Recorded):
            raise UnsupportedError("its backward does not return what NumPy functions give")
        return dx, {a: getattr(twin, f"d{a}") for a in self.params}

    def kept(self) -> list[Any]:
        """What forward kept on the layer for backward."""
        return [v for v in vars(self.twin).values() if isinstance(v, Recorded)]

    def check(self) -> None:
        """See whether the same is recorded for other values of the inputs.

        What is drawn at random, or taken from a value behind the back of the graph, would be
        frozen in the program. The second run is on the copy that made the first, so that what it
        carries on, such as a count or a running mean, is found as well.

        Errors: `UnsupportedError` with what was found.
        """
        again = _Run(self.twin, self.params, tuple(map(varied, self.inputs)))
        if self._form() != again._form():
            raise UnsupportedError(
                "it does not do the same for every input of this shape: it draws random numbers, "
                "carries something on from one call to the next, or computes with values that are "
                "not on the graph"
            )

    def _form(self) -> list[Any]:
        """The operations of forward and backward, comparable with those of another run."""
        dout = variable(Traced, np.ones_like(self.out.data), None, None)
        dx, gradients = self.backward(dout, copy.copy(self.twin))
        known = (*self.inputs, *self.params.values(), dout)
        return form((self.out, dx, *gradients.values(), *self.kept()), known)


def _random_states(layer: Any) -> str:
    """The state of every source of random numbers that a layer can be seen to draw from."""
    states: list[Any] = [np.random.get_state(), random.getstate()]  # noqa: NPY002
    for value in vars(layer).values() if hasattr(layer, "__dict__") else ():
        if isinstance(value, np.random.Generator):
            states.append(value.bit_generator.state)
        elif isinstance(value, np.random.RandomState):
            states.append(value.get_state())
        elif isinstance(value, random.Random):
            states.append(value.getstate())
    with np.printoptions(threshold=sys.maxsize):
        return repr(states)


def form(outputs: Iterable[Any], inputs: tuple[Any, ...]) -> list[Any]:
    """Write down the operations between inputs and outputs, to compare two recordings."""
    places: dict[Any, Any] = {v: ("input", i) for i, v in enumerate(inputs)}
    numbers: dict[Node, int] = {}
    for node in reversed(_within(outputs, set(inputs))):
        numbers[node] = len(numbers)

    def place(x: Any) -> Any:
        if not isinstance(x, Recorded):
            return names(x)
        if x in places:
            return places[x]
        return ("leaf", names(x.data)) if x.node is None else (numbers[x.node], x.index)

    lines: list[Any] = [
        (node.operation.name, names(tuple(sorted(node.params.items()))), *map(place, node.inputs))
        for node in numbers
    ]
    return [*lines, *map(place, outputs)]


def _within(outputs: Iterable[Any], inputs: set[Any]) -> list[Node]:
    """The nodes behind the outputs that do not lie behind the inputs, the last made first."""
    found: set[Node] = set()
    stack = [v for v in outputs if isinstance(v, Recorded) and v not in inputs]
    while stack:
        node = stack.pop().node
        if node is None or node in found:
            continue
        found.add(node)
        stack += [x for x in node.inputs if isinstance(x, Recorded) and x not in inputs]
    return sorted(found, key=lambda node: -node.serial)


def varied(x: Any) -> Any:
    """A leaf with somewhat other values; integers, such as labels, stay as they are."""
    if not isinstance(x, Recorded):
        return x
    data = x.data if x.data.dtype.kind != "f" else x.data * x.data.dtype.type(1 + 2**-7)
    return variable(Traced, data, None, None)
