"""A float32 network that computes in float64 says at which layer that begins."""

import warnings

import numpy as np
import pytest

from clearprop import Affine, Layer, Network, compile
from clearprop.errors import WideningWarning
from clearprop.training import SGD

R = np.random.default_rng(0)
X, T = R.random((8, 6), dtype=np.float32), R.integers(0, 3, 8)


class Noisy(Layer):
    """Noise of float64, as `rng.random` gives it where no dtype is asked for."""

    noise = ("u",)

    def draw(self, rng, x):
        return rng.random(x.shape)

    def forward(self, x):
        return x * (1 + 0.1 * self.u)


class Drawing(Layer):
    """The same, drawn where it is used: it is called as it is written."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def forward(self, x):
        return x * (1 + 0.1 * self.rng.random(x.shape))


class Scaled(Layer):
    def __init__(self, by):
        self.by = by

    def forward(self, x):
        return x / self.by


class Rooted(Layer):
    def forward(self, x):
        return x / np.sqrt(x.shape[1])


class Clipped(Layer):
    """Between plain numbers, which are arguments of the program."""

    def __init__(self):
        self.bound = 0.5

    def forward(self, x):
        return np.clip(x, -self.bound, self.bound)


class Asked(Layer):
    def forward(self, x):
        return x - np.mean(x, axis=1, keepdims=True, dtype=np.float64)


class Placed(Layer):
    def forward(self, x):
        return x + np.sin(np.arange(x.shape[1]))


def step_of(layer, dtype=np.float32):
    ends = [Affine.from_sizes(n, m, rng=R, dtype=dtype) for n, m in ((6, 5), (5, 3))]
    return compile(Network([ends[0], layer, ends[1]]), SGD(0.1))


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Rooted(), "Rooted1.forward: np.divide meets a number of float64"),
        (Noisy(), "Noisy1.forward: np.multiply meets an array (8, 5) of float64"),
        (Drawing(), "Drawing1.forward gives float64 for float32"),
        (Placed(), "Placed1.forward: np.add meets an array (5,) of float64"),
    ],
)
def test_the_layer_is_named(layer, words):
    with pytest.warns(WideningWarning) as found:
        step_of(layer)(X, T)
    assert str(found[0].message).startswith(words)


@pytest.mark.parametrize(
    ("layer", "dtype", "x"),
    [
        (Scaled(float(np.sqrt(5))), np.float32, X),
        (Scaled(np.float32(2)), np.float32, X),
        (Asked(), np.float32, X),
        (Clipped(), np.float32, X),
        (Rooted(), np.float64, X),
        (Scaled(2.0), np.float32, X.astype(np.float64)),
        (Scaled(2.0), np.float32, (9 * X).astype(np.int64)),
    ],
)
def test_what_stays_or_is_chosen_is_not(layer, dtype, x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step_of(layer, dtype)(x, T)
