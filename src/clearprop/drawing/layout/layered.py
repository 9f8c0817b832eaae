"""From vertices and edges to places: the steps of the layout, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from clearprop.drawing.layout.ordering import Columns, order_columns
from clearprop.drawing.layout.placing import place
from clearprop.drawing.layout.ranks import assign_ranks

NARROW, WIDE = 24.0, 96.0
"""The least and the most space between two columns; steep lines get more, and many of them."""
STEEP = 45.0
"""A line is steep that climbs or falls more than this between two columns."""


@dataclass(slots=True)
class Vertex:
    """A rectangle that wants a place; `up` and `down` are its reach from its own height."""

    width: float
    up: float
    down: float
    column: int | None = None
    """Where it must stand, counted from 0; `None` leaves it to the layout."""
    floating: bool = False
    """A leaf, which stands close to what uses it."""
    inner: bool = False
    """A stretch of a line, such as a label, rather than a thing of its own."""
    last: bool = False
    """It stands in the last column, behind all others."""
    tight: int | None = None
    """The vertex that it stands directly to the right of, in the next column."""


@dataclass(slots=True)
class Edge:
    """A line between two vertices; `tail_at`, `head_at`: how far its ends are from their height."""

    tail: int
    head: int
    tail_at: float = 0.0
    head_at: float = 0.0
    weight: int = 1
    """The larger, the rather it is drawn straight."""
    rank: int = 0
    """Which of its target's operands it is: the first comes in above the second if it can."""


@dataclass(slots=True)
class Layout:
    """Where everything goes."""

    columns: list[tuple[float, float]] = field(default_factory=list)
    """Of each column its left and right side."""
    column: list[int] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    bends: list[list[tuple[int, float]]] = field(default_factory=list)
    """Of each edge the columns that it passes through, and at which height."""
    height: float = 0.0
    """How far down the lowest vertex or line reaches; the highest begins at 0."""

    @property
    def width(self) -> float:
        """From the left side of the first column to the right side of the last."""
        return self.columns[-1][1] if self.columns else 0.0


def lay_out(vertices: Sequence[Vertex], edges: Sequence[Edge]) -> Layout:
    """Find a place for every vertex and a way for every edge.

    >>> a, b = Vertex(40, 10, 10), Vertex(40, 10, 10)
    >>> layout = lay_out([a, b], [Edge(0, 1)])
    >>> layout.columns, layout.y
    ([(0.0, 40.0), (64.0, 104.0)], [10.0, 10.0])
    """
    if not vertices:
        return Layout()
    column = _columns_of(vertices, edges)
    columns, chains = _proper(vertices, edges, column)
    order_columns(columns)
    y = place(columns)
    top = min(value - up for value, up in zip(y, columns.up, strict=True))
    y = [value - top for value in y]
    layout = Layout(column=column, y=y[: len(vertices)])
    layout.height = max(value + down for value, down in zip(y, columns.down, strict=True))
    layout.columns = _spread(vertices, columns, y)
    layout.bends = [[(columns.column[d], y[d]) for d in chain] for chain in chains]
    return layout


def _columns_of(vertices: Sequence[Vertex], edges: Sequence[Edge]) -> list[int]:
    """The column of every vertex. Labels come along with what they stand beside."""
    leader = list(range(len(vertices)))
    behind = [0] * len(vertices)
    for v, vertex in enumerate(vertices):  # a tight vertex comes after the one it follows
        if vertex.tight is not None:
            leader[v] = leader[vertex.tight]
            behind[v] = behind[vertex.tight] + 1
    lengths = [
        (leader[e.tail], leader[e.head], 1 + behind[e.tail] - behind[e.head])
        for e in edges
        if leader[e.tail] != leader[e.head]
    ]
    fixed = {v: x.column for v, x in enumerate(vertices) if x.column is not None}
    rank = assign_ranks(
        len(vertices), lengths, fixed, [x.floating for x in vertices], int(bool(fixed))
    )
    column = [rank[leader[v]] + behind[v] for v in range(len(vertices))]
    end = max((c for v, c in enumerate(column) if not vertices[v].last), default=-1) + 1
    return [end if x.last else column[v] for v, x in enumerate(vertices)]


def _proper(
    vertices: Sequence[Vertex], edges: Sequence[Edge], column: list[int]
) -> tuple[Columns, list[list[int]]]:
    """Cut every edge into segments from one column to the next."""
    columns = Columns(len(vertices), [[] for _ in range(max(column) + 1)])
    for vertex, c in zip(vertices, column, strict=True):
        columns.add(c, vertex.up, vertex.down, vertex.inner)
    chains = []
    operand: list[int] = []
    for edge in edges:
        chain = [columns.add(c) for c in range(column[edge.tail] + 1, column[edge.head])]
        chains.append(chain)
        way = [edge.tail, *chain, edge.head]
        for u, v in pairwise(way):
            s = len(columns.tail)
            columns.tail.append(u)
            columns.head.append(v)
            columns.tail_at.append(edge.tail_at if u == edge.tail else 0.0)
            columns.head_at.append(edge.head_at if v == edge.head else 0.0)
            columns.weight.append(edge.weight)
            columns.right[u].append(s)
            columns.left[v].append(s)
            operand.append(edge.rank)
    for segments in columns.left:
        segments.sort(key=operand.__getitem__)
    return columns, chains


def _spread(
    vertices: Sequence[Vertex], columns: Columns, y: list[float]
) -> list[tuple[float, float]]:
    """The sides of each column: as wide as its widest vertex, steep lines in wide gaps."""
    steepest = [0.0] * len(columns.order)
    steep = [0] * len(columns.order)
    seen: set[tuple[int, int]] = set()
    for s, u in enumerate(columns.tail):
        v = columns.head[s]
        rise = abs(y[v] + columns.head_at[s] - y[u] - columns.tail_at[s])
        if (u, v) in seen:  # two lines from one dot to one node need room to part
            rise += STEEP
        seen.add((u, v))
        c = columns.column[u]
        steepest[c] = max(steepest[c], rise)
        steep[c] += rise > STEEP
    sides = []
    x = 0.0
    for c, inside in enumerate(columns.order):
        width = max((vertices[v].width for v in inside if v < len(vertices)), default=0.0)
        sides.append((round(x, 2), round(x + width, 2)))
        crowd = min(12.0 * max(steep[c] - 1, 0), WIDE)
        x += width + min(NARROW + 0.3 * steepest[c], WIDE) + crowd
    return sides
