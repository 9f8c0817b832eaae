"""Switches that forward asks for, sizes that backward keeps, and what belongs to no input."""

import numpy as np

from clearprop import check
from clearprop.checking.findings import Kind


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


class Norm:
    """Batch normalisation whose backward knows nothing of evaluation."""

    def __init__(self, d):
        self.gamma, self.beta = 1 + 0.3 * drawn(d, seed=1), drawn(d, seed=2)
        self.running_mean, self.running_var = drawn(d, seed=3), 1 + drawn(d, seed=4) ** 2
        self.training = True

    def forward(self, x):
        if self.training:
            mean, var = x.mean(0), x.var(0)
            self.running_mean = 0.9 * self.running_mean + 0.1 * mean
            self.running_var = self.running_var + 0.1 * (var - self.running_var)
        else:
            mean, var = self.running_mean, self.running_var
        self.scale = 1 / np.sqrt(var + 1e-5)
        self.normed = (x - mean) * self.scale
        return self.gamma * self.normed + self.beta

    def backward(self, dout):
        self.dgamma, self.dbeta = (dout * self.normed).sum(0), dout.sum(0)
        d = dout * self.gamma
        return self.scale * (d - d.mean(0) - self.normed * (d * self.normed).mean(0))


class BranchingNorm(Norm):
    def backward(self, dout):
        dx = super().backward(dout)
        return dx if self.training else dout * self.gamma * self.scale


def test_a_switch_that_backward_does_not_ask_for_is_named():
    layer = Norm(3)
    layer.training = False
    (finding,) = [f for f in check(layer, drawn(6, 3)).findings if f.fault]
    assert "it is right with self.training = True: forward branches on self" in finding.message


def test_means_that_forward_moves_on_are_not_learned():
    layer = BranchingNorm(3)
    assert check(layer, drawn(6, 3)).ok
    layer.training = False
    report = check(layer, drawn(6, 3))
    assert report.ok
    assert "self.running_var is a mean that forward moves on itself" in str(report)


class LayerNorm:
    """Backward reads the width that the constructor kept, and forward does not."""

    def __init__(self, d):
        self.d, self.gain = d, 1 + 0.4 * drawn(d, seed=1)

    def forward(self, x):
        self.std = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
        self.normed = (x - x.mean(axis=-1, keepdims=True)) / self.std
        return self.normed * self.gain

    def backward(self, dout):
        self.dgain = np.sum(dout * self.normed, axis=0)
        dn = dout * self.gain
        dot = np.sum(dout * self.normed, axis=-1, keepdims=True)
        total = np.sum(dn, axis=-1, keepdims=True)
        return (self.d * dn - total - self.normed * dot) / (self.d * self.std)


def test_a_size_that_is_kept_as_a_number_goes_with_other_sizes():
    (finding,) = [f for f in check(LayerNorm(5), drawn(3, 5)).findings if f.fault]
    assert "`dot = np.sum(dn * self.normed, axis=-1, keepdims=True)`" in finding.message


class Corners:
    """Four corners, weighed by two shares of which one place is exchanged."""

    def __init__(self):
        self.fy, self.fx = np.array([0.2, 0.7]), np.array([0.4, 0.9])

    def forward(self, x):
        fy, fx = self.fy, self.fx
        return (
            x[:, 0] * (1 - fy) * (1 - fx)
            + x[:, 1] * (1 - fy) * fx
            + x[:, 2] * fy * (1 - fx)
            + x[:, 3] * fy * fx
        )

    def backward(self, dout):
        fy, fx = self.fy, self.fx
        dx = np.zeros((len(dout), 4, 2))
        dx[:, 0] = dout * (1 - fy) * (1 - fx)
        dx[:, 1] = dout * fy * (1 - fx)
        dx[:, 2] = dout * fy * (1 - fx)
        dx[:, 3] = dout * fy * fx
        return dx


def test_shares_of_two_directions_in_each_others_place():
    report = check(Corners(), drawn(3, 4, 2))
    (finding,) = [f for f in report.findings if f.argument == "x" and f.fault]
    assert "`dx[:, 1] = dout * (1 - fy) * fx`" in finding.message


class Ridge:
    """`gradient` returns the derivatives by what is learned; that by the bias is one number."""

    def __init__(self, w, b, weight=1.0):
        self.w, self.b, self.weight = w, b, weight

    def cost(self, X, y):
        self.X, self.error = X, X @ self.w + self.b - y
        return np.mean(self.error**2) / 2 + 0.1 * np.sum(self.w**2)

    def gradient(self):
        self.dw = self.X.T @ self.error / len(self.X) + self.weight * 0.2 * self.w
        self.db = self.error.mean()
        return self.dw, self.db


def test_what_a_model_returns_belongs_to_what_it_learns():
    data = drawn(6, 3), drawn(6, seed=5)
    assert check(Ridge(drawn(3, seed=6), np.zeros(1)), *data).ok
    report = check(Ridge(drawn(3, seed=6), np.zeros(1), weight=2.0), *data)
    (finding,) = [f for f in report.findings if f.fault]
    assert (finding.argument, finding.kind) in (("w", Kind.EXTRA_TERM), ("w", Kind.FACTOR))
    assert "a penalty that forward lacks or weighs otherwise" in finding.message


class Squeeze:
    """Gates each channel by a mean over its pixels; backward forgets that it is one."""

    def forward(self, x):
        self.x, self.gate = x, np.tanh(x.mean(axis=(2, 3)))[:, :, None, None]
        return x * self.gate

    def backward(self, dout):
        dgate = np.einsum("nchw,nchw->nc", dout, self.x)[:, :, None, None]
        return dout * self.gate + dgate * (1 - self.gate**2)


def test_a_size_found_on_a_corner_is_not_given_as_a_number():
    (finding,) = [f for f in check(Squeeze(), drawn(4, 3, 7, 7)).findings if f.fault]
    assert "has the factor n (the size along axes 2, 3) too much" in finding.message


class GraphConv:
    """The matrix that joins the nodes is made of the one that is given."""

    def __init__(self, adj, W):
        degree = adj.sum(axis=1, keepdims=True)
        self.S, self.W = adj / degree, W

    def forward(self, x):
        self.x = self.S @ x
        return self.x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return self.S.T @ dout @ self.W.T


class Scaled(GraphConv):
    """What is given is learned here, and its derivative forgotten."""

    def __init__(self, scale, W):
        self.S, self.W = scale / scale.sum(axis=1, keepdims=True), W


def test_a_matrix_made_of_a_graph_is_not_learned():
    report = check(GraphConv(np.eye(4) + np.eye(4, k=1), drawn(3, 2)), drawn(4, 3))
    assert report.ok
    assert "self.S is made of the graph that is given" in str(report)
    assert check(Scaled(np.eye(4) + np.eye(4, k=1), drawn(3, 2)), drawn(4, 3)).ok is None
