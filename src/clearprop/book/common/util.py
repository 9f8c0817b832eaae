"""The book's `common.util`: windows of images, shuffling, and a smoother curve."""

from typing import Any

import numpy as np

from clearprop import layers

__all__ = ["col2im", "conv_output_size", "im2col", "np", "shuffle_dataset", "smooth_curve"]


def smooth_curve(x: Any) -> np.ndarray:
    """The mean of 11 values around each, weighted by a Kaiser window (β = 2).

    Beyond its ends the curve is continued by its mirror image, at the right with the last value
    twice. Shape (N,), as `x`.

    >>> smooth_curve(np.ones(12)).round(6)
    array([1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.])
    """
    weights = np.kaiser(11, 2)
    x = np.pad(np.pad(x, (5, 0), "reflect"), (0, 5), "symmetric")
    return np.convolve(x, weights / weights.sum(), "valid")


def shuffle_dataset(x: Any, t: Any) -> tuple[Any, Any]:
    """Samples and labels in one new order, from NumPy's global generator."""
    order = np.random.permutation(len(x))  # noqa: NPY002
    return x[order], t[order]


def conv_output_size(input_size: int, filter_size: int, stride: int = 1, pad: int = 0) -> float:
    """How many places a filter has in one direction, if it comes out even.

    >>> conv_output_size(28, 5)
    24.0
    """
    return (input_size + 2 * pad - filter_size) / stride + 1


def im2col(
    input_data: Any, filter_h: int, filter_w: int, stride: Any = 1, pad: Any = 0
) -> np.ndarray:
    """`clearprop.layers.im2col` in float64: a row for each window."""
    return layers.im2col(np.asarray(input_data, np.float64), filter_h, filter_w, stride, pad)


def col2im(
    col: Any,
    input_shape: tuple[int, int, int, int],
    filter_h: int,
    filter_w: int,
    stride: Any = 1,
    pad: Any = 0,
) -> np.ndarray:
    """`clearprop.layers.col2im` in float64, for columns of any shape that holds as many values."""
    col = np.reshape(np.asarray(col, np.float64), (-1, input_shape[1] * filter_h * filter_w))
    return layers.col2im(col, input_shape, filter_h, filter_w, stride, pad)
