"""Slopes by differences: their value, their error, and kinks told from curves."""

import numpy as np
import pytest

from clearprop.checking import differences

ONE = np.ones(1)


def slope_of(f, x=0.0, **options):
    return differences.slope(lambda h: np.array([f(x + h)]), np.array([f(x)]), **options)


@pytest.mark.parametrize(
    ("f", "x", "true"),
    [
        (np.sin, 1.0, np.cos(1.0)),
        (np.exp, 3.0, np.exp(3.0)),
        (lambda x: x**3, 2.0, 12.0),
        (lambda x: 1e8 + x, 0.0, 1.0),
        (lambda x: np.sin(300 * x), 0.1, 300 * np.cos(30)),
    ],
)
def test_value_and_error(f, x, true):
    slope = slope_of(f, x)
    assert slope.smooth.all()
    assert abs(slope.value[0] - true) <= slope.error[0]
    assert slope.error[0] <= 1e-3 * abs(true)


def test_a_kink_has_two_sides():
    slope = slope_of(lambda x: max(x, 0.0))
    assert not slope.smooth.any()
    assert slope.left[0] == pytest.approx(0)
    assert slope.right[0] == pytest.approx(1)
    low, high = slope.between(2 * ONE)
    assert low == pytest.approx(0, abs=1e-9)
    assert high == pytest.approx(2, abs=1e-9)
    assert slope.along(ONE) == (0, 0)


def test_a_strong_curve_is_no_kink():
    assert slope_of(lambda x: 1e4 * x**2 + x).smooth.all()
    assert slope_of(np.cosh, 5.0).smooth.all()


def test_a_kink_beside_the_point_is_met_by_a_smaller_step():
    slope = slope_of(lambda x: max(x - 2e-5, 0.0) + x)
    assert slope.smooth.all()
    assert slope.value[0] == pytest.approx(1)


def test_infinite_values_have_no_slope():
    slope = slope_of(lambda x: np.inf if x > 0 else x)
    assert not slope.smooth.any()
    assert slope.error[0] == np.inf


def test_where_everything_is_tiny_the_step_may_be_larger():
    slope = differences.slope(lambda h: np.array([np.exp(1e-13 * h)]), ONE, unit=1e13)
    assert slope.value[0] == pytest.approx(1e-13, rel=1e-6)


def test_sizes_are_those_of_the_elements_and_never_below_the_usual_one():
    x = np.array([0.0, 1.0, -2.0, 3.0, 1000.0])
    np.testing.assert_array_equal(differences.sizes(x), [2.5, 2.5, 2.5, 3.0, 1000.0])
    assert differences.typical(np.zeros(3)) == 1
