"""Undo broadcasting: what was copied out forward is summed up backward."""

from typing import Any

import numpy as np


def sum_to(dout: Any, shape: tuple[int, ...]) -> Any:
    """Sum a derivative over the axes along which its variable was broadcast.

    Broadcasting copies one number to many places; the derivative of a copy is a sum over the
    places, so a derivative of the broadcast shape is summed until it has the variable's shape.

    **Shapes**: `dout` has any shape to which `shape` broadcasts; the result has `shape`.
    The dtype is kept.

    >>> sum_to(np.ones((4, 3)), (3,))
    array([4., 4., 4.])
    >>> sum_to(np.ones((4, 3)), (4, 1)).shape
    (4, 1)
    """
    found = np.shape(dout)
    if found == shape:
        return dout
    extra = len(found) - len(shape)
    axes = tuple(range(extra)) + tuple(
        extra + i for i, n in enumerate(shape) if n == 1 and found[extra + i] != 1
    )
    return np.reshape(np.sum(dout, axis=axes), shape)
