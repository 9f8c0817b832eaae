"""From an outline to places: each scope as vertices and edges, laid out by itself.

The inner scopes come first; an opened frame is then one large vertex outside. In the layout a flow
is a chain: its source, the label of its value, the dot where it forks, the labels of its branches,
its targets. So labels get room of their own, and no line runs over them.
"""

from dataclasses import dataclass, field
from typing import Any

from clearprop.drawing.faces import NAME, name_block, stacked, value_block
from clearprop.drawing.layout import Edge, Layout, Vertex, lay_out
from clearprop.drawing.outline import LEAVES, End, Flow, Item, Scope
from clearprop.drawing.routes import APART
from clearprop.drawing.scene import Block
from clearprop.drawing.shapes import Body, body_of

PAD, HEADER = 14.0, 32.0
"""The space inside a frame, and that for its title."""
ABOVE = APART + 3.0
"""The space between the middle of a double line and the text at it."""
DOT = 6.0
"""The radius of the dot where a value forks."""


@dataclass(slots=True)
class Line:
    """One arrow to be, and the edges of the layout that it follows."""

    flow: Flow
    end: End | None
    """`None` for the stretch before a fork."""
    edges: list[int] = field(default_factory=list)


class Arrangement:
    """One scope with its sizes and places; `inner` holds those of its opened frames."""

    def __init__(self, scope: Scope, title: str = "", inputs_left: bool = False) -> None:
        self.scope = scope
        self.inner = {
            item: Arrangement(item.inside, item.name) for item in scope.items if item.inside
        }
        self.vertices: list[Vertex] = []
        self.edges: list[Edge] = []
        self.lines: list[Line] = []
        self.place: dict[Any, int] = {}
        """The vertex of an item, a port (its flow), a way out (its number), a label (its flow or
        end), a fork (its flow and "+")."""
        self.bodies: dict[Item, Body] = {}
        self.main: dict[Item | None, int] = {}
        """Of each item the operand on its main line, the first but parameters and constants."""
        self.labels: dict[Flow | End, tuple[Flow, Block, Block]] = {}
        """What stands above and below a flow's line, or, by end, that of a branch of its fork."""
        self.title = name_block(title, NAME - 1, "b") if title else Block()
        self._add_ports()
        coming: dict[Item | None, list[tuple[int, bool]]] = {}
        for flow in scope.flows:
            aside = flow.source is not None and flow.source.kind in ("parameter", "constant")
            for end in flow.ends:
                coming.setdefault(end.item, []).append((end.operand, aside))
        for item in scope.items:
            operands = sorted(coming.get(item, ()))
            before = next((i for i, (_, aside) in enumerate(operands) if not aside), 0)
            if operands and item.kind in ("layer", "frame"):
                self.main[item] = operands[before][0]
            self._add_item(item, before, len(operands), inputs_left)
        for flow in scope.flows:
            self._add_flow(flow)
        self.layout: Layout = lay_out(self.vertices, self.edges)
        self._frame()

    def _add(self, key: Any, vertex: Vertex) -> int:
        self.place[key] = len(self.vertices)
        self.vertices.append(vertex)
        return self.place[key]

    def _add_ports(self) -> None:
        for flow in self.scope.ports:
            if flow.source is None:
                self._add(flow, Vertex(0, 5, 5, column=0))
        ways_out = {end.operand for f in self.scope.flows for end in f.ends if end.item is None}
        for i in sorted(ways_out):
            self._add(i, Vertex(0, 5, 5, last=True))

    def _add_item(self, item: Item, before: int, coming: int, inputs_left: bool) -> None:
        if item in self.inner:
            inner = self.inner[item]
            self._add(item, Vertex(inner.width, inner.height / 2, inner.height / 2))
            return
        body = self.bodies[item] = body_of(item, before, coming)
        leaf = item.kind in LEAVES
        column = 0 if inputs_left and item.kind == "input" else None
        down = body.height - body.axis
        self._add(item, Vertex(body.width, body.axis, down, column=column, floating=leaf))

    def _add_flow(self, flow: Flow) -> None:
        source = flow.source
        here = self.place[flow if source is None else source]
        at = self.inner[source].way(flow.output) if source in self.inner else 0.0
        weight = _WEIGHTS.get(source.kind, 4) if source is not None else 4
        forks = len(flow.ends) > 1
        branches = forks and any(e.derivative is not None for e in flow.ends)
        trunk: list[int] = []
        value, derivative = flow_texts(flow)
        if value.height or derivative.height:
            # Without labels on the branches, the dot stands at the right end of this one.
            room = 4 * DOT if forks and not branches else 0.0
            label = self._add_label(flow, flow, value, derivative, here, room)
            trunk.append(self._edge(here, label, at, 0.0, weight))
            here, at = label, 0.0
        if branches or (forks and not trunk):
            fork = self._add((flow, "+"), Vertex(2 * DOT, 9, 9, inner=True, tight=here))
            trunk.append(self._edge(here, fork, at, 0.0, weight))
            here, at = fork, 0.0
        if forks and trunk:
            self.lines.append(Line(flow, None, trunk))
            trunk = []
        for end in flow.ends:
            line = Line(flow, end, list(trunk))
            before, before_at = here, at
            if branches and end.derivative is not None and end.item is not None:
                share = value_block(end.derivative, "d")
                before, before_at = self._add_label(end, flow, Block(), share, here), 0.0
                line.edges.append(self._edge(here, before, at, 0.0, weight))
            target, target_at = self.place[end.operand if end.item is None else end.item], 0.0
            if end.item in self.inner:
                inner = self.inner[end.item]
                target_at = inner.way(inner.scope.ports[end.operand])
            dear = weight + (self.main.get(end.item) == end.operand)
            line.edges.append(self._edge(before, target, before_at, target_at, dear, end.operand))
            self.lines.append(line)

    def _add_label(
        self, key: Flow | End, flow: Flow, value: Block, back: Block, after: int, room: float = 0.0
    ) -> int:
        self.labels[key] = (flow, value, back)
        width = max(value.width, back.width) + 10 + room
        up, down = value.height + ABOVE, back.height + ABOVE
        return self._add(key, Vertex(width, up, down, inner=True, tight=after))

    def _edge(
        self, u: int, v: int, tail_at: float, head_at: float, weight: int, operand: int = 0
    ) -> int:
        self.edges.append(Edge(u, v, tail_at, head_at, weight, operand))
        return len(self.edges) - 1

    # As a frame, seen from outside.

    def _frame(self) -> None:
        """Find the size of the frame, and where in it the layout begins."""
        layout = self.layout
        tall = layout.height
        has_in = any(flow in self.place for flow in self.scope.ports)
        has_out = any(x.last for x in self.vertices)
        left, right = (0.0 if has_in else PAD), (0.0 if has_out else PAD)
        self.width = max(layout.width + left + right, self.title.width + 2 * PAD)
        self.height = tall + HEADER + self.title.height - NAME * 1.3 + PAD
        self.left, self.top = left, self.height - PAD - tall
        extra = self.width - layout.width - left - right
        if extra > 0 and layout.columns:  # the title is wider than what is inside
            if has_out:
                layout.columns[-1] = (layout.width + extra, layout.width + extra)
            else:
                self.left += extra / 2

    def way(self, key: Flow | int) -> float:
        """Where a port's flow enters, or a result of that number leaves: below the middle."""
        return self.top + self.layout.y[self.place[key]] - self.height / 2


_WEIGHTS = {"input": 2, "parameter": 1, "constant": 1}


def flow_texts(flow: Flow) -> tuple[Block, Block]:
    """What stands above and below a flow's own arrow: its value and its derivative.

    Nothing does where it is said elsewhere: a constant is its own value, and what comes into a
    frame or does nothing but leave it has its label outside.
    """
    source = flow.source
    if source is None or source.kind == "constant" or all(e.item is None for e in flow.ends):
        return Block(), Block()
    value = value_block(flow.value)
    if flow.named:
        value = stacked(name_block(flow.named, style="b"), value)
    return value, Block() if flow.derivative is None else value_block(flow.derivative, "d")
