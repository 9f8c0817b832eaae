"""Images to columns and back: a convolution becomes one matrix product."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from clearprop.errors import ConfigError, ShapeError
from clearprop.primitives.windows import add_windows

Pair = int | tuple[int, int]
"""The same for both directions, or one for rows and one for columns."""


def im2col(x: Any, filter_h: int, filter_w: int, stride: Pair = 1, pad: Pair = 0) -> Any:
    """Lay the windows that a filter sees side by side, each as a row of a matrix.

    **Shapes**: `x` (N, C, H, W); the result (N · OH · OW, C · filter_h · filter_w), with
    `OH = ⌊(H + 2 pad − filter_h) / stride⌋ + 1`. Rows go through images, then places from left to
    right and down; in a row come the channels, then the window's rows and columns. `pad` rows and
    columns of zeros are put around the images.

    Errors: `ShapeError` for an `x` of other than four axes or a window larger than the image,
    `ConfigError` for sizes that are no positive whole numbers, or a negative pad.

    Source: *Deep Learning from Scratch*, section 7.4.

    >>> x = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> im2col(x, 2, 2)
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])
    """
    found = windows(x, (filter_h, filter_w), stride, pad)
    n, c, oh, ow = np.shape(found)[:4]
    return found.transpose(0, 2, 3, 1, 4, 5).reshape(n * oh * ow, c * filter_h * filter_w)


def col2im(
    col: Any,
    shape: tuple[int, int, int, int],
    filter_h: int,
    filter_w: int,
    stride: Pair = 1,
    pad: Pair = 0,
) -> Any:
    """Add columns up where `im2col` took them from: its reverse, which sends derivatives back.

    A pixel that was in several windows gets the sum of what it has in each. What fell on the
    padding is dropped.

    **Shapes**: `col` (N · OH · OW, C · filter_h · filter_w); the result has `shape` (N, C, H, W).

    Errors: those of `im2col`, and `ShapeError` for a `col` that does not belong to such images.

    >>> col2im(np.ones((4, 4)), (1, 1, 3, 3), 2, 2)[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    n, c, h, w = shape
    oh, ow = out_sizes((h, w), (filter_h, filter_w), stride, pad)
    if np.shape(col) != (n * oh * ow, c * filter_h * filter_w):
        raise ShapeError(
            f"col2im: col {np.shape(col)} does not belong to images {shape}, which have columns "
            f"({n * oh * ow}, {c * filter_h * filter_w})"
        )
    rows = col.reshape(n, oh, ow, c, filter_h, filter_w).transpose(0, 3, 1, 2, 4, 5)
    return add_up(rows, shape, stride, pad)


def windows(x: Any, size: tuple[int, int], stride: Pair, pad: Pair, fill: float = 0) -> Any:
    """The windows of images (N, C, H, W): (N, C, OH, OW, *size), a view where nothing is padded."""
    shape = np.shape(x)
    if len(shape) != 4:
        raise ShapeError(f"im2col: images have four axes (N, C, H, W), and x has shape {shape}")
    out_sizes(shape[2:], size, stride, pad)
    (down, across), (rows, columns) = pair(stride), pair(pad)
    if rows or columns:
        around = ((0, 0), (0, 0), (rows, rows), (columns, columns))
        x = np.pad(x, around, constant_values=fill)
    return sliding_window_view(x, size, axis=(2, 3))[:, :, ::down, ::across]


def add_up(dout: Any, shape: tuple[int, ...], stride: Pair, pad: Pair) -> Any:
    """Reverse `windows`: what each window (N, C, OH, OW, …) sends back, added up."""
    (rows, columns), (n, c, h, w) = pair(pad), shape
    padded = (n, c, h + 2 * rows, w + 2 * columns)
    total = add_windows(dout, shape=padded, axes=(2, 3), steps=pair(stride))
    return total[:, :, rows : rows + h, columns : columns + w] if rows or columns else total


def out_sizes(
    image: Any, size: tuple[int, int], stride: Pair, pad: Pair, layer: str = "im2col"
) -> tuple[int, int]:
    """How many windows there are down and across; errors name the `layer`."""
    (down, across), (rows, columns) = pair(stride), pair(pad)
    if not all(_is_whole(n) and n >= 1 for n in (*size, down, across)):
        raise ConfigError(
            f"{layer}: windows {size} and strides {stride} must be whole numbers of at least 1"
        )
    if not all(_is_whole(n) and n >= 0 for n in (rows, columns)):
        raise ConfigError(f"{layer}: pad must be whole numbers of at least 0, got {pad!r}")
    h, w = image[0] + 2 * rows, image[1] + 2 * columns
    if h < size[0] or w < size[1]:
        raise ShapeError(
            f"{layer}: a window {size[0]} × {size[1]} is larger than the image {image[0]} × "
            f"{image[1]} with pad {pad}; use a smaller window or a larger pad"
        )
    return (h - size[0]) // down + 1, (w - size[1]) // across + 1


def pair(value: Pair) -> tuple[int, int]:
    """One number for rows, one for columns."""
    return value if isinstance(value, tuple) and len(value) == 2 else (value, value)  # type: ignore


def _is_whole(n: Any) -> bool:
    return isinstance(n, int | np.integer) and not isinstance(n, bool)
