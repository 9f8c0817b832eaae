"""NumPy functions that ONNX has no operator for, in terms of others for which it has one."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np

from clearprop.compiler.rewriting import rebuild, whole_function_of
from clearprop.compiler.tracing import Trace
from clearprop.errors import UnsupportedError
from clearprop.graph.node import Node
from clearprop.interop.onnx_samples import told


def expressed(trace: Trace) -> Trace:
    """A recording in which each such function is written by others. Nothing else changes."""

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        expression = EXPRESSIONS.get(whole_function_of(node))
        if expression is None:
            return None
        with told(node, trace), np.errstate(all="ignore"):
            try:
                given = signature(expression).bind(*inputs, **node.params)
            except TypeError:
                names = ", ".join(sorted(node.params))
                raise UnsupportedError(f"with {names} it is not exported yet") from None
            out = expression(*given.args, **given.kwargs)
            if out is None:
                return None
            if out.dtype != node.out.dtype:
                out = out.astype(node.out.dtype)
            if out.shape != node.out.shape:
                raise UnsupportedError("for such shapes it is not exported yet")
        return out

    while (found := rebuild(trace, rule)) is not trace:
        trace = found
    return trace


def _reduction(function: Any, neutral: Any, join: Any) -> Callable[..., Any]:
    """A reduction of some elements only, or one that begins with a number."""

    def write(x: Any, mask: Any = True, **how: Any) -> Any:
        if mask is True and not {"where", "initial"} & how.keys():
            return None
        mask = how.pop("where", mask)
        initial = how.pop("initial", neutral)
        if how.get("dtype") is not None:
            x = x.astype(how.pop("dtype"))
        if mask is not True:
            x = np.where(mask, x, initial if neutral in (np.inf, -np.inf) else neutral)
        out = function(x, **how)
        return out if initial == neutral else join(out, initial)

    return write


def _mean(x: Any, mask: Any = True, **how: Any) -> Any:
    if mask is True and "where" not in how:
        return None
    mask, x = how.pop("where", mask), _real(x)
    if mask is True:
        return np.mean(x, **how)
    some = np.sum(np.broadcast_to(mask, x.shape).astype(x.dtype), **how)
    return np.sum(np.where(mask, x, 0), **how) / some


def _variance(root: bool) -> Callable[..., Any]:
    def write(x: Any, axis: Any = None, keepdims: Any = False, ddof: Any = 0) -> Any:
        x = _real(x)
        if not ddof:
            return None
        apart = x - np.mean(x, axis=axis, keepdims=True)
        over = {"axis": axis, "keepdims": bool(keepdims)}
        n = x.size // max(np.sum(x, axis=axis).size, 1)
        found = np.sum(apart * apart, **over) / (n - ddof)
        return np.sqrt(found) if root else found

    return write


def _real(x: Any) -> Any:
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = _real(x)
    how = {"axis": axis, "keepdims": keepdims}
    if ord in (None, "fro") or (ord == 2 and _is_vector(x, axis)):
        return np.sqrt(np.sum(x * x, **how))
    if not _is_vector(x, axis):
        raise UnsupportedError("of matrices no norm but 'fro' is exported")
    x = np.abs(x)
    if ord in (np.inf, -np.inf):
        return np.max(x, **how) if ord > 0 else np.min(x, **how)
    if ord == 0:
        return np.sum(np.not_equal(x, 0).astype(x.dtype), **how)
    return np.sum(x, **how) if ord == 1 else np.sum(x**ord, **how) ** (1 / ord)


def _is_vector(x: Any, axis: Any) -> bool:
    return isinstance(axis, int | np.integer) or (axis is None and x.ndim == 1)


def _as_true(x: Any) -> Any:
    return x if x.dtype.kind == "b" else np.not_equal(x, 0)


def _any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    found = np.max(_as_true(x).astype(np.int32), axis=axis, keepdims=keepdims)
    return np.not_equal(found, 0)


def _all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    found = np.min(_as_true(x).astype(np.int32), axis=axis, keepdims=keepdims)
    return np.not_equal(found, 0)


def _count(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.sum(_as_true(x).astype(np.int64), axis=axis, keepdims=keepdims)


def _of_truth(function: Any) -> Callable[..., Any]:
    """What a function of numbers is for truth values."""

    def write(*inputs: Any, **how: Any) -> Any:
        truths = all(np.result_type(x).kind == "b" for x in inputs)
        return function(*inputs) if truths else None

    return write


def _invert(x: Any) -> Any:
    return np.logical_not(x) if x.dtype.kind == "b" else -1 - x


def _repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    if axis is None:
        return np.repeat(np.ravel(x), repeats, axis=0)
    axis %= x.ndim
    if np.ndim(repeats):
        return np.take(x, np.repeat(np.arange(x.shape[axis]), repeats), axis=axis)
    before, n, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    beside = np.broadcast_to(np.expand_dims(x, axis + 1), (*before, n, int(repeats), *after))
    return np.reshape(beside, (*before, n * int(repeats), *after))


def _tile(x: Any, reps: Any) -> Any:
    reps = tuple(np.atleast_1d(reps).tolist())
    ndim = max(len(reps), x.ndim)
    sizes = (1,) * (ndim - x.ndim) + x.shape
    reps = (1,) * (ndim - len(reps)) + reps
    apart = np.reshape(x, [n for size in sizes for n in (1, size)])
    wide = np.broadcast_to(apart, [n for two in zip(reps, sizes, strict=True) for n in two])
    return np.reshape(wide, [r * n for r, n in zip(reps, sizes, strict=True)])


def _round(x: Any, decimals: int = 0) -> Any:
    if x.dtype.kind != "f":
        return x * 1 if decimals >= 0 else None
    if not decimals:
        return np.rint(x)
    scale = 10.0 ** abs(decimals)
    return np.rint(x * scale) / scale if decimals > 0 else np.rint(x / scale) * scale


def _remainder(x: Any, y: Any) -> Any:
    if np.result_type(x, y).kind != "f":
        return None
    rest = np.fmod(x, y)
    other_side = np.not_equal(np.less(rest, 0), np.less(y, 0))
    return np.where(np.logical_and(np.not_equal(rest, 0), other_side), rest + y, rest)


def _floor_divide(x: Any, y: Any) -> Any:
    return np.where(np.equal(y, 0), x / y, np.rint((x - np.remainder(x, y)) / y))


def _flip(x: Any, axis: Any = None) -> Any:
    axes = range(x.ndim) if axis is None else [a % x.ndim for a in np.atleast_1d(axis).tolist()]
    return x[tuple(slice(None, None, -1 if k in axes else None) for k in range(x.ndim))]


def _diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    x = np.moveaxis(x, (axis1, axis2), (-2, -1))
    *before, n, m = x.shape
    first = offset if offset >= 0 else -offset * m
    count = min(n, m - offset) if offset >= 0 else min(n + offset, m)
    return np.reshape(x, (*before, n * m))[..., first :: m + 1][..., :count]


def _dot(a: Any, b: Any) -> Any:
    if not np.ndim(a) or not np.ndim(b):
        return a * b
    return a @ b if np.ndim(b) <= 2 else np.tensordot(a, b, axes=(-1, -2))


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    m, n = np.ndim(a), np.ndim(b)
    if isinstance(axes, int | np.integer):
        axes = [*range(m - axes, m)], [*range(axes)]
    first, second = (np.atleast_1d(some).tolist() for some in axes)
    left = [chr(97 + k) for k in range(m)]
    right = [chr(65 + k) for k in range(n)]
    for k, j in zip(first, second, strict=True):
        right[j] = left[k]
    shared = {left[k] for k in first}
    out = [c for c in left + right if c not in shared]
    return np.einsum(f"{''.join(left)},{''.join(right)}->{''.join(out)}", a, b)


def _arctan2(y: Any, x: Any) -> Any:
    turned = np.where(np.less(y, 0), -np.pi, np.pi)
    slope = np.arctan(y / x)
    beside = np.where(np.less(x, 0), slope + turned, slope)
    return np.where(np.equal(x, 0), np.sign(y) * (np.pi / 2), beside)


def _hypot(a: Any, b: Any) -> Any:
    a, b = np.abs(a), np.abs(b)
    large, small = np.maximum(a, b), np.minimum(a, b)  # a square may overflow
    ratio = np.where(np.equal(large, small), 1, small / large)
    return large * np.sqrt(1 + ratio * ratio)


def _copysign(x: Any, y: Any) -> Any:
    negative = np.logical_or(np.less(y, 0), np.equal(1 / y, -np.inf))  # -0.0 is
    return np.where(negative, -np.abs(x), np.abs(x))


def _logaddexp2(a: Any, b: Any) -> Any:
    apart = np.log1p(np.power(2.0, -np.abs(a - b)))
    return np.maximum(a, b) + apart / np.log(2)


def _one_or_other(function: Any) -> Callable[..., Any]:
    def write(a: Any, b: Any) -> Any:
        return np.where(np.isnan(a), b, np.where(np.isnan(b), a, function(a, b)))

    return write


def _searchsorted(a: Any, v: Any, side: str = "left") -> Any:
    behind = np.greater_equal if side == "left" else np.greater
    before = np.logical_not(behind(a, np.expand_dims(v, -1)))  # NaN is behind all numbers
    return np.sum(before.astype(np.int64), axis=-1)


def _over_all(function: Any) -> Callable[..., Any]:
    """A function whose operator needs an axis."""

    def write(x: Any, axis: Any = -1 if function in (np.sort, np.argsort) else None, **how: Any):
        return function(np.ravel(x), axis=0, **how) if axis is None else None

    return write


def _take(x: Any, index: Any, axis: Any = None, mode: Any = "raise") -> Any:
    if axis is None:
        return np.take(np.ravel(x), index, axis=0, mode=mode)
    if mode == "raise":
        return None
    n = x.shape[axis]
    index = np.clip(index, 0, n - 1) if mode == "clip" else np.remainder(index, n)
    return np.take(x, index, axis=axis)


EXPRESSIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _reduction(np.sum, 0, np.add),
    np.prod: _reduction(np.prod, 1, np.multiply),
    np.max: _reduction(np.max, -np.inf, np.maximum),
    np.min: _reduction(np.min, np.inf, np.minimum),
    np.mean: _mean,
    np.var: _variance(root=False),
    np.std: _variance(root=True),
    np.linalg.norm: _norm,
    np.any: _any,
    np.all: _all,
    np.count_nonzero: _count,
    **dict.fromkeys((np.bitwise_and, np.multiply, np.minimum), _of_truth(np.logical_and)),
    **dict.fromkeys((np.bitwise_or, np.add, np.maximum), _of_truth(np.logical_or)),
    np.bitwise_xor: _of_truth(np.logical_xor),
    np.invert: _invert,
    np.left_shift: lambda x, n: x * np.power(2, n),
    np.right_shift: lambda x, n: np.floor_divide(x, np.power(2, n)),
    np.repeat: _repeat,
    np.tile: _tile,
    np.round: _round,
    np.around: _round,
    **dict.fromkeys((np.trunc, np.fix), lambda x: np.sign(x) * np.floor(np.abs(x))),
    np.remainder: _remainder,
    np.floor_divide: _floor_divide,
    np.flip: _flip,
    np.diagonal: _diagonal,
    np.dot: _dot,
    np.outer: lambda a, b: np.expand_dims(np.ravel(a), 1) * np.ravel(b),
    np.inner: lambda a, b: np.tensordot(a, b, axes=(-1, -1)),
    np.vecdot: lambda a, b, axis=-1: np.sum(a * b, axis=axis),
    np.tensordot: _tensordot,
    np.hypot: _hypot,
    np.arctan2: _arctan2,
    np.logaddexp2: _logaddexp2,
    np.log2: lambda x: np.log(x) / np.log(2),
    np.log10: lambda x: np.log(x) / np.log(10),
    np.exp2: lambda x: np.power(2.0, x),
    np.cbrt: lambda x: np.sign(x) * np.power(np.abs(x), 1 / 3),
    np.float_power: lambda x, y: np.power(np.multiply(x, np.float64(1)), y),
    **dict.fromkeys((np.deg2rad, np.radians), lambda x: x * (np.pi / 180)),
    **dict.fromkeys((np.rad2deg, np.degrees), lambda x: x * (180 / np.pi)),
    np.heaviside: lambda x, h: np.where(np.equal(x, 0), h, (np.sign(x) + 1) / 2),
    np.copysign: _copysign,
    np.fabs: np.abs,
    np.fmax: _one_or_other(np.maximum),
    np.fmin: _one_or_other(np.minimum),
    np.isinf: lambda x: np.equal(np.abs(x), np.inf),
    np.isfinite: lambda x: np.less(np.abs(x), np.inf),
    np.searchsorted: _searchsorted,
    np.take: _take,
    **{f: _over_all(f) for f in (np.argmax, np.argmin, np.sort, np.argsort, np.cumsum)},
}
"""What each gives, in the words of NumPy; `None` where it can be written as it stands."""
