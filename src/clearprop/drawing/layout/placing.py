"""Heights: straight lines where possible, and nothing on top of anything else.

After Brandes and Köpf (Fast and simple horizontal coordinate assignment, 2001): vertices that are
neighbours along a line are joined into blocks of one height, once with each of four preferences
(the left or the right neighbour, the upper or the lower of two); each time the blocks are pushed
together as far as they go; and every vertex gets the mean of the two middle ones of its four
heights. Since a block may join the *ends* of lines, a vertex of it can be shifted against the
block: a frame's border has ends at any height.
"""

from itertools import pairwise
from operator import add, sub

from clearprop.drawing.layout.ordering import Columns
from clearprop.drawing.layout.ranks import topological

LINE_GAP, BOX_GAP = 13.0, 20.0
"""The space beside a passing line, and between two other neighbours of a column."""


def place(columns: Columns) -> list[float]:
    """Compute the height of every vertex."""
    crossed = _crossed(columns) | _outweighed(columns)
    found = []
    for leftward in (True, False):
        for upper in (True, False):
            root, shift = _align(columns, crossed, leftward, upper)
            found.append(_compact(columns, root, shift, upper))
    spans = [(min(map(sub, y, columns.up)), max(map(add, y, columns.down))) for y in found]
    narrowest = min(spans, key=lambda span: span[1] - span[0])
    for k, (y, span) in enumerate(zip(found, spans, strict=True)):
        side = k % 2  # the upper ends meet those of the narrowest, or the lower ones do
        found[k] = [value + (narrowest[side] - span[side]) for value in y]
    return [sum(sorted(four)[1:3]) / 2 for four in zip(*found, strict=True)]


def _crossed(columns: Columns) -> set[int]:
    """The segments that must not be straightened, since they cross the inside of a long line.

    Where two long lines cross, the second gives way.
    """
    crossed: set[int] = set()
    for vertices in columns.order:
        segments = [s for v in vertices for s in columns.right[v]]
        for s in segments:
            inner = columns.inner[columns.tail[s]] and columns.inner[columns.head[s]]
            if s in crossed or not inner:
                continue
            begin, end = columns.tail_place(s), columns.head_place(s)
            for other in segments:
                b, e = columns.tail_place(other), columns.head_place(other)
                if (b < begin and e > end) or (b > begin and e < end):
                    crossed.add(other)
    return crossed


def _outweighed(columns: Columns) -> set[int]:
    """The segments that give way to a dearer one at the same side of the same vertex."""
    light: set[int] = set()
    for sides in (columns.left, columns.right):
        for segments in sides:
            if len(segments) > 1:
                dearest = max(columns.weight[s] for s in segments)
                light.update(s for s in segments if columns.weight[s] < dearest)
    return light


def _align(
    columns: Columns, crossed: set[int], leftward: bool, upper: bool
) -> tuple[list[int], list[float]]:
    """Join vertices into blocks: gives each its block's root and its shift against it."""
    count = len(columns.column)
    root, shift = list(range(count)), [0.0] * count
    joined = [False] * count  # whether something has been joined to this vertex on this side
    near = columns.left if leftward else columns.right
    for vertices in columns.order if leftward else columns.order[::-1]:
        last: float | None = None
        for v in vertices if upper else vertices[::-1]:
            kept = [s for s in near[v] if s not in crossed]
            for s in _middle(columns, kept, leftward, upper):
                u = columns.tail[s] if leftward else columns.head[s]
                at = columns.tail_place(s) if leftward else columns.head_place(s)
                free = last is None or (at > last if upper else at < last)
                if joined[u] or not free:
                    continue
                joined[u] = True
                root[v] = root[u]
                difference = columns.tail_at[s] - columns.head_at[s]
                shift[v] = shift[u] + (difference if leftward else -difference)
                last = at
                break
    return root, shift


def _middle(columns: Columns, segments: list[int], leftward: bool, upper: bool) -> list[int]:
    """The one or two middle ones among the segments of a vertex."""
    kept = sorted(segments, key=columns.tail_place if leftward else columns.head_place)
    two = kept[(len(kept) - 1) // 2 : len(kept) // 2 + 1]
    return two if upper else two[::-1]


def _compact(columns: Columns, root: list[int], shift: list[float], upper: bool) -> list[float]:
    """Push the blocks upward (or downward) as far as they go, then back where that closes gaps."""
    distance: dict[int, dict[int, float]] = {v: {} for v in range(len(root)) if root[v] == v}
    behind: dict[int, dict[int, float]] = {v: {} for v in distance}
    for vertices in columns.order:
        for u, v in pairwise(vertices):
            gap = LINE_GAP if max(u, v) >= columns.real else BOX_GAP
            space = columns.down[u] + gap + columns.up[v] + shift[u] - shift[v]
            a, b = root[u], root[v]
            distance[a][b] = max(space, distance[a].get(b, space))
            behind[b][a] = distance[a][b]
    order = topological({b: len(above) for b, above in behind.items()}, distance.__getitem__)
    if not upper:  # the same upside down
        order, distance, behind = order[::-1], behind, distance
    y: dict[int, float] = {}
    for b in order:
        y[b] = max((y[a] + d for a, d in behind[b].items()), default=0.0)
    for b in reversed(order):
        if distance[b]:
            y[b] = max(y[b], min(y[c] - d for c, d in distance[b].items()))
    return [(y[root[v]] if upper else -y[root[v]]) + shift[v] for v in range(len(root))]
