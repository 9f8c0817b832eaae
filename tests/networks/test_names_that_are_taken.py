"""What is kept under a name that the library calls would take the place of what it calls."""

from functools import partial

import numpy as np
import pytest
from one_file_layers import affine
from one_file_networks import T, X

from clearprop import Layer, Network, Relu, SoftmaxWithLoss
from clearprop.errors import ConfigError
from clearprop.networks.assembled import _MEANINGS

METHODS = [n for n in dir(Network) if n[:2] != "__" and callable(getattr(Network, n))]
PROPERTIES = [n for n in dir(Network) if isinstance(getattr(Network, n), property)]


class Free(Network):
    def __init__(self):
        super().__init__()
        self.a = affine(4, 3)

    def forward(self, x):
        return self.a(x)


@pytest.mark.parametrize("value", [affine(4, 3), SoftmaxWithLoss(), SoftmaxWithLoss, 3, [], None])
@pytest.mark.parametrize("name", [*METHODS, *PROPERTIES])
def test_a_network_refuses_what_would_take_the_place_of_a_method(name, value):
    with pytest.raises(ConfigError, match=rf"'{name}' is a .* of Free.*self\.\w+{name}|{name}_lay"):
        setattr(Free(), name, value)


@pytest.mark.parametrize("name", _MEANINGS)
@pytest.mark.parametrize("value", [affine(4, 3), 3, None])
def test_a_network_refuses_what_does_not_fit_a_name(name, value):
    with pytest.raises(ConfigError, match=f"'{name}' of a Free is .* is none"):
        setattr(Free(), name, value)


def test_a_class_refuses_it_too():
    with pytest.raises(ConfigError, match="'loss' is a method of Held"):

        class Held(Network):
            loss = SoftmaxWithLoss()


def test_what_may_be_assigned():
    network = Free()
    network.loss = lambda x, t: 3
    network.predict = partial(np.ones_like)
    network.rng = np.random.default_rng(3)
    network.frozen = {"a.W"}
    network.lastLayer = SoftmaxWithLoss()
    assert network.loss(X, T) == 3

    class Own(Free):
        activation = Relu()
        score_name = "hits"

        def loss(self, x, t):
            return super().loss(x, t)

    own = Own()
    own.activation, own.score_name = affine(3, 3), "misses"
    assert own.loss(X, T) > 0


class Gated(Layer):
    def forward(self, x):
        return x


class Plain:
    def forward(self, x):
        return x

    def backward(self, dout):
        return dout


@pytest.mark.parametrize("value", [affine(4, 4), Relu, 3])
@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Gated, ("forward", "backward", "infer", "draw", "next_state")),
        (Plain, ("forward", "backward", "infer")),
    ],
)
def test_a_layer_is_refused_that_holds_something_under_the_name_of_a_formula(kind, names, value):
    for name in names:
        layer = kind()
        setattr(layer, name, value)
        with pytest.raises(ConfigError, match=name):
            Network([layer, affine(4, 3)]).gradient(X, T)


def test_a_layer_may_have_functions_there_and_other_names_are_free():
    layer, plain = Gated(), Plain()
    layer.infer, layer.reset, layer.samples = np.tanh, affine(4, 4), 3
    plain.infer, plain.draw = None, 3
    network = Network([layer, plain, affine(4, 3)])
    assert network.gradient(X, T).keys() == {"Gated1.reset.W", "Gated1.reset.b", "W1", "b1"}
