"""Functions that move elements about and compute nothing."""

import numpy as np

from clearprop.primitives.broadcasting import sum_to
from clearprop.primitives.table import primitive


def _reshape(dout, out, a, *, shape=None, order="C", copy=None):
    return np.reshape(dout, np.shape(a), order=order)


def _expand_dims(dout, out, a, *, axis):
    return np.reshape(dout, np.shape(a))


def _broadcast_to(dout, out, array, *, shape, subok=False):
    return sum_to(dout, np.shape(array))


ROWS = (
    primitive(
        np.reshape,
        "x in another shape",
        ("dout in the shape of x", _reshape),
        samples=lambda rng: [((rng.standard_normal((3, 4)), (2, 6)), {})],
    ),
    primitive(
        np.expand_dims,
        "x with new axes of length 1",
        ("dout in the shape of x", _expand_dims),
        samples=lambda rng: [((rng.standard_normal((3, 4)), (0, 2)), {})],
    ),
    primitive(
        np.broadcast_to,
        "copies of x",
        ("Σ dout over the copies", _broadcast_to),
        samples=lambda rng: [((rng.standard_normal((1, 4)), (2, 3, 4)), {})],
    ),
)
