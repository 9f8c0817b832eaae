"""More mistakes, planted in another hand than those of the catalogue, and without their stories.

They were written to be strangers to the checker: what it says of them was looked at afterwards.
"""

import numpy as np
import right_layers as right
from stranger import h
from strangers_elementwise import Dense

from clearprop.checking import Kind


class SM:
    def forward(self, x):
        x = x - x.max(-1, keepdims=True)
        e = np.exp(x)
        self.y = e / e.sum(-1, keepdims=True)
        return self.y

    def backward(self, dout):
        dx = self.y * dout
        s = dx.sum(-1, keepdims=True)
        return dx - self.y * s


@h((Kind.DROPPED_TERM), "x")
class S1(SM):
    def backward(self, dout):
        return self.y * dout


@h((Kind.SIGN, Kind.UNKNOWN, Kind.DROPPED_TERM), "x")
class S2(SM):
    def backward(self, dout):
        dx = self.y * dout
        return dx + self.y * dx.sum(-1, keepdims=True)


@h((Kind.DROPPED_TERM, Kind.UNKNOWN, Kind.WRONG_VALUE), "x")
class S3(SM):
    def backward(self, dout):
        dx = self.y * dout
        return dx - dx.sum(-1, keepdims=True)


@h((Kind.SUMMED, Kind.WRONG_AXIS), "x")
class S4(SM):
    def backward(self, dout):
        dx = self.y * dout
        return dx - self.y * dx.sum()


class CE:
    def forward(self, x, t):
        self.t = t
        x = x - x.max(1, keepdims=True)
        e = np.exp(x)
        self.y = e / e.sum(1, keepdims=True)
        self.n = x.shape[0]
        return -np.mean(np.sum(t * np.log(self.y), axis=1))

    def backward(self, dout=1.0):
        return dout * (self.y - self.t) / self.n

    @classmethod
    def samples(cls, rng):
        yield cls(), (rng.standard_normal((6, 4)), np.eye(4)[rng.integers(4, size=6)])


@h(Kind.FACTOR, "x")
class C1(CE):
    def backward(self, dout=1.0):
        return dout * (self.y - self.t)


@h(Kind.FACTOR, "x")
class C2(CE):
    def backward(self, dout=1.0):
        return dout * (self.y - self.t) / self.y.size


@h(Kind.SIGN, "x")
class C3(CE):
    def backward(self, dout=1.0):
        return dout * (self.t - self.y) / self.n


@h(Kind.IGNORES_DOUT, "x")
class C4(CE):
    def backward(self, dout=1.0):
        return (self.y - self.t) / self.n


@h((Kind.WRONG_VALUE, Kind.UNKNOWN, Kind.DROPPED_TERM), "x")
class C5(CE):
    def backward(self, dout=1.0):
        return dout * (-self.t / self.y) / self.n


@h((Kind.STALE, Kind.FACTOR), "x")
class C6(CE):
    n0 = None

    def forward(self, x, t):
        r = super().forward(x, t)
        self.n0 = self.n0 or len(x)
        return r

    def backward(self, dout=1.0):
        return dout * (self.y - self.t) / self.n0


class MSE:
    def forward(self, y, t):
        self.d = y - t
        return np.mean(self.d**2)

    def backward(self, dout=1):
        return dout * 2 * self.d / self.d.size


@h(Kind.FACTOR, "y")
class M1(MSE):
    def backward(self, dout=1):
        return dout * self.d / self.d.size


@h(Kind.FACTOR, "y")
class M2(MSE):
    def backward(self, dout=1):
        return dout * 2 * self.d / len(self.d)


@h(Kind.NOT_LINEAR, "y")
class M3(MSE):
    def backward(self, dout=1):
        return abs(dout) * 2 * self.d / self.d.size


@h((Kind.DROPPED_TERM, Kind.FACTOR, Kind.UNKNOWN), "x")
class N1(right.BatchNorm):
    def backward(self, dout):
        super().backward(dout)
        n = len(dout)
        d = dout * self.gamma
        return (d - d.sum(0) - self.xhat * (d * self.xhat).sum(0) / n) / self.std


@h((Kind.FACTOR, Kind.UNKNOWN, Kind.EXTRA_TERM), "x")
class N2(right.BatchNorm):
    def backward(self, dout):
        super().backward(dout)
        n = len(dout)
        d = dout * self.gamma
        return (d - d.mean(0) - self.xhat * (d * self.xhat).sum(0) / (n - 1)) / self.std


@h((Kind.WRONG_VALUE,), "gamma")
class N3(right.BatchNorm):
    def forward(self, x):
        self.x = x
        return super().forward(x)

    def backward(self, dout):
        dx = super().backward(dout)
        self.dgamma = (dout * self.x).sum(0)
        return dx


@h((Kind.SWAPPED), "gamma beta")
class N4(right.BatchNorm):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dgamma, self.dbeta = self.dbeta, self.dgamma
        return dx


@h((Kind.NOT_SUMMED), "gamma")
class N5(right.BatchNorm):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dgamma = dout * self.xhat
        return dx


@h((Kind.DROPPED_TERM,), "x")
class N6(right.LayerNorm):
    def backward(self, dout):
        super().backward(dout)
        return dout * self.gamma / self.std


@h((Kind.DROPPED_TERM, Kind.WRONG_VALUE, Kind.FACTOR), "x")
class N7(right.LayerNorm):
    def backward(self, dout):
        return super().backward(dout) * self.std


@h((Kind.DROPPED_TERM, Kind.WRONG_VALUE), "gamma")
class N8(right.LayerNorm):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dgamma = dout.sum(0)
        return dx


@h((Kind.MASK_MISSING, Kind.DROPPED_TERM, Kind.FACTOR), "x")
class P1(right.Dropout):
    def backward(self, dout):
        return dout / (1 - self.ratio)


@h(Kind.MASK_INVERTED, "x")
class P2(right.Dropout):
    def backward(self, dout):
        return dout * ~self.mask / (1 - self.ratio)


@h(Kind.FACTOR, "x")
class P3(right.Dropout):
    def backward(self, dout):
        return dout * self.mask * (1 - self.ratio)


@h((Kind.TRANSPOSED, Kind.WRONG_PLACE, Kind.UNKNOWN), "W")
class V1(right.Convolution):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = self.dW.transpose(0, 1, 3, 2)
        return dx


@h((Kind.FACTOR), "b")
class V2(right.Convolution):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = dout.mean(axis=(0, 2, 3))
        return dx


@h((Kind.WRONG_AXIS, Kind.SHAPE, Kind.NOT_SUMMED), "b")
class V3(right.Convolution):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = dout.sum(axis=(0, 1, 2))
        return dx


@h((Kind.DROPPED_TERM, Kind.UNKNOWN, Kind.WRONG_PLACE), "W")
class V4(right.Convolution):
    def backward(self, dout):
        dx = super().backward(dout)
        x = self.x
        self.dW = np.zeros_like(self.W)
        for i, j, patch in list(self.places())[:-1]:
            self.dW += np.tensordot(dout[:, :, i, j].T, x[patch], 1)
        return dx


@h((Kind.NOT_SUMMED, Kind.DROPPED_TERM, Kind.UNKNOWN), "W")
class V5(right.Convolution):
    def backward(self, dout):
        dx = super().backward(dout)
        for i, j, patch in list(self.places()):
            self.dW = np.tensordot(dout[:, :, i, j].T, self.x[patch], 1)
        return dx


@h((Kind.DROPPED_TERM, Kind.NOT_SUMMED, Kind.UNKNOWN, Kind.WRONG_PLACE), "W")
class E1(right.Embedding):
    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        for i, k in enumerate(self.idx[:-1]):
            self.dW[k] += dout[i]


@h((Kind.ACCUMULATES), "W")
class E2(right.Embedding):
    def __init__(self, W):
        super().__init__(W)
        self.dW = np.zeros_like(W)

    def backward(self, dout):
        np.add.at(self.dW, self.idx, dout)


@h((Kind.DROPPED_TERM, Kind.FACTOR, Kind.UNKNOWN, Kind.WRONG_VALUE), "q k")
class T1(right.Attention):
    def softmax_backward(self, da):
        return self.a * da


@h((Kind.TRANSPOSED, Kind.UNKNOWN), "v")
class T2(right.Attention):
    def backward(self, dout):
        dq, dk, _ = super().backward(dout)
        return dq, dk, self.a @ dout


@h((Kind.WRONG_AXIS, Kind.UNKNOWN), "q k")
class T3(right.Attention):
    def softmax_backward(self, da):
        return self.a * (da - (da * self.a).sum(axis=-2, keepdims=True))


@h((Kind.WRONG_VALUE, Kind.DROPPED_TERM, Kind.UNKNOWN), "params[0] params[1] params[2] x h_prev")
class L0(right.RnnCell):
    def backward(self, dout):
        x, hp, hn = self.cache
        Wx, Wh, _ = self.params
        dt = dout * (1 - hn)
        self.grads[0][...] = x.T @ dt
        self.grads[1][...] = hp.T @ dt
        self.grads[2][...] = dt.sum(0)
        return dt @ Wx.T, dt @ Wh.T


@h((Kind.ZERO), "h_prev")
class L1(right.RnnCell):
    def backward(self, dout):
        a, b = super().backward(dout)
        return a, 0 * b


@h((Kind.DROPPED_TERM, Kind.WRONG_VALUE, Kind.UNKNOWN, Kind.FACTOR), "c_prev")
class L2(right.LstmCell):
    def backward(self, a, b):
        dx, dh, dc = super().backward(a, b)
        return dx, dh, dc / self.cache[3]


@h((Kind.IGNORES_DOUT, Kind.DROPPED_TERM, Kind.UNKNOWN), "Wx Wh b x h_prev c_prev")
class L3(right.LstmCell):
    def into_the_cell(self, dh, dc, o, cn):
        return dh * o * (1 - np.tanh(cn) ** 2)


@h((Kind.ZERO, Kind.MISSING), "y")
class Z1(right.Multiply):
    def backward(self, dout):
        return dout * self.y, 0 * self.x


@h((Kind.SWAPPED, Kind.WRONG_VALUE), "y")
class Z2(right.Multiply):
    def backward(self, dout):
        return dout * self.y, dout * self.y


class Div:
    def forward(self, x, y):
        self.x, self.y = x, y
        return x / y

    def backward(self, dout):
        return dout / self.y, -dout * self.x / self.y**2


@h(Kind.SIGN, "y")
class Z3(Div):
    def backward(self, dout):
        return dout / self.y, dout * self.x / self.y**2


@h((Kind.WRONG_VALUE, Kind.DROPPED_TERM, Kind.FACTOR), "y")
class Z4(Div):
    def backward(self, dout):
        return dout / self.y, -dout * self.x / self.y


class Mean:
    def forward(self, x):
        self.s = x.shape
        return x.mean(axis=1)

    def backward(self, dout):
        return np.repeat(dout[:, None], self.s[1], 1) / self.s[1]


@h(Kind.FACTOR, "x")
class Q1(Mean):
    def backward(self, dout):
        return np.repeat(dout[:, None], self.s[1], 1)


@h((Kind.SHAPE, Kind.SUMMED), "x")
class Q2(Mean):
    def backward(self, dout):
        return dout[:, None] / self.s[1]


class Max:
    def forward(self, x):
        self.x = x
        self.i = x.argmax(1)
        return x.max(1)

    def backward(self, dout):
        dx = np.zeros_like(self.x)
        dx[np.arange(len(dx)), self.i] = dout
        return dx


@h((Kind.MASK_MISSING, Kind.WRONG_PLACE, Kind.WRONG_VALUE), "x")
class Q3(Max):
    def backward(self, dout):
        return np.repeat(dout[:, None], self.x.shape[1], 1)


@h((Kind.WRONG_PLACE, Kind.MASK_INVERTED), "x")
class Q4(Max):
    def backward(self, dout):
        dx = np.zeros_like(self.x)
        dx[np.arange(len(dx)), self.x.argmin(1)] = dout
        return dx


@h((Kind.TRANSPOSED, Kind.SHAPE), "x")
class Q5(right.Permute):
    def forward(self, x):
        return x.T

    def backward(self, d):
        return d

    @classmethod
    def samples(cls, rng):
        yield cls(), (rng.standard_normal((3, 3)),)


@h(Kind.RAISES, "dout")
class Q6(Dense):
    def backward(self, dout):
        return np.dot(self.W, dout)


@h(Kind.COUNT, "")
class Q7(right.Attention):
    def backward(self, dout):
        return super().backward(dout)[:2]


@h(Kind.DTYPE, "x")
class Q8(Dense):
    def backward(self, dout):
        return super().backward(dout).astype(np.float16)


@h(Kind.PRECISION, "x")
class Q9(Dense):
    def backward(self, dout):
        return super().backward(dout).astype(np.float32).astype(float)


RIGHT = [SM, CE, MSE, Div, Mean, Max]
