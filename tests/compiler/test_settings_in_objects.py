"""What a layer holds besides numbers, functions and objects, is followed."""

import enum
from argparse import Namespace
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clearprop.compiler import compile
from clearprop.layers import Affine, Layer
from clearprop.networks import Network
from clearprop.training import SGD


@dataclass
class Cfg:
    k: float = 1.0
    inner: Any = None


@dataclass(slots=True)
class Slots:
    k: float = 1.0


class Mode(enum.Enum):
    PLAIN = 1
    DOUBLE = 2


class Scaled:
    def __init__(self):
        self.k = 1.0

    def __call__(self, x):
        return x * self.k


class Around(Layer):
    of_class, function, static = Cfg(), np.tanh, staticmethod(np.tanh)

    def __init__(self):
        self.act, self.own, self.scaled, self.mode = np.tanh, lambda x: x, Scaled(), Mode.PLAIN
        self.cfg, self.slots = Cfg(inner=Cfg()), Slots()
        self.space, self.arguments = SimpleNamespace(k=1.0, f=np.tanh), Namespace(k=1.0)
        self.functions, self.listed, self.mapped = [np.tanh], [Cfg()], {"a": Cfg()}

    def forward(self, x):
        y = self.act(x) * self.cfg.k * self.cfg.inner.k * self.slots.k + self.function(x)
        y = y + self.space.f(x) * self.space.k * self.arguments.k + self.static(x)
        y = y + self.functions[0](x) * self.listed[0].k * self.mapped["a"].k * self.of_class.k
        return self.scaled(self.own(y)) * (2 if self.mode is Mode.DOUBLE else 1)


def replaced(layer):
    """Equal to what it was; what is changed in it afterwards counts."""
    layer.cfg = Cfg(inner=Cfg())
    layer.cfg.k = 3.0


CHANGES = {
    "a function": lambda layer: setattr(layer, "act", np.sin),
    "a function of one's own": lambda layer: setattr(layer, "own", lambda x: x * 3),
    "a function in a list": lambda layer: layer.functions.__setitem__(0, np.sin),
    "a function of a namespace": lambda layer: setattr(layer.space, "f", np.sin),
    "a function of the class": lambda layer: setattr(Around, "function", np.sin),
    "a static function": lambda layer: setattr(Around, "static", staticmethod(np.sin)),
    "a member of an enumeration": lambda layer: setattr(layer, "mode", Mode.DOUBLE),
    "another object": replaced,
    **{
        f"a number of {what}": lambda layer, find=find: setattr(find(layer), "k", 5.0)
        for what, find in {
            "an object": lambda layer: layer.cfg,
            "an object in an object": lambda layer: layer.cfg.inner,
            "an object with slots": lambda layer: layer.slots,
            "a namespace": lambda layer: layer.space,
            "arguments": lambda layer: layer.arguments,
            "an object in a list": lambda layer: layer.listed[0],
            "an object in a dict": lambda layer: layer.mapped["a"],
            "an object of the class": lambda layer: layer.of_class,
            "an object that is called": lambda layer: layer.scaled,
        }.items()
    },
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_seen_by_the_compiled_step_and_prediction(what, monkeypatch):
    for name in ("of_class", "function", "static"):  # put back in the end
        monkeypatch.setattr(Around, name, vars(Around)[name])
    monkeypatch.setattr(Around, "of_class", Cfg())
    x, t, layer = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4), np.array([0, 2]), Around()
    network = Network([Affine.from_sizes(4, 3, rng=np.random.default_rng(0)), layer])
    step, predict = compile(network, SGD(1e-9)), compile(network)
    before = step(x, t)
    assert step(x, t) == pytest.approx(before, rel=1e-6)
    predict(x)
    program = step._last
    step(x, t)
    assert step._last is program
    CHANGES[what](layer)
    assert step(x, t) == pytest.approx(network.loss(x, t), rel=1e-5)
    assert abs(step(x, t) - before) > 1e-3
    np.testing.assert_allclose(predict(x), network.predict(x), rtol=1e-5)
    assert not step.as_written
