"""Where a first derivative was chosen at a kink, there is no second one that could be finite."""

import numpy as np
import pytest
from numpy import inf

from clearprop import grad, hessian

# NumPy warns where its norm overflows and where 0 · ∞ makes NaN, as it does for √(z · z).
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

TWO = np.zeros(2)
KINKS = {
    "norm": (np.linalg.norm, TWO),
    "norm of a matrix": (np.linalg.norm, np.zeros((2, 2))),
    "norm fro": (lambda z: np.linalg.norm(z, "fro"), np.zeros((2, 2))),
    "vector_norm": (np.linalg.vector_norm, TWO),
    "matrix_norm": (np.linalg.matrix_norm, np.zeros((2, 2))),
    "norm 3": (lambda z: np.linalg.norm(z, 3), TWO),
    "norm 1.5": (lambda z: np.linalg.norm(z, 1.5), TWO),
    "norm 0.5": (lambda z: np.linalg.norm(z, 0.5), TWO),
    "norm -2": (lambda z: np.linalg.norm(z, -2), TWO),
    "norm of a row": (lambda z: np.linalg.norm(z, axis=1)[0], np.array([[0.0, 0], [3, 4]])),
    "rows": (lambda z: np.sum(np.linalg.norm(z, axis=1)), np.array([[0.0, 0], [3, 4]])),
    "columns": (lambda z: np.sum(np.linalg.norm(z, axis=0, keepdims=True)), np.zeros((2, 1))),
    "std": (np.std, np.ones(3)),
    "std of 0.1": (np.std, np.full(3, 0.1)),
    "std with where": (lambda z: np.std(z, where=np.array([True, True, False])), np.ones(3)),
    "nanstd": (np.nanstd, np.array([1.0, 1.0, np.nan])),
    "std along an axis": (lambda z: np.sum(np.std(z, axis=1)), np.ones((1, 2))),
    "hypot": (lambda z: np.hypot(z[0], z[1]), TWO),
    "arctan2": (lambda z: np.arctan2(z[0], z[1]), TWO),
}


@pytest.mark.parametrize(("f", "x"), KINKS.values(), ids=KINKS)
def test_no_second_derivative_where_a_kink_is(f, x):
    second = hessian(f)(x).reshape(x.size, x.size)
    assert not np.isfinite(second[0, 0])


@pytest.mark.parametrize(
    ("f", "x"), [v for k, v in KINKS.items() if k not in ("hypot", "rows")], ids=lambda x: ""
)
def test_the_first_derivative_there_is_0(f, x):
    np.testing.assert_array_equal(grad(f)(x).ravel()[0], 0)


def test_where_only_some_elements_are_0():
    assert not np.isfinite(hessian(lambda z: np.linalg.norm(z, 1.5))(np.array([0.0, 1.0]))[0, 0])
    assert not np.isfinite(hessian(lambda z: np.linalg.norm(z, 0.5))(np.array([0.0, 1.0]))[0, 0])
    np.testing.assert_array_equal(  # here there is one
        hessian(lambda z: np.linalg.norm(z, 3))(np.array([0.0, 1.0])), np.zeros((2, 2))
    )
    np.testing.assert_array_equal(hessian(np.linalg.norm)(np.array([0.0, 2.0])), [[0.5, 0], [0, 0]])


@pytest.mark.parametrize("unit", [1e-200, 1e-300, 5e-324, 1e200, 1e307])
@pytest.mark.parametrize("p", [None, 1, 1.5, 2, 3, 4, inf, 0.5, -1])
def test_a_slope_does_not_vanish_with_the_powers(p, unit):
    z = np.array([3.0, -4.0])
    slope = grad(lambda z: np.linalg.norm(z, p))
    np.testing.assert_allclose(slope(z * unit), slope(z), rtol=1e-13)


def test_float32_and_integers_keep_their_kind():
    assert grad(np.linalg.norm)(np.array([3, 4], np.int8)).tolist() == [0.6, 0.8]
    for p in (None, 3, 0.5):
        found = grad(lambda z, p=p: np.linalg.norm(z, p))(np.array([3e-30, 4e-30], np.float32))
        assert found.dtype == np.float32
        assert np.all(found > 0.1)
