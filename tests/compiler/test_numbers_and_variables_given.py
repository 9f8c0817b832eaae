"""What a compiled function is given beside arrays: Python's own numbers, and Variables."""

import numpy as np
import pytest

from clearprop import Affine, Network, Variable, compile, grad

FUNCTIONS = {
    "times": lambda x, k: x * k,
    "by": lambda x, k: x / k,
    "power": lambda x, k: x**k,
    "floor": lambda x, k: x // k,
    "rest": lambda x, k: x % k,
    "two numbers": lambda x, k: x * (k + k * k),
    "from the left": lambda x, k: k - x,
    "maximum": lambda x, k: np.maximum(x, k),
    "mean": lambda x, k: np.mean(x * k),
}


@pytest.mark.parametrize("engine", ["numpy", "c"])
@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_number_of_python_adapts_to_the_array_beside_it(f, engine):
    compiled = compile(f, engine=engine)
    for dtype in (np.uint8, np.int8, np.float32, np.float64):
        for k in (3, 2.5):
            x = np.array([100, 7, 1], dtype)
            with np.errstate(over="ignore"):
                expected, found = f(x, k), compiled(x, k)
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_each_call_has_its_own_number():
    compiled = compile(lambda x, k: x * k)
    x = np.array([100], np.uint8)
    assert [compiled(x, k).tolist() for k in (1, 2, 3)] == [[100], [200], [44]]
    assert compiled(x, np.int64(3)).tolist() == [300]  # a number of NumPy's is no weak one
    assert compiled(np.float32(2), 0.1).dtype == np.float32


def test_a_compiled_function_may_be_called_in_what_is_differentiated_or_compiled():
    x, f = np.array([1.0, 2.0]), compile(lambda x: np.sum(np.tanh(x)))
    slope = 1 - np.tanh(x) ** 2
    np.testing.assert_allclose(grad(f)(x), slope)
    np.testing.assert_allclose(compile(grad(f))(x), slope)
    np.testing.assert_allclose(compile(lambda x: f(x) * 2)(x), 2 * f(x))
    np.testing.assert_allclose(grad(lambda x: f(x) ** 2)(x), 2 * f(x) * slope)
    by_name = compile(lambda p, k: np.sum(p["w"]) * k)
    assert grad(lambda k: by_name({"w": x}, k=k))(2.0) == 3
    assert f(Variable(x)).data == f(x)


def test_a_compiled_prediction_may_be_called_in_what_is_differentiated():
    predict = compile(Network([Affine(np.array([[1.0, 2.0]]), np.zeros(2))]))
    assert grad(lambda x: np.sum(predict(x)))(np.ones((1, 1))).tolist() == [[3]]
