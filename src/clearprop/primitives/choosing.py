"""Diagonals, triangles and choices, and parts of a number, in terms of functions with rows."""

import math
from typing import Any

import numpy as np

from clearprop.errors import LeavesGraphError, ShapeError
from clearprop.primitives.broadcasting import as_array
from clearprop.primitives.indexing import Place, at, put_at
from clearprop.primitives.table import composed


def trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    """`np.trace`: the sum of a diagonal."""
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


def diag(v, k=0):
    """`np.diag`: the diagonal of a matrix, or a matrix around a diagonal."""
    if np.ndim(v) == 2:
        return np.diagonal(v, k)
    if np.ndim(v) != 1:
        raise ShapeError(f"np.diag: an array of shape {np.shape(v)}; give one or two axes")
    places = np.arange(np.size(v))
    n = np.size(v) + abs(k)
    form = (Place(0), Place(1))
    return put_at(v, places + max(-k, 0), places + max(k, 0), form=form, shape=(n, n))


def tril(m, k=0):
    """`np.tril`: 0 above the k-th diagonal."""
    return np.where(np.tri(*np.shape(m)[-2:], k=k, dtype=bool), m, np.zeros_like(m))


def triu(m, k=0):
    """`np.triu`: 0 below the k-th diagonal."""
    return np.where(np.tri(*np.shape(m)[-2:], k=k - 1, dtype=bool), np.zeros_like(m), m)


def partition(a, kth, axis=-1, kind: Any = "introselect", order=None):
    """`np.partition`: by the order that `np.argpartition` finds."""
    if axis is None:
        a, axis = np.ravel(a), 0
    return np.take_along_axis(a, np.argpartition(a, kth, axis=axis, kind=kind), axis=axis)


def select(condlist, choicelist, default=0):
    """`np.select`: the choice of the first condition that holds."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(
            f"np.select: {len(condlist)} conditions for {len(choicelist)} choices; "
            "give one choice for each condition, at least one"
        )
    for condition in condlist:
        if np.result_type(condition).kind != "b":
            raise TypeError("np.select: a condition is not bool; compare, as in x > 0")
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        default = np.where(condition, choice, default)
    return default


def choose(a, choices, out=None, mode="raise"):
    """`np.choose`: for each place the choice of that number."""
    n = len(choices)
    if mode == "wrap":
        a = np.remainder(a, n)
    elif mode == "clip":
        a = np.clip(a, 0, n - 1)
    else:
        a = np.where(np.less(a, 0), n, a)  # out of bounds, and refused by take
    index, *arrays = np.broadcast_arrays(a, *(choices[i] for i in range(n)))
    return np.take_along_axis(np.stack(arrays), index[None], axis=0)[0]


def compress(condition, a, axis=None, out=None):
    """`np.compress`: the elements or slices for which the condition holds."""
    if axis is None:
        a, axis = np.ravel(a), 0
    return at(a, np.nonzero(condition)[0], axis=axis)


def full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None, *, device=None):
    """`np.full_like`: a value, copied into the shape of another."""
    copies = np.broadcast_to(fill_value, np.shape(a) if shape is None else shape)
    return copies.astype(np.result_type(a) if dtype is None else dtype)


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None):
    """`np.linspace`: start + i (stop − start) / (num − 1)."""
    steps = num - 1 if endpoint else num
    ends = [as_array(start), as_array(stop)]
    floating = np.result_type(*ends, 1.0)
    start, stop = (np.multiply(end, floating.type(1)) for end in ends)
    width = stop - start
    share = (np.arange(num) / max(steps, 1)).astype(floating)
    share = np.reshape(share, (-1,) + (1,) * np.ndim(width))
    # From both ends, so that the last one is exactly stop.
    points = np.where(share <= 0.5, start + share * width, stop - (1 - share) * width)
    points = points if dtype is None else points.astype(dtype)
    points = np.moveaxis(points, 0, axis) if axis else points
    return (points, width / steps if steps > 0 else math.nan) if retstep else points


def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    """`np.logspace`: base to the power of evenly spaced numbers."""
    if np.ndim(base):
        base = np.expand_dims(base, axis)
    powers = np.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return powers if dtype is None else powers.astype(dtype)


def angle(z, deg=False):
    """`np.angle`: of a real number, 0 or, where its sign is −, π."""
    found = np.where(np.isnan(z), z, np.arctan2(0, np.copysign(1, z)))
    return found * (180 / np.pi) if deg else found


def modf(x):
    """`np.modf`: what stands behind the point and what before it."""
    whole = np.trunc(x)
    infinite = np.isinf(x)
    return np.where(infinite, 0, x - np.where(infinite, 0, whole)), whole


def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    """`np.nan_to_num`: other numbers in place of NaN and ±∞."""
    if not copy:
        raise LeavesGraphError(
            "np.nan_to_num: copy=False writes into x, which the backward pass may need; "
            "use the value it returns"
        )
    dtype = np.result_type(x)
    if dtype.kind != "f":
        return x
    limit: Any = float(np.finfo(dtype).max)
    x = np.where(np.isnan(x), nan, x)
    x = np.where(x == np.inf, limit if posinf is None else posinf, x)
    return np.where(x == -np.inf, -limit if neginf is None else neginf, x)


def sinc(x):
    """`np.sinc`: sin(πx) / (πx), near 0 by its series, which can be differentiated there."""
    u = np.multiply(np.pi, x)
    near = np.abs(u) < 0.5
    small, large = np.where(near, u, 0.0), np.where(near, 1.0, u)
    square = small * small
    series: Any = 1.0
    for n in range(20, 0, -2):
        series = 1 - square * series / (n * (n + 1))
    return np.where(near, series, np.sin(large) / large)


COMPOSITIONS = {
    **composed(np, trace, diag, tril, triu, partition, select, choose, compress),
    **composed(np, full_like, linspace, logspace, angle, modf, nan_to_num, sinc),
    np.diagflat: lambda v, k=0: diag(np.ravel(v), k),
    np.extract: lambda condition, arr: compress(np.ravel(condition), arr),
    # Of real numbers, which all numbers here are.
    np.real: lambda val: np.positive(val),
    np.real_if_close: lambda a, tol=100: np.positive(a),
    np.imag: lambda val: np.zeros_like(val),
    np.divmod: lambda x, y: (np.floor_divide(x, y), np.remainder(x, y)),
}
