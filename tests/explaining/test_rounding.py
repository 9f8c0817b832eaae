"""What rounding leaves of 0 is shown as 0, and said."""

import re

import numpy as np
import pytest

from clearprop import SoftmaxWithLoss, Variable, explain, graph


def difference(dtype=np.float64):
    a, b = Variable(dtype(0.1), "a"), Variable(dtype(0.2), "b")
    return (a + b - dtype(0.3)) * 2


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_rest_of_a_difference(dtype):
    y = difference(dtype)
    if y.data:  # in single precision this one comes out even
        told = str(explain(y))
        assert "= 0. Where 0 is shown here, rounding has left up to 5.6×10⁻¹⁷." in told
        svg = graph(y).svg()
        assert re.findall(">[^<]*e−1[0-9]<", svg) == []
        assert "rounding leaves up to 5.6e−17 of 0" in svg


def test_the_rests_in_a_softmax_that_is_opened():
    scores = Variable(np.random.default_rng(0).standard_normal((2, 3)).round(1), "scores")
    loss = SoftmaxWithLoss()(scores, np.array([0, 2]))
    loss.backward()
    svg = graph(loss).svg(open="primitives")
    assert "rounding leaves" in svg
    assert re.findall(">[^<]*e−1[0-9]<", svg) == []


def test_a_small_number_that_means_something_stays():
    x = Variable(np.array([0.0, -37.0]), "x")
    share = np.exp(x) / np.exp(x).sum()
    share.name = "share"
    assert "8.533e−17" in graph(share).svg()
    y = Variable(3e-17, "y") * 2
    assert "6×10⁻¹⁷" in str(explain(y))


def test_a_derivative_that_is_a_rest():
    y = np.sin(Variable(np.pi / 2, "x"))
    told = str(explain(y))
    assert "∂y/∂x = cos(x) = 0;" in told
    assert "rounding has left up to 6.1×10⁻¹⁷" in told
