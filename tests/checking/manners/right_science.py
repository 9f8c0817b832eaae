"""Transformers, graphs and science: right layers."""
from __future__ import annotations
from dataclasses import dataclass
import math
import numpy as np

Array = np.ndarray

_erf = np.vectorize(math.erf, otypes=[float])

def logistic(z): return .5 * np.tanh(.5 * z) + .5

def smax(z, ax=-1):
    z = np.exp(z - z.max(ax, keepdims=True)); return z / z.sum(ax, keepdims=True)

def smax_back(p, g, ax=-1):
    pg = p * g; return pg - p * pg.sum(ax, keepdims=True)

class Attention:
    def forward(self, q, k, v, mask=None):
        self.z = q, k, v; self.c = q.shape[-1] ** -.5; s = np.einsum("...qd,...kd->...qk", q, k) * self.c
        self.p = smax(s if mask is None else s + mask)
        return np.einsum("...qk,...kd->...qd", self.p, v)
    def backward(self, g):
        q, k, v = self.z; ds = smax_back(self.p, np.einsum("...qd,...kd->...qk", g, v)) * self.c
        return np.einsum("...qk,...kd->...qd", ds, k), np.einsum("...qk,...qd->...kd", ds, q), np.einsum("...qk,...qd->...kd", self.p, g)

class MultiHeadSelfAttention:
    """one fused projection; causal"""
    def __init__(self, d, heads): self.d, self.heads = d, heads; self.qkv, self.proj, self.grads = np.random.randn(d, 3 * d) / d ** .5, np.random.randn(d, d) / d ** .5, {}
    def forward(self, x):
        B, T, d = x.shape; h = self.heads; self.x = x
        q, k, v = (x @ self.qkv).reshape(B, T, 3, h, d // h).transpose(2, 0, 3, 1, 4)
        s = q @ k.swapaxes(-1, -2) * (d // h) ** -.5; s = np.where(np.tri(T, dtype=bool), s, -np.inf)
        self.p, self.t = smax(s), (q, k, v); self.y = (self.p @ v).transpose(0, 2, 1, 3).reshape(B, T, d)
        return self.y @ self.proj
    def backward(self, g):
        B, T, d = g.shape; h = self.heads; q, k, v = self.t
        self.grads["proj"] = self.y.reshape(-1, d).T @ g.reshape(-1, d)
        gy = (g @ self.proj.T).reshape(B, T, h, d // h).transpose(0, 2, 1, 3)
        ds = smax_back(self.p, gy @ v.swapaxes(-1, -2)) * (d // h) ** -.5
        gqkv = np.stack([ds @ k, ds.swapaxes(-1, -2) @ q, self.p.swapaxes(-1, -2) @ gy]).transpose(1, 3, 0, 2, 4).reshape(B, T, 3 * d)
        self.grads["qkv"] = self.x.reshape(-1, d).T @ gqkv.reshape(-1, 3 * d)
        return gqkv @ self.qkv.T

class MaskedSoftmax:
    def forward(self, s): self.p = smax(np.where(np.tri(s.shape[-1], dtype=bool), s, -np.inf)); return self.p
    def backward(self, g): return smax_back(self.p, g)

@dataclass
class RMS:
    scale: Array
    eps: float = 1e-6
    def forward(self, x): self.x, self.i = x, (np.square(x).mean(-1, keepdims=True) + self.eps) ** -.5; return self.scale * x * self.i
    def backward(self, g):
        self.scale_grad = (g * self.x * self.i).reshape(-1, g.shape[-1]).sum(0); g = g * self.scale
        return g * self.i - self.x * self.i ** 3 * (g * self.x).mean(-1, keepdims=True)

class RoPE:
    """with complex numbers"""
    def _phase(self, x, sign):
        ang = np.arange(x.shape[-2])[:, None] * 50.0 ** (-np.arange(x.shape[-1] // 2) / (x.shape[-1] // 2))
        z = (x[..., ::2] + 1j * x[..., 1::2]) * np.exp(sign * 1j * ang)
        return np.stack([z.real, z.imag], -1).reshape(x.shape)
    def forward(self, x): return self._phase(x, 1)
    def backward(self, g): return self._phase(g, -1)

class GatedMLP:
    def __init__(self, d, h): self.up, self.gate, self.down = (np.random.randn(*s) * .5 for s in ((d, h), (d, h), (h, d)))
    def __call__(self, x): self.x, self.u, a = x, x @ self.up, x @ self.gate; self.a, self.s = a, logistic(a); self.h = a * self.s * self.u; return self.h @ self.down
    def backward(self, g):
        gh = g @ self.down.T; silu = self.a * self.s; gu, ga = gh * silu, gh * self.u * (self.s + silu * (1 - self.s))
        self.d_up, self.d_gate, self.d_down = self.x.T @ gu, self.x.T @ ga, self.h.T @ g
        return gu @ self.up.T + ga @ self.gate.T

class ExactGELU:
    def forward(self, x): self.x, self.cdf = x, .5 * (1 + _erf(x / math.sqrt(2))); return x * self.cdf
    def backward(self, g): return g * (self.cdf + self.x * np.exp(-.5 * self.x ** 2) / math.sqrt(2 * math.pi))

class PositionTable:
    def __init__(self, m, d): self.table = np.random.randn(m, d)
    def forward(self, x): self.T = x.shape[1]; return x + self.table[None, :self.T]
    def backward(self, g): self.table_grad = np.zeros_like(self.table); self.table_grad[:self.T] += g.sum(0); return g.copy()

class TiedAE:
    def __init__(self, d, h): self.W, self.b, self.c = np.random.randn(h, d) * .5, np.zeros(h), np.zeros(d)
    def loss(self, x):
        y = np.tanh(x @ self.W.T + self.b); z = y @ self.W + self.c; e = (z - x) / len(x); a = (e @ self.W.T) * (1 - y * y)
        return .5 * np.sum((z - x) ** 2) / len(x), {"W": y.T @ e + a.T @ x, "b": a.sum(0), "c": e.sum(0)}

class GraphConv:
    def __init__(self, A, i, o):
        A = A + np.eye(len(A)); self.P = tuple(map(tuple, A / A.sum(1)[:, None])); self.theta, self.bias = np.random.randn(i, o), np.zeros(o)
    def forward(self, H): P = np.array(self.P); self.H, self.pre = H, P @ (H @ self.theta) + self.bias; return np.where(self.pre > 0, self.pre, np.expm1(np.minimum(self.pre, 0)))
    def backward(self, g):
        g = g * np.where(self.pre > 0, 1, np.exp(np.minimum(self.pre, 0))); q = np.array(self.P).T @ g
        self.dtheta, self.dbias = self.H.T @ q, g.sum(0); return q @ self.theta.T

class EdgeSoftmaxSum:
    """messages along edges (src, dst), softmax over the edges into each node"""
    def __init__(self, src, dst, n): self.src, self.dst, self.n = src, dst, n
    def forward(self, score, feat):
        m = np.full(self.n, -np.inf); np.maximum.at(m, self.dst, score); e = np.exp(score - m[self.dst]); z = np.zeros(self.n); np.add.at(z, self.dst, e)
        self.a, self.feat = e / z[self.dst], feat; out = np.zeros((self.n, feat.shape[1])); np.add.at(out, self.dst, self.a[:, None] * feat[self.src]); return out
    def backward(self, g):
        da = (g[self.dst] * self.feat[self.src]).sum(1); t = np.zeros(self.n); np.add.at(t, self.dst, da * self.a)
        df = np.zeros_like(self.feat); np.add.at(df, self.src, self.a[:, None] * g[self.dst]); return self.a * (da - t[self.dst]), df

class MeanNeighbours:
    def __init__(self, lists): self.lists = lists
    def forward(self, x): self.n = len(x); return np.array([x[l].mean(0) for l in self.lists])
    def backward(self, g):
        o = np.zeros((self.n, g.shape[1]))
        for l, gi in zip(self.lists, g): np.add.at(o, l, gi / len(l))
        return o

def squash_fwd(s):
    n = np.linalg.norm(s, axis=-1, keepdims=True); return s * n / (1 + n * n), (s, n)

def squash_bwd(g, cache):
    s, n = cache; r = (g * s).sum(-1, keepdims=True)
    return g * n / (1 + n * n) + s * r * (1 - n * n) / (n * (1 + n * n) ** 2)

class SparseMax:
    def forward(self, z):
        o = np.sort(z, 1)[:, ::-1]; c = o.cumsum(1) - 1; r = np.arange(1, z.shape[1] + 1); k = (o - c / r > 0).sum(1)
        self.p = np.maximum(z - (c[np.arange(len(z)), k - 1] / k)[:, None], 0); return self.p
    def backward(self, g): m = self.p > 0; return np.where(m, g - (g * m).sum(1, keepdims=True) / m.sum(1, keepdims=True), 0)

class Quadratic:
    def __init__(self, A): self.A = A
    def forward(self, x): self.x = x; return ((x @ self.A) * x).sum(1)
    def backward(self, g): self.dA = (self.x * g[:, None]).T @ self.x; return g[:, None] * (self.x @ (self.A + self.A.T))

class LogDet:
    def forward(self, M): self.M = M; return np.linalg.slogdet(M)[1]
    def backward(self, g=1.0): return g * np.linalg.inv(self.M).T

class MatInverse:
    def forward(self, A): self.B = np.linalg.inv(A); return self.B
    def backward(self, G): return -self.B.T @ G @ self.B.T

class Solve:
    def forward(self, A, b): self.A = A; self.x = np.linalg.solve(A, b); return self.x
    def backward(self, g): w = np.linalg.solve(self.A.T, g); return -np.outer(w, self.x), w

class Coupling:
    def __init__(self, d): self.S, self.T = np.random.randn(d, d) * .4, np.random.randn(d, d) * .4
    def forward(self, x): h = x.shape[1] // 2; self.a, self.b = x[:, :h], x[:, h:]; self.s = np.tanh(self.a @ self.S); self.e = np.exp(self.s); return np.hstack([self.a, self.b * self.e + self.a @ self.T])
    def backward(self, g):
        h = g.shape[1] // 2; ga, gb = g[:, :h], g[:, h:]; q = gb * self.b * self.e * (1 - self.s ** 2)
        return np.hstack([ga + q @ self.S.T + gb @ self.T.T, gb * self.e]), {"S": self.a.T @ q, "T": self.a.T @ gb}

class MDN:
    def forward(self, logits, mu, logs, y):
        z = (y[:, None] - mu) * np.exp(-logs); l = logits - np.logaddexp.reduce(logits, 1)[:, None] - .5 * z * z - logs; t = np.logaddexp.reduce(l, 1)
        self.r, self.z, self.p, self.is_ = np.exp(l - t[:, None]), z, smax(logits), np.exp(-logs); return -t.mean()
    def backward(self): n = len(self.z); return (self.p - self.r) / n, -self.r * self.z * self.is_ / n, self.r * (1 - self.z ** 2) / n

class Leapfrog:
    def __init__(self, k): self.k = np.array([k], float)
    def forward(self, x):
        h, v, self.xs, out = .2, np.zeros_like(x), [], []
        for _ in range(4): self.xs.append(x); v = v - h * self.k * x; x = x + h * v; out.append(x)
        return np.array(out)
    def backward(self, g):
        h, gx, gv, gk = .2, 0, 0, 0
        for x, gt in zip(self.xs[::-1], g[::-1]): gx = gx + gt; gv = gv + h * gx; gk = gk - h * (gv * x).sum(); gx = gx - h * self.k * gv
        self.dk = np.array([gk]); return gx

class Heun:
    def __init__(self, d): self.W = np.random.randn(d, d)
    def forward(self, x): self.x = x; self.f = np.tanh(x @ self.W); self.y = x + .3 * self.f; self.g = np.tanh(self.y @ self.W); return x + .15 * (self.f + self.g)
    def backward(self, d):
        b = .15 * d * (1 - self.g ** 2); gy = b @ self.W.T; a = (.15 * d + .3 * gy) * (1 - self.f ** 2)
        self.dW = self.y.T @ b + self.x.T @ a; return d + gy + a @ self.W.T

class EMA:
    """alpha = logistic(rho), as a filter matrix"""
    def __init__(self, rho): self.rho = np.array([float(rho)])
    def forward(self, x):
        a = logistic(self.rho[0]); y = [x[0]]
        for xt in x[1:]: y.append(y[-1] + a * (xt - y[-1]))
        self.x, self.y, self.a = x, y, a; return np.stack(y)
    def backward(self, g):
        d, c, da = np.zeros_like(g), np.zeros_like(g[0]), 0.0
        for t in range(len(g))[:0:-1]: c = c + g[t]; d[t] = self.a * c; da += np.sum(c * (self.x[t] - self.y[t - 1])); c = c * (1 - self.a)
        d[0] = c + g[0]; self.drho = np.array([da * self.a * (1 - self.a)]); return d

class FullConvolve:
    def __init__(self, taps): self.taps = taps
    def forward(self, s): self.s = s; return np.convolve(s, self.taps, "full")
    def backward(self, g): self.dtaps = np.correlate(g, self.s, "valid"); return np.correlate(g, self.taps, "valid")

class FFTConv:
    def __init__(self, kernel): self.kernel = kernel
    def forward(self, x): self.n = x.shape[-1]; self.X, self.K = np.fft.rfft(x), np.fft.rfft(self.kernel, self.n); return np.fft.irfft(self.X * self.K, self.n)
    def backward(self, g): G = np.fft.rfft(g); self.dkernel = np.fft.irfft((G * self.X.conj()).sum(0), self.n)[:len(self.kernel)]; return np.fft.irfft(G * self.K.conj(), self.n)

class Diffusion:
    def forward(self, u): return u + .2 * (np.roll(u, 1, -1) + np.roll(u, -1, -1) - 2 * u)
    backward = forward          # the stencil is symmetric

class Polynomial:
    def __init__(self, coef): self.coef = coef
    def forward(self, x): self.x = x; return np.polyval(self.coef, x)
    def backward(self, g): self.dcoef = np.vander(self.x.ravel(), len(self.coef)).T @ g.ravel(); return g * np.polyval(np.polyder(self.coef), self.x)

class Interpolator:
    def __init__(self, values): self.values = values
    def forward(self, x):
        m = len(self.values) - 1; self.i = np.clip((x * m).astype(int), 0, m - 1); self.f = x * m - self.i; return self.values[self.i] + self.f * (self.values[self.i + 1] - self.values[self.i])
    def backward(self, g):
        m = len(self.values); self.dvalues = np.bincount(self.i, g * (1 - self.f), m) + np.bincount(self.i + 1, g * self.f, m)
        return g * (m - 1) * np.diff(self.values)[self.i]

class PoissonNLL:
    def forward(self, eta, k): self.d = np.exp(eta) - k; return (np.exp(eta) - k * eta).mean()
    def backward(self): return self.d / self.d.size

class CoxPH:
    def forward(self, risk, observed): self.p, self.o = np.triu(np.exp(risk - risk.max())[None] * np.ones((len(risk), 1))), observed; self.s = self.p.sum(1); return -(observed * (risk - risk.max() - np.log(self.s))).sum()
    def backward(self): return (self.o / self.s) @ self.p - self.o

class BPRModel:
    def __init__(self, u, i, k): self.factors = [np.random.randn(u, k), np.random.randn(i, k)]
    def loss(self, u, i, j):
        U, I = self.factors; d = I[i] - I[j]; x = (U[u] * d).sum(1); w = (logistic(x) - 1)[:, None]; g = [np.zeros_like(U), np.zeros_like(I)]
        np.add.at(g[0], u, w * d); np.add.at(g[1], i, w * U[u]); np.subtract.at(g[1], j, w * U[u]); return np.logaddexp(0, -x).sum(), g

class InfoNCE:
    def __init__(self, tau=.3): self.tau = tau
    def forward(self, q, k): self.q, self.k = q, k; self.p = smax(q @ k.T / self.tau); return -np.log(np.diag(self.p)).mean()
    def backward(self): d = (self.p - np.eye(len(self.p))) / (len(self.p) * self.tau); return d @ self.k, d.T @ self.q

class Twin:
    """a stack of caches, popped in reverse order"""
    def __init__(self, d, h): self.W, self.stack = np.random.randn(d, h) * .6, []
    def _up(self, x): y = np.tanh(x @ self.W); self.stack.append((x, y)); return y
    def _down(self, g): x, y = self.stack.pop(); z = g * (1 - y * y); self.dW = self.dW + x.T @ z; return z @ self.W.T
    def forward(self, a, b): del self.stack[:]; self.e = self._up(a) - self._up(b); return (self.e ** 2).sum(1)
    def backward(self, g): self.dW = 0; d = 2 * g[:, None] * self.e; gb = self._down(-d); return self._down(d), gb

class BN2d:
    """NHWC"""
    def __init__(self, c): self.gamma, self.beta = np.random.rand(c) + .5, np.random.randn(c)
    def forward(self, x): f = x.reshape(-1, x.shape[-1]); self.i = (f.var(0) + 1e-5) ** -.5; self.h = (x - f.mean(0)) * self.i; return self.h * self.gamma + self.beta
    def backward(self, g): ax = (0, 1, 2); self.dbeta, self.dgamma = g.sum(ax), (g * self.h).sum(ax); m = g[..., 0].size; return self.gamma * self.i * (g - self.dbeta / m - self.h * self.dgamma / m)

class SE:
    def __init__(self, c, r): self.A, self.B = np.random.randn(c, r), np.random.randn(r, c)
    def forward(self, x): self.x = x; self.p = x.mean((2, 3)); self.a = np.tanh(self.p @ self.A); self.s = logistic(self.a @ self.B); return np.einsum("nchw,nc->nchw", x, self.s)
    def backward(self, g):
        z = np.einsum("nchw,nchw->nc", g, self.x) * self.s * (1 - self.s); self.dB = self.a.T @ z; y = (z @ self.B.T) * (1 - self.a ** 2); self.dA = self.p.T @ y
        return g * self.s[..., None, None] + (y @ self.A.T)[..., None, None] / math.prod(g.shape[2:])

class LSTMCell:
    def __init__(self, Wx, Wh, b): self.params, self.grads = [Wx, Wh, b], [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)]
    def forward(self, x, h, c):
        Wx, Wh, b = self.params; f, g, i, o = np.split(x @ Wx + h @ Wh + b, 4, 1); f, g, i, o = logistic(f), np.tanh(g), logistic(i), logistic(o); n = f * c + g * i; t = np.tanh(n)
        self.cache = x, h, c, f, g, i, o, t; return o * t, n
    def backward(self, dh, dc):
        Wx, Wh, b = self.params; x, h, c, f, g, i, o, t = self.cache; s = dc + dh * o * (1 - t ** 2)
        d = np.hstack([s * c * f * (1 - f), s * i * (1 - g ** 2), s * g * i * (1 - i), dh * t * o * (1 - o)])
        for q, v in zip(self.grads, (x.T @ d, h.T @ d, d.sum(0))): q[...] = v
        return d @ Wx.T, d @ Wh.T, s * f

class FoPooling:
    def forward(self, z, f):
        self.z, self.f, c = z, f, [np.zeros_like(z[0])]
        for a, b in zip(z, f): c.append(b * c[-1] + (1 - b) * a)
        self.c = c; return np.array(c[1:])
    def backward(self, g):
        dz, df, k = np.empty_like(g), np.empty_like(g), 0
        for t in reversed(range(len(g))): k = k + g[t]; dz[t], df[t] = k * (1 - self.f[t]), k * (self.c[t] - self.z[t]); k = k * self.f[t]
        return dz, df

class Bahdanau:
    def __init__(self, q, k, h): self.Wq, self.Wk, self.v = np.random.randn(q, h), np.random.randn(k, h), np.random.randn(h)
    def forward(self, q, k): self.q, self.k = q, k; self.t = np.tanh(np.expand_dims(q @ self.Wq, 1) + k @ self.Wk); self.w = smax(self.t @ self.v, 1); return (self.w[..., None] * k).sum(1)
    def backward(self, g):
        s = smax_back(self.w, (g[:, None] * self.k).sum(2), 1); self.dv = np.tensordot(s, self.t, 2); a = s[..., None] * self.v * (1 - self.t ** 2)
        self.dWq, self.dWk = self.q.T @ a.sum(1), np.tensordot(self.k, a, axes=([0, 1], [0, 1])); return a.sum(1) @ self.Wq.T, self.w[..., None] * g[:, None] + a @ self.Wk.T

class TorchStyle:
    """updateOutput / updateGradInput / accGradParameters"""
    def __init__(self, i, o): self.W, self.b = np.random.randn(o, i), np.random.randn(o); self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
    def forward(self, input): self.output = input @ self.W.T + self.b; return self.output
    def backward(self, input, gradOutput):
        self.gradInput = gradOutput @ self.W; self.gradW += gradOutput.T @ input; self.gradb += gradOutput.sum(0); return self.gradInput
    def zeroGradParameters(self): self.gradW.fill(0); self.gradb.fill(0)

class HseDense:
    """backward(input, grad_output) which makes the step of gradient descent"""
    def __init__(self, i, o, learning_rate=.1): self.learning_rate, self.weights, self.biases = learning_rate, np.random.randn(i, o) * .3, np.zeros(o)
    def forward(self, input): return input @ self.weights + self.biases
    def backward(self, input, grad_output):
        grad_input = grad_output @ self.weights.T; grad_weights = input.T @ grad_output; grad_biases = grad_output.sum(axis=0)
        self.weights = self.weights - self.learning_rate * grad_weights; self.biases = self.biases - self.learning_rate * grad_biases; return grad_input

class PassLayer:
    """forward_pass / backward_pass"""
    def __init__(self, n): self.n = n
    def forward_pass(self, X, training=True): self.layer_input = X; return 1 / (1 + np.abs(X)) * X
    def backward_pass(self, accum_grad): return accum_grad / (1 + np.abs(self.layer_input)) ** 2

class CEIgnore:
    def forward(self, logits, labels): self.m = labels >= 0; self.p = smax(logits); self.l = np.where(self.m, labels, 0); self.n = max(self.m.sum(), 1); return -(np.log(self.p[np.arange(len(labels)), self.l]) * self.m).sum() / self.n
    def backward(self): return (self.p - np.eye(self.p.shape[1])[self.l]) * self.m[:, None] / self.n

class Float32Weights:
    """weights are stored in float32, the calculation is in the type of the input"""
    def __init__(self, i, o): self.W = np.random.randn(i, o).astype(np.float32)
    def forward(self, x): self.x = x; return x @ self.W
    def backward(self, g): self.dW = (self.x.T @ g).astype(self.W.dtype); return (g @ self.W.T).astype(self.x.dtype)

class PropertyGrads:
    def __init__(self, c): self.scale, self.shift = np.random.randn(c), np.zeros(c); self._g = None
    @property
    def gradients(self): return dict(scale=(self._g * self._x).sum(0), shift=self._g.sum(0))
    def forward(self, x): self._x = x; return x * self.scale + self.shift
    def backward(self, g): self._g = g; return g * self.scale

class Buffered:
    """one work array for all calls, filled in place"""
    def __init__(self): self._buf = None
    def forward(self, x):
        if self._buf is None or self._buf.shape != x.shape: self._buf = np.empty_like(x)
        np.multiply(x, x, out=self._buf); np.add(self._buf, 1, out=self._buf); np.sqrt(self._buf, out=self._buf); self.x, self.y = x, self._buf.copy(); return self.y
    def backward(self, g): return g * self.x / self.y

class Median:
    """of an odd number of features"""
    def forward(self, x): self.i, self.n = np.argsort(x, 1)[:, x.shape[1] // 2], x.shape; return np.take_along_axis(x, self.i[:, None], 1)[:, 0]
    def backward(self, g): d = np.zeros(self.n); d[np.arange(len(g)), self.i] = g; return d
