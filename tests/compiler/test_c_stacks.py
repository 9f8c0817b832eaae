"""The engine for C: arrays of three and four axes, by the rows of their last one."""

import numpy as np
import pytest

from clearprop import Affine, Flatten, Layer, Network
from clearprop.compiler import compile
from clearprop.compiler.engines import engine
from clearprop.training import Adam

pytestmark = pytest.mark.skipif(
    engine("c").why_not() is not None, reason="no C compiler works here"
)


def normal(*shape, seed=0, scale=1.0):
    return (scale * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def softmax(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class Attends(Layer):
    """One head of attention to what came before, normalised, with what came in added."""

    params = ("W", "V", "g")

    def __init__(self, size, seed):
        self.W, self.V = (normal(size, size, seed=seed + k, scale=0.3) for k in range(2))
        self.g = np.ones(size, np.float32)

    def forward(self, x):
        centred = x - x.mean(axis=-1, keepdims=True)
        y = self.g * centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
        scores = y @ self.W @ np.swapaxes(y, 1, 2)
        before = np.tril(np.ones((x.shape[1],) * 2, bool))
        return x + softmax(np.where(before, scores, -1e9)) @ np.maximum(y @ self.V, 0)


def network():
    last = Affine(normal(8 * 24, 3, scale=0.1), np.zeros(3, np.float32))
    return Network([Attends(24, 1), Attends(24, 3), Flatten(), last])


def test_a_transformer_learns_as_numpys_program_does():
    x, t = normal(32, 8, 24), np.random.default_rng(1).integers(0, 3, 32)
    of = {}
    for name in ("numpy", "c"):
        step = compile(network(), Adam(0.01), engine=name)
        of[name] = [step(x, t) for _ in range(10)]
        source = step.source
    np.testing.assert_allclose(of["c"], of["numpy"], rtol=1e-5)
    assert "np.exp(" not in source
    assert "axis=1, keepdims=True" not in source
    assert "row_1[" in source  # a row is kept, and run through again


SHAPES = {
    "a row for all": (lambda x, r: x * r + np.tanh(x), (64, 3, 16), (16,)),
    "one number for each": (lambda x, r: np.exp(-(x**2)) * r, (64, 3, 16), (64, 3, 1)),
    "spread along rows": (
        lambda x, r: np.tanh(x) * np.broadcast_to(np.sqrt(1 + r * r), x.shape),
        (64, 3, 16),
        (64, 3, 1),
    ),
    "nothing but what is spread": (
        lambda x, r: x + np.tanh(np.broadcast_to(r * r, x.shape) / 3),
        (64, 3, 16),
        (64, 3, 1),
    ),
    "four axes": (lambda x, r: softmax(x * r), (16, 4, 9, 16), (16,)),
    "a mask of two axes": (
        lambda x, r: softmax(np.where(r > 0, x, -5)),
        (16, 4, 9, 16),
        (9, 16),
    ),
    "one of another": (lambda x, r: np.tanh(x * 2) - r, (64, 3, 16), (64, 1, 16)),
    "all rows summed": (lambda x, r: np.sum(np.tanh(x * r), axis=(0, 1)), (64, 3, 16), (16,)),
    "rows summed, no axis kept": (lambda x, r: np.mean(np.tanh(x * r), axis=-1), (64, 3, 16), ()),
    "in another order": (lambda x, r: np.tanh(np.swapaxes(x, 0, 1)) * r, (64, 3, 16), (16,)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_each_gives_what_numpy_gives(name):
    f, shape, other = SHAPES[name]
    x, r = normal(*shape), normal(*other, seed=1)
    found = compile(f, engine="c")(x, r)
    assert found.shape == f(x, r).shape
    np.testing.assert_allclose(found, f(x, r), rtol=1e-5, atol=1e-6)
