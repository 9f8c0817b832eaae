"""Decompositions of matrices: Cholesky, eigenvectors, singular vectors, QR.

A function of a symmetric matrix (`cholesky`, `eigh`, `eigvalsh`) reads one triangle and takes the
other for granted. Its derivative is the symmetric one: what a symmetric change of the matrix
makes of the result. Of equal eigenvalues or singular values the derivative is one of many; the
vectors that belong to them have none, and that is said.

Sources: I. Murray, *Differentiation of the Cholesky decomposition*, arXiv:1602.07527; M. B. Giles,
*An extended collection of matrix derivative results*, 2008, section 3; J. Townsend,
*Differentiating the singular value decomposition*, 2016; M. Seeger and others,
*Auto-differentiating linear algebra*, arXiv:1710.08717.
"""

from typing import Any

import numpy as np

from clearprop.errors import UnsupportedError
from clearprop.primitives.decorators import dispatched
from clearprop.primitives.linalg import T, product
from clearprop.primitives.table import Call, by_signature, primitive


def _symmetric(x: Any) -> Any:
    return (x + T(x)) / 2


def _cholesky(dout, out, a, *, upper=False):
    if upper:
        dout, out = T(dout), T(out)
    inner = product(T(out), dout)
    inner = (np.tril(inner) + np.tril(inner, -1)) / 2  # the diagonal counts half
    left = np.linalg.solve(T(out), inner)
    return _symmetric(np.linalg.solve(T(out), T(left)))


def _tied(values: Any) -> Any:
    """Which pairs of values are equal to rounding, each with itself among them."""
    gap = np.abs(np.expand_dims(values, -1) - np.expand_dims(values, -2))
    return gap <= np.expand_dims(_rounding(values), -1)


def _rounding(values: Any) -> Any:
    """How far the values may be off, by rounding."""
    eps = float(np.finfo(np.result_type(values)).eps) * np.shape(values)[-1]
    return eps * np.max(np.abs(values), axis=-1, keepdims=True, initial=0)


@dispatched
def untied(vectors: Any, values: Any, *, name: str, nonzero: bool = False) -> Any:
    """The derivative by vectors that belong to values, if it is defined.

    Vectors whose values are equal can be turned into each other; which ones a routine returns is
    chance, and nothing that uses them has a derivative. With `nonzero` the same holds for vectors
    of the value 0. Vectors that nobody uses (their derivative is 0) do no harm.

    **Shapes**: `vectors` are the columns of matrices (…, m, k), `values` has (…, k).

    Errors: `UnsupportedError` naming the function and the value.

    >>> untied(np.ones((3, 2)), np.array([1.0, 2.0]), name="f").shape
    (3, 2)
    """
    used = np.any(vectors != 0, axis=-2)
    tied = _tied(values) & ~np.eye(np.shape(values)[-1], dtype=bool)
    hit = np.any(tied, axis=-1) & used
    if nonzero:
        hit = hit | (used & (values <= _rounding(values)))
    if np.any(hit):
        value = values[hit].flat[0]
        raise UnsupportedError(
            f"{name}: the value {value:.6g} belongs to more than one vector, so that the vectors "
            "have no derivative; use the values alone, or a function of the matrix that does not "
            "depend on the choice (its inverse, its product with its transpose …)"
        )
    return vectors


def _over_gaps(p: Any, values: Any, gaps: Any) -> Any:
    """The antisymmetric part of p, each element divided by the gap between its two values."""
    tied = _tied(values)
    return np.where(tied, 0, (p - T(p)) / 2 / np.where(tied, 1, gaps))


def _eigh(dout, out, a, *, UPLO="L"):
    w, v = out
    dw, dv = dout
    dv = untied(dv, w, name="np.linalg.eigh")
    turned = _over_gaps(product(T(v), dv), w, np.expand_dims(w, -2) - np.expand_dims(w, -1))
    on_diagonal = np.eye(np.shape(w)[-1], dtype=bool) * np.expand_dims(dw, -2)
    return _symmetric(product(v, on_diagonal + turned, T(v)))


def _eigvalsh(dout, out, a, *, UPLO: Any = "L"):
    _, v = np.linalg.eigh(a, UPLO)
    return _symmetric(product(v * np.expand_dims(dout, -2), T(v)))


_sort_svd = by_signature(np.linalg.svd, "np.linalg.svd", ("a",))
_sort_qr = by_signature(np.linalg.qr, "np.linalg.qr", ("a",))


def _bind_svd(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    operands, parameters = _sort_svd(args, kwargs)
    if parameters.get("hermitian", False):
        raise UnsupportedError(
            "np.linalg.svd: hermitian=True cannot be recorded on a graph; write np.linalg.eigh"
        )
    shape = np.shape(operands[0])
    vectors = parameters.get("compute_uv", True) and parameters.get("full_matrices", True)
    if vectors and len(shape) > 1 and shape[-2] != shape[-1]:
        raise UnsupportedError(
            f"np.linalg.svd: with full_matrices=True a matrix of shape {shape[-2:]} gets vectors "
            "that are arbitrary and have no derivative; give full_matrices=False"
        )
    return operands, parameters


def _svd(dout, out, a, *, full_matrices=True, compute_uv=True, hermitian=False):
    if not compute_uv:
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        return product(u * np.expand_dims(dout, -2), vh)
    u, s, vh = out
    m, n = np.shape(a)[-2:]
    du = untied(dout[0], s, name="np.linalg.svd", nonzero=m > n)
    dv = untied(T(dout[2]), s, name="np.linalg.svd", nonzero=n > m)
    v = T(vh)
    row, column = np.expand_dims(s, -2), np.expand_dims(s, -1)
    gaps = (row - column) * (row + column)
    turned_u, turned_v = product(T(u), du), product(vh, dv)
    inner = 2 * (_over_gaps(turned_u, s, gaps) * row + column * _over_gaps(turned_v, s, gaps))
    inner = inner + np.eye(np.shape(s)[-1], dtype=bool) * np.expand_dims(dout[1], -2)
    grad = product(u, inner, vh)
    safe = np.where(row == 0, 1, row)  # where s is 0 nobody used the vector: untied saw to it
    if m > n:
        grad = grad + product((du - product(u, turned_u)) / safe, vh)
    if n > m:
        grad = grad + product(u / safe, T(dv - product(v, turned_v)))
    return grad


def _bind_qr(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    operands, parameters = _sort_qr(args, kwargs)
    mode, shape = parameters.get("mode", "reduced"), np.shape(operands[0])
    if mode not in ("reduced", "complete", "r"):
        raise UnsupportedError(
            f"np.linalg.qr: mode={mode!r} cannot be recorded on a graph; "
            "give mode='reduced' or mode='r'"
        )
    if mode == "complete" and len(shape) > 1 and shape[-2] > shape[-1]:
        raise UnsupportedError(
            f"np.linalg.qr: with mode='complete' a matrix of shape {shape[-2:]} gets columns of q "
            "that are arbitrary and have no derivative; give mode='reduced'"
        )
    return operands, parameters


def _qr(dout, out, a, *, mode="reduced"):
    if mode == "r":
        q, r = np.linalg.qr(a)
        dq, dr = np.zeros(np.shape(q), np.result_type(q).type), dout
    else:
        (q, r), (dq, dr) = out, dout
    m, n = np.shape(a)[-2:]
    if m >= n:
        return _qr_tall(q, r, dq, dr)
    # The first m columns make q; the others are only turned by it: r = [u | qᵀ y].
    y, dv = a[..., m:], dr[..., m:]
    dx = _qr_tall(q, r[..., :m], dq + product(y, T(dv)), dr[..., :m])
    return np.concatenate([dx, product(q, dv)], axis=-1)


def _qr_tall(q: Any, r: Any, dq: Any, dr: Any) -> Any:
    inner = product(r, T(dr)) - product(T(dq), q)
    inner = np.tril(inner) + T(np.tril(inner, -1))
    return T(np.linalg.solve(full_rank(r), T(dq + product(q, inner))))


@dispatched
def full_rank(r: Any) -> Any:
    """The factor r of a QR decomposition, if the columns of the matrix are independent.

    Otherwise r cannot be inverted, and what it gives instead of an error is rounding.

    Errors: `UnsupportedError` where an element of the diagonal is 0 to rounding.

    >>> full_rank(np.array([[2.0, 1.0], [0.0, 3.0]]))
    array([[2., 1.],
           [0., 3.]])
    """
    diagonal = np.abs(np.diagonal(r, axis1=-2, axis2=-1))
    if np.any(diagonal <= _rounding(diagonal)):
        raise UnsupportedError(
            "np.linalg.qr: the columns depend on each other, so that q and r have no derivative; "
            "use np.linalg.pinv or np.linalg.lstsq for matrices without full rank"
        )
    return r


ROWS = (
    primitive(
        np.linalg.cholesky,
        "L with L Lᵀ = a",
        ("L⁻ᵀ Φ(Lᵀ dout) L⁻¹, made symmetric; Φ: lower triangle, half the diagonal", _cholesky),
    ),
    primitive(
        np.linalg.eigh,
        "w and V with V diag(w) Vᵀ = a",
        ("V (diag(dw) + (Vᵀ dV)_ij / (w_j − w_i)) Vᵀ, made symmetric", _eigh),
    ),
    primitive(
        np.linalg.eigvalsh, "the eigenvalues of a symmetric matrix", ("V diag(dout) Vᵀ", _eigvalsh)
    ),
    primitive(
        np.linalg.svd,
        "U, s, Vᵀ with U diag(s) Vᵀ = a",
        ("U diag(ds) Vᵀ, and what dU and dV turn; not defined for equal values", _svd),
        bind=_bind_svd,
    ),
    primitive(
        np.linalg.qr,
        "q and r with q r = a",
        ("(dq + q · symmetric(r drᵀ − dqᵀ q)) r⁻ᵀ", _qr),
        bind=_bind_qr,
    ),
    primitive(
        untied,
        "x, if the values of its vectors differ",
        ("dout", lambda dout, out, vectors, values, *, name, nonzero=False: dout),
        ("0", None),
    ),
    primitive(full_rank, "x, if it has full rank", ("dout", lambda dout, out, r: dout)),
)
