"""Forwards that write into arrays are opened, and are differentiated as the functions they are."""

import numpy as np
import pytest

from clearprop import check
from clearprop.checking.automatic import Opened, open_forward
from clearprop.checking.trial import Trial
from clearprop.checking.writing import CREATORS, Writable, writable_from_the_start

RNG = np.random.default_rng(4)
X = RNG.normal(size=(3, 4))
MADE = {name: getattr(np, name) for name in CREATORS}


def rows(x):
    h, prev = np.empty((3, 4)), np.zeros(4)
    for t in range(3):
        prev = np.tanh(x[t] + prev)
        h[t] = prev
    return h


def summed(x):
    out = np.zeros(4)
    for row in x:
        out += row**2
        out *= 0.5
    return out


def masked(x):
    out = x.copy()
    out[out < 0] = 0
    out[:, 0] = 3.0
    return out * x


def of_a_view(x):
    out = np.zeros_like(x)
    out[1][2:] = x[0, :2] * 2
    out[1] += x[2]
    return out


def into_out(x):
    kept = np.ones((3, 4))
    np.multiply(x, x, out=kept)
    np.sqrt(kept + 1, out=kept)
    return kept


def counted(x):
    out = np.zeros((2, 4))
    np.add.at(out, np.array([0, 1, 0]), x)
    np.subtract.at(out, np.array([1, 1]), x[:2] ** 2)
    return out


def overwritten(x):
    out = np.ones((2, 4))
    out[0] = x[0]
    out[0] = x[1] ** 2
    out[1, ::2] = x[2, ::2]
    return out


def broadcast(x):
    out = np.zeros((2, 3, 4))
    out[...] = x
    out[1] -= x.sum()
    return out


def numbers(x):
    total, parts = 0.0, []
    for value in x.ravel():
        total += value
        parts.append(total)
    return np.array(parts)


WRITERS = [rows, summed, masked, of_a_view, into_out, counted, overwritten, broadcast, numbers]


def opened(f):
    class Layer:
        def forward(self, x):
            return f(x)

        def backward(self, dout):
            return dout

    return open_forward(Trial("layer", Layer(), [X]))


@pytest.mark.parametrize("f", WRITERS, ids=lambda f: f.__name__)
def test_what_is_written_has_its_derivative(f):
    found, out = opened(f), f(X)
    assert isinstance(found, Opened), found
    np.testing.assert_allclose(found.outputs[0].data, out)
    dout = RNG.normal(size=out.size)
    moves = 1e-6 * np.eye(X.size).reshape(-1, *X.shape)
    wanted = [((f(X + h) - f(X - h)).ravel() @ dout) / 2e-6 for h in moves]
    np.testing.assert_allclose(found.derivatives(dout)["x"].ravel(), wanted, rtol=1e-6, atol=1e-7)
    assert {name: getattr(np, name) for name in CREATORS} == MADE


def test_an_index_that_comes_twice_is_left_to_differences():
    def f(x):
        out = np.zeros((2, 4))
        out[np.array([0, 1, 0])] = x
        return out

    assert isinstance(opened(f), str)


def test_a_layer_that_writes_into_what_it_was_given_is_told():
    class Spoils:
        def forward(self, x):
            x[x < 0] = 0
            self.x = x
            return x * 2

        def backward(self, dout):
            return 2 * dout * (self.x > 0)

    assert "written in place" in {f.kind.value for f in check(Spoils(), X).faults}


def test_one_element_at_a_time_is_understood_from_outside():
    class Loops:
        def forward(self, x):
            self.x, out = x, np.zeros_like(x)
            for i in np.ndindex(x.shape):
                out[i] = x[i] ** 2
            return out

        def backward(self, dout):
            return 2 * dout * self.x

    report = check(Loops(), RNG.normal(size=(6, 5)))
    assert report.ok
    assert "writes into arrays more than" in report.layers[0].closed


def test_what_is_drawn_meanwhile_is_an_array():
    """Compiled code takes what `np.empty` gives for an array, and dies of anything else."""
    global_state, own = np.random, np.random.RandomState(0)

    def f(x):
        out = np.zeros_like(x)
        out[1:] = x[:-1] * own.random_sample(x.shape[1]) * global_state.rand(x.shape[1])
        return out * RNG.normal(size=x.shape[1])

    with writable_from_the_start():
        assert isinstance(f(X), np.ndarray | Writable)
        assert isinstance(own.choice(3, size=5, p=[0.2, 0.3, 0.5]), np.ndarray)
    assert {name: getattr(np, name) for name in CREATORS} == MADE
