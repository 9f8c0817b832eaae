"""An `__init__` that forgets that of its base class is named; so is a frozen class."""

import copy
from dataclasses import dataclass

import numpy as np
import pytest

from clearprop import Affine, Dropout, Layer, Network, Relu, compile
from clearprop.errors import ConfigError
from clearprop.training import SGD, Adam, Optimizer, Trainer

X, T = np.ones((6, 4), "f"), np.zeros(6, int)


class Net(Network):
    def __init__(self):
        self.fc = Affine.from_sizes(4, 3)

    def forward(self, x):
        return self.fc(x)


class Listed(Network):
    def __init__(self):
        self.layers = {"Affine1": Affine.from_sizes(4, 3)}


class Bare(Affine):
    def __init__(self):
        self.k = 1


class Half(Dropout):
    def __init__(self):
        self.k = 1


class Sub(Half):
    """Has no `__init__`, but that of a base."""


class Slow(Adam):
    def __init__(self):
        self.k = 1


class Own(Optimizer):
    def __init__(self):
        self.lr = 0.1

    def change(self, p, g, *, step, lr):
        return p - lr * g


def dense(last=None):
    return Network([Affine.from_sizes(4, 3), last or Relu()])


CASES = {
    "predict": (
        lambda: Net().predict(X),
        r"Net.__init__ does not call that of Network, which sets lay",
    ),
    "gradient": (lambda: Net().gradient(X, T), r"begin it with super\(\).__init__\(\)"),
    "params": (lambda: Net().params, r"begin it with super\(\)"),
    "repr": (lambda: repr(Net()), r"begin it with super\(\)"),
    "compile": (lambda: compile(Net(), SGD(0.1))(X, T), r"begin it with super\(\).__init__\(\)"),
    "trainer": (lambda: Trainer(Net(), X, T), r"begin it with super\(\).__init__\(\)"),
    "listed": (lambda: Listed().predict(X), r"begin it with super\(\).__init__\(\)"),
    "layer": (lambda: Network([Bare()]), r"Bare.*that of Affine, which sets W, b.*__init__\(…\)"),
    "half": (lambda: dense(Half()), r"Half.__init__ does not call that of Dropout, which sets rat"),
    "sub": (lambda: dense(Sub()), r"Half.__init__ does not call that of Dropout"),
    "adam": (lambda: Trainer(dense(), X, T, optimizer=Slow(), batch_size=3).train(1), "of Adam"),
    "own": (lambda: compile(dense(), Own())(X, T), r"Own.__init__ .*super\(\).__init__\(…\)"),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_named(name):
    make, words = CASES[name]
    with pytest.raises(ConfigError, match=words):
        make()


def test_what_is_simply_not_there_is_told_as_ever():
    class Asks(Network):
        @property
        def depth(self):
            return self.nothing

    net = Asks([Affine.from_sizes(4, 3)])
    with pytest.raises(AttributeError, match="'Asks' object has no attribute 'nothing'"):
        net.depth  # noqa: B018
    assert getattr(net, "other", 5) == 5
    assert copy.deepcopy(net).predict(X).shape == (6, 3)
    assert not hasattr(SGD(0.1), "momentum")


def test_a_layer_without_anything_to_set_needs_no_init():
    class Plain(Layer):
        def __init__(self):
            self.slope = 2.0

        def forward(self, x):
            return self.slope * x

    assert dense(Plain()).predict(X).shape == (6, 3)


@dataclass(frozen=True)
class Frozen(Layer):
    k: float = 1.5

    def forward(self, x):
        return x * self.k


@dataclass(frozen=True)
class FrozenElsewhere:
    """A layer that is none of ours."""

    params = ()

    def forward(self, x):
        return x

    def backward(self, dout):
        return dout


@pytest.mark.parametrize("kind", [Frozen, FrozenElsewhere])
def test_a_frozen_dataclass_is_no_layer(kind):
    ways = [lambda: Network([Affine.from_sizes(4, 3), kind()]).predict(np.ones((2, 4)))]
    ways += [lambda: kind()(np.ones(3))] * issubclass(kind, Layer)
    for way in ways:
        with pytest.raises(ConfigError, match=r"is a frozen dataclass.*without frozen=True"):
            way()
