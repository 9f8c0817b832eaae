"""Causes that look like others on one input: what is told is true of other sizes and values."""

import numpy as np
import pytest

from clearprop import check

R = np.random.default_rng(5)


class Blocks:
    """The mean of blocks of k by k; the height of what is given is k squared."""

    def __init__(self, k):
        self.k = k

    def forward(self, x):
        n, h, w = x.shape
        k = self.k
        self.given = x.shape
        return x.reshape(n, h // k, k, w // k, k).mean(axis=(2, 4))

    def backward(self, dout):
        wide = np.repeat(np.repeat(dout, self.k, axis=1), self.k, axis=2)
        return wide / self.k


class Shift:
    """One unit is alive only, so that its element alone speaks."""

    def __init__(self, d):
        self.b = R.normal(size=d)

    def forward(self, x):
        z = x + self.b
        self.on = np.arange(len(self.b)) == 1
        return np.where(self.on, z, 0.0)

    def backward(self, dout):
        g = dout * self.on
        self.db = g.mean(axis=0)
        return g


class Alternating:
    """Divided by the sums of rows and of columns, in turn."""

    def forward(self, x):
        self.kept, p = [], x
        for k in range(2):
            total = p.sum(axis=k % 2, keepdims=True)
            p = p / total
            self.kept.append((k, p, total))
        return p

    def backward(self, dout):
        for k, p, total in reversed(self.kept):
            dout = (dout - (dout * p).sum(axis=(k + 1) % 2, keepdims=True)) / total
        return dout


class Picked:
    """Less what a table says of each row's number; numbers come again."""

    def __init__(self, n):
        self.table = R.normal(size=(n, 3))

    def forward(self, x, index):
        self.index = index
        return x - self.table[index]

    def backward(self, dout):
        self.dtable = np.zeros_like(self.table)
        self.dtable[self.index] -= dout
        return dout


class Stretched:
    """Points in [-1, 1] onto places of a picture of h by w, which are counted from its edge."""

    def forward(self, points):
        (self.h, self.w), self.p = (4, 5), points
        self.sized = np.array([self.w - 1, self.h - 1])
        return np.sin(points * self.sized)

    def backward(self, dout):
        return dout * np.cos(self.p * self.sized) * np.array([self.w, self.h])


class Centred:
    """Less the mean of what is above 0, there alone."""

    def forward(self, x):
        self.above = x > 0
        n = self.above.sum(axis=1, keepdims=True)
        return np.where(self.above, x - (x * self.above).sum(axis=1, keepdims=True) / n, 0.0)

    def backward(self, dout):
        g = dout * self.above
        mean = g.mean(axis=1, keepdims=True)
        return self.above * (g - mean)


class Split:
    """Three products that are turned by one line; the third is not turned back."""

    def __init__(self, d):
        self.Wa, self.Wb, self.Wc = R.normal(0, 0.5, (3, d, d))

    def turned(self, a):
        n, t, d = a.shape
        return a.reshape(n, t, 2, d // 2).transpose(0, 2, 1, 3)

    def back(self, a):
        n, h, t, d = a.shape
        return a.transpose(0, 2, 1, 3).reshape(n, t, h * d)

    def forward(self, x):
        a, b, c = (self.turned(x @ W) for W in (self.Wa, self.Wb, self.Wc))
        self.kept = x, a, b, c
        return np.tanh(a) * b + np.sin(c)

    def backward(self, dout):
        x, a, b, c = self.kept
        da = self.back(dout * b * (1 - np.tanh(a) ** 2))
        db = self.back(dout * np.tanh(a))
        dc = (dout * np.cos(c)).reshape(x.shape)
        self.dWa, self.dWb, self.dWc = (np.einsum("nti,ntj->ij", x, d) for d in (da, db, dc))
        return da @ self.Wa.T + db @ self.Wb.T + dc @ self.Wc.T


class Gate:
    """What backward needs is written over, as the result is made in the same array."""

    def forward(self, x):
        z = 2 * x
        self.z = z
        self.s = 1 / (1 + np.exp(-z))
        z *= self.s
        return z

    def backward(self, dout):
        return 2 * dout * (self.s + self.z * self.s * (1 - self.s))


class Groups:
    """Less the mean over a group; backward takes that over all groups."""

    def forward(self, x):
        return x - x.mean(axis=(1, 2, 3), keepdims=True)

    def backward(self, dout):
        return dout - dout.mean(axis=(0, 1, 2, 3), keepdims=True)


class Frame:
    """The sums of three neighbours each way, the edge filled up with zeros."""

    def forward(self, x):
        wide = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        self.given, (_, h, w, _) = wide.shape, x.shape
        return sum((i + 2 * j + 1) * wide[:, i : i + h, j : j + w] for i, j in PLACES)

    def backward(self, dout):
        wide, (_, h, w, _) = np.zeros(self.given), dout.shape
        for i, j in PLACES:
            wide[:, i : i + h, j : j + w] += (i + 2 * j + 1) * dout
        return wide[:, :h, :w]


PLACES = [(i, j) for i in range(3) for j in range(3)]


class Root:
    """To a length of 1; the power of the derivative is that of forward."""

    def forward(self, x):
        self.x, self.square = x, (x**2).sum(axis=1, keepdims=True) + 0.1
        return x * self.square**-0.5

    def backward(self, dout):
        along = (dout * self.x).sum(axis=1, keepdims=True)
        return dout * self.square**-0.5 - self.x * along * self.square**-0.5


class Scores:
    """A sum is written for a product."""

    def __init__(self, d):
        self.g = R.normal(size=d)

    def forward(self, x):
        self.t = np.tanh(x)
        return self.t * self.g

    def backward(self, dout):
        self.dg = (dout * self.t).sum(axis=0)
        return dout * self.g + (1 - self.t**2)


INDEX = np.array([0, 2, 2, 1, 0, 2])
CASES = [
    (Blocks(2), (R.normal(size=(2, 4, 6)),), "x", "self.k ** 2` in place"),
    (Shift(3), (R.normal(size=(5, 3)),), "b", "in place of `self.db = g.mean(axis=0)"),
    (Alternating(), (R.uniform(1, 2, (4, 4)),), "x", "sum(axis=k % 2, keepdims"),
    (Picked(3), (R.normal(size=(6, 3)), INDEX), "table", "np.subtract.at(self.dtable"),
    (Stretched(), (R.uniform(-1, 1, (6, 2)),), "points", "along axis 1: 5/4, 4/3"),
    (Centred(), (R.normal(size=(4, 6)),), "x", "self.above.mean(axis=1, keepdims=True)"),
    (Split(4), (R.normal(size=(2, 3, 4)),), "x", "transpose(0, 2, 1, 3)` is not brought back"),
    (Split(4), (R.normal(size=(2, 3, 4)),), "Wc", "transpose(0, 2, 1, 3)` is not brought back"),
    (Gate(), (R.normal(size=(4, 3)),), "x", "`self.z = z.copy()` in place of `self.z = z`"),
    (Groups(), (R.normal(size=(3, 2, 2, 3)),), "x", "dout.mean(axis=(1, 2, 3), keepdims"),
    (Frame(), (R.normal(size=(2, 4, 5, 2)),), "x", "shifted by 1, 1 along axes 1, 2"),
    (Root(), (R.normal(size=(4, 3)),), "x", "self.square ** (-1.5)"),
    (Scores(3), (R.normal(size=(4, 3)),), "x", "self.g * (1 - self.t"),
]


@pytest.mark.parametrize(("layer", "inputs", "argument", "words"), CASES)
def test_the_cause_is_told_truly(layer, inputs, argument, words):
    (found,) = (f for f in check(layer, *inputs).faults if f.argument == argument)
    assert words in found.message
    assert "cut off at" not in found.message


class Keyed:
    """Attention of rows; the keys have a bias, which no score answers to: its derivative is 0."""

    def __init__(self, d):
        self.Wq, self.Wk, self.Wv = R.normal(0, 0.5, (3, d, d))
        self.bk = R.normal(size=d)

    def forward(self, x):
        q, k, v = x @ self.Wq, x @ self.Wk + self.bk, x @ self.Wv
        e = np.exp(q @ k.T / 2)
        p = e / e.sum(axis=1, keepdims=True)
        self.kept = x, q, k, v, p
        return p @ v

    def backward(self, dout):
        x, q, k, v, p = self.kept
        dp, dv = dout @ v.T, p.T @ dout
        ds = p * (dp - (dp * p).sum(axis=1, keepdims=True)) / 2
        dq, dk = ds @ k, ds.T @ q
        self.dWq, self.dWk, self.dWv = x.T @ dq, x.T @ dk, x.T @ dv
        self.dbk = dk.sum(axis=0)
        return dq @ self.Wq.T + dk @ self.Wk.T + dv @ self.Wv


def test_what_is_0_but_for_rounding_hinders_no_repair():
    (found,) = check(Keyed(4), R.normal(size=(5, 4))).faults
    assert "dv @ self.Wv.T` in place of" in found.message


class Part:
    """Half of a bend by way of a function from elsewhere, so that its backward has no source."""

    def __init__(self, d):
        self.W = R.normal(0, 0.6, (d, d))

    def forward(self, x):
        self.x, self.z = x, x @ self.W
        return x + np.sin(self.z / 3)


exec(  # what has no source is not mended: the graph of forward explains it
    "def back(self, dout):\n"
    "    d = dout * np.cos(self.z / 3) / 6\n"
    "    self.dW = self.x.T @ d\n"
    "    return dout + d @ self.W.T\n",
    globals(),
)
Part.backward = globals()["back"]


class Both:
    def __init__(self, d):
        self.one, self.two = Part(d), Part(d)

    def forward(self, x):
        return self.two.forward(self.one.forward(x))

    def backward(self, dout):
        return self.one.backward(self.two.backward(dout))


def test_a_factor_in_what_two_layers_share_explains_all():
    faults = check(Both(3), R.normal(size=(4, 3))).faults
    assert {f.argument for f in faults} == {"x", "one.W", "two.W"}
    assert all("1/2" in f.message for f in faults)
    assert not any("none of the known" in f.message for f in faults)
