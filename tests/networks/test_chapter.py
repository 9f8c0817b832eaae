"""The chapter's scripts, with their slips mended, run line by line on `TwoLayerNet`."""

from collections import OrderedDict

import numpy as np
import pytest

from clearprop import (
    Affine,
    Network,
    Relu,
    SoftmaxWithLoss,
    TwoLayerNet,
    dense_layers,
    numerical_gradient,
)
from clearprop.errors import ConfigError, ShapeError


def digits(n, seed=0):
    """Images of 64 numbers in 10 kinds: a bright bar at the place of the class, and noise."""
    rng = np.random.default_rng(seed)
    t = rng.integers(10, size=n)
    x = rng.uniform(0, 0.5, (n, 64))
    for row, label in zip(x, t, strict=True):
        row[6 * label : 6 * label + 6] += 0.8
    return x, np.eye(10)[t]


def test_the_network_of_the_chapter():
    network = TwoLayerNet(input_size=784, hidden_size=50, output_size=10)
    assert isinstance(network.layers, OrderedDict)
    assert list(network.layers) == ["Affine1", "Relu1", "Affine2"]
    kinds = [type(layer) for layer in network.layers.values()]
    assert kinds == [Affine, Relu, Affine]
    assert isinstance(network.lastLayer, SoftmaxWithLoss)
    for number, layer in ((1, "Affine1"), (2, "Affine2")):
        assert network.layers[layer].W is network.params[f"W{number}"]
        assert network.layers[layer].b is network.params[f"b{number}"]
    assert {array.dtype for array in network.params.values()} == {np.dtype(np.float64)}
    assert not network.params["b1"].any()
    assert not network.params["b2"].any()
    assert network.params["W1"].std() == pytest.approx(0.01, rel=0.02)


def test_initialisation_draws_W1_before_W2():
    network = TwoLayerNet(4, 3, 2, 0.5, rng=np.random.default_rng(5))
    rng = np.random.default_rng(5)
    np.testing.assert_array_equal(network.params["W1"], 0.5 * rng.standard_normal((4, 3)))
    np.testing.assert_array_equal(network.params["W2"], 0.5 * rng.standard_normal((3, 2)))


def test_the_training_script():
    (x_train, t_train), (x_test, t_test) = digits(600), digits(200, seed=1)
    rng = np.random.default_rng(0)
    network = TwoLayerNet(input_size=64, hidden_size=20, output_size=10, rng=rng)

    iters_num = 200
    train_size = x_train.shape[0]
    batch_size = 100
    learning_rate = 0.5

    train_loss_list = []
    train_acc_list = []
    test_acc_list = []

    iter_per_epoch = max(train_size // batch_size, 1)

    for i in range(iters_num):
        batch_mask = rng.choice(train_size, batch_size)
        x_batch = x_train[batch_mask]
        t_batch = t_train[batch_mask]

        grad = network.gradient(x_batch, t_batch)

        for key in ("W1", "b1", "W2", "b2"):
            network.params[key] -= learning_rate * grad[key]

        loss = network.loss(x_batch, t_batch)
        train_loss_list.append(loss)

        if i % iter_per_epoch == 0:
            train_acc_list.append(network.accuracy(x_train, t_train))
            test_acc_list.append(network.accuracy(x_test, t_test))

    assert len(train_loss_list) == 200
    assert len(test_acc_list) == 34
    assert train_acc_list[0] < 0.5
    assert train_loss_list[0] == pytest.approx(np.log(10), abs=0.01)
    assert train_loss_list[-1] < 0.05
    assert test_acc_list[-1] > 0.98
    assert network.layers["Affine1"].W is network.params["W1"]


def test_the_gradient_check():
    # The chapter's comparison and sizes; of the 39,200 numbers of W1 a fixed sample of 500.
    rng = np.random.default_rng(0)
    x_batch = rng.uniform(0, 1, (3, 784))
    t_batch = np.eye(10)[rng.integers(10, size=3)]
    network = TwoLayerNet(input_size=784, hidden_size=50, output_size=10, rng=rng)

    grad_backprop = network.gradient(x_batch, t_batch)
    picked = rng.choice(784 * 50, 500, replace=False)

    def loss_of_picked(values):
        network.params["W1"].reshape(-1)[picked] = values
        return network.loss(x_batch, t_batch)

    values = network.params["W1"].reshape(-1)[picked].copy()
    difference = numerical_gradient(loss_of_picked, values)
    difference -= grad_backprop["W1"].reshape(-1)[picked]
    network.params["W1"].reshape(-1)[picked] = values
    assert np.average(abs(difference)) <= 1e-9
    assert abs(grad_backprop["W1"].reshape(-1)[picked]).mean() > 1e-5

    for key in ("b1", "W2", "b2"):
        numerical = numerical_gradient(
            lambda _: network.loss(x_batch, t_batch), network.params[key]
        )
        assert np.average(np.abs(grad_backprop[key] - numerical)) <= 1e-9, key


def test_the_gradient_check_by_the_networks_own_method():
    x_batch, t_batch = digits(3)
    network = TwoLayerNet(64, 20, 10, rng=np.random.default_rng(0))
    grad_numerical = network.numerical_gradient(x_batch, t_batch)
    grad_backprop = network.gradient(x_batch, t_batch)
    assert list(grad_numerical) == list(grad_backprop) == ["W1", "b1", "W2", "b2"]
    for key in grad_numerical:
        diff = np.average(np.abs(grad_backprop[key] - grad_numerical[key]))
        assert diff <= 1e-9, key


def test_one_seed_gives_the_same_bits():
    def trained():
        x, t = digits(100)
        network = TwoLayerNet(64, 20, 10, rng=np.random.default_rng(7))
        for _ in range(5):
            grad = network.gradient(x, t)
            for key in network.params:
                network.params[key] -= 0.1 * grad[key]
        return b"".join(array.tobytes() for array in network.params.values())

    assert trained() == trained()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_size": 0}, "sizes must be whole numbers of at least 1, got 0 and 3"),
        ({"hidden_size": -1}, "sizes must be whole numbers of at least 1"),
        ({"weight_init_std": -0.1}, "standard deviation of the weights must be .* got -0.1"),
        ({"weight_init_std": "big"}, "initialisation 'big' is unknown; use 'he', 'xavier' or"),
        ({"rng": 0}, r"rng is 0, not a generator; use np.random.default_rng\(seed\)"),
        ({"rng": 42}, "rng is 42, not a generator"),
        ({"dtype": np.int32}, "weights cannot be of dtype int32; use float32 or float64"),
    ],
)
def test_bad_settings_are_refused_by_name(options, message):
    sizes = {"input_size": 4, "hidden_size": 3, "output_size": 2}
    with pytest.raises((ConfigError, ShapeError), match=message):
        TwoLayerNet(**(sizes | options))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_layers(dtype):
    layers = dense_layers([5, 4, 3, 2], activation="sigmoid", init=0.1, dtype=dtype)
    assert [type(layer).__name__ for layer in layers] == [
        "Affine",
        "Sigmoid",
        "Affine",
        "Sigmoid",
        "Affine",
    ]
    assert [layer.W.shape for layer in layers[::2]] == [(5, 4), (4, 3), (3, 2)]
    assert {layer.W.dtype for layer in layers[::2]} == {np.dtype(dtype)}
    assert list(Network(layers).params) == ["W1", "b1", "W2", "b2", "W3", "b3"]


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ([784], {}, r"needs an input and an output size, got \[784\]"),
        ([], {}, r"got \[\]"),
        ([4, 2], {"activation": "tanhh"}, "'tanhh' is unknown; use one of: relu, sigmoid"),
        ([4, 0, 2], {}, "sizes must be whole numbers of at least 1, got 4 and 0"),
    ],
)
def test_dense_layers_refuses(sizes, options, message):
    with pytest.raises((ConfigError, ShapeError), match=message):
        dense_layers(sizes, **options)
