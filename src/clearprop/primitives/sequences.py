"""Neighbours along an axis: differences, integrals, convolution, interpolation, polynomials."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from clearprop.errors import ShapeError, UnsupportedError
from clearprop.primitives.broadcasting import as_array, as_type
from clearprop.primitives.indexing import at
from clearprop.primitives.table import composed


def diff(a, n=1, axis=-1, prepend=None, append=None):
    """`np.diff`: x[i + 1] − x[i], n times."""
    if n < 0:
        raise ValueError(f"np.diff: the order n must not be negative, got {n}")
    a, shape = as_array(a), np.shape(a)
    if not shape:
        raise ShapeError("np.diff: x is a single number; it needs an axis")
    ends = [_as_slice(end, shape, axis) for end in (prepend, append)]
    parts = [part for part in (ends[0], a, ends[1]) if part is not None]
    if len(parts) > 1 and n:
        a = np.concatenate(parts, axis=axis)
    truth = np.result_type(a).kind == "b"
    for _ in range(n):
        after, before = _part(a, axis, 1, None), _part(a, axis, None, -1)
        a = np.not_equal(after, before) if truth else after - before
    return a


def _as_slice(end: Any, shape: tuple[int, ...], axis: int) -> Any:
    """One number stands for a whole slice of it."""
    if end is None or np.ndim(end):
        return end
    axis = axis % len(shape)
    return np.broadcast_to(end, [1 if i == axis else n for i, n in enumerate(shape)])


def _part(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return x[(slice(None),) * (axis % np.ndim(x)) + (slice(start, stop),)]


def ediff1d(ary, to_end=None, to_begin=None):
    """`np.ediff1d`: the differences of the flat array, between given ends."""
    parts = [to_begin, diff(np.ravel(ary)), to_end]
    dtype = np.result_type(parts[1])
    parts = [as_type(np.ravel(part), dtype) for part in parts if part is not None]
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def trapezoid(y, x=None, dx=1.0, axis=-1):
    """`np.trapezoid`: Σ (y[i] + y[i + 1]) / 2 · (x[i + 1] − x[i])."""
    y = as_array(y)
    heights = (_part(y, axis, 1, None) + _part(y, axis, None, -1)) / 2
    if x is None:
        return np.sum(heights * dx, axis=axis)
    if np.ndim(x) == 1:
        steps = np.reshape(
            diff(x), [-1 if i == axis % np.ndim(y) else 1 for i in range(np.ndim(y))]
        )
    else:
        steps = diff(x, axis=axis)
    return np.sum(heights * steps, axis=axis)


def gradient(f, *varargs, axis=None, edge_order=1):
    """`np.gradient`: central differences inside, one-sided ones at the ends."""
    f, n = as_array(f), np.ndim(f)
    axes = range(n) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = [a % n for a in axes]
    spacings = varargs or (1.0,)
    if len(spacings) == 1 and np.ndim(spacings[0]) == 0:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"np.gradient: {len(varargs)} spacings for {len(axes)} axes")
    if edge_order not in (1, 2):
        raise ValueError(f"np.gradient: edge_order must be 1 or 2, got {edge_order!r}")
    if np.result_type(f).kind != "f":
        f = np.multiply(f, 1.0)
    slopes = tuple(_slopes(f, h, a, edge_order) for h, a in zip(spacings, axes, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def _slopes(f: Any, spacing: Any, axis: int, edge_order: int) -> Any:
    length = np.shape(f)[axis]
    if length <= edge_order:
        raise ShapeError(
            f"np.gradient: axis {axis} has length {length}; "
            f"edge_order={edge_order} needs {edge_order + 1}"
        )
    if np.ndim(spacing) == 0:
        left = right = h0 = h1 = hy = hz = spacing
    else:
        if np.shape(spacing) != (length,):
            raise ShapeError(
                f"np.gradient: coordinates of shape {np.shape(spacing)} for axis {axis} "
                f"of length {length}"
            )
        steps = np.reshape(diff(spacing), [-1 if i == axis else 1 for i in range(np.ndim(f))])
        left, right = _part(steps, axis, None, -1), _part(steps, axis, 1, None)
        h0, h1 = _part(steps, axis, None, 1), _part(steps, axis, 1, 2)
        hy, hz = _part(steps, axis, -2, -1), _part(steps, axis, -1, None)
    rises = diff(f, axis=axis)
    # The parabola through three neighbours: the mean of both slopes, the nearer one counts more.
    before, after = _part(rises, axis, None, -1) / left, _part(rises, axis, 1, None) / right
    inside = (before * right + after * left) / (left + right)
    first, last = _part(rises, axis, None, 1) / h0, _part(rises, axis, -1, None) / hz
    if edge_order == 2:
        second, next_to_last = _part(rises, axis, 1, 2) / h1, _part(rises, axis, -2, -1) / hy
        first = first + (first - second) * (h0 / (h0 + h1))
        last = last + (last - next_to_last) * (hz / (hy + hz))
    return np.concatenate([first, inside, last], axis=axis)


def unwrap(p, discont=None, axis=-1, *, period=2 * np.pi):
    """`np.unwrap`: whole periods are added where neighbours jump; they have no derivative."""
    steps = diff(p, axis=axis)
    half = period / 2
    whole = np.result_type(p, period).kind in "iu"
    rest = np.remainder(steps + (period // 2 if whole else half), period) - (
        period // 2 if whole else half
    )
    if not (whole and period % 2):
        rest = np.where((rest == -half) & (steps > 0), half if not whole else period // 2, rest)
    jumps = np.where(np.abs(steps) < (half if discont is None else discont), 0, rest - steps)
    first = _part(np.zeros_like(p), axis, None, 1)
    return p + np.concatenate([first, np.cumsum(jumps, axis=axis)], axis=axis)


def convolve(a, v, mode="full"):
    """`np.convolve`: Σ a[k] v[n − k]."""
    a, v = _one_axis("np.convolve", a), _one_axis("np.convolve", v)
    if np.size(v) > np.size(a):
        a, v = v, a
    return _slide("np.convolve", a, v[::-1], mode)


def correlate(a, v, mode="valid"):
    """`np.correlate`: Σ a[n + k] v[k]."""
    a, v = _one_axis("np.correlate", a), _one_axis("np.correlate", v)
    if np.size(v) > np.size(a):
        return _slide("np.correlate", v, a, mode)[::-1]
    return _slide("np.correlate", a, v, mode)


def _one_axis(name: str, x: Any) -> Any:
    if np.ndim(x) > 1 or not np.size(x):
        raise ShapeError(f"{name}: an array of shape {np.shape(x)}; give one axis, not empty")
    return np.reshape(x, (-1,))


def _slide(name: str, a: Any, v: Any, mode: str) -> Any:
    """The products of v with each part of a, which is lengthened by zeros as the mode says."""
    n = np.size(v) - 1
    widths = {"full": (n, n), "same": ((n + 1) // 2, n // 2), "valid": (0, 0)}
    if mode not in widths:
        raise ValueError(f"{name}: the mode must be one of {', '.join(widths)}, got {mode!r}")
    return np.matmul(sliding_window_view(np.pad(a, widths[mode]), n + 1), v)


def interp(x, xp, fp, left=None, right=None, period=None):
    """`np.interp`: straight lines between the points (xp, fp), in float64."""
    x, xp, fp = (as_type(v, np.float64) for v in (x, xp, fp))
    if np.ndim(xp) != 1 or np.shape(xp) != np.shape(fp) or not np.size(xp):
        raise ShapeError(
            f"np.interp: xp of shape {np.shape(xp)} and fp of shape {np.shape(fp)} "
            "must be of one length, not empty"
        )
    if period is not None:
        x, xp = np.remainder(x, period), np.remainder(xp, period)
        order = np.argsort(xp)
        xp, fp = at(xp, order), at(fp, order)
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    if np.size(xp) == 1:
        inside = np.broadcast_to(fp[0], np.shape(x))
    else:
        high = np.clip(np.searchsorted(xp, x, side="right"), 1, np.size(xp) - 1)
        x0, x1 = at(xp, high - 1), at(xp, high)
        f0, f1 = at(fp, high - 1), at(fp, high)
        inside = f0 + (f1 - f0) / (x1 - x0) * (x - x0)
    inside = np.where(x > xp[-1], fp[-1] if right is None else right, inside)
    return np.where(x < xp[0], fp[0] if left is None else left, inside)


def polyval(p, x):
    """`np.polyval`: Horner's rule, the highest power first."""
    if isinstance(x, np.poly1d):
        raise UnsupportedError("np.polyval: a poly1d as x cannot be recorded on a graph")
    total = np.zeros_like(x)
    for i in range(len(p)):
        total = total * x + p[i]
    return total


def vander(x, N=None, increasing=False):
    """`np.vander`: the powers of x as columns."""
    if np.ndim(x) != 1:
        raise ShapeError(f"np.vander: x has shape {np.shape(x)}; give one axis")
    powers = np.arange(np.size(x) if N is None else N)
    return np.power(x[:, None], powers if increasing else powers[::-1])


def _of_polynomials(ufunc: np.ufunc) -> Callable[..., Any]:
    """`np.polyadd` or `np.polysub`: term by term, the lowest power last."""

    def combine(a1, a2):
        flat = np.ravel(a1), np.ravel(a2)
        length = max(map(np.size, flat))
        return ufunc(*(np.pad(p, (length - np.size(p), 0)) for p in flat))

    return combine


def polyder(p, m=1):
    """`np.polyder`: the m-th derivative of a polynomial."""
    for _ in range(m):
        p = p[:-1] * np.arange(np.size(p) - 1, 0, -1)
    return p


def polyint(p, m=1, k=None):
    """`np.polyint`: the m-th integral of a polynomial, with constants k."""
    constants = [0.0] * m if k is None else np.ravel(k)
    if np.size(constants) == 1 and m > 1:
        constants = [constants[0]] * m
    for i in range(m):
        raised = p / np.arange(np.size(p), 0, -1)
        p = np.concatenate([raised, np.reshape(constants[i], (1,))])
    return p


COMPOSITIONS = {
    **composed(np, diff, ediff1d, trapezoid, gradient, unwrap, convolve, correlate, interp),
    **composed(np, polyval, vander, polyder, polyint),
    np.polyadd: _of_polynomials(np.add),
    np.polysub: _of_polynomials(np.subtract),
}
