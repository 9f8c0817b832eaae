"""Layers whose backward is not written yet work all the same."""

import numpy as np
import pytest

from clearprop import Affine, Layer, Network, check
from clearprop.checking import Kind
from clearprop.errors import GraphError, ShapeError


class Square(Layer):
    params = ("a",)

    def __init__(self, a):
        self.a = a

    def forward(self, x):
        return self.a * x**2


class Cut(Square):
    """Writes into an array of its own, so that it cannot be put on a graph."""

    def forward(self, x):
        out = self.a * x**2
        out[x < 0] = 0
        return out


class Often(Square):
    """Writes so often that the check does not follow it."""

    def forward(self, x):
        out = np.zeros((30, x.shape[1]))
        for i in range(30):
            out[i] = self.a * x[i % len(x)] ** 2
        return out


class Written(Square):
    def forward(self, x):
        self.x = x
        return super().forward(x)

    def backward(self, dout):
        self.da = (dout * self.x**2).sum(axis=0)
        return dout * 2 * self.a * self.x


RNG = np.random.default_rng(0)
A, X = RNG.standard_normal(3), RNG.standard_normal((4, 3))
DOUT = RNG.standard_normal((4, 3))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("cls", [Square, Cut])
def test_forward_then_backward(cls, dtype):
    a, x, dout = A.astype(dtype), X.astype(dtype), DOUT.astype(dtype)
    layer = cls(a)
    layer.forward(x)
    dx = layer.backward(dout)
    passed = 1 if cls is Square else X > 0
    np.testing.assert_allclose(dx, passed * dout * 2 * a * x, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(layer.da, (passed * dout * x**2).sum(axis=0), rtol=1e-5, atol=1e-7)
    assert dx.dtype == layer.da.dtype == dtype
    assert layer.a is a
    np.testing.assert_array_equal(a, A.astype(dtype))


@pytest.mark.parametrize("cls", [Square, Cut])
def test_inside_a_network(cls):
    net = Network([cls(A.copy()), Affine(RNG.standard_normal((3, 2)), np.zeros(2))])
    t = np.array([0, 1, 0, 1])
    gradient, numerical = net.gradient(X, t), net.numerical_gradient(X, t)
    for name in net.params:
        np.testing.assert_allclose(gradient[name], numerical[name], rtol=1e-5, atol=1e-8)


def test_several_inputs_and_constants():
    class Loss(Layer):
        constants = ("t",)

        def forward(self, y, t):
            return ((y - t) ** 2).mean()

    class Product(Layer):
        def forward(self, x, y):
            return x * y

    loss, product = Loss(), Product()
    loss.forward(X, DOUT)
    np.testing.assert_allclose(loss.backward(3.0), 6 * (X - DOUT) / X.size)
    product.forward(X, DOUT)
    dx, dy = product.backward(np.ones((4, 3)))
    np.testing.assert_array_equal(dx, DOUT)
    np.testing.assert_array_equal(dy, X)


def test_check_says_that_it_stands_in_and_compares_once_backward_is_written():
    report = check(Square(A), X)
    assert report.ok
    assert [f.kind for f in report] == [Kind.NO_BACKWARD]
    assert {row.method for row in report["Square"].rows} == {"automatic"}
    assert check(Cut(A), X).ok  # the check opens what writes into an array
    assert check(Often(A), X).ok is None  # there was nothing to compare with
    assert list(check(Written(A), X)) == []


def test_what_was_written_is_used_and_forward_keeps_nothing_then():
    layer = Written(A)
    layer.forward(X)
    np.testing.assert_array_equal(layer.backward(DOUT), DOUT * 2 * A * X)
    assert Written.forward.__name__ == "forward"


def test_errors():
    with pytest.raises(GraphError, match="Square: backward was called before forward"):
        Square(A).backward(DOUT)
    for cls in (Square, Cut):
        layer = cls(A)
        layer.forward(X)
        with pytest.raises(ShapeError, match=r"dout has shape \(3,\), .* \(4, 3\) of the output"):
            layer.backward(DOUT[0])


def test_the_names_of_forwards_arguments_are_still_there():
    import inspect

    assert list(inspect.signature(Square.forward).parameters) == ["self", "x"]
