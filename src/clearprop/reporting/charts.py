"""Charts as SVG: lines and bands over time. Colours come from the page's style sheet."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.reporting.markup import Markup, element
from clearprop.reporting.scales import Scale, label
from clearprop.speech import say

WIDTH, HEIGHT = 460, 250
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 12, 40
Write = Callable[[float], str]
_LARGEST = 1e250
COLUMNS = 400
"""More points than this are drawn as what they span in each column of pixels."""


@dataclass(frozen=True)
class Line:
    """A curve; `style` names its classes in the style sheet: a colour, `dashed`, `thin`, `dots`."""

    name: str
    x: np.ndarray
    y: np.ndarray
    style: str = "a"


@dataclass(frozen=True)
class Band:
    """What lies between two curves."""

    name: str
    x: np.ndarray
    low: np.ndarray
    high: np.ndarray
    style: str = "a"


Marks = Sequence[Line | Band]


def chart(
    marks: Marks, *, title: str, x_label: str, log: bool = False, write: Write = label
) -> Markup:
    """Draw curves as a figure with a title and a legend.

    What is not finite, or so large that its scale would not be, is left out, on a logarithmic axis
    also what is not positive; a chart without anything to draw says so.
    """
    marks = drawable(marks, log)
    heading = element("figcaption", element("strong", title), _legend(marks))
    if not marks:
        return element("figure", heading, element("p", say("Nothing to draw."), class_="faint"))
    drawing = plot(marks, title=title, x_label=x_label, log=log, write=write)
    return element("figure", heading, drawing)


def drawable(marks: Marks, log: bool = False) -> list[Line | Band]:
    """What is left of curves without what is not finite, or not positive on a logarithmic axis."""
    return [kept for mark in marks if (kept := _finite(mark, log)) is not None]


def plot(
    marks: Marks, *, title: str, x_label: str, log: bool = False, write: Write = label, **more: Any
) -> Markup:
    """Draw curves that are `drawable`, one at least, as an SVG element of `WIDTH` by `HEIGHT`."""
    xs = np.concatenate([mark.x for mark in marks])
    ys = np.concatenate([y for mark in marks for y in _heights(mark)])
    x_scale = Scale(*_room(xs.min(), xs.max(), 0.0), LEFT, WIDTH - RIGHT)
    y_scale = Scale(*_room(ys.min(), ys.max(), 0.04, log), HEIGHT - BOTTOM, TOP, log)
    drawn = [_band(m, x_scale, y_scale) for m in marks if isinstance(m, Band)]
    drawn += [_line(m, x_scale, y_scale) for m in marks if isinstance(m, Line)]
    return element(
        "svg",
        element("title", title),
        element("desc", _described(marks, write)),
        *_grid(y_scale, write),
        *_bottom(x_scale, x_label),
        *drawn,
        view_box=f"0 0 {WIDTH} {HEIGHT}",
        class_="chart",
        role="img",
        aria_label=f"{title}. {_described(marks, write)}",
        **more,
    )


def _legend(marks: Marks) -> Markup | None:
    entries = []
    for mark in marks:
        if mark.name:
            key = element("i", class_=f"key {mark.style} {type(mark).__name__.lower()}")
            entries.append(element("span", key, mark.name, class_="entry"))
    return element("span", *entries, class_="legend") if entries else None


def _finite(mark: Line | Band, log: bool) -> Line | Band | None:
    good = abs(mark.x) < _LARGEST
    for y in _heights(mark):
        good &= (abs(y) < _LARGEST) & ((y > 1 / _LARGEST) if log else True)
    heights = (y[good] for y in _heights(mark))
    return type(mark)(mark.name, mark.x[good], *heights, style=mark.style) if good.any() else None


def _heights(mark: Line | Band) -> tuple[np.ndarray, ...]:
    return (mark.y,) if isinstance(mark, Line) else (mark.low, mark.high)


def _room(low: float, high: float, share: float, log: bool = False) -> tuple[float, float]:
    """Widen a range by a share on both sides, and one that has no width to one that has."""
    low, high = float(low), float(high)
    if log:
        factor = (high / low) ** share if high > low else 2.0
        return low / factor, high * factor
    width = (high - low) * share if high > low else max(abs(high), 1.0) / 2
    return low - width, high + width


def _grid(scale: Scale, write: Write) -> list[Markup]:
    parts = []
    for value, y in scale.ticks:
        parts.append(element("path", d=f"M{LEFT} {y:.1f}H{WIDTH - RIGHT}", class_="grid"))
        parts.append(element("text", write(value), x=LEFT - 7, y=y + 4, class_="tick end"))
    return parts


def _bottom(scale: Scale, x_label: str) -> list[Markup]:
    y = HEIGHT - BOTTOM
    parts = [element("path", d=f"M{LEFT} {y}H{WIDTH - RIGHT}", class_="axis")]
    for value, x in scale.ticks:
        parts.append(element("path", d=f"M{x:.1f} {y}v4", class_="axis"))
        parts.append(element("text", label(value), x=x, y=y + 18, class_="tick middle"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(element("text", x_label, x=middle, y=HEIGHT - 5, class_="tick middle"))
    return parts


def _line(mark: Line, x_scale: Scale, y_scale: Scale) -> Markup:
    x, y = x_scale(mark.x), y_scale(mark.y)
    if "dots" in mark.style:  # not one after the other: a cloud
        cloud = zip(x.tolist(), y.tolist(), strict=True)
        dots = (element("circle", cx=a, cy=b, r=2.2, class_=f"dot {mark.style}") for a, b in cloud)
        return element("g", *dots)
    if len(x) > 2 * COLUMNS:
        x, y = _spanned(x, y)
    points = list(zip(x.tolist(), y.tolist(), strict=True))
    line = element("polyline", points=_joined(points), class_=f"line {mark.style}")
    if len(points) > 25 or "thin" in mark.style:
        return line
    dot = f"dot {mark.style}"
    return element(
        "g", line, *(element("circle", cx=a, cy=b, r=2.6, class_=dot) for a, b in points)
    )


def _band(mark: Band, x_scale: Scale, y_scale: Scale) -> Markup:
    x, low, high = x_scale(mark.x), y_scale(mark.low), y_scale(mark.high)
    if len(x) == 1:  # a moment alone has no width: give it some
        x, low, high = (np.repeat(v, 2) for v in (x, low, high))
        x = x + np.array([-4.0, 4.0])
    there = zip(x.tolist(), high.tolist(), strict=True)
    back = zip(x[::-1].tolist(), low[::-1].tolist(), strict=True)
    return element("polygon", points=_joined((*there, *back)), class_=f"band {mark.style}")


def _joined(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _spanned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the lowest and the highest point of each column: no peak is lost."""
    edges = np.linspace(0, len(x), COLUMNS + 1).astype(int)[:-1]
    lows, highs = np.minimum.reduceat(y, edges), np.maximum.reduceat(y, edges)
    return np.repeat(x[edges], 2), np.stack([highs, lows], axis=1).reshape(-1)


def _described(marks: Marks, write: Write) -> str:
    """The chart for those who do not see it: where each curve begins and ends."""
    told = [
        say("{name}: from {a} to {b}", name=m.name, a=_end(m.y[0], write), b=_end(m.y[-1], write))
        for m in marks
        if isinstance(m, Line) and m.name
    ]
    return "; ".join(told) or say("A distribution over time.")


def _end(y: float, write: Write) -> str:
    return write(float(f"{y:.4g}"))
