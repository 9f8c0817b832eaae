"""Reductions: many numbers into few."""

from typing import Any

import numpy as np

from clearprop.primitives.table import primitive


def spread(dout: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Copy the derivative of a reduction back over the axes that were reduced."""
    if axis is not None and not keepdims:
        dout = np.expand_dims(dout, axis)
    return np.broadcast_to(dout, np.shape(x))


def _sum(dout, out, a, *, axis=None, dtype=None, keepdims=False, initial=0, where=True):
    spread_out = spread(dout, a, axis, keepdims)
    return spread_out if where is True else np.where(where, spread_out, 0)


def _sum_samples(rng):
    x = rng.standard_normal((3, 4))
    yield (x,), {}
    yield (x, 1), {}
    yield (x,), {"axis": (0, -1), "keepdims": True}
    yield (x,), {"axis": 0, "where": x > 0}


ROWS = (
    primitive(
        np.sum, "Σ x", ("dout, copied to every summand", _sum), symbol="Σ", samples=_sum_samples
    ),
)
