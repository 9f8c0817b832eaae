"""Running sums and products along an axis."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.primitives.decorators import dispatched
from clearprop.primitives.reductions import products_before
from clearprop.primitives.table import primitive


def _cumsum(dout, out, a, *, axis=None, dtype=None):
    along = 0 if axis is None else axis
    return np.reshape(np.flip(np.cumsum(np.flip(dout, along), axis=along), along), np.shape(a))


def _cumprod(dout, out, a, *, axis=None, dtype=None):
    flat = np.reshape(a, (-1,)) if axis is None else a
    factors = flat if np.result_type(a).kind == "f" else np.multiply(flat, 1.0)
    along = 0 if axis is None else axis
    rows, upstream = np.moveaxis(factors, along, -1), np.moveaxis(dout, along, -1)
    dx = products_before(rows) * _discounted(upstream, _shifted(rows, 1))
    return np.reshape(np.moveaxis(dx, -1, along), np.shape(a))


def _discounted(dout: Any, factors: Any) -> Any:
    """s[i] = dout[i] + factors[i] · s[i + 1] along the last axis, without a division.

    Solved by doubling: after each step s[i] covers twice as many terms. Hence log₂ n array
    operations, exact for factors of zero, and made of functions that have rows themselves.

    >>> _discounted(np.ones(4), np.array([2.0, 0.0, 3.0, 0.0]))
    array([3., 1., 4., 1.])
    """
    reach = 1
    while reach < np.shape(dout)[-1]:
        dout = dout + factors * _shifted(dout, reach)
        factors = factors * _shifted(factors, reach)
        reach *= 2
    return dout


def _shifted(rows: Any, by: int) -> Any:
    """The elements moved to the left along the last axis, followed by zeros."""
    shape = np.shape(rows)
    zeros = np.zeros((*shape[:-1], min(by, shape[-1])), rows.dtype)
    return np.concatenate([rows[..., by:], zeros], axis=-1)


@dispatched
def running_argmax(a: Any, *, axis: int = 0) -> Any:
    """Where the largest element so far stands along the axis, the latest one at a tie.

    >>> running_argmax(np.array([3, 1, 3, 5, 4]))
    array([0, 0, 2, 3, 3])
    """
    place = np.reshape(
        np.arange(a.shape[axis]), [-1 if i == axis % a.ndim else 1 for i in range(a.ndim)]
    )
    best = np.maximum.accumulate(a, axis=axis)
    return np.maximum.accumulate(np.where((a == best) | np.isnan(a), place, 0), axis=axis)


def running(sign: int) -> Callable[..., Any]:
    """`np.maximum.accumulate`, or `np.minimum.accumulate` for −1: the element that wins so far."""

    def accumulate(array, axis=0, dtype=None, out=None):
        place = running_argmax(array if sign > 0 else -array, axis=axis)
        return np.take_along_axis(array, place, axis=axis)

    return accumulate


def _from_start(function: Callable[..., Any], initial: Callable[..., Any]) -> Callable[..., Any]:
    """`np.cumulative_sum` or `np.cumulative_prod`, which may begin with nothing: 0 or 1."""

    def cumulative(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
        if axis is None:
            if np.ndim(x) != 1:
                raise ValueError(
                    "For arrays which have more than one dimension ``axis`` is required."
                )
            axis = 0
        total = function(x, axis=axis, dtype=dtype)
        if not include_initial:
            return total
        shape = [1 if i == axis % np.ndim(total) else n for i, n in enumerate(np.shape(total))]
        return np.concatenate([initial(shape, total.dtype), total], axis=axis)

    return cumulative


def _without_nan(function: Callable[..., Any], neutral: int) -> Callable[..., Any]:
    """`np.nancumsum` or `np.nancumprod`: a NaN counts as 0, or as 1."""

    def cumulative(a, axis=None, dtype=None, out=None):
        return function(np.where(np.isnan(a), neutral, a), axis=axis, dtype=dtype)

    return cumulative


ROWS = (
    primitive(np.cumsum, "the sum so far", ("Σ dout from here on", _cumsum), takes_out=True),
    primitive(
        np.cumprod,
        "the product so far",
        ("Σ, from here on, of dout · the product of the others", _cumprod),
        takes_out=True,
    ),
)

COMPOSITIONS = {
    np.cumulative_sum: _from_start(np.cumsum, np.zeros),
    np.cumulative_prod: _from_start(np.cumprod, np.ones),
    np.nancumsum: _without_nan(np.cumsum, 0),
    np.nancumprod: _without_nan(np.cumprod, 1),
}
