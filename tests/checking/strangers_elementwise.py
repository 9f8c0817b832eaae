"""More mistakes, planted in another hand than those of the catalogue, and without their stories.

They were written to be strangers to the checker: what it says of them was looked at afterwards.
"""

import numpy as np
from stranger import h

from clearprop.checking import Kind


class Dense:
    def __init__(self):
        r = np.random.default_rng(3)
        self.W = r.standard_normal((6, 4))
        self.b = r.standard_normal(4)
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return np.dot(dout, self.W.T)

    @classmethod
    def samples(cls, rng):
        yield cls(), (rng.standard_normal((5, 6)),)


@h(Kind.FACTOR, "W b")
class D1(Dense):
    def backward(self, dout):
        dx = super().backward(dout)
        n = self.x.shape[0]
        self.dW /= n
        self.db /= n
        return dx


@h(Kind.SIGN, "x")
class D2(Dense):
    def backward(self, dout):
        return -super().backward(dout)


@h(Kind.FACTOR, "x")
class D3(Dense):
    def backward(self, dout):
        return 0.5 * super().backward(dout)


@h(Kind.MISSING, "W")
class D4(Dense):
    def backward(self, dout):
        self.db = dout.sum(0)
        return dout @ self.W.T


@h(Kind.ACCUMULATES, "b")
class D5(Dense):
    def __init__(self):
        super().__init__()
        self.db = np.zeros(4)

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db += dout.sum(0)
        return dout @ self.W.T


@h(Kind.IGNORES_DOUT, "W")
class D6(Dense):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = self.x.T @ np.ones_like(dout)
        return dx


@h(Kind.STALE, "W")
class D7(Dense):
    def forward(self, x):
        if getattr(self, "cache", None) is None or self.cache.shape != x.shape:
            self.cache = x.copy()
        self.x = self.cache
        return x @ self.W + self.b


@h(Kind.SHAPE, "b")
class D8(Dense):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = dout.sum(axis=0, keepdims=True)
        return dx


@h((Kind.FACTOR,), "W")
class D9(Dense):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = 0.01 * self.dW
        return dx


@h((Kind.WRONG_VALUE, Kind.PRECISION, Kind.INTEGER, Kind.UNKNOWN), "x")
class D10(Dense):
    def backward(self, dout):
        dx = super().backward(dout)
        return np.round(dx, 2)


@h((Kind.DROPPED_TERM,), "x")
class D11(Dense):
    def backward(self, dout):
        dx = super().backward(dout)
        dx[-1] = 0
        return dx


@h((Kind.IN_PLACE,), "x")
class D12(Dense):
    def forward(self, x):
        out = super().forward(x)
        x -= x.mean()
        return out


@h((Kind.IN_PLACE, Kind.FACTOR), "dout W b")
class D13(Dense):
    def backward(self, dout):
        dout *= 2
        r = super().backward(dout)
        return r / 2


@h((Kind.WRONG_PLACE, Kind.WRONG_AXIS, Kind.UNKNOWN), "W")
class D14(Dense):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = self.dW[::-1]
        return dx


class Act:
    def forward(self, x):
        self.x = x
        self.out = self.f(x)
        return self.out

    def backward(self, dout):
        return dout * self.df()


class Sp(Act):
    def f(self, x):
        return np.log1p(np.exp(x))

    def df(self):
        return 1 / (1 + np.exp(-self.x))


@h((Kind.WRONG_VALUE, Kind.DROPPED_TERM), "x")
class A1(Sp):
    def df(self):
        return 1 / (1 + np.exp(self.x))


class Elu(Act):
    def f(self, x):
        return np.where(x > 0, x, np.exp(x) - 1)

    def df(self):
        return np.where(self.x > 0, 1, np.exp(self.x))


@h((Kind.WRONG_VALUE, Kind.DROPPED_TERM, Kind.UNKNOWN, Kind.MASK_MISSING), "x")
class A2(Elu):
    def df(self):
        return np.where(self.x > 0, 1, self.out)


@h((Kind.WRONG_VALUE, Kind.DROPPED_TERM, Kind.MASK_MISSING), "x")
class A3(Elu):
    def df(self):
        return np.ones_like(self.x)


class Sq(Act):
    def f(self, x):
        return x**2

    def df(self):
        return 2 * self.x


@h(Kind.FACTOR, "x")
class A4(Sq):
    def df(self):
        return self.x


@h((Kind.WRONG_VALUE, Kind.FACTOR, Kind.DROPPED_TERM), "x")
class A5(Sq):
    def df(self):
        return 2 * self.x**2


class Sig(Act):
    def f(self, x):
        return 1 / (1 + np.exp(-x))

    def df(self):
        return self.out * (1 - self.out)


@h((Kind.WRONG_VALUE, Kind.SIGN), "x")
class A6(Sig):
    def df(self):
        return self.out * (self.out - 1)


@h((Kind.WRONG_VALUE,), "x")
class A7(Sig):
    def df(self):
        return self.x * (1 - self.x)


@h((Kind.WRONG_VALUE, Kind.UNKNOWN, Kind.SIGN), "x")
class A8(Sig):
    def df(self):
        return self.out * (1 + self.out)


@h((Kind.WRONG_VALUE, Kind.UNKNOWN), "x")
class A9(Sig):
    def df(self):
        return self.out - self.out**3


@h((Kind.DROPPED_TERM,), "x")
class A10(Sig):
    def df(self):
        return 1.0


class Ab(Act):
    def f(self, x):
        return abs(x)

    def df(self):
        return np.sign(self.x)


@h((Kind.MASK_MISSING, Kind.SIGN, Kind.DROPPED_TERM, Kind.WRONG_VALUE), "x")
class A11(Ab):
    def df(self):
        return np.ones_like(self.x)


class Clip(Act):
    def f(self, x):
        return np.clip(x, -0.5, 0.5)

    def df(self):
        return (abs(self.x) < 0.5) * 1.0


@h(Kind.MASK_MISSING, "x")
class A12(Clip):
    def df(self):
        return 1.0


@h(Kind.MASK_INVERTED, "x")
class A13(Clip):
    def df(self):
        return (abs(self.x) >= 0.5) * 1.0


class Lg(Act):
    def f(self, x):
        return np.log(abs(x) + 1)

    def df(self):
        return np.sign(self.x) / (abs(self.x) + 1)


@h((Kind.WRONG_VALUE, Kind.DROPPED_TERM), "x")
class A14(Lg):
    def df(self):
        return 1 / (abs(self.x) + 1)


class Rl(Act):
    def f(self, x):
        return np.maximum(0, x)

    def df(self):
        return (self.x > 0) * 1.0


@h((Kind.IGNORES_DOUT), "x")
class A15(Rl):
    def backward(self, dout):
        return (self.x > 0).astype(float)


@h((Kind.WRONG_VALUE, Kind.UNKNOWN, Kind.FACTOR, Kind.EXTRA_TERM, Kind.DROPPED_TERM), "x")
class A16(Rl):
    def backward(self, dout):
        return dout * self.out


@h((Kind.EXTRA_TERM), "x")
class A17(Rl):
    def backward(self, dout):
        return dout * (self.x > 0) + 1e-3


@h((Kind.IN_PLACE), "x")
class A18(Rl):
    def forward(self, x):
        self.x = x.copy()
        np.maximum(x, 0, out=x)
        return x


RIGHT = [Dense, Sp, Elu, Sq, Sig, Ab, Clip, Lg, Rl]
