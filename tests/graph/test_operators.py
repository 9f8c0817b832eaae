"""Operators and methods of a Variable: NumPy's values, and derivatives that are right."""

import operator

import numpy as np
import pytest
from differences import assert_slopes

from clearprop import Variable
from clearprop.errors import ClearpropError, DTypeError

X = np.array([[1.5, 2.5, 0.5], [3.5, 1.25, 2.0]])
Y = np.array([2.0, 0.75, 1.25])

ARITHMETIC = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.mod,
]
OTHERS = {
    "an array": Y,
    "a list": Y.tolist(),
    "a tuple": tuple(Y.tolist()),
    "a number": 1.75,
    "a whole number": 2,
    "a NumPy number": np.float64(0.75),
    "a matrix": X + 0.3,
    "a column": X[:, :1] + 0.1,
    "something of no axes": np.array(1.5),
}


@pytest.mark.parametrize("op", ARITHMETIC, ids=lambda op: op.__name__)
@pytest.mark.parametrize("kind", OTHERS)
def test_operators_with_plain_values_on_either_side(op, kind):
    other = OTHERS[kind]
    x0 = X + 0.07  # not where mod jumps
    assert_slopes(lambda x: np.sum(op(x, other)), x0)
    assert_slopes(lambda x: np.sum(op(other, x)), x0)


@pytest.mark.parametrize("op", ARITHMETIC, ids=lambda op: op.__name__)
def test_operators_between_variables(op):
    assert_slopes(lambda x, y: np.sum(op(x, y) * X), X + 0.1, Y)
    assert_slopes(lambda x, y: np.sum(op(y, x) * X), X + 0.1, Y)
    assert_slopes(op, 1.7, 0.4)


@pytest.mark.parametrize("op", [operator.neg, operator.pos, abs], ids=lambda op: op.__name__)
def test_operators_of_one_operand(op):
    assert_slopes(lambda x: np.sum(op(x) * X), X - 2.2)


def test_matrix_products_on_either_side():
    A = np.arange(12.0).reshape(3, 4)
    assert_slopes(lambda x: np.sum((x @ A) ** 2), X)
    assert_slopes(lambda x: np.sum((A.T @ x.T) ** 2), X)
    assert_slopes(lambda x, y: np.sum((x @ y) ** 2), X, Y)
    assert_slopes(lambda x: np.sum((A.tolist() @ x) ** 2), np.ones((4, 2)))


COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@pytest.mark.parametrize("op", COMPARISONS, ids=lambda op: op.__name__)
@pytest.mark.parametrize(
    "other", [1.5, Y, Y.tolist(), Variable(Y)], ids=["1.5", "array", "list", "v"]
)
def test_comparisons_are_nodes_with_derivative_zero(op, other):
    x = Variable(X)
    out = op(x, other)
    plain = other.data if isinstance(other, Variable) else other
    np.testing.assert_array_equal(out.data, op(X, np.asarray(plain)), strict=True)
    swapped = op(plain, x)
    np.testing.assert_array_equal(swapped.data, op(np.asarray(plain), X), strict=True)
    (out * 1.0).sum().backward()
    np.testing.assert_array_equal(x.grad, np.zeros(X.shape))


@pytest.mark.parametrize(
    "op",
    [
        *(operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift),
        operator.floordiv,
    ],
    ids=lambda op: op.__name__,
)
def test_operators_of_whole_numbers(op):
    a, b = np.array([5, 6, 7]), np.array([1, 2, 3])
    for left, right in ((Variable(a), b), (a, Variable(b)), (Variable(a), Variable(b))):
        np.testing.assert_array_equal(op(left, right).data, op(a, b), strict=True)
    np.testing.assert_array_equal((~Variable(a)).data, ~a, strict=True)


def test_divmod_and_round():
    quotient, rest = divmod(Variable(7.5), 2)
    assert (quotient.item(), rest.item()) == (3.0, 1.5)
    quotient, rest = divmod(7.5, Variable(2.0))
    assert (quotient.item(), rest.item()) == (3.0, 1.5)
    assert round(Variable(2.567), 2).item() == 2.57


METHODS = {
    "sum": (lambda x: x.sum(), lambda x: x.sum(axis=0), lambda x: x.sum(1, keepdims=True)),
    "mean": (lambda x: x.mean(), lambda x: x.mean(axis=-1)),
    "max": (lambda x: x.max(), lambda x: x.max(axis=0, keepdims=True)),
    "min": (lambda x: x.min(), lambda x: x.min(axis=(0, 1))),
    "prod": (lambda x: x.prod(), lambda x: x.prod(axis=1)),
    "var": (lambda x: x.var(), lambda x: x.var(axis=1, ddof=1)),
    "std": (lambda x: x.std(), lambda x: x.std(axis=0)),
    "ptp": (lambda x: np.ptp(x, axis=1),),
    "cumsum": (lambda x: x.cumsum(), lambda x: x.cumsum(axis=1)),
    "cumprod": (lambda x: x.cumprod(axis=0),),
    "reshape": (
        lambda x: x.reshape(3, 2),
        lambda x: x.reshape((6,)),
        lambda x: x.reshape(-1),
        lambda x: x.reshape(3, 2, order="F"),
        lambda x: x.reshape([2, 3, 1]),
    ),
    "transpose": (
        lambda x: x.T,
        lambda x: x.mT,
        lambda x: x.transpose(),
        lambda x: x.transpose(1, 0),
        lambda x: x.transpose((1, 0)),
    ),
    "ravel": (lambda x: x.ravel(), lambda x: x.flatten()),
    "squeeze": (lambda x: x[:, :1].squeeze(), lambda x: x[:, :1].squeeze(axis=1)),
    "swapaxes": (lambda x: x.swapaxes(0, 1),),
    "repeat": (lambda x: x.repeat(2, axis=1),),
    "take": (lambda x: x.take([0, 0, 4]), lambda x: x.take([1, 1], axis=1)),
    "clip": (lambda x: x.clip(1.1, 2.1),),
    "diagonal": (lambda x: x.diagonal(), lambda x: x.diagonal(1)),
    "trace": (lambda x: x.trace(),),
    "dot": (lambda x: x.dot(Y), lambda x: x.dot(np.ones((3, 2)))),
    "astype": (lambda x: x.astype(np.float64),),
    "copy": (lambda x: x.copy(),),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_do_what_they_do_on_arrays(name):
    for method in METHODS[name]:
        weights = np.cos(np.arange(np.size(method(X)))).reshape(np.shape(method(X)))
        assert_slopes(lambda x, m=method, w=weights: np.sum(m(x) * w), X)
        np.testing.assert_array_equal(method(Variable(X)).data, method(X))


CONSTANT_METHODS = {
    "all": lambda x: x.all(axis=0),
    "any": lambda x: x.any(),
    "argmax": lambda x: x.argmax(axis=1),
    "argmin": lambda x: x.argmin(),
    "argsort": lambda x: x.argsort(axis=0),
    "nonzero": lambda x: x.nonzero()[1],
    "round": lambda x: x.round(1),
    "searchsorted": lambda x: x.ravel().cumsum().searchsorted([1.0, 3.0]),
}


@pytest.mark.parametrize("name", CONSTANT_METHODS)
def test_methods_without_a_derivative(name):
    method = CONSTANT_METHODS[name]
    x = Variable(X)
    out = method(x)
    np.testing.assert_array_equal(out.data, method(X))
    (out * 1.0).sum().backward()
    np.testing.assert_array_equal(x.grad, np.zeros(X.shape))


def test_whole_numbers_are_values_and_differentiated_as_floats():
    apple, number, tax = Variable(100), Variable(2), Variable(1.1)
    price = apple * number * tax
    assert (apple * number).dtype == np.int64
    price.backward()
    for v, expected in ((apple, 2.2), (number, 110), (tax, 200)):
        assert v.grad.dtype == np.float64
        assert v.grad == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64, bool])
def test_derivatives_by_whole_numbers_do_not_wrap_around(dtype):
    x = Variable(np.array([1, 1, 0], dtype))
    (x * 300.0).sum().backward()
    np.testing.assert_array_equal(x.grad, [300.0, 300.0, 300.0], strict=True)
    y = Variable(np.array([3, 7], np.uint8))
    (1 - y.astype(np.float64) * y).sum().backward()
    np.testing.assert_array_equal(y.grad, [-6.0, -14.0])


def test_powers_of_whole_numbers():
    x = Variable(np.array([2, 3]))
    (x**3).sum().backward()
    np.testing.assert_array_equal(x.grad, [12.0, 27.0], strict=True)


FLOAT32 = {
    "+ number": lambda x: x + 1.5,
    "number -": lambda x: 1 - x,
    "* whole": lambda x: x * 3,
    "/ list": lambda x: x / [1.0, 2.0, 3.0],
    "**": lambda x: x**2.5,
    "** whole": lambda x: x**2,
    "number **": lambda x: 2.0**x,
    "abs": abs,
    "@": lambda x: x @ np.ones((3, 2), np.float32),
    "chain": lambda x: np.exp(x).sum(axis=0) / x.mean() - x.std() * x.var(),
    "maximum": lambda x: np.maximum(x, 1.0),
    "where": lambda x: np.where(x > 1, x, 0.0),
    "softmax": lambda x: np.exp(x - x.max(axis=1, keepdims=True)) / np.exp(x).sum(),
    "index": lambda x: x[:, [0, 0, 1]],
    "clip": lambda x: x.clip(0.9, 2.1),
    "norm": lambda x: np.linalg.norm(x, axis=1),
    "log": lambda x: np.log(x) * np.log1p(x) / np.sqrt(x),
    "cumulative": lambda x: np.cumsum(x, axis=1) * np.cumprod(x, axis=0),
    "concatenate": lambda x: np.concatenate([x, x * 2]),
    "comparison": lambda x: (x > 1) * x,
    "whole numbers beside": lambda x: x * np.float32(2) + np.int8(1),
}


@pytest.mark.parametrize("name", FLOAT32)
def test_float32_stays_float32(name):
    x = Variable(X.astype(np.float32))
    out = FLOAT32[name](x)
    if "list" not in name:
        assert out.dtype == np.float32
    out.sum().backward()
    assert x.grad.dtype == np.float32
    assert x.grad.shape == x.shape
    assert type(x.grad) is np.ndarray


def test_a_wider_partner_widens_the_result_but_not_the_derivative():
    x, y = Variable(np.ones(3, np.float32)), Variable(np.full(3, 2.0))
    out = (x * y).sum()
    out.backward()
    assert (out.dtype, x.grad.dtype, y.grad.dtype) == (np.float64, np.float32, np.float64)
    half = Variable(np.ones(3, np.float16))
    (half * 2).sum().backward()
    assert half.grad.dtype == np.float16


def test_values_of_another_kind_are_refused_by_name():
    x = Variable([1.0, 2.0])
    with pytest.raises(DTypeError, match=r"np\.add: 1j is complex"):
        x + 1j
    with pytest.raises(DTypeError, match=r"np\.multiply: an array of dtype complex128"):
        np.array([1j, 2]) * x
    with pytest.raises(DTypeError, match="dtype <U1"):
        x * np.array(["a", "b"])
    with pytest.raises(TypeError):
        x + "text"
    with pytest.raises(TypeError):
        x + None


def test_shapes_that_do_not_fit_are_refused_by_numpy():
    with pytest.raises(ValueError, match="broadcast"):
        Variable([1.0, 2.0]) + Variable([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="matmul"):
        Variable(X) @ Variable(X)


def test_a_result_that_is_not_real_is_refused():
    with pytest.raises(ClearpropError):
        np.sqrt(Variable(1.0), dtype=complex)
    with pytest.raises(ClearpropError):
        Variable(1.0).astype(complex)
    with pytest.raises(ClearpropError):
        Variable(1.0).astype(str)
