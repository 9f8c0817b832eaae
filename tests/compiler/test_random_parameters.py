"""Random layers read their parameters by rows, by columns, turned, cut: engines agree with NumPy.

A longer run: `python tests/compiler/test_random_parameters.py [NETWORKS] [SEED] [ENGINE]`.
"""

import sys
from importlib.util import find_spec

import numpy as np
import pytest

from clearprop import Layer, Network, compile
from clearprop.compiler.engines import numpy as engine
from clearprop.compiler.in_pieces import in_pieces
from clearprop.training import SGD, AdaGrad, Adam, Momentum, RMSprop

BESIDE = 7
"""So many random layers are side by side in a network, for a program takes long to compile."""
FORMS = ((3, 4), (4, 3), (12,), (2, 6), (2, 3, 2), (1, 12), (12, 1), (2, 2, 3))


WAYS = (
    lambda a, form, order, k: np.reshape(a, form, order=order),
    lambda a, form, order, k: a.reshape(form, order=order),
    lambda a, form, order, k: np.ravel(a, order=order),
    lambda a, form, order, k: np.reshape(np.ravel(a, order=order), a.shape),
    lambda a, form, order, k: a.T,
    lambda a, form, order, k: np.swapaxes(a, 0, -1),
    lambda a, form, order, k: np.moveaxis(a, -1, 0),
    lambda a, form, order, k: a[::-1],
    lambda a, form, order, k: a[..., ::-1],
    lambda a, form, order, k: np.roll(a, k),
    lambda a, form, order, k: np.concatenate([np.ravel(a)[k:], np.ravel(a)[:k]]),
    lambda a, form, order, k: np.concatenate([np.ravel(a)[:k], np.ravel(a)[k:]]),
    lambda a, form, order, k: np.stack([np.ravel(a)[:6], np.ravel(a)[6:]], axis=1),
    lambda a, form, order, k: np.expand_dims(a, 0).squeeze(axis=0),
    lambda a, form, order, k: np.tanh(a),
    lambda a, form, order, k: a * 0.5 + np.reshape(np.ravel(a, order="F"), a.shape),
    lambda a, form, order, k: a - np.ravel(a)[k],
    lambda a, form, order, k: a / np.sqrt(1 + np.sum(a * a)),
)
"""What gives of twelve numbers twelve others, in any form."""


def _choices(rng):
    """A form, an order and a place."""
    return FORMS[rng.integers(len(FORMS))], "CF"[rng.integers(2)], int(rng.integers(1, 12))


class Reading(Layer):
    """`x V + c`, where V and c are what becomes of the parameters on random ways."""

    params = ("W", "b")

    def __init__(self, rng):
        form, self._last, _ = _choices(rng)
        self.W = rng.standard_normal(form)
        self.b = rng.standard_normal([(3,), (1, 3), (3, 1), (1, 1, 3)][rng.integers(4)])
        ways = rng.integers(len(WAYS), size=rng.integers(1, 6))
        self._ways = tuple((int(way), *_choices(rng)) for way in ways)
        self._batch = "CF"[rng.integers(2)]

    def forward(self, x):
        V = self.W
        for way, *choices in self._ways:
            V = WAYS[way](V, *choices)
        V = np.reshape(V, (4, 3), order=self._last)
        x = np.reshape(np.ravel(x, order=self._batch), x.shape)
        return x @ V + np.reshape(self.b, (3,), order=self._last)


class Beside(Network):
    """The sum of what layers give."""

    def forward(self, x):
        return sum((layer(x) for layer in self.layers.values()), np.zeros((len(x), 3)))


OPTIMIZERS = (
    lambda: SGD(0.1),
    lambda: SGD(0.1, clip_norm=0.5, weight_decay=0.01),
    lambda: SGD(0.1, groups={"b*": {"lr": 0.5}}),
    lambda: Momentum(0.05, groups={"W1": {"lr": 0.2}, "W2": {"lr": 0.01}}),
    lambda: Adam(0.01, weight_decay=0.1),
    lambda: AdaGrad(0.1),
    lambda: RMSprop(0.01, clip_norm=1.0),
)


def network_of(seed):
    """A network, its optimiser and some batches, by number."""
    rng = np.random.default_rng(seed)
    network = Beside([Reading(rng) for _ in range(BESIDE)])
    if seed % 3 == 0:
        network.freeze("W3", "b5")
    batches = [(rng.standard_normal((5, 4)), rng.integers(3, size=5)) for _ in range(3)]
    return network, OPTIMIZERS[seed % len(OPTIMIZERS)](), batches


def wrong_in(seed, engine):
    """What differs of a network that is trained as it is written, in words; or nothing."""
    network, optimizer, batches = network_of(seed)
    other, other_optimizer, _ = network_of(seed)
    step = compile(other, other_optimizer, engine=engine)
    for k, (x, t) in enumerate(batches):
        loss = network.loss(x, t)
        trained = {n: p for n, p in network.params.items() if n not in network.frozen}
        slopes = network.gradient(x, t)
        optimizer.update(trained, {n: slopes[n] for n in trained})
        found = step(x, t)
        if abs(found - loss) > 1e-9 * (1 + abs(loss)):
            return f"network {seed}, step {k}: the loss {found} in place of {loss}"
        for name, p in network.params.items():
            if not np.allclose(other.params[name], p, rtol=1e-8, atol=1e-9):
                return f"network {seed}, step {k}: {name} differs"
    return ""


@pytest.mark.skipif(not find_spec("jax"), reason="jax is not installed")
def test_jax_reads_parameters_as_they_are_written():
    assert not [said for seed in range(8) if (said := wrong_in(seed, "jax"))]


@pytest.mark.parametrize("pieces", [False, True])
def test_numpy_reads_parameters_as_they_are_written(pieces, monkeypatch):
    """Also parameter by parameter, as JAX is given them."""
    if pieces:
        whole = engine.program
        monkeypatch.setattr(engine, "program", lambda job: whole(in_pieces(job)))
    assert not [said for seed in range(12) if (said := wrong_in(seed, "numpy"))]


def test_every_way_is_gone():
    layers = [layer for seed in range(10) for layer in network_of(seed)[0].layers.values()]
    assert {way for layer in layers for way, *_ in layer._ways} == {*range(len(WAYS))}


if __name__ == "__main__":
    count, first, name = (*sys.argv[1:], *("300", "0", "jax")[len(sys.argv) - 1 :])
    for number in range(int(first), int(first) + int(count)):
        if wrong := wrong_in(number, name):
            sys.exit(wrong)
    print(f"{count} networks of {BESIDE} layers: {name} agrees")
