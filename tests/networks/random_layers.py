"""Layers of every kind as users write them, for networks at random; all keep the shape (N, D)."""

from typing import Any

import numpy as np

from clearprop import Layer

D = 3
"""The features of every value in a random network."""


class Weights:
    """Draws parameters; the same seed gives the same."""

    def __init__(self, seed: int, dtype: Any) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = np.dtype(dtype)

    def __call__(self, *shape: int, scale: float = 0.7) -> Any:
        return np.asarray(self.rng.standard_normal(shape) * scale).astype(self.dtype)

    def around(self, centre: float, *shape: int) -> Any:
        return np.asarray(centre + self(*shape, scale=0.2), self.dtype)


class Tied(Layer):
    """Holds the W of an affine layer, and applies it transposed."""

    params = ("W", "c")

    def __init__(self, W, c):
        self.W, self.c = W, c

    def forward(self, x):
        self.x = x
        return x @ self.W.T + self.c

    def backward(self, dout):
        self.dW = dout.T @ self.x
        self.dc = dout.sum(axis=0)
        return dout @ self.W


class Gain(Layer):
    """Learns one number, and shifts that it need not learn."""

    params = ("g",)
    fixed = ("shifts",)

    def __init__(self, g, shifts):
        self.g, self.shifts = g, shifts

    def forward(self, x):
        self.x = x
        return self.g * x + self.shifts

    def backward(self, dout):
        self.dg = (dout * self.x).sum()
        return self.g * dout


class Leaky(Layer):
    """A setting that `forward` and `backward` read."""

    def __init__(self, slope):
        self.slope = slope

    def forward(self, x):
        self.mask = x > 0
        return np.where(self.mask, x, self.slope * x)

    def backward(self, dout):
        return np.where(self.mask, dout, self.slope * dout)


class Temperature(Layer):
    """A setting, a parameter, and no backward."""

    params = ("scale",)

    def __init__(self, temperature, scale):
        self.temperature, self.scale = temperature, scale

    def forward(self, x):
        return np.tanh(x / self.temperature) * self.scale


class Choosing(Layer):
    """Settings that are a whole number and a list."""

    def __init__(self):
        self.scales, self.which = [0.8, 1.2], 0

    def forward(self, x):
        return x * self.scales[self.which]

    def backward(self, dout):
        return dout * self.scales[self.which]


class Flagged(Layer):
    """Is told by an argument that it predicts."""

    def forward(self, x, training=True):
        return np.sin(x) if training else np.cos(x)


class Plain:
    """No base class, and its parameters in a dict, as many write them."""

    def __init__(self, W, b):
        self.params = {"W": W, "b": b}

    def forward(self, x):
        self.x = x
        return x.dot(self.params["W"]) + self.params["b"]

    def backward(self, dout):
        self.dW, self.db = self.x.T.dot(dout), dout.sum(axis=0)
        return dout.dot(self.params["W"].T)


class Dropout(Layer):
    noise = ("u",)

    def __init__(self, ratio):
        self.ratio = ratio

    def draw(self, rng, x):
        return rng.random(np.shape(x))

    def forward(self, x):
        self.mask = (self.u > self.ratio) / (1 - self.ratio)
        return x * self.mask.astype(x.dtype)

    def backward(self, dout):
        return dout * self.mask.astype(dout.dtype)

    def infer(self, x):
        return x


class Jitter(Layer):
    """Draws two arrays, and has no backward."""

    noise = ("stretch", "shift")
    params = ("amount",)

    def __init__(self, amount):
        self.amount = amount

    def draw(self, rng, x):
        kind = x.dtype
        return rng.standard_normal(x.shape).astype(kind), rng.random(x.shape[1:]).astype(kind)

    def forward(self, x):
        return x * (1 + self.amount * self.stretch) + self.shift

    def infer(self, x):
        return x + 0.5 * self.amount


class BatchNorm(Layer):
    params = ("gamma", "beta")
    state = ("mean", "variance")

    def __init__(self, gamma, beta, momentum):
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.mean, self.variance = np.zeros_like(beta), np.ones_like(beta)

    def forward(self, x):
        self.mu = x.mean(axis=0)
        self.xc = x - self.mu
        self.var = (self.xc**2).mean(axis=0)
        self.std = np.sqrt(self.var + 0.01)
        self.xn = self.xc / self.std
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        self.dbeta, self.dgamma = dout.sum(axis=0), (dout * self.xn).sum(axis=0)
        dxn = dout * self.gamma
        return (dxn - dxn.mean(axis=0) - self.xn * (dxn * self.xn).mean(axis=0)) / self.std

    def infer(self, x):
        return self.gamma * (x - self.mean) / np.sqrt(self.variance + 0.01) + self.beta

    def next_state(self):
        kept = self.momentum
        return (
            kept * self.mean + (1 - kept) * self.mu,
            kept * self.variance + (1 - kept) * self.var,
        )


class Centred(Layer):
    """State that `forward` uses, without a backward."""

    state = ("centre",)

    def __init__(self, centre):
        self.centre = centre

    def forward(self, x):
        self.x = x
        return np.tanh(x - self.centre)

    def next_state(self):
        return 0.5 * self.centre + 0.5 * self.x.mean(axis=0)


class Last(Layer):
    """State that only `infer` reads."""

    state = ("mean",)

    def __init__(self, mean):
        self.mean = mean

    def forward(self, x):
        self.mu = x.mean(axis=0)
        return x - self.mu

    def infer(self, x):
        return x - self.mean

    def backward(self, dout):
        return dout - dout.mean(axis=0)

    def next_state(self):
        return self.mu


class Lazy(Layer):
    """State and a hidden state that are made by the first step."""

    state = ("mean",)
    carried = ("h",)

    def __init__(self):
        self.mean = self.h = None

    def forward(self, x):
        self.out = x if self.h is None else x + 0.5 * self.h
        self.mu = x.mean(axis=0)
        return self.out

    def infer(self, x):
        return x if self.mean is None else x - self.mean

    def backward(self, dout):
        return dout * 1.0

    def next_state(self):
        return self.mu if self.mean is None else 0.5 * (self.mean + self.mu), self.out


class Level(Layer):
    """State that begins as a plain number."""

    state = ("level",)

    def __init__(self):
        self.level = 0.5

    def forward(self, x):
        self.mean = x.mean()
        return x - self.level

    def backward(self, dout):
        return dout * 1.0

    def next_state(self):
        return 0.5 * (self.level + self.mean)


class Cell(Layer):
    """Recurrent: carries its answer on to the next batch."""

    params = ("Wx", "Wh")
    carried = ("h",)

    def __init__(self, Wx, Wh):
        self.Wx, self.Wh = Wx, Wh
        self.h = np.zeros((1, D), Wx.dtype)

    def forward(self, x):
        self.x = x
        self.out = np.tanh(x @ self.Wx + self.h @ self.Wh)
        return self.out

    def backward(self, dout):
        d = dout * (1 - self.out**2)
        self.dWx, self.dWh = self.x.T @ d, self.h.T @ d
        return d @ self.Wx.T

    def next_state(self):
        return self.out


class Memory(Layer):
    """The same with a running state beside, and without a backward."""

    params = ("W",)
    state = ("level",)
    carried = ("h",)

    def __init__(self, W):
        self.W = W
        self.level, self.h = np.zeros(D, W.dtype), np.zeros((1, D), W.dtype)

    def forward(self, x):
        self.new = 0.5 * self.h + np.tanh(x @ self.W)
        return self.new - self.level

    def next_state(self):
        return self.level + 0.1 * self.new.mean(axis=0), self.new


class BookRelu(Layer):
    """As in the book: writes zeros where its mask says, so that it runs as written."""

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout[self.mask] = 0
        return dout


class Branching(Layer):
    """What it does depends on what it is given, its noise and its state: it runs as written."""

    params = ("W",)
    noise = ("u",)
    state = ("level",)

    def __init__(self, W):
        self.W, self.level = W, np.zeros((), W.dtype)

    def draw(self, rng, x):
        return rng.random(D).astype(x.dtype)

    def forward(self, x):
        self.x, self.factor = x, (self.u if self.u[0] > 0.5 else self.u + 1) + 0.1 * self.level
        return x * self.factor @ self.W

    def infer(self, x):
        return x @ self.W * (1 + 0.1 * self.level)

    def backward(self, dout):
        self.dW = (self.x * self.factor).T @ dout
        return dout @ self.W.T * self.factor

    def next_state(self):
        return 0.9 * self.level + 0.1 * self.x.mean()


class Mixed(Layer):
    """Two inputs and a parameter, with an own backward."""

    params = ("w",)

    def __init__(self, w):
        self.w = w

    def forward(self, x, y):
        self.x, self.y = x, y
        return self.w * x + (1 - self.w) * y

    def backward(self, dout):
        self.dw = (dout * (self.x - self.y)).sum(axis=0)
        return dout * self.w, dout * (1 - self.w)


class Split(Layer):
    """Two outputs."""

    params = ("w",)

    def __init__(self, w):
        self.w = w

    def forward(self, x):
        self.x, self.out = x, np.tanh(x * self.w)
        return self.out, x - self.out

    def backward(self, dfirst, dsecond):
        d = (dfirst - dsecond) * (1 - self.out**2)
        self.dw = (d * self.x).sum(axis=0)
        return d * self.w + dsecond
