"""What must hold of every picture, whatever is in it."""

from itertools import combinations

from clearprop.drawing.measure import text_width

SLACK = 0.6
"""Coordinates are rounded; this much is no overlap."""


def bottom_of(box):
    return box.y + box.height


def points(path):
    """The start of a line and every control and end point."""
    return [path.start, *(point for curve in path.curves for point in curve)]


def overlap(a, b):
    """Whether two rectangles share more than a rim."""
    return (
        min(a.right, b.right) - max(a.x, b.x) > SLACK
        and min(bottom_of(a), bottom_of(b)) - max(a.y, b.y) > SLACK
    )


def contains(outer, inner):
    return (
        inner.x >= outer.x - SLACK
        and inner.y >= outer.y - SLACK
        and inner.right <= outer.right + SLACK
        and bottom_of(inner) <= bottom_of(outer) + SLACK
    )


def text_box(mark):
    """Where a text stands: left, top, right, bottom."""
    width = text_width(mark.content, mark.size, "b" in mark.style.split())
    left = mark.x - {"start": 0, "middle": width / 2, "end": width}[mark.anchor]
    return left, mark.y - 0.8 * mark.size, left + width, mark.y + 0.22 * mark.size


def points_along(path, steps=16):
    """Points on a line, close to each other."""
    here = path.start
    yield here
    for curve in path.curves:
        if len(curve) == 1:
            (end,) = curve
            n = max(int(abs(end[0] - here[0]) // 4), 1)
            for i in range(1, n + 1):
                t = i / n
                yield (here[0] + t * (end[0] - here[0]), here[1] + t * (end[1] - here[1]))
        else:
            c1, c2, end = curve
            for i in range(1, steps + 1):
                t = i / steps
                u = 1 - t
                yield tuple(
                    u**3 * a + 3 * u * u * t * b + 3 * u * t * t * c + t**3 * d
                    for a, b, c, d in zip(here, c1, c2, end, strict=True)
                )
        here = end


def faults(scene):
    """Everything that is wrong with a picture, in words."""
    return [
        *_outside(scene),
        *_overlaps(scene),
        *_frames(scene),
        *_cut_off(scene),
        *_arrows(scene),
        *_lines_over_things(scene),
    ]


def parts(scene):
    """Everything with a rectangle that nothing else may stand on."""
    return [*(s for s in scene.shapes if s.box.width and s.box.height), *scene.labels]


def _outside(scene):
    for part in (*scene.frames, *parts(scene)):
        box = part.box
        if min(box.x, box.y) < 0 or box.right > scene.width or bottom_of(box) > scene.height:
            yield f"{part.id} leaves the picture"
    for mark in scene.notes:
        if mark.kind == "text" and not (mark.x >= 0 and text_box(mark)[2] <= scene.width):
            yield f"the note {mark.content!r} leaves the picture"
    for arrow in scene.arrows:
        for path in filter(None, (arrow.forward, arrow.backward)):
            if any(not (0 <= x <= scene.width and 0 <= y <= scene.height) for x, y in points(path)):
                yield f"{arrow.id} leaves the picture"


def _overlaps(scene):
    for a, b in combinations(parts(scene), 2):
        if overlap(a.box, b.box):
            yield f"{a.id} and {b.id} overlap: {a.box} {b.box}"


def _ancestors(part, frames):
    found = set()
    while part.parent is not None:
        found.add(part.parent)
        part = frames[part.parent]
    return found


def _frames(scene):
    frames = {frame.id: frame for frame in scene.frames}
    for part in (*scene.frames, *parts(scene)):
        around = _ancestors(part, frames)
        for frame in scene.frames:
            if frame is part or (part.id in frames and part.id in _ancestors(frame, frames)):
                continue
            if frame.id in around:
                if not contains(frame.box, part.box):
                    yield f"{part.id} leaves its frame {frame.id}"
                title = frame.box.y + 24
                if part.box.y < title - SLACK:
                    yield f"{part.id} stands on the title of {frame.id}"
            elif overlap(frame.box, part.box):
                yield f"{part.id} stands in {frame.id}, where it does not belong"


def _cut_off(scene):
    for part in (*scene.frames, *scene.shapes, *scene.labels):
        for mark in part.marks:
            if mark.kind != "text":
                continue
            left, top, right, bottom = text_box(mark)
            box = part.box
            if (
                left < box.x - 1
                or right > box.right + 1
                or top < box.y - 2
                or bottom > bottom_of(box) + 2
            ):
                yield f"the text {mark.content!r} of {part.id} leaves its place"


def _arrows(scene):
    shapes = {shape.id: shape for shape in (*scene.frames, *scene.shapes)}
    for arrow in scene.arrows:
        source, target = shapes.get(arrow.source), shapes.get(arrow.target)
        if source and target and source.box.right > target.box.x + SLACK:
            yield f"{arrow.id} does not go to the right"
        start, *_, end = points(arrow.forward)
        if end[0] < start[0]:
            yield f"{arrow.id} runs to the left"
        if arrow.backward is not None:
            first, *_, last = points(arrow.backward)
            if last[0] > first[0]:
                yield f"the way back of {arrow.id} runs to the right"
        back = arrow.end if "+>" in arrow.id else arrow.flow
        if (arrow.backward is None) != (back.derivative is None):
            yield f"{arrow.id} has a derivative and no way back, or the other way round"


def _lines_over_things(scene):
    things = parts(scene)
    for arrow in scene.arrows:
        own = {arrow.source, arrow.target}
        for path in filter(None, (arrow.forward, arrow.backward)):
            points = list(points_along(path))
            left, right = min(x for x, _ in points), max(x for x, _ in points)
            for thing in things:
                if thing.id in own or thing.box.right < left or thing.box.x > right:
                    continue
                box = thing.box
                if any(
                    box.x + 1 < x < box.right - 1 and box.y + 1 < y < bottom_of(box) - 1
                    for x, y in points
                ):
                    yield f"{arrow.id} runs over {thing.id}"
