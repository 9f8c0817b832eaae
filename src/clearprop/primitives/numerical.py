"""Numerical differentiation: the slow, simple truth that every other derivative is held against."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.errors import ConfigError, DTypeError, UnsupportedError


def numerical_gradient(f: Callable[[Any], Any], x: Any, h: float = 1e-4) -> Any:
    """Differentiate a scalar function by central differences, one element at a time.

    **Formula**: `∂f/∂x_i ≈ (f(x + h·e_i) − f(x − h·e_i)) / 2h`, with an error of order `h²`.

    **Shapes**: `x` has any shape; the result has the same. A Python number gives a float.

    **dtypes**: the work is done in float64. A float64 array is changed *in place*, one element at
    a time, and restored (also when `f` raises), so that a function which reaches `x` by another
    way (`lambda W: network.loss(x, t)`) sees the change. Any other array (integers, float32,
    read-only) is differentiated on a float64 copy, which is handed to `f`.

    Errors: `UnsupportedError` if `f` ignores its argument while `x` is not a float64 array that
    could be changed in place; `DTypeError` if `x` is not real or `f(x)` is not one real number.

    Source: *Deep Learning from Scratch*, section 4.4.

    >>> numerical_gradient(lambda x: (x**2).sum(), np.array([3, 4]))
    array([6., 8.])
    """
    if not (np.isfinite(h) and h > 0):
        raise ConfigError(f"numerical_gradient: the step h must be a positive number, got {h!r}")
    if isinstance(x, int | float) and not isinstance(x, bool):
        return float(_differences(lambda a: f(a.item()), np.array(float(x)), h))
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise DTypeError(
            f"numerical_gradient: x has dtype {array.dtype}; it differentiates real numbers only"
        )
    in_place = array is x and array.dtype == np.float64 and array.flags.writeable
    work = array if in_place else array.astype(np.float64)
    derivative = _differences(f, work, h)
    if array is x and not in_place and array.size and not derivative.any():
        _refuse_hidden_use(f, array)
    return derivative


def _differences(f: Callable[[Any], Any], x: np.ndarray, h: float) -> np.ndarray:
    derivative = np.empty(x.shape, dtype=np.float64)
    for index in np.ndindex(x.shape):
        kept = x[index].copy()
        try:
            x[index] = high = kept + h
            above = _scalar(f(x))
            x[index] = low = kept - h
            below = _scalar(f(x))
        finally:
            x[index] = kept
        # The step really taken: kept ± h is rounded where |kept| is large.
        derivative[index] = (above - below) / (high - low)
    return derivative


def _scalar(value: Any) -> float:
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "fiub":
        raise DTypeError(
            "numerical_gradient: f must return one real number, "
            f"it returned {array.dtype} of shape {array.shape}; sum or average it first"
        )
    return float(array.reshape(()))


def _refuse_hidden_use(f: Callable[[Any], Any], x: np.ndarray) -> None:
    """All derivatives were zero: find out whether `f` sees `x` only behind its argument."""
    if not x.flags.writeable:
        return
    kept = x.copy()
    before = _scalar(f(kept))
    try:
        x += np.ones((), x.dtype)
        after = _scalar(f(kept))
    finally:
        x[...] = kept
    if before != after:
        raise UnsupportedError(
            f"numerical_gradient: f ignores its argument and reaches x ({x.dtype}) by another way, "
            "and only a float64 array can be changed in place precisely enough; "
            "use its argument in f, or give x as float64"
        )
