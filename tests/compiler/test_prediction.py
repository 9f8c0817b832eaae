"""The compiled prediction follows its network."""

import numpy as np
import pytest
from nets import batch, dense, weights

from clearprop import Affine, Network, Relu
from clearprop.compiler import compile
from clearprop.errors import ConfigError, ShapeError
from clearprop.training import SGD


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_are_the_networks_to_the_last_bit(activation, dtype):
    network = dense(20, 30, 10, activation=activation, dtype=dtype)
    predict = compile(network)
    for n in (1, 2, 100, 2):
        x, _ = batch(n, 20, 10, dtype)
        found = predict(x)
        np.testing.assert_array_equal(found, network.predict(x))
        assert found.dtype == dtype


def test_a_single_sample_and_other_dtypes():
    network = dense(20, 30, 10)
    predict = compile(network)
    x, _ = batch(6, 20, 10)
    for given in (x[0], x.astype(np.float64), (9 * x).astype(np.uint8), x.T.copy().T):
        found, expected = predict(given), network.predict(given)
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_it_follows_training_and_assignment():
    network = dense(7, 5, 3)
    predict, step = compile(network), compile(network, SGD(0.1))
    x, t = batch(6, 7, 3)
    before = predict(x)
    step(x, t)
    np.testing.assert_array_equal(predict(x), network.predict(x))
    assert not np.array_equal(predict(x), before)
    network.params["W1"] = np.ones((7, 5), np.float32)
    np.testing.assert_array_equal(predict(x), network.predict(x))
    network.params["b2"] += 1
    np.testing.assert_array_equal(predict(x), network.predict(x))


def test_results_are_the_callers_own():
    network = dense(7, 5, 3)
    predict = compile(network)
    x, _ = batch(6, 7, 3)
    first = predict(x)
    kept = first.copy()
    predict(2 * x)
    np.testing.assert_array_equal(first, kept)
    first[...] = 0
    np.testing.assert_array_equal(predict(x), kept)


def test_shared_arrays():
    W, b = weights(5, 5)
    network = Network([Affine(W, b), Relu(), Affine(W, b.copy())])
    x, _ = batch(6, 5, 5)
    np.testing.assert_array_equal(compile(network)(x), network.predict(x))


def test_data_that_does_not_fit():
    predict = compile(dense(7, 5, 3))
    with pytest.raises(ShapeError, match="Affine"):
        predict(np.ones((6, 5), np.float32))
    with pytest.raises(ConfigError, match="first call"):
        _ = predict.source


def test_its_source_names_the_layers():
    predict = compile(dense(7, 5, 3))
    predict(batch(6, 7, 3)[0])
    for name in ("Affine1", "Relu1", "Affine2"):
        assert name in predict.source
    assert "loss" not in predict.source
