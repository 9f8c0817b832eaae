"""A loss of a network's own may use the network's noise, and may do without targets."""

import numpy as np
import pytest

from clearprop import Affine, Network, compile
from clearprop.errors import DTypeError, UnsupportedError
from clearprop.training import SGD

X = np.random.default_rng(0).standard_normal((6, 5))


def affine(inputs, outputs, seed):
    rng = np.random.default_rng(seed)
    return Affine.from_sizes(inputs, outputs, rng=rng, dtype=np.float64)


class Noisy(Network):
    noise = ("eps",)

    def __init__(self):
        super().__init__(rng=np.random.default_rng(2))
        self.a, self.b = affine(5, 4, 1), affine(4, 5, 2)

    def draw(self, rng, x):
        return rng.standard_normal((len(x), 4))

    def forward(self, x):
        return self.b(np.tanh(self.a(x)))

    def disturbed(self, x, t):
        return np.mean((self.b(np.tanh(self.a(x)) + self.eps) - t) ** 2)


class NotCalled(Noisy):
    def loss(self, x, t):
        return self.disturbed(x, t)


class Called(Noisy):
    def loss(self, x, t):
        y = self(x)
        return self.disturbed(x, t) + np.mean(y**2)


class WrittenOut(Noisy):
    def loss(self, x, t):
        return np.mean((self.forward(x) - t) ** 2)


WAYS = {
    "loss": lambda network: network.loss(X, X),
    "gradient": lambda network: network.gradient(X, X),
    "compiled": lambda network: compile(network, SGD())(X, X),
}


@pytest.mark.parametrize("way", WAYS)
def test_noise_that_was_not_drawn_is_missed_by_name(way):
    network = NotCalled()
    network.forward(X)  # what this drew is not for later
    with pytest.raises(AttributeError, match=r"NotCalled draws eps where it is called.*self\(x\)"):
        WAYS[way](network)


def test_noise_is_there_once_the_network_is_called():
    written, compiled, optimizer = Called(), Called(), SGD(0.1)
    step = compile(compiled, SGD(0.1))
    losses = []
    for _ in range(3):
        found, expected = written.gradient(X, X), written.numerical_gradient(X, X)
        losses.append(written.loss(X, X))
        for name, d in expected.items():
            np.testing.assert_allclose(found[name], d, rtol=1e-5, atol=1e-8)
        assert step(X, X) == pytest.approx(losses[-1], rel=1e-12)
        optimizer.update(written.params, found)


@pytest.mark.parametrize("way", ["gradient", "compiled"])
def test_a_forward_written_out_in_the_loss_is_to_be_a_call_of_the_network_itself(way):
    with pytest.raises(UnsupportedError, match=r"call it itself, as in self\(x\)"):
        WAYS[way](WrittenOut())


class Contrastive(Network):
    """Pulls two views together; there is nothing to be told."""

    def __init__(self):
        super().__init__()
        self.a = affine(5, 4, 1)

    def forward(self, x):
        return self.a(x)

    def loss(self, x, t):
        one, other = x if isinstance(x, tuple) else (x, 2 * x)
        return np.mean((self(one) - self(other) + 1) ** 2)


@pytest.mark.parametrize("engine", ["numpy", "c", "jax"])
@pytest.mark.parametrize("x", [X, (X, X[::-1])], ids=["one", "two"])
def test_a_loss_without_targets_is_compiled_as_it_is_run(engine, x):
    if engine == "jax":
        pytest.importorskip("jax")
    written, compiled, optimizer = Contrastive(), Contrastive(), SGD(0.1)
    step = compile(compiled, SGD(0.1), engine=engine).prepare(x, None)
    for _ in range(3):
        found = written.gradient(x, None)
        assert step(x, None) == pytest.approx(written.loss(x, None), rel=1e-10)
        optimizer.update(written.params, found)
    plan = step._last
    assert step(x, np.zeros(6)) >= 0  # with targets it is another program
    assert step._last is not plan
    with pytest.raises(DTypeError, match=r"t\[1\] is None"):
        step(x, (np.zeros(6), None))
