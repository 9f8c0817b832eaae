"""Right layers that were accused, and edits that would not have mended."""

import numpy as np
import pytest

from clearprop import check
from clearprop.checking.findings import Kind


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


class NaiveCrossEntropy:
    """`1 - y` has few digits where x is large: no reason to speak of ties."""

    def forward(self, x, t):
        self.y, self.t = 1 / (1 + np.exp(-x)), t
        return -np.mean(3 * t * np.log(self.y) + (1 - t) * np.log(1 - self.y))

    def backward(self, dout=1):
        weight = 3 * self.t
        return dout * (self.y * (1 - self.t) - weight * (1 - self.y)) / self.t.size


@pytest.mark.parametrize("seed", range(12))
def test_few_digits_are_no_ties(seed):
    t = (drawn(5, 3, seed=100 + seed) > 0) * 1.0
    assert check(NaiveCrossEntropy(), drawn(5, 3, seed=seed), t).ok


class Greatest:
    """Gives each of equal values the whole derivative."""

    def forward(self, x):
        self.x, self.out = x, x.max(axis=1)
        return self.out

    def backward(self, dout):
        return (self.x == self.out[:, None]) * dout[:, None]


def test_ties_are_still_found():
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 1.0]])
    assert [f.kind for f in check(Greatest(), x).findings if f.fault] == [Kind.TIES]


class LogCosh:
    """np.log(2) makes the loss, one number, float64; the derivative is not."""

    def forward(self, x, y):
        self.d = x - y
        return np.sum(np.abs(self.d) + np.log1p(np.exp(-2 * np.abs(self.d))) - np.log(2))

    def backward(self, dout=1.0):
        return dout * np.tanh(self.d)


def test_the_dtype_of_a_loss_is_not_that_of_a_derivative():
    x, y = drawn(5, 3).astype(np.float32), drawn(5, 3, seed=1).astype(np.float32)
    report = check(LogCosh(), x, y)
    assert report.ok
    assert not [f for f in report.findings if f.kind is Kind.DTYPE]


class Rotation:
    """Backward turns the same way as forward, by angles from a helper of both."""

    def angles(self, n):
        angles = np.arange(n)[:, None] * 100.0 ** (-np.arange(3) / 3)
        return np.cos(angles), np.sin(angles)

    def forward(self, x):
        c, s = self.angles(len(x))
        a, b = x[:, :3], x[:, 3:]
        return np.concatenate([a * c - b * s, a * s + b * c], axis=1)

    def backward(self, dout):
        c, s = self.angles(len(dout))
        a, b = dout[:, :3], dout[:, 3:]
        return np.concatenate([a * c - b * s, a * s + b * c], axis=1)


def test_what_forward_runs_too_is_not_edited_so_that_forward_changes():
    (finding,) = [f for f in check(Rotation(), drawn(4, 6)).findings if f.fault]
    assert "angles" not in finding.message
    assert "the opposite rotation" in finding.message


class Skip:
    def forward(self, x):
        self.out = np.tanh(x)
        return x + self.out

    def backward(self, grad):
        grad = (1 - self.out**2) * grad
        return grad


def test_an_edit_does_not_write_to_dout():
    (finding,) = [f for f in check(Skip(), drawn(4, 3)).findings if f.fault]
    assert "`grad = grad + (1 - self.out ** 2) * grad`" in finding.message


class Descent:
    """Updates the second weights before it uses them for the first."""

    def __init__(self):
        self.V, self.W = drawn(3, 4, seed=1), drawn(4, 2, seed=2)

    def predict(self, x):
        self.x, self.h = x, np.tanh(x @ self.V)
        return self.h @ self.W

    def loss(self, x, t):
        return 0.5 * np.sum((self.predict(x) - t) ** 2)

    def backprop(self, x, t):
        delta = self.predict(x) - t
        self.W -= 0.1 * self.h.T @ delta
        back = delta @ self.W.T * (1 - self.h**2)
        self.V -= 0.1 * self.x.T @ back


def test_an_update_is_moved_behind_what_reads_it():
    (finding,) = [f for f in check(Descent(), drawn(5, 3), drawn(5, 2)).findings if f.fault]
    assert (finding.argument, finding.kind) == ("V", Kind.STALE)
    assert "`back = delta @ self.W.T * (1 - self.h ** 2); self.W -=" in finding.message
