"""Plain numbers of a network, and of layers that hold layers, are arguments of its programs."""

import math

import numpy as np
import pytest

from clearprop import Affine, Layer, Network, compile
from clearprop.errors import UnsupportedError
from clearprop.training import SGD
from clearprop.training.step import layered_step

X, T = np.random.default_rng(0).standard_normal((5, 4)), np.array([0, 1, 2, 0, 1])


class Block(Layer):
    """Holds a layer: one number is computed with, one is branched on."""

    def __init__(self):
        self.fc, self.k, self.limit = Affine(np.eye(4), np.zeros(4)), 0.5, 0.1

    def forward(self, x):
        y = self.fc(x) * self.k
        return y * 2 if self.limit > 0.3 else y


class Annealed(Network):
    """Numbers in its forward and its loss; `root` is given to Python's math."""

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(0)
        self.block, self.fc = Block(), Affine.from_sizes(4, 3, rng=rng, dtype=np.float64)
        self.beta, self.root, self.other, self.unread = 0.5, 4.0, 2.0, 1.0

    def forward(self, x):
        return self.fc(self.block(x)) * self.beta / math.sqrt(self.root)

    def loss(self, x, t):
        return self.other * super().loss(x, t)


class Simple(Network):
    def __init__(self):
        super().__init__([Affine(np.ones((4, 3), np.float32), np.zeros(3, np.float32))])
        self.beta = 0.5

    def loss(self, x, t):
        return self.beta * super().loss(x, t)


NUMBERS = {
    "beta": (lambda net: net, True),
    "other": (lambda net: net, True),
    "unread": (lambda net: net, True),
    "k": (lambda net: net.block, True),
    "root": (lambda net: net, False),
    "limit": (lambda net: net.block, False),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_it_is_an_argument_unless_it_is_needed_as_such(name):
    find, argument = NUMBERS[name]
    written, compiled = Annealed(), Annealed()
    layered, step, predict = layered_step(written, SGD(0.5)), compile(compiled, SGD(0.5)), None
    predict = compile(compiled)
    plans = []
    for i in range(4):
        for net in (written, compiled):
            setattr(find(net), name, 0.25 + i / 4)
        assert step(X, T) == pytest.approx(layered(X, T), rel=1e-12)
        np.testing.assert_allclose(predict(X), written.predict(X), rtol=1e-9)
        plans.append((step._last, predict._last))
    if argument:
        assert len(set(plans)) == 1
    else:
        assert plans[0] != plans[1]


def test_it_is_as_weak_as_pythons_numbers():
    net = Simple()
    step = compile(net, SGD(0.1))
    step(X.astype(np.float32), T)
    assert all(v.dtype != np.float64 for v in step.graph.leaves if v.ndim)
    assert net.params["W1"].dtype == np.float32


def test_what_cannot_be_compiled_is_said_as_before():
    class Branching(Simple):
        def forward(self, x):
            y = self.layers["Affine1"](x)
            return y * self.beta if y.sum() > 0 else y

    with pytest.raises(UnsupportedError, match="branches on a value"):
        compile(Branching(), SGD(0.1))(X, T)


def test_one_that_is_needed_as_such_is_not_tried_again(monkeypatch):
    from clearprop.compiler import step_plan

    net, made = Annealed(), []
    recorded = step_plan.RecordedStep
    monkeypatch.setattr(step_plan, "RecordedStep", lambda *how: made.append(how) or recorded(*how))
    step = compile(net, SGD(0.1))
    step(X, T)
    first = len(made)
    net.root = 9.0
    step(X, T)
    assert len(made) == first + 1
