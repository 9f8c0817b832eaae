"""What is counted, logged or averaged on the side stays, whoever does it, compiled or not."""

import numpy as np
import pytest
from one_file_layers import affine

from clearprop import Layer, Network, Relu, compile
from clearprop.errors import UnsupportedError
from clearprop.training import SGD, Trainer

X = np.random.default_rng(1).standard_normal((20, 4)) + 5
T = np.arange(20) % 3


class Aside:
    """Counts its steps, logs them, and keeps a mean; opens over ten steps."""

    def begin(self):
        self.steps, self.log, self.mean, self.seen = 0, [], np.zeros(4), {"rows": 0}

    def note(self, x):
        self.steps += 1
        self.log.append(len(x))
        self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)
        self.seen["rows"] += len(x)
        self.rows = len(x)
        return min(1, self.steps / 10)


class InForward(Aside, Network):
    def __init__(self):
        super().__init__()
        self.a = affine(4, 3)
        self.begin()

    def forward(self, x):
        return self.a(x) * self.note(x)


class InLoss(InForward):
    def forward(self, x):
        return self.a(x)

    def loss(self, x, t):
        return super().loss(x, t) + self.note(x) * np.sum(self.a.W**2)


class Block(Aside, Layer):
    def __init__(self):
        self.a = affine(4, 3)
        self.begin()

    def forward(self, x):
        return self.a(x) * self.note(x)


class Plain(Aside, Layer):
    def __init__(self):
        self.begin()

    def forward(self, x):
        self.k = self.note(x)
        return x * self.k

    def backward(self, dout):
        return dout * self.k


def made(kind):
    """A network, and what keeps something on the side in it."""
    if issubclass(kind, Network):
        network = kind()
        return network, network
    held = kind()
    if kind is Block:
        return Network([held, Relu(), affine(3, 3)]), held
    return Network([held, affine(4, 3)]), held


def kept(held):
    return held.steps, held.log, held.seen, held.mean.tolist()


KINDS = [InForward, InLoss, Block, Plain]


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_of_learning_keeps_it_and_looking_does_not(kind):
    network, held = made(kind)
    log = held.log
    for _ in range(3):
        network.gradient(X, T)
        network.loss(X, T), network.predict(X), network.accuracy(X, T), network(X)
    assert kept(held)[:3] == (3, [20] * 3, {"rows": 60})
    assert held.log is log
    np.testing.assert_allclose(held.mean, (1 - 0.9**3) * X.mean(axis=0))


@pytest.mark.parametrize("kind", KINDS)
def test_training_compiled_or_not_keeps_it_and_says_so(kind):
    found = []
    for compiled in (False, True):
        network, held = made(kind)
        trainer = Trainer(network, X, T, batch_size=10, rng=0, compile=compiled)
        history = trainer.train(epochs=5)
        assert held.steps == len(held.log) == 10
        found.append((history.loss, held.mean))
    name = "whole step" if kind is not Plain else "Plain1"
    assert name in str(trainer.as_written)
    for written, compiled in zip(*found, strict=True):
        np.testing.assert_allclose(written, compiled)


@pytest.mark.parametrize("kind", [InForward, InLoss, Block])
def test_a_compiled_step_refuses_it_by_name(kind):
    network, held = made(kind)
    with pytest.raises(UnsupportedError, match=f"{kind.__name__}.steps is carried on"):
        compile(network, SGD(0.1))(X, T)
    assert held.steps == 0


class FirstMean(Network):
    """Made at the first pass, from its batch."""

    def __init__(self):
        super().__init__()
        self.a, self.centre = affine(4, 3), None

    def forward(self, x):
        if self.centre is None:
            self.centre = x.mean(axis=0)
        return self.a(x - self.centre)


class Keeps(Network):
    """Keeps what it had in between, which every pass makes anew."""

    def __init__(self):
        super().__init__()
        self.a, self.b = affine(4, 5), affine(5, 3)

    def forward(self, x):
        self.h, self.rows, self.parts = self.a(x), len(x), [x, {"x": x}]
        return self.b(np.tanh(self.h))


def test_what_is_made_at_the_first_pass_is_no_program():
    with pytest.raises(UnsupportedError, match=r"FirstMean\.centre is carried on"):
        compile(FirstMean(), SGD(0.1))(X, T)
    network = FirstMean()
    network.gradient(X, T)
    network.gradient(2 * X, T)
    np.testing.assert_allclose(network.centre, X.mean(axis=0))


def test_what_every_pass_makes_anew_is_compiled():
    network = Keeps()
    network.gradient(X, T)
    np.testing.assert_allclose(network.h, network.a(X))
    first = network.parts
    network.gradient(2 * X, T)
    assert first[0] is not network.parts[0]
    step = compile(network, SGD(0.1))
    step(X, T), step(X, T)
    assert step.as_written == {}


class Centred(InForward):
    """A mean of its own at prediction."""

    fixed = ("mean",)

    def forward(self, x):
        self.note(x)
        return self.a(x - x.mean(axis=0))

    def infer(self, x):
        return self.a(x - self.mean)


def test_scores_beside_the_training_see_what_it_kept():
    for compiled in (False, True):
        trainer = Trainer(Centred(), X, T, X, T, batch_size=10, rng=0, compile=compiled)
        history = trainer.train(epochs=5)
        assert history.train_score[-1] == history.test_score[-1] == trainer.network.accuracy(X, T)
