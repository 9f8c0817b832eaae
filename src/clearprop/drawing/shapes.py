"""What each kind of item looks like, and where lines may meet it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from clearprop.drawing.digest import sentence
from clearprop.drawing.faces import NAME, SMALL, lines, name_block, stacked, value_block
from clearprop.drawing.measure import clean, text_width
from clearprop.drawing.outline import Item
from clearprop.drawing.routes import Arrival
from clearprop.drawing.scene import Block, Mark
from clearprop.graph.layer_operation import LayerOperation

RADIUS = 21.0
PORT = 19.0
"""The distance between two lines that meet the same side."""
TOUCH = 2.5
"""The space between an arrow and what it points at."""
STEEPEST = 1.0
"""The greatest angle, in radians, at which a line meets a round node.

A steeper one would run over the node above or below, which is 20 pixels away: at the side of that,
RADIUS before the middle, a line is `RADIUS tan(a) + 4 / cos(a)` above or below the main line.
"""


@dataclass(frozen=True, slots=True)
class Body:
    """The look of an item: its size and what is written in it."""

    width: float
    height: float
    block: Block
    axis: float
    """How far below the top the main line goes in and out."""
    round: bool = False
    """Whether its left side is half a circle, so that lines may come in at an angle."""


def body_of(item: Item, before: int, ends: int) -> Body:
    """Choose the size of an item at which `ends` lines arrive, `before` of them above the main one.

    (Frames have theirs already.)
    """
    if item.kind == "operation":
        return _operation(item.name, ends)
    if item.kind in ("layer", "fold"):
        block = _layer_text(item)
        axis = before * PORT + 21
        height = max(block.height + 18, 52.0, axis + (ends - 1 - before) * PORT + 21)
        return Body(max(block.width + 28, 84.0), height, block, axis if ends > 1 else height / 2)
    if item.kind == "parameter":
        block = name_block(item.name or "?")
        width = max(block.width + 16, 30.0)
        block = Block(width, block.height + 8, block.at((width - block.width) / 2, 4))
    elif item.kind == "constant":
        block = value_block(item.value)
    elif item.kind == "output":
        block = name_block(item.name, style="b", anchor="start") if item.name else Block()
    elif item.name:
        block = name_block(item.name, style="b", anchor="end")
    else:
        block = Block(9.0, 9.0)
    return Body(block.width, block.height, block, block.height / 2)


_SIGNS = {
    "less": "<",
    "less_equal": "≤",
    "greater": ">",
    "greater_equal": "≥",
    "equal": "=",
    "not_equal": "≠",
}


def sign(symbol: str) -> str:
    """What is written into the node of an operation."""
    return _SIGNS.get(symbol) or clean(symbol)


def _operation(symbol: str, ends: int) -> Body:
    symbol = sign(symbol)
    size = 20.0 if len(symbol) == 1 else NAME
    block = lines([symbol], size)
    height = 2 * RADIUS if ends <= 3 else ends * PORT + 14
    width = 2 * RADIUS if text_width(symbol, size) <= 2 * RADIUS - 8 else block.width + 26
    return Body(width, height, block, height / 2, round=ends <= 3)


def _layer_text(item: Item) -> Block:
    title = name_block(item.name, style="b")
    operation = item.node.operation if item.node else None
    kind = type(operation.layer).__name__ if isinstance(operation, LayerOperation) else ""
    if not kind or kind in item.name:
        return title
    return stacked(title, name_block(kind, SMALL, "faint"), gap=1)


def arrivals(
    body: Body, x: float, y: float, from_y: Sequence[float], run: Sequence[float], slack: float
) -> list[Arrival]:
    """Where lines meet the left side of a body at x whose main line is at y.

    `from_y` are the heights from which they come, sorted from top to bottom; `run` is how much
    room to the left each has for its last bend. With `slack`, the space between the column's edge
    and the body, lines come in level.
    """
    n = len(from_y)
    if not body.round:
        if n == 1:
            return [Arrival(x - TOUCH, y)]
        main = min(range(n), key=lambda i: abs(from_y[i] - y))
        top = y - body.axis
        first = y - main * PORT
        first = min(first, top + body.height - 10 - (n - 1) * PORT)
        first = max(first, top + 10)
        return [Arrival(x - TOUCH, first + i * PORT) for i in range(n)]
    level = slack >= 1
    steepest = 0.36 if level else STEEPEST
    wanted = [
        max(-steepest, min(steepest, math.atan2(fy - y, max(r, 1.0)) * 0.9))
        for fy, r in zip(from_y, run, strict=True)
    ]
    cx, radius = x + RADIUS, RADIUS + TOUCH
    return [
        Arrival(cx - radius * math.cos(a), y + radius * math.sin(a), 0.0 if level else a)
        for a in _apart(wanted, 0.72 if level else 0.86)
    ]


def _apart(angles: list[float], least: float) -> list[float]:
    """Move angles apart, a level one staying where it is if it can."""
    level = min(range(len(angles)), key=lambda i: abs(angles[i]), default=0)
    if angles and abs(angles[level]) < 0.12:
        angles = [0.0 if i == level else a for i, a in enumerate(angles)]
        for i in range(level + 1, len(angles)):
            angles[i] = max(angles[i], angles[i - 1] + least)
        for i in range(level - 1, -1, -1):
            angles[i] = min(angles[i], angles[i + 1] - least)
    elif len(angles) == 2 and angles[1] - angles[0] < least:
        middle = sum(angles) / 2
        angles = [middle - least / 2, middle + least / 2]
    elif len(angles) == 3:
        middle = max(-0.3, min(0.3, angles[1]))
        angles = [min(angles[0], middle - least), middle, max(angles[2], middle + least)]
    # Up to three lines have room between the steepest two.
    last = len(angles) - 1
    angles = [min(a, STEEPEST - (last - i) * least) for i, a in enumerate(angles)]
    return [max(a, i * least - STEEPEST) for i, a in enumerate(angles)]


_EVEN_HANDED = frozenset(
    f"np.{name}"
    for name in (
        *("add", "multiply", "maximum", "minimum", "fmax", "fmin", "hypot", "logaddexp"),
        *("logaddexp2", "equal", "not_equal", "logical_and", "logical_or", "logical_xor"),
    )
)


def operand_marks(
    item: Item,
    body: Body,
    left: float,
    axis: float,
    operands: Sequence[int],
    meets: Sequence[Arrival],
) -> tuple[Mark, ...]:
    """Number the operands where they come in, if they do not come in from top to bottom.

    Not where their order makes no difference. The item's left side and the height of its main line
    are at `left` and `axis`.
    """
    if item.kind != "operation" or item.node is None or list(operands) == sorted(operands):
        return ()
    if item.node.operation.name in _EVEN_HANDED:
        return ()
    marks = []
    for operand, meet in zip(operands, meets, strict=True):
        x, y = meet.x + 10, meet.y
        if body.round:  # on the way to the middle of the round
            dx, dy = left + RADIUS - meet.x, axis - meet.y
            far = math.hypot(dx, dy)
            x, y = meet.x + 10 * dx / far, meet.y + 10 * dy / far
        marks.append(Mark("text", x, y + 4, str(operand + 1), "faint", 11.0, "middle"))
    return tuple(marks)


def tip_of(item: Item) -> str:
    """What a tooltip says of an item: its whole name, its formula, its value and derivative."""
    name = clean(item.name)
    if item.kind == "constant":
        return f"constant {sentence(item.value, exact=True)}"
    if item.node is not None:
        operation = item.node.operation
        what = getattr(operation, "formula", "")
        params = ", ".join(f"{k}={v!r}" for k, v in item.node.params.items())
        parts = [operation.name, what if what != operation.name else "", params, item.why_closed]
        return "\n".join(clean(part) for part in parts if part)
    if item.variable is not None:
        return f"{item.kind} {name}".strip()
    return name
