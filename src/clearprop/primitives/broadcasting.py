"""Axes and shapes: which axes a reduction goes over; what was copied out forward is summed up."""

import math
import operator
from typing import Any

import numpy as np

from clearprop.errors import ShapeError


def sum_to(dout: Any, shape: tuple[int, ...]) -> Any:
    """Sum a derivative over the axes along which its variable was broadcast.

    Broadcasting copies one number to many places; the derivative of a copy is a sum over the
    places, so a derivative of the broadcast shape is summed until it has the variable's shape.

    **Shapes**: `dout` has any shape to which `shape` broadcasts; the result has `shape`.
    The dtype of a floating-point `dout` is kept.

    Errors: `ShapeError` if `shape` does not broadcast to the shape of `dout`.

    >>> sum_to(np.ones((4, 3)), (3,))
    array([4., 4., 4.])
    >>> sum_to(np.ones((4, 3)), (4, 1)).shape
    (4, 1)
    """
    found = np.shape(dout)
    if found == shape:
        return dout
    extra = len(found) - len(shape)
    axes = [i for i, n in enumerate(found) if i < extra or n != shape[i - extra]]
    if extra < 0 or any(shape[i - extra] != 1 for i in axes[extra:]):
        raise ShapeError(
            f"sum_to: a derivative of shape {found} cannot be that of a variable of shape {shape}, "
            "which does not broadcast to it"
        )
    total = dout.sum(axis=tuple(axes))
    return total if len(axes) == extra else total.reshape(shape)


def broadcast_shape(x: tuple[int, ...], y: tuple[int, ...], name: str) -> tuple[int, ...]:
    """Find the shape to which two shapes broadcast; `name` is who asks.

    Errors: `ShapeError` if they do not fit.

    >>> broadcast_shape((4, 1), (3,), "MulLayer")
    (4, 3)
    """
    try:
        return np.broadcast_shapes(x, y)
    except ValueError:
        raise ShapeError(
            f"{name}: x {x} and y {y} do not broadcast: counted from the last axis, "
            "sizes must be equal or 1"
        ) from None


def as_array(x: Any) -> Any:
    """A list beside a Variable as an array, which it may be indexed and multiplied as."""
    return np.asarray(x) if isinstance(x, list | tuple) else x


def as_type(x: Any, dtype: Any) -> Any:
    """A list or an array in a dtype, without a conversion where it has it; Python's numbers stay.

    >>> as_type([1, 2], np.float32)
    array([1., 2.], dtype=float32)
    """
    x = as_array(x)
    return x.astype(dtype) if hasattr(x, "astype") and x.dtype != dtype else x


def normal_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes as numbers from 0; `None` means all.

    NumPy lets a number without axes be reduced over axis 0 or −1; that is no axis here.

    >>> normal_axes(-1, 3), normal_axes(None, 2), normal_axes((0, -1), 3)
    ((2,), (0, 1), (0, 2))
    """
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(operator.index(a) % ndim for a in axes) if ndim else ()


def kept_shape(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """The shape that a reduction with `keepdims=True` gives.

    >>> kept_shape((3, 4, 5), (0, 2))
    (1, 4, 1)
    """
    axes = normal_axes(axis, len(shape))
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def count(shape: tuple[int, ...], axis: Any) -> int:
    """How many elements go into one result."""
    return math.prod(shape[i] for i in normal_axes(axis, len(shape)))


def to_last(x: Any, axis: Any) -> Any:
    """Join the given axes into one, the last.

    >>> to_last(np.zeros((3, 4, 5)), (0, 2)).shape
    (4, 15)
    """
    shape = np.shape(x)
    order, rest = _order(shape, axis)
    return np.reshape(np.transpose(x, order), (*rest, count(shape, axis)))


def from_last(rows: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Undo `to_last`: an array of the given shape, its axes where they were."""
    order, _ = _order(shape, axis)
    moved = np.reshape(rows, tuple(shape[i] for i in order))
    return np.transpose(moved, tuple(sorted(range(len(order)), key=order.__getitem__)))


def _order(shape: tuple[int, ...], axis: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    axes = normal_axes(axis, len(shape))
    rest = tuple(i for i in range(len(shape)) if i not in axes)
    return rest + axes, tuple(shape[i] for i in rest)
