"""Layers as textbooks write them, all right: the catalogue plants mistakes in them.

They are plain classes, without the library's base, and keep their parameters in the ways that
people use. Some write into arrays of their own, as many do, so that forward cannot be opened.
"""

import numpy as np


class Affine:
    params = ("W", "b")

    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T

    @classmethod
    def samples(cls, rng):
        yield cls(rng.standard_normal((5, 3)), rng.standard_normal(3)), rng.standard_normal((4, 5))
        yield cls(rng.standard_normal((4, 4)), rng.standard_normal(4)), rng.standard_normal((4, 4))


class Relu:
    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dx = dout.copy()
        dx[self.mask] = 0
        return dx

    @classmethod
    def samples(cls, rng):
        yield cls(), rng.standard_normal((4, 5))
        yield cls(), np.array([[-1.0, 0.0, 2.0, -3.0]])


class LeakyRelu:
    def __init__(self, slope=0.1):
        self.slope = slope

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.slope * x)

    def backward(self, dout):
        return np.where(self.x > 0, dout, self.slope * dout)


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * self.out * (1 - self.out)


class Tanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, dout):
        return dout * (1 - self.out**2)


class Gelu:
    """The approximation with tanh (Hendrycks and Gimpel 2016, section 2)."""

    def forward(self, x):
        self.x = x
        self.th = np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
        return 0.5 * x * (1 + self.th)

    def backward(self, dout):
        slope = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * self.x**2)
        return dout * (0.5 * (1 + self.th) + 0.5 * self.x * (1 - self.th**2) * slope)


class Swish:
    def forward(self, x):
        self.x = x
        self.s = 1 / (1 + np.exp(-x))
        return x * self.s

    def backward(self, dout):
        return dout * (self.s + self.x * self.s * (1 - self.s))


class PRelu:
    params = ("alpha",)

    def __init__(self, alpha):
        self.alpha = alpha

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, dout):
        self.dalpha = (dout * np.where(self.x > 0, 0, self.x)).sum(axis=0)
        return dout * np.where(self.x > 0, 1, self.alpha)

    @classmethod
    def samples(cls, rng):
        yield cls(rng.uniform(0.1, 0.4, 3)), rng.standard_normal((6, 3))


class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return self.y

    def backward(self, dout):
        return self.y * (dout - (dout * self.y).sum(axis=1, keepdims=True))

    @classmethod
    def samples(cls, rng):
        yield cls(), rng.standard_normal((4, 5))
        yield cls(), rng.standard_normal((3, 3))


class LogSoftmax:
    def forward(self, x):
        shifted = x - x.max(axis=1, keepdims=True)
        self.out = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return self.out

    def backward(self, dout):
        return dout - np.exp(self.out) * dout.sum(axis=1, keepdims=True)


class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return -np.log(self.y[np.arange(len(t)), t]).sum() / len(t)

    def backward(self, dout=1):
        dx = self.y.copy()
        dx[np.arange(len(self.t)), self.t] -= 1
        return dout * dx / len(self.t)

    @classmethod
    def samples(cls, rng):
        yield cls(), (rng.standard_normal((4, 5)), rng.integers(5, size=4))
        yield cls(), (rng.standard_normal((7, 3)), rng.integers(3, size=7))


class MeanSquaredError:
    def forward(self, y, t):
        self.gap = y - t
        return (self.gap**2).sum() / (2 * len(y))

    def backward(self, dout=1):
        return dout * self.gap / len(self.gap)


class Huber:
    def forward(self, y, t):
        self.gap = y - t
        far = abs(self.gap) > 1
        return np.where(far, abs(self.gap) - 0.5, 0.5 * self.gap**2).mean()

    def backward(self, dout=1):
        return dout * np.clip(self.gap, -1, 1) / self.gap.size


class BatchNorm:
    params = ("gamma", "beta")

    def __init__(self, gamma, beta, eps=1e-5):
        self.gamma, self.beta, self.eps = gamma, beta, eps
        self.running_mean = np.zeros_like(gamma)

    def forward(self, x):
        self.mean = x.mean(axis=0)
        self.centred = x - self.mean
        self.std = np.sqrt((self.centred**2).mean(axis=0) + self.eps)
        self.xhat = self.centred / self.std
        self.running_mean = 0.9 * self.running_mean + 0.1 * self.mean
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        n = len(dout)
        self.dbeta = dout.sum(axis=0)
        self.dgamma = (dout * self.xhat).sum(axis=0)
        dxhat = dout * self.gamma
        dvar = (dxhat * self.centred).sum(axis=0) * -0.5 / self.std**3
        dmean = -(dxhat / self.std).sum(axis=0)
        return dxhat / self.std + dvar * 2 * self.centred / n + dmean / n

    @classmethod
    def samples(cls, rng):
        yield cls(rng.uniform(0.5, 2, 3), rng.standard_normal(3)), rng.standard_normal((6, 3))
        yield cls(rng.uniform(0.5, 2, 4), rng.standard_normal(4)), 3 * rng.standard_normal((5, 4))


class LayerNorm:
    params = ("gamma", "beta")

    def __init__(self, gamma, beta, eps=1e-5):
        self.gamma, self.beta, self.eps = gamma, beta, eps

    def forward(self, x):
        self.centred = x - x.mean(axis=-1, keepdims=True)
        self.std = np.sqrt((self.centred**2).mean(axis=-1, keepdims=True) + self.eps)
        self.xhat = self.centred / self.std
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        self.dbeta = dout.sum(axis=0)
        self.dgamma = (dout * self.xhat).sum(axis=0)
        d = dout * self.gamma
        mean_d = d.mean(axis=-1, keepdims=True)
        return (d - mean_d - self.xhat * (d * self.xhat).mean(axis=-1, keepdims=True)) / self.std

    @classmethod
    def samples(cls, rng):
        yield cls(rng.uniform(0.5, 2, 5), rng.standard_normal(5)), rng.standard_normal((3, 5))
        yield cls(rng.uniform(0.5, 2, 4), rng.standard_normal(4)), rng.standard_normal((4, 4))


class Dropout:
    def __init__(self, ratio, rng):
        self.ratio, self.rng = ratio, rng

    def forward(self, x):
        self.mask = self.rng.random(x.shape) > self.ratio
        return x * self.mask / (1 - self.ratio)

    def backward(self, dout):
        return dout * self.mask / (1 - self.ratio)

    @classmethod
    def samples(cls, rng):
        yield cls(0.3, np.random.default_rng(1)), rng.standard_normal((4, 6))


class Convolution:
    params = ("W", "b")

    def __init__(self, W, b, stride=1, pad=1):
        self.W, self.b, self.stride, self.pad = W, b, stride, pad

    def places(self):
        """Each output place with the patch of the padded images that it looks at."""
        (*_, fh, fw), s = self.W.shape, self.stride
        for i in range(self.shape[2]):
            for j in range(self.shape[3]):
                yield i, j, (..., slice(i * s, i * s + fh), slice(j * s, j * s + fw))

    def forward(self, x):
        n, _, h, w = x.shape
        f, _, fh, fw = self.W.shape
        p, s = self.pad, self.stride
        self.x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        self.shape = (n, f, 1 + (h + 2 * p - fh) // s, 1 + (w + 2 * p - fw) // s)
        out = np.zeros(self.shape, x.dtype)
        for i, j, patch in self.places():
            out[:, :, i, j] = np.tensordot(self.x[patch], self.W, ([1, 2, 3], [1, 2, 3])) + self.b
        return out

    def backward(self, dout):
        dx, self.dW = np.zeros_like(self.x), np.zeros_like(self.W)
        for i, j, patch in self.places():
            dx[patch] += np.tensordot(dout[:, :, i, j], self.W, 1)
            self.dW += np.tensordot(dout[:, :, i, j].T, self.x[patch], 1)
        self.db = dout.sum(axis=(0, 2, 3))
        return self.cut(dx)

    def cut(self, dx):
        p = self.pad
        return dx[:, :, p : dx.shape[2] - p, p : dx.shape[3] - p]

    @classmethod
    def samples(cls, rng):
        W, b = rng.standard_normal((3, 2, 3, 3)), rng.standard_normal(3)
        yield cls(W, b), rng.standard_normal((2, 2, 4, 5))


class MaxPooling:
    def forward(self, x):
        n, c, h, w = x.shape
        self.shape = x.shape
        self.windows = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5)
        self.windows = self.windows.reshape(n, c, h // 2, w // 2, 4)
        self.argmax = self.windows.argmax(axis=-1)
        return self.windows.max(axis=-1)

    def backward(self, dout):
        d = np.where(np.arange(4) == self.argmax[..., None], dout[..., None], 0)
        return self.unfold(d)

    def unfold(self, d):
        n, c, h, w = self.shape
        d = d.reshape(n, c, h // 2, w // 2, 2, 2).transpose(0, 1, 2, 4, 3, 5)
        return d.reshape(self.shape)

    @classmethod
    def samples(cls, rng):
        yield cls(), rng.standard_normal((2, 3, 4, 6))
        yield cls(), rng.integers(3, size=(2, 2, 4, 4)).astype(float)


class AveragePooling(MaxPooling):
    def forward(self, x):
        super().forward(x)
        return self.windows.mean(axis=-1)

    def backward(self, dout):
        return self.unfold(np.repeat(dout[..., None], 4, axis=-1) / 4)


class Embedding:
    params = ("W",)

    def __init__(self, W):
        self.W = W

    def forward(self, idx):
        self.idx = idx
        return self.W[idx]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.idx, dout)

    @classmethod
    def samples(cls, rng):
        yield cls(rng.standard_normal((6, 3))), np.array([0, 2, 2, 5, 1, 2])


class Multiply:
    def forward(self, x, y):
        self.x, self.y = x, y
        return x * y

    def backward(self, dout):
        return dout * self.y, dout * self.x


class Subtract:
    def forward(self, x, y):
        return x - y

    def backward(self, dout):
        return dout, -dout


class AddBias:
    """Adds a row to every row: what is copied forward is summed backward."""

    def forward(self, x, row):
        return x + row

    def backward(self, dout):
        return dout, dout.sum(axis=0)

    @classmethod
    def samples(cls, rng):
        yield cls(), (rng.standard_normal((4, 3)), rng.standard_normal(3))


class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dout):
        return dout.reshape(self.shape)

    @classmethod
    def samples(cls, rng):
        yield cls(), rng.standard_normal((2, 3, 4))


class Permute:
    def forward(self, x):
        return x.transpose(0, 2, 3, 1)

    def backward(self, dout):
        return dout.transpose(0, 3, 1, 2)

    @classmethod
    def samples(cls, rng):
        yield cls(), rng.standard_normal((2, 3, 3, 3))


class Concatenate:
    def forward(self, x, y):
        self.width = x.shape[1]
        return np.concatenate([x, y], axis=1)

    def backward(self, dout):
        return dout[:, : self.width], dout[:, self.width :]


class RunningSum:
    def forward(self, x):
        return np.cumsum(x, axis=1)

    def backward(self, dout):
        return np.cumsum(dout[:, ::-1], axis=1)[:, ::-1]


class UnitLength:
    def forward(self, x):
        self.length = np.sqrt((x**2).sum(axis=1, keepdims=True))
        self.out = x / self.length
        return self.out

    def backward(self, dout):
        return (dout - self.out * (dout * self.out).sum(axis=1, keepdims=True)) / self.length


class Attention:
    def forward(self, q, k, v):
        self.q, self.k, self.v = q, k, v
        self.scale = 1 / np.sqrt(q.shape[-1])
        s = q @ k.swapaxes(-1, -2) * self.scale
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        self.a = e / e.sum(axis=-1, keepdims=True)
        return self.a @ v

    def backward(self, dout):
        dv = self.a.swapaxes(-1, -2) @ dout
        ds = self.softmax_backward(dout @ self.v.swapaxes(-1, -2)) * self.scale
        return ds @ self.k, ds.swapaxes(-1, -2) @ self.q, dv

    def softmax_backward(self, da):
        return self.a * (da - (da * self.a).sum(axis=-1, keepdims=True))

    @classmethod
    def samples(cls, rng):
        yield cls(), tuple(rng.standard_normal((2, 4, 3)) for _ in range(3))


class RnnCell:
    """Keeps its parameters in lists, beside a list of their derivatives."""

    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(w) for w in self.params]

    def forward(self, x, h_prev):
        Wx, Wh, b = self.params
        self.cache = x, h_prev, np.tanh(h_prev @ Wh + x @ Wx + b)
        return self.cache[2]

    def backward(self, dout):
        Wx, Wh, _ = self.params
        x, h_prev, h = self.cache
        dt = dout * (1 - h**2)
        self.grads[0][...] = x.T @ dt
        self.grads[1][...] = h_prev.T @ dt
        self.grads[2][...] = dt.sum(axis=0)
        return dt @ Wx.T, dt @ Wh.T

    @classmethod
    def samples(cls, rng):
        shapes = (4, 3), (3, 3), (3,)
        layer = cls(*(rng.standard_normal(shape) for shape in shapes))
        yield layer, (rng.standard_normal((5, 4)), rng.standard_normal((5, 3)))


class LstmCell:
    """Gates in the order forget, new, input, output; two outputs, two derivatives from upstream."""

    def __init__(self, Wx, Wh, b):
        self.Wx, self.Wh, self.b = Wx, Wh, b
        self.dWx = self.dWh = self.db = None

    def forward(self, x, h_prev, c_prev):
        f, g, i, o = np.split(x @ self.Wx + h_prev @ self.Wh + self.b, 4, axis=1)
        f, i, o = (1 / (1 + np.exp(-gate)) for gate in (f, i, o))
        g = np.tanh(g)
        c_next = f * c_prev + g * i
        self.cache = x, h_prev, c_prev, f, g, i, o, c_next
        return o * np.tanh(c_next), c_next

    def backward(self, dh_next, dc_next):
        x, h_prev, c_prev, f, g, i, o, c_next = self.cache
        dc = self.into_the_cell(dh_next, dc_next, o, c_next)
        df, dg, di, do = dc * c_prev, dc * i, dc * g, dh_next * np.tanh(c_next)
        gates = df * f * (1 - f), dg * (1 - g**2), di * i * (1 - i), do * o * (1 - o)
        dA = self.join(gates)
        self.dWx, self.dWh, self.db = x.T @ dA, h_prev.T @ dA, dA.sum(axis=0)
        return dA @ self.Wx.T, dA @ self.Wh.T, dc * f

    def into_the_cell(self, dh_next, dc_next, o, c_next):
        return dc_next + dh_next * o * (1 - np.tanh(c_next) ** 2)

    def join(self, gates):
        return np.hstack(gates)

    @classmethod
    def samples(cls, rng):
        layer = cls(*(rng.standard_normal(shape) for shape in ((4, 12), (3, 12), (12,))))
        yield layer, tuple(rng.standard_normal((5, n)) for n in (4, 3, 3))


class BookAffine:
    """Keeps W and dW as attributes and declares nothing."""

    def __init__(self, W, b):
        self.W, self.b = W, b
        self.x = self.dW = self.db = None

    forward, backward = Affine.forward, Affine.backward

    @classmethod
    def samples(cls, rng):
        yield cls(rng.standard_normal((5, 3)), rng.standard_normal(3)), rng.standard_normal((4, 5))


class EmbeddingDot:
    """A layer inside a layer, whose lists of parameters and derivatives both share."""

    def __init__(self, W):
        self.embedding = Embedding(W)
        self.params, self.grads = [W], [None]

    def forward(self, h, idx):
        self.cache = h, self.embedding.forward(idx)
        return (self.cache[0] * self.cache[1]).sum(axis=1)

    def backward(self, dout):
        h, rows = self.cache
        self.embedding.backward(dout[:, None] * h)
        self.grads[0] = self.embedding.dW
        return dout[:, None] * rows

    @classmethod
    def samples(cls, rng):
        yield (
            cls(rng.standard_normal((6, 3))),
            (rng.standard_normal((4, 3)), np.array([1, 1, 3, 0])),
        )


RIGHT = [
    value
    for value in dict(globals()).values()
    if isinstance(value, type) and hasattr(value, "backward")
]
