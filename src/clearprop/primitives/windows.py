"""Sliding windows and their reverse, which adds windows up where they overlap."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from clearprop.primitives.broadcasting import normal_axes
from clearprop.primitives.decorators import dispatched
from clearprop.primitives.table import as_given, primitive


@dispatched
def add_windows(dout: Any, *, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """Add windows up at the places where `sliding_window_view` took them from.

    **Shapes**: `dout` has the places of the windows first and one axis for each of `axes` last;
    the result has the given shape.

    >>> add_windows(np.ones((3, 2)), shape=(4,), axes=(0,))
    array([1., 2., 2., 1.])
    """
    total = np.zeros(shape, dout.dtype)
    for offset in np.ndindex(dout.shape[dout.ndim - len(axes) :]):
        start = [0] * len(shape)
        for axis, step in zip(axes, offset, strict=True):
            start[axis] += step
        place = tuple(slice(s, s + n) for s, n in zip(start, dout.shape, strict=False))
        total[place] += dout[(..., *offset)]
    return total


def _sliding_window_view(dout, out, x, *, window_shape, axis=None, subok=False, writeable=False):
    shape = np.shape(x)
    return add_windows(dout, shape=shape, axes=normal_axes(axis, len(shape)))


def _add_windows(dout, out, windows, *, shape, axes):
    lengths = np.shape(windows)[np.ndim(windows) - len(axes) :]
    return sliding_window_view(dout, lengths, axis=axes)


ROWS = (
    primitive(
        sliding_window_view,
        "all windows of x",
        ("Σ dout over the windows an element is in", _sliding_window_view),
        symbol="windows",
        view="windows",
    ),
    primitive(
        add_windows,
        "Σ of overlapping windows",
        ("the windows of dout", _add_windows),
        symbol="Σ windows",
        bind=as_given,
    ),
)
