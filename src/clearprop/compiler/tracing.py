"""A recorded graph in which every node knows where it came from; functions as such graphs."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from clearprop.compiler.leaf import Traced
from clearprop.compiler.packing import Packing
from clearprop.compiler.sameness import form, varied
from clearprop.errors import UnsupportedError
from clearprop.graph.graph import Graph
from clearprop.graph.node import Node, Recorded
from clearprop.graph.randomness import undrawn
from clearprop.graph.variable import Variable


class Trace(Graph):
    """A graph in which every node knows where it came from, such as `Affine1.forward`."""

    def __init__(
        self, outputs: Iterable[Variable], inputs: Iterable[Variable], labels: Mapping[Node, str]
    ) -> None:
        super().__init__(outputs, inputs)
        self.labels = {node: labels.get(node, "") for node in self.nodes}


def label(labels: dict[Node, str], outputs: Iterable[Any], text: str) -> None:
    """Label every node behind the outputs that has no label yet."""
    stack = [v.node for v in outputs if isinstance(v, Recorded)]
    while stack:
        node = stack.pop()
        if node is not None and node not in labels:
            labels[node] = text
            stack += [x.node for x in node.inputs if isinstance(x, Recorded)]


def record_function(f: Callable[..., Any], leaves: list[Traced]) -> tuple[Trace | None, Packing]:
    """Record a function of arrays; gives the trace, and how its outputs are packed.

    The trace is `None` for a function that gives constants alone.

    Errors: `UnsupportedError` if what it does depends on values, draws random numbers, or cannot
    be recorded.
    """
    others = [varied(leaf) for leaf in leaves]
    with undrawn():
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
    labels: dict[Node, str] = {}
    label(labels, packing.recorded, getattr(f, "__name__", "f").strip("<>"))
    return Trace(packing.recorded, leaves, labels), packing
