"""Products of vectors, matrices and stacks of them."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from clearprop.errors import LeavesGraphError
from clearprop.primitives.broadcasting import sum_to
from clearprop.primitives.table import Call, only_keywords, primitive

_INSTEAD = "move axes with np.moveaxis, convert with .astype()"


def _bind_two(name: str) -> Callable[[tuple[Any, ...], dict[str, Any]], Call]:
    def call(a, b, out=None):
        if out is not None:
            raise LeavesGraphError(
                f"{name}: out= would take the result off the graph; use the value it returns"
            )
        return (a, b), {}

    return lambda args, kwargs: call(*args, **kwargs)


def _matmul_x1(dout, out, x1, x2):
    if np.ndim(x2) == 1:
        return sum_to(np.expand_dims(dout, -1) * x2, np.shape(x1))
    if np.ndim(x1) == 1:
        return sum_to(np.matvec(x2, dout), np.shape(x1))
    return sum_to(np.matmul(dout, np.swapaxes(x2, -1, -2)), np.shape(x1))


def _matmul_x2(dout, out, x1, x2):
    if np.ndim(x1) == 1:
        if np.ndim(x2) == 1:
            return dout * x1
        return sum_to(_rows(x1, dout), np.shape(x2))
    if np.ndim(x2) == 1:
        return sum_to(np.vecmat(dout, x1), np.shape(x2))
    if np.ndim(x2) == 2 and np.ndim(x1) > 2:
        # One matrix for the whole stack: a single product instead of one for each and a sum.
        rows = prod(np.shape(x1)[:-1])
        x1 = np.reshape(x1, (rows, np.shape(x1)[-1]))
        dout = np.reshape(dout, (rows, np.shape(dout)[-1]))
    return sum_to(np.matmul(np.swapaxes(x1, -1, -2), dout), np.shape(x2))


def _rows(column: Any, row: Any) -> Any:
    """The outer product of the last axes."""
    return np.expand_dims(column, -1) * np.expand_dims(row, -2)


def _vecdot_x1(dout, out, x1, x2, *, axis=-1):
    grad = np.expand_dims(dout, -1) * np.moveaxis(x2, axis, -1)
    return np.moveaxis(sum_to(grad, np.shape(np.moveaxis(x1, axis, -1))), -1, axis)


def _dot_a(dout, out, a, b):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return sum_to(dout * b, np.shape(a))
    if np.ndim(b) == 1:
        return np.expand_dims(dout, -1) * b
    if np.ndim(a) == 2 and np.ndim(b) == 2:
        return np.matmul(dout, np.transpose(b))
    first, n = np.ndim(a) - 1, np.ndim(b)
    return np.tensordot(dout, b, (range(first, first + n - 1), [*range(n - 2), n - 1]))


def _dot_b(dout, out, a, b):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return sum_to(dout * a, np.shape(b))
    if np.ndim(a) == 2 and np.ndim(b) == 2:
        return np.matmul(np.transpose(a), dout)
    first = range(np.ndim(a) - 1)
    grad = np.tensordot(a, dout, (first, first))
    return grad if np.ndim(b) == 1 else np.moveaxis(grad, 0, -2)


def _inner_a(dout, out, a, b):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return sum_to(dout * b, np.shape(a))
    first, second = np.ndim(a) - 1, np.ndim(b) - 1
    return np.tensordot(dout, b, (range(first, first + second), range(second)))


def _inner_b(dout, out, a, b):
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return sum_to(dout * a, np.shape(b))
    first = range(np.ndim(a) - 1)
    return np.tensordot(dout, a, (first, first))


def contracted_axes(a: Any, b: Any, axes: Any) -> tuple[list[int], ...]:
    """The axes of a and of b that a tensordot sums over, pair by pair, and the others of each."""
    n, m = np.ndim(a), np.ndim(b)
    if np.ndim(axes) == 0:
        axes = range(n - axes, n), range(axes)
    left = [i % n for i in np.ravel(axes[0]).tolist()]
    right = [i % m for i in np.ravel(axes[1]).tolist()]
    free = [i for i in range(n) if i not in left]
    return left, right, free, [i for i in range(m) if i not in right]


def _tensordot_a(dout, out, a, b, *, axes: Any = 2):
    left, right, free, others = contracted_axes(a, b, axes)
    grad = np.tensordot(dout, b, (range(len(free), len(free) + len(others)), others))
    # Its axes: the free ones of a, then those summed over, in the order in which b has them.
    found = free + [left[right.index(i)] for i in sorted(right)]
    return np.transpose(grad, [found.index(i) for i in range(np.ndim(a))])


def _tensordot_b(dout, out, a, b, *, axes: Any = 2):
    left, right, free, others = contracted_axes(a, b, axes)
    grad = np.tensordot(a, dout, (free, range(len(free))))
    found = [right[left.index(i)] for i in sorted(left)] + others
    return np.transpose(grad, [found.index(i) for i in range(np.ndim(b))])


ROWS = (
    primitive(
        np.matmul,
        "x1 x2",
        ("dout x2ᵀ", _matmul_x1),
        ("x1ᵀ dout", _matmul_x2),
        symbol="@",
        bind=only_keywords("np.matmul", _INSTEAD),
    ),
    primitive(
        np.vecdot,
        "Σ x1 · x2 along an axis",
        ("dout · x2", _vecdot_x1),
        ("dout · x1", lambda dout, out, x1, x2, **axis: _vecdot_x1(dout, out, x2, x1, **axis)),
        symbol="·",
        bind=only_keywords("np.vecdot", _INSTEAD, "axis"),
    ),
    primitive(
        np.matvec,
        "x1 x2 of matrices and vectors",
        ("dout x2ᵀ", lambda dout, out, x1, x2: sum_to(_rows(dout, x2), np.shape(x1))),
        ("x1ᵀ dout", lambda dout, out, x1, x2: sum_to(np.vecmat(dout, x1), np.shape(x2))),
        symbol="@",
        bind=only_keywords("np.matvec", _INSTEAD),
    ),
    primitive(
        np.vecmat,
        "x1 x2 of vectors and matrices",
        ("x2 dout", lambda dout, out, x1, x2: sum_to(np.matvec(x2, dout), np.shape(x1))),
        ("x1 doutᵀ", lambda dout, out, x1, x2: sum_to(_rows(x1, dout), np.shape(x2))),
        symbol="@",
        bind=only_keywords("np.vecmat", _INSTEAD),
    ),
    primitive(
        np.dot,
        "a b",
        ("dout bᵀ", _dot_a),
        ("aᵀ dout", _dot_b),
        symbol="@",
        bind=_bind_two("np.dot"),
        takes_out=True,
    ),
    primitive(
        np.inner,
        "Σ a · b over the last axes",
        ("dout b", _inner_a),
        ("doutᵀ a", _inner_b),
        symbol="·",
        bind=_bind_two("np.inner"),
    ),
    primitive(
        np.outer,
        "a bᵀ",
        ("dout b", lambda dout, out, a, b: np.reshape(np.matmul(dout, np.ravel(b)), np.shape(a))),
        ("doutᵀ a", lambda dout, out, a, b: np.reshape(np.matmul(np.ravel(a), dout), np.shape(b))),
        symbol="⊗",
    ),
    primitive(
        np.vdot,
        "Σ a · b over all elements",
        ("dout · b", lambda dout, out, a, b: np.reshape(dout * np.ravel(b), np.shape(a))),
        ("dout · a", lambda dout, out, a, b: np.reshape(dout * np.ravel(a), np.shape(b))),
        symbol="·",
        bind=_bind_two("np.vdot"),
    ),
    primitive(
        np.tensordot,
        "Σ a · b over pairs of axes",
        ("dout b, summed over the other axes of b", _tensordot_a),
        ("a dout, summed over the other axes of a", _tensordot_b),
        symbol="·",
    ),
)
