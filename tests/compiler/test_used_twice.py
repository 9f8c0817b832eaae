"""Layers that are used twice, with noise and settings, and values that are given twice."""

import numpy as np
import pytest
from nets import batch

from clearprop import Affine, Dropout, Layer, Network
from clearprop.compiler import compile
from clearprop.errors import UnsupportedError
from clearprop.training import SGD, Adam, Trainer
from clearprop.training.step import layered_step


class Choosy(Layer):
    """Draws in a way that depends on its settings, which its formula reads too."""

    noise = ("u",)

    def __init__(self, ratio=0.3, wide=True):
        self.ratio, self.wide = ratio, wide

    def draw(self, rng, x):
        u = rng.standard_normal(x.shape) if self.wide else rng.random(x.shape)
        return u * self.ratio if self.ratio > 0.1 else u

    def forward(self, x):
        return x + self.ratio * self.u

    def backward(self, dout):
        return dout


class Block(Layer):
    """Has a backward of its own and noise inside."""

    def __init__(self):
        self.inner = Dropout(0.4)

    def forward(self, x):
        return 2.0 * self.inner(x)

    def backward(self, dout):
        return self.inner.backward(2.0 * dout)


class Late(Layer):
    """Its second use needs a setting as a plain number, its first does not."""

    def __init__(self):
        self.gain = 0.5

    def forward(self, x):
        self.n = x.shape[1]
        return x * (self.gain if self.n == 3 or self.gain > 2 else 2 * self.gain)

    def backward(self, dout):
        return dout * (self.gain if self.n == 3 or self.gain > 2 else 2 * self.gain)


class Siamese(Network):
    def __init__(self, shared):
        super().__init__(rng=np.random.default_rng(8))
        rng = np.random.default_rng(0)
        self.a = Affine.from_sizes(4, 3, rng=rng, dtype=np.float64)
        self.shared = shared

    def forward(self, x):
        wide = x if isinstance(self.shared, Late) else -x
        return self.shared(self.a(x)) + (
            self.shared(wide)[:, :3] @ np.eye(3) if wide is x else self.shared(self.a(wide))
        )


@pytest.mark.parametrize("engine", ["numpy", "c"])
@pytest.mark.parametrize("make", [Dropout, Choosy, lambda: Choosy(0.3, wide=False), Block, Late])
def test_a_layer_used_twice_draws_twice_as_it_is_written(make, engine):
    written, compiled = Siamese(make()), Siamese(make())
    layered, step = layered_step(written, Adam(0.1)), compile(compiled, Adam(0.1), engine=engine)
    for seed in range(4):
        x, t = batch(10, 4, 3, np.float64, seed)
        assert step(x, t) == pytest.approx(layered(x, t), rel=1e-14)
        assert step.as_written == {}
        for network in (written, compiled):  # a setting is heard in both uses
            if hasattr(network.shared, "ratio"):
                network.shared.ratio = 0.3 + seed / 10
    assert written.rng.bit_generator.state == compiled.rng.bit_generator.state
    np.testing.assert_allclose(compiled.params["a.W"], written.params["a.W"], rtol=1e-12)
    assert compile(compiled, engine=engine)(x) == pytest.approx(written.predict(x), rel=1e-12)


def test_the_trainer_compiles_it():
    trainer = Trainer(Siamese(Dropout(0.3)), *batch(40, 4, 3, np.float64), batch_size=10)
    trainer.train(epochs=1)
    assert trainer.as_written == {}


class Two(Layer):
    def forward(self, a, b):
        self.a, self.b = a, b
        return a * b

    def backward(self, dout):
        return dout * self.b, dout * self.a


class Tied(Network):
    """Gives a layer one value twice, or its own parameter."""

    def __init__(self, how):
        super().__init__()
        self.k = Affine.from_sizes(4, 3, rng=np.random.default_rng(0), dtype=np.float64)
        self.two, self.how = Two(), how

    def forward(self, x):
        h = self.k(x)
        return (
            self.two(h, h) if self.how == "value" else self.two(h, h * self.two(self.k.b, self.k.b))
        )


@pytest.mark.parametrize("how", ["value", "parameter"])
def test_one_value_for_two_inputs(how):
    written, compiled = Tied(how), Tied(how)
    layered, step = layered_step(written, SGD(0.1)), compile(compiled, SGD(0.1))
    for seed in range(3):
        x, t = batch(10, 4, 3, np.float64, seed)
        assert step(x, t) == pytest.approx(layered(x, t), rel=1e-14)
    assert step.as_written == {}
    np.testing.assert_allclose(compiled.params["k.W"], written.params["k.W"], rtol=1e-12)


class Scaled(Layer):
    """Is given, as an input, what it has as its parameter."""

    params = ("W",)

    def __init__(self):
        self.W = np.array([0.5, 1.0, 2.0])

    def forward(self, x, w):
        self.x, self.w = x, w
        return x * self.W + w

    def backward(self, dout):
        self.dW = np.sum(dout * self.x, axis=0)
        return dout * self.W, np.sum(dout, axis=0)


class Given(Network):
    def __init__(self):
        super().__init__()
        self.k = Affine.from_sizes(4, 3, rng=np.random.default_rng(0), dtype=np.float64)
        self.s = Scaled()

    def forward(self, x):
        return self.s(self.k(x), self.s.W)


def test_a_parameter_that_is_an_input_too():
    written, compiled = Given(), Given()
    layered, step = layered_step(written, SGD(0.1)), compile(compiled, SGD(0.1))
    for seed in range(3):
        x, t = batch(10, 4, 3, np.float64, seed)
        assert step(x, t) == pytest.approx(layered(x, t), rel=1e-14)
    assert step.as_written == {}
    np.testing.assert_allclose(compiled.params["s.W"], written.params["s.W"], rtol=1e-12)


class Branching(Siamese):
    def forward(self, x):
        h = self.a(x)
        return h if np.sum(h) > 0 else -h


class BranchingDraw(Choosy):
    def draw(self, rng, x):
        return rng.standard_normal(x.shape) if np.sum(x) > 0 else np.zeros(x.shape)


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda: Branching(Dropout()), "compile: Branching, outside its layers: `.*` branches"),
        (lambda: Siamese(BranchingDraw()), "compile: shared: `return .*` branches"),
    ],
)
def test_what_cannot_be_recorded_says_where(make, where):
    with pytest.raises(UnsupportedError, match=where):
        compile(make(), SGD(0.1))(*batch(10, 4, 3, np.float64))
