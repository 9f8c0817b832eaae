"""Networks opened, layers left whole: the graph on which a backward pass is told."""

from typing import Any

from clearprop.graph.backward import reach
from clearprop.graph.graph import Graph
from clearprop.graph.node import Node, parts
from clearprop.graph.recording import attach


def open_networks(output: Any) -> tuple[Any, dict[Any, Any]]:
    """Open what has no `backward` of its own, such as a network, until only single steps are left.

    Gives the new output, and the new Variable for each old one that was made by a node. Leaves are
    the same. Nothing but the inside of what was opened is computed again.
    """
    nodes, made = reach([output])
    if not any(map(_is_composed, nodes)):
        return output, {}
    now: dict[Any, Any] = {}

    def step(node: Node, inputs: tuple[Any, ...]) -> Any:
        if _is_composed(node):
            out = node.operation.expand(inputs)
        else:
            out = attach(node.operation, inputs, node.values, node.params, node.out)
        for v in made[node]:
            now[v] = parts(out)[v.index or 0]
            now[v].name = v.name or now[v].name
        return out

    graph = Graph([output])
    opened, further = open_networks(graph._run({v: v for v in graph.leaves}, step))
    return opened, {old: further.get(new, new) for old, new in now.items()}


def _is_composed(node: Node) -> bool:
    operation = node.operation
    # What was read from a file is a graph itself; it may be closed, and then it stays so.
    inner = getattr(operation, "inner", None)
    return operation.opens and getattr(operation, "is_composed", inner is not None)
