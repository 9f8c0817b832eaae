"""A scene as SVG text."""

from collections.abc import Iterable, Iterator
from html import escape

from clearprop.drawing.routes import HEAD
from clearprop.drawing.scene import Arrow, Box, Label, Mark, Path, Scene, Shape
from clearprop.drawing.theme import Theme, style


def write_svg(scene: Scene, theme: Theme = None) -> str:
    """Write a scene as an SVG picture.

    Everything is drawn with plain shapes and classes; there is no script, and nothing is fetched.
    Each part of the picture is a group with its id in `data-id` (see `scene`), and says in a
    `<title>` what it is.
    """
    return "\n".join(_parts(scene, theme)) + "\n"


def _parts(scene: Scene, theme: Theme) -> Iterator[str]:
    w, h = num(scene.width), num(scene.height)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="clearprop" viewBox="0 0 {w} {h}" '
        f'width="{w}" height="{h}" role="img" aria-label="{escaped(scene.title)}">'
    )
    yield f"<style>\n{style(theme)}\n</style>"
    yield f'<rect class="paper" width="{w}" height="{h}" rx="8"/>'
    for part in (*scene.frames, *scene.arrows, *scene.shapes, *scene.labels):
        yield _group(part)
    yield from map(mark_text, scene.notes)
    yield "</svg>"


def _group(part: Shape | Arrow | Label) -> str:
    match part:
        case Shape(kind=kind):
            inside = body(part)
        case Label():
            kind, inside = f"label {part.kind}", texts(part.marks)
        case Arrow():
            kind, inside = "arrow", lines(part.forward, "fwd")
            inside += lines(part.backward, "back") if part.backward is not None else ""
    title = f"<title>{escaped(part.tip)}</title>" if part.tip else ""
    return f'<g class="g-{kind}" data-id="{escaped(part.id)}">{title}{inside}</g>'


def body(shape: Shape) -> str:
    """What a shape is drawn as, and what is written in it."""
    return _outline(shape) + texts(shape.marks)


def _outline(shape: Shape) -> str:
    box = shape.box
    corner = {"operation": min(21.0, box.height / 2), "parameter": 6, "frame": 10}
    if shape.kind == "fork" or (shape.kind == "input" and not shape.marks):
        r = box.width / 2
        kind, less = ("dot", 0) if shape.kind == "fork" else ("operation box", 1)
        x, y = num(box.x + r), num(box.y + r)
        return f'<circle class="{kind}" cx="{x}" cy="{y}" r="{num(r - less)}"/>'
    if shape.kind in ("input", "constant", "output"):
        return ""
    rx = num(corner.get(shape.kind, 9))
    return f'<rect class="{shape.kind} box" {place(box)} rx="{rx}"/>'


def place(box: Box | Mark) -> str:
    """The attributes of a rectangle that say where it is."""
    x, y, width, height = map(num, (box.x, box.y, box.width, box.height))
    return f'x="{x}" y="{y}" width="{width}" height="{height}"'


def lines(path: Path, kind: str) -> str:
    """A line and its head; `kind` is `fwd` or `back`."""
    x, y = path.start
    d = [f"M{num(x)} {num(y)}"]
    for curve in path.curves:
        if len(curve) == 1:
            (nx, ny) = curve[0]
            d.append(f"H{num(nx)}" if ny == y else f"L{num(nx)} {num(ny)}")
        else:
            d.append("C" + " ".join(f"{num(px)} {num(py)}" for px, py in curve))
        x, y = curve[-1]
    line = f'<path class="line {kind}" d="{"".join(d)}"/>'
    if path.head is None:
        return line
    return f'{line}<path class="{kind}-head" d="{head(*path.head)}"/>'


def head(x: float, y: float, dx: float, dy: float) -> str:
    """The path of an arrowhead with its tip at (x, y) that points along (dx, dy)."""
    bx, by = x - HEAD * dx, y - HEAD * dy
    wx, wy = -dy * HEAD * 0.4, dx * HEAD * 0.4
    points = ((x, y), (bx + wx, by + wy), (bx - wx, by - wy))
    return "M" + "L".join(f"{num(px)} {num(py)}" for px, py in points) + "z"


def texts(marks: Iterable[Mark]) -> str:
    """Strokes of the pen, one after the other."""
    return "".join(map(mark_text, marks))


def mark_text(mark: Mark) -> str:
    """A stroke of the pen."""
    kind = f' class="{mark.style}"' if mark.style else ""
    x, y = num(mark.x), num(mark.y)
    if mark.kind == "path":
        return f'<path{kind} transform="translate({x} {y})" d="{mark.content}"/>'
    if mark.kind == "image":
        return f'<image{kind} {place(mark)} preserveAspectRatio="none" href="{mark.content}"/>'
    anchor = f' text-anchor="{mark.anchor}"' if mark.anchor != "start" else ""
    return (
        f'<text{kind} x="{x}" y="{y}" font-size="{num(mark.size)}"{anchor}>'
        f"{escaped(mark.content)}</text>"
    )


def escaped(text: str) -> str:
    """A text that may stand between tags or in an attribute, and means nothing there."""
    return escape(text, quote=True).replace("\n", "&#10;")


def num(x: float) -> str:
    """A coordinate, without a tail of digits."""
    text = f"{x:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
