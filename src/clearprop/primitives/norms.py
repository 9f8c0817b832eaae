"""Norms of vectors and matrices."""

from math import prod
from typing import Any

import numpy as np

from clearprop.primitives.broadcasting import kept_shape, normal_axes
from clearprop.primitives.decorators import quiet
from clearprop.primitives.table import composed, primitive


@quiet
def _norm(dout, out, x, *, ord: Any = None, axis=None, keepdims=False):
    over = normal_axes(axis, np.ndim(x))
    x = x if np.result_type(x).kind == "f" else np.multiply(x, 1.0)
    if axis is not None and not keepdims:
        dout, out = np.expand_dims(dout, axis), np.expand_dims(out, axis)
    matrix = len(over) == 2 and ord is not None
    if not matrix or ord in ("fro", "f"):
        return _vector(dout, out, x, over, 2 if ord in (None, "fro", "f") else ord)
    if ord in (1, -1, np.inf, -np.inf):
        return _largest_sum(dout, x, ord, over)
    return _by_singular_values(dout, x, ord, over)


def _vector(dout: Any, out: Any, x: Any, over: tuple[int, ...], p: Any) -> Any:
    if p == 0:
        return None  # the number of elements that are not 0: a step function
    if p == 1:
        return dout * np.sign(x)
    if p in (np.inf, -np.inf):
        return dout * np.sign(x) * _share(np.abs(x) == out, over, dout)
    if not np.size(x):
        return dout * x
    # In units in which the powers neither vanish nor overflow. At 0, where a norm has a kink, its
    # derivative is 0, and has no derivative itself: the root below has an infinite one there.
    x = x / _unit(x, over)
    if p == 2:
        size = np.sqrt(np.sum(x * x, axis=over, keepdims=True))
        return dout * (x / (size + (size == 0)))
    size = np.sum(np.abs(x) ** p, axis=over, keepdims=True) ** (1 / p)
    ratio = np.abs(x) / (size + (size == 0))
    if p < 1:  # where an element is 0, its slope is infinite, and 0 is taken in the middle
        ratio = np.where(x == 0, 1 + np.sqrt(np.where(x == 0, x, 1)), ratio)
    return dout * (np.sign(x) * ratio ** (p - 1) * (size != 0))


def _unit(x: Any, over: tuple[int, ...]) -> Any:
    """The power of 2 below the largest element, a constant: to divide by it rounds nothing."""
    largest = np.max(np.abs(x), axis=over, keepdims=True, initial=0)
    return np.exp2(np.floor(np.log2(np.where(largest == 0, 1, largest))))


def _share(chosen: Any, over: tuple[int, ...], dout: Any) -> Any:
    """Those that are the largest share the derivative equally."""
    number = np.sum(chosen, axis=over, keepdims=True, dtype=np.result_type(dout).type)
    return chosen / np.maximum(number, 1)


def _largest_sum(dout: Any, x: Any, ord: Any, over: tuple[int, ...]) -> Any:
    row, column = over
    along, across = (row, column) if abs(ord) == 1 else (column, row)
    sums = np.sum(np.abs(x), axis=along, keepdims=True)
    choose = np.max if ord > 0 else np.min
    chosen = sums == choose(sums, axis=across, keepdims=True)
    return dout * _share(chosen, (across,), dout) * np.sign(x)


def _by_singular_values(dout: Any, x: Any, ord: Any, over: tuple[int, ...]) -> Any:
    u, s, vh = np.linalg.svd(np.moveaxis(x, over, (-2, -1)), full_matrices=False)
    weight = np.expand_dims(
        np.squeeze(np.broadcast_to(dout, kept_shape(np.shape(x), over)), over), -1
    )
    if ord != "nuc":
        choose = np.max if ord > 0 else np.min
        weight = weight * _share(s == choose(s, axis=-1, keepdims=True), (-1,), dout)
    grad = np.matmul(u * np.expand_dims(weight, -2), vh)
    return np.moveaxis(grad, (-2, -1), over)


ROWS = (
    primitive(
        np.linalg.norm,
        "(Σ |x|ᵖ)^(1/p), or a norm of matrices",
        ("dout · sign(x) (|x| / out)ᵖ⁻¹; for matrices by sums or singular values", _norm),
        symbol="‖ ‖",
    ),
)


def _vector_norm(x, /, *, axis: Any = None, keepdims=False, ord: Any = 2):
    over = normal_axes(axis, np.ndim(x))
    kept = kept_shape(np.shape(x), over)
    last = np.moveaxis(x, over, tuple(range(-len(over), 0))) if over else x
    rest = tuple(n for i, n in enumerate(np.shape(x)) if i not in over)
    found = np.linalg.norm(np.reshape(last, (*rest, -1 if np.size(x) else 0)), ord, axis=-1)
    return np.reshape(found, kept) if keepdims else found


def _matrix_norm(x, /, *, keepdims=False, ord: Any = "fro"):
    return np.linalg.norm(x, ord, axis=(-2, -1), keepdims=keepdims)


def _cond(x, p: Any = None):
    if p in (None, 2, -2):
        s = np.linalg.svd(x, compute_uv=False)
        with np.errstate(divide="ignore", invalid="ignore"):  # infinite for singular matrices
            return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    inverse = np.linalg.norm(np.linalg.inv(x), p, axis=(-2, -1))
    return np.linalg.norm(x, p, axis=(-2, -1)) * inverse


def _tensorinv(a, ind=2):
    shape = np.shape(a)
    rows = prod(shape[ind:])
    inverse = np.linalg.inv(np.reshape(a, (rows, -1)))
    return np.reshape(inverse, shape[ind:] + shape[:ind])


def _tensorsolve(a, b, axes=None):
    if axes is not None:
        a = np.moveaxis(a, axes, tuple(range(-len(axes), 0)))
    shape = np.shape(a)[np.ndim(b) :]
    rows = prod(shape)
    return np.reshape(np.linalg.solve(np.reshape(a, (-1, rows)), np.ravel(b)), shape)


COMPOSITIONS = {
    **composed(np.linalg, _vector_norm, _matrix_norm, _cond, _tensorinv, _tensorsolve),
    np.linalg.svdvals: lambda x, /: np.linalg.svd(x, compute_uv=False),
}
