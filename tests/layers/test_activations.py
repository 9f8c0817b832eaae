"""Relu, Sigmoid and Softmax at the edges of their domain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clearprop import Relu, Sigmoid, Softmax
from clearprop.errors import DTypeError, GraphError, ShapeError

FLOATS = [np.float16, np.float32, np.float64]


def test_relu_is_zero_at_zero_and_so_is_its_derivative():
    relu = Relu()
    x = np.array([-1.0, -0.0, 0.0, 5e-324, 1.0])
    np.testing.assert_array_equal(relu.forward(x), [0.0, 0.0, 0.0, 5e-324, 1.0])
    np.testing.assert_array_equal(relu.backward(np.ones(5)), [0.0, 0.0, 0.0, 1.0, 1.0])


def test_relu_leaves_dout_alone_and_returns_an_array_of_its_own():
    relu = Relu()
    relu.forward(np.array([-1.0, 2.0]))
    dout = np.array([3.0, 4.0])
    dx = relu.backward(dout)
    np.testing.assert_array_equal(dout, [3.0, 4.0])
    assert not np.shares_memory(dx, dout)


def test_relu_lets_nan_and_infinity_through():
    out = Relu().forward(np.array([np.nan, np.inf, -np.inf]))
    np.testing.assert_array_equal(out, [np.nan, np.inf, 0.0])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("value", [-1000, -89, -88, -12, 0, 12, 88, 1000, np.inf, -np.inf])
def test_sigmoid_neither_overflows_nor_warns(dtype, value):
    x = np.array([value], dtype=dtype)
    sigmoid = Sigmoid()
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        out = sigmoid.forward(x)
        dx = sigmoid.backward(np.ones_like(x))
    exact = 1 / (1 + np.exp(-np.float64(max(value, -700))))
    assert out.dtype == dx.dtype == dtype
    eps = np.finfo(dtype).eps
    # float16 holds the result at the 1.7e-5 of x = −11, far below its eps of 1e-3.
    atol = 2e-5 if dtype is np.float16 else eps**2
    np.testing.assert_allclose(out, [exact], rtol=8 * eps, atol=atol)
    np.testing.assert_allclose(dx, [exact * (1 - exact)], rtol=8 * eps, atol=eps)


def test_sigmoid_passes_nan_on():
    assert np.isnan(Sigmoid().forward(np.array([np.nan]))).all()


@given(hnp.arrays(np.float64, 20, elements=st.floats(-700, 700)))
def test_sigmoid_is_symmetric_and_in_range(x):
    right, left = Sigmoid().forward(x), Sigmoid().forward(-x)
    assert ((right >= 0) & (right <= 1)).all()
    np.testing.assert_allclose(right + left, 1, rtol=1e-15)


@given(
    hnp.arrays(np.float64, (3, 4), elements=st.floats(-50, 50)),
    st.floats(-1e3, 1e3),
)
def test_softmax_does_not_notice_a_shift(x, shift):
    y = Softmax().forward(x)
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-14)
    np.testing.assert_allclose(Softmax().forward(x + shift), y, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_of_far_apart_scores(dtype):
    softmax = Softmax()
    y = softmax.forward(np.array([[1e4, -1e4], [-1e4, -1e4]], dtype=dtype))
    np.testing.assert_array_equal(y, np.array([[1, 0], [0.5, 0.5]], dtype=dtype))
    np.testing.assert_array_equal(
        softmax.backward(np.array([[1, 0], [1, 0]], dtype=dtype)), [[0, 0], [0.25, -0.25]]
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, bool])
def test_integer_scores_do_not_wrap_around(dtype):
    # In unsigned bytes 0 − 1 is 255, and the smallest score would win.
    y = Softmax().forward(np.array([0, 1], dtype=dtype))
    np.testing.assert_allclose(y, [1 / (1 + np.e), np.e / (1 + np.e)], rtol=1e-15)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0)])
def test_softmax_without_scores(shape):
    with pytest.raises(ShapeError, match=r"Softmax: x \(.*\) holds no scores; it must be"):
        Softmax().forward(np.ones(shape))


@pytest.mark.parametrize("layer", [Relu, Sigmoid, Softmax])
def test_empty_batch_passes(layer):
    node = layer()
    assert node.forward(np.ones((0, 3))).shape == (0, 3)
    assert node.backward(np.ones((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("layer", [Relu, Sigmoid, Softmax])
def test_lists_and_integers_are_numbers(layer):
    expected = layer().forward(np.array([[1.0, -2.0]]))
    np.testing.assert_array_equal(layer().forward([[1, -2]]), expected)
    np.testing.assert_array_equal(layer().forward(np.array([[1, -2]])), expected)


@pytest.mark.parametrize("layer", [Relu, Sigmoid, Softmax])
@pytest.mark.parametrize("dtype", [complex, object, "U3", "M8[s]"])
def test_other_dtypes_are_refused(layer, dtype):
    with pytest.raises(DTypeError, match=rf"{layer.__name__}: x has dtype .* real numbers; give"):
        layer().forward(np.zeros((2, 3)).astype("i8").astype(dtype))
    node = layer()
    node.forward(np.ones((2, 3)))
    with pytest.raises(DTypeError, match=f"{layer.__name__}: dout has dtype"):
        node.backward(np.ones((2, 3)).astype("i8").astype(dtype))


@pytest.mark.parametrize("layer", [Relu, Sigmoid, Softmax])
@pytest.mark.parametrize("shape", [(), (3,), (2, 1), (1, 2, 3), (3, 2)])
def test_dout_of_another_shape_is_refused_not_broadcast(layer, shape):
    node = layer()
    node.forward(np.ones((2, 3)))
    with pytest.raises(ShapeError, match=r"dout has shape \(.*\), .* the shape \(2, 3\) of the"):
        node.backward(np.ones(shape))


@pytest.mark.parametrize("layer", [Relu, Sigmoid, Softmax])
def test_backward_before_forward(layer):
    with pytest.raises(GraphError, match=f"{layer.__name__}: backward was called before forward"):
        layer().backward(np.ones(3))
