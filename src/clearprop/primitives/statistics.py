"""Averages, spreads and quantiles, in terms of functions that have rows."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np

from clearprop.errors import UnsupportedError
from clearprop.primitives.broadcasting import as_array, as_type, kept_shape, normal_axes, to_last
from clearprop.primitives.indexing import at
from clearprop.primitives.table import composed


def ptp(a, axis=None, out=None, keepdims=False):
    """`np.ptp`: from the smallest to the largest."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    """`np.average`: Σ w x / Σ w."""
    shape = np.shape(a)
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        total = np.ones_like(mean) * (np.size(a) / max(np.size(mean), 1))
    else:
        w = _along(weights, shape, axis)
        total = np.sum(np.broadcast_to(w, shape), axis=axis, keepdims=keepdims)
        mean = np.sum(a * w, axis=axis, keepdims=keepdims) / total
    return (mean, total) if returned else mean


def _along(weights: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Weights in a shape that broadcasts: they may be given for the averaged axes only."""
    if np.shape(weights) == shape:
        return weights
    if axis is None:
        raise TypeError(
            f"np.average: weights of shape {np.shape(weights)} for x of shape {shape}; "
            "say along which axis with axis="
        )
    axes = normal_axes(axis, len(shape))
    if np.shape(weights) != tuple(shape[i] for i in axes):
        raise ValueError(
            f"np.average: weights of shape {np.shape(weights)} do not fit x of shape {shape} "
            f"along axis {axis}"
        )
    in_order = np.transpose(weights, sorted(range(len(axes)), key=axes.__getitem__))
    return np.reshape(in_order, [n if i in axes else 1 for i, n in enumerate(shape)])


def _interpolated(left: Any, right: Any, step: Any) -> Any:
    """So far on the way from left to right, counted from the nearer end, as NumPy does it.

    Where one end is infinite, the other way round would give NaN.
    """
    gap = right - left
    if np.ndim(step):
        return np.where(step >= 0.5, right - gap * (1 - step), left + gap * step)
    return right - gap * (1 - step) if step >= 0.5 else left + gap * step


def _quantiles(
    name: str,
    share: Callable[[Any], Any] = lambda q: q,
    between: Callable[[Any, Any, Any], Any] = _interpolated,
) -> Callable[..., Any]:
    """Quantiles: sorted, and `between` two neighbours; `share(q)` is from 0 to 1."""

    def quantiles(
        a,
        q,
        axis=None,
        out=None,
        overwrite_input=False,
        method="linear",
        keepdims=False,
        *,
        weights=None,
        interpolation=None,
    ):
        if method not in _BETWEEN or weights is not None or overwrite_input:
            raise UnsupportedError(
                f"{name} can be recorded on a graph with one of the methods "
                f"{', '.join(_BETWEEN)}, without weights= and overwrite_input="
            )
        q = share(q)
        if not isinstance(q, int | float) and not hasattr(q, "dtype"):
            q = np.asarray(q)
        rows = np.sort(to_last(a, axis), axis=-1)
        n = np.shape(rows)[-1]
        if not n:
            return np.mean(a, axis=axis, keepdims=keepdims) + 0 * q
        place = q * (n - 1)
        below = np.floor(place)
        # A q outside of 0 … 1 must not count from the end: n is out of bounds and refused by take.
        low = np.where(below < 0, n, below).astype(np.intp)
        high = np.where(place > n - 1, n, np.ceil(place)).astype(np.intp)
        step = _BETWEEN[method](place, below)
        takes = method in ("lower", "higher", "nearest")  # and computes nothing
        if np.result_type(rows).kind == "f" and (takes or isinstance(q, int | float)):
            step = step.astype(rows.dtype)
        left, right = at(rows, low, axis=-1), at(rows, high, axis=-1)
        found = between(left, right, step)
        last = np.reshape(rows[..., -1], (*np.shape(rows)[:-1], *(1,) * np.ndim(q)))
        found = np.where(np.isnan(last), last, found)  # sorted, a NaN stands last
        if np.ndim(q):
            places = tuple(range(-np.ndim(q), 0))
            found = np.moveaxis(found, places, tuple(range(np.ndim(q))))
        if keepdims:
            return np.reshape(found, (*np.shape(q), *kept_shape(np.shape(a), axis)))
        return found

    return quantiles


_BETWEEN = {
    "linear": lambda place, below: place - below,
    "lower": lambda place, below: 0 * below,
    "higher": lambda place, below: np.ceil(place) - below,
    "nearest": lambda place, below: np.rint(place) - below,
    "midpoint": lambda place, below: 0.5 * (np.ceil(place) - below),
}


_middle = _quantiles("np.median", between=lambda left, right, step: (left + right) / 2)


def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    """`np.median`: the middle one, or the mean of the two in the middle."""
    return _middle(a, 0.5, axis, None, overwrite_input, keepdims=keepdims)


def cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None):
    """`np.cov`: Σ w (x − x̄)(y − ȳ) / (n − ddof), a matrix of variances and covariances."""
    x = _as_rows(m, rowvar)
    if y is not None:
        x = np.concatenate([x, _as_rows(y, rowvar)], axis=0)
    # In float64 at the least, unless told otherwise.
    x = as_type(x, np.result_type(x, np.float64) if dtype is None else dtype)
    ddof = (0 if bias else 1) if ddof is None else ddof
    given = [as_array(w) for w in (fweights, aweights) if w is not None]
    if not given:
        deviations = x - np.mean(x, axis=1, keepdims=True)
        weighted, scale = deviations, np.shape(x)[1] - ddof
    else:
        w = given[0] if len(given) == 1 else np.multiply(*given)
        total = np.sum(w)
        deviations = x - np.sum(x * w, axis=1, keepdims=True) / total
        weighted = deviations * w
        scale = total - ddof * (1 if aweights is None else np.sum(w * given[-1]) / total)
    matrix = np.matmul(deviations, np.transpose(weighted)) / scale
    return np.reshape(matrix, [n for n in np.shape(matrix) if n != 1])


def _as_rows(x: Any, rowvar: bool) -> Any:
    if np.ndim(x) > 2:
        raise ValueError(f"np.cov: x has shape {np.shape(x)}; give one or two axes")
    if np.ndim(x) < 2:
        return np.reshape(x, (1, -1))
    return x if rowvar or np.shape(x)[0] == 1 else np.transpose(x)


def corrcoef(x, y=None, rowvar=True, *, dtype=None):
    """`np.corrcoef`: the covariances divided by both standard deviations, within ±1."""
    matrix = cov(x, y, rowvar, dtype=dtype)
    if not np.ndim(matrix):
        return matrix / matrix
    spread = np.sqrt(np.diagonal(matrix))
    return np.clip(matrix / spread[:, None] / spread[None, :], -1, 1)


def _passing_over(function: Callable[..., Any]) -> Callable[..., Any]:
    """A reduction that passes NaN over, such as `np.nansum`; its arguments are the same."""

    def reduce(a, axis=None, dtype=None, out=None, *args, where=True, **more):
        return function(a, axis, dtype, None, *args, where=~np.isnan(a) & where, **more)

    reduce.__signature__ = signature(function)  # type: ignore[attr-defined]
    return reduce


def _extreme(function: Callable[..., Any], least: float) -> Callable[..., Any]:
    """`np.nanmax` or `np.nanmin`: a NaN is passed over; NaN where there is nothing else."""

    def extreme(a, axis=None, out=None, keepdims=False, initial=None, where=True):
        more = {} if initial is None else {"initial": initial}
        if where is not True:
            more["where"] = where
        if np.result_type(a).kind != "f":
            return function(a, axis=axis, keepdims=keepdims, **more)
        missing = np.isnan(a)
        found = function(np.where(missing, least, a), axis=axis, keepdims=keepdims, **more)
        if initial is not None:
            return found
        lost = np.all(missing, axis=axis, keepdims=keepdims, where=where)
        return np.where(lost, np.nan, found)

    return extreme


COMPOSITIONS = {
    **composed(np, ptp, average, median, cov, corrcoef),
    np.quantile: _quantiles("np.quantile"),
    np.percentile: _quantiles(
        "np.percentile", lambda q: np.divide(q, 100) if np.ndim(q) else q / 100
    ),
    np.nansum: _passing_over(np.sum),
    np.nanprod: _passing_over(np.prod),
    np.nanmean: _passing_over(np.mean),
    np.nanvar: _passing_over(np.var),
    np.nanstd: _passing_over(np.std),
    np.nanmax: _extreme(np.max, -np.inf),
    np.nanmin: _extreme(np.min, np.inf),
}
