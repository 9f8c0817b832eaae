"""A recorded graph in which every node knows where it came from."""

from collections.abc import Iterable, Mapping
from typing import Any

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


def label(labels: dict[Node, str], outputs: Iterable[Any], text: str) -> None:
    """Label every node behind the outputs that has no label yet."""
    stack = [v.node for v in outputs if isinstance(v, Recorded)]
    while stack:
        node = stack.pop()
        if node is not None and node not in labels:
            labels[node] = text
            stack += [x.node for x in node.inputs if isinstance(x, Recorded)]
