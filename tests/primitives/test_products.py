"""Products of arrays: values, derivatives and second derivatives."""

import warnings

import numpy as np
import pytest
from agreement import agree, agree_twice, keeps_float32
from row_samples import EINSUM, drawn

from clearprop.errors import ClearpropError, LeavesGraphError, UnsupportedError
from clearprop.graph import Variable

rng = np.random.default_rng(5)


def normal(*shape):
    return rng.standard_normal(shape)


PAIRS = {
    np.matmul: [
        ((3, 4), (4, 2)),
        ((4,), (4,)),
        ((4,), (4, 2)),
        ((3, 4), (4,)),
        ((4,), (5, 4, 2)),
        ((5, 3, 4), (4,)),
        ((5, 3, 4), (4, 2)),
        ((3, 4), (5, 4, 2)),
        ((5, 1, 3, 4), (2, 4, 2)),
        ((1, 3, 4), (2, 1, 4, 2)),
        ((0, 4), (4, 2)),
        ((3, 0), (0, 2)),
        ((2, 3, 0), (0, 2)),
        ((0, 3, 4), (4, 2)),
        ((0,), (0,)),
        ((0,), (0, 2)),
    ],
    np.dot: [
        ((3, 4), (4, 2)),
        ((4,), (4,)),
        ((4,), (4, 2)),
        ((3, 4), (4,)),
        ((2, 3, 4), (4,)),
        ((4,), (2, 4, 3)),
        ((2, 3, 4), (4, 2)),
        ((3, 4), (2, 4, 3)),
        ((2, 3, 4), (3, 4, 2)),
        ((), ()),
        ((), (2, 3)),
        ((2, 3), ()),
        ((3, 0), (0, 2)),
        ((0,), (0,)),
    ],
    np.inner: [
        ((4,), (4,)),
        ((3, 4), (2, 4)),
        ((2, 3, 4), (4,)),
        ((4,), (2, 3, 4)),
        ((2, 3, 4), (2, 4)),
        ((), (2, 3)),
        ((2,), ()),
        ((2, 0), (3, 0)),
    ],
    np.outer: [((3,), (4,)), ((2, 3), (4,)), ((), (3,)), ((), ()), ((0,), (3,))],
    np.vdot: [((3,), (3,)), ((2, 3), (3, 2)), ((), ()), ((0,), (2, 0))],
    np.vecdot: [((4,), (4,)), ((3, 4), (4,)), ((2, 1, 4), (3, 4)), ((0,), (0,)), ((2, 0), (0,))],
    np.matvec: [((3, 4), (4,)), ((5, 3, 4), (4,)), ((3, 4), (2, 4)), ((3, 0), (0,))],
    np.vecmat: [((3,), (3, 4)), ((2, 3), (3, 4)), ((3,), (5, 3, 4)), ((0,), (0, 2))],
    np.kron: [((2, 3), (3, 2)), ((2,), (3, 2)), ((2, 1, 2), (3,)), ((), (2, 3)), ((0, 2), (2, 1))],
    np.linalg.outer: [((3,), (4,))],
    np.linalg.matmul: [((2, 3, 4), (4, 2))],
    np.linalg.vecdot: [((2, 4), (4,))],
}
CASES = [(f, *shapes) for f, pairs in PAIRS.items() for shapes in pairs]


@pytest.mark.parametrize(("function", "first", "second"), CASES)
def test_products_of_two(function, first, second):
    a, b = normal(*first), normal(*second)
    agree(function, a, b)
    agree_twice(lambda x, y: np.sum(function(x, y)) ** 2 * np.sum(x) * np.sum(y), a, b)
    keeps_float32(function, a, b)


@pytest.mark.parametrize("function", [np.matmul, np.dot, np.kron, np.outer, np.inner, np.vdot])
def test_awkward_arrays(function):
    a = normal(6, 8)[::-2, ::2]
    b = np.asfortranarray(normal(3, 4)).T if function in (np.matmul, np.dot) else normal(3, 4)
    agree(function, a, b)
    agree(function, np.arange(12).reshape(3, 4), b)
    agree(function, a, np.arange(b.size).reshape(b.shape))
    square = normal(3, 3)
    agree(lambda x: function(x, x), square)
    agree(lambda x: function(x, x.T), square)
    keeps_float32(lambda x: function(x, x), square)


def test_matmul_as_pytorch():
    for first, second in PAIRS[np.matmul]:
        agree(np.matmul, normal(*first), normal(*second), torch=lambda x, y: x @ y)


def test_operators_and_lists():
    a = normal(2, 3)
    agree(lambda x: x @ [1.0, 2.0, 3.0], a)
    agree(lambda x: [[1, 2]] @ x, a)
    agree(lambda x: np.dot([1, 2], x), a)
    agree(lambda x: x.dot(x.T), a)


def test_vecdot_axis():
    a, b = normal(4, 3, 2), normal(4, 2)
    agree(lambda x, y: np.vecdot(x, y, axis=0), normal(3, 2), normal(3, 1))
    agree(lambda x, y: np.linalg.vecdot(x, y, axis=-2), normal(4, 3, 2), normal(3, 1))
    agree(lambda x, y: np.vecdot(x, y, axis=0), np.moveaxis(a, 1, 2), normal(4, 2, 1))
    assert b.ndim == 2


AXES = [
    ((2, 3, 4), (4, 3, 2), 1),
    ((2, 3, 4), (3, 4, 2), 2),
    ((2, 3), (4,), 0),
    ((2, 3, 4), (4, 3, 2), ([1, 0], [1, 2])),
    ((2, 3, 4), (4, 3, 2), ([2, 0, 1], [0, 2, 1])),
    ((2, 3, 4), (4, 2, 3), ((-1, 0), (0, 1))),
    ((2, 3, 4), (4, 3, 2), (2, 0)),
    ((2, 3, 4), (4, 3, 2), ((0, 2), (-1, -3))),
    ((2, 3, 4), (4, 3, 2), np.array([[0], [2]])),
    ((0, 3), (3, 0), 1),
    ((2, 0), (0, 2), 1),
    ((), (2,), 0),
    ((2, 3), (2, 3), ((), ())),
]


@pytest.mark.parametrize(("first", "second", "axes"), AXES, ids=str)
def test_tensordot(first, second, axes):
    a, b = normal(*first), normal(*second)
    agree(lambda x, y: np.tensordot(x, y, axes), a, b)
    agree(lambda x, y: np.linalg.tensordot(x, y, axes=axes), a, b)
    agree_twice(lambda x, y: np.sum(np.tensordot(x * x, y, axes) ** 2), a, b)


def test_tensordot_of_an_array_with_itself():
    a = normal(3, 3, 2)
    agree(lambda x: np.tensordot(x, x, ([0, 2], [1, 2])), a)


SUMS = [((drawn(args, rng), kwargs), i) for i, (args, kwargs) in enumerate(EINSUM)]
SUMS += [
    ((("ij->ij", normal(2, 3)), {}), "as it is"),
    ((("iii->i", normal(3, 3, 3)), {}), "three of a kind"),
    ((("iijj->ij", normal(2, 2, 3, 3)), {}), "two diagonals"),
    ((("iji->j", normal(2, 3, 2)), {}), "partial trace"),
    ((("ii,ij->j", normal(3, 3), normal(3, 2)), {}), "trace of one of two"),
    ((("ij,kl->", normal(2, 3), normal(2, 2)), {}), "sums of both"),
    ((("ij,jk,kl,lm->im", *(normal(2, 2) for _ in range(4))), {"optimize": "optimal"}), "chain"),
    ((("bhid,bhjd->bhij", normal(2, 2, 3, 2), normal(2, 2, 4, 2)), {"optimize": True}), "heads"),
    ((("...ij,...jk", normal(2, 1, 3, 2), normal(4, 2, 3)), {}), "broadcast stacks"),
    ((("...,...", normal(2, 3), normal(3)), {}), "only ellipses"),
    (((" i j , j -> i ", normal(2, 3), normal(3)), {}), "spaces"),
    ((("ij,jk->ki", normal(2, 1), normal(3, 4)), {"optimize": True}), "length 1"),
    ((("ij->", normal(0, 3)), {}), "empty"),
    ((("ii->i", normal(0, 0)), {}), "empty diagonal"),
    ((("ii->i", normal(1, 1)), {}), "diagonal of one"),
    ((("", normal()), {}), "a number"),
    (((normal(2, 3), [7, 2], normal(3), [2]), {}), "numbers for letters"),
    (
        (("ij,jk->ik", normal(2, 3), normal(3, 2)), {"optimize": ["einsum_path", (0, 1)]}),
        "a path",
    ),
    (
        (("ij,jk,kl", normal(2, 3), normal(3, 2), normal(2, 2)), {"optimize": True}),
        "three optimised",
    ),
]


@pytest.mark.parametrize(("call", "name"), SUMS, ids=lambda value: str(value)[:16])
def test_einsum(call, name):
    args, kwargs = call
    places = [i for i, x in enumerate(args) if isinstance(x, np.ndarray)]

    def product(*arrays):
        filled = list(args)
        for place, array in zip(places, arrays, strict=True):
            filled[place] = array
        return np.einsum(*filled, **kwargs)

    arrays = [args[i] for i in places]
    agree(product, *arrays)
    agree(product, *(a[::-1] if a.ndim else a for a in arrays))
    agree(product, *(np.arange(a.size).reshape(a.shape) for a in arrays))
    agree_twice(lambda *given: np.sum(product(*given) ** 2), *arrays)
    keeps_float32(product, *arrays)
    if isinstance(args[0], str) and "1" not in str(name):
        agree_with_torch(args[0], product, arrays)


def agree_with_torch(subscripts, product, arrays):
    torch = pytest.importorskip("torch")
    agree(product, *arrays, torch=lambda *tensors: torch.einsum(subscripts or "->", *tensors))


def random_sum(seed):
    """Subscripts with repeated letters, ellipses and axes of length 1, and arrays for them."""
    draw = np.random.default_rng(seed)
    sizes = {letter: draw.choice([1, 2, 3]) for letter in "ijkl"}
    terms, arrays = [], []
    for _ in range(draw.integers(1, 4)):
        term = "".join(draw.choice(list(sizes), draw.integers(0, 4)))
        shape = [sizes[x] if term.count(x) > 1 or draw.random() < 0.8 else 1 for x in term]
        if draw.random() < 0.3:
            place = draw.integers(0, len(term) + 1)
            term = f"{term[:place]}...{term[place:]}"
            shape[place:place] = [(2, 3)[i] if draw.random() < 0.8 else 1 for i in (0, 1)]
        terms.append(term)
        arrays.append(draw.standard_normal(shape))
    letters = sorted(set("".join(terms)) - {"."})
    draw.shuffle(letters)
    kept = letters[: draw.integers(0, len(letters) + 1)]
    dots = "..." if any("." in term for term in terms) else ""
    return ",".join(terms) + ("" if draw.random() < 0.3 else f"->{dots}{''.join(kept)}"), arrays


@pytest.mark.parametrize("seed", range(40))
def test_random_einsum(seed):
    subscripts, arrays = random_sum(seed)
    agree(lambda *given: np.einsum(subscripts, *given), *arrays)
    agree_twice(lambda *given: np.einsum(subscripts, *given, optimize=True) ** 2, *arrays)


def test_einsum_of_an_array_with_itself():
    a = normal(3, 3)
    agree(lambda x: np.einsum("ij,ij", x, x), a)
    agree(lambda x: np.einsum("ij,jk->ik", x, x), a)
    agree(lambda x: np.einsum("ij,ji,ii->", x, x, x), a)
    agree_twice(lambda x: np.einsum("ij,jk,kl->il", x, x, x), a)


def test_einsum_refuses():
    x = Variable(normal(2, 3))
    with pytest.raises(ValueError):
        np.einsum("ij,jk", x, x)
    with pytest.raises(ValueError):
        np.einsum("ijk", x)
    with pytest.raises(LeavesGraphError, match="out="):
        np.einsum("ij->ji", x, out=np.empty((3, 2)))
    whole = np.einsum("ij->i", x, dtype=int, casting="unsafe")
    np.sum(whole * x[:, 0]).backward()
    np.testing.assert_array_equal(x.grad[:, 1:], np.zeros((2, 2)))


def test_cross():
    a, b = normal(4, 3), normal(4, 3)
    agree(np.cross, a, b)
    agree(np.cross, a[0], b)
    agree(lambda x: np.cross(x, x[::-1]), a)
    agree(lambda x, y: np.cross(x, y, axisa=0, axisb=1, axisc=0), a.T, b)
    agree(lambda x, y: np.cross(x, y, axis=0), a.T, b.T)
    agree(np.linalg.cross, a, b)
    agree(lambda x, y: np.linalg.cross(x, y, axis=0), a.T, b.T)
    agree_twice(lambda x, y: np.sum(np.cross(x, y) ** 2), a[:2], b[:2])


@pytest.mark.parametrize(("first", "second"), [(2, 2), (2, 3), (3, 2)])
def test_cross_of_vectors_in_the_plane(first, second):
    def product(x, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # NumPy's own, for plane vectors
            return np.cross(x, y)

    agree(product, normal(4, first), normal(4, second))
    agree(product, normal(first), normal(second))


@pytest.mark.parametrize(
    "shapes",
    [
        [(2, 3), (3, 4)],
        [(3,), (3, 4), (4, 2), (2,)],
        [(3,), (3,)],
        [(2, 5), (5, 1), (1, 4), (4, 3), (3, 2)],
        [(2, 3), (3, 4), (4,)],
    ],
    ids=str,
)
def test_multi_dot(shapes):
    agree(lambda *arrays: np.linalg.multi_dot(arrays), *(normal(*shape) for shape in shapes))


def test_multi_dot_makes_the_cheapest_products():
    arrays = [Variable(normal(*shape)) for shape in ((10, 100), (100, 5), (5, 50))]
    product = np.linalg.multi_dot(arrays)
    inner = product.node.inputs[0].node.inputs[0]
    assert inner.shape == (10, 5)


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 3, 5, 8])
def test_matrix_power(n):
    a = np.eye(3) + 0.3 * normal(2, 3, 3)
    agree(lambda x: np.linalg.matrix_power(x, n), a, tol=1e-6)
    agree_twice(lambda x: np.sum(np.linalg.matrix_power(x, n)) ** 2 * x, a[0], tol=1e-5)
    keeps_float32(lambda x: np.linalg.matrix_power(x, n), a)


def test_trace():
    agree(lambda x: np.linalg.trace(x, offset=1), normal(2, 3, 4))


def test_what_does_not_fit_is_refused():
    x, v = Variable(normal(2, 3)), Variable(normal(3))
    for function in (np.matmul, np.dot, lambda a, b: np.tensordot(a, b, 1)):
        with pytest.raises(ValueError):
            function(x, x)
    with pytest.raises(ValueError):
        np.inner(x, x[:, :2])
    with pytest.raises(ClearpropError, match=r"np\.cross.*length 4"):
        np.cross(Variable(normal(4)), v)
    with pytest.raises(ClearpropError, match=r"np\.linalg\.cross"):
        np.linalg.cross(v[:2], v[:2])
    with pytest.raises(ClearpropError, match=r"np\.linalg\.outer.*np\.outer flattens"):
        np.linalg.outer(x, v)
    with pytest.raises(ClearpropError, match=r"np\.linalg\.multi_dot: 1 arrays"):
        np.linalg.multi_dot([x])
    with pytest.raises(ClearpropError, match=r"np\.linalg\.multi_dot.*only the first"):
        np.linalg.multi_dot([x, v, x])
    with pytest.raises(ClearpropError, match=r"np\.linalg\.matrix_power.*\(2, 3\)"):
        np.linalg.matrix_power(x, 2)
    with pytest.raises(TypeError, match="not a whole number"):
        np.linalg.matrix_power(Variable(np.eye(2)), 1.5)
    with pytest.raises(UnsupportedError, match=r"np\.matmul: the argument axes.*np\.moveaxis"):
        np.matmul(x, x, axes=[(0, 1), (1, 0), (0, 1)])
    with pytest.raises(LeavesGraphError, match=r"np\.dot: out="):
        np.dot(x, v, np.empty(2))
