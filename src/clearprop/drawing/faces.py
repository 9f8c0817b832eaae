"""What stands in a shape or at an arrow: names, numbers, matrices, small pictures of arrays."""

from typing import Any

import numpy as np

from clearprop.drawing.digest import facts, number
from clearprop.drawing.measure import clean, text_width, wrapped
from clearprop.drawing.scene import Block, Mark
from clearprop.drawing.thumbnails import bars, cells_of, heat_map

NAME, VALUE, SMALL = 15.0, 14.0, 11.5
"""Font sizes."""

WIDEST_NAME = 190.0
WIDEST_MATRIX = 220.0
THUMB = 42.0
"""The longer side of a heat map."""


def lines(texts: list[str], size: float, style: str = "", anchor: str = "middle") -> Block:
    """Write lines of text one below the other."""
    bold = "b" in style.split()
    width = max(text_width(text, size, bold) for text in texts)
    step = size * 1.3
    x = {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    marks = tuple(
        Mark("text", x, i * step + size * 0.98, text, style, size, anchor)  # type: ignore[arg-type]
        for i, text in enumerate(texts)
    )
    return Block(width, step * len(texts), marks)


def name_block(name: str, size: float = NAME, style: str = "", anchor: str = "middle") -> Block:
    """Write a name, over several lines if it is long."""
    return lines(wrapped(clean(name) or "?", size, WIDEST_NAME), size, style, anchor)


def stacked(*blocks: Block, gap: float = 0.0) -> Block:
    """Put blocks one below the other, centred."""
    shown = [b for b in blocks if b.height]
    width = max((b.width for b in shown), default=0.0)
    marks: list[Mark] = []
    y = 0.0
    for i, block in enumerate(shown):
        y += gap if i else 0
        marks += block.at((width - block.width) / 2, y)
        y += block.height
    return Block(width, y, tuple(marks))


def beside(left: Block, right: Block, gap: float) -> Block:
    """Put two blocks side by side, centred on one line."""
    height = max(left.height, right.height)
    marks = left.at(0, (height - left.height) / 2)
    marks += right.at(left.width + gap, (height - right.height) / 2)
    return Block(left.width + gap + right.width, height, marks)


def value_block(value: Any, style: str = "") -> Block:
    """Show a value: a number or a small array as it is, a larger one by shape and digest.

    `style` is `"d"` for a derivative.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        return name_block(str(value), SMALL, style)
    if not array.ndim:
        return lines([number(array[()])], VALUE, style)
    return _in_full(array, style) or _digest(array, style)


def _in_full(array: np.ndarray, style: str) -> Block | None:
    """A vector of up to 6 numbers, a matrix of up to 4 by 5, if it is not too wide."""
    if not array.size or array.ndim > 2:
        return None
    if array.shape[-1] > (6 if array.ndim == 1 else 5) or array.size > 4 * array.shape[-1]:
        return None
    for digits in (4, 3):
        if array.ndim == 1:
            block = lines([f"[{', '.join(number(x, digits) for x in array)}]"], VALUE, style)
        else:
            block = _matrix([[number(x, digits) for x in row] for row in array], style)
        if block.width <= WIDEST_MATRIX:
            return block
    return None


def _matrix(cells: list[list[str]], style: str) -> Block:
    size, step, gap, edge = VALUE - 1, VALUE * 1.25, 10.0, 7.0
    columns = list(zip(*cells, strict=True))
    widths = [max(text_width(text, size) for text in column) for column in columns]
    width = sum(widths) + gap * (len(widths) - 1) + 2 * edge
    height = step * len(cells) + 2
    marks = []
    x = edge
    for column, w in zip(columns, widths, strict=True):
        # Numbers one below the other stand flush right, a single row in the middle of its places.
        at, anchor = (x + w, "end") if len(cells) > 1 else (x + w / 2, "middle")
        marks += [
            Mark("text", at, i * step + size + 1, text, style, size, anchor)  # type: ignore[arg-type]
            for i, text in enumerate(column)
        ]
        x += w + gap
    h = height - 2
    bracket = f"{style} bracket".strip()
    marks += [
        Mark("path", 0.5, 1, f"M4 0H0V{h:g}H4", bracket),
        Mark("path", width - 0.5, 1, f"M-4 0H0V{h:g}H-4", bracket),
    ]
    return Block(width, height, tuple(marks))


def _digest(array: np.ndarray, style: str) -> Block:
    faint = style or "faint"
    # The two facts that tell most: the range, and what is odd, or many zeros, or the mean.
    first, *rest = facts(array)
    odd = [fact for fact in rest if fact.endswith(("NaN", "infinite"))]
    zeros = [f for f in rest if f.endswith(" zeros") and len(f) > len("9% zeros")]
    telling = lines([first, *(odd or zeros or rest)[: 2 if odd else 1]], SMALL, faint)
    text = stacked(lines([str(array.shape)], VALUE - 1, style), telling, gap=1)
    picture = _picture(array, style)
    return beside(picture, text, 8) if picture else text


def _picture(array: np.ndarray, style: str) -> Block | None:
    cells = cells_of(array)
    if cells is not None:
        rows, columns = cells.shape
        scale = THUMB / max(rows, columns)
        width, height = max(columns * scale, 7.0), max(rows * scale, 7.0)
        image = Mark("image", 0, 0, heat_map(cells), "", width=width, height=height)
        rim = Mark("path", 0, 0, f"M0 0H{width:g}V{height:g}H0z", "thumb")
        return Block(width, height, (image, rim))
    if max(array.shape) != array.size or array.size < 7:
        return None
    drawn = bars(array, THUMB, THUMB * 0.6)
    if drawn is None:
        return None
    path, zero = drawn
    line = Mark("path", 0, zero, f"M0 0H{THUMB:g}", "thumb")
    return Block(THUMB, THUMB * 0.6, (line, Mark("path", 0, 0, path, f"{style} bar".strip())))
