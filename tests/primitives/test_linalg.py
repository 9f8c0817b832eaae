"""Linear algebra: values and derivatives against differences, PyTorch and known results."""

import numpy as np
import pytest
from agreement import agree, agree_twice, keeps_float32

from clearprop.errors import ClearpropError, UnsupportedError
from clearprop.graph import Variable, grad
from clearprop.primitives.decompositions import untied
from clearprop.primitives.linalg import cofactors

rng = np.random.default_rng(6)


def normal(*shape):
    return rng.standard_normal(shape)


def regular(*shape):
    return normal(*shape) + 3 * np.eye(shape[-1])


def symmetric(a):
    return (a + np.swapaxes(a, -1, -2)) / 2


def definite(a):
    return a @ np.swapaxes(a, -1, -2) + 2 * np.eye(a.shape[-1])


def tensors():
    return pytest.importorskip("torch")


SQUARE = [(3, 3), (1, 1), (2, 3, 3), (2, 1, 2, 2), (0, 0), (0, 2, 2)]


def torch_slogdet(a):
    return tensors().linalg.slogdet(a)


@pytest.mark.parametrize("shape", SQUARE, ids=str)
def test_inverse_and_determinant(shape):
    a = regular(*shape)
    agree(np.linalg.inv, a, torch=lambda x: x.inverse())
    agree(np.linalg.det, a, torch=lambda x: tensors().linalg.det(x))
    agree(np.linalg.slogdet, a, torch=torch_slogdet)
    agree(np.linalg.inv, np.swapaxes(a, -1, -2)[..., ::-1])
    for function in (np.linalg.inv, np.linalg.det, lambda x: np.linalg.slogdet(x)[1]):
        agree_twice(function, a)
        keeps_float32(function, a)


def test_inverse_of_integers():
    agree(np.linalg.inv, np.array([[2, 1], [1, 3]]))
    agree(np.linalg.det, np.array([[2, 1], [1, 3]]))
    agree(np.linalg.solve, np.array([[2, 1], [1, 3]]), np.array([1, 2]))


SINGULAR = {
    "rank 2 of 3": np.array([[1.0, 2, 3], [4, 5, 6], [5, 7, 9]]),
    "rank 1 of 2": np.array([[1.0, 2], [2, 4]]),
    "rank 1 of 3": np.outer([1.0, 2, 3], [1, -1, 2]),
    "zero": np.zeros((3, 3)),
    "zero, 1 by 1": np.zeros((1, 1)),
    "identity": np.eye(3),
}


@pytest.mark.parametrize("a", SINGULAR.values(), ids=SINGULAR)
def test_determinant_of_singular_matrices_and_equal_singular_values(a):
    agree(np.linalg.det, a)
    agree_twice(np.linalg.det, a)


def test_the_derivative_of_a_determinant_is_exact_where_the_matrix_is_singular():
    np.testing.assert_allclose(
        grad(np.linalg.det)(SINGULAR["rank 1 of 2"]), [[4, -2], [-2, 1]], atol=1e-14
    )
    # The minors of a matrix of rank 2, counted by hand.
    np.testing.assert_allclose(
        cofactors(SINGULAR["rank 2 of 3"]),
        [[3, -6, 3], [3, -6, 3], [-3, 6, -3]],
        atol=1e-13,
    )


def test_third_derivative_of_a_determinant():
    def diagonal(t):
        return np.linalg.det(t * np.array([[1.0, 2.0], [0.5, 3.0]]) + np.array([[1.0, 0], [0, -2]]))

    # det = 2t² + t − 2 along this line
    first = grad(diagonal)
    np.testing.assert_allclose(
        [diagonal(0.7), first(0.7), grad(first)(0.7), grad(grad(first))(0.7)],
        [2 * 0.49 + 0.7 - 2, 4 * 0.7 + 1, 4, 0],
        atol=1e-12,
    )


def test_slogdet_of_a_singular_matrix_has_no_derivative():
    with np.errstate(all="ignore"):
        sign, log = np.linalg.slogdet(Variable(SINGULAR["rank 1 of 2"]))
    assert sign.data == 0
    with pytest.raises(UnsupportedError, match=r"np\.linalg\.slogdet.*np\.linalg\.det"):
        log.backward()


def test_slogdet_keeps_its_names():
    result = np.linalg.slogdet(Variable(regular(3, 3)))
    result.logabsdet.backward()
    assert result.sign.data == 1.0


EQUATIONS = [
    ((3, 3), (3,)),
    ((3, 3), (3, 2)),
    ((3, 3), (3, 0)),
    ((2, 3, 3), (3,)),
    ((2, 3, 3), (3, 2)),
    ((3, 3), (2, 3, 1)),
    ((2, 1, 3, 3), (4, 3, 2)),
    ((0, 0), (0,)),
    ((0, 0), (0, 2)),
]


@pytest.mark.parametrize(("first", "second"), EQUATIONS, ids=str)
def test_solve(first, second):
    a, b = regular(*first), normal(*second)
    agree(np.linalg.solve, a, b, torch=torch_solve)
    agree_twice(np.linalg.solve, a, b)
    keeps_float32(np.linalg.solve, a, b)


def torch_solve(a, b):
    if b.ndim == 1:
        return tensors().linalg.solve(a, b[:, None])[..., 0]
    return tensors().linalg.solve(a, b)


def test_solve_with_the_matrix_on_both_sides():
    agree(lambda x: np.linalg.solve(x, x.T), regular(3, 3))
    agree(lambda x: np.linalg.solve(x, x[:, 0]), regular(3, 3))


def test_tensor_equations():
    a = normal(4, 6, 8, 3)
    agree(np.linalg.tensorinv, a, tol=1e-5)
    agree(lambda x: np.linalg.tensorinv(x, ind=1), normal(6, 2, 3), tol=1e-6)
    agree(np.linalg.tensorsolve, normal(2, 3, 6), normal(2, 3), tol=1e-5)
    agree(
        lambda x, y: np.linalg.tensorsolve(x, y, axes=(0, 2)),
        normal(2, 6, 3),
        normal(6),
        tol=1e-5,
    )


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (3, 3), (2, 4, 2), (3, 0)], ids=str)
def test_pseudo_inverse(shape):
    a = normal(*shape)
    agree(np.linalg.pinv, a, torch=lambda x: tensors().linalg.pinv(x))
    agree_twice(np.linalg.pinv, a)
    keeps_float32(np.linalg.pinv, a)


def test_pseudo_inverse_where_the_rank_stays():
    # x yᵀ has rank 1 whatever x and y are.
    agree(lambda x, y: np.linalg.pinv(np.outer(x, y), rcond=1e-10), normal(3), normal(4))


@pytest.mark.parametrize(
    ("first", "second"),
    [((5, 3), (5,)), ((5, 3), (5, 2)), ((3, 3), (3,)), ((2, 4), (2, 3)), ((5, 3), (5, 0))],
    ids=str,
)
def test_least_squares(first, second):
    a, b = normal(*first), normal(*second)

    def parts(x, y):
        solution, residue, _, s = np.linalg.lstsq(x, y)
        return solution, residue, s

    agree(parts, a, b)
    agree_twice(lambda x, y: np.linalg.lstsq(x, y)[0], a, b)
    keeps_float32(parts, a, b)
    rank = np.linalg.lstsq(Variable(a), Variable(b))[2]
    assert rank.data == min(first)


def test_least_squares_as_pytorch():
    agree(
        lambda x, y: np.linalg.lstsq(x, y)[0],
        normal(5, 3),
        normal(5, 2),
        torch=lambda x, y: tensors().linalg.lstsq(x, y).solution,
    )


VECTORS = {
    "ordinary": np.array([1.5, -2.0, 0.5]),
    "some zero": np.array([1.0, 0.0, -1.0]),
    "all zero": np.zeros(3),
    "ties": np.array([2.0, -2.0, 2.0]),
    "tiny": np.array([3e-100, 4e-100]),
    "large": np.array([3e100, -4e100]),
}


@pytest.mark.parametrize("p", [None, 1, 2, 3, 1.5, 0.5, np.inf, -np.inf, 0])
@pytest.mark.parametrize("x", VECTORS.values(), ids=VECTORS)
def test_norm_of_vectors_as_pytorch(x, p):
    torch = tensors()
    v, t = Variable(x), torch.tensor(x, requires_grad=True)
    out = np.linalg.norm(v, p)
    expected = torch.linalg.vector_norm(t, 2 if p is None else p)
    np.testing.assert_allclose(out.data, expected.detach().numpy(), rtol=1e-9)
    out.backward()
    if p == 0:
        assert v.grad is None or not np.any(v.grad)
        return
    expected.backward()
    np.testing.assert_allclose(v.grad, t.grad.numpy(), rtol=1e-9)


@pytest.mark.parametrize("p", [None, 1, 2, 3, 0.5, -2, np.inf, -np.inf])
def test_norm_of_vectors_along_axes(p):
    a = normal(2, 3, 4)
    agree(lambda x: np.linalg.norm(x, p, axis=1), a)
    agree(lambda x: np.linalg.norm(x, p, axis=(-1,), keepdims=True), a)
    agree(lambda x: np.linalg.norm(x, p), a[0, 0])
    agree(lambda x: np.linalg.norm(x, p), np.array([3, -4]))
    agree_twice(lambda x: np.linalg.norm(x, p, axis=-1), a)
    keeps_float32(lambda x: np.linalg.norm(x, p, axis=-1), a)


@pytest.mark.parametrize("p", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_norm_of_matrices(p):
    a = normal(2, 3, 4)

    def as_tensors(x):
        return tensors().linalg.matrix_norm(x, p)

    agree(lambda x: np.linalg.norm(x, p, axis=(-2, -1)), a, torch=as_tensors)
    agree(lambda x: np.linalg.norm(x, p), a[0], torch=as_tensors)
    agree(lambda x: np.linalg.norm(x, p, axis=(2, 0), keepdims=True), a)
    agree(lambda x: np.linalg.matrix_norm(x, ord=p, keepdims=True), a)
    agree_twice(lambda x: np.linalg.norm(x, p), a[0])
    keeps_float32(lambda x: np.linalg.norm(x, p), a[0])


@pytest.mark.parametrize("p", ["fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
@pytest.mark.parametrize(
    "a", [np.zeros((2, 2)), np.eye(2), np.array([[1.0, -1], [0, 2]])], ids=["zero", "one", "ties"]
)
def test_norm_of_matrices_at_kinks_as_pytorch(a, p):
    torch = tensors()
    v, t = Variable(a), torch.tensor(a, requires_grad=True)
    np.linalg.norm(v, p).backward()
    torch.linalg.matrix_norm(t, p).backward()
    np.testing.assert_allclose(v.grad, t.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_norm_of_everything_and_nothing():
    a = normal(2, 3, 2)
    agree(np.linalg.norm, a)
    agree(lambda x: np.linalg.norm(x, keepdims=True), a)
    agree(lambda x: np.linalg.norm(x, axis=(0, 2)), a)
    agree(np.linalg.norm, np.zeros((2, 0)))
    agree(np.linalg.norm, 2.5)
    agree(lambda x: np.linalg.norm(x, axis=0), np.zeros((0, 3)))


def test_vector_norm():
    a = normal(2, 3, 4)
    agree(np.linalg.vector_norm, a)
    agree(lambda x: np.linalg.vector_norm(x, axis=(0, -1), ord=3), a)
    agree(lambda x: np.linalg.vector_norm(x, axis=1, keepdims=True, ord=1), a)
    agree(lambda x: np.linalg.vector_norm(x, keepdims=True), a)
    agree(np.linalg.vector_norm, np.zeros((2, 0)))


@pytest.mark.parametrize("p", [None, 2, -2, 1, np.inf, "fro"])
def test_condition_number(p):
    agree(lambda x: np.linalg.cond(x, p), regular(2, 3, 3))


def test_condition_number_of_a_singular_matrix_is_large_without_a_warning():
    assert np.linalg.cond(Variable(np.diag([1.0, 0.0]))).data == np.inf


@pytest.mark.parametrize("shape", SQUARE, ids=str)
@pytest.mark.parametrize("upper", [False, True])
def test_cholesky(shape, upper):
    a = normal(*shape)

    def factor(x):
        return np.linalg.cholesky(definite(x), upper=upper)

    def as_tensors(x):
        torch = tensors()
        return torch.linalg.cholesky(x @ x.mT + 2 * torch.eye(shape[-1]), upper=upper)

    agree(factor, a, torch=as_tensors)
    agree_twice(factor, a)
    keeps_float32(factor, a)


def test_cholesky_has_a_symmetric_derivative_as_pytorch():
    a = definite(normal(3, 3))
    torch = tensors()
    v, t = Variable(a), torch.tensor(a, requires_grad=True)
    weights = normal(3, 3)
    np.sum(np.linalg.cholesky(v) * weights).backward()
    (torch.linalg.cholesky(t) * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(v.grad, t.grad.numpy(), rtol=1e-9)
    np.testing.assert_allclose(v.grad, v.grad.T, rtol=1e-12)


def test_cholesky_of_an_indefinite_matrix_is_refused():
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.cholesky(Variable(np.diag([1.0, -1.0])))


@pytest.mark.parametrize("shape", SQUARE, ids=str)
@pytest.mark.parametrize("triangle", ["L", "U"])
def test_eigenvectors_of_symmetric_matrices(shape, triangle):
    a = normal(*shape)
    agree(lambda x: np.linalg.eigh(symmetric(x), triangle), a, tol=1e-6)
    agree(lambda x: np.linalg.eigvalsh(symmetric(x), triangle), a)
    agree_twice(lambda x: np.linalg.eigvalsh(symmetric(x)) ** 2, a)
    agree_twice(lambda x: np.linalg.eigh(symmetric(x)).eigenvectors ** 2, a, tol=1e-4)
    keeps_float32(lambda x: np.linalg.eigvalsh(symmetric(x)), a)


def test_eigenvectors_as_pytorch():
    a = symmetric(normal(2, 3, 3))
    torch = tensors()
    v, t = Variable(a), torch.tensor(a, requires_grad=True)
    weights, more = normal(2, 3, 3), normal(2, 3)
    (w, x), (tw, tx) = np.linalg.eigh(v), torch.linalg.eigh(t)
    signs = np.sign(np.sum(x.data * tx.detach().numpy(), axis=-2, keepdims=True))
    (np.sum(x * signs * weights) + np.sum(w * more)).backward()
    ((tx * torch.tensor(weights)).sum() + (tw * torch.tensor(more)).sum()).backward()
    np.testing.assert_allclose(v.grad, t.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_equal_eigenvalues():
    a = Variable(np.diag([1.0, 2.0, 2.0]))
    w, vectors = np.linalg.eigh(a)
    np.sum(w * [1, 2, 3]).backward()  # the values alone have a derivative (one of them)
    assert np.all(np.isfinite(a.grad))
    np.sum(vectors[:, 0] ** 2 * [1, 2, 3]).backward()  # and so has a vector that stands alone
    assert np.all(np.isfinite(a.grad))
    with pytest.raises(UnsupportedError, match=r"np\.linalg\.eigh: the value 2 .* more than one"):
        np.sum(vectors[:, 1] * [1, 2, 3]).backward()
    np.linalg.norm(np.linalg.eigvalsh(a)).backward()
    np.testing.assert_allclose(a.grad, np.diag([1 / 3, 2 / 3, 2 / 3]), rtol=1e-12)


def test_one_stack_member_with_equal_values_is_found():
    a = Variable(np.stack([np.diag([1.0, 2.0]), np.eye(2)]))
    with pytest.raises(UnsupportedError, match="the value 1 "):
        np.sum(np.linalg.eigh(a)[1] * [1, 2]).backward()


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2), (1, 1), (2, 0)], ids=str)
def test_singular_vectors(shape):
    a = normal(*shape)

    def parts(x):
        return np.linalg.svd(x, full_matrices=False)

    def rebuilt(x):
        u, s, vh = parts(x)
        return (u * np.expand_dims(s**2, -2)) @ vh

    agree(parts, a, tol=1e-6)
    agree(rebuilt, a, torch=torch_rebuilt)
    agree(lambda x: np.linalg.svd(x, compute_uv=False), a)
    agree(np.linalg.svdvals, a, torch=lambda x: tensors().linalg.svdvals(x))
    agree_twice(rebuilt, a, tol=1e-5)
    agree_twice(lambda x: np.linalg.svdvals(x) ** 2, a)
    keeps_float32(np.linalg.svdvals, a)
    if shape[-1] == shape[-2]:
        agree(np.linalg.svd, a, tol=1e-6)


def torch_rebuilt(x):
    u, s, vh = tensors().linalg.svd(x, full_matrices=False)
    return (u * (s**2)[..., None, :]) @ vh


def test_equal_or_zero_singular_values():
    a = Variable(np.eye(2))
    u, s, _ = np.linalg.svd(a)
    np.sum(s).backward()
    np.testing.assert_allclose(a.grad, np.eye(2), atol=1e-14)
    with pytest.raises(UnsupportedError, match=r"np\.linalg\.svd: the value 1 .* more than one"):
        np.sum(u * [[1, 2], [3, 4]]).backward()
    flat = Variable(np.outer([1.0, 2, 3], [1.0, 1]))  # one singular value is 0
    u, s, vh = np.linalg.svd(flat, full_matrices=False)
    np.sum(u[:, 0] * [1, 2, 3]).backward()
    assert np.all(np.isfinite(flat.grad))
    np.sum(vh * [[1, 2], [3, 4]]).backward()
    assert np.all(np.isfinite(flat.grad))
    with pytest.raises(UnsupportedError, match=r"np\.linalg\.svd: the value .* more than one"):
        np.sum(u[:, 1] * [1, 2, 3]).backward()


@pytest.mark.parametrize(
    ("shape", "mode"),
    [
        ((3, 3), "reduced"),
        ((4, 2), "reduced"),
        ((2, 4), "reduced"),
        ((2, 3, 2), "reduced"),
        ((2, 2, 3), "complete"),
        ((3, 3), "complete"),
        ((4, 2), "r"),
        ((2, 3), "r"),
        ((3, 0), "reduced"),
    ],
    ids=str,
)
def test_qr(shape, mode):
    a = normal(*shape)
    agree(lambda x: np.linalg.qr(x, mode), a)
    agree_twice(lambda x: np.linalg.qr(x, mode)[0], a, tol=1e-5)
    keeps_float32(lambda x: np.linalg.qr(x, mode), a)
    if mode == "reduced":
        agree(np.linalg.qr, a, torch=lambda x: tensors().linalg.qr(x))


def test_what_is_not_defined_is_said():
    a = Variable(normal(4, 2))
    for wrong, message in (
        (lambda: np.linalg.svd(a), r"np\.linalg\.svd: .*\(4, 2\).*full_matrices=False"),
        (lambda: np.linalg.svd(a, False, hermitian=True), r"np\.linalg\.svd: hermitian.*eigh"),
        (lambda: np.linalg.qr(a, "complete"), r"np\.linalg\.qr: .*\(4, 2\).*mode='reduced'"),
        (lambda: np.linalg.qr(a, mode="raw"), r"np\.linalg\.qr: mode='raw'.*mode='reduced'"),
    ):
        with pytest.raises(UnsupportedError, match=message):
            wrong()
    flat = Variable(np.ones((3, 2)))
    with pytest.raises(UnsupportedError, match=r"np\.linalg\.qr: the columns depend"):
        np.sum(np.linalg.qr(flat)[0]).backward()
    mixed = Variable(np.stack([np.eye(2), np.ones((2, 2))]))
    with pytest.raises(UnsupportedError, match=r"np\.linalg\.qr: the columns depend"):
        np.sum(np.linalg.qr(mixed)[1]).backward()


def test_what_numpy_refuses_is_refused():
    a = Variable(normal(2, 3))
    for function in (np.linalg.inv, np.linalg.det, np.linalg.cholesky, np.linalg.eigh):
        with pytest.raises(np.linalg.LinAlgError):
            function(a)
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.inv(Variable(np.zeros((2, 2))))
    with pytest.raises(ValueError):
        np.linalg.norm(a, "nonsense")
    with pytest.raises(ValueError):
        np.linalg.tensorinv(a, ind=0)


def test_untied_is_the_identity_where_it_is_defined():
    x = normal(3, 2)
    np.testing.assert_array_equal(untied(x, np.array([1.0, 2.0]), name="f"), x)
    with pytest.raises(ClearpropError, match="f: the value 2 "):
        untied(x, np.array([2.0, 2.0]), name="f")
    with pytest.raises(ClearpropError, match="f: the value 0 "):
        untied(x, np.array([2.0, 0.0]), name="f", nonzero=True)
    untied(np.zeros((3, 2)), np.array([2.0, 2.0]), name="f", nonzero=True)
