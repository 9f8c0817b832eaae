"""Layers and networks as people write them, each in its own style, and networks that use them.

`CASES` holds them all: a function that gives a network, a batch and its labels.
"""

import numpy as np

from clearprop import Affine, Layer, Network, Relu, Sigmoid, Softmax, SoftmaxWithLoss
from clearprop.layers import MeanSquaredError


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


# --- networks ------------------------------------------------------------------------------------


class Skip(Network):
    """Attributes in PyTorch's style, with a skip and a layer used twice."""

    def __init__(self):
        super().__init__(rng=rng(5))
        self.fc1 = affine(4, 6)
        self.fc2 = affine(6, 6, seed=1)
        self.drop = Dropout(0.3)
        self.norm = BatchNorm(6)
        self.out = affine(6, 3, seed=2)

    def forward(self, x):
        h = np.tanh(self.fc1(x))
        h = h + self.drop(np.tanh(self.fc2(h)))
        h = self.norm(h) + self.drop(self.fc2(h))
        return self.out(h)


class ListOfBlocks(Network):
    """Layers in a list and a dictionary."""

    def __init__(self):
        super().__init__(rng=rng(5))
        self.blocks = [Residual(4), ResidualByHand(4), Stack(4)]
        self.head = {"out": affine(4, 3)}

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head["out"](x)


class TwoInputs(Network):
    """x is a tuple; one of them holds class numbers."""

    def __init__(self):
        super().__init__()
        self.words = OwnEmbedding(9, 4)
        self.meet = Bilinear(4, 4)
        self.out = affine(4, 3)

    def forward(self, x, idx):
        return self.out(self.meet(x, self.words(idx)))


class TwoOutputs(Network):
    """Two outputs, each with a loss of its own."""

    def __init__(self):
        super().__init__(loss=[SoftmaxWithLoss(), MeanSquaredError()])
        self.body = affine(4, 6)
        self.split = SplitInTwo()
        self.gate = Gate(3)
        self.number = affine(3, 2, seed=3)

    def forward(self, x):
        a, b = self.gate(*self.split(np.tanh(self.body(x))))
        return a, self.number(b)


class Penalty(Network):
    """A loss of its own, with weights that shall stay small."""

    strength = 0.05

    def loss(self, x, t):
        penalty = sum(
            np.sum(layer.W**2) for layer in (self.layers["Affine1"], self.layers["Affine2"])
        )
        return self.lastLayer(self.predict(x), t) + 0.5 * self.strength * penalty


class OwnArray(Network):
    """The network itself has parameters, beside its layers'."""

    params = ("scale",)

    def __init__(self):
        super().__init__([affine(4, 3)])
        self.scale = np.array([0.5, 1.0, 2.0])

    def forward(self, x):
        return self.scale * self.layers["Affine1"](x)


class TiedTranspose(Network):
    """An autoencoder with W on the way in and its transpose on the way out."""

    params = ("W", "b", "c")

    def __init__(self):
        super().__init__(loss=MeanSquaredError())
        self.W, self.b, self.c = weights(4, 3), np.zeros(3), np.zeros(4)

    def forward(self, x):
        return np.tanh(x @ self.W + self.b) @ self.W.T + self.c


class Decoder(Layer):
    """Uses the transposed W of another layer."""

    params = ("W", "c")

    def __init__(self, encoder):
        self.W, self.c = encoder.W, np.zeros(len(encoder.W))

    def forward(self, x):
        self.x = x
        return x @ self.W.T + self.c

    def backward(self, dout):
        self.dW, self.dc = dout.T @ self.x, dout.sum(axis=0)
        return dout @ self.W


class Language(Network):
    """Words in, words out, (N, T): embedding, recurrence, and a loss over all steps."""

    def __init__(self, recurrent, embedding=OwnEmbedding):
        super().__init__()
        self.words, self.recurrent, self.out = embedding(7, 4), recurrent, affine(4, 7)

    def forward(self, idx):
        h = self.recurrent(self.words(idx))
        return self.out(h.reshape(-1, 4)).reshape(*idx.shape, 7)


class Heads(Network):
    """Attention with three inputs from one."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (affine(4, 4, seed=i) for i in range(3))
        self.attend = AttentionByHand()
        self.out = affine(4, 3)

    def forward(self, x):
        N, T, D = x.shape
        flat = x.reshape(-1, D)
        q, k, v = (f(flat).reshape(N, T, D) for f in (self.q, self.k, self.v))
        return self.out(self.attend(q, k, v).mean(axis=1))


class Holding(Network):
    """Holds networks, and a layer that holds one."""

    def __init__(self):
        inner = Network([affine(4, 5), BatchNorm(5), Dropout(0.2), affine(5, 4, seed=2)])
        super().__init__([inner, InALayer(), affine(4, 3)], rng=rng(5))


class InALayer(Layer):
    """A layer with a network inside."""

    def __init__(self):
        self.net = Network({"in": affine(4, 4), "act": Swish()})

    def forward(self, x):
        return x + self.net(x)


class Config(Network):
    """Settings in an object and in a list; a method of its own in between."""

    def __init__(self):
        super().__init__()
        self.sizes = [4, 6, 3]
        self.all = [affine(n, m) for n, m in zip(self.sizes, self.sizes[1:], strict=False)]
        self.temperature = 2.0

    def body(self, x):
        for layer in self.all[:-1]:
            x = np.maximum(layer(x), 0)
        return x

    def forward(self, x):
        return self.all[-1](self.body(x)) / self.temperature


# --- the list ------------------------------------------------------------------------------------


def chain(*middle, n=5):
    """A network with some layers between two affine ones."""

    def make():
        return Network([affine(4, n), *(m() for m in middle), affine(n, 3, seed=3)], rng=rng(5))

    return make


class Image(Layer):
    """Lets rows be images."""

    def forward(self, x):
        return x.reshape(len(x), 2, 3, -1)


def frozen():
    net = chain(lambda: BatchNorm(5), Swish)()
    net.freeze("W1", "gamma*")
    return net


def tied_pair():
    encoder = affine(4, 3)
    return Network([encoder, Swish(), Decoder(encoder)], MeanSquaredError())


X = rng(11).standard_normal((6, 4))
T = rng(12).integers(3, size=6)
SEQUENCES = rng(13).standard_normal((6, 5, 4))
WORDS = rng(14).integers(7, size=(6, 5))

CASES = {
    "gelu": (chain(BareGelu), X, T),
    "swish": (chain(lambda: Swish(1.5)), X, T),
    "leaky": (chain(Leaky), X, T),
    "prelu": (chain(PRelu), X, T),
    "dropout": (chain(Dropout), X, T),
    "book dropout": (chain(lambda: BookDropout(0.3)), X, T),
    "gaussian noise": (chain(GaussianNoise), X, T),
    "drop path": (chain(lambda: DropPath(affine(5, 5))), X, T),
    "batch norm": (chain(lambda: BatchNorm(5)), X, T),
    "lazy norm": (chain(Image, lambda: LazyNorm(2), n=12), X, T),
    "book norm": (chain(lambda: BookNorm(5)), X, T),
    "layer norm": (chain(lambda: LayerNorm(5)), X, T),
    "residual": (chain(lambda: Residual(5)), X, T),
    "residual by hand": (chain(lambda: ResidualByHand(5)), X, T),
    "block by hand": (chain(lambda: BlockByHand(5)), X, T),
    "stack": (chain(lambda: Stack(5)), X, T),
    "plain holder": (chain(lambda: PlainHolder(5)), X, T),
    "shared": (chain(lambda: Shared(5)), X, T),
    "shared by hand": (chain(lambda: SharedByHand(5)), X, T),
    "deep": (chain(lambda: Deep(5)), X, T),
    "cell": (chain(lambda: Cell(5, 5)), X, T),
    "lazy cell": (chain(lambda: LazyCell(5, 5)), X, T),
    "attention": (lambda: Network([Attention(4), Mean(), affine(4, 3)]), SEQUENCES, T),
    "causal": (lambda: Network([Causal(4, 5), Mean(), affine(4, 3)]), SEQUENCES, T),
    "heads": (Heads, SEQUENCES, T),
    "embedding": (lambda: Network([OwnEmbedding(9, 4), affine(4, 3)]), np.arange(6), T),
    "bare embedding": (lambda: Network([BareEmbedding(9, 4), affine(4, 3)]), np.arange(6), T),
    "skip": (Skip, X, T),
    "list of blocks": (ListOfBlocks, X, T),
    "two inputs": (TwoInputs, (X, np.arange(6)), T),
    "two outputs": (TwoOutputs, X, (T, X[:, :2])),
    "penalty": (lambda: Penalty([affine(4, 5), Relu(), affine(5, 3)]), X, T),
    "own array": (OwnArray, X, T),
    "tied transpose": (TiedTranspose, X, X),
    "tied pair": (tied_pair, X, X),
    "language": (lambda: Language(Rnn(4, 4)), WORDS, np.roll(WORDS, -1, axis=1)),
    "language, attending": (lambda: Language(Causal(4, 5), BareEmbedding), WORDS, WORDS),
    "networks inside": (Holding, X, T),
    "config": (Config, X, T),
    "frozen": (frozen, X, T),
}


class Mean(Layer):
    """The mean over the steps of a sequence."""

    def forward(self, x):
        self.shape = x.shape
        return x.mean(axis=1)

    def backward(self, dout):
        return np.broadcast_to(dout[:, None] / self.shape[1], self.shape)
