"""A graph that is too large for one picture: its middle becomes one item."""

from collections.abc import Set

from clearprop.graph.graph import Graph
from clearprop.graph.node import Node, Recorded


def choose_fold(graph: Graph, limit: int) -> Set[Node]:
    """The nodes that a picture of at most `limit` items does not show one by one.

    They are neighbours in the topological order, so that nothing runs from among them out and back
    again, and the picture stays free of circles. About as much is shown of the beginning as of the
    end.
    """
    nodes = graph.nodes
    if _items(graph, nodes) <= limit:
        return frozenset()
    low, high = 0, len(nodes)  # how many nodes can be shown: the most for which all fits
    while low < high:
        middle = (low + high + 1) // 2
        if _items(graph, _shown(nodes, middle)) < limit:
            low = middle
        else:
            high = middle - 1
    shown = set(_shown(nodes, low))
    return frozenset(n for n in nodes if n not in shown)


def _shown(nodes: tuple[Node, ...], count: int) -> tuple[Node, ...]:
    first = count // 2
    return (*nodes[:first], *nodes[len(nodes) - (count - first) :])


def _items(graph: Graph, nodes: tuple[Node, ...]) -> int:
    """How many items it takes to show these nodes: themselves, their leaves and constants."""
    leaves = {x for n in nodes for x in n.inputs if isinstance(x, Recorded) and x.node is None}
    constants = sum(not isinstance(x, Recorded) for n in nodes for x in n.inputs)
    return len(nodes) + len(leaves) + constants + len(graph.outputs)
