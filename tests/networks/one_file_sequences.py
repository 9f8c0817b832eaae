"""Layers as people write them: with a past, for sequences, of several inputs and outputs."""

import numpy as np
from one_file_layers import affine, weights

from clearprop import Layer, Softmax

# --- with a past ---------------------------------------------------------------------------------


class Cell(Layer):
    """A recurrent cell over batches; the carried state has a row from the start."""

    params = ("Wx", "Wh", "b")
    carried = ("h",)

    def __init__(self, n, hidden):
        self.Wx, self.Wh = weights(n, hidden), weights(hidden, hidden, seed=1)
        self.b = np.zeros(hidden)
        self.h = np.zeros((1, hidden))

    def forward(self, x):
        self.x, self.before = x, self.h
        self.out = np.tanh(x @ self.Wx + self.h @ self.Wh + self.b)
        return self.out

    def backward(self, dout):
        d = dout * (1 - self.out**2)
        self.dWx, self.dWh, self.db = self.x.T @ d, self.before.T @ d, d.sum(axis=0)
        return d @ self.Wx.T

    def next_state(self):
        return self.out


class LazyCell(Layer):
    """The carried state is None until the first forward; no backward; two of them."""

    params = ("Wx", "Wh")
    carried = ("h", "c")

    def __init__(self, n, hidden):
        self.hidden = hidden
        self.Wx, self.Wh = weights(n, 4 * hidden), weights(hidden, 4 * hidden, seed=1)
        self.h = self.c = None

    def forward(self, x):
        h = np.zeros((len(x), self.hidden), x.dtype) if self.h is None else self.h
        c = np.zeros((len(x), self.hidden), x.dtype) if self.c is None else self.c
        a = x @ self.Wx + h @ self.Wh
        f, i, o, g = np.split(a, 4, axis=1)
        f, i, o = (1 / (1 + np.exp(-gate)) for gate in (f, i, o))
        self.new_c = f * c + i * np.tanh(g)
        self.new_h = o * np.tanh(self.new_c)
        return self.new_h

    def next_state(self):
        return self.new_h, self.new_c


class Rnn(Layer):
    """A cell over the steps of a sequence (N, T, D), unrolled, carried over batches."""

    params = ("Wx", "Wh")
    carried = ("h",)

    def __init__(self, n, hidden):
        self.Wx, self.Wh = weights(n, hidden), weights(hidden, hidden, seed=1)
        self.h = np.zeros((1, hidden))

    def forward(self, x):
        h, hs = self.h, []
        for step in range(x.shape[1]):
            h = np.tanh(x[:, step] @ self.Wx + h @ self.Wh)
            hs.append(h)
        self.last = h
        return np.stack(hs, axis=1)

    def next_state(self):
        return self.last


# --- attention and embedding ---------------------------------------------------------------------


class Attention(Layer):
    """Scaled dot-product attention on (N, T, D), without backward; positions that stay."""

    params = ("Wq", "Wk", "Wv")
    fixed = ("positions",)

    def __init__(self, n, steps=5):
        self.Wq, self.Wk, self.Wv = (weights(n, n, seed=i) for i in range(3))
        self.positions = 0.1 * weights(steps, n, seed=4)

    def forward(self, x):
        x = x + self.positions
        q, k, v = x @ self.Wq, x @ self.Wk, x @ self.Wv
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True) @ v


class AttentionByHand(Layer):
    """The same with three inputs and a backward; no parameters."""

    def forward(self, q, k, v):
        self.q, self.k, self.v = q, k, v
        self.scale = 1 / q.shape[-1] ** 0.5
        scores = np.matmul(q, np.swapaxes(k, -1, -2)) * self.scale
        e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
        self.p = e / np.sum(e, axis=-1, keepdims=True)
        return self.p @ v

    def backward(self, dout):
        dv = np.swapaxes(self.p, -1, -2) @ dout
        dp = dout @ np.swapaxes(self.v, -1, -2)
        ds = self.p * (dp - np.sum(dp * self.p, axis=-1, keepdims=True)) * self.scale
        return ds @ self.k, np.swapaxes(ds, -1, -2) @ self.q, dv


class Causal(Layer):
    """Holds projections and an attention; masks with a whole-number array."""

    def __init__(self, n, steps):
        self.q, self.k, self.v = (affine(n, n, seed=i) for i in range(3))
        self.mask = np.tril(np.ones((steps, steps), dtype=bool))
        self.softmax = Softmax()

    def forward(self, x):
        N, T, D = x.shape
        q, k, v = (f(x.reshape(N * T, D)).reshape(N, T, D) for f in (self.q, self.k, self.v))
        scores = np.einsum("ntd,nsd->nts", q, k) / D**0.5
        return self.softmax(np.where(self.mask, scores, -1e9)) @ v


class OwnEmbedding(Layer):
    """Picks rows by class numbers; the numbers have no derivative."""

    params = ("W",)
    constants = ("idx",)

    def __init__(self, n, m):
        self.W = weights(n, m)

    def forward(self, idx):
        self.idx = idx
        return self.W[idx]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.idx, dout)
        return ()


class BareEmbedding(Layer):
    """The same without backward, and without a word on the class numbers."""

    params = ("W",)

    def __init__(self, n, m):
        self.W = weights(n, m)

    def forward(self, idx):
        return self.W[idx]


# --- several inputs and outputs ------------------------------------------------------------------


class Bilinear(Layer):
    """Two inputs, a parameter, a backward."""

    params = ("W",)

    def __init__(self, n, m):
        self.W = weights(n, m)

    def forward(self, x, y):
        self.x, self.y = x, y
        return (x @ self.W) * y

    def backward(self, dout):
        d = dout * self.y
        self.dW = self.x.T @ d
        return d @ self.W.T, dout * (self.x @ self.W)


class Gate(Layer):
    """Two inputs, two outputs, layers inside, no backward."""

    def __init__(self, n):
        self.left, self.right = affine(n, n), affine(n, n, seed=2)

    def forward(self, a, b):
        return a * np.tanh(self.right(b)), b + self.left(a)


class SplitInTwo(Layer):
    """Two outputs and a backward that takes two."""

    def forward(self, x):
        self.n = x.shape[1] // 2
        return x[:, : self.n], x[:, self.n :]

    def backward(self, da, db):
        return np.concatenate([da, db], axis=1)
