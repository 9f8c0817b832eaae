"""Affine: shapes, shared parameters, dtypes and what it refuses."""

import numpy as np
import pytest

from clearprop import Affine
from clearprop.errors import ClearpropError, ConfigError, DTypeError, GraphError, ShapeError


def layer(n_in=4, n_out=3, dtype=np.float64):
    rng = np.random.default_rng(0)
    return Affine(
        rng.standard_normal((n_in, n_out)).astype(dtype), rng.standard_normal(n_out).astype(dtype)
    )


def test_parameters_are_shared_by_reference():
    params = {"W1": np.ones((2, 3)), "b1": np.zeros(3)}
    affine = Affine(params["W1"], params["b1"])
    assert affine.W is params["W1"]
    assert affine.b is params["b1"]
    params["W1"] -= 0.5
    params["b1"][...] = 2
    np.testing.assert_array_equal(affine.forward(np.ones((1, 2))), [[3.0, 3.0, 3.0]])


def test_rebound_parameters_take_effect_at_the_next_forward():
    affine = layer()
    x = np.ones((2, 4))
    affine.forward(x)
    affine.W, affine.b = np.full((4, 3), 2.0), np.full(3, 1.0)
    np.testing.assert_array_equal(affine.forward(x), np.full((2, 3), 9.0))
    np.testing.assert_array_equal(affine.backward(np.ones((2, 3))), np.full((2, 4), 6.0))


@pytest.mark.parametrize("shape", [(5, 24), (5, 2, 3, 4), (5, 24, 1), (1, 4, 6), (24,), (0, 24)])
def test_input_of_any_shape_is_flattened_and_its_derivative_folded_back(shape):
    affine = layer(24, 3)
    x = np.random.default_rng(1).standard_normal(shape)
    out = affine.forward(x)
    rows = x.reshape(-1, 24)
    expected = rows @ affine.W + affine.b
    assert out.shape == ((3,) if len(shape) == 1 else (shape[0], 3))
    np.testing.assert_array_equal(out, expected.reshape(out.shape))
    dout = np.random.default_rng(2).standard_normal(out.shape)
    dx = affine.backward(dout)
    assert dx.shape == shape
    np.testing.assert_array_equal(dx.reshape(-1, 24), dout.reshape(-1, 3) @ affine.W.T)
    np.testing.assert_array_equal(affine.dW, rows.T @ dout.reshape(-1, 3))
    np.testing.assert_array_equal(affine.db, dout.reshape(-1, 3).sum(axis=0))


def test_derivatives_are_assigned_not_added_to():
    affine = layer()
    x, dout = np.ones((2, 4)), np.ones((2, 3))
    affine.forward(x)
    affine.backward(dout)
    first = affine.dW
    affine.forward(x)
    affine.backward(3 * dout)
    np.testing.assert_array_equal(affine.dW, 3 * first)
    np.testing.assert_array_equal(affine.db, [6.0, 6.0, 6.0])


@pytest.mark.parametrize(
    ("x_dtype", "W_dtype", "expected"),
    [
        (np.float32, np.float64, np.float64),
        (np.float64, np.float32, np.float64),
        (np.float32, np.float32, np.float32),
        (np.uint8, np.float64, np.float64),
    ],
)
def test_dtypes(x_dtype, W_dtype, expected):
    affine = layer(dtype=W_dtype)
    out = affine.forward(np.ones((2, 4), dtype=x_dtype))
    dx = affine.backward(np.ones_like(out))
    assert {out.dtype, dx.dtype, affine.dW.dtype, affine.db.dtype} == {np.dtype(expected)}


def test_bytes_do_not_wrap_around():
    affine = Affine(np.full((2, 1), 100, np.uint8), np.zeros(1, np.uint8))
    np.testing.assert_array_equal(affine.forward(np.array([[200, 100]], np.uint8)), [[30_000.0]])


def test_lists_are_accepted():
    affine = Affine([[1, 2, 3], [4, 5, 6]], [1, 1, 1])
    np.testing.assert_array_equal(affine.forward([[1, 0], [0, 1]]), [[2, 3, 4], [5, 6, 7]])
    np.testing.assert_array_equal(affine.backward([[1, 0, 0], [0, 1, 0]]), [[1, 4], [2, 5]])


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 4, 2), (4, 2), (0,)])
def test_wrong_feature_count(shape):
    with pytest.raises(ShapeError, match=r"Affine: x \(.*\) does not fit W \(4, 3\): .* 4 values"):
        layer().forward(np.ones(shape))


def test_a_sequence_is_told_from_a_sample():
    with pytest.raises(ShapeError, match=r"steps one by one as x.reshape\(-1, 4\)"):
        layer().forward(np.ones((2, 5, 4)))


@pytest.mark.parametrize(
    ("W", "b"), [((4,), (4,)), ((4, 3), (4,)), ((4, 3), (1, 3)), ((4, 3), ()), ((2, 2, 2), (2, 2))]
)
def test_parameters_that_do_not_fit(W, b):
    with pytest.raises(ShapeError, match=r"W must be a matrix \(D, M\) and b a vector \(M,\), got"):
        Affine(np.ones(W), np.ones(b))


def test_a_rebound_bias_of_another_shape_is_refused_not_broadcast():
    affine = layer()
    affine.b = np.ones((4, 1))
    with pytest.raises(ShapeError, match=r"got W \(4, 3\) and b \(4, 1\)"):
        affine.forward(np.ones((4, 4)))


@pytest.mark.parametrize("dtype", [complex, object, "U3"])
def test_what_is_not_real_is_refused(dtype):
    bad = np.ones((2, 4)).astype("i8").astype(dtype)
    with pytest.raises(DTypeError, match=r"Affine: x has dtype .* real numbers; give"):
        layer().forward(bad)
    with pytest.raises(DTypeError, match=r"Affine: W has dtype .* real numbers; give"):
        Affine(bad, np.ones(4))
    with pytest.raises(DTypeError, match=r"Affine: b has dtype .* real numbers; give"):
        Affine(np.ones((2, 4)), bad[0])


@pytest.mark.parametrize("shape", [(3,), (2, 1), (1, 3), (3, 2), ()])
def test_dout_of_another_shape_is_refused_not_broadcast(shape):
    affine = layer()
    affine.forward(np.ones((2, 4)))
    with pytest.raises(ShapeError, match=r"Affine: dout has shape .* the shape \(2, 3\)"):
        affine.backward(np.ones(shape))


def test_backward_before_forward():
    with pytest.raises(GraphError, match="call forward first"):
        layer().backward(np.ones((2, 3)))


def test_from_sizes():
    affine = Affine.from_sizes(300, 200, init="he", rng=np.random.default_rng(0))
    assert (affine.W.dtype, affine.b.dtype) == (np.float32, np.float32)
    assert affine.W.shape == (300, 200)
    np.testing.assert_array_equal(affine.b, np.zeros(200))
    assert abs(affine.W.std() / np.sqrt(2 / 300) - 1) < 0.02
    assert abs(affine.W.mean()) < 0.002


@pytest.mark.parametrize(
    ("init", "spread"),
    [("he", 2.0), ("relu", 2.0), ("He", 2.0), ("xavier", 1.0), ("sigmoid", 1.0)],
)
def test_named_initialisations(init, spread):
    drawn = Affine.from_sizes(50, 4, init=init, rng=np.random.default_rng(7), dtype=np.float64)
    raw = np.random.default_rng(7).standard_normal((50, 4))
    np.testing.assert_allclose(drawn.W, np.sqrt(spread / 50) * raw, rtol=1e-15)


@pytest.mark.parametrize("init", [0.01, 1, 0, np.float32(0.5)])
def test_initialisation_by_standard_deviation(init):
    drawn = Affine.from_sizes(50, 4, init=init, rng=np.random.default_rng(7), dtype=np.float64)
    raw = np.random.default_rng(7).standard_normal((50, 4))
    np.testing.assert_allclose(drawn.W, float(init) * raw, rtol=1e-15)


def test_one_seed_gives_the_same_weights_in_every_dtype():
    low, high = (
        Affine.from_sizes(9, 4, rng=np.random.default_rng(3), dtype=dtype)
        for dtype in (np.float32, np.float64)
    )
    np.testing.assert_array_equal(low.W, high.W.astype(np.float32))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"init": "gauss"}, "'gauss' is unknown; use 'he', 'xavier' or a standard deviation"),
        ({"init": -1}, "standard deviation .* finite number ≥ 0, got -1"),
        ({"init": float("nan")}, "got nan"),
        ({"init": float("inf")}, "got inf"),
        ({"init": None}, "got None"),
        ({"rng": 0}, r"rng is 0, not a generator; use np.random.default_rng\(seed\)"),
        ({"dtype": int}, "weights cannot be of dtype int64; use float32 or float64"),
        ({"n_in": 0}, "sizes must be whole numbers of at least 1, got 0 and 3"),
        ({"n_in": 2.0}, "whole numbers of at least 1, got 2.0 and 3"),
        ({"n_in": "2"}, "got '2' and 3"),
        ({"n_out": -1}, "sizes must be whole numbers of at least 1, got 2 and -1"),
    ],
)
def test_from_sizes_refuses(options, message):
    sizes = {"n_in": 2, "n_out": 3}
    with pytest.raises((ConfigError, ShapeError), match=message) as caught:
        Affine.from_sizes(**(sizes | options))
    assert isinstance(caught.value, ClearpropError)


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    Affine.from_sizes(3, 4)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
