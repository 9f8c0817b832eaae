"""NaN that comes out of a branch which `np.where` did not take gets a word."""

import warnings

import numpy as np
import pytest

from clearprop import Sigmoid, Variable, grad, jacobian

CASES = {
    "sqrt": (lambda x: np.where(x >= 0, x, np.sqrt(-x)), 1.0, "np.sqrt"),
    "at its edge": (lambda x: np.where(x < 1, x, np.sqrt(x)), 0.0, "np.sqrt"),
    "overflow": (lambda x: np.where(x > 0, x, np.exp(x) - 1), 1000.0, "np.exp"),
    "infinity": (lambda x: np.where(x > 0, 0, x * np.inf), 1.0, "np.multiply"),
    "select": (lambda x: np.select([x > 0], [x], np.log(x)), -0.0, None),
    "array": (lambda x: np.sum(np.where(x > 0, np.log(x), 0)), np.array([1.0, 0.0]), "np.log"),
    "before a layer": (lambda x: Sigmoid()(np.where(x > 0, np.sqrt(x), x)), 0.0, "np.sqrt"),
    "after it": (lambda x: np.sum(np.where(x > 0, np.sqrt(x), x)) ** 2, np.zeros(2), "np.sqrt"),
}


def told(f, x):
    with warnings.catch_warnings(record=True) as found, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        grad(f)(x)
    return [str(w.message) for w in found]


@pytest.mark.parametrize("name", CASES)
def test_it_names_the_function(name):
    f, x, function = CASES[name]
    words = told(f, x)
    if function is None:
        assert not words
        return
    assert len(words) == 1
    assert f"the derivative of {function} is 0 · ∞" in words[0]


RIGHT = {
    "no NaN": (lambda x: np.where(x > 0, np.sqrt(x), 0), 2.0),
    "kept inside": (lambda x: np.where(x > 0, np.sqrt(np.where(x > 0, x, 1)), 0), -1.0),
    "maximum": (lambda x: np.sqrt(np.maximum(x, 0.0)), -1.0),
    "a fault of its own": (lambda x: np.sqrt(x) * 0, 0.0),
    "a value that is NaN": (lambda x: np.where(x > 0, x, np.log(x)), -1.0),
}


@pytest.mark.parametrize("name", RIGHT)
def test_nothing_else_is_told(name):
    assert told(*RIGHT[name]) == []


def test_backward_tells_it_too():
    x = Variable([1.0, 0.0])
    y = np.sum(np.where(x.data > 0, np.sqrt(x), 0))
    with pytest.warns(RuntimeWarning, match=r"np\.sqrt.*did not take"), np.errstate(all="ignore"):
        y.backward()
    assert np.isnan(x.grad[1])


def test_jacobians_are_silent_about_what_is_no_branch():
    with np.errstate(all="ignore"):
        found = jacobian(lambda x: np.sqrt(x))(np.zeros(2))
    assert not np.isfinite(found).all()
