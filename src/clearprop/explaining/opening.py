"""Networks opened, layers left whole: the graph on which a backward pass is told."""

from typing import Any

from clearprop.graph.backward import reach
from clearprop.graph.node import Node, Recorded, parts
from clearprop.graph.recording import attach


def open_networks(output: Recorded) -> tuple[Any, dict[Any, Any]]:
    """Open what has no `backward` of its own, such as a network, until only single steps are left.

    Gives the new output, and the new Variable for each old one that was made by a node. Leaves are
    the same. Nothing but the inside of what was opened is computed again.
    """
    replaced: dict[Any, Any] = {}
    while True:
        nodes, made = reach([output])
        if not any(map(_is_composed, nodes)):
            return output, replaced
        now: dict[tuple[Node, int | None], Any] = {}
        for node in reversed(nodes):
            inputs = tuple(
                now.get((x.node, x.index), x) if isinstance(x, Recorded) and x.node else x
                for x in node.inputs
            )
            if _is_composed(node):
                out = node.operation.expand(inputs)
            else:
                out = attach(node.operation, inputs, node.values, node.params, node.out)
            for v in made[node]:
                now[node, v.index] = new = parts(out)[v.index or 0]
                new.name = v.name or new.name
        step = {v: now[n, v.index] for n in nodes for v in made[n]}
        replaced = {old: step.get(new, new) for old, new in replaced.items()} | step
        output = now[output.node, output.index]  # type: ignore[index]


def _is_composed(node: Node) -> bool:
    operation = node.operation
    # What was read from a file is a graph itself; it may be closed, and then it stays so.
    inner = getattr(operation, "inner", None)
    return operation.opens and getattr(operation, "is_composed", inner is not None)
