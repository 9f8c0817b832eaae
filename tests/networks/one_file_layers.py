"""Layers as people write them, each in its own style: elementwise, noisy, normalising, holding."""

import numpy as np

from clearprop import Affine, Layer, Relu, Sigmoid


def rng(seed=0):
    return np.random.default_rng(seed)


def weights(*shape, seed=0):
    return rng(seed).standard_normal(shape) / np.sqrt(shape[0])


def affine(n, m, seed=0):
    return Affine(weights(n, m, seed=seed), 0.1 * weights(m, seed=seed + 1))


# --- activations ---------------------------------------------------------------------------------


class BareGelu(Layer):
    """Nothing but its forward."""

    def forward(self, x):
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


class Swish(Layer):
    """A backward of its own, and a setting that is a plain number."""

    def __init__(self, beta=1.0):
        self.beta = beta

    def forward(self, x):
        self.x = x
        self.s = 1 / (1 + np.exp(-self.beta * x))
        return x * self.s

    def backward(self, dout):
        return dout * (self.s + self.beta * self.x * self.s * (1 - self.s))


class Leaky(Layer):
    """A setting on the class; the mask is kept."""

    slope = 0.01

    def forward(self, x):
        self.mask = x > 0
        return np.where(self.mask, x, self.slope * x)

    def backward(self, dout):
        return np.where(self.mask, dout, self.slope * dout)


class PRelu(Layer):
    """Learns a single number."""

    params = ("a",)

    def __init__(self):
        self.a = np.array(0.25)

    def forward(self, x):
        self.x = x
        return np.maximum(x, 0) + self.a * np.minimum(x, 0)

    def backward(self, dout):
        self.da = np.sum(dout * np.minimum(self.x, 0))
        return dout * np.where(self.x > 0, 1, self.a)


# --- noise ---------------------------------------------------------------------------------------


class Dropout(Layer):
    """Draws an array; scales in forward; passes on in infer."""

    noise = ("u",)

    def __init__(self, ratio=0.5):
        self.ratio = ratio

    def draw(self, rng, x):
        return rng.random(x.shape)

    def forward(self, x):
        self.mask = (self.u >= self.ratio) / (1 - self.ratio)
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask

    def infer(self, x):
        return x


class BookDropout:
    """As the book has it, on an object that derives from nothing: scaled at prediction."""

    noise = ("u",)

    def __init__(self, dropout_ratio=0.5):
        self.dropout_ratio = dropout_ratio
        self.mask = None

    def draw(self, rng, x):
        return (rng.random(np.shape(x)),)

    def forward(self, x, train_flg=True):
        if train_flg:
            self.mask = self.u > self.dropout_ratio
            return x * self.mask
        return x * (1.0 - self.dropout_ratio)

    def backward(self, dout):
        return dout * self.mask


class GaussianNoise(Layer):
    """Two arrays of noise as a tuple, no backward; numbers in a dictionary."""

    noise = ("add", "scale")

    def __init__(self):
        self.settings = {"add": 0.1, "scale": 0.2}

    def draw(self, rng, x):
        return rng.standard_normal(x.shape), rng.standard_normal(x.shape[-1])

    def forward(self, x):
        scaled = x * (1 + self.settings["scale"] * self.scale)
        return scaled + self.settings["add"] * self.add

    def infer(self, x):
        return x


class DropPath(Layer):
    """Drops a whole branch, one number a sample: noise that depends on the batch alone."""

    noise = ("keep",)

    def __init__(self, branch, ratio=0.3):
        self.branch, self.ratio = branch, ratio

    def draw(self, rng, x):
        return (rng.random((len(x), 1)) >= self.ratio) / (1 - self.ratio)

    def forward(self, x):
        return x + self.keep * self.branch(x)

    def infer(self, x):
        return x + self.branch(x)


# --- normalisation -------------------------------------------------------------------------------


class BatchNorm(Layer):
    """Per feature, backward written out; the state is made in __init__ and given as a tuple."""

    params = ("gamma", "beta")
    state = ("running_mean", "running_var")

    def __init__(self, n, momentum=0.9, eps=1e-5):
        self.gamma, self.beta = 1 + 0.1 * weights(n), weights(n, seed=1)
        self.running_mean, self.running_var = np.zeros(n), np.ones(n)
        self.momentum, self.eps = momentum, eps

    def forward(self, x):
        self.mean, self.var = x.mean(axis=0), x.var(axis=0)
        self.std = np.sqrt(self.var + self.eps)
        self.xn = (x - self.mean) / self.std
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        self.dgamma = np.sum(dout * self.xn, axis=0)
        self.dbeta = np.sum(dout, axis=0)
        dxn = dout * self.gamma
        return (dxn - dxn.mean(axis=0) - self.xn * (dxn * self.xn).mean(axis=0)) / self.std

    def infer(self, x):
        xn = (x - self.running_mean) / np.sqrt(self.running_var + self.eps)
        return self.gamma * xn + self.beta

    def next_state(self):
        keep = self.momentum
        return (
            keep * self.running_mean + (1 - keep) * self.mean,
            keep * self.running_var + (1 - keep) * self.var,
        )


class LazyNorm(Layer):
    """Per channel of (N, C, H, W), no backward; the state is None until the first forward."""

    params = ("gamma", "beta")
    state = ("mean", "var")
    momentum = 0.9

    def __init__(self, channels):
        self.gamma = 1 + 0.1 * weights(1, channels, 1, 1)
        self.beta = weights(1, channels, 1, 1, seed=1)
        self.mean = self.var = None

    def forward(self, x):
        self.mu = x.mean(axis=(0, 2, 3), keepdims=True)
        self.sigma2 = ((x - self.mu) ** 2).mean(axis=(0, 2, 3), keepdims=True)
        return self.gamma * (x - self.mu) / np.sqrt(self.sigma2 + 1e-5) + self.beta

    def infer(self, x):
        mean = 0 if self.mean is None else self.mean
        var = 1 if self.var is None else self.var
        return self.gamma * (x - mean) / np.sqrt(var + 1e-5) + self.beta

    def next_state(self):
        if self.mean is None:
            return [self.mu, self.sigma2]
        m = self.momentum
        return [m * self.mean + (1 - m) * self.mu, m * self.var + (1 - m) * self.sigma2]


class BookNorm:
    """An object that derives from nothing, with train_flg and state in a list of names."""

    params = ["gamma", "beta"]  # noqa: RUF012
    state = ["running_mean"]  # noqa: RUF012

    def __init__(self, n):
        self.gamma, self.beta = np.ones(n), np.zeros(n)
        self.running_mean = np.zeros(n)

    def forward(self, x, train_flg=True):
        if train_flg:
            self.mu = x.mean(0)
            xc = x - self.mu
        else:
            xc = x - self.running_mean
        self.xc = xc
        return self.gamma * xc + self.beta

    def backward(self, dout):
        self.dgamma = (dout * self.xc).sum(0)
        self.dbeta = dout.sum(0)
        dxc = dout * self.gamma
        return dxc - dxc.mean(0)

    def next_state(self):
        return 0.9 * self.running_mean + 0.1 * self.mu


class LayerNorm(Layer):
    """No state, no backward."""

    params = ("g", "b")

    def __init__(self, n):
        self.g, self.b = np.ones(n), np.zeros(n)

    def forward(self, x):
        m = x.mean(axis=-1, keepdims=True)
        v = x.var(axis=-1, keepdims=True)
        return self.g * (x - m) / np.sqrt(v + 1e-5) + self.b


# --- holders -------------------------------------------------------------------------------------


class Residual(Layer):
    """Layers in attributes; no backward."""

    def __init__(self, n):
        self.fc1, self.fc2 = affine(n, n), affine(n, n, seed=3)
        self.norm = BatchNorm(n)
        self.act = BareGelu()
        self.drop = Dropout(0.2)

    def forward(self, x):
        return x + self.drop(self.fc2(self.act(self.norm(self.fc1(x)))))


class ResidualByHand(Layer):
    """The backward calls those of the layers inside."""

    def __init__(self, n):
        self.fc = affine(n, n)
        self.act = Sigmoid()

    def forward(self, x):
        return x + self.act(self.fc(x))

    def backward(self, dout):
        return dout + self.fc.backward(self.act.backward(dout))


class Stack(Layer):
    """Layers in a list, a dictionary and a tuple inside it."""

    def __init__(self, n):
        self.blocks = [affine(n, n, seed=i) for i in range(2)]
        self.others = {"act": Relu(), "norms": (LayerNorm(n), BatchNorm(n))}

    def forward(self, x):
        for block, norm in zip(self.blocks, self.others["norms"], strict=True):
            x = self.others["act"](norm(block(x)))
        return x


class PlainHolder:
    """Derives from nothing and holds layers."""

    def __init__(self, n):
        self.a, self.b = affine(n, n), Swish(0.7)

    def forward(self, x):
        return self.b(self.a(x)) + x

    def backward(self, dout):
        return self.a.backward(self.b.backward(dout)) + dout


class BlockByHand(Layer):
    """Noise and state inside a layer with a backward of its own."""

    noise = ("shift",)

    def __init__(self, n):
        self.norm, self.fc = BatchNorm(n), affine(n, n)
        self.drops = [Dropout(0.4)]

    def draw(self, rng, x):
        return 0.1 * rng.standard_normal(x.shape)

    def forward(self, x):
        h = self.fc(self.drops[0](self.norm(x + self.shift)))
        return x + h * self.drops[0].mask

    def backward(self, dout):
        dh = self.drops[0].backward(self.fc.backward(dout * self.drops[0].mask))
        return dout + self.norm.backward(dh)

    def infer(self, x):
        return x + self.fc(self.drops[0](self.norm(x)))


class Shared(Layer):
    """Two inner layers with one W, and one of them used twice."""

    def __init__(self, n):
        W = weights(n, n)
        self.one, self.two = Affine(W, np.zeros(n)), Affine(W, np.ones(n))

    def forward(self, x):
        return np.tanh(self.two(self.one(self.one(x))))


class SharedByHand(Layer):
    """Two inner layers with one W, and a backward of its own."""

    def __init__(self, n):
        W = weights(n, n)
        self.one, self.two = Affine(W, np.zeros(n)), Affine(W, np.ones(n))

    def forward(self, x):
        return self.two(self.one(x))

    def backward(self, dout):
        return self.one.backward(self.two.backward(dout))


class Deep(Layer):
    """Layers in layers in layers."""

    def __init__(self, n):
        self.inside = DropPath(Residual(n))
        self.more = [Stack(n)]

    def forward(self, x):
        return self.more[0](self.inside(x))
