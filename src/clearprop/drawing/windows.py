"""A picture of what goes where in `im2col` and `col2im`."""

from collections.abc import Iterator, Sequence

import numpy as np

from clearprop.drawing.svg import escaped, num
from clearprop.drawing.theme import Theme, style
from clearprop.layers.columns import Pair, col2im, im2col, out_sizes, pair

CELL = 30
GAP = 46
TOP = 58
LINE = 26

COLOURS = ("#2f7fd6", "#e26a2c", "#8367c7", "#0f9b7c")
"""For windows, to be told apart on light paper and on dark."""


def windows_svg(
    height: int = 4,
    width: int = 4,
    filter_h: int = 3,
    filter_w: int = 3,
    stride: Pair = 1,
    pad: Pair = 0,
    channels: int = 1,
    theme: Theme = None,
) -> str:
    """Draw an image with numbered pixels, its windows as the rows of `im2col`, and the way back.

    Some windows have a colour, in the image and in the matrix. Below stands what `col2im` makes of
    a matrix of ones: in how many windows each pixel was.

    Errors: those of `im2col`: a window that is larger than the image, a stride below 1.

    >>> windows_svg(3, 3, 2, 2).count("<rect")  # 9 pixels twice, 4 rows of 4, paper, windows
    43
    """
    shape = (1, channels, height, width)
    x = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    size = filter_h, filter_w
    col = im2col(x, *size, stride, pad)
    ones = col2im(np.ones_like(col), shape, *size, stride, pad)
    rows, columns = pair(pad)
    around = ((0, 0), (rows, rows), (columns, columns))
    padded, back = np.pad(x[0], around), np.pad(ones[0], around)
    _, down, across = padded.shape
    places = [divmod(i, out_sizes((height, width), size, stride, pad)[1]) for i in range(len(col))]
    marked = _spread_out(len(col))

    x_matrix = GAP + across * CELL + GAP + 30
    tall = channels * (down * CELL + LINE)
    y_back = TOP + tall + LINE
    total = x_matrix + col.shape[1] * CELL + GAP
    bottom = max(y_back + tall, TOP + len(col) * CELL) + LINE
    parts = []
    for c in range(channels):
        y = TOP + c * (down * CELL + LINE)
        what = f"x: channel {c}" if channels > 1 else f"x (1, 1, {height}, {width})"
        parts += [_text(GAP, y - 10, what), *_grid(GAP, y, padded[c], pad=(rows, columns))]
        parts += _outlines(GAP, y, [places[i] for i in marked], size, pair(stride))
        y = y_back + c * (down * CELL + LINE)
        what = "col2im of ones" if channels == 1 else f"col2im of ones: channel {c}"
        parts += [_text(GAP, y - 10, what), *_grid(GAP, y, back[c], pad=(rows, columns))]
    shown = f"im2col(x, {filter_h}, {filter_w}) ({len(col)}, {col.shape[1]}): a row for each window"
    parts += [_text(x_matrix, TOP - 10, shown), *_grid(x_matrix, TOP, col)]
    for n, (i, j) in enumerate(places):
        parts.append(_text(x_matrix - 8, TOP + n * CELL + 20, f"({i}, {j})", "faint", "end"))
    for colour, n in zip(COLOURS, marked, strict=False):
        box = f'x="{x_matrix}" y="{TOP + n * CELL}" width="{col.shape[1] * CELL}" height="{CELL}"'
        parts.append(_window(box, colour))
    total = max(total, x_matrix + 8 * len(shown))
    title = f"im2col: windows {filter_h} × {filter_w} of an image {height} × {width} as rows"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="clearprop" width="{total}" '
            f'height="{bottom}" viewBox="0 0 {total} {bottom}" role="img" '
            f'aria-label="{escaped(title)}">',
            f"<style>\n{style(theme)}\n</style>",
            f'<rect class="paper" width="{total}" height="{bottom}" rx="8"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _spread_out(n: int) -> list[int]:
    """Which of `n` windows have a colour: the first, the last, and some between."""
    return sorted({round(i * (n - 1) / 3) for i in range(4)})


def _grid(x: int, y: int, values: np.ndarray, pad: tuple[int, int] = (0, 0)) -> Iterator[str]:
    """Numbers in cells; what is padding, or came from it, is faint."""
    h, w = values.shape
    for i in range(h):
        for j in range(w):
            outside = not (pad[0] <= i < h - pad[0] and pad[1] <= j < w - pad[1])
            left, top = x + j * CELL, y + i * CELL
            yield (
                f'<rect class="thumb" x="{left}" y="{top}" width="{CELL}" height="{CELL}"/>'
                + _text(
                    left + CELL / 2,
                    top + 20,
                    num(values[i, j]),
                    "faint" if outside or not values[i, j] else "",
                    "middle",
                )
            )


def _outlines(
    x: int,
    y: int,
    places: Sequence[tuple[int, int]],
    size: tuple[int, int],
    steps: tuple[int, int],
) -> Iterator[str]:
    for k, ((i, j), colour) in enumerate(zip(places, COLOURS, strict=False)):
        inset = 2 + 2 * k  # so that windows that overlap are all seen
        yield _window(
            f'x="{x + j * steps[1] * CELL + inset}" y="{y + i * steps[0] * CELL + inset}" '
            f'width="{size[1] * CELL - 2 * inset}" height="{size[0] * CELL - 2 * inset}"',
            colour,
        )


def _window(box: str, colour: str) -> str:
    return (
        f'<rect {box} rx="4" fill="{colour}" fill-opacity="0.14" stroke="{colour}" '
        'stroke-width="2"/>'
    )


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return (
        f'<text class="{kind}" x="{num(x)}" y="{num(y)}" font-size="13" text-anchor="{anchor}">'
        f"{escaped(text)}</text>"
    )
