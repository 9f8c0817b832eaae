"""The order of the vertices in each column: few crossings, and the operands from top to bottom."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field

SWEEPS = 12


@dataclass(slots=True)
class Columns:
    """A graph whose edges, here called segments, all run from one column to the next.

    Segment s runs from `tail[s]` to `head[s]`; `tail_at[s]` and `head_at[s]` say how far above or
    below the middle of these it begins and ends. `left[v]` and `right[v]` are the segments on the
    two sides of a vertex, in the order of the operands.
    """

    order: list[list[int]]
    column: list[int]
    tail: list[int] = field(default_factory=list)
    head: list[int] = field(default_factory=list)
    tail_at: list[float] = field(default_factory=list)
    head_at: list[float] = field(default_factory=list)
    left: list[list[int]] = field(default_factory=list)
    right: list[list[int]] = field(default_factory=list)
    position: list[int] = field(default_factory=list)

    def number(self) -> None:
        """Note where each vertex stands in its column."""
        self.position = [0] * len(self.column)
        for vertices in self.order:
            for i, v in enumerate(vertices):
                self.position[v] = i

    def tail_place(self, s: int) -> tuple[int, float]:
        """Where a segment begins, as something to sort by."""
        return self.position[self.tail[s]], self.tail_at[s]

    def head_place(self, s: int) -> tuple[int, float]:
        """Where a segment ends, as something to sort by."""
        return self.position[self.head[s]], self.head_at[s]


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
    """Count the pairs of segments that cross."""
    return sum(_crossings_right(columns, vertices) for vertices in columns.order)


def _crossings_right(columns: Columns, vertices: list[int]) -> int:
    """Count the crossings on the right of a column: inversions between two sorted orders."""
    places = sorted(
        (columns.tail_place(s), columns.head_place(s)) for v in vertices for s in columns.right[v]
    )
    count = 0
    seen: list[tuple[int, float]] = []
    fresh: list[tuple[int, float]] = []
    at = None
    for begin, end in places:
        if begin != at:  # what leaves at one point does not cross itself
            for e in fresh:
                insort(seen, e)
            at, fresh = begin, []
        count += len(seen) - bisect_left(seen, (end[0], end[1] + 1e-6))
        fresh.append(end)
    return count


def _sweep(columns: Columns, rightward: bool, ties_kept: bool) -> None:
    """Sort column after column by the mean place of the neighbours on one side.

    Every other time, vertices with one and the same mean change their order: it may be that which
    stands in the way of a better one.
    """
    order, position = columns.order, columns.position
    indices = range(1, len(order)) if rightward else range(len(order) - 2, -1, -1)
    near = columns.left if rightward else columns.right
    ends, at = (columns.tail, columns.tail_at) if rightward else (columns.head, columns.head_at)
    for i in indices:
        place: dict[int, float] = {}
        for v in order[i]:
            if near[v]:
                # An end lower at a tall neighbour counts as lower, by less than one place.
                total = sum(position[ends[s]] + 0.9 * at[s] / (1 + abs(at[s])) / 2 for s in near[v])
                place[v] = total / len(near[v])
        known = [v for v in order[i] if v in place]
        movable = iter(sorted(known if ties_kept else known[::-1], key=place.__getitem__))
        order[i] = [next(movable) if v in place else v for v in order[i]]
        for p, v in enumerate(order[i]):
            position[v] = p


def _swap(columns: Columns) -> None:
    """Swap neighbours as long as that takes crossings away."""
    position = columns.position
    for _ in range(6):
        better = False
        for vertices in columns.order:
            for i in range(len(vertices) - 1):
                u, v = vertices[i], vertices[i + 1]
                if _gain(columns, u, v) > 0:
                    vertices[i], vertices[i + 1] = v, u
                    position[u], position[v] = i + 1, i
                    better = True
        if not better:
            return


def _gain(columns: Columns, upper: int, lower: int) -> int:
    """How many crossings go away if two neighbours of a column change places."""
    gain = 0
    for sides, place in (
        (columns.left, columns.tail_place),
        (columns.right, columns.head_place),
    ):
        if sides[upper] and sides[lower]:
            below = [place(s) for s in sides[lower]]
            for a in (place(s) for s in sides[upper]):
                gain += sum((a > b) - (a < b) for b in below)
    return gain
