"""Numerical differentiation: the slow, simple truth that every other derivative is held against."""

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from clearprop.errors import ConfigError, DataError, DTypeError, UnsupportedError


def numerical_gradient(f: Callable[[Any], Any], x: Any, h: float = 1e-4) -> Any:
    """Differentiate a scalar function by central differences, one element at a time.

    **Formula**: `∂f/∂x_i ≈ (f(x + h·e_i) − f(x − h·e_i)) / 2h`, with an error of order `h²`.

    **Shapes**: `x` has any shape; the result has the same. A Python number gives a float.

    **dtypes**: the work is done in float64. A float64 array is changed *in place*, one element at
    a time, and restored (also when `f` raises), so that a function which reaches `x` by another
    way (`lambda W: network.loss(x, t)`) sees the change. Any other array (integers, float32,
    read-only) is differentiated on a float64 copy, which is handed to `f`.

    Errors: `UnsupportedError` if `f` reaches `x` by another way than its argument while `x` is not
    a float64 array that could be changed in place; `DTypeError` if `x` is not real or `f(x)` is not
    one real number; `DataError` if an element of `x` is not finite; `ConfigError` if `h` is not
    positive or too small beside an element of `x` to change it.

    Source: *Deep Learning from Scratch*, section 4.4.

    >>> numerical_gradient(lambda x: (x**2).sum(), np.array([3, 4]))
    array([6., 8.])
    """
    if not (isinstance(h, Real) and np.isfinite(h) and h > 0):
        raise ConfigError(f"numerical_gradient: the step h must be a positive number, got {h!r}")
    if isinstance(x, int | float) and not isinstance(x, bool):
        return float(_differences(lambda a: f(a.item()), np.array(float(x)), h))
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise DTypeError(
            f"numerical_gradient: x has dtype {array.dtype}; it differentiates real numbers only"
        )
    if not isinstance(x, np.ndarray):
        return _differences(f, array.astype(np.float64), h)
    if x.flags.writeable and x.dtype == np.float64:
        return _differences(f, x, h)
    if x.flags.writeable and x.size:
        _refuse_hidden_use(f, x)
    derivative = _differences(f, array.astype(np.float64), h)
    if not x.flags.writeable and x.size and not derivative.any():
        _refuse_idle_argument(f, array)
    return derivative


def _differences(f: Callable[[Any], Any], x: np.ndarray, h: float) -> np.ndarray:
    derivative = np.empty(x.shape, dtype=np.float64)
    for index in np.ndindex(x.shape):
        kept = float(x[index])
        high, low = kept + h, kept - h
        if not high > low:
            _refuse_step(index, kept, h)
        try:
            x[index] = high
            above = _scalar(f(x))
            x[index] = low
            below = _scalar(f(x))
        finally:
            x[index] = kept
        # The step really taken: kept ± h is rounded where |kept| is large.
        derivative[index] = (above - below) / (high - low)
    return derivative


def _refuse_step(index: tuple[int, ...], value: float, h: float) -> None:
    place = f"[{', '.join(map(str, index))}]" if index else ""
    if not np.isfinite(value):
        raise DataError(
            f"numerical_gradient: x{place} is {value}; there is no step around it, "
            "give finite numbers"
        )
    raise ConfigError(
        f"numerical_gradient: the step h={h:g} is lost beside x{place} = {value:g}; "
        "give a larger h, such as 1e-4 of the largest number"
    )


def _scalar(value: Any) -> float:
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "fiub":
        raise DTypeError(
            "numerical_gradient: f must return one real number, "
            f"it returned {array.dtype} of shape {array.shape}; sum or average it first"
        )
    return float(array.reshape(()))


def _refuse_hidden_use(f: Callable[[Any], Any], x: np.ndarray) -> None:
    """Find out whether `f` sees `x` behind its argument, where a step on a copy would be missed."""
    kept = x.copy()
    argument = x.astype(np.float64)
    before = _scalar(f(argument.copy()))
    try:
        # No element keeps its value: integers are inverted, other numbers grow.
        x[...] = ~x if x.dtype.kind in "uib" else x + (1 + abs(x))
        after = _scalar(f(argument))
    finally:
        x[...] = kept
    if before != after and not (np.isnan(before) and np.isnan(after)):
        raise UnsupportedError(
            f"numerical_gradient: f changes although its argument does not: it reaches x "
            f"({x.dtype}) by another way, where only a float64 array can be changed in place "
            "precisely enough; use the argument of f in f, or give x as float64"
        )


def _refuse_idle_argument(f: Callable[[Any], Any], x: np.ndarray) -> None:
    """All derivatives by a read-only `x` are 0: is `f` flat, or blind to its argument?"""
    step = np.random.default_rng(0).uniform(0.5, 1.5, x.shape)
    if _scalar(f(x.astype(np.float64))) == _scalar(f(x + step)):
        raise UnsupportedError(
            "numerical_gradient: f does not change with its argument; if it reaches x by another "
            "way, no step can be made there, for x is read-only; give x.copy() if f is constant"
        )
