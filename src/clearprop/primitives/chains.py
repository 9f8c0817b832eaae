"""Products in terms of those that have a row: kron, cross, chains and powers of matrices."""

from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.primitives.table import composed


def _kron(a, b):
    n = max(np.ndim(a), np.ndim(b))
    first = (1,) * (n - np.ndim(a)) + np.shape(a)
    second = (1,) * (n - np.ndim(b)) + np.shape(b)
    a = np.reshape(a, [length for i in first for length in (i, 1)])
    b = np.reshape(b, [length for j in second for length in (1, j)])
    return np.reshape(a * b, [i * j for i, j in zip(first, second, strict=True)])


def _cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if not {np.shape(a)[-1], np.shape(b)[-1]} <= {2, 3}:
        raise ShapeError(
            f"np.cross: vectors of length {np.shape(a)[-1]} and {np.shape(b)[-1]}; "
            "it takes vectors of length 3 (or 2)"
        )
    a0, a1, a2 = _components(a)
    b0, b1, b2 = _components(b)
    c2 = a0 * b1 - a1 * b0
    if np.shape(a)[-1] == np.shape(b)[-1] == 2:
        return c2
    return np.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, c2], axisc)


def _components(a: Any) -> tuple[Any, Any, Any]:
    return a[..., 0], a[..., 1], a[..., 2] if np.shape(a)[-1] == 3 else 0


def _linalg_cross(x1, x2, /, *, axis=-1):
    if np.shape(x1)[axis] != 3 or np.shape(x2)[axis] != 3:
        raise ShapeError(
            f"np.linalg.cross: shapes {np.shape(x1)} and {np.shape(x2)} along axis {axis}; "
            "both must hold vectors of length 3 there"
        )
    return _cross(x1, x2, axis=axis)


def _multi_dot(arrays):
    arrays = list(arrays)
    if len(arrays) < 2:
        raise ShapeError(f"np.linalg.multi_dot: {len(arrays)} arrays; it multiplies two or more")
    shapes = [np.shape(a) for a in arrays]
    if np.ndim(arrays[0]) == 1:
        arrays[0] = np.expand_dims(arrays[0], 0)
    if np.ndim(arrays[-1]) == 1:
        arrays[-1] = np.expand_dims(arrays[-1], -1)
    sizes = [np.shape(a)[0] for a in arrays if np.ndim(a) == 2] + [np.shape(arrays[-1])[-1]]
    if len(sizes) != len(arrays) + 1:
        raise ShapeError(
            f"np.linalg.multi_dot: arrays of shapes {shapes}; all must be matrices, "
            "and only the first and the last may be vectors"
        )
    cut = _best_cuts(sizes)

    def multiply(i: int, j: int) -> Any:
        if i == j:
            return arrays[i]
        k = cut[i][j]
        return np.dot(multiply(i, k), multiply(k + 1, j))

    product = multiply(0, len(arrays) - 1)
    return np.reshape(product, shapes[0][:-1] + shapes[-1][1:])


def _best_cuts(sizes: list[int]) -> list[list[int]]:
    """Where to cut each run i … j of a chain of matrices so that the fewest products are made."""
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i][j], cut[i][j] = min(
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return cut


def _matrix_power(a, n):
    shape = np.shape(a)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ShapeError(f"np.linalg.matrix_power: an array of shape {shape}; give square matrices")
    if int(n) != n:
        raise TypeError(f"np.linalg.matrix_power: the power {n!r} is not a whole number")
    if n == 0:  # the identity, whatever a is; it stays on the graph with derivative 0
        return np.where(False, a, np.eye(shape[-1], dtype=a.dtype))
    power, result = np.linalg.inv(a) if n < 0 else a, None
    n = abs(int(n))
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = power if result is None else np.matmul(result, power)
        if not n:
            return np.copy(a) if result is a else result
        power = np.matmul(power, power)


def _outer(x1, x2, /):
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ShapeError(
            f"np.linalg.outer: shapes {np.shape(x1)} and {np.shape(x2)}; it takes two vectors "
            "(np.outer flattens)"
        )
    return np.outer(x1, x2)


COMPOSITIONS = {
    **composed(np, _kron, _cross),
    **composed(np.linalg, _multi_dot, _matrix_power, _outer),
    np.linalg.cross: _linalg_cross,
    np.linalg.matmul: lambda x1, x2, /: np.matmul(x1, x2),
    np.linalg.tensordot: lambda x1, x2, /, *, axes=2: np.tensordot(x1, x2, axes),
    np.linalg.trace: lambda x, /, *, offset=0, dtype=None: np.trace(x, offset, -2, -1, dtype),
    np.linalg.vecdot: lambda x1, x2, /, *, axis=-1: np.vecdot(
        np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    ),
}
