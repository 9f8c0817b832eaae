"""Undo broadcasting: what was copied out forward is summed up backward."""

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
