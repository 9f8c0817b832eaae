"""Slips whose edit has to be told: in closures, on tapes, in orders, in what is set in turn."""

import numpy as np
import pytest

from clearprop import check
from clearprop.checking.copies import held_by

R = np.random.default_rng(11)


def shares(v, temperature, group):
    """The share of each group's temperature, written as a closure that adds at repeated places."""
    scaled = v / temperature[group]

    def vjp(g):
        dt = np.zeros_like(temperature)
        np.add.at(dt, group, -g * v / temperature[group])
        return g / temperature[group], dt

    return scaled, vjp


class Steps:
    """Operations that a forward notes down, and a backward takes from the list."""

    def __init__(self, W):
        self.W = W

    def forward(self, x):
        self.noted = []
        return self.root(self.product(x))

    def product(self, x):
        def pull(g):
            self.dW = x.T @ g
            return g @ self.W.T

        self.noted.append(pull)
        return x @ self.W

    def root(self, z):
        out = np.sqrt(z * z + 1)

        def pull(g):
            return g * z * out

        self.noted.append(pull)
        return out

    def backward(self, dout):
        while self.noted:
            dout = self.noted.pop()(dout)
        return dout


class Rotation:
    """Rows turned in pairs; backward overwrites the first row before the second one reads it."""

    def __init__(self, angle):
        self.angle = np.array([angle])

    def forward(self, x):
        self.c, self.s = np.cos(self.angle), np.sin(self.angle)
        self.x = x
        return np.stack([self.c * x[0] - self.s * x[1], self.s * x[0] + self.c * x[1]])

    def backward(self, dout):
        a, b = self.x
        self.dangle = np.array(
            [np.sum(dout[0] * (-self.s * a - self.c * b) + dout[1] * (self.c * a - self.s * b))]
        )
        d = dout.copy()
        d[0] = self.c * d[0] + self.s * d[1]
        d[1] = -self.s * d[0] + self.c * d[1]
        return d


class Edges:
    """A weight for each edge, times what its first node has, added up at the second one."""

    def forward(self, nodes, weight, first, second):
        self.kept = nodes, weight, first, second
        out = np.zeros_like(nodes)
        np.add.at(out, second, nodes[first] * weight)
        return out

    def backward(self, dout):
        nodes, weight, first, second = self.kept
        d = dout[second]
        dnodes = np.zeros_like(nodes)
        np.add.at(dnodes, first, d * weight)
        return dnodes, d * nodes[second]


class Turned:
    """x A B C, of which only B is learned; the factors around it come in the wrong order."""

    fixed = ("A", "C")

    def __init__(self, n):
        self.A, self.B, self.C = R.normal(size=(3, n, n))

    def forward(self, x):
        self.x = x
        return x @ self.A @ self.B @ self.C

    def backward(self, dout):
        self.dB = (self.x @ self.A).T @ dout @ self.C.T
        return dout @ (self.B @ self.A @ self.C).T


class Tiles:
    """Tiles of p by p, one behind the other."""

    def __init__(self, p):
        self.p = p

    def forward(self, x):
        n, h, w, c = self.shape = x.shape
        p = self.p
        tiles = x.reshape(n, h // p, p, w // p, p, c).transpose(0, 1, 3, 2, 4, 5)
        return tiles.reshape(n, -1, p * p * c)

    def backward(self, dout):
        n, h, w, c = self.shape
        p = self.p
        d = dout.reshape(n, h // p, w // p, p, p, c)
        return d.transpose(0, 1, 4, 2, 3, 5).reshape(self.shape)


class Average:
    """The mean of each element and its neighbours, of which those at the ends have fewer."""

    def forward(self, x):
        wide = np.pad(x, ((0, 0), (1, 1)))
        self.count = np.full(x.shape[1], 3.0)
        self.count[[0, -1]] = 2.0
        return (wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]) / self.count

    def backward(self, dout):
        share = np.pad(dout / 3, ((0, 0), (1, 1)))
        return share[:, :-2] + share[:, 1:-1] + share[:, 2:]


class Prototypes:
    """How alike the rows are to each of some prototypes, which are fixed."""

    fixed = ("rows",)

    def __init__(self, k, n):
        self.rows = R.normal(size=(k, n))

    def forward(self, x):
        self.y = np.tanh(x @ self.rows.T)
        return self.y

    def backward(self, dout):
        d = dout * (1 - self.y**2)
        return d @ np.broadcast_to(self.rows[0], self.rows.shape)


class Wave:
    """A string: u becomes 2 u - old, and old becomes u, some times; with a pull of c towards 0."""

    def __init__(self, c, steps):
        self.c, self.steps = np.array([c]), steps

    def forward(self, u):
        self.us = [u, u]
        for _ in range(self.steps):
            self.us.append(2 * self.us[-1] - self.us[-2] - self.c**2 * self.us[-1])
        return self.us[-1]

    def backward(self, dout):
        now, before = dout, np.zeros_like(dout)
        self.dc = np.zeros(1)
        for k in range(self.steps, 0, -1):
            self.dc -= 2 * self.c * np.sum(now * self.us[k])
            now, before = before + 2 * now - self.c**2 * now, now
        return now + before


X = R.normal(size=(4, 3))
NODES = np.array([0, 2, 1, 3, 0]), np.array([1, 1, 3, 0, 2])
CASES = {
    "a closure": (
        shares,
        (R.normal(size=5), np.array([0.5, 0.7]), np.array([0, 0, 1, 1, 1])),
        ("-g * v / temperature[group] ** 2",),
    ),
    "a list used up": (Steps(R.normal(size=(3, 2))), (X,), ("z / out",)),
    "set in turn": (Rotation(0.4), (R.normal(size=(2, 3)),), ("d[0], d[1] = ",)),
    "another index": (
        Edges(),
        (X, R.normal(size=(5, 1)) + np.zeros((5, 3)), *NODES),
        ("nodes[first]",),
    ),
    "order of matrices": (Turned(3), (X,), ("self.A @ self.B @ self.C",)),
    "order of axes": (
        Tiles(2),
        (R.normal(size=(2, 4, 4, 2)),),
        ("transpose(0, 1, 3, 2, 4, 5)",),
    ),
    "a number for a count": (Average(), (R.normal(size=(2, 5)),), ("dout / self.count",)),
    "one row of all": (Prototypes(4, 3), (X,), ("np.broadcast_to(self.rows, ",)),
    "at any number of steps": (Wave(0.3, 4), (X,), ("-now",)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_line_is_told(name):
    layer, inputs, words = CASES[name]
    faults = check(layer, *inputs).faults
    assert faults
    for fault in faults:
        assert "all is right with `" in fault.message, fault.message
        told = fault.message.partition("in place of")[0]
        assert any(word in told for word in words), fault.message


class Margin:
    """A hinge whose weight is the value itself: all scores given are above the margin."""

    def forward(self, s):
        self.above = np.maximum(s + 5, 0)
        self.s = s
        return self.above * s

    def backward(self, dout):
        return dout * self.above


def test_a_mask_that_lets_all_through_is_not_called_inverted():
    (fault,) = check(Margin(), X).faults
    assert "inverted" not in fault.message
    assert "`return dout * self.above + dout * self.s`" in fault.message


class SideBySide:
    """Two inputs side by side, whose parts are handed back the other way round."""

    def forward(self, x, y):
        self.width = x.shape[1]
        return np.concatenate([x, y], axis=1)

    def backward(self, dout):
        return dout[:, self.width :], dout[:, : self.width]


def test_one_edit_for_all_comes_before_one_for_each():
    one, two = check(SideBySide(), X, X[:, ::-1] + 1).faults
    assert "(dout[:, :self.width], dout[:, self.width:])` in place of" in one.message
    assert "(dout[:, :self.width], dout[:, self.width:])` in place of" in two.message


def test_what_a_closure_has_kept_is_held_by_it():
    array = np.ones(3)
    assert any(held is array for held in held_by([lambda: array]))
