"""Transformers, graphs and science: layers with a mistake each."""
from __future__ import annotations
from dataclasses import dataclass, field
import numpy as np
from manners.transformers import sigmoid, softmax, softmax_vjp

class FIRFilter:
    def __init__(self, taps): self.taps = taps
    def forward(self, signal):
        self.signal = signal
        return np.convolve(signal, self.taps)
    def backward(self, g):
        self.grad_taps = np.correlate(g, self.signal, "valid")[::-1]
        return np.correlate(g, self.taps, "valid")

class CircularConv:
    def __init__(self, kernel): self.kernel = kernel
    def forward(self, x):
        n = x.shape[-1]
        self.X, self.K, self.n = np.fft.rfft(x), np.fft.rfft(self.kernel, n), n
        return np.fft.irfft(self.X * self.K, n)
    def backward(self, g):
        G = np.fft.rfft(g)
        self.dkernel = np.fft.irfft(G * np.conj(self.X), self.n).sum(axis=0)[:len(self.kernel)]
        return np.fft.irfft(G * self.K, self.n)

class Upwind:
    def __init__(self, c=0.3): self.c = c
    def forward(self, u): return u - self.c * (u - np.roll(u, 1, axis=-1))
    def backward(self, g): return g - self.c * (g - np.roll(g, 1, axis=-1))

class Horner:
    """coefficients in descending order, as np.polyval"""
    def __init__(self, coef): self.coef = coef
    def forward(self, x):
        self.x = x
        y = np.zeros_like(x)
        for c in self.coef: y = y * x + c
        return y
    def backward(self, g):
        n = len(self.coef)
        self.dcoef = np.array([np.sum(g * self.x ** k) for k in range(n)])
        d = sum(c * (n - 1 - k) * self.x ** max(n - 2 - k, 0) for k, c in enumerate(self.coef))
        return g * d

class LookupTable:
    """linear interpolation on an even grid over [0, 1]"""
    def __init__(self, values): self.values = values
    def forward(self, x):
        n = len(self.values) - 1
        self.i = np.clip(np.floor(x * n).astype(int), 0, n - 1)
        self.f = x * n - self.i
        return self.values[self.i] * (1 - self.f) + self.values[self.i + 1] * self.f
    def backward(self, g):
        n = len(self.values) - 1
        self.dvalues = np.zeros_like(self.values)
        np.add.at(self.dvalues, self.i, g * self.f)
        np.add.at(self.dvalues, self.i + 1, g * (1 - self.f))
        return g * n * (self.values[self.i + 1] - self.values[self.i])

class PoissonLoss:
    def forward(self, log_rate, counts):
        self.r, self.k = log_rate, counts
        return np.sum(np.exp(log_rate) - counts * log_rate)
    def backward(self): return self.r - self.k

class CoxLoss:
    """samples sorted by time; the risk set of i is i and all later"""
    def forward(self, risk, observed):
        self.e, self.obs = np.exp(risk), observed
        self.R = np.cumsum(self.e[::-1])[::-1]
        return -np.sum(observed * (risk - np.log(self.R)))
    def backward(self):
        w = self.obs / self.R
        return self.e * np.cumsum(w[::-1])[::-1] - self.obs

class BPR:
    def __init__(self, users, items, k):
        self.U, self.I = np.random.randn(users, k), np.random.randn(items, k)
    def loss(self, u, i, j):
        x = np.sum(self.U[u] * (self.I[i] - self.I[j]), axis=1)
        g = -sigmoid(-x)[:, None]
        gU, gI = np.zeros_like(self.U), np.zeros_like(self.I)
        np.add.at(gU, u, g * self.I[i])
        np.add.at(gI, i, g * self.U[u])
        np.add.at(gI, j, -g * self.U[u])
        return np.sum(np.logaddexp(0, -x)), {"U": gU, "I": gI}

class CLIPLoss:
    def __init__(self): self.logit_scale = np.array(1.3)
    def forward(self, img, txt):
        self.img, self.txt = img, txt
        self.L = np.exp(self.logit_scale) * img @ txt.T
        self.pr, self.pc = softmax(self.L, 1), softmax(self.L, 0)
        return -0.5 * (np.mean(np.log(np.diag(self.pr))) + np.mean(np.log(np.diag(self.pc))))
    def backward(self):
        n = len(self.img)
        dL = (self.pr + self.pc - 2 * np.eye(n)) / n
        s = np.exp(self.logit_scale)
        self.dlogit_scale = np.sum(dL * self.L)
        return s * dL @ self.txt, s * dL.T @ self.img

class SiameseDistance:
    """one encoder for both; squared distance"""
    def __init__(self, d, h): self.W = np.random.randn(d, h) * .6
    def _encode(self, x):
        self.x = x
        self.h = np.tanh(x @ self.W)
        return self.h
    def forward(self, a, b):
        self.diff = self._encode(a) - self._encode(b)
        return np.sum(self.diff ** 2, axis=1)
    def _encode_back(self, g):
        z = g * (1 - self.h ** 2)
        self.dW += self.x.T @ z
        return z @ self.W.T
    def backward(self, g):
        self.dW = np.zeros_like(self.W)
        d = 2 * g[:, None] * self.diff
        return self._encode_back(d), self._encode_back(-d)

@dataclass
class SequenceLayerNorm:
    gain: np.ndarray
    shift: np.ndarray
    eps: float = 1e-5
    def forward(self, x):
        c = x - x.mean(-1, keepdims=True)
        self.r = 1 / np.sqrt((c * c).mean(-1, keepdims=True) + self.eps)
        self.h = c * self.r
        return self.h * self.gain + self.shift
    def backward(self, g):
        self.dgain = (g * self.h).sum(axis=(0, 2))
        self.dshift = g.sum(axis=(0, 1))
        q = g * self.gain
        return self.r * (q - q.mean(-1, keepdims=True) - self.h * (q * self.h).mean(-1, keepdims=True))

class BatchNorm2d:
    def __init__(self, channels):
        self.gamma, self.beta, self.eps = np.random.rand(channels) + .5, np.zeros(channels), 1e-5
    def forward(self, x):
        mu, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
        self.inv = 1 / np.sqrt(var + self.eps)
        self.xh = (x - mu) * self.inv
        return self.xh * self.gamma[None, :, None, None] + self.beta[None, :, None, None]
    def backward(self, g):
        ax, m = (0, 2, 3), g.shape[0]
        self.dgamma, self.dbeta = (g * self.xh).sum(ax), g.sum(ax)
        q = g * self.gamma[None, :, None, None]
        return self.inv * (q - q.sum(ax, keepdims=True) / m - self.xh * (q * self.xh).sum(ax, keepdims=True) / m)

class SqueezeExcite:
    def __init__(self, c, r):
        self.W1, self.W2 = np.random.randn(c, r), np.random.randn(r, c)
    def forward(self, x):
        self.x, self.p = x, x.mean((2, 3))
        self.a = np.maximum(self.p @ self.W1, 0)
        self.s = sigmoid(self.a @ self.W2)
        return x * self.s[:, :, None, None]
    def backward(self, g):
        ds = (g * self.x).sum((2, 3))
        self.dW2 = self.a.T @ ds
        da = ds @ self.W2.T * (self.a > 0)
        self.dW1 = self.p.T @ da
        return g * self.s[:, :, None, None] + (da @ self.W1.T)[:, :, None, None] / (g.shape[2] * g.shape[3])

class LSTM:
    """one step; params in a list as in the second book"""
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)]
        self.cache = None
    def forward(self, x, h_prev, c_prev):
        Wx, Wh, b = self.params
        H = h_prev.shape[1]
        A = np.dot(x, Wx) + np.dot(h_prev, Wh) + b
        f, g, i, o = sigmoid(A[:, :H]), np.tanh(A[:, H:2 * H]), sigmoid(A[:, 2 * H:3 * H]), sigmoid(A[:, 3 * H:])
        c_next = f * c_prev + g * i
        h_next = o * np.tanh(c_next)
        self.cache = (x, h_prev, c_prev, i, f, g, o, c_next)
        return h_next, c_next
    def backward(self, dh_next, dc_next):
        Wx, Wh, b = self.params
        x, h_prev, c_prev, i, f, g, o, c_next = self.cache
        t = np.tanh(c_next)
        ds = dc_next + dh_next * o * (1 - t ** 2)
        dc_prev = ds * f
        di, df, do, dg = ds * g, ds * c_prev, dh_next * t, ds * i
        dA = np.hstack((df * f * (1 - f), di * i * (1 - i), dg * (1 - g ** 2), do * o * (1 - o)))
        self.grads[0][...], self.grads[1][...], self.grads[2][...] = x.T @ dA, h_prev.T @ dA, dA.sum(0)
        return dA @ Wx.T, dA @ Wh.T, dc_prev

class ForgetPooling:
    """QRNN: c_t = f_t c_{t-1} + (1 - f_t) z_t; (time, batch, units)"""
    def forward(self, z, f):
        self.z, self.f = z, f
        self.c = np.zeros_like(z)
        prev = np.zeros_like(z[0])
        for t in range(len(z)):
            prev = f[t] * prev + (1 - f[t]) * z[t]
            self.c[t] = prev
        return self.c
    def backward(self, g):
        dz, df, carry = np.zeros_like(g), np.zeros_like(g), np.zeros_like(g[0])
        for t in range(len(g) - 1, -1, -1):
            d = g[t] + carry
            dz[t] = d * (1 - self.f[t])
            df[t] = d * (self.c[t] - self.z[t])
            carry = d * self.f[t]
        return dz, df

class AdditiveAttention:
    """Bahdanau: weights of the annotations for one query"""
    def __init__(self, q, k, h): self.Wq, self.Wk, self.v = np.random.randn(q, h), np.random.randn(k, h), np.random.randn(h)
    def forward(self, query, keys):
        self.query, self.keys = query, keys
        self.t = np.tanh((query @ self.Wq)[:, None, :] + keys @ self.Wk)
        self.w = softmax(self.t @ self.v, axis=1)
        return np.einsum("ns,nsk->nk", self.w, keys)
    def backward(self, g):
        ds = softmax_vjp(self.w, np.einsum("nk,nsk->ns", g, self.keys), axis=1)
        self.dv = np.einsum("ns,nsh->h", ds, self.t)
        da = ds[:, :, None] * self.v
        self.dWq = self.query.T @ da.sum(1)
        self.dWk = np.einsum("nsk,nsh->kh", self.keys, da)
        return da.sum(1) @ self.Wq.T, self.w[:, :, None] * g[:, None, :] + da @ self.Wk.T

class CachedGradient:
    def __init__(self): self._slope = None
    def forward(self, x):
        self.x = x
        return np.sin(x) * x
    def backward(self, dout):
        if self._slope is None:
            self._slope = np.cos(self.x) * self.x + np.sin(self.x)
        return dout * self._slope

class RecurrentCell:
    def __init__(self, d, h):
        self.Wxh, self.Whh, self.bh = np.random.randn(d, h), np.random.randn(h, h) * .3, np.zeros(h)
    def forward(self, x, h):
        self.x, self.h = x, h
        self.n = np.tanh(x @ self.Wxh + h @ self.Whh + self.bh)
        return self.n
    def backward(self, g):
        z = g * (1 - self.n ** 2)
        self.dWxh, self.dWhh, self.dbh = self.x.T @ z, self.h.T @ z, z.sum(0)
        np.clip(self.dWxh, -1, 1, out=self.dWxh)
        return z @ self.Wxh.T, z @ self.Whh.T

def matmul_forward(a, b):
    return a @ b, (a, b)

def matmul_backward(dout, cache):
    a, b = cache
    da, db = dout @ b.T, a.T @ dout
    return db, da

class DecayedLinear:
    def __init__(self, d, o, weight_decay=0.05): self.W, self.weight_decay = np.random.randn(d, o), weight_decay
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, g):
        self.dW = self.x.T @ g + self.weight_decay * self.W
        return g @ self.W.T

class IgnoreIndexCE:
    def __init__(self, ignore=-1): self.ignore = ignore
    def forward(self, logits, labels):
        self.valid, self.labels = labels != self.ignore, labels
        self.p = softmax(logits)
        rows = np.flatnonzero(self.valid)
        return -np.sum(np.log(self.p[rows, labels[rows]])) / max(len(rows), 1)
    def backward(self):
        d = self.p.copy()
        rows = np.flatnonzero(self.valid)
        d[rows, self.labels[rows]] -= 1
        return d * self.valid[:, None] / len(d)

class SoftArgmax:
    """expected coordinate of a heat map, (N, H, W) -> (N, 2)"""
    def forward(self, heat):
        n, h, w = heat.shape
        self.p = softmax(heat.reshape(n, -1)).reshape(heat.shape)
        self.yy, self.xx = np.mgrid[:h, :w]
        return np.stack([(self.p * self.yy).sum((1, 2)), (self.p * self.xx).sum((1, 2))], axis=1)
    def backward(self, g):
        d = g[:, 0, None, None] * self.yy + g[:, 1, None, None] * self.xx
        return self.p * d

# Torch7 manner, Russian course
class TorchLinear:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.random.randn(n_out, n_in), np.random.randn(n_out)
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
    def forward(self, input): return self.updateOutput(input)
    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
    def updateOutput(self, input):
        self.output = input @ self.W.T + self.b
        return self.output
    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput @ self.W
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        self.gradW += gradOutput.T @ input
        self.gradb += np.mean(gradOutput, axis=0)
    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

# "machine learning from scratch" manner
class ScratchDense:
    def __init__(self, n_units, n_inputs, trainable=True):
        self.W, self.w0 = np.random.uniform(-1, 1, (n_inputs, n_units)), np.zeros((1, n_units))
        self.trainable, self.layer_input, self.lr = trainable, None, 0.01
    def forward_pass(self, X, training=True):
        self.layer_input = X
        return X.dot(self.W) + self.w0
    def backward_pass(self, accum_grad):
        W = self.W
        if self.trainable:
            grad_w = self.layer_input.T.dot(accum_grad)
            grad_w0 = np.sum(accum_grad, axis=0, keepdims=True)
            self.W = self.W - self.lr * grad_w
            self.w0 = self.w0 + self.lr * grad_w0
        return accum_grad.dot(W.T)

class GatedResidual:
    """x + g * f(x), the gate is a learned scalar per channel"""
    def __init__(self, c): self.gate, self.kernel = np.full(c, .4), np.random.randn(c, c)
    @property
    def grads(self): return {"gate": self._dg, "kernel": self._dk}
    def forward(self, x):
        self._x, self._f = x, np.tanh(x @ self.kernel)
        return x + self.gate * self._f
    def backward(self, g):
        self._dg = (g * self._f).sum(0)
        z = g * (1 - self._f ** 2)
        self._dk = self._x.T @ z
        return g + (self.gate * z) @ self.kernel.T
