"""`grad` and `value_and_grad`: derivatives of functions, which nest."""

import functools

import numpy as np
import pytest
from differences import slopes

from clearprop import Affine, Relu, TwoLayerNet, Variable, grad, jacobian, value_and_grad
from clearprop.errors import DTypeError, GraphError, ShapeError


def test_a_derivative_is_a_plain_number_or_array():
    d = grad(lambda x: x**3)(2.0)
    assert type(d) is np.float64
    assert d == 12
    d = grad(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
    assert type(d) is np.ndarray
    np.testing.assert_array_equal(d, [3, 12])
    np.testing.assert_array_equal(grad(lambda x: (x * x).sum())([1, 2]), [2.0, 4.0], strict=True)


def test_the_value_comes_from_the_same_forward_pass():
    calls = []

    def f(x):
        calls.append(x)
        return np.sum(x * x)

    value, d = value_and_grad(f)(np.array([1.0, 2.0]))
    assert (type(value), value) == (np.float64, 5)
    np.testing.assert_array_equal(d, [2, 4])
    assert len(calls) == 1


def test_several_arguments_and_their_order():
    def f(a, b, c=1.0, *, scale=1.0):
        return np.sum(a * b**2) * c * scale

    a, b = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    np.testing.assert_array_equal(grad(f, 1)(a, b), 2 * a * b)
    np.testing.assert_array_equal(grad(f, -1)(a, b), 2 * a * b)
    da, dc = grad(f, (0, 2))(a, b, 2.0, scale=3.0)
    np.testing.assert_array_equal(da, 6 * b**2)
    assert dc == 3 * 59
    both = grad(f, (0, -2))(a, b)
    np.testing.assert_array_equal(both[0], both[1])
    np.testing.assert_array_equal(both[0], b**2)
    db, da = grad(f, [1, 0])(a, b)
    np.testing.assert_array_equal(da, b**2)
    np.testing.assert_array_equal(db, 2 * a * b)


def test_results_are_nobody_elses():
    da, db = grad(lambda a, b: np.sum(a + b), (0, 1))(np.ones(3), np.ones(3))
    da *= 5
    db += 1
    np.testing.assert_array_equal((da, db), ([5, 5, 5], [2, 2, 2]))


def test_dtypes():
    x = np.array([1.0, 2.0], np.float32)
    assert grad(lambda x: np.sum(np.exp(x)))(x).dtype == np.float32
    assert grad(lambda x: x * x)(3).dtype == np.float64
    assert value_and_grad(lambda x: x * x)(3)[0] == 9


def test_what_the_function_ignores_has_the_derivative_0():
    np.testing.assert_array_equal(grad(lambda x: 3.0)(np.ones(2)), [0.0, 0.0], strict=True)
    np.testing.assert_array_equal(grad(lambda x, y: y * 2, 0)(np.ones(2), 1.0), [0.0, 0.0])
    value, (dx, dy) = value_and_grad(lambda x, y: y * 2, (0, 1))(np.ones(2), 1.0)
    assert (value, dy) == (2, 2)
    np.testing.assert_array_equal(dx, [0, 0])
    assert grad(np.floor)(1.5) == 0


def test_a_function_that_does_not_give_one_number_is_refused():
    with pytest.raises(ShapeError, match=r"shape \(2,\), not one number; sum or average"):
        grad(lambda x: x * 2)(np.ones(2))
    with pytest.raises(GraphError, match=r"gives a list"):
        grad(lambda x: [1.0])(np.ones(2))
    with pytest.raises(GraphError, match=r"gives a NoneType"):
        grad(lambda x: None)(1.0)
    with pytest.raises(GraphError, match=r"gives a ndarray"):
        grad(lambda x: np.ones(3))(1.0)


def test_an_argument_that_is_not_there_is_refused():
    for argument in (1, -2, (0, 1)):
        with pytest.raises(GraphError, match="called with 1 arguments by position"):
            grad(lambda x, y=2.0: x * y, argument)(1.0)
    with pytest.raises(GraphError, match="called with 0 arguments"):
        grad(lambda *, x: x)(x=1.0)
    for f in (lambda x, *more: x * more[0], lambda x, **more: x * more["y"]):
        with pytest.raises(GraphError, match="so it cannot be differentiated by argument 'more'"):
            grad(f, "more")(1.0, **({} if f.__code__.co_flags & 4 else {"y": 2.0}))


def cubic(x, y=1.0):
    return x**3 * y


@pytest.mark.parametrize(
    ("argument", "expected"),
    [(0, 24.0), ("x", 24.0), (1, 8.0), ("y", 8.0), (("y", 0), (8.0, 24.0)), ((1, "y"), (8.0, 8.0))],
)
def test_an_argument_is_meant_however_it_is_given(argument, expected):
    for f in (cubic, functools.partial(cubic), grad(lambda x, y: x**4 * y / 4)):
        by = grad(f, argument)
        for found in (by(2.0, 2.0), by(2.0, y=2.0), by(x=2.0, y=2.0)):
            assert found == expected
    assert jacobian(cubic, "y")(2.0, 1.0) == 8.0
    assert grad(functools.partial(cubic, 2.0), "y")(3.0) == 8.0
    assert value_and_grad(cubic)(x=2.0) == (8.0, 12.0)


def test_an_argument_that_is_not_real_is_refused():
    with pytest.raises(DTypeError, match="real numbers"):
        grad(lambda x: x)("text")


def test_it_keeps_the_name_of_the_function():
    def loss(x):
        """The loss."""
        return x

    assert (grad(loss).__name__, grad(loss).__doc__) == ("loss", "The loss.")
    assert grad(functools.partial(lambda a, x: a * x, 3.0))(1.0) == 3


@pytest.mark.parametrize("x", [0.3, -1.2, 2.0])
def test_fourth_derivatives_of_exp_sin(x):
    """Against the closed form, with s = sin x and c = cos x."""
    s, c, e = np.sin(x), np.cos(x), np.exp(np.sin(x))
    expected = [
        c * e,
        (c**2 - s) * e,
        (c**3 - 3 * s * c - c) * e,
        (c**4 - 6 * s * c**2 + 3 * s**2 - 4 * c**2 + s) * e,
    ]
    f = lambda x: np.exp(np.sin(x))  # noqa: E731
    for order in expected:
        f = grad(f)
        assert f(x) == pytest.approx(order, rel=1e-12)


def test_the_same_fourth_derivatives_by_recorded_passes():
    x = Variable(0.3)
    y = np.exp(np.sin(x))
    for _ in range(4):
        y.backward(record=True)
        y = x.grad
    s, c = np.sin(0.3), np.cos(0.3)
    expected = (c**4 - 6 * s * c**2 + 3 * s**2 - 4 * c**2 + s) * np.exp(s)
    assert y.item() == pytest.approx(expected, rel=1e-12)


def test_high_derivatives_of_powers():
    f = lambda x: x**7  # noqa: E731
    for _ in range(7):
        f = grad(f)
    assert f(2.0) == 5040
    assert grad(f)(2.0) == 0


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def hessian(f, x):
    return np.stack([grad(lambda x, i=i: grad(f)(x)[i])(x) for i in range(len(x))])


def test_hessian_of_rosenbrocks_function():
    x = np.array([1.2, -0.7, 0.4, 2.0])
    expected = np.zeros((4, 4))
    for i in range(3):
        expected[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        expected[i + 1, i + 1] += 200
        expected[i, i + 1] = expected[i + 1, i] = -400 * x[i]
    np.testing.assert_allclose(hessian(rosenbrock, x), expected, rtol=1e-12)
    np.testing.assert_allclose(hessian(rosenbrock, np.ones(2)), [[802, -400], [-400, 200]])


def test_perturbations_are_not_confused():
    """d/dx x · (d/dy (x + y)) is 1: the inner derivative is 1, whatever x is."""
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6
    assert grad(lambda x: grad(lambda y: grad(lambda z: x * y * z)(1.0) * y)(2.0))(5.0) == 4


def test_the_inner_function_differentiates_the_outer_variable_itself():
    """The inner derivative is by its own argument alone, though that depends on x."""
    assert grad(lambda x: grad(lambda y: x * y)(x * 2))(3.0) == 1
    assert grad(lambda x: grad(lambda y: y * y)(x) * x)(3.0) == 12


def test_a_closure_over_a_variable_stays_on_its_graph():
    w = Variable(3.0, "w")
    slope = grad(lambda x: w * x**2)(2.0)
    assert isinstance(slope, Variable)
    slope.backward()
    assert w.grad == 4


def test_variables_as_arguments_give_variables():
    x, y = Variable(2.0), Variable(5.0)
    value, slope = value_and_grad(lambda x, y: x * x * y)(x, y)
    assert (value.item(), slope.item()) == (20, 20)
    slope.backward()
    assert (x.grad, y.grad) == (10, 4)


def test_nothing_is_left_behind_on_the_arguments():
    x = Variable(2.0)
    grad(lambda x: x * x)(x)
    assert x.grad is None


def test_layers_and_networks_inside_give_arrays():
    rng = np.random.default_rng(0)
    affine = Affine(rng.standard_normal((3, 2)), rng.standard_normal(2))
    x = rng.standard_normal((4, 3))
    d = grad(lambda x: np.sum(affine(x)))(x)
    assert type(d) is np.ndarray
    np.testing.assert_allclose(d, np.tile(affine.W.sum(axis=1), (4, 1)))
    network = TwoLayerNet(3, 4, 2)
    assert type(grad(lambda x: network.loss(x, [0, 1, 0, 1]))(x)) is np.ndarray


@pytest.mark.parametrize("way", ["expressions", "layers"])
def test_a_gradient_penalty_through_a_two_layer_net(way):
    """Derivatives by the weights of Σ ‖∂score/∂x‖², against differences of the whole."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3, 4))
    arrays = [rng.standard_normal(shape) for shape in ((4, 5), (5,), (5, 1), (1,))]

    def score(x, W1, b1, W2, b2):
        if way == "layers":
            h = Affine(W1, b1)(x)
            return np.sum(Affine(W2, b2)(np.tanh(h) + Relu()(h)))
        h = x @ W1 + b1
        return np.sum((np.tanh(h) + np.maximum(h, 0)) @ W2 + b2)

    def penalty(*weights):
        return np.sum(grad(score)(x, *weights) ** 2)

    found = grad(penalty, (0, 1, 2, 3))(*arrays)
    for d, slope in zip(found, slopes(penalty, *arrays), strict=True):
        np.testing.assert_allclose(d, slope, rtol=1e-6, atol=1e-7)
    assert np.abs(found[0]).max() > 0.1
    assert np.abs(found[1]).max() > 0.1


def test_agrees_with_pytorch_on_a_penalty_of_the_second_order():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    W, x = rng.standard_normal((3, 3)), rng.standard_normal((5, 3))
    ours = grad(lambda W: np.sum(grad(lambda x: np.sum(np.tanh(x @ W) ** 2))(x) ** 2))(W)
    theirs = torch.tensor(W, requires_grad=True)
    at = torch.tensor(x, requires_grad=True)
    (slope,) = torch.autograd.grad((torch.tanh(at @ theirs) ** 2).sum(), at, create_graph=True)
    (slope**2).sum().backward()
    np.testing.assert_allclose(ours, theirs.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("zero", [0, 0.0, -0.0, np.float64(0), np.zeros(1)])
def test_division_by_zero_gives_infinity_whatever_zero_it_is(zero):
    def f(x):
        return np.sum(x / zero)

    with np.errstate(all="ignore"):
        assert np.isinf(grad(f)(2.0))
