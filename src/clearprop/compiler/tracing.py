"""Record what is to be compiled: a function, or a whole training step, as one graph."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.compiler.leaf import Traced, traced
from clearprop.compiler.packing import Packing
from clearprop.compiler.parts import Part, form, varied
from clearprop.errors import UnsupportedError
from clearprop.graph.backward import reach
from clearprop.graph.graph import Graph
from clearprop.graph.node import Node, Recorded
from clearprop.graph.variable import Variable


class Trace(Graph):
    """A graph in which every node knows where it came from, such as `Affine1.forward`."""

    def __init__(
        self, outputs: Iterable[Variable], inputs: Iterable[Variable], labels: Mapping[Node, str]
    ) -> None:
        super().__init__(outputs, inputs)
        self.labels = {node: labels.get(node, "") for node in self.nodes}


@dataclass(frozen=True)
class Recording:
    """A recorded training step or prediction.

    The outputs of `trace` are the loss and the new parameters as one vector, or the scores.
    """

    trace: Trace
    as_written: Mapping[str, str]
    """Layers that run as they are written, and why."""


class Labeller:
    """Give the nodes made within a stretch of the recording a label."""

    def __init__(self) -> None:
        self.labels: dict[Node, str] = {}

    def label(self, outputs: Iterable[Any], text: str) -> None:
        """Label every node behind the outputs that has no label yet."""
        nodes, _ = reach(v for v in outputs if isinstance(v, Recorded))
        for node in nodes:
            self.labels.setdefault(node, text)


def record_function(f: Callable[..., Any], leaves: list[Traced]) -> tuple[Trace | None, Packing]:
    """Record a function of arrays; gives the trace, and how its outputs are packed.

    The trace is `None` for a function that gives constants alone.

    Errors: `UnsupportedError` if what it does depends on values, draws random numbers, or cannot
    be recorded.
    """
    others = [varied(leaf) for leaf in leaves]
    packing, again = Packing(f(*leaves)), Packing(f(*others))
    # What was computed behind the back of the graph would be frozen in the program.
    if not packing.same_constants(again):
        raise UnsupportedError(
            "compile: the function returns values that were computed off the graph, or at random; "
            "compute them with NumPy functions on its arguments"
        )
    if not packing.recorded:
        return None, packing
    if form(packing.recorded, tuple(leaves)) != form(again.recorded, tuple(others)):
        raise UnsupportedError(
            "compile: the function does not do the same for every argument of this shape: it draws "
            "random numbers, or computes with values that are not on the graph"
        )
    labeller = Labeller()
    labeller.label(packing.recorded, getattr(f, "__name__", "f").strip("<>"))
    return Trace(packing.recorded, leaves, labeller.labels), packing


def record_step(
    network: Any,
    update: Callable[[Any, Any, Any], Any],
    x: Any,
    t: Any,
    flat: Any,
    lr: Any,
    scale: float | None = None,
) -> Recording:
    """Record forward, loss, backward and update of one batch.

    `flat` is the vector of all parameters, in the order of `network.params`, and `update(p, g, lr)`
    gives the new vector from it and the vector of derivatives. With `scale`, `x` holds integers
    that are multiplied by it.
    """
    leaves = {"x": traced(x, "x"), "t": traced(t, "t"), "P": traced(flat, "P")}
    leaves["lr"] = traced(lr, "lr")
    labeller = Labeller()
    params = _views(leaves["P"], network, labeller)
    places = (*network.layers.items(), ("loss", network.lastLayer))
    parts = [_part(name, layer, network, params) for name, layer in places]

    values: Any = leaves["x"]
    if scale is not None:
        values = np.astype(values, flat.dtype) * scale
        labeller.label([values], "input")
    for part in parts:
        inputs = (values, leaves["t"]) if part.name == "loss" else (values,)
        values = part.forward(*inputs)
        labeller.label([values, *part.kept()], f"{part.name}.forward")
    loss, dout = values, 1
    for part in reversed(parts):
        dout = part.backward(dout)
        labeller.label([dout, *part.gradients.values()], f"{part.name}.backward")
    gradients = _gathered(network, parts)
    labeller.label([gradients], "update")
    new = update(leaves["P"], gradients, leaves["lr"])
    labeller.label([new], "update")
    trace = Trace((loss, new), leaves.values(), labeller.labels)
    return Recording(trace, {p.name: p.reason for p in parts if p.reason})


def record_prediction(network: Any, x: Traced, params: Mapping[str, Traced]) -> Recording:
    """Record the scores of a batch, given the parameters as leaves."""
    labeller = Labeller()
    parts = [_part(name, layer, network, params) for name, layer in network.layers.items()]
    values: Any = x
    for part in parts:
        values = part.forward(values)
        labeller.label([values], f"{part.name}.forward")
    trace = Trace([values], [x, *params.values()], labeller.labels)
    return Recording(trace, {p.name: p.reason for p in parts if p.reason})


def _views(flat: Traced, network: Any, labeller: Labeller) -> dict[str, Any]:
    """Each parameter as a piece of the vector of all."""
    params, start = {}, 0
    for name, array in network.params.items():
        piece = flat[start : start + array.size]
        labeller.label([piece], f"parameter {name}{'' if array.ndim == 1 else ' flat'}")
        params[name] = piece.reshape(array.shape)
        labeller.label([params[name]], f"parameter {name}")
        start += array.size
    return params


def _gathered(network: Any, parts: list[Part]) -> Any:
    """The derivatives of all parameters as one vector."""
    of_layer = {id(part.layer): part.gradients for part in parts}
    pieces = []
    for owners in network.params.owners.values():
        held = [of_layer[id(layer)][attribute] for layer, attribute in owners]
        pieces.append(np.ravel(sum(held[1:], start=held[0])))
    return np.concatenate(pieces)


def _part(name: str, layer: Any, network: Any, params: Mapping[str, Any]) -> Part:
    own = {
        attribute: params[key]
        for key, owners in network.params.owners.items()
        for owner, attribute in owners
        if owner is layer
    }
    return Part(name, layer, own)
