import re

import numpy as np
import pytest
from small_problem import make_network, points, weights

from clearprop.errors import DataError, DTypeError, LabelError, ShapeError
from clearprop.networks import Network
from clearprop.training import Trainer
from clearprop.training.data import read_samples

NAMES = ("x_train", "t_train")


def with_value(array, place, value):
    array = np.array(array, dtype=np.result_type(array, type(value)))
    array[place] = value
    return array


X, T = points()
BAD = {
    "too few features": (
        X[:, :3], T, ShapeError, r"x_train (90, 3) does not fit the network: the layer Affine1",
    ),
    "too many features": (X.repeat(2, 1), T, ShapeError, "must have 4 values"),
    "images of another size": (X.reshape(-1, 2, 2, 1)[:, :1], T, ShapeError, "Affine1"),
    "one sample": (X[0], T[:1], ShapeError, "x.reshape(1, -1)"),
    "a number": (1.0, 1, ShapeError, "must be a batch"),
    "fewer labels": (X, T[:-1], ShapeError, "90 samples need 90 labels"),
    "more labels": (X[:-1], T, ShapeError, r"x_train (89, 4) and t_train (90,)"),
    "a single label": (X, 1, ShapeError, "90 labels"),
    "a label too high": (X, with_value(T, 5, 3), LabelError, "t_train: label 3 is out of range"),
    "a label below 0": (X, with_value(T, 5, -1), LabelError, "label -1 is out of range"),
    "labels as floats": (X, T.astype(float), LabelError, "t.astype(int)"),
    "labels as text": (X, T.astype(str), LabelError, "t_train: labels t have dtype <U"),
    "labels as objects": (X, [None] * 90, LabelError, "dtype object"),
    "one-hot too wide": (X, np.eye(4)[T], LabelError, r"t_train: labels t (90, 4) do not fit"),
    "one-hot too narrow": (X, np.eye(3)[T][:, :2], LabelError, "(90, 2) do not fit"),
    "one-hot twice": (X, np.ones((90, 3)), LabelError, "sum to 1"),
    "labels of NaN": (X, np.full((90, 3), np.nan), LabelError, "finite"),
    "no samples": (X[:0], T[:0], DataError, r"x_train (0, 4) is empty"),
    "no features": (X[:, :0], T, DataError, "(90, 0) is empty"),
    "NaN": (with_value(X, (17, 3), np.nan), T, DataError, "x_train[17, 3] is nan"),
    "infinity": (with_value(X, (0, 2), -np.inf), T, DataError, "x_train[0, 2] is -inf"),
    "NaN of float64": (
        with_value(X.astype(float), (89, 0), np.nan), T, DataError, "x_train[89, 0] is nan",
    ),
    "too large for float32": (
        with_value(X, (1, 1), np.float64(1e300)), T, DataError, "too large for the parameters'",
    ),
    "masked": (np.ma.masked_less(X, 0), T, DTypeError, "masked"),
    "text": (X.astype(str), T, DTypeError, "x_train has dtype <U"),
    "complex": (X * 1j, T, DTypeError, "complex64"),
    "objects": (X.astype(object), T, DTypeError, "object"),
    "dates": (X.astype("M8[s]"), T, DTypeError, "datetime64"),
    "ragged": ([[1, 2], [3]], [0, 1], DataError, "cannot be made an array"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_data_are_named_and_nothing_is_changed(tmp_path, case):
    x, t, error, words = BAD[case]
    network, rng = make_network(), np.random.default_rng(0)
    before, state = weights(network), rng.bit_generator.state
    with pytest.raises(error, match=re.escape(words)):
        Trainer(network, x, t, batch_size=1, rng=rng, history_path=tmp_path / "h")
    test_words = words.replace("x_train", "x_test").replace("t_train", "t_test")
    with pytest.raises(error, match=re.escape(test_words)):
        Trainer(network, X, T, x, t, batch_size=1, rng=rng, history_path=tmp_path / "h")
    assert weights(network) == before
    assert rng.bit_generator.state == state
    assert list(tmp_path.iterdir()) == []


def test_a_later_layer_that_does_not_fit_is_named():
    layers = [*make_network(sizes=(4, 8)).layers.values(), *make_network().layers.values()]
    with pytest.raises(ShapeError, match=r"the layer Affine2 cannot take a batch \(1, 8\)"):
        read_samples(Network(layers), X, T, NAMES)


def test_parameters_that_cannot_learn_are_named():
    network = make_network()
    network.layers["Affine2"].b = np.array([0, 0, 0])
    with pytest.raises(DTypeError, match="parameter b2 has dtype int64"):
        read_samples(network, X, T, NAMES)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_data_are_not_copied(dtype):
    assert np.shares_memory(read_samples(make_network(dtype=dtype), X, T, NAMES).data.x, X)


@pytest.mark.parametrize("kind", ["uint8", "bool", "int64", "float16", ">f4"])
def test_numbers_of_every_kind_are_cast_as_they_are_used(kind):
    x = np.abs(X).astype(kind)
    samples = read_samples(make_network(), x, T, NAMES)
    assert (samples.data.x is x) == x.dtype.isnative  # else it is turned once, and copied
    used, _ = samples.batch(slice(None))
    assert used.dtype == np.float32
    assert used.dtype.isnative
    np.testing.assert_array_equal(used, x.astype(np.float32))


def test_trying_out_leaves_the_network_as_it_was():
    network = make_network()
    read_samples(network, X, T, NAMES)
    assert network.layers["Affine1"].x is None
    assert network.layers["Relu1"].mask is None


def test_the_largest_product_is_found():
    samples = read_samples(make_network(sizes=(4, 50, 20, 3)), X, T, NAMES)
    assert samples.largest_product == 50 * 20
