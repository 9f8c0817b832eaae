"""The order of the vertices in each column: few crossings, and the operands from top to bottom."""

from bisect import bisect_right, insort
from dataclasses import dataclass, field

SWEEPS = 12


@dataclass(slots=True)
class Columns:
    """A graph whose edges, here called segments, all run from one column to the next.

    Segment s runs from `tail[s]` to `head[s]`; `tail_at[s]` and `head_at[s]` say how far above or
    below the middle of these it begins and ends. `left[v]` and `right[v]` are the segments on the
    two sides of a vertex, in the order of the operands. Vertices from number `real` on are pieces
    of lines.
    """

    real: int
    order: list[list[int]]
    column: list[int] = field(default_factory=list)
    up: list[float] = field(default_factory=list)
    down: list[float] = field(default_factory=list)
    """How far each vertex reaches above and below its own height."""
    inner: list[bool] = field(default_factory=list)
    """Whether a vertex is only a stretch of a line."""
    weight: list[int] = field(default_factory=list)
    """Of each segment: the larger, the rather it is drawn straight."""
    tail: list[int] = field(default_factory=list)
    head: list[int] = field(default_factory=list)
    tail_at: list[float] = field(default_factory=list)
    head_at: list[float] = field(default_factory=list)
    left: list[list[int]] = field(default_factory=list)
    right: list[list[int]] = field(default_factory=list)
    position: list[int] = field(default_factory=list)
    tail_part: list[float] = field(default_factory=list)
    head_part: list[float] = field(default_factory=list)

    def add(self, column: int, up: float = 4.0, down: float = 4.0, inner: bool = True) -> int:
        """Add a vertex, by default a piece of a line, and give its number."""
        v = len(self.column)
        self.column.append(column)
        self.order[column].append(v)
        self.up.append(up)
        self.down.append(down)
        self.inner.append(inner)
        self.left.append([])
        self.right.append([])
        return v

    def number(self) -> None:
        """Note where each vertex stands in its column, and each segment's end at its vertex."""
        self.tail_part = [at / (2 + 2 * abs(at)) for at in self.tail_at]
        self.head_part = [at / (2 + 2 * abs(at)) for at in self.head_at]
        self.position = [0] * len(self.column)
        for vertices in self.order:
            for i, v in enumerate(vertices):
                self.position[v] = i

    def tail_place(self, s: int) -> float:
        """Where a segment begins: the place of its vertex and, behind the point, that on it."""
        return self.position[self.tail[s]] + self.tail_part[s]

    def head_place(self, s: int) -> float:
        """Where a segment ends."""
        return self.position[self.head[s]] + self.head_part[s]


def order_columns(columns: Columns) -> None:
    """Put the vertices of each column into an order with few crossings.

    The first order comes from walking the graph from its results back to its inputs, operand by
    operand: for an expression without shared parts it has no crossing, and the first operand is
    above the second. Sweeps from left to right and back then sort each column by the mean place of
    the neighbours (barycentre method), and neighbours are swapped where that helps. An order is
    only given up for one with fewer crossings.
    """
    _first_order(columns)
    columns.number()
    best, least = [list(c) for c in columns.order], crossings(columns)
    stale = 0
    for sweep in range(SWEEPS):
        if not least or stale == 6:
            break
        _sweep(columns, rightward=sweep % 2 == 0, ties_kept=sweep % 4 < 2)
        _swap(columns)
        found = crossings(columns)
        stale += 1
        if found < least:
            best, least, stale = [list(c) for c in columns.order], found, 0
    columns.order = best
    columns.number()


def _first_order(columns: Columns) -> None:
    """Walk from the right ends to the left, and number each column as its vertices are met."""
    met: set[int] = set()
    order: list[list[int]] = [[] for _ in columns.order]
    ends = [v for vertices in reversed(columns.order) for v in vertices if not columns.right[v]]
    stack = ends[::-1]
    while stack:
        v = stack.pop()
        if v in met:
            continue
        met.add(v)
        order[columns.column[v]].append(v)
        stack.extend(columns.tail[s] for s in reversed(columns.left[v]))
    columns.order = order


def crossings(columns: Columns) -> int:
    """Count the pairs of segments that cross: inversions between two sorted orders."""
    tail_place, head_place = columns.tail_place, columns.head_place
    count = 0
    for vertices in columns.order:
        segments = [s for v in vertices for s in columns.right[v]]
        seen: list[float] = []
        # What leaves at one point does not cross itself: there, ends come from top to bottom.
        for _, end in sorted((tail_place(s), head_place(s)) for s in segments):
            count += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return count


def _sweep(columns: Columns, rightward: bool, ties_kept: bool) -> None:
    """Sort column after column by the mean place of the neighbours on one side.

    Every other time, vertices with one and the same mean change their order: it may be that which
    stands in the way of a better one.
    """
    order, position = columns.order, columns.position
    indices = range(1, len(order)) if rightward else range(len(order) - 2, -1, -1)
    near = columns.left if rightward else columns.right
    place_of = columns.tail_place if rightward else columns.head_place
    for i in indices:
        place = {v: sum(map(place_of, near[v])) / len(near[v]) for v in order[i] if near[v]}
        known = [v for v in order[i] if v in place]
        movable = iter(sorted(known if ties_kept else known[::-1], key=place.__getitem__))
        order[i] = [next(movable) if v in place else v for v in order[i]]
        for p, v in enumerate(order[i]):
            position[v] = p


def _swap(columns: Columns) -> None:
    """Swap neighbours as long as that takes crossings away."""
    last = len(columns.order) - 1
    due = {c for c, vertices in enumerate(columns.order) if len(vertices) > 1}
    for _ in range(6):
        changed = [c for c in sorted(due) if _swap_in_column(columns, columns.order[c])]
        due = {n for c in changed for n in (max(c - 1, 0), c, min(c + 1, last))}
        if not due:
            return


def _swap_in_column(columns: Columns, vertices: list[int]) -> bool:
    position, tail, head = columns.position, columns.tail, columns.head
    tail_part, head_part = columns.tail_part, columns.head_part
    sides = [
        (
            [position[tail[s]] + tail_part[s] for s in columns.left[v]],
            [position[head[s]] + head_part[s] for s in columns.right[v]],
        )
        for v in vertices
    ]
    swapped = False
    for i in range(len(vertices) - 1):
        (a_left, a_right), (b_left, b_right) = sides[i], sides[i + 1]
        if _inversions(a_left, b_left) + _inversions(a_right, b_right) > 0:
            vertices[i], vertices[i + 1] = vertices[i + 1], vertices[i]
            sides[i], sides[i + 1] = sides[i + 1], sides[i]
            swapped = True
    if swapped:
        for p, v in enumerate(vertices):
            columns.position[v] = p
    return swapped


def _inversions(upper: list[float], lower: list[float]) -> int:
    """How many more pairs of ends are the wrong way round than the right one."""
    if len(upper) == 1 and len(lower) == 1:
        return (upper[0] > lower[0]) - (upper[0] < lower[0])
    return sum((a > b) - (a < b) for a in upper for b in lower)
