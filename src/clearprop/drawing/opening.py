"""Which layers and networks a picture opens: the argument `open=`."""

from collections.abc import Iterable
from typing import Any

from clearprop.errors import ConfigError, GraphError
from clearprop.graph.graph import Graph
from clearprop.graph.layer_operation import LayerOperation
from clearprop.graph.nested import NestedOperation
from clearprop.graph.node import Node, parts

Open = int | str | Node | Iterable[str | Node]
"""How deep a picture looks.

- `0` or `"network"`: nothing is opened;
- `"layers"`: networks are opened, layers stay closed;
- `"primitives"`: everything is opened;
- a whole number: so many levels, whatever they are;
- names of layers or networks (`"Affine1"`, or several), ids (`"n0/n2"`) or nodes: these are opened,
  and whatever they stand in.
"""

WORDS = ("network", "layers", "primitives")
_ALL = 1_000_000


class Opening:
    """Says of each node whether it is to be opened."""

    def __init__(self, wanted: Open) -> None:
        self.depth = 0
        self.networks_only = False
        self.wanted: set[Any] = set()
        """What is to be opened by name or id: it is an error if that cannot be."""
        self.met: set[Any] = set()
        self.known: dict[str, None] = {}
        if isinstance(wanted, bool):
            self.depth = _ALL if wanted else 0
        elif isinstance(wanted, int):
            if wanted < 0:
                raise ConfigError(f"open={wanted}: a depth is 0 (nothing is opened) or more")
            self.depth = wanted
        elif isinstance(wanted, str) and wanted in WORDS:
            self.networks_only = wanted == "layers"
            self.depth = 0 if wanted == "network" else _ALL
        elif not isinstance(wanted, Iterable | Node):
            raise ConfigError(
                f"open={wanted!r}: give a depth, one of {', '.join(map(repr, WORDS))}, or names of "
                "layers"
            )
        else:
            several = (wanted,) if isinstance(wanted, str | Node) else tuple(wanted)
            for entry in several:
                if not isinstance(entry, str | Node):
                    raise ConfigError(f"open: {entry!r} is neither the name of a layer nor a node")
            self.wanted = set(several)

    def wants(self, node: Node, id: str, level: int) -> bool:
        """Whether to open this node, which stands at this level (0: the graph itself)."""
        if not node.operation.opens:
            return False
        self.known[node.operation.name] = None
        if self.wanted:
            met = self.wanted & {node, id, node.operation.name}
            self.met |= met
            return bool(met) or self._holds(node, id)
        return level < self.depth and (not self.networks_only or is_network(node))

    def check(self) -> None:
        """Complain about what was asked for and not found.

        Errors: `GraphError` names it, and what there is.
        """
        missing = [w for w in self.wanted if w not in self.met]
        if missing:
            wanted = (w.operation.name if isinstance(w, Node) else w for w in missing)
            names = ", ".join(sorted(map(repr, wanted)))
            known = ", ".join(map(repr, self.known)) or "none"
            raise GraphError(
                f"open: this graph shows no layer or network {names}; it has: {known}; or say how "
                f"deep: {', '.join(map(repr, WORDS))}, or a number"
            )

    def _holds(self, node: Node, id: str) -> bool:
        """Whether something that is to be opened stands inside."""
        if any(isinstance(w, str) and w.startswith(f"{id}/") for w in self.wanted):
            return True
        found = False
        for i, n in enumerate(_nodes_inside(node)):
            if n.operation.opens:
                self.known[n.operation.name] = None
                met = self.wanted & {n, n.operation.name}
                found = self._holds(n, f"{id}/n{i}") or bool(met) or found
        return found


def inside(node: Node) -> Graph:
    """The graph inside a layer's or network's node, its leaves in the order of the node's inputs.

    A network has kept what it computed; a layer is run again on the same values.

    Errors: `UnsupportedError` if it cannot be opened.
    """
    return _kept(node) or Graph.inside(node)


def is_network(node: Node) -> bool:
    """Whether layers stand inside this node, not only primitives."""
    return any(n.operation.opens for n in _nodes_inside(node))


def _kept(node: Node) -> Graph | None:
    """What a network has kept of its inside."""
    operation = node.operation
    found = operation.recorded(node.values) if isinstance(operation, LayerOperation) else None
    if found is None:
        return None
    inputs, out = found
    graph = Graph(parts(out), inputs)
    graph.leaves = inputs
    return graph


def _nodes_inside(node: Node) -> tuple[Node, ...]:
    """The nodes inside a network's node, as far as they are known: those of a network."""
    nested = isinstance(node.operation, NestedOperation)
    graph = node.operation.inner if nested else _kept(node)
    return () if graph is None else graph.nodes
