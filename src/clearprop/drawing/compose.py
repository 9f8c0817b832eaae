"""From places to a scene: every shape, every line and every label with its coordinates."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.drawing import routes
from clearprop.drawing.arranging import ABOVE, DOT, HEADER, Arrangement, Line
from clearprop.drawing.digest import rest, sentence
from clearprop.drawing.faces import SMALL, beside, lines
from clearprop.drawing.measure import clean, text_width
from clearprop.drawing.outline import LEAVES, End, Flow, Item, Scope
from clearprop.drawing.routes import Arrival, Stretch
from clearprop.drawing.scene import Arrow, Block, Box, Label, Mark, Scene, Shape
from clearprop.drawing.shapes import TOUCH, arrivals, operand_marks, tip_of

MARGIN = 18.0


def compose(scope: Scope, title: str = "", legend: bool = True) -> Scene:
    """Lay out an outline; the `legend` says which arrow is which."""
    inputs = sum(item.kind == "input" for item in scope.items)
    nodes = sum(item.kind in ("operation", "layer", "frame") for item in scope.items)
    # In a small picture all inputs stand in one column at the left, as in the book.
    arrangement = Arrangement(scope, inputs_left=inputs <= 8 and nodes <= 12)
    scene = Scene(title=title)
    _Composer(scene, arrangement, MARGIN, MARGIN, None).run()
    layout = arrangement.layout
    scene.width = layout.width + 2 * MARGIN
    scene.height = layout.height + 2 * MARGIN
    if legend:
        _add_legend(scene, scope)
    for note in _notes(scope):
        _add_note(scene, lines([clean(note)], SMALL, "faint"))
    scene.width, scene.height = round(scene.width, 1), round(scene.height, 1)
    return scene


def _notes(scope: Scope) -> Iterator[str]:
    closed = [i for i in scope.all_items() if i.why_closed and i.kind == "layer"]
    if closed:
        what = closed[0].name if len(closed) == 1 else f"{len(closed)} layers"
        reason = closed[0].why_closed.removeprefix(f"{closed[0].name} ")
        yield f"{what}: {reason}" if len(closed) == 1 else f"{what} are left closed: {reason}"


def _add_legend(scene: Scene, scope: Scope) -> None:
    """Say what the two kinds of arrow and number are, once there are two."""
    if not any(arrow.backward for arrow in scene.arrows):
        return
    what = " + ".join(_started(scope))
    if not what or text_width(what, SMALL) > 200:
        what = "the result"
    one, two = lines(["→ value"], SMALL), lines([f"← derivative of {what}"], SMALL, "d")
    _add_note(scene, beside(one, two, 14))


def _started(scope: Scope) -> Iterator[str]:
    """What is differentiated: the results with what their derivatives started with."""
    for flow in scope.flows:
        for end in flow.ends:
            if end.item is not None and end.item.kind == "output" and end.derivative is not None:
                name = clean(end.item.name) or "the result"
                dout = end.derivative
                if np.all(dout == 1):
                    yield name if np.size(dout) == 1 else f"Σ {name}"
                else:
                    yield f"dout · {name}" if np.size(dout) == 1 else f"Σ dout · {name}"


def _add_note(scene: Scene, block: Block) -> None:
    scene.notes += block.at(MARGIN, scene.height - MARGIN + 12)
    scene.height += block.height + 6
    scene.width = max(scene.width, block.width + 2 * MARGIN)


class _Composer:
    """Puts one scope into the scene, its corner at (dx, dy)."""

    def __init__(
        self, scene: Scene, arrangement: Arrangement, dx: float, dy: float, parent: str | None
    ) -> None:
        self.scene, self.a, self.dx, self.dy, self.parent = scene, arrangement, dx, dy, parent
        self.numbers: dict[Item, tuple[Mark, ...]] = {}

    def run(self) -> None:
        """Frames first, then what is in them."""
        for item, inner in self.a.inner.items():
            self._frame(item, inner)
        ways = {id(line): self._way(line) for line in self.a.lines}
        meets = self._arrivals(ways)
        self._stagger(ways, meets)
        for item in self.a.bodies:
            self._shape(item)
        self._forks()
        for line in self.a.lines:
            self._arrow(line, ways[id(line)], meets[id(line)])
        for key in self.a.labels:
            self._label(key)
        for item, inner in self.a.inner.items():
            box = self._box(item)
            place = (box.x + inner.left, box.y + inner.top)
            _Composer(self.scene, inner, *place, item.id).run()

    # Where things are.

    def _side(self, v: int) -> tuple[float, float]:
        left, right = self.a.layout.columns[self.a.layout.column[v]]
        return left + self.dx, right + self.dx

    def _y(self, v: int) -> float:
        return self.a.layout.y[v] + self.dy

    def _box(self, item: Item) -> Box:
        v = self.a.place[item]
        left, right = self._side(v)
        vertex = self.a.vertices[v]
        x = (left + right - vertex.width) / 2
        if item.kind in LEAVES:
            x = right - vertex.width
        elif item.kind == "output":
            x = left
        return Box(
            round(x, 2), round(self._y(v) - vertex.up, 2), vertex.width, vertex.up + vertex.down
        )

    # Shapes.

    def _frame(self, item: Item, inner: Arrangement) -> None:
        box = self._box(item)
        marks = inner.title.at(box.x + 12, box.y + (HEADER - 20) / 2)
        self.scene.frames.append(Shape(item.id, "frame", box, marks, tip_of(item), self.parent))

    def _shape(self, item: Item) -> None:
        box, block = self._box(item), self.a.bodies[item].block
        marks = block.at(
            box.x + (box.width - block.width) / 2, box.y + (box.height - block.height) / 2
        ) + self.numbers.get(item, ())
        self.scene.shapes.append(Shape(item.id, item.kind, box, marks, tip_of(item), self.parent))

    def _forks(self) -> None:
        for flow in self.a.scope.flows:
            if len(flow.ends) < 2:
                continue
            x, y = self._fork(flow)
            box = Box(x - DOT, y - DOT, 2 * DOT, 2 * DOT)
            tip = "the value goes several ways; the derivatives that come back are summed"
            self.scene.shapes.append(Shape(f"{flow.id}+", "fork", box, (), tip, self.parent))

    def _fork(self, flow: Flow) -> tuple[float, float]:
        v = self.a.place.get((flow, "+"))
        if v is not None:
            return self._side(v)[1] - DOT, self._y(v)
        v = self.a.place.get(flow)
        if v is None:  # a constant
            assert flow.source is not None
            v = self.a.place[flow.source]
        return self._side(v)[1], self._y(v)

    # Arrows.

    def _way(self, line: Line) -> list[Stretch]:
        """The level stretches of a line, from its source to before its target."""
        way = [self._start(line)]
        for n, e in enumerate(line.edges):
            for c, y in self.a.layout.bends[e]:
                left, right = self.a.layout.columns[c]
                way.append(Stretch(left + self.dx, right + self.dx, y + self.dy, c))
            at_end = n == len(line.edges) - 1
            if not at_end or (line.end is None and (line.flow, "+") not in self.a.place):
                v = self.a.edges[e].head
                way.append(Stretch(*self._side(v), self._y(v), self.a.layout.column[v]))
        return way

    def _start(self, line: Line) -> Stretch:
        flow, edge = line.flow, self.a.edges[line.edges[0]]
        y = self._y(edge.tail) + edge.tail_at
        column = self.a.layout.column[edge.tail]
        x = right = self._side(edge.tail)[1]
        if line.end is not None and len(flow.ends) > 1:
            x = right = self._fork(flow)[0] + DOT - 0.5
        elif flow.source is not None:
            x = self._box(flow.source).right + (0.0 if flow.source in self.a.inner else TOUCH)
        return Stretch(x, max(x, right), y, column)

    def _arrivals(self, ways: dict[int, list[Stretch]]) -> dict[int, Arrival]:
        meets: dict[int, Arrival] = {}
        together: dict[Item, list[Line]] = {}
        for line in self.a.lines:
            item = line.end.item if line.end is not None else None
            if item is not None and item not in self.a.inner:
                together.setdefault(item, []).append(line)
                continue
            edge = self.a.edges[line.edges[-1]]
            y = self._y(edge.head) + edge.head_at
            if line.end is None:
                x, y = self._fork(line.flow)
                x -= DOT - 0.5
            elif item is None:
                x = self._side(edge.head)[1]
            else:
                # A frame may stand in the column of a wider one: the line must not still be
                # climbing or falling where it passes that.
                x = self._box(item).x
                left, c = self._side(edge.head)[0], self.a.layout.column[edge.head]
                if x - left > 1:
                    ways[id(line)].append(Stretch(left, left, y, c))
            meets[id(line)] = Arrival(x, y)
        for item, several in together.items():
            box, body = self._box(item), self.a.bodies[item]
            axis = box.y + body.axis
            several.sort(key=lambda line: (ways[id(line)][-1].y, line.end and line.end.operand))
            last = [ways[id(line)][-1] for line in several]
            v = self.a.place[item]
            left, c = self._side(v)[0], self.a.layout.column[v]
            heights, room = [s.y for s in last], [box.x - s.right for s in last]
            found = arrivals(body, box.x, axis, heights, room, box.x - left)
            operands = [line.end.operand if line.end else 0 for line in several]
            self.numbers[item] = operand_marks(item, body, box.x, axis, operands, found)
            for line, arrival in zip(several, found, strict=True):
                meets[id(line)] = arrival
                if box.x - left > 1 and not arrival.angle:  # level inside the column
                    ways[id(line)].append(Stretch(left, left, arrival.y, c))
        return meets

    def _stagger(self, ways: dict[int, list[Stretch]], meets: dict[int, Arrival]) -> None:
        """Let lines that climb or fall between two columns turn one after the other."""
        bends: dict[int, list[tuple[float, float, int, int]]] = {}
        for name, way in ways.items():
            heights = [*(b.y for b in way[1:]), meets[name].y]
            for i, (a, y) in enumerate(zip(way, heights, strict=True)):
                bends.setdefault(a.column, []).append((a.y, y, name, i + 1))
        for several in bends.values():
            turns = routes.stagger([(a, b) for a, b, _, _ in several])
            for turn, (_, _, name, i) in zip(turns, several, strict=True):
                if turn == 0.5:
                    continue
                if i < len(ways[name]):
                    ways[name][i] = replace(ways[name][i], turn=turn)
                else:
                    meets[name] = replace(meets[name], turn=turn)

    def _arrow(self, line: Line, way: list[Stretch], arrival: Arrival) -> None:
        flow, end = line.flow, line.end
        source, target = flow.source, end.item if end else None
        split = len(flow.ends) > 1 and end is not None
        derivative = end.derivative if split and end else flow.derivative
        double = derivative is not None
        head = target is not None
        if end is not None and target is not None and target in self.a.inner:
            # The line may go on behind the border.
            head = not self.a.inner[target].scope.ports[end.operand].ends
        ends_back = not split and source is not None and source not in self.a.inner
        left = flow.left[1] if derivative is flow.derivative or end is None else end.left
        tip = f"value {sentence(flow.value, exact=True)}{rest(flow.left[0])}"
        tip += f"\nderivative {sentence(derivative, exact=True)}{rest(left)}" if double else ""
        goal, operand = f"{flow.id}+", ""
        if end is not None and target is None:
            goal = f"{self.parent}/out{end.operand}"
        elif end is not None and target is not None:
            goal, operand = target.id, f".{end.operand}"
        self.scene.arrows.append(
            Arrow(
                id=f"{flow.id}{'+' if split else ''}>{goal}{operand}",
                flow=flow,
                end=end,
                source=f"{flow.id}+" if split else source.id if source else flow.id,
                target=goal,
                forward=routes.forward(way, arrival, double, head),
                backward=routes.backward(way, arrival, ends_back) if double else None,
                tip=tip,
                parent=self.parent,
            )
        )

    # Labels.

    def _label(self, key: Flow | End) -> None:
        v = self.a.place[key]
        left, right = self._side(v)
        y = self._y(v)
        flow, value, derivative = self.a.labels[key]
        end = key if isinstance(key, End) else None
        branch = f"+>{end.item and end.item.id}.{end.operand}" if end else ""
        lift = ABOVE if derivative.height else ABOVE - routes.APART + 1
        kinds: Any = (
            ("value", flow.value, value, y - lift - value.height),
            ("derivative", key.derivative, derivative, y + ABOVE),
        )
        lefts = (flow.left[0], end.left if end else flow.left[1])
        for (kind, array, block, top), of_zero in zip(kinds, lefts, strict=True):
            if block.height:
                x = (left + right) / 2 - block.width / 2
                box = Box(*(round(z, 2) for z in (x, top, block.width, block.height)))
                tip = "∂ " * (kind == "derivative") + sentence(array, exact=True) + rest(of_zero)
                name, marks = f"{flow.id}{branch}:{kind}", block.at(x, top)
                self.scene.labels.append(Label(name, flow, end, kind, box, marks, tip, self.parent))


def text_marks(scene: Scene) -> Iterator[Mark]:
    """Every text of a scene."""
    for part in (*scene.frames, *scene.shapes, *scene.labels):
        yield from (mark for mark in part.marks if mark.kind == "text")
    yield from scene.notes
