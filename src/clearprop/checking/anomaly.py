"""The first value that is not finite: where NaN or infinity comes from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.checking.copies import left_alone, private
from clearprop.errors import ClearpropError, GraphError
from clearprop.graph import Graph, Variable
from clearprop.graph.backward import derivatives
from clearprop.graph.layer_call import call
from clearprop.graph.node import Node, Recorded, parts
from clearprop.graph.shares import shares

Given = tuple[tuple[str, np.ndarray], ...]


@dataclass(frozen=True)
class Anomaly:
    """The first non-finite value of a pass.

    - `direction`: "forward", "backward" or "given", if it came in from outside;
    - `node`: the operation that made it, and `inside`, the layers around that;
    - `index`, `value`: its first such element;
    - `inputs`: what went in, as pairs (name, array).
    """

    direction: str
    node: str
    inside: tuple[str, ...]
    index: tuple[int, ...]
    value: float
    shape: tuple[int, ...]
    count: int
    inputs: Given

    def __str__(self) -> str:
        where = " inside ".join((self.node, *reversed(self.inside)))
        place = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        many = f", {self.count} of {int(np.prod(self.shape))} elements" if self.shape else ""
        given = ", ".join(f"{name} {_digest(value, self.index)}" for name, value in self.inputs)
        if self.direction == "given":
            return f"{self.node} {self.shape} holds {self.value} at {place or '()'}{many}"
        what = "the output" if self.direction == "forward" else "the derivative handed back"
        return (
            f"{what} of {where} {self.shape} is {self.value} at {place or '()'}{many}. "
            f"It was given {given}"
        )


def first_anomaly(thing: Any, *inputs: Any, dout: Any = None) -> Anomaly | None:
    """Find the first value of a forward or backward pass that is NaN or infinite.

    `thing` is a Graph or a Variable, whose values are there already; or a layer, network or
    function, which is run on `inputs`, on a copy. A network with a loss layer takes `(x, t)`, and
    its loss is gone through as well. Layers that can be opened are, so that the answer names the
    operation and the layers around it. The backward pass starts from `dout`, by default from 1 for
    every element. `None` if everything is finite.

    Errors: `GraphError` for something that cannot be run on these inputs.

    >>> anomaly = first_anomaly(lambda x: np.log(x - 1), np.array([2.0, 1.0]))
    >>> print(anomaly)
    the output of np.log (2,) is -inf at [1], 1 of 2 elements. It was given x (2,) = 0 at [1]
    >>> print(first_anomaly(np.sqrt, np.array([4.0, 0.0])))
    the derivative handed back of np.sqrt (2,) is inf at [1], 1 of 2 elements. It was given
    dout (2,) = 1 at [1], x (2,) = 0 at [1]
    """
    with left_alone():
        if isinstance(thing, Graph):
            outputs = thing.outputs
        elif isinstance(thing, Recorded):
            outputs = (thing,)
        else:
            found = _given(inputs, thing)
            if found is not None:
                return found
            outputs = _run(private(thing), inputs)
        return _forward(outputs, ()) or _backward(outputs, dout, ())


def _given(inputs: Iterable[Any], thing: Any) -> Anomaly | None:
    params: Any = getattr(thing, "params", ())
    if not isinstance(params, Mapping):
        params = {name: getattr(thing, name, 0) for name in params if type(name) is str}
    named = [(f"input {i}", x) for i, x in enumerate(inputs, 1)]
    for name, value in named + [(f"the parameter {n}", value) for n, value in params.items()]:
        if not finite(value):
            return _anomaly("given", name, (), np.asarray(value), ())
    return None


def _run(thing: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:
    names = ["x"] if len(inputs) == 1 else [f"x{i + 1}" for i in range(len(inputs))]
    recorded = [
        Variable(x, name) if np.asarray(x).dtype.kind == "f" else x
        for name, x in zip(names, inputs, strict=True)
    ]
    try:
        if hasattr(thing, "loss") and hasattr(thing, "predict") and len(inputs) == 2:
            out = thing.loss(recorded[0], inputs[1])
        elif hasattr(thing, "forward"):
            out = call(thing, *recorded)
        else:
            out = thing(*recorded)
    except ClearpropError:
        raise
    except Exception as error:
        raise GraphError(f"first_anomaly: it could not be run: {error}") from error
    outputs = parts(out)
    if not all(isinstance(v, Recorded) for v in outputs):
        raise GraphError(
            "first_anomaly: the result does not come from recorded operations on the inputs; "
            "write the function with NumPy functions"
        )
    return outputs


def _forward(outputs: Sequence[Any], inside: tuple[str, ...]) -> Anomaly | None:
    for node in Graph(outputs).nodes:
        if all(map(finite, parts(node.out))):
            continue
        given = _inputs(node)
        for name, value in given:
            if not finite(value):
                return _anomaly("given", name, inside, value, ())
        inner = _opened(node)
        deeper = _forward(inner, (*inside, node.operation.name)) if inner else None
        if deeper and deeper.direction == "forward":
            return deeper
        out = next(out for out in parts(node.out) if not finite(out))
        return _anomaly("forward", node.operation.name, inside, np.asarray(out), given)
    return None


def _backward(outputs: Sequence[Any], dout: Any, inside: tuple[str, ...]) -> Anomaly | None:
    given = dout if isinstance(dout, tuple) else (dout,) * len(outputs)
    pairs = [
        (v, np.ones(np.shape(v.data)) if d is None else np.asarray(d, np.float64))
        for v, d in zip(outputs, given, strict=True)
    ]
    found = derivatives([(v, d[()]) for v, d in pairs])
    if all(map(finite, found.values())):
        return None
    made: dict[Node, list[Any]] = {}
    for v, d in found.items():
        if v.node is not None:
            made.setdefault(v.node, []).append((v, d))
    for node in reversed(Graph(outputs).nodes):
        arrived = made.get(node, [])
        if arrived and all(finite(d) for _, d in arrived):
            anomaly = _one_step(node, arrived, inside)
            if anomaly is not None:
                return anomaly
    return None


def _one_step(node: Node, arrived: list[Any], inside: tuple[str, ...]) -> Anomaly | None:
    """Send what arrived at a node back through it alone, and look at what it hands on."""
    by_output = {v.index or 0: d for v, d in arrived}
    handed = shares(node, [by_output.get(i) for i in range(len(parts(node.out)))])
    inputs, douts = _inputs(node), tuple(np.asarray(d) for _, d in arrived)
    for (name, _), d in zip(inputs, handed, strict=True):
        if d is None or finite(d):
            continue
        inner = _opened(node)
        if len(inner) == len(arrived):
            deeper = _backward(inner, douts, (*inside, node.operation.name))
            if deeper is not None:
                return deeper
        called = node.operation.name + (f" by {name}" if len(inputs) > 1 else "")
        given = (("dout", douts[0]), *inputs)
        return _anomaly("backward", called, inside, np.asarray(d), given)
    return None


def _opened(node: Node) -> tuple[Any, ...]:
    """What comes out of a layer, opened; nothing where it cannot be."""
    if not node.operation.opens:
        return ()
    try:
        return parts(node.operation.open(node.values)[1])
    except Exception:
        return ()


def _inputs(node: Node) -> Given:
    operation = node.operation
    if operation.opens:
        names = [*getattr(operation, "inputs", ()), *getattr(operation, "parameters", ())]
    else:
        names = list(getattr(operation, "operands", ()))
    names += [f"x{i + 1}" for i in range(len(names), len(node.values))]
    return tuple(zip(names, map(np.asarray, node.values), strict=False))


def _anomaly(
    direction: str, node: str, inside: tuple[str, ...], bad: np.ndarray, inputs: Given
) -> Anomaly:
    places = np.argwhere(~np.isfinite(bad))
    index = tuple(int(i) for i in places[0])
    value = float(bad[index])
    return Anomaly(direction, node, inside, index, value, bad.shape, len(places), inputs)


def finite(value: Any) -> bool:
    """Whether all numbers of a value are finite; what holds no floats is.

    >>> finite(np.array([1.0, np.inf])), finite(np.array([1, 2])), finite("text")
    (False, True, True)
    """
    array = np.asarray(value)
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def _digest(value: np.ndarray, index: tuple[int, ...]) -> str:
    """The shape of an array, and its value where the result went wrong, or its range."""
    array = np.asarray(value)
    if not array.ndim:
        return f"= {array[()]:.4g}" if array.dtype.kind in "fiu" else f"= {array[()]}"
    if array.ndim == len(index) and all(i < n for i, n in zip(index, array.shape, strict=True)):
        return f"{array.shape} = {array[index]:.4g} at [{', '.join(map(str, index))}]"
    if array.dtype.kind not in "fiub" or not array.size:
        return f"{array.shape}"
    return f"{array.shape} from {array.min():.4g} to {array.max():.4g}"
