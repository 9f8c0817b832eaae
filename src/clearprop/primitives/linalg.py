"""Inverses, linear equations and determinants.

Sources: M. B. Giles, *An extended collection of matrix derivative results*, 2008, section 2; for
the pseudo-inverse G. H. Golub and V. Pereyra, SIAM Journal on Numerical Analysis 10 (1973).
"""

from functools import reduce
from typing import Any

import numpy as np

from clearprop.errors import UnsupportedError
from clearprop.primitives.broadcasting import sum_to
from clearprop.primitives.decorators import dispatched
from clearprop.primitives.table import primitive


def T(x: Any) -> Any:
    """Each matrix transposed."""
    return np.swapaxes(x, -1, -2)


def product(*matrices: Any) -> Any:
    """The product of matrices, from left to right."""
    return reduce(np.matmul, matrices)


def _solve_b(dout, out, a, b):
    if np.ndim(b) == 1:
        grad = np.linalg.solve(T(a), np.expand_dims(dout, -1))
        return sum_to(np.reshape(grad, np.shape(dout)), np.shape(b))
    return sum_to(np.linalg.solve(T(a), dout), np.shape(b))


def _solve_a(dout, out, a, b):
    if np.ndim(b) == 1:
        dout, out = np.expand_dims(dout, -1), np.expand_dims(out, -1)
    return sum_to(-np.matmul(np.linalg.solve(T(a), dout), T(out)), np.shape(a))


@dispatched
def cofactors(a: Any) -> Any:
    """The derivative of the determinant of each matrix, also of singular ones.

    **Formula**: with `a = U diag(s) Vᵀ`, the cofactors are `det(U) det(V) U diag(c) Vᵀ`, where
    `c_i` is the product of all `s` but `s_i`. Nothing is divided by.

    **Shapes**: square matrices (…, n, n); the result has the same shape.

    >>> cofactors(np.array([[1.0, 2.0], [2.0, 4.0]])).round(12)
    array([[ 4., -2.],
           [-2.,  1.]])
    """
    u, s, vh = np.linalg.svd(a)
    c = _products_without(s, np.eye(s.shape[-1], dtype=bool))
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vh))
    return np.matmul(u * np.expand_dims(c * np.expand_dims(sign, -1), -2), vh)


def _products_without(s: Any, left_out: Any) -> Any:
    """Products of all values of `s` but those marked, for each row of marks."""
    places = tuple(range(-left_out.ndim, -1))
    return np.prod(np.where(left_out, 1, np.expand_dims(s, places)), axis=-1)


def _cofactors(dout, out, a):
    # Turned into the axes of U and V the matrix is diagonal. There each cofactor is a product of
    # singular values, and so is its derivative: with two of them left out.
    u, s, vh = np.linalg.svd(a)
    sign = np.expand_dims(np.sign(np.linalg.det(u) * np.linalg.det(vh)), (-2, -1))
    one = np.eye(np.shape(s)[-1], dtype=bool)
    pairs = np.where(one, 0, _products_without(s, one[:, None, :] | one[None, :, :]))
    turned = sign * product(T(u), dout, T(vh))
    on_diagonal = np.matvec(pairs, np.diagonal(turned, axis1=-2, axis2=-1))
    inner = np.where(one, np.expand_dims(on_diagonal, -2), -pairs * T(turned))
    return product(u, inner, vh)


def _slogdet(dout, out, a):
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        raise UnsupportedError(
            "np.linalg.slogdet: a matrix is singular, where the logarithm of the determinant has "
            "no derivative; differentiate np.linalg.det instead, or add a small diagonal"
        ) from None
    return np.expand_dims(dout[1], (-2, -1)) * T(inverse)


def _pinv(dout, out, a, **kwargs):
    turned = T(dout)
    across = turned - np.matmul(a, np.matmul(out, turned))
    along = turned - product(turned, out, a)
    return (
        product(across, out, T(out))
        + np.matmul(T(out), np.matmul(out, along))
        - product(T(out), dout, T(out))
    )


def _least_squares(out: Any, a: Any, b: Any, rcond: Any) -> tuple[Any, ...]:
    """The pseudo-inverse that was at work, and solution, right side and residue as matrices."""
    eps = np.finfo(np.result_type(a, np.float32)).eps
    cut = rcond if rcond is not None and rcond >= 0 else eps * max(np.shape(a))
    columns = (np.shape(b)[0], -1 if np.size(b) else 0)
    x, b = np.reshape(out[0], (np.shape(a)[1], columns[1])), np.reshape(b, columns)
    return np.linalg.pinv(a, cut), x, b, b - np.matmul(a, x)


def _lstsq_a(dout, out, a, b, *, rcond=None):
    inverse, x, b, residue = _least_squares(out, a, b, rcond)
    dx = np.reshape(dout[0], np.shape(x))
    grad = _pinv(np.matmul(dx, T(b)), inverse, a)
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    grad = grad + np.matmul(u * dout[3], vh)
    if np.size(out[1]):
        grad = grad - np.matmul(2 * residue * dout[1], T(x))
    return grad


def _lstsq_b(dout, out, a, b, *, rcond=None):
    inverse, x, _, residue = _least_squares(out, a, b, rcond)
    grad = np.matmul(T(inverse), np.reshape(dout[0], np.shape(x)))
    if np.size(out[1]):
        grad = grad + 2 * residue * dout[1]
    return np.reshape(grad, np.shape(b))


ROWS = (
    primitive(
        np.linalg.inv,
        "a⁻¹",
        ("−outᵀ dout outᵀ", lambda dout, out, a: -product(T(out), dout, T(out))),
        symbol="⁻¹",
    ),
    primitive(np.linalg.solve, "a⁻¹ b", ("−(a⁻ᵀ dout) outᵀ", _solve_a), ("a⁻ᵀ dout", _solve_b)),
    primitive(
        np.linalg.det,
        "det a",
        (
            "dout · the cofactors of a",
            lambda dout, out, a: np.expand_dims(dout, (-2, -1)) * cofactors(a),
        ),
    ),
    primitive(
        cofactors,
        "the cofactors of a: ∂ det a / ∂a",
        ("products of the singular values, two left out", _cofactors),
    ),
    primitive(
        np.linalg.slogdet,
        "sign and logarithm of det a",
        ("dlog · a⁻ᵀ; the sign is constant", _slogdet),
    ),
    primitive(
        np.linalg.pinv,
        "a⁺",
        (
            "(1 − a a⁺) doutᵀ a⁺ a⁺ᵀ + a⁺ᵀ a⁺ doutᵀ (1 − a⁺ a) − a⁺ᵀ dout a⁺ᵀ, "
            "for changes that leave the rank as it is",
            _pinv,
        ),
        symbol="⁺",
    ),
    primitive(
        np.linalg.lstsq,
        "the x of smallest |b − a x|, the squares that remain, the rank, the singular values",
        ("that of a⁺ b, for changes that leave the rank as it is", _lstsq_a),
        ("a⁺ᵀ dout", _lstsq_b),
    ),
)
