"""Slips in loops, at places that come again, in masks; what is no cause is not told as one."""

import math

import numpy as np
import pytest

from clearprop import check

R = np.random.default_rng(14)
X = R.normal(size=(4, 3))


class Shifted:
    """y[t] = sum of w[k] x[t - 2 k]; backward forgets the 2 for w, at both places of its line."""

    def __init__(self):
        self.w = np.array([0.5, -1.0, 2.0])

    def forward(self, x):
        self.x, y = x, np.zeros_like(x)
        for k in range(len(self.w)):
            s = 2 * k
            y[:, s:] += self.w[k] * x[:, : x.shape[1] - s]
        return y

    def backward(self, dout):
        dx, self.dw = np.zeros_like(dout), np.zeros_like(self.w)
        for k in range(len(self.w)):
            s = 2 * k
            self.dw[k] = (dout[:, k:] * self.x[:, : dout.shape[1] - k]).sum()
            dx[:, : dout.shape[1] - s] += self.w[k] * dout[:, s:]
        return dx


class Thrice:
    """The same map three times; backward takes what the last one has kept for all."""

    def __init__(self):
        self.W = R.normal(size=(3, 3)) / 2

    def forward(self, x):
        self.xs, self.zs = [], []
        for _ in range(3):
            z = x @ self.W
            self.xs.append(x)
            self.zs.append(z)
            x = x + np.sin(z)
        self.z = z
        return x

    def backward(self, dout):
        self.dW = 0
        for k in (2, 1, 0):
            dz = dout * np.cos(self.z)
            self.dW = self.dW + self.xs[k].T @ dz
            dout = dout + dz @ self.W.T
        return dout


class Joined:
    """Each chunk beside the one before it; backward takes the next one for that."""

    def forward(self, x):
        a = x.reshape(-1, 2, x.shape[1])
        before = np.concatenate([np.zeros_like(a[:1]), a[:-1]])
        self.a = np.concatenate([before, a], axis=1)
        return np.tanh(self.a)

    def backward(self, dout):
        da = dout * (1 - np.tanh(self.a) ** 2)
        own = da[:, 2:].copy()
        own[1:] += da[:-1, :2]
        return own.reshape(-1, own.shape[2])


class Steps:
    """A row of a table for each sample; of those that come again backward keeps the last."""

    def __init__(self):
        self.table = R.normal(size=(4, 3))

    def forward(self, x, t):
        self.x, self.t = x, t
        return x * self.table[t]

    def backward(self, dout):
        self.dtable = np.zeros_like(self.table)
        self.dtable[self.t] = dout * self.x
        return dout * self.table[self.t], None


class Growth:
    """Steps of growth that is saturated; the square of what divides is missing."""

    def __init__(self):
        self.m, self.K = np.array(0.9), np.array(0.7)

    def forward(self, s):
        self.kept = []
        for _ in range(3):
            q = self.m * s / (self.K + s)
            self.kept.append((s, q))
            s = s + 0.2 * q
        return s

    def backward(self, ds):
        self.dm = self.dK = 0
        for s, q in self.kept[::-1]:
            dq = 0.2 * ds
            self.dm = self.dm + np.sum(dq * q / self.m)
            self.dK = self.dK - np.sum(dq * q / (self.K + s))
            ds = ds + dq * self.m * self.K / (self.K + s)
        return ds


class Stopped:
    """Between 0 and 6; what was cut off is 6, and not larger."""

    def __init__(self):
        self.W = 4 * R.normal(size=(3, 5))

    def forward(self, x):
        self.x, self.z = x, x @ self.W
        self.h = np.minimum(np.maximum(self.z, 0), 6)
        return self.h

    def backward(self, dout):
        dz = dout * ((self.z > 0) & (self.h <= 6))
        self.dW = self.x.T @ dz
        return dz @ self.W.T


class Renormed:
    """A norm with a correction that is handed in and has no derivative; backward forgets one."""

    def forward(self, x, r, d):
        self.s, self.r = np.sqrt(x.var(axis=0) + 1e-5), r
        self.z = (x - x.mean(axis=0)) / self.s
        return self.z * r + d

    def backward(self, dout):
        dz = dout
        return (dz - dz.mean(axis=0) - self.z * (dz * self.z).mean(axis=0)) / self.s


class Shares:
    """Means under shares; the sum in what goes back is made with the wrong one of two arrays."""

    fixed = ("f",)

    def __init__(self):
        self.f = np.array([1.0, -2.0, 0.5])

    def forward(self, m):
        self.total = m.sum(axis=1, keepdims=True)
        self.p = m / self.total
        return (self.p * self.f**2).sum(axis=1, keepdims=True)

    def backward(self, d):
        dp = d * self.f**2
        return (dp - (dp * self.f).sum(axis=1, keepdims=True)) / self.total


class Decades:
    """A power, differentiated by its exponent, which is one of three in an array."""

    def __init__(self):
        self.theta = np.array([2.0, 1.5, 0.7])

    def forward(self, x):
        a, b, c = self.theta
        self.u = x / b
        self.n = a * self.u**c
        return self.n

    def backward(self, g):
        (a, b, c), m = self.theta, g * self.n
        self.dtheta = np.array([m.sum() / a, -m.sum() * c / b, (m * np.log10(self.u)).sum()])
        return m * c / self.u / b


LONG = R.normal(size=(3, 9))
TOLD = {
    "both places of a line": (Shifted, (LONG,), "dout[:, s:] * self.x[:, :dout.shape[1] - s]"),
    "an entry for each round": (Thrice, (X,), "np.cos(self.zs[k])"),
    "places exchanged along an axis": (Joined, (R.normal(size=(6, 3)),), "own[:-1] += da[1:, :2]"),
    "places that come again": (Steps, (X, np.array([1, 3, 1, 0])), "np.add.at(self.dtable, "),
    "the square of what divides": (Growth, (1 + R.random(4),), "(self.K + s) ** 2"),
    "a mask of what was cut off": (Stopped, (X,), "self.h < 6"),
    "a wider array": (Shares, (1 + R.random((4, 3)),), "(dp * self.p).sum("),
    "a logarithm to another base": (Decades, (1 + R.random(5),), "np.log(self.u)"),
    "one of three derivatives": (Renormed, (X, 1 + R.random(3), R.random(3)), "dout * self.r"),
}


@pytest.mark.parametrize("name", TOLD)
def test_the_line_is_told(name):
    make, inputs, edit = TOLD[name]
    report = check(make(), *inputs)
    assert report.ok is False
    messages = [f.message for f in report.faults if "returned 1 derivatives for 3" not in f.message]
    assert messages
    for message in messages:
        assert edit in message, str(report)


class Censored:
    """Its forward cannot be opened; of its scale's derivative a count is missing."""

    def __init__(self):
        self.log_s = np.array(0.3)

    def forward(self, y):
        self.y, s = y, math.exp(float(self.log_s))
        self.z = y / s
        return float(np.sum(0.5 * self.z**2 + float(self.log_s)))

    def backward(self, dout=1.0):
        self.dlog_s = dout * (len(self.y) - 1 - np.sum(self.z**2))
        return dout * self.z / math.exp(float(self.log_s))


def test_no_factor_is_made_of_a_single_number():
    report = check(Censored(), R.normal(size=5))
    (fault,) = report.faults
    assert (fault.argument, fault.kind != "factor") == ("log_s", True), str(report)


class Games:
    """Ratings after games between players, who are numbers; nothing is handed back to them."""

    def __init__(self):
        self.r = R.normal(size=4)

    def forward(self, games, score):
        self.games, self.score = games, score
        a, b = games.T
        self.e = 1 / (1 + np.exp(self.r[b] - self.r[a]))
        return (score - self.e) ** 2

    def backward(self, dout):
        a, b = self.games.T
        d = -2 * dout * (self.score - self.e) * self.e * (1 - self.e)
        self.dr = np.zeros_like(self.r)
        np.add.at(self.dr, a, d)
        np.subtract.at(self.dr, b, d)


def test_what_begins_with_numbers_of_rows_hands_nothing_back():
    games = np.array([[0, 1], [2, 3], [1, 2]])
    report = check(Games(), games, np.array([1.0, 0.0, 0.5]))
    assert not report.faults, str(report)


class Held:
    """Parameters and derivatives under the same keys, in holders of names of the author's own."""

    def __init__(self):
        self.par = {k: R.normal(size=(3, 3)) for k in "FRU"}
        self.grad = {k: np.zeros((3, 3)) for k in "FRU"}

    def forward(self, x):
        self.x = x
        self.f, self.r, self.u = (x @ self.par[k] for k in "FRU")
        return self.f * self.r * self.u

    def backward(self, dout):
        d = {"F": self.r * self.u, "R": self.f * self.u, "U": self.f * self.r}
        for k in d:
            self.grad[k][...] = self.x.T @ (dout * d[k])
        return sum(dout * d[k] @ self.par[k].T for k in d)


def test_derivatives_under_the_same_keys_are_found():
    assert check(Held(), X).ok is True


def test_the_derivatives_that_are_given_are_compared_where_one_is_forgotten():
    def product(a, b, c):
        return a * b * c, lambda g: (g * b * c, 2 * g * a * c)

    report = check(product, *R.normal(size=(3, 4, 3)))
    named = {f.argument: f.kind for f in report.faults}
    assert named == {None: "wrong number of derivatives", "b": "factor"}, str(report)


class Factors:
    """Two factors; the line of one derivative was copied for the other."""

    def __init__(self):
        self.A, self.B = R.normal(size=(2, 3, 3))

    def forward(self, x):
        self.x = x
        return (x @ self.A) * (x[:, :1] * self.B.sum(axis=0))

    def backward(self, dout):
        self.dA = self.x.T @ (dout * (self.x[:, :1] * self.B.sum(axis=0)))
        self.dB = self.x.T @ (dout * (self.x[:, :1] * self.B.sum(axis=0)))
        dx = dout * (self.x[:, :1] * self.B.sum(axis=0)) @ self.A.T
        dx[:, 0] += (dout * (self.x @ self.A) * self.B.sum(axis=0)).sum(axis=1)
        return dx


def test_what_is_given_for_another_as_well_is_told():
    (fault,) = check(Factors(), X).faults
    assert fault.argument == "B"
    assert "it is the derivative by A, which backward gives as well" in fault.message


class Listed:
    """Says which lists of arrays are learned, and which are not."""

    def __init__(self, factor=1):
        self.weights, self.fixed_ones, self.factor = (
            [*R.normal(size=(2, 3, 3))],
            [np.eye(3)],
            factor,
        )
        self.trainable, self.frozen = ["weights"], ["fixed_ones"]

    def forward(self, x):
        self.x = x @ self.fixed_ones[0]
        return self.x @ self.weights[0] + self.x @ self.weights[1]

    def backward(self, dout):
        self.dweights = [self.factor * self.x.T @ dout for _ in self.weights]
        return (dout @ self.weights[0].T + dout @ self.weights[1].T) @ self.fixed_ones[0].T


def test_a_list_that_is_said_to_be_learned_is_compared():
    report = check(Listed(), X)
    assert report.ok is True
    (layer,) = report.layers
    assert [row.argument for row in layer.rows] == ["x", "weights[0]", "weights[1]"]
    assert {f.argument for f in check(Listed(-3), X).faults} == {"weights[0]", "weights[1]"}
