"""Layers made from sizes and plans: what comes in which order, and that it learns and checks."""

import numpy as np
import pytest

from clearprop import (
    Network,
    check,
    compile,
    conv_layers,
    conv_net,
    deep_conv_net,
    dense_layers,
    features,
)
from clearprop.errors import ConfigError, ShapeError
from clearprop.networks.dense import ACTIVATIONS
from clearprop.training import SGD, Adam, Trainer


def rng():
    return np.random.default_rng(0)


def kinds(layers):
    return [type(layer).__name__ for layer in layers]


def test_dense_layers_with_normalisation_and_dropout():
    layers = dense_layers([4, 5, 6, 3], activation="tanh", batch_norm=True, dropout=0.2, rng=rng())
    hidden = ["Affine", "BatchNormalization", "Tanh", "Dropout"]
    assert kinds(layers) == [*hidden, *hidden, "Affine"]
    assert [layers[1].gamma.shape, layers[5].gamma.shape, layers[3].ratio] == [(5,), (6,), 0.2]
    plain = dense_layers([4, 5, 6, 3], rng=rng())
    for ours, theirs in zip(layers[::4], plain[::2], strict=True):
        np.testing.assert_array_equal(ours.W, theirs.W)  # drawn in the same order


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_each_activation_by_name(activation):
    layers = dense_layers([4, 5, 3], activation=activation, rng=rng(), dtype=np.float64)
    assert kinds(layers)[1] == ACTIVATIONS[activation].__name__
    assert check(Network(layers), rng().standard_normal((6, 4)), np.arange(6) % 3).ok


def test_conv_layers_follow_the_plan():
    layers = conv_layers(3, [4, 5, "pool", 6], size=(3, 1), pad=[(1, 0), 0, 2], batch_norm=True)
    block = ["Convolution", "BatchNormalization", "Relu"]
    assert kinds(layers) == [*block, *block, "Pooling", *block]
    assert [layer.W.shape[:2] for layer in layers if hasattr(layer, "W")] == [
        (4, 3),
        (5, 4),
        (6, 5),
    ]
    assert [layer.pad for layer in layers if hasattr(layer, "W")] == [(1, 0), 0, 2]
    assert features(layers, (3, 8, 8)) == 6 * 5 * 8
    assert features([], (3, 8, 8)) == 192


def test_initialisations_by_name():
    for init, expected in [("he", np.sqrt(2 / 72)), ("xavier", np.sqrt(1 / 72)), (0.3, 0.3)]:
        conv = conv_layers(8, [300], init=init, rng=rng(), dtype=np.float64)[0]
        assert conv.W.std() == pytest.approx(expected, rel=0.02)
        assert not conv.b.any()


MADE = {
    "conv": lambda: conv_net((2, 8, 9), 3, filters=3, size=3, hidden=5, rng=rng(), dtype=float),
    "conv-batch-norm": lambda: conv_net(
        (2, 8, 9), 3, filters=2, size=3, pad=1, hidden=5, activation="elu", batch_norm=True,
        dropout=0.3, rng=rng(), dtype=float,
    ),
    "deep-conv": lambda: deep_conv_net((2, 6, 5), 3, hidden=4, rng=rng(), dtype=float),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_networks_of_convolutions(name):
    network, twin, t = MADE[name](), MADE[name](), np.array([0, 2, 1, 1])
    x = rng().standard_normal((4, 2, 6, 5) if name == "deep-conv" else (4, 2, 8, 9))
    assert network.predict(x).shape == (4, 3)
    assert check(network, x, t).ok
    step = compile(network, SGD(0.1))
    assert not step.as_written
    optimizer = SGD(0.1)
    for _ in range(2):
        step(x, t)
        optimizer.update(twin.params, twin.gradient(x, t))
        for name, W in twin.params.items():
            np.testing.assert_allclose(network.params[name], W, rtol=1e-7, atol=1e-10)


def test_the_book_s_sizes():
    network = deep_conv_net(rng=rng())
    x = np.zeros((1, 1, 28, 28), np.float32)
    assert network.predict(x).shape == (1, 10)
    assert sum(W.size for W in network.params.values()) == 123_552
    assert list(network.layers)[-5:] == ["Affine1", "Relu7", "Dropout1", "Affine2", "Dropout2"]


def test_a_convolution_net_learns():
    r = rng()
    t = np.arange(90) % 3
    x = 0.2 * r.standard_normal((90, 1, 8, 8))
    x[np.arange(90), 0, 1 + 2 * t] += 1
    network = conv_net((1, 8, 8), 3, filters=4, size=3, hidden=10, rng=r)
    trainer = Trainer(network, x.astype(np.float32), t, batch_size=30, optimizer=Adam(0.01), rng=0)
    assert trainer.train(epochs=20).train_accuracy[-1] > 0.95


BAD = {
    "a plan with a word": (lambda: conv_layers(1, [3, "pol"]), ConfigError, "'pol' is neither"),
    "a plan with 0": (lambda: conv_layers(1, [0]), ConfigError, "0 is neither"),
    "too few pads": (lambda: conv_layers(1, [3, 3], pad=[1]), ConfigError, "1 pads for 2"),
    "an activation": (lambda: conv_layers(1, [3], activation="step"), ConfigError, "'step'"),
    "dropout 1": (lambda: dense_layers([2, 3, 2], dropout=1.0), ConfigError, "ratio is 1.0"),
    "a window too large": (
        lambda: conv_net((1, 4, 4), size=5), ShapeError, "5 × 5 is larger than the image 4 × 4",
    ),
    "a seed": (lambda: conv_net(rng=0), ConfigError, "not a generator"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_named(case):
    make, error, words = BAD[case]
    with pytest.raises(error, match=words):
        make()
