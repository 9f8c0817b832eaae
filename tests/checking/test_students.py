"""What students and their books write: it is told what is wrong, and nothing else."""

import numpy as np
import pytest

from clearprop import check
from clearprop.checking import Kind


def n(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# A small constant of forward, where forward cannot be opened

TINY = 1e-7


class ClosedLogLoss:
    """Each number by itself, so that forward leaves the graph."""

    def forward(self, x, t):
        self.t = t
        self.y = 1 / (1 + np.exp(-x))
        both = np.array([[float(1 - v), float(v)] for v in self.y])
        return self.loss(both[np.arange(len(t)), t])

    def loss(self, p):
        return -np.log(p + 1e-7).sum() / len(p)

    def backward(self, dout=1):
        return (self.y - self.t) * dout / len(self.t)


class OfDefault(ClosedLogLoss):
    def loss(self, p, eps=1e-7):
        return -np.log(p + eps).sum() / len(p)


class OfModule(ClosedLogLoss):
    def loss(self, p):
        return -np.log(p + TINY).sum() / len(p)


class OfLayer(ClosedLogLoss):
    def __init__(self):
        self.eps = 1e-7

    def loss(self, p):
        return -np.log(p + self.eps).sum() / len(p)


@pytest.mark.parametrize("cls", [ClosedLogLoss, OfDefault, OfModule, OfLayer])
def test_a_small_constant_of_a_closed_forward_is_told_and_not_failed(cls):
    for seed in range(12):
        t = np.random.default_rng(seed).integers(0, 2, 6)
        report = check(cls(), n(6, seed=seed), t)
        assert report.ok is True, str(report)
        assert report.layers[0].closed
    assert cls().loss(np.array([1e-7])) == pytest.approx(-np.log(2e-7))


def test_a_mistake_beside_a_small_constant_is_found():
    class Wrong(ClosedLogLoss):
        def backward(self, dout=1):
            return super().backward(dout) * 1.001

    report = check(Wrong(), n(6), np.array([0, 1, 1, 0, 1, 0]))
    assert [f.kind for f in report.faults] == [Kind.FACTOR], str(report)


def test_probabilities_of_a_draw_are_taken_for_fixed():
    class Negatives:
        def __init__(self, W, p):
            self.W, self.p = W, p

        def forward(self, h):
            self.idx = np.random.choice(len(self.p), size=len(h), p=self.p)  # noqa: NPY002
            self.h = h
            return (self.W[self.idx] * h).sum(axis=1)

        def backward(self, dout):
            d = dout[:, None]
            self.dW = np.zeros_like(self.W)
            np.add.at(self.dW, self.idx, d * self.h)
            return d * self.W[self.idx]

    report = check(Negatives(n(5, 3), np.ones(5) / 5), n(4, 3))
    assert report.ok is True, str(report)
    assert report.layers[0].closed is None
