"""Compiled programs hear float arrays of layers that are not learned, wherever they hang."""

from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest

from clearprop import Affine, Layer, Network, compile
from clearprop.training import SGD

X, T = np.random.default_rng(0).standard_normal((6, 3)), np.array([0, 1, 2, 0, 1, 2])


def object_of(array):
    return SimpleNamespace(w=array)


HELD = {
    "array": (lambda a: a, lambda p: p),
    "dict": (lambda a: {"w": a}, lambda p: p["w"]),
    "proxy": (lambda a: MappingProxyType({"w": a}), lambda p: p["w"]),
    "list": (lambda a: [1, a], lambda p: p[1]),
    "tuple": (lambda a: (a, a), lambda p: p[1]),
    "object": (object_of, lambda p: p.w),
    "object in a list": (lambda a: [object_of(a)], lambda p: p[0].w),
}


class Undeclared(Layer):
    """Nothing learns, so that a prediction may read what it likes."""

    def __init__(self, how):
        make, self.find = HELD[how]
        self.p = make(np.ones(3))

    def forward(self, x):
        return x * self.find(self.p)


class Fixed(Undeclared):
    fixed = ("p",)


class OfTheNetwork(Network):
    """What stands before and behind its layers: read in predict alone."""

    def __init__(self, how):
        super().__init__()
        self.fc = Affine(np.eye(3), np.zeros(3))
        make, self.find = HELD[how]
        self.p, self.unread = make(np.ones(3)), np.ones(5)

    def forward(self, x):
        return self.fc(x)

    def predict(self, x):
        return self(x) * self.find(self.p)


def around(layer):
    return Network([Affine(np.eye(3), np.zeros(3)), layer])


def holder(net):
    return net if hasattr(net, "p") else [*net.layers.values()][-1]


def in_place(net):
    at = holder(net)
    at.find(at.p)[0] = 5.0


def assigned(net):
    at = holder(net)
    at.p = HELD[how_of(at)][0](np.array([5.0, 1, 1]))


def how_of(at):
    return next(how for how, (_, find) in HELD.items() if find is at.find)


@pytest.mark.parametrize("change", [in_place, assigned])
@pytest.mark.parametrize("how", HELD)
@pytest.mark.parametrize("kind", [Undeclared, Fixed, OfTheNetwork])
def test_a_prediction_hears_them(kind, how, change):
    net = kind(how) if kind is OfTheNetwork else around(kind(how))
    predict = compile(net)
    first = predict(X)
    plan = predict._last
    predict(X)
    assert predict._last is plan
    change(net)
    np.testing.assert_allclose(predict(X), net.predict(X), rtol=1e-12)
    assert np.any(predict(X) != first)


@pytest.mark.parametrize("change", [in_place, assigned])
@pytest.mark.parametrize("how", HELD)
def test_a_step_hears_those_that_are_fixed(how, change):
    net = around(Fixed(how))
    step = compile(net, SGD(1e-9))
    first = step(X, T)
    plan = step._last
    step(X, T)
    assert step._last is plan
    change(net)
    assert step(X, T) == pytest.approx(net.loss(X, T), rel=1e-6)
    assert step(X, T) != pytest.approx(first, rel=1e-3)


def test_those_that_nothing_reads_record_nothing_anew():
    net = OfTheNetwork("array")
    predict = compile(net)
    predict(X)
    plan = predict._last
    net.unread[:] = 7
    predict(X)
    assert predict._last is plan
