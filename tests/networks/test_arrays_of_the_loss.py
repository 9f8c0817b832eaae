"""A float array that only a network's own loss reads is declared, or refused by name."""

from types import SimpleNamespace

import numpy as np
import pytest
from one_file_networks import T, X

from clearprop import Affine, Layer, Network, compile
from clearprop.errors import ConfigError
from clearprop.layers import MeanSquaredError
from clearprop.training import SGD, Trainer

WAYS = {
    "gradient": lambda net: net.gradient(X, T),
    "compiled": lambda net: compile(net, SGD(0.1))(X, T),
    "trainer": lambda net: Trainer(net, X, T, rng=0),
}


class Weighted(Network):
    """Weights of classes, or of several losses, which a loss of its own reads."""

    def __init__(self):
        super().__init__()
        self.fc = Affine.from_sizes(4, 3, rng=np.random.default_rng(0), dtype=np.float64)
        self.weights, self.held = np.ones(3), SimpleNamespace(w=np.ones(3))
        self.unread = np.ones((2, 2))

    def forward(self, x):
        return self.fc(x)

    def weighted(self, z):
        return z * self.weights

    def loss(self, x, t):
        return np.mean(self.weighted(self.predict(x)) ** 2)


class Held(Weighted):
    def weighted(self, z):
        return z * self.held.w


class Normalised(Weighted):
    """What does not change if all are raised alike."""

    def weighted(self, z):
        return z * (self.weights / self.weights.mean())


class Ratio(Weighted):
    def weighted(self, z):
        return z * self.weights / self.held.w


class OfALayer(Weighted):
    """An array of a layer, which the layer itself does not read."""

    def __init__(self):
        super().__init__()
        self.fc.gain = np.ones(3)

    def weighted(self, z):
        return z * self.fc.gain


class Inner(Layer):
    def __init__(self):
        self.scale = np.ones(3)

    def forward(self, x):
        return x * self.scale


class Outer(Layer):
    """A backward of its own, around a layer that is not seen to run."""

    def __init__(self):
        self.inner = Inner()

    def forward(self, x):
        return self.inner(x)

    def backward(self, dout):
        return dout * self.inner.scale


class Closed(Network):
    def __init__(self):
        super().__init__([Affine(np.ones((4, 3)), np.zeros(3)), Outer()])


REFUSED = {
    Weighted: r"the loss of Weighted depends on self\.weights.*params = \(.weights.,\)",
    Held: r"the loss of Held depends on self\.held\.w",
    Normalised: r"self\.weights",
    Ratio: r"self\.weights",
    OfALayer: r"fc: the loss of OfALayer depends on self\.gain",
    Closed: r"Outer1\.inner: the loss of Closed depends on self\.scale",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", REFUSED)
def test_it_is_refused_by_name(kind, way):
    with pytest.raises(ConfigError, match=REFUSED[kind]):
        WAYS[way](kind())


class Fixed(Weighted):
    fixed = ("weights",)


class Learned(Weighted):
    params = ("weights",)


@pytest.mark.parametrize("kind", [Fixed, Learned])
@pytest.mark.parametrize("way", WAYS)
def test_one_that_is_declared_is_taken(kind, way):
    WAYS[way](kind())


def test_one_that_is_learned_has_its_derivative():
    net = Learned()
    got, want = net.gradient(X, T), net.numerical_gradient(X, T)
    np.testing.assert_allclose(got["weights"], want["weights"], rtol=1e-6)


class Chosen(Weighted):
    weighs = False

    def weighted(self, z):
        return super().weighted(z) if self.weighs else z


def test_a_step_that_reads_it_only_later_refuses_it_then():
    net = Chosen()
    step = compile(net, SGD(0.1))
    step(X, T)
    net.weighs = True
    with pytest.raises(ConfigError, match=r"self\.weights"):
        step(X, T)


def test_what_a_layer_has_kept_of_another_pass_is_none():
    net = Network([Outer(), Affine(np.ones((3, 3)), np.zeros(3))], MeanSquaredError())
    net.layers["Outer1"].inner.scale = 1.0
    for layer in net.layers.values():
        layer.forward(np.ones((6, 3)))
    net.gradient(np.ones((6, 3)), np.ones((6, 3)))
