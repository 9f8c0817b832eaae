"""What a node holds, with the values and derivatives of this very pass."""

from collections.abc import Iterable
from typing import Any

from clearprop.graph.backward import derivatives
from clearprop.graph.graph import Graph
from clearprop.graph.layer_call import LayerOperation
from clearprop.graph.node import Node, Recorded


def inside(node: Node) -> Graph:
    """The graph inside a layer's or network's node, its leaves in the order of the node's inputs.

    A network has kept what it computed; a layer is run again on the same values.

    Errors: `UnsupportedError` if it cannot be opened.
    """
    operation = node.operation
    if isinstance(operation, LayerOperation) and operation.inner is not None:
        inputs, out = operation.inner
        graph = Graph(tuple(out) if isinstance(out, tuple | list) else (out,), inputs)
        graph.leaves = inputs
        return graph
    return Graph.inside_of(node)


def derivatives_inside(graph: Graph, douts: Iterable[Any]) -> dict[Recorded, Any]:
    """Run the backward pass inside, from the derivatives that arrive at the outputs.

    An output at which none arrives (`None`) is left out.
    """
    pairs = [
        (v, dout)
        for v, dout in zip(graph.outputs, douts, strict=True)
        if dout is not None and v.node is not None
    ]
    found = derivatives(pairs) if pairs else {}
    for v, dout in zip(graph.outputs, douts, strict=True):
        if v.node is None and dout is not None:  # what comes in goes out as it is
            found[v] = found[v] + dout if v in found else dout
    return found
