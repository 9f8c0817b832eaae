"""Slips whose line is one that is called: static methods, shared arrays, defaults, places."""

import numpy as np
import pytest

from clearprop import check

R = np.random.default_rng(8)
X = R.normal(size=(4, 3, 5))


class Direction:
    """Rows along the middle axis in units of their length; what undoes it is a static method."""

    @staticmethod
    def of_length_one(a):
        length = np.sqrt((a * a).sum(axis=1, keepdims=True))
        return a / length, length

    @staticmethod
    def back(d, unit, length):
        return (d - unit * (d * unit).sum(axis=-1, keepdims=True)) / length

    def forward(self, x):
        self.unit, self.length = self.of_length_one(x)
        return self.unit

    def backward(self, dout):
        return self.back(dout, self.unit, self.length)


def shares(z, axis):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def shares_back(p, d, axis=-1):
    return p * (d - (p * d).sum(axis=axis, keepdims=True))


class AlongTheMiddle:
    def forward(self, x):
        self.p = shares(x, 1)
        return self.p

    def backward(self, dout):
        return shares_back(self.p, dout, axis=2)


class Neighbours:
    """Sums over two on the left and one on the right; backward calls for the same once more."""

    @staticmethod
    def around(x, left, right):
        wide = np.pad(x, ((0, 0), (left, right)))
        return sum(wide[:, k : k + x.shape[1]] for k in range(left + right + 1))

    def forward(self, x):
        return self.around(x, 2, 1)

    def backward(self, dout):
        return self.around(dout, 2, 1)


class Chosen:
    """The largest three scores times their rows; backward puts them into the first rows."""

    def __init__(self, v):
        self.v = v

    def forward(self, x):
        self.x, scores = x, x @ self.v
        self.picked = np.argsort(-scores)[:3]
        self.scores = scores[self.picked]
        return x[self.picked] * self.scores[:, None]

    def backward(self, dout):
        dx = np.zeros_like(self.x)
        dx[self.picked] = dout * self.scores[:, None]
        dscores = np.zeros(len(self.x))
        dscores[:3] = (dout * self.x[self.picked]).sum(axis=1)
        self.dv = self.x.T @ dscores
        return dx + dscores[:, None] * self.v


class Angle:
    """Of each row with a direction; the slope of arccos lacks its root."""

    def __init__(self, v):
        self.v = v

    def forward(self, x):
        self.x, self.cos = x, np.tanh(x @ self.v) * 0.9
        return np.arccos(self.cos)

    def backward(self, dout):
        dcos = -dout / (1 - self.cos**2)
        dz = dcos * 0.9 * (1 - (self.cos / 0.9) ** 2)
        self.dv = self.x.T @ dz
        return dz[:, None] * self.v


class Centred:
    """Logarithms less their mean, whose derivative lacks a factor."""

    def forward(self, x):
        self.x = x
        z = np.log(x)
        return z - z.mean(axis=1, keepdims=True)

    def backward(self, dout):
        return dout / self.x - dout.mean(axis=1, keepdims=True)


class Pair:
    """Two products with one buffer for both derivatives."""

    def __init__(self, A, B):
        self.A, self.B = A, B
        self.dA = self.dB = np.zeros_like(A)

    def forward(self, x):
        self.x = x
        self.a, self.b = np.tanh(x @ self.A), x @ self.B
        return self.a * self.b

    def backward(self, dout):
        da, db = dout * self.b * (1 - self.a**2), dout * self.a
        np.matmul(self.x.T, da, out=self.dA)
        np.matmul(self.x.T, db, out=self.dB)
        return da @ self.A.T + db @ self.B.T


CASES = {
    "static methods": (Direction(), X, "(d * unit).sum(axis=1, keepdims=True)"),
    "the call, not what is called": (AlongTheMiddle(), X, "shares_back(self.p, dout, axis=1)"),
    "numbers given in turn": (Neighbours(), X[:, :, 0], "self.around(dout, 1, 2)"),
    "kept places": (Chosen(R.normal(size=5)), X[:, 0], "dscores[self.picked] = "),
    "a root": (Angle(R.normal(size=5)), X[0], "np.sqrt(1 - self.cos ** 2)"),
    "a factor for each": (Centred(), np.exp(X[:, 0]), "keepdims=True) / self.x"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_line_is_told(name):
    layer, x, words = CASES[name]
    faults = check(layer, x).faults
    assert faults
    for fault in faults:
        assert words in fault.message.partition("in place of")[0], fault.message


def test_derivatives_in_one_array_are_told():
    (fault,) = check(Pair(*R.normal(size=(2, 5, 3))), X[0]).faults
    assert "the derivatives by A, B are kept in one and the same array" in fault.message


def priced(x, t, weight=0.5):
    """A weighted square; the derivative lacks the weight, which is 1/2 by default."""
    loss = weight * ((x - t) ** 2).mean()
    return loss, 2 * (x - t) / x.size


def test_an_edit_holds_for_other_defaults():
    """Without the 2 it would be right for a weight of one half alone."""
    (fault,) = check(priced, X[0], X[1]).faults
    assert "(x - t) / x.size` in place of" not in fault.message
