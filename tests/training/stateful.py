"""Layers with all that a layer may have, written as their users would write them."""

import numpy as np

from clearprop.layers import Affine, Layer, Relu
from clearprop.networks import Network


class Dropout(Layer):
    noise = ("u",)

    def __init__(self, ratio=0.3):
        self.ratio = ratio

    def draw(self, rng, x):
        return rng.random(np.shape(x), dtype=np.float32)

    def forward(self, x):
        self.mask = (self.u > self.ratio) / np.float32(1 - self.ratio)
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask

    def infer(self, x):
        return x


class Norm(Layer):
    """Takes the mean away, and at prediction a running one."""

    params = ("beta",)
    state = ("running_mean",)

    def __init__(self, D):
        self.beta, self.running_mean = np.zeros(D, np.float32), np.zeros(D, np.float32)

    def forward(self, x):
        self.mean = x.mean(axis=0)
        return x - self.mean + self.beta

    def backward(self, dout):
        self.dbeta = dout.sum(axis=0)
        return dout - dout.mean(axis=0)

    def infer(self, x):
        return x - self.running_mean + self.beta

    def next_state(self):
        return 0.9 * self.running_mean + 0.1 * self.mean


class Cell(Layer):
    """One step of a recurrent net over batches."""

    params = ("W",)
    carried = ("h",)

    def __init__(self, W):
        self.W, self.h = W, np.zeros((1, W.shape[1]), np.float32)

    def forward(self, x):
        self.before, self.out = self.h, np.tanh(x + self.h @ self.W)
        return self.out

    def backward(self, dout):
        d = dout * (1 - self.out**2)
        self.dW = self.before.T @ d
        return d

    def next_state(self):
        return self.out


class Block(Layer):
    """Goes around the layers that it holds."""

    def __init__(self, *layers):
        self.layers = list(layers)

    def forward(self, x):
        out = x
        for layer in self.layers:
            out = layer(out)
        return x + out


def network_with_everything(seed=0):
    rng = np.random.default_rng(seed)

    def affine(n, m):
        return Affine.from_sizes(n, m, init="he", rng=rng)

    W = (rng.standard_normal((8, 8)) / 4).astype(np.float32)
    block = Block(affine(8, 8), Norm(8), Relu(), Dropout(0.2))
    layers = [affine(4, 8), Norm(8), Dropout(), block, Cell(W), affine(8, 3)]
    return Network(layers, rng=np.random.default_rng(seed + 1))
