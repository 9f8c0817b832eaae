"""The picture of a view, its parts marked with the step at which they appear.

All places come from the scene. A part that is there from a later step on has that step in
`data-at`; a part that can be pointed at has in `data-peek` what it shows. Without the script, and
on paper, everything is visible.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from clearprop.drawing.outline import LEAVES, End, Flow
from clearprop.drawing.scene import Arrow, Box, Label, Scene, Shape
from clearprop.drawing.svg import body, escaped, lines, mark_text, num, place, texts
from clearprop.page.order import Timetable

_SIGN = 8.0
"""Half the size of the sign at a layer's corner that opens it."""


class Picture(NamedTuple):
    """SVG text, and what its parts refer to."""

    svg: str
    peeks: list[tuple[Flow, End | None]]
    """The values that can be pointed at; for the branch of a fork, also which."""
    lit: list[list[str]]
    """For each step the parts that stand out."""


class Painter:
    """Writes one scene."""

    def __init__(
        self,
        scene: Scene,
        timetable: Timetable,
        known: dict[tuple[Flow, End | None], int] | None = None,
    ) -> None:
        """`known` are the values that another picture of the same can point at."""
        self.scene, self.timetable = scene, timetable
        self.flows = {flow.id: flow for flow in timetable.flows}
        self.known: dict[tuple[Flow, End | None], int] = {} if known is None else known

    def paint(
        self, label: str, titles: dict[str, str], opens: dict[str, Any], closes: dict[str, Any]
    ) -> Picture:
        """Write the picture.

        `titles` say what a node does, by id. `opens` and `closes` are the layers and frames that
        can be opened and closed, by id: the view to go to, and the name.
        """
        w, h = num(self.scene.width), num(self.scene.height)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="clearprop" viewBox="0 0 {w} {h}" '
            f'width="{w}" height="{h}" role="group" aria-label="{escaped(label)}">'
        ]
        parts += [self._frame(frame, closes) for frame in self.scene.frames]
        for arrow in self.scene.arrows:
            parts += self._arrow(arrow)
        parts += [self._shape(shape, titles, opens) for shape in self._in_order()]
        parts += map(self._label, self.scene.labels)
        parts += map(mark_text, self.scene.notes)
        return Picture("\n".join([*parts, "</svg>"]), [*self.known], self._lit())

    # Parts.

    def _peek(self, flow: Flow | None, end: End | None = None) -> str:
        if flow is None:
            return ""
        return f' data-peek="{self.known.setdefault((flow, end), len(self.known))}"'

    def _frame(self, frame: Shape, closes: dict[str, Any]) -> str:
        inside = body(frame) + _sign(frame, "close", closes)
        return f'<g class="g-frame" data-id="{frame.id}">{inside}</g>'

    def _arrow(self, arrow: Arrow) -> Iterator[str]:
        at = _at(self.timetable.value_at[arrow.flow])
        yield f'<g class="g-arrow" data-id="{arrow.id}"{at}>{lines(arrow.forward, "fwd")}</g>'
        if arrow.backward is not None:
            at = _at(self.timetable.back_at(arrow.flow, arrow.end))
            name = f"{arrow.id}:back"
            yield f'<g class="g-back" data-id="{name}"{at}>{lines(arrow.backward, "back")}</g>'

    def _in_order(self) -> list[Shape]:
        """Leaves first, then the nodes in the order of the forward pass, for those who tab."""
        step = {item.id: n for item, n in self.timetable.step_of.items()}
        step |= {s.id: len(step) + 1 for s in self.scene.shapes if s.kind == "output"}
        return sorted(self.scene.shapes, key=lambda s: step.get(s.id, 0))

    def _shape(self, shape: Shape, titles: dict[str, str], opens: dict[str, Any]) -> str:
        kind = f'class="g-{shape.kind}" data-id="{shape.id}"'
        if shape.kind == "fork":
            return f"<g {kind}>{body(shape)}</g>"
        peek = self._peek(self._flow_of(shape))
        label = escaped(titles.get(shape.id, ""))
        role = "img" if shape.kind in (*LEAVES, "output") else "button"
        # What has no outline of its own can be pointed at all the same.
        bare = role == "img" and shape.kind != "parameter"
        reach = _reach(shape.box) if bare else ""
        return (
            f'<g {kind}{peek} tabindex="0" role="{role}" aria-label="{label}">'
            f"{reach}{body(shape)}</g>{_sign(shape, 'open', opens)}"
        )

    def _flow_of(self, shape: Shape) -> Flow | None:
        """The value that a shape stands for: what it makes, or for an output what comes in."""
        if shape.kind == "output":
            return next((a.flow for a in self.scene.arrows if a.target == shape.id), None)
        return self.flows.get(shape.id) or self.flows.get(f"{shape.id}:0")

    def _label(self, label: Label) -> str:
        at = self.timetable.value_at[label.flow]
        if label.kind == "derivative":
            at = self.timetable.back_at(label.flow, label.end)
        inside = _reach(label.box) + texts(label.marks)
        peek = self._peek(label.flow, label.end)
        return f'<g class="g-label {label.kind}" data-id="{label.id}"{_at(at)}{peek}>{inside}</g>'

    # What stands out.

    def _lit(self) -> list[list[str]]:
        into: dict[str, list[str]] = {}
        of: dict[str, list[str]] = {}
        for arrow in self.scene.arrows:
            into.setdefault(arrow.target, []).append(arrow.id)
            of.setdefault(arrow.flow.id, []).append(arrow.id)
        known = {p.id for p in (*self.scene.shapes, *self.scene.arrows, *self.scene.labels)}
        known |= {f"{a.id}:back" for a in self.scene.arrows if a.backward is not None}
        found = []
        for moment in self.timetable.moments:
            lit: list[str] = []
            item, flow = moment.item, moment.flow
            if item is not None:
                made = [f.id for f in self.timetable.going.get(item, {}).values()]
                came = into.get(item.id, [])
                lit = [item.id]
                if moment.phase == "forward":
                    lit += came + [f"{name}:value" for name in made]
                else:
                    upstream = [f"{id}:back" for name in made for id in of.get(name, [])[:1]]
                    lit += upstream + [f"{id}:back" for id in came]
                    lit += [f"{id}:derivative" for id in came]
                    lit += [f"{id.split('>')[0]}:derivative" for id in came if "+>" not in id]
            elif flow is not None:
                lit = [f"{flow.id}+", f"{flow.id}:derivative"]
                lit += [f"{id}:back" for id in of.get(flow.id, [])]
            elif moment.phase == "seed":
                outs = [s.id for s in self.scene.shapes if s.kind == "output"]
                lit = [f"{id}:back" for out in outs for id in into.get(out, [])]
                lit += [f"{id.split('>')[0]}:derivative" for o in outs for id in into.get(o, [])]
            found.append([id for id in lit if id in known])
        return found


def _at(step: int) -> str:
    return f' data-at="{step}"' if step else ""


def _reach(box: Box) -> str:
    """The rectangle in which a part can be pointed at."""
    return f'<rect class="reach" {place(box)}/>'


def _sign(shape: Shape, kind: str, views: dict[str, Any]) -> str:
    """A plus or minus in a circle at the corner of a layer or a frame, if there is such a view."""
    if shape.id not in views:
        return ""
    x, y, s = shape.box.right - 6, shape.box.y + 2, _SIGN / 2
    path = f"M{num(-s)} 0H{num(s)}" + (f"M0 {num(-s)}V{num(s)}" if kind == "open" else "")
    return (
        f'<g class="sign" data-view="{views[shape.id][0]}" data-sign="{kind}" data-of="{shape.id}" '
        f'tabindex="0" role="button" transform="translate({num(x)} {num(y)})">'
        f'<circle r="{num(_SIGN)}"/><path d="{path}"/></g>'
    )
