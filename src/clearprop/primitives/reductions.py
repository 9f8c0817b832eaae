"""Reductions: many numbers into few. Each spreads its derivative back over what it reduced."""

from typing import Any

import numpy as np

from clearprop.primitives.broadcasting import count, from_last, kept_shape, to_last
from clearprop.primitives.decorators import quiet
from clearprop.primitives.table import primitive


def spread(dout: Any, x: Any, axis: Any, keepdims: bool = False) -> Any:
    """Copy the derivative of a reduction back over the axes that were reduced."""
    return np.broadcast_to(_beside(dout, x, axis, keepdims), np.shape(x))


def _beside(out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Give a reduction the axes back that it lost, with length 1, so that it fits beside x."""
    if axis is None or keepdims:
        return out
    return out.reshape(kept_shape(np.shape(x), axis))


def _masked(dx: Any, where: Any) -> Any:
    return dx if where is True else np.where(where, dx, 0)


def _sum(dout, out, a, *, axis=None, dtype=None, keepdims=False, initial=0, where=True):
    return _masked(spread(dout, a, axis, keepdims), where)


def _number(dout: Any, a: Any, axis: Any, where: Any) -> Any:
    """How many elements went into each result, as a number or in the shape with axes kept."""
    if where is True:
        return count(np.shape(a), axis)
    mask = np.broadcast_to(where, np.shape(a))
    return np.sum(mask, axis=axis, keepdims=True, dtype=dout.dtype)


@quiet
def _mean(dout, out, a, *, axis=None, dtype=None, keepdims=False, where=True):
    return _masked(spread(dout, a, axis, keepdims) / _number(dout, a, axis, where), where)


@quiet
def _var(
    dout,
    out,
    a,
    *,
    axis=None,
    dtype=None,
    ddof=0,
    keepdims=False,
    where=True,
    mean=None,
    correction=None,
):
    # The mean depends on x too, but the deviations from it sum to 0.
    centre = np.mean(a, axis=axis, keepdims=True, where=where) if mean is None else mean
    number = _number(dout, a, axis, where) - (ddof if correction is None else correction)
    scale = (2 / np.maximum(number, 0)).astype(dout.dtype)  # it would widen float32
    # What is left out may be NaN, which no 0 takes away when this is differentiated again.
    return _masked(a - centre, where) * (spread(dout, a, axis, keepdims) * scale)


@quiet
def _std(dout, out, a, *, axis=None, keepdims=False, **params):
    # Where all are equal, but for rounding, std has a kink, as |x| at 0; the derivative there is 0,
    # and has no derivative itself: that of the root, whose value is 0, is infinite.
    size = np.abs(np.mean(a, axis=axis, keepdims=keepdims, where=params.get("where", True)))
    level = out <= 2 * float(np.finfo(dout.dtype).eps) * size
    slope = np.where(level, np.sqrt(np.where(level, 0 * out, 1)), 0.5 / np.where(level, 1, out))
    return _var(dout * slope, out, a, axis=axis, keepdims=keepdims, **params)


def _extreme(dout, out, a, *, axis=None, keepdims=False, initial=None, where=True):
    hit = (a == _beside(out, a, axis, keepdims)) | np.isnan(a)
    if where is not True:
        hit = hit & where
    ties = np.sum(hit, axis=axis, keepdims=keepdims, dtype=dout.dtype)
    if initial is not None:
        ties = np.maximum(ties + (out == initial), 1)
    return np.where(hit, _beside(dout / ties, a, axis, keepdims), 0)


def _prod(dout, out, a, *, axis=None, dtype=None, keepdims=False, initial=1, where=True):
    factors = a if np.result_type(a).kind == "f" else np.multiply(a, 1.0)
    if where is not True:
        factors = np.where(where, factors, 1)
    rows = to_last(factors, axis)
    others = products_before(rows) * np.flip(products_before(np.flip(rows, -1)), -1)
    upstream = spread(dout * initial, a, axis, keepdims)
    return _masked(upstream * from_last(others, np.shape(a), axis), where)


def products_before(rows: Any) -> Any:
    """For each element the product of those before it along the last axis; nothing is divided.

    >>> products_before(np.array([2.0, 0.0, 5.0]))
    array([1., 2., 0.])
    """
    shape = np.shape(rows)
    first = np.ones((*shape[:-1], min(shape[-1], 1)), rows.dtype)
    return np.cumprod(np.concatenate([first, rows[..., :-1]], axis=-1), axis=-1)


ROWS = (
    primitive(np.sum, "Σ x", ("dout, copied to every summand", _sum), symbol="Σ", reduces=np.add),
    primitive(
        np.prod, "Π x", ("dout · the product of the others", _prod), symbol="Π", reduces=np.multiply
    ),
    primitive(np.mean, "Σ x / n", ("dout / n, copied", _mean), symbol="mean", takes_out=True),
    primitive(
        np.var, "Σ (x − x̄)² / (n − ddof)", ("dout · 2 (x − x̄) / (n − ddof)", _var), takes_out=True
    ),
    primitive(
        np.std,
        "√(Σ (x − x̄)² / (n − ddof))",
        ("dout · (x − x̄) / ((n − ddof) · out)", _std),
        takes_out=True,
    ),
    *(
        primitive(
            function,
            f"the {word} x",
            (f"dout to the {word}, in equal shares at a tie", _extreme),
            symbol=symbol,
            reduces=ufunc,
        )
        for function, word, symbol, ufunc in (
            (np.max, "largest", "max", np.maximum),
            (np.amax, "largest", "max", np.maximum),
            (np.min, "smallest", "min", np.minimum),
            (np.amin, "smallest", "min", np.minimum),
        )
    ),
)
