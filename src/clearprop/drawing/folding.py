"""Folds a wide picture into rows, as text is: each row goes on at the left of the next.

Nothing is laid out anew. The scene is cut between its columns, where no shape and no label stands;
a line that is cut runs round the end of its row and into the next one.
"""

import math
from bisect import bisect
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from clearprop.drawing.measure import text_width
from clearprop.drawing.scene import Box, Mark, Path, Scene, Shape

Point = tuple[float, float]
EDGE = 12.0
"""The space between a row and the first line that runs round it."""
LANE = 7.0
"""The space between two lines that run round a row."""
BEND = 6.0
"""The radius of their corners."""
CLEAR = 12.0
"""How far from shapes and labels a cut is: heads of arrows stay whole."""
LEAST = 150.0
"""Rows are not made narrower than this."""
SIDE = 18.0
"""The space at the edge of the picture."""


def folded(scene: Scene, width: float) -> Scene:
    """The scene in rows, so that it is no wider than `width` if that can be.

    What stands in one piece, such as a wide label, is not cut.
    """
    if scene.width <= width:
        return scene
    room, best = width - 2 * (SIDE + EDGE) - 4 * LANE, scene
    for _ in range(4):  # how much room the lines round the rows need is known afterwards
        cuts = _cuts(scene, room)
        if not cuts:
            break
        best = min(best, _Folder(scene, cuts).run(), key=lambda made: made.width)
        if best.width <= width:
            break
        room -= best.width - width
        if room < LEAST:
            break
    return best


def _cuts(scene: Scene, room: float) -> list[float]:
    """Where to cut: few lines, and so that rows are about as wide as each other."""
    left, right = SIDE, scene.width - SIDE
    free = _free(scene, left, right)
    spans = [_span(p) for a in scene.arrows for p in (a.forward, a.backward) if p is not None]
    begins, ends = sorted(a for a, _ in spans), sorted(b for _, b in spans)

    def cost(x: float, wanted: float) -> float:
        """A line that is cut costs as much as a row that is a tenth too long or too short."""
        lines = bisect(begins, x) - bisect(ends, x)
        return 0.1 * lines + abs(x - wanted) / room

    cuts: list[float] = []
    start = left
    while right - start > room:
        rows = math.ceil((right - start) / room)
        wanted = start + (right - start) / rows
        possible = [x for x in free if start + room / 4 < x <= start + room]
        later = [x for x in free if x > start + room / 4]
        if not possible and not later:
            break
        cuts.append(min(possible or later[:1], key=lambda x: cost(x, wanted)))
        start = cuts[-1]
    return cuts


def _free(scene: Scene, left: float, right: float) -> list[float]:
    """Where a vertical line meets no shape and no label."""
    boxes = sorted((b.x, b.right) for b in (p.box for p in (*scene.shapes, *scene.labels)))
    found, reached = [], left
    for start, stop in boxes:
        if start - reached > 2 * CLEAR:
            found += [reached + CLEAR, (reached + start) / 2, start - CLEAR]
        reached = max(reached, stop)
    return [x for x in found if left < x < right]


def _span(path: Path) -> tuple[float, float]:
    xs = [path.start[0], *(curve[-1][0] for curve in path.curves)]
    return min(xs), max(xs)


@dataclass(slots=True)
class _Row:
    """A stretch of the scene from x0 to x1, and where it is put."""

    x0: float
    x1: float
    low: float = math.inf
    high: float = -math.inf
    top: float = 0.0
    """What is added to each y."""

    def take(self, y: float) -> None:
        self.low, self.high = min(self.low, y), max(self.high, y)


class _Folder:
    def __init__(self, scene: Scene, cuts: list[float]) -> None:
        self.scene, self.cuts = scene, cuts
        self.rows = [_Row(a, b) for a, b in pairwise((SIDE, *cuts, scene.width - SIDE))]
        self.crossing: list[dict[int, float]] = [{} for _ in cuts]
        """At each cut the height of each line that is cut there, by the id of its path."""
        self.pieces: dict[int, list[Any]] = {}

    def run(self) -> Scene:
        scene = self.scene
        paths = [p for a in scene.arrows for p in (a.forward, a.backward) if p is not None]
        for part in (*scene.shapes, *scene.labels):
            row = self.rows[self.row(part.box.x + part.box.width / 2)]
            row.take(part.box.y)
            row.take(part.box.y + part.box.height)
        for path in paths:
            self._meet(path)
        lanes = [sorted(found, key=found.__getitem__) for found in self.crossing]
        self.place = [{id: i for i, id in enumerate(ids)} for ids in lanes]
        self.count = [len(ids) for ids in lanes]
        self._settle()
        made = Scene(title=scene.title)
        made.frames = [piece for frame in scene.frames for piece in self._pieces(frame)]
        made.shapes = [self._moved(shape) for shape in scene.shapes]
        made.labels = [self._moved(label) for label in scene.labels]
        made.arrows = [
            replace(
                a, forward=self._path(a.forward), backward=a.backward and self._path(a.backward)
            )
            for a in scene.arrows
        ]
        rights = [self._right(i) for i in range(len(self.rows))]
        rights += [frame.box.right for frame in made.frames]
        made.width = round(max(rights) + SIDE, 1)
        last = self.rows[-1]
        old = max((row.high for row in self.rows), default=0.0)
        below = scene.height - old  # for the words below the picture
        made.height = round(last.high + last.top + max(below, SIDE), 1)
        made.notes = [m.moved(0, made.height - scene.height) for m in scene.notes]
        return made

    def row(self, x: float) -> int:
        """The row that an x belongs to."""
        return sum(x > cut for cut in self.cuts)

    # Where the rows go.

    def _settle(self) -> None:
        self.within = {frame.id: self._rows_of(frame) for frame in self.scene.frames}
        for frame in self.scene.frames:
            box = frame.box
            for n, i in enumerate(self.within[frame.id]):
                row = self.rows[i]
                row.take(max(box.y, row.low - 12) if n else box.y)
                row.take(min(box.y + box.height, row.high + 12))
        self.left = SIDE + EDGE + LANE * max(self.count, default=0)
        y = SIDE
        for i, row in enumerate(self.rows):
            row.top = y - row.low
            y += row.high - row.low
            y += 2 * EDGE + LANE * (self.count[i] if i < len(self.count) else 0) + 6

    def _rows_of(self, frame: Shape) -> list[int]:
        """The rows in which something stands inside a frame."""
        box, parts = frame.box, (*self.scene.shapes, *self.scene.labels)
        inside = [
            p.box
            for p in parts
            if box.x <= p.box.x <= box.right and box.y <= p.box.y <= box.y + box.height
        ]
        return sorted({self.row(b.x + b.width / 2) for b in inside})

    def _right(self, i: int) -> float:
        row = self.rows[i]
        lanes = EDGE + LANE * self.count[i] if i < len(self.count) else 0.0
        return self.left + row.x1 - row.x0 + lanes

    def at(self, p: Point, i: int) -> Point:
        """A point of row i, in the folded picture."""
        row = self.rows[i]
        return round(p[0] - row.x0 + self.left, 2), round(p[1] + row.top, 2)

    def _moved(self, part: Any) -> Any:
        """A shape or a label with its marks, in its row."""
        box = part.box
        x, y = self.at((box.x, box.y), self.row(box.x + box.width / 2))
        marks: tuple[Mark, ...] = tuple(m.moved(x - box.x, y - box.y) for m in part.marks)
        return replace(part, box=replace(box, x=x, y=y), marks=marks)

    def _pieces(self, frame: Shape) -> list[Shape]:
        """A frame in each row that it reaches; its name stands in the first."""
        found = []
        box = frame.box
        for i in self.within[frame.id]:
            row = self.rows[i]
            x0, x1 = max(box.x, row.x0 - 8), min(box.right, row.x1 + 8)
            y0 = max(box.y, row.low - 2) if found else box.y
            y1 = min(box.y + box.height, row.high + 2)
            x, y = self.at((x0, y0), i)
            marks = () if found else tuple(m.moved(x - box.x, y - box.y) for m in frame.marks)
            named = [text_width(m.content, m.size, True) + 24 for m in marks if m.kind == "text"]
            piece = Box(x, y, round(max([x1 - x0, *named]), 2), round(max(y1 - y0, 20), 2))
            found.append(replace(frame, box=piece, marks=marks))
        return found

    # Lines.

    def _meet(self, path: Path) -> None:
        """Note which cuts a line meets, and how high it goes in each row."""
        self.pieces[id(path)] = found = self._split(path)
        for curve, i, cut in found:
            for _, y in curve:
                self.rows[i].take(y - 4)
                self.rows[i].take(y + 4)
            if cut is not None:
                self.crossing[cut][id(path)] = curve[-1][1]

    def _split(self, path: Path) -> list[tuple[tuple[Point, ...], int, int | None]]:
        """The curves of a line, each within one row: the curve, its row, the cut it ends at."""
        found: list[tuple[tuple[Point, ...], int, int | None]] = []
        here, i = path.start, self.row(path.start[0])
        for curve in path.curves:
            rest = curve
            while True:
                end = rest[-1][0]
                cut = i if i < len(self.cuts) and end > self.cuts[i] + 0.01 else None
                if i > 0 and end < self.cuts[i - 1] - 0.01:
                    cut = i - 1
                if cut is None:
                    break
                first, rest = _divided(here, rest, self.cuts[cut])
                found.append((first, i, cut))
                here, i = first[-1], i + 1 if cut == i else i - 1
            found.append((rest, i, None))
            here = rest[-1]
        return found

    def _path(self, path: Any) -> Any:
        """A line in the folded picture, if there is one."""
        if path is None:
            return None
        curves: list[tuple[Point, ...]] = []
        i = self.row(path.start[0])
        start = self.at(path.start, i)
        for curve, i, cut in self.pieces[id(path)]:
            curves.append(tuple(self.at(p, i) for p in curve))
            if cut is not None:
                curves += self._round(path, curve[-1], cut, onward=cut == i)
        head = path.head
        if head is not None:
            x, y = self.at((head[0], head[1]), i)
            head = (x, y, head[2], head[3])
        return Path(start, tuple(curves), head)

    def _round(self, path: Path, p: Point, cut: int, onward: bool) -> list[tuple[Point, ...]]:
        """From the end of a row round to the start of the next, or back.

        The uppermost line runs outside on the right and inside on the left: none meets another.
        """
        lane, n = self.place[cut][id(path)], self.count[cut]
        row = self.rows[cut]
        out, into = self.at(p, cut), self.at(p, cut + 1)
        right = out[0] + EDGE + LANE * (n - 1 - lane)
        left = into[0] - EDGE - LANE * lane
        middle = row.high + row.top + EDGE + LANE * (n - 1 - lane)
        corners = [out, (right, out[1]), (right, middle), (left, middle), (left, into[1]), into]
        return _rounded(corners if onward else corners[::-1])


def _rounded(points: list[Point]) -> list[tuple[Point, ...]]:
    """A line through points, level and upright, with round corners."""
    curves: list[tuple[Point, ...]] = []
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        a, b = _towards(corner, before), _towards(corner, after)
        curves += [(a,), (corner, corner, b)]
    return [*curves, (points[-1],)]


def _towards(p: Point, q: Point) -> Point:
    """A little from p towards q, at most half the way."""
    length = math.hypot(q[0] - p[0], q[1] - p[1])
    share = min(BEND, length / 2) / length if length else 0.0
    return round(p[0] + share * (q[0] - p[0]), 2), round(p[1] + share * (q[1] - p[1]), 2)


def _divided(
    start: Point, curve: tuple[Point, ...], x: float
) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """A line or a Bézier curve in two, where it is at x."""
    points = (start, *curve)
    if len(points) == 2:
        (ax, ay), (bx, by) = points
        t = (x - ax) / (bx - ax)
        return ((x, ay + t * (by - ay)),), (curve[-1],)
    low, high = 0.0, 1.0
    rising = points[-1][0] > start[0]
    for _ in range(20):
        t = (low + high) / 2
        low, high = (t, high) if (_x_at(points, t) < x) == rising else (low, t)
    one, two = _bezier(points, (low + high) / 2)
    return one[1:], two[1:]


def _x_at(points: tuple[Point, ...], t: float) -> float:
    xs = [x for x, _ in points]
    while len(xs) > 1:
        xs = [a + t * (b - a) for a, b in pairwise(xs)]
    return xs[0]


def _bezier(points: tuple[Point, ...], t: float) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """Both parts of a curve, by de Casteljau."""
    first, second = [points[0]], [points[-1]]
    while len(points) > 1:
        points = tuple(
            (a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])) for a, b in pairwise(points)
        )
        first.append(points[0])
        second.append(points[-1])
    return tuple(first), tuple(second[::-1])
