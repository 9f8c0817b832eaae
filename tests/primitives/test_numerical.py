"""Numerical differentiation: right answers for every kind of x, or a named error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clearprop import Sigmoid, SoftmaxWithLoss, numerical_gradient
from clearprop.errors import (
    ClearpropError,
    ConfigError,
    DataError,
    DTypeError,
    UnsupportedError,
)


def square(x):
    return (x**2).sum()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", ">f8", "i1", "u1", "i4", "i8", "u8"])
def test_every_real_dtype_gives_six_and_eight(dtype):
    x = np.array([3, 4], dtype=dtype)
    before = x.tobytes()
    derivative = numerical_gradient(square, x)
    np.testing.assert_allclose(derivative, [6, 8], rtol=1e-9)
    assert derivative.dtype == np.float64
    assert x.tobytes() == before


@pytest.mark.parametrize(
    "x",
    [
        [3, 4],
        (3.0, 4.0),
        np.array([3.0, 4.0])[::-1][::-1],
        np.array([3.0, 9.0, 4.0, 9.0])[::2],
        np.frombuffer(np.array([3.0, 4.0]).tobytes()),
    ],
    ids=["list", "tuple", "view", "gaps", "read-only"],
)
def test_every_container_gives_six_and_eight(x):
    np.testing.assert_allclose(numerical_gradient(square, x), [6, 8], rtol=1e-9)


@pytest.mark.parametrize("x", [3, 3.0, np.float64(3), np.float32(3), np.int64(3), np.array(3.0)])
def test_a_single_number(x):
    derivative = numerical_gradient(lambda x: x**2, x)
    assert derivative == pytest.approx(6, rel=1e-9)
    assert isinstance(derivative, float) == isinstance(x, int | float)


@given(
    hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=0, max_dims=3, max_side=3),
        elements=st.floats(-100, 100),
    )
)
def test_any_shape(x):
    before = x.copy()
    derivative = numerical_gradient(square, x)
    np.testing.assert_allclose(derivative, 2 * x, rtol=1e-6, atol=1e-6)
    assert np.shape(derivative) == x.shape
    np.testing.assert_array_equal(x, before)


def test_empty_array():
    assert numerical_gradient(square, np.ones((0, 3))).shape == (0, 3)


def test_the_step_taken_is_the_step_divided_by():
    x = np.array([123_456_789.0])
    np.testing.assert_allclose(numerical_gradient(lambda x: x.sum(), x), [1.0], rtol=1e-15)


def test_a_closure_sees_the_change_in_place():
    W = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(numerical_gradient(lambda _: square(W), W), 2 * W, rtol=1e-9)
    np.testing.assert_array_equal(W, [[1.0, 2.0], [3.0, 4.0]])


def test_a_closure_sees_the_change_of_an_array_subclass(tmp_path):
    W = np.memmap(tmp_path / "W", dtype=np.float64, shape=(2,), mode="w+")
    W[:] = [3.0, 4.0]
    np.testing.assert_allclose(numerical_gradient(lambda _: square(W), W), [6, 8], rtol=1e-9)


@pytest.mark.parametrize("dtype", ["f4", "f2", "i8", "u1", ">f8", "?"])
@pytest.mark.parametrize("start", [[0, 1], [-1, -1], [3, 4]])
def test_a_closure_over_any_other_dtype_is_refused_not_answered_with_zeros(dtype, start):
    W = np.array(start).astype(dtype)
    before = W.tobytes()
    with pytest.raises(UnsupportedError, match=r"f changes although .* or give x as float64"):
        numerical_gradient(lambda _: W.astype(float) @ [1, 3], W)
    assert W.tobytes() == before


def test_a_closure_that_also_uses_its_argument_is_refused_too():
    W = np.array([3, 4], np.float32)
    with pytest.raises(UnsupportedError, match="reaches x"):
        numerical_gradient(lambda w: square(w) + square(W.astype(float)), W)


def test_a_closure_over_a_read_only_array_is_refused_not_answered_with_zeros():
    W = np.array([3.0, 4.0])
    W.flags.writeable = False
    with pytest.raises(UnsupportedError, match=r"f does not change with its argument.*x.copy\(\)"):
        numerical_gradient(lambda _: square(W), W)


def test_a_flat_function_is_flat():
    for dtype in (np.float32, np.float64, np.int64):
        x = np.array([3, 4], dtype)
        np.testing.assert_array_equal(numerical_gradient(lambda _: 5.0, x), [0, 0])


def test_a_read_only_minimum_is_a_zero_not_an_error():
    x = np.zeros(2)
    x.flags.writeable = False
    np.testing.assert_array_equal(numerical_gradient(square, x), [0, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_x_is_restored_when_f_raises(dtype, after):
    x = np.array([3, 4], dtype)
    before = x.tobytes()
    calls = []

    def f(x):
        calls.append(x)
        if len(calls) == after:
            raise ZeroDivisionError
        return square(x)

    with pytest.raises(ZeroDivisionError):
        numerical_gradient(f, x)
    assert x.tobytes() == before


@pytest.mark.parametrize("dtype", [complex, object, "U3", "M8[s]"])
def test_x_that_is_not_real(dtype):
    with pytest.raises(DTypeError, match=r"numerical_gradient: x has dtype .*real numbers only"):
        numerical_gradient(square, np.array([3, 4]).astype(dtype))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x**2, r"one real number, it returned float64 of shape \(2,\); sum or average"),
        (lambda x: None, "returned object"),
        (lambda x: "3", "returned <U1"),
        (lambda x: 1j, "returned complex128"),
        (lambda x: [], r"returned float64 of shape \(0,\)"),
    ],
)
def test_f_that_does_not_return_one_number(f, message):
    with pytest.raises(DTypeError, match=message):
        numerical_gradient(f, np.array([3.0, 4.0]))


@pytest.mark.parametrize("result", [lambda x: square(x)[np.newaxis], lambda x: [[square(x)]]])
def test_one_number_in_brackets_is_one_number(result):
    np.testing.assert_allclose(numerical_gradient(result, np.array([3.0, 4.0])), [6, 8], rtol=1e-9)


@pytest.mark.parametrize("h", [0, -1e-4, np.nan, np.inf, "small", None])
def test_step_that_is_none(h):
    with pytest.raises(ConfigError, match="the step h must be a positive number, got"):
        numerical_gradient(square, np.array([3.0]), h)


@pytest.mark.parametrize("value", [1e15, -1e300])
def test_a_step_lost_in_rounding_is_refused(value):
    x = np.array([[0.0, value]])
    with pytest.raises(ConfigError, match=r"h=0.0001 is lost beside x\[0, 1\] = .*; give a larger"):
        numerical_gradient(lambda x: x.sum(), x)
    np.testing.assert_array_equal(x, [[0.0, value]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_step_around_what_is_not_finite(value):
    with pytest.raises(DataError, match=r"x\[1\] is .*; there is no step around it, give finite"):
        numerical_gradient(lambda x: 0.0, np.array([1.0, value]))
    with pytest.raises(DataError, match="x is"):
        numerical_gradient(lambda x: 0.0, value)


def test_every_refusal_is_the_librarys_own():
    for error in (UnsupportedError, DTypeError, ConfigError, DataError):
        assert issubclass(error, ClearpropError)


def test_error_shrinks_with_the_square_of_the_step():
    x = np.array([0.7])
    exact = Sigmoid().forward(x) * (1 - Sigmoid().forward(x))
    errors = [
        abs(numerical_gradient(lambda x: Sigmoid().forward(x).sum(), x, h) - exact)[0]
        for h in (1e-1, 1e-2)
    ]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.02)


def test_it_agrees_with_the_loss_layer():
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((3, 4)), np.array([0, 3, 1])
    layer = SoftmaxWithLoss()
    layer.forward(x, t)
    numerical = numerical_gradient(lambda x: SoftmaxWithLoss().forward(x, t), x)
    np.testing.assert_allclose(numerical, layer.backward(), atol=1e-9)
