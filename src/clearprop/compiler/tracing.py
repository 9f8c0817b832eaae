"""Record what is to be compiled: a function, or a whole training step, as one graph."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from clearprop.compiler.as_written import AsWrittenBackward, AsWrittenForward
from clearprop.errors import ClearpropError, UnsupportedError
from clearprop.graph.backward import reach
from clearprop.graph.graph import Graph
from clearprop.graph.node import Node, Recorded, variable
from clearprop.graph.recording import attach, record
from clearprop.graph.variable import Variable


class Traced(Variable):
    """A Variable that stands for every value of its shape and dtype.

    What a program does must not depend on the values that it happened to be recorded with, so a
    Traced refuses to be branched on or turned into a number.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        self._refuse("branches on a value (if, while, and, or)")

    def __float__(self) -> float:
        self._refuse("turns a value into a number (float)")

    def __int__(self) -> int:
        self._refuse("turns a value into a number (int)")

    def item(self, *index: int) -> Any:
        """Refused: a program is recorded for all values."""
        self._refuse("turns a value into a number (item)")

    def tolist(self) -> Any:
        """Refused: a program is recorded for all values."""
        self._refuse("turns values into numbers (tolist)")

    @staticmethod
    def _refuse(what: str) -> NoReturn:
        raise UnsupportedError(
            f"it {what}, so that what it does depends on more than shapes; write it with np.where"
        )


Traced.made_as = Traced


def traced(value: Any, name: str) -> Traced:
    """Make a leaf of a program, sharing its array."""
    v = variable(Traced, value, None, None)
    v.name = name
    return v


class Trace(Graph):
    """A graph in which every node knows where it came from, such as `Affine1.forward`."""

    def __init__(
        self, outputs: Iterable[Variable], inputs: Iterable[Variable], labels: Mapping[Node, str]
    ) -> None:
        super().__init__(outputs, inputs)
        self.labels = {node: labels.get(node, "") for node in self.nodes}


@dataclass(frozen=True)
class Recording:
    """A recorded training step.

    The outputs of `trace` are the loss, then the new parameters as one vector.
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


def record_function(
    f: Callable[..., Any], leaves: list[Traced]
) -> tuple[Trace, Callable[[Any], Any]]:
    """Record a function of arrays; gives the trace, and how its outputs are packed.

    Errors: `UnsupportedError` if what it does depends on values, or if it cannot be recorded.
    """
    out = f(*leaves)
    flat: list[Any] = []
    form = _unpack(out, flat)
    if not flat or not all(isinstance(v, Recorded) for v in flat):
        raise UnsupportedError(
            "compile: the function returns something that does not depend on its arguments by "
            "recorded operations; it must return arrays computed with NumPy functions"
        )
    labeller = Labeller()
    labeller.label(flat, getattr(f, "__name__", "f").strip("<>"))

    def pack(results: Any) -> Any:
        return _pack(form, iter(results if len(flat) > 1 else (results,)))

    return Trace(flat, leaves, labeller.labels), pack


def _unpack(out: Any, flat: list[Any]) -> Any:
    """Lay nested tuples and lists out flat; gives their form."""
    if isinstance(out, tuple | list):
        return type(out)(_unpack(part, flat) for part in out)
    flat.append(out)
    return None


def _pack(form: Any, results: Iterator[Any]) -> Any:
    return next(results) if form is None else type(form)(_pack(part, results) for part in form)


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


def _gathered(network: Any, parts: list["Part"]) -> Any:
    """The derivatives of all parameters as one vector."""
    of_layer = {id(part.layer): part.gradients for part in parts}
    pieces = []
    for owners in network.params.owners.values():
        held = [of_layer[id(layer)][attribute] for layer, attribute in owners]
        pieces.append(np.ravel(sum(held[1:], start=held[0])))
    return np.concatenate(pieces)


def _part(name: str, layer: Any, network: Any, params: Mapping[str, Any]) -> "Part":
    own = {
        attribute: params[key]
        for key, owners in network.params.owners.items()
        for owner, attribute in owners
        if owner is layer
    }
    return Part(name, layer, own)


class Part:
    """One layer in a recording: opened if that is possible, as written if not."""

    def __init__(self, name: str, layer: Any, params: Mapping[str, Any]) -> None:
        self.name = name
        self.layer = layer
        self.params = params
        self.reason = ""
        self.twin: Any = None
        self.gradients: dict[str, Any] = {}
        self._written: Any = None

    def forward(self, *inputs: Any) -> Any:
        """Record `forward` on a copy of the layer that holds the parameters as Variables."""
        self.twin = copy.copy(self.layer)
        for attribute, v in self.params.items():
            setattr(self.twin, attribute, v)
        try:
            out = self.twin.forward(*inputs)
            if not isinstance(out, Recorded):
                raise UnsupportedError("its forward does not return what NumPy functions give")
            self._try_backward(out)
        except (ClearpropError, TypeError, ValueError) as error:
            self.reason = str(error)
            return self._forward_as_written(inputs)
        return out

    def backward(self, dout: Any) -> Any:
        """Record `backward`, and keep the derivatives of the parameters."""
        if self.reason:
            return self._backward_as_written(dout)
        dx = self.twin.backward(dout)
        self.gradients = {a: getattr(self.twin, f"d{a}") for a in self.params}
        return dx

    def kept(self) -> list[Any]:
        """What forward kept on the layer for backward."""
        return [v for v in vars(self.twin).values() if isinstance(v, Recorded)]

    def _try_backward(self, out: Any) -> None:
        """Find out before anything is built on it whether `backward` can be recorded as well."""
        trial = copy.copy(self.twin)
        trial.backward(variable(Traced, np.ones_like(out.data), None, None))

    def _forward_as_written(self, inputs: tuple[Any, ...]) -> Any:
        operation = AsWrittenForward(self.name, self.layer, tuple(self.params), len(inputs))
        self._written = record(operation, (*inputs, *self.params.values()), {})
        self.twin = copy.copy(self.layer)
        return self._written

    def _backward_as_written(self, dout: Any) -> Any:
        operation = AsWrittenBackward(self.name, self._written.node.operation, tuple(self.params))
        # What went into forward, and came out, is an input here so that it is kept until now: the
        # layer may hold on to it.
        inputs = (dout, self._written, *self._written.node.inputs)
        values = tuple(x.data if isinstance(x, Recorded) else x for x in inputs)
        found = attach(operation, inputs, values, {}, operation.evaluate(*values))
        dx, *gradients = found if isinstance(found, tuple) else (found,)
        self.gradients = dict(zip(self.params, gradients, strict=True))
        return dx
