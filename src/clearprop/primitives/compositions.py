"""Functions that need no row of their own: written in terms of functions that have one."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.primitives import joining, rearranging, splitting


def _ptp(a, axis=None, out=None, keepdims=False):
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


COMPOSITIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.ptp: _ptp,
    **rearranging.COMPOSITIONS,
    **joining.COMPOSITIONS,
    **splitting.COMPOSITIONS,
}
"""A NumPy function and a plain NumPy function of the same signature that says the same in rows."""

UFUNC_METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {}
"""`(np.add, "reduce")` and the like: what NumPy's ufunc methods are in terms of functions."""
