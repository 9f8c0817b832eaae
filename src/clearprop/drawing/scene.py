"""Scene: what a picture shows and where, before anybody writes it down.

A scene is made once by the layout and then only read: by the SVG writer, and by whoever wants to
show its parts one after the other. Everything in it has its place in pixels, x to the right and y
downward, and an `id` that stays the same from run to run, whatever is opened elsewhere.

    Scene
    ├─ frames    rectangles around the inside of opened layers and networks, outermost first
    ├─ shapes    operations, closed layers, leaves, outputs, the dots where a value forks
    ├─ arrows    a value on its way forward, and its derivative on the way back beside it
    └─ labels    the value above an arrow and the derivative below it

**Ids.** `n3` is the fourth node of the graph, `n3/n0` the first node inside it. `x0` is the first
of the graph's leaves (`graph.leaves`), `n3.1` the constant that is operand 1 of node `n3`; an
output's end is `out0`. The **flow** of a value, from where it is made to where it is used, is
named after its source: `n3`, or `n3:1` for the second of several results, `x0`, `n3.1`. A flow
that goes on inside an opened node is `n3/x0` there. A fork's dot is the flow's name with `+`, an
arrow `flow>target`.
"""

from dataclasses import dataclass, field
from typing import Literal

from clearprop.drawing.outline import End, Flow, Kind


@dataclass(frozen=True, slots=True)
class Mark:
    """A stroke of the pen: a text, a path or an image, at (x, y).

    - `text`: `content` with its baseline at y; `anchor` is start, middle or end;
    - `path`: `content` is SVG path data, moved by (x, y);
    - `image`: `content` is a `data:` address, (x, y) its upper left corner.

    `style` are the classes of the style sheet.
    """

    kind: Literal["text", "path", "image"]
    x: float
    y: float
    content: str
    style: str = ""
    size: float = 0.0
    anchor: Literal["start", "middle", "end"] = "start"
    width: float = 0.0
    height: float = 0.0

    def moved(self, dx: float, dy: float) -> "Mark":
        """The same mark elsewhere."""
        return Mark(  # of thousands: `replace` would take a tenth of the time of a picture
            self.kind,
            self.x + dx,
            self.y + dy,
            self.content,
            self.style,
            self.size,
            self.anchor,
            self.width,
            self.height,
        )


@dataclass(frozen=True, slots=True)
class Block:
    """Some marks in a rectangle whose upper left corner is (0, 0)."""

    width: float = 0.0
    height: float = 0.0
    marks: tuple[Mark, ...] = ()

    def at(self, x: float, y: float) -> tuple[Mark, ...]:
        """The marks with the block's corner put at (x, y)."""
        return tuple(mark.moved(x, y) for mark in self.marks)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of the right side."""
        return self.x + self.width


@dataclass(frozen=True, slots=True)
class Shape:
    """An operation, a layer, a leaf, an output, a fork or a frame."""

    id: str
    kind: Kind
    box: Box
    marks: tuple[Mark, ...]
    tip: str
    """What a tooltip says."""
    parent: str | None = None
    """The id of the frame it stands in."""


@dataclass(frozen=True, slots=True)
class Path:
    """A line: a start and cubic Bézier curves, each (control, control, end); and its heads."""

    start: tuple[float, float]
    curves: tuple[tuple[tuple[float, float], ...], ...]
    head: tuple[float, float, float, float] | None = None
    """Tip and direction (x, y, dx, dy) of the arrowhead, if the line ends in one."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """A value on its way from a source to one of its users, and the derivative on its way back."""

    id: str
    flow: Flow
    end: End | None
    """Which use of the value it goes to; `None` for the stretch before a fork."""
    source: str
    target: str
    forward: Path
    backward: Path | None
    """Its start is at the target and its end at the source; `None` if there is no derivative."""
    tip: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """The value above an arrow or the derivative below it."""

    id: str
    flow: Flow
    end: End | None
    """The branch of a fork whose share it is, if it is not that of the whole."""
    kind: Literal["value", "derivative"]
    box: Box
    marks: tuple[Mark, ...]
    tip: str
    parent: str | None = None


@dataclass(slots=True)
class Scene:
    """A picture that has been laid out; see the module's text."""

    width: float = 0.0
    height: float = 0.0
    frames: list[Shape] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    notes: list[Mark] = field(default_factory=list)
    """Words below the picture: what was folded, what the colours mean."""
    title: str = ""
