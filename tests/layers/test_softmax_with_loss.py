"""SoftmaxWithLoss: the defects of widely read code, and properties that hold for any scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clearprop import SoftmaxWithLoss, numerical_gradient
from clearprop.errors import DataError, DTypeError, GraphError, ShapeError


def loss_and_dx(x, t, dout=1):
    layer = SoftmaxWithLoss()
    return layer.forward(x, t), layer.backward(dout)


def test_what_scripts_read_afterwards():
    layer = SoftmaxWithLoss()
    assert (layer.loss, layer.y, layer.t) == (None, None, None)
    x, t = np.array([[0.3, 2.9, 4.0]]), np.array([2])
    loss = layer.forward(x, t)
    assert isinstance(loss, np.float64)
    assert loss == layer.loss == pytest.approx(-np.log(0.7365969138), abs=1e-9)
    np.testing.assert_allclose(layer.y, [[0.01821127, 0.24519181, 0.73659691]], atol=5e-9)
    np.testing.assert_array_equal(layer.t, t)


def test_dout_scales_the_result():
    x, t = np.random.default_rng(0).standard_normal((4, 3)), np.array([0, 1, 2, 0])
    _, dx = loss_and_dx(x, t)
    np.testing.assert_allclose(loss_and_dx(x, t, 2)[1], 2 * dx, rtol=1e-15)
    np.testing.assert_allclose(loss_and_dx(x, t, -0.5)[1], -0.5 * dx, rtol=1e-15)
    np.testing.assert_array_equal(loss_and_dx(x, t, 0)[1], np.zeros((4, 3)))


def test_one_sample_is_a_batch_of_one():
    x = np.random.default_rng(0).standard_normal(10)
    expected_loss, expected_dx = loss_and_dx(x[np.newaxis], np.array([3]))
    for t in (3, np.array(3), np.array([3]), np.eye(10)[3]):
        loss, dx = loss_and_dx(x, t)
        assert loss == expected_loss
        np.testing.assert_array_equal(dx, expected_dx[0])


@pytest.mark.parametrize("n", [1, 3])
def test_labels_in_a_column(n):
    x, t = np.random.default_rng(0).standard_normal((n, 10)), np.arange(n)
    expected_loss, expected_dx = loss_and_dx(x, t)
    loss, dx = loss_and_dx(x, t.reshape(n, 1))
    assert loss == expected_loss
    np.testing.assert_array_equal(dx, expected_dx)


def test_soft_labels_count_forward_and_backward():
    x = np.array([[1.0, 2.0, 0.5]])
    t = np.array([[0.5, 0.3, 0.2]])
    y = np.exp(x) / np.exp(x).sum()
    loss, dx = loss_and_dx(x, t)
    assert loss == pytest.approx(-(t * np.log(y)).sum(), rel=1e-15)
    np.testing.assert_allclose(dx, y - t, rtol=1e-14)
    argmax_loss, _ = loss_and_dx(x, np.array([0]))
    assert loss != argmax_loss


def test_a_sure_wrong_answer_costs_its_logit_and_its_derivative_is_right():
    x, t = np.array([40.0, 0.0, 0.0]), 1
    loss, dx = loss_and_dx(x, t)
    assert loss == 40.0
    np.testing.assert_allclose(dx, [1, -1, 0], atol=1e-15)
    numerical = numerical_gradient(lambda x: SoftmaxWithLoss().forward(x, t), x)
    np.testing.assert_allclose(numerical, dx, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept_for_all_labels(dtype):
    x = np.random.default_rng(0).standard_normal((4, 3)).astype(dtype)
    soft = np.full((4, 3), 1 / 3)
    for t in (np.arange(4) % 3, np.eye(3)[np.arange(4) % 3], soft, soft.astype(dtype)):
        layer = SoftmaxWithLoss()
        assert layer.forward(x, t).dtype == dtype
        assert layer.backward().dtype == dtype
        assert layer.backward(np.asarray(2, dtype)).dtype == dtype


def test_integer_scores_do_not_wrap_around():
    exact, _ = loss_and_dx(np.array([[0.0, 1.0]]), [1])
    for dtype in (np.uint8, np.int8, np.int64):
        loss, dx = loss_and_dx(np.array([[0, 1]], dtype), [1])
        assert loss == exact
        assert dx.dtype == np.float64


def test_bytes_as_labels():
    x, t = np.random.default_rng(0).standard_normal((4, 3)), [0, 2, 1, 2]
    expected_loss, expected_dx = loss_and_dx(x, np.array(t))
    loss, dx = loss_and_dx(x, np.array(t, np.uint8))
    assert loss == expected_loss
    np.testing.assert_array_equal(dx, expected_dx)


@st.composite
def batches(draw, dtype=np.float64, largest=1e4):
    n, classes = draw(st.integers(1, 5)), draw(st.integers(2, 6))
    limit = float(dtype(largest))
    width = np.dtype(dtype).itemsize * 8
    floats = st.floats(-limit, limit, width=width, allow_subnormal=False)
    x = draw(hnp.arrays(dtype, (n, classes), elements=floats))
    t = draw(hnp.arrays(np.int64, n, elements=st.integers(0, classes - 1)))
    return x, t


@given(st.one_of(batches(np.float64), batches(np.float32)))
def test_class_numbers_and_one_hot_mean_the_same(batch):
    x, t = batch
    one_hot = np.eye(x.shape[1])[t]
    loss, dx = loss_and_dx(x, t)
    other_loss, other_dx = loss_and_dx(x, one_hot)
    # The sum runs over N numbers or over N·C, most of them 0.
    np.testing.assert_allclose(other_loss, loss, rtol=4 * np.finfo(x.dtype).eps)
    np.testing.assert_array_equal(other_dx, dx)


@given(st.one_of(batches(np.float64), batches(np.float32)))
def test_large_scores_give_right_losses_without_a_warning(batch):
    x, t = batch
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss, dx = loss_and_dx(x, t)
    wide = x.astype(np.longdouble)
    top = wide.max(axis=1)
    exact = np.log(np.exp(wide - top[:, None]).sum(axis=1)) + top - wide[np.arange(len(t)), t]
    eps = np.finfo(x.dtype).eps
    assert loss.dtype == dx.dtype == x.dtype
    np.testing.assert_allclose(float(loss), float(exact.mean()), rtol=8 * eps, atol=8 * eps)
    np.testing.assert_allclose(dx.sum(axis=1), 0, atol=8 * eps)
    assert (abs(dx) <= (1 + 4 * eps) / len(t)).all()


@given(batches(largest=50), st.floats(-1e3, 1e3))
def test_a_shift_of_all_scores_changes_nothing(batch, shift):
    x, t = batch
    loss, dx = loss_and_dx(x, t)
    shifted_loss, shifted_dx = loss_and_dx(x + shift, t)
    np.testing.assert_allclose(shifted_loss, loss, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(shifted_dx, dx, rtol=1e-10, atol=1e-11)


@given(batches(largest=20))
def test_loss_of_a_batch_is_the_mean_over_its_samples(batch):
    x, t = batch
    loss, dx = loss_and_dx(x, t)
    singles = [loss_and_dx(row, label) for row, label in zip(x, t, strict=True)]
    np.testing.assert_allclose(loss, np.mean([one for one, _ in singles]), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(dx, np.array([d for _, d in singles]) / len(t), rtol=1e-13)


def test_a_sure_right_answer_costs_zero_without_a_sign():
    for t in (0, [1, 0]):
        loss, _ = loss_and_dx(np.array([1000.0, 0.0]), t)
        assert str(loss) == "0.0"


@pytest.mark.parametrize("t", [0, [1, 0, 0], [0.5, 0.5, 0]])
def test_a_choice_ruled_out_by_minus_infinity_costs_nothing(t):
    loss, dx = loss_and_dx(np.array([2.0, 2.0, -np.inf]), t)
    assert loss == pytest.approx(np.log(2), rel=1e-15)
    assert dx[2] == 0


def test_nan_scores_are_seen_in_the_loss():
    loss, dx = loss_and_dx(np.array([[np.nan, 0.0], [1.0, 2.0]]), [0, 1])
    assert np.isnan(loss)
    assert np.isnan(dx[0]).all()


@pytest.mark.parametrize("shape", [(0, 3), (2, 0, 3)])
def test_empty_batch(shape):
    with pytest.raises(DataError, match=r"SoftmaxWithLoss: the batch is empty, x \(.*; give one"):
        SoftmaxWithLoss().forward(np.ones(shape), np.ones(shape[:-1], int))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0)])
def test_no_scores(shape):
    with pytest.raises(ShapeError, match=r"SoftmaxWithLoss: x .* holds no scores; it must be"):
        SoftmaxWithLoss().forward(np.ones(shape), 0)


@pytest.mark.parametrize("dtype", [complex, object, "U3"])
def test_scores_that_are_not_real(dtype):
    with pytest.raises(DTypeError, match=r"SoftmaxWithLoss: x has dtype .* real numbers; give"):
        SoftmaxWithLoss().forward(np.ones((2, 3)).astype("i8").astype(dtype), [0, 1])


@pytest.mark.parametrize("dout", [[1.0], np.ones(2), np.ones((2, 3))])
def test_dout_is_one_number(dout):
    layer = SoftmaxWithLoss()
    layer.forward(np.ones((2, 3)), [0, 1])
    with pytest.raises(ShapeError, match=r"SoftmaxWithLoss: dout has shape .* the shape \(\) of"):
        layer.backward(dout)


def test_backward_before_forward():
    with pytest.raises(GraphError, match="SoftmaxWithLoss: backward was called before forward"):
        SoftmaxWithLoss().backward()
