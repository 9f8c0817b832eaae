"""From a graph to the outline of its picture."""

from collections.abc import Callable, Set
from typing import Any

import numpy as np

from clearprop.drawing.opening import Open, Opening, inside
from clearprop.drawing.outline import End, Flow, Item, Scope
from clearprop.errors import ClearpropError, ConfigError, GraphError
from clearprop.graph.backward import derivatives
from clearprop.graph.belonging import belonging
from clearprop.graph.graph import Graph
from clearprop.graph.node import Node, Recorded, parts
from clearprop.graph.rounding import cleared, disturbed, is_tiny
from clearprop.graph.shares import shares
from clearprop.graph.variable import Parameter

LIMIT = 300
"""How many items a picture shows at most; more are folded."""


def outline(
    graph: Graph,
    open: Open = 0,
    limit: int = LIMIT,
    derivative: Callable[[Recorded], Any] | None = None,
) -> Scope:
    """Choose what a picture of the graph shows.

    `open` says how deep it looks (see `Open`), `limit` how many items it shows at most: of a
    larger graph the middle is folded into one item that says how many there are. `derivative`
    gives the derivative by a Variable, or `None`; without it, what `backward` has left, as far as
    it is from these outputs. Where rounding has left something of 0, the outline has 0, and says
    how much is left.

    Errors: `GraphError` for names that the graph does not have, `UnsupportedError` for a layer
    that is opened by name and cannot be, `ConfigError` for an `open` or `limit` that makes no
    sense.
    """
    if not isinstance(limit, int) or limit < 10:
        raise ConfigError(f"limit={limit!r}: a picture shows at most so many nodes, 10 or more")
    derivative = derivative or belonging(graph.outputs).get
    scope = _scope(graph, open, limit, derivative)
    if any(_tiny(flow) for inner in scope.walk() for flow in inner.flows):
        _clear(graph, scope, limit, derivative)
    return scope


def _scope(graph: Graph, open: Open, limit: int, derivative: Callable[[Recorded], Any]) -> Scope:
    opening = Opening(open)
    scope = _Builder(graph, "", derivative, None, limit).scope
    with np.errstate(all="ignore"):  # what is not finite is drawn as what it is
        _open(scope, opening, 0, [limit - len(scope.items)])
    opening.check()
    _settle_leaves(scope)
    return scope


def _tiny(flow: Flow) -> bool:
    values = (flow.value, flow.derivative, *(end.derivative for end in flow.ends))
    return any(v is not None and is_tiny(v).any() for v in values)


def _clear(graph: Graph, scope: Scope, limit: int, derivative: Callable[[Recorded], Any]) -> None:
    """Put 0 where rounding has left something of it: other inputs show where that is."""
    opened: Any = [item.id for item in scope.all_items() if item.inside is not None] or 0
    others = []
    for other in disturbed(graph):
        pairs = zip(other.outputs, map(derivative, graph.outputs), strict=True)
        with np.errstate(all="ignore"):  # at other values there may be none
            found = derivatives((v, dout) for v, dout in pairs if dout is not None)
        by_key = {(v.node or v, v.index): d for v, d in found.items()}
        made = _scope(
            other, opened, limit, lambda v, known=by_key: known.get((v.node or v, v.index))
        )
        others.append([flow for inner in made.walk() for flow in inner.flows])
    flows = [flow for inner in scope.walk() for flow in inner.flows]
    for flow, *like in zip(flows, *others, strict=True) if others else ():
        flow.value, value_left = cleared(flow.value, [f.value for f in like])
        flow.derivative, left = cleared(flow.derivative, [f.derivative for f in like])
        flow.left = (value_left, left)
        for end, *ends in zip(flow.ends, *(f.ends for f in like), strict=True):
            end.derivative, end.left = cleared(end.derivative, [e.derivative for e in ends])


class _Builder:
    """Makes the scope of one graph; nothing in it is opened yet."""

    def __init__(
        self,
        graph: Graph,
        prefix: str,
        derivative: Callable[[Recorded], Any],
        outer: list[str] | None,
        limit: int,
    ) -> None:
        self.prefix = prefix
        self.derivative = derivative
        self.flows: dict[Any, Flow] = {}
        self.scope = scope = Scope()
        self.number: dict[Recorded, int] = {v: i for i, v in enumerate(graph.leaves)}
        self.ports = set(graph.leaves) if outer is not None else set()
        if outer is not None:
            for i, (v, origin) in enumerate(zip(graph.leaves, outer, strict=True)):
                flow = Flow(f"{prefix}x{i}", None, v.data, derivative(v), v, origin=origin)
                self.flows[v] = flow
                scope.ports.append(flow)
        self.folded, self.fold = _choose_fold(graph, limit), None
        shown = {x for n in graph.nodes if n not in self.folded for x in _leaves(n)}
        self.folded_leaves = {x for n in self.folded for x in _leaves(n)} - shown
        for i, node in enumerate(graph.nodes):
            self._add_node(node, f"{prefix}n{i}")
        for i, v in enumerate(graph.outputs):
            self._add_output(v, i, outer is None)
        if outer is None:  # a leaf that nothing uses stands alone
            for v in graph.leaves:
                if v not in self.flows and v not in self.folded_leaves:
                    self._flow(v)
        scope.flows = [f for f in self.flows.values() if f.ends or f.variable is not None]

    def _add_node(self, node: Node, id: str) -> None:
        if node in self.folded:
            item = self.fold = self.fold or self._fold_item()
        else:
            kind = "layer" if node.operation.opens else "operation"
            item = Item(id, kind, node.operation.symbol, node)
            self.scope.items.append(item)
        for i, x in enumerate(node.inputs):
            hidden = not isinstance(x, Recorded) or x in self.folded_leaves or x.node in self.folded
            if item is self.fold and hidden:
                continue
            flow = self._flow(x) if isinstance(x, Recorded) else self._constant(x, id, i)
            if item is self.fold and any(end.item is item for end in flow.ends):
                continue
            flow.ends.append(End(item, i))
        several = isinstance(node.out, tuple)
        for index, out in enumerate(node.out) if several else [(None, node.out)]:
            name = id if index is None else f"{id}:{index}"
            self.flows[node, index] = Flow(name, item, out, output=index or 0)

    def _fold_item(self) -> Item:
        count = len(self.folded)
        name = f"{count:,} more nodes" if count > 1 else "1 more node"
        if self.folded_leaves:
            name += f" and {len(self.folded_leaves):,} of the inputs"
        item = Item(f"{self.prefix}fold", "fold", name)
        self.scope.items.append(item)
        return item

    def _flow(self, v: Recorded) -> Flow:
        """The flow of a Variable; a leaf gets its item when it is first met."""
        key = v if v.node is None else (v.node, v.index)
        flow = self.flows.get(key)
        if flow is None:
            if v.node is not None:
                raise GraphError("the graph uses a value whose node it does not hold")
            kind = "parameter" if isinstance(v, Parameter) else "input"
            id = f"{self.prefix}x{self.number.setdefault(v, len(self.number))}"
            item = Item(id, kind, v.name or "", variable=v)
            self.scope.items.append(item)
            flow = self.flows[key] = Flow(id, item, v.data)
        if flow.variable is None:
            flow.variable = v
            flow.derivative = self.derivative(v)
            if v.node is not None and v.name:
                flow.named = v.name
        return flow

    def _constant(self, value: Any, id: str, operand: int) -> Flow:
        item = Item(f"{id}.{operand}", "constant", value=value)
        self.scope.items.append(item)
        flow = self.flows[item] = Flow(item.id, item, value)
        return flow

    def _add_output(self, v: Recorded, i: int, outermost: bool) -> None:
        flow = self._flow(v)
        if not outermost:
            flow.ends.append(End(None, i))
        elif v.node is not None or not self.flows.keys() - {v}:  # a lone Variable has an arrow, too
            item = Item(f"out{i}", "output", flow.named, variable=v)
            flow.named = ""
            self.scope.items.append(item)
            flow.ends.append(End(item, 0))


def _choose_fold(graph: Graph, limit: int) -> Set[Node]:
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
    leaves = {x for n in nodes for x in _leaves(n)}
    constants = sum(not isinstance(x, Recorded) for n in nodes for x in n.inputs)
    return len(nodes) + len(leaves) + constants + len(graph.outputs)


def _leaves(node: Node) -> list[Recorded]:
    return [x for x in node.inputs if isinstance(x, Recorded) and x.node is None]


def _open(scope: Scope, opening: Opening, level: int, left: list[int]) -> None:
    """Open what is to be opened, level by level, while the picture has room."""
    opened: list[tuple[Item, Graph]] = []
    for item in scope.items:
        if item.kind != "layer" or not opening.wants(item.node, item.id, level):
            continue
        try:
            graph = inside(item.node)
        except ClearpropError as error:
            if opening.wanted:
                raise
            item.why_closed = str(error)
            continue
        more = len(graph.nodes) + len(graph.constants)
        if more > left[0]:
            item.why_closed = "it is left closed: the picture would show too many nodes"
            continue
        opened.append((item, graph))
        left[0] -= more
    for item, graph in opened:
        douts = _arriving(scope, item)
        pairs = zip(graph.outputs, douts, strict=True)
        with np.errstate(all="ignore"):  # at other values there may be none
            found = derivatives((v, dout) for v, dout in pairs if dout is not None)
        into = {e.operand: flow for flow in scope.flows for e in flow.ends if e.item is item}
        outer = [into[i].origin for i in range(len(item.node.inputs))]
        builder = _Builder(graph, f"{item.id}/", found.get, outer, 10**9)
        item.kind, item.inside = "frame", builder.scope
        # What leaves goes on outside with the derivative that comes in there.
        for flow in builder.scope.flows:
            for end in flow.ends:
                if end.item is None:
                    end.derivative = douts[end.operand]
        _open(builder.scope, opening, level + 1, left)
    _share(scope)


def _arriving(scope: Scope, item: Item) -> list[Any]:
    """The derivatives that arrive at the outputs of a node."""
    found = {flow.output: flow.derivative for flow in scope.flows if flow.source is item}
    return [found.get(i) for i in range(len(parts(item.node.out)))]


def _share(scope: Scope) -> None:
    """At every fork, find what comes back along each branch."""
    known: dict[Item, list[Any]] = {}
    for flow in scope.flows:
        if flow.derivative is None:
            continue
        if len(flow.ends) == 1:
            flow.ends[0].derivative = flow.derivative
            continue
        for end in flow.ends:
            item = end.item
            if item is None or item.node is None:
                continue
            if item.inside is not None:
                end.derivative = item.inside.ports[end.operand].derivative
                continue
            if item not in known:
                try:
                    known[item] = shares(item.node, _arriving(scope, item))
                except ClearpropError:  # such as a layer from a file that cannot be computed again
                    known[item] = [None] * len(item.node.inputs)
            end.derivative = known[item][end.operand]


def _settle_leaves(scope: Scope) -> None:
    """Parameters and constants stand inside the one opened node that uses them."""
    for outer in scope.walk():
        for flow in list(outer.flows):
            if len(flow.ends) != 1 or flow.source is None:
                continue
            end = flow.ends[0]
            frame = end.item
            if flow.source.kind in ("parameter", "constant") and frame is not None and frame.inside:
                inner = frame.inside.ports[end.operand]
                inner.source = flow.source
                inner.id = inner.origin = flow.id
                inner.variable, inner.derivative = flow.variable, flow.derivative
                frame.inside.items.insert(0, flow.source)
                outer.items.remove(flow.source)
                outer.flows.remove(flow)
