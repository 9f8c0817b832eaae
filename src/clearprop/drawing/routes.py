"""The lines between things: forward above, backward below, side by side all the way."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from clearprop.drawing.scene import Path

Point = tuple[float, float]
STEEP = 45.0
"""Lines that climb or fall more than this between two columns keep out of each other's way."""
APART = 4.0
"""How far the line forward and the line backward each are from the middle between them."""
HEAD = 8.0
"""The length of an arrowhead."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A level piece of a line."""

    left: float
    right: float
    y: float
    column: int
    turn: float = 0.5
    """Where in the space before it the line bends: 0 at once, 1 at the last moment."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a line meets its target, and at what angle: 0 is level, positive comes from below."""

    x: float
    y: float
    angle: float = 0.0
    turn: float = 0.5


def forward(way: Sequence[Stretch], end: Arrival, double: bool, head: bool) -> Path:
    """The line from the source, whose right side is the first stretch, to the target."""
    offset = -APART if double else 0.0
    return _line(way, end, offset, tip=HEAD * 0.75 if head else 0.0, head=head)


def backward(way: Sequence[Stretch], end: Arrival, head: bool) -> Path:
    """The line from the target back to the source."""
    there = _line(way, end, APART, tip=0.0, head=False)
    ends = [there.start, *(curve[-1] for curve in there.curves)]
    curves = [(*curve[-2::-1], end) for curve, end in zip(there.curves, ends, strict=False)][::-1]
    if not head:
        return Path(ends[-1], tuple(curves))
    x, y = there.start
    # The last piece stops where the head begins.
    curves[-1] = (*curves[-1][:-1], (x + HEAD * 0.75, y))
    return Path(ends[-1], tuple(curves), (x, y, -1.0, 0.0))


def _line(way: Sequence[Stretch], end: Arrival, offset: float, tip: float, head: bool) -> Path:
    first = way[0]
    start = (first.left, first.y + offset)
    curves: list[tuple[Point, ...]] = []
    here = (first.right, first.y + offset)
    if here[0] > start[0]:
        curves.append((here,))
    for stretch in way[1:]:
        there = (stretch.left, stretch.y + offset)
        curves.append(_bend(here, there, offset, stretch.turn))
        here = (stretch.right, stretch.y + offset)
        if here[0] > there[0]:
            curves.append((here,))
    # The direction of travel at the end, and what is to the left of it, which is up.
    tx, ty = math.cos(end.angle), -math.sin(end.angle)
    x, y = end.x - offset * ty, end.y + offset * tx
    base = (x - tip * tx, y - tip * ty)
    curves.append(_bend(here, base, offset, end.turn, (tx, ty)))
    return Path(_rounded(start), _merged(_rounded(start), curves), (x, y, tx, ty) if head else None)


def _bend(
    a: Point, b: Point, offset: float, turn: float, towards: Point = (1.0, 0.0)
) -> tuple[Point, ...]:
    """A curve that leaves a level and arrives at b in the given direction."""
    (ax, ay), (bx, by) = a, b
    if abs(ay - by) < 0.01 and towards[1] == 0:
        return (b,)
    width = bx - ax
    # On a slope, two lines that are one above the other come close; shifting the turns of the
    # upper one to the outside keeps them apart.
    steep = max(-1.0, min(1.0, (by - ay) / max(width, 1.0)))
    shift = -offset * steep
    c1 = (ax + max(width * turn + shift, 2.0), ay)
    reach = max(width * (1 - turn) - shift, 2.0)
    if towards[1]:  # not so far that the line would swing out above or below where it comes from
        reach = min(reach, max((by - ay) / towards[1], 5.0))
    c2 = (bx - reach * towards[0], by - reach * towards[1])
    return c1, c2, b


def _merged(start: Point, curves: list[tuple[Point, ...]]) -> tuple[tuple[Point, ...], ...]:
    """Join level pieces that follow each other, and leave out those of no length."""
    merged: list[tuple[Point, ...]] = []
    here = start
    for curve in curves:
        curve = tuple(map(_rounded, curve))
        if curve[-1] == here and len(curve) == 1:
            continue
        if len(curve) == 1 and merged and len(merged[-1]) == 1 and curve[0][1] == here[1]:
            merged[-1] = curve
        else:
            merged.append(curve)
        here = curve[-1]
    return tuple(merged)


def stagger(bends: Sequence[tuple[float, float]]) -> list[float]:
    """Where lines that bend in one and the same space between two columns shall turn.

    `bends` are pairs (from y, to y). Lines that climb turn one after the other, the upper ones
    first, and lines that fall the lower ones first: so none meets another, and they do not crowd.

    >>> stagger([(0.0, 0.0), (200.0, 10.0), (100.0, 0.0)])
    [0.5, 0.57, 0.43]
    """
    turns = [0.5] * len(bends)
    for sign in (1, -1):
        steep = [i for i, (a, b) in enumerate(bends) if sign * (a - b) > STEEP]
        steep.sort(key=lambda i: (sign * bends[i][0], sign * bends[i][1], i))
        step = min(0.14, 0.7 / max(len(steep) - 1, 1))
        for k, i in enumerate(steep):
            turns[i] = round(0.5 + step * (k - (len(steep) - 1) / 2), 3)
    return turns


def _rounded(p: Point) -> Point:
    return round(p[0], 2), round(p[1], 2)
