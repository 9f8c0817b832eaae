"""Awkward operands: shapes, strides, kinds of number, kinks, poles, and the ends of float64."""

import numpy as np
import pytest
from agreement import agree, agree_twice, keeps_float32
from harness import RANGES

from clearprop.graph import Variable
from clearprop.primitives import arithmetic, transcendental

RNG = np.random.default_rng(17)
ROWS = {row.function: row for row in (*arithmetic.ROWS, *transcendental.ROWS)}
WHOLE = (np.ldexp, np.heaviside)  # an operand is a whole number, or counts at one place only
UFUNCS = [f for f in ROWS if f not in WHOLE]
NAMES = {
    np.absolute: "abs",
    np.fabs: "abs",
    np.conjugate: "conj_physical",
    np.degrees: "rad2deg",
    np.divide: "true_divide",
    np.power: "pow",
    np.radians: "deg2rad",
    np.cbrt: None,
}
inf, nan = np.inf, np.nan


def in_torch(function):
    """PyTorch's function of the same meaning, None where it has none."""
    torch = pytest.importorskip("torch")
    name = NAMES.get(function, function.__name__)
    return name and getattr(torch, name, None)


def drawn(function, *shapes):
    return [RANGES[d](RNG, s) for d, s in zip(ROWS[function].domain, shapes, strict=False)]


def views(x):
    """The numbers of x in an array that is laid out in another way."""
    yield np.asfortranarray(x)
    yield x[::-1, ::-2]
    wide = np.repeat(np.repeat(x, 2, 0), 3, 1)
    yield wide[::2, ::3]
    yield x[0, 0]
    yield x[:0]
    yield x[None, :, 1:1]
    yield np.broadcast_to(x[:1], x.shape)


@pytest.mark.parametrize("function", UFUNCS, ids=lambda f: f.__name__)
def test_elementwise_functions_of_every_layout(function):
    x, *y = drawn(function, (3, 4), (3, 4))
    for view in views(x):
        others = [np.broadcast_to(np.ravel(y[0])[0], view.shape)] if y else []
        agree(function, view, *others, torch=in_torch(function), tol=3e-7)


@pytest.mark.parametrize("function", [f for f in UFUNCS if f.nin == 2], ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((), (2, 3)),
        ((3,), (2, 3)),
        ((1, 3), (2, 1)),
        ((4, 1, 3), (2, 1)),
        ((2, 3), (1, 1, 1)),
        ((0, 3), (1, 3)),
        ((0,), ()),
        ((1,), (2, 0, 1)),
    ],
)
def test_broadcasting_in_every_position(function, one, other):
    for shapes in ((one, other), (other, one)):
        agree(function, *drawn(function, *shapes), torch=in_torch(function), tol=3e-7)


@pytest.mark.parametrize("function", UFUNCS, ids=lambda f: f.__name__)
def test_derivatives_of_derivatives(function):
    """Squared, so that those of a linear function differ from 0 too."""
    operands = drawn(function, (3, 1), (4,))
    agree_twice(lambda *xs: np.square(function(*xs)), *operands, tol=3e-6)


@pytest.mark.parametrize(
    "function",
    # float_power is there to give float64, and copysign does not depend on its second operand.
    [f for f in UFUNCS if f not in (np.float_power, np.copysign)],
    ids=lambda f: f.__name__,
)
def test_float32_stays(function):
    keeps_float32(function, *drawn(function, (3, 1), (4,)))


@pytest.mark.parametrize(
    "function",
    [f for f in UFUNCS if ROWS[f].domain[0] in ("real", "positive") and f is not np.log1p],
    ids=lambda f: f.__name__,
)
def test_whole_numbers_are_differentiated_as_floats(function):
    x = np.array([[1, 2, 3], [4, 1, 2]])
    y = np.array([2, 3, 5])
    found = [Variable(a) for a in (x, y)[: function.nin]]
    exact = [Variable(a * 1.0) for a in (x, y)[: function.nin]]
    for operands in (found, exact):
        np.sum(function(*operands)).backward()
    for v, e in zip(found, exact, strict=True):
        assert v.grad.dtype == np.float64
        np.testing.assert_allclose(v.grad, e.grad, rtol=1e-14)


@pytest.mark.parametrize("function", UFUNCS, ids=lambda f: f.__name__)
def test_the_same_operand_twice(function):
    if function.nin == 2:
        x = RNG.uniform(0.5, 2, 5)
        y = Variable(x)
        np.sum(function(y, y)).backward()
        a, b = Variable(x), Variable(x)
        np.sum(function(a, b)).backward()
        parts = [v.grad for v in (a, b) if v.grad is not None]
        np.testing.assert_allclose(y.grad, sum(parts), rtol=1e-14)


VALUES = {
    np.absolute: [(0.0,), (-0.0,), (-inf,), (1e308,), (5e-324,)],
    np.add: [(1e308, -1e308)],
    np.arccos: [(1 - 1e-12,), (-1 + 1e-12,), (1e-300,), (1.0,), (-1.0,)],
    np.arccosh: [(1.0,), (1 + 1e-12,), (1e150,)],
    np.arcsin: [(1 - 1e-12,), (1.0,), (-1.0,), (1e-300,)],
    np.arcsinh: [(1e-300,), (1e150,), (-1e150,), (0.0,)],
    np.arctan: [(1e150,), (1e-300,), (0.0,), (inf,)],
    np.arctan2: [(0.0, 0.0), (0.0, -1.0), (0.0, 2.0), (1e100, 1e100), (-3.0, 0.0), (1e-100, 1e-90)],
    np.arctanh: [(1 - 1e-12,), (1e-300,)],
    np.copysign: [(0.0, -1.0), (2.0, -1.0), (-2.0, 0.0), (-2.0, -0.0)],
    np.cosh: [(700.0,), (1e-200,), (0.0,)],
    np.divide: [(0.0, 3.0), (1e100, 1e-100), (1e-200, 1e200), (1.0, inf)],
    np.exp: [(709.0,), (-745.0,), (-inf,), (0.0,)],
    np.expm1: [(1e-300,), (700.0,), (-1e-9,), (-5.0,)],
    np.float_power: [(0.0, 2.0), (-2.0, 2.0), (0.0, 0.0)],
    np.fmax: [(2.0, 2.0), (nan, 2.0), (2.0, nan), (nan, nan), (inf, inf), (0.0, -0.0)],
    np.fmin: [(2.0, 2.0), (nan, 2.0), (2.0, nan), (nan, nan), (-inf, -inf)],
    np.fmod: [(-5.0, 3.0), (5.0, -3.0), (5.5, 2.25), (5.0, inf), (0.0, 2.0)],
    np.hypot: [(0.0, 2.0), (0.0, 0.0), (3e-5, -4e-5), (1e150, 1e150)],
    np.log: [(1e-300,), (1e308,)],
    np.log10: [(1e-300,), (1e300,)],
    np.log1p: [(1e-300,), (-1 + 1e-10,), (1e300,), (0.0,)],
    np.log2: [(1e-300,), (1e300,)],
    np.logaddexp: [
        *((1e5, -1e5), (-1e5, 1e5), (2.0, 2.0), (1e300, 1e300), (1e-300, 0.0)),
        *((-inf, 0.0), (0.0, -inf), (inf, 0.0), (inf, inf), (-inf, -inf)),
    ],
    np.logaddexp2: [(1e3, -1e3), (2.0, 2.0), (-inf, 0.0), (3.0, 1.0)],
    np.maximum: [(2.0, 2.0), (nan, 1.0), (1.0, nan), (inf, inf), (-inf, -inf), (0.0, -0.0)],
    np.minimum: [(2.0, 2.0), (nan, 1.0), (1.0, nan), (inf, inf), (-inf, -inf), (0.0, -0.0)],
    np.multiply: [(0.0, 0.0), (1e200, 1e-200), (1e-200, 1e-200)],
    np.power: [
        *((0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (0.0, 3.0), (0.0, 0.5), (-0.0, 3.0), (3.0, 0.0)),
        *((-2.0, 3.0), (-2.0, 2.0), (-2.0, 0.0), (-2.0, -1.0), (1e-300, 0.0), (5e-324, 0.0)),
        *((1e-100, 2.0), (1e100, 3.0), (2.0, -1074.0), (1.0, 1e300), (1e154, 2.0), (2.0, 1000.0)),
    ],
    np.reciprocal: [(1e-100,), (-1e150,), (inf,)],
    np.remainder: [
        *((-5.0, 3.0), (5.0, -3.0), (-5.0, -3.0), (5.5, 2.25), (1.0, 0.1), (6.0, 3.0)),
        *((0.0, 2.0), (-5.0, inf), (5.0, inf), (1e17, 3.0)),
    ],
    np.sinh: [(700.0,), (1e-300,), (-700.0,)],
    np.sqrt: [(0.0,), (1e-300,), (1e300,), (inf,)],
    np.square: [(1e150,), (1e-200,), (0.0,)],
    np.tan: [(1e-300,), (1.57,), (1e5,)],
    np.tanh: [(1e-300,), (5.0,), (1e5,), (-1e5,), (inf,), (0.0,)],
}
"""Numbers at kinks, poles and the ends of the range. No warning may come up on the way back."""


def slopes(f, *numbers):
    operands = [Variable(x) for x in numbers]
    f(*operands).backward()
    return [float(v.grad) if v.grad is not None else 0.0 for v in operands]


@pytest.mark.parametrize("function", VALUES, ids=lambda f: f.__name__)
def test_numbers_at_the_edge_as_pytorch_has_them(function):
    torch = pytest.importorskip("torch")
    for numbers in VALUES[function]:
        tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in numbers]
        in_torch(function)(*tensors).backward()
        expected = [float(t.grad) for t in tensors]
        np.testing.assert_allclose(slopes(function, *numbers), expected, 1e-9, err_msg=str(numbers))


@pytest.mark.parametrize(
    ("function", "numbers", "expected"),
    [
        (np.absolute, (0.0,), [0]),
        (np.arccosh, (1.0,), [inf]),
        (np.arccosh, (1e200,), [1e-200]),
        (np.arcsin, (-1.0,), [inf]),
        (np.arcsinh, (-1e200,), [1e-200]),
        (np.arctan2, (0.0, 0.0), [0, 0]),
        (np.arctan2, (3e-200, 4e-200), [1.6e199, -1.2e199]),
        (np.arctan2, (3e200, 4e200), [1.6e-201, -1.2e-201]),
        (np.cbrt, (0.0,), [inf]),
        (np.cbrt, (8.0,), [1 / 12]),
        (np.cbrt, (-8e-300,), [1e200 / 12]),
        (np.copysign, (0.0, -1.0), [0, 0]),
        (np.expm1, (-50.0,), [np.exp(-50)]),
        (np.fmax, (2.0, 2.0), [1, 0]),
        (np.fmax, (nan, 2.0), [0, 1]),
        (np.fmin, (2.0, nan), [1, 0]),
        (np.fmod, (1.0, 0.1), [1, -9]),
        (np.heaviside, (0.0, 0.3), [0, 1]),
        (np.heaviside, (2.0, 0.3), [0, 0]),
        (np.hypot, (3e200, 4e200), [0.6, 0.8]),
        (np.hypot, (0.0, 0.0), [nan, nan]),
        (np.logaddexp, (1e5, -1e5), [1, 0]),
        (np.logaddexp, (-inf, 0.0), [0, 1]),
        (np.logaddexp, (2.0, 2.0), [0.5, 0.5]),
        (np.maximum, (2.0, 2.0), [0.5, 0.5]),
        (np.minimum, (-inf, -inf), [0.5, 0.5]),
        (np.power, (0.0, 0.0), [0, 0]),
        (np.power, (0.0, 0.5), [inf, 0]),
        (np.power, (0.0, 1.0), [1, 0]),
        (np.power, (-2.0, 3.0), [12, nan]),
        (np.power, (5e-324, 0.0), [0, np.log(5e-324)]),
        (np.remainder, (-5.0, 3.0), [1, 2]),
        (np.remainder, (5.0, -3.0), [1, 2]),
        (np.sinc, (0.0,), [0]),
        (np.sinc, (1e-9,), [-(np.pi**2) * 1e-9 / 3]),
        (np.sqrt, (0.0,), [inf]),
        (np.tanh, (1e5,), [0]),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_numbers_at_the_edge_as_they_are_known(function, numbers, expected):
    np.testing.assert_allclose(slopes(function, *numbers), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: x**2, 0.0, [0, 2, 0]),
        (lambda x: x**3, 0.0, [0, 0, 6]),
        (lambda x: x**3, -2.0, [12, -12, 6]),
        (lambda x: np.power(x, np.array(2.0)), 0.0, [0, 2, 0]),
        (lambda x: np.logaddexp(x, 2.0), 2.0, [0.5, 0.25, 0]),
        (lambda x: np.logaddexp(x, 0.0), 900.0, [1, 0, 0]),
        (np.sinc, 0.0, [0, -(np.pi**2) / 3, 0]),
        (np.tanh, 0.0, [1, 0, -2]),
        (np.square, 1e-200, [2e-200, 2, 0]),
        (lambda x: np.prod(np.stack([x, x, x])), 0.0, [0, 0, 6]),
        (lambda x: np.cumprod(np.stack([x, x, x]))[-1], 0.0, [0, 0, 6]),
    ],
)
def test_three_derivatives_at_awkward_numbers(f, x, expected):
    v = slope = Variable(x)
    value = f(v)
    for wanted in expected:
        v.grad = None
        value.backward(record=True)
        slope = v.grad
        found = 0.0 if slope is None else float(slope.data)
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
        if not isinstance(slope, Variable) or slope.node is None:
            break
        value = slope


def test_a_mixed_derivative_of_a_power():
    """∂²xʸ/∂x∂y = xʸ⁻¹ (1 + y log x), at y = 0 too."""
    for x, y in ((3.0, 0.0), (2.0, 3.0), (0.5, -1.5)):
        a, b = Variable(x), Variable(y)
        (a**b).backward(record=True)
        slope = a.grad
        b.grad = None
        slope.backward()
        np.testing.assert_allclose(b.grad, x ** (y - 1) * (1 + y * np.log(x)), rtol=1e-13)
