"""Sliding windows and their reverse, which adds windows up where they overlap."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from clearprop.primitives.broadcasting import normal_axes
from clearprop.primitives.decorators import dispatched
from clearprop.primitives.table import as_given, primitive


@dispatched
def add_windows(
    dout: Any, *, shape: tuple[int, ...], axes: tuple[int, ...], steps: tuple[int, ...] = ()
) -> Any:
    """Add windows up at the places where `sliding_window_view` took them from.

    With `steps`, one for each of `axes`, they are every so many of all windows along it.

    **Shapes**: `dout` has the places of the windows first and one axis for each of `axes` last;
    the result has the given shape.

    >>> add_windows(np.ones((3, 2)), shape=(4,), axes=(0,))
    array([1., 2., 2., 1.])
    >>> add_windows(np.ones((2, 2)), shape=(5,), axes=(0,), steps=(3,))
    array([1., 1., 0., 1., 1.])
    """
    total = np.zeros(shape, dout.dtype)
    step = dict(zip(axes, steps, strict=True)) if steps else {}
    for offset in np.ndindex(dout.shape[dout.ndim - len(axes) :]):
        start = [0] * len(shape)
        for axis, first in zip(axes, offset, strict=True):
            start[axis] += first
        place = tuple(
            slice(s, s + step.get(axis, 1) * (n - 1) + 1, step.get(axis, 1))
            for axis, (s, n) in enumerate(zip(start, dout.shape, strict=False))
        )
        total[place] += dout[(..., *offset)]
    return total


def _sliding_window_view(dout, out, x, *, window_shape, axis=None, subok=False, writeable=False):
    shape = np.shape(x)
    return add_windows(dout, shape=shape, axes=normal_axes(axis, len(shape)))


def _add_windows(dout, out, windows, *, shape, axes, steps=()):
    lengths = np.shape(windows)[np.ndim(windows) - len(axes) :]
    found = sliding_window_view(dout, lengths, axis=axes)
    step = dict(zip(axes, steps, strict=True)) if steps else {}
    return found[tuple(slice(None, None, step.get(axis, 1)) for axis in range(len(shape)))]


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
