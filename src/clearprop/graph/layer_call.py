"""How a call of a layer becomes one node of the graph; on arrays it is its `forward`."""

import inspect
from typing import Any

import numpy as np

from clearprop.graph.layer_operation import LayerOperation
from clearprop.graph.node import Recorded
from clearprop.graph.parameters import inner_layers, names_of, parameter, parameter_name, places_of
from clearprop.graph.passing import Pass, current, has_infer, on_arrays
from clearprop.graph.recording import constant_operand
from clearprop.graph.twins import bindable


def call(layer: Any, *inputs: Any, name: str | None = None) -> Any:
    """Run a layer: on arrays its `forward`, on Variables as one node of the graph.

    A layer is anything with `forward(*inputs)`, `backward(dout)` and `params`: the names of the
    attributes that are learned, or a mapping of them. They become inputs of the node, with those of
    the layers inside, so that a layer used twice, or two layers that share an array, sum their
    derivatives. Where there is no `backward`, the operations inside are differentiated.

    Where a pass means prediction (see `clearprop.graph.passing`), `infer` runs in place of
    `forward`.

    Errors: `UnsupportedError` for a layer that writes into its inputs or holds Variables of its
    own; `ShapeError` and `UnsupportedError` in the backward pass for derivatives that are missing
    or have not the shape of their variable.
    """
    passing = current()
    if passing.record is not None:
        return passing.record(layer, inputs, name)
    for x in inputs:
        if isinstance(x, Recorded):
            return on_graph(layer, inputs, passing, name)
    if passing.plain or not holds_variables(layer):
        return on_arrays(layer, inputs, passing)
    return on_graph(layer, inputs, passing, name)


def holds_variables(layer: Any) -> bool:
    """Whether a parameter of a layer is a Variable, so that the layer belongs on the graph."""
    return any(isinstance(v, Recorded) for v in places_of(layer).values())


def on_graph(layer: Any, inputs: tuple[Any, ...], passing: Pass, name: str | None) -> Any:
    """Put a layer on the graph as one node."""
    name = name or type(layer).__name__
    own_copy, own = bindable(layer, passing.views)
    values = [x if isinstance(x, Recorded) else _constant(x, name) for x in inputs]
    for paths, value in own.items():
        known = isinstance(value, Recorded)
        values.append(value if known else parameter(value, parameter_name(layer, paths[0]), layer))
    mode = passing.formula
    if mode == "infer" and not (has_infer(layer) or any(inner_layers(layer))):
        mode = "forward"  # it has the one formula, and perhaps a backward of its own
    noise = names_of(layer, "noise") if mode == "forward" else ()
    if noise:
        values += passing.draw(layer, inputs)
    operation = LayerOperation(own_copy, len(inputs), tuple(own), name, mode, noise)
    return operation.start(tuple(values), passing)


def in_order(layer: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """The inputs of a call in the order of `forward`'s arguments, with those given by name.

    Errors: `TypeError` as for `forward` itself, and for what it takes by name alone.
    """
    kind, signature = type(layer).__name__, inspect.signature(layer.forward)
    try:
        bound = signature.bind(*inputs, **named)
    except TypeError as error:
        raise TypeError(f"{kind}.forward: {error}") from None
    order = [n for n, p in signature.parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    if alone := ", ".join(named.keys() - order):
        raise TypeError(
            f"{kind}.forward takes {alone} by name alone, but the inputs of a layer have an order; "
            "leave out the * before it"
        )
    names = list(signature.parameters)[: 1 + max(map(list(signature.parameters).index, named))]
    # What is left out before the last has its default, and what comes after it is not given.
    return tuple([bound.arguments.get(n, signature.parameters[n].default) for n in names])


def _constant(x: Any, name: str) -> Any:
    """An input that is no Variable: a constant of the graph."""
    return constant_operand(np.asarray(x) if isinstance(x, list | tuple) else x, name)
