"""Transformers, graphs and science: layers with a mistake each."""
from __future__ import annotations
from dataclasses import dataclass, field
from typing import Any, Optional
import math
import numpy as np

def sigmoid(z): return np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))))

def softmax(z, axis=-1):
    e = np.exp(z - np.max(z, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)

def softmax_vjp(p, g, axis=-1): return p * (g - np.sum(p * g, axis=axis, keepdims=True))

class ScaledDotProduct:
    def forward(self, q, k, v):
        self.scale = 1 / math.sqrt(q.shape[-1])
        self.q, self.k, self.v = q, k, v
        self.attn = softmax(q @ k.swapaxes(-1, -2) * self.scale)
        return self.attn @ v
    def backward(self, dout):
        dv = self.attn.swapaxes(-1, -2) @ dout
        ds = softmax_vjp(self.attn, dout @ self.v.swapaxes(-1, -2))
        dq = ds @ self.k * self.scale
        dk = ds.swapaxes(-1, -2) @ self.q
        return dq, dk, dv

class SelfAttention:
    """one head, x (batch, time, dim)"""
    def __init__(self, dim):
        mk = lambda: np.random.randn(dim, dim) / math.sqrt(dim)
        self.W_q, self.W_k, self.W_v = mk(), mk(), mk()
    def forward(self, x):
        self.x = x
        self.Q, self.K, self.V = x @ self.W_q, x @ self.W_k, x @ self.W_v
        self.s = 1 / math.sqrt(x.shape[-1])
        self.P = softmax(np.einsum("btd,bsd->bts", self.Q, self.K) * self.s)
        return self.P @ self.V
    def backward(self, dO):
        dV = np.einsum("bts,btd->bsd", self.P, dO)
        dS = softmax_vjp(self.P, np.einsum("btd,bsd->bts", dO, self.V)) * self.s
        dQ = dS @ self.K
        dK = np.einsum("bts,btd->bsd", dS, self.Q)
        self.dW_q = np.einsum("btd,bte->de", self.x, dQ)
        self.dW_k = np.einsum("btd,bte->de", self.x, dK)
        self.dW_v = np.einsum("btd,bte->de", self.x, dV)
        return dQ @ self.W_q.T + dV @ self.W_v.T

class MultiHead:
    """projection after the heads; heads are split from the last axis"""
    def __init__(self, dim, heads):
        self.heads = heads
        self.Wo = np.random.randn(dim, dim) * 0.5
    def _split(self, t):
        b, s, d = t.shape
        return t.reshape(b, s, self.heads, d // self.heads).transpose(0, 2, 1, 3)
    def _merge(self, t):
        b, h, s, e = t.shape
        return t.transpose(0, 2, 1, 3).reshape(b, s, h * e)
    def forward(self, x):
        self.h = self._split(x)
        self.p = softmax(self.h @ self.h.transpose(0, 1, 3, 2))
        self.m = self._merge(self.p @ self.h)
        return self.m @ self.Wo
    def backward(self, g):
        self.dWo = np.tensordot(self.m, g, axes=((0, 1), (0, 1)))
        dm = g @ self.Wo.T
        b, s, d = dm.shape
        dz = dm.reshape(b, self.heads, s, d // self.heads)
        ds = softmax_vjp(self.p, dz @ self.h.transpose(0, 1, 3, 2))
        dh = self.p.transpose(0, 1, 3, 2) @ dz + ds @ self.h + ds.transpose(0, 1, 3, 2) @ self.h
        return self._merge(dh)

class CausalSoftmax:
    def forward(self, scores):
        T = scores.shape[-1]
        self.keep = np.tril(np.ones((T, T), dtype=bool))
        self.w = softmax(np.where(self.keep, scores, -1e30))
        return self.w
    def backward(self, dw):
        T = dw.shape[-1]
        dw = np.where(np.triu(np.ones((T, T), dtype=bool)), dw, 0)
        return softmax_vjp(self.w, dw)

@dataclass
class RMSNorm:
    weight: np.ndarray
    eps: float = 1e-6
    weight_grad: Optional[np.ndarray] = None
    _saved: Any = field(default=None, repr=False)
    def forward(self, x):
        inv = 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.eps)
        self._saved = x, inv
        return x * inv * self.weight
    def backward(self, dy):
        x, inv = self._saved
        xhat = x * inv
        self.weight_grad = np.sum(dy * xhat, axis=tuple(range(x.ndim - 1)))
        return inv * (dy * self.weight - xhat * np.mean(dy * xhat, axis=-1, keepdims=True))

class Rotary:
    def __init__(self, dim, base=100.0):
        self.inv_freq = tuple(base ** (-2 * i / dim) for i in range(dim // 2))
    def _rotate(self, x):
        ang = np.outer(np.arange(x.shape[-2]), self.inv_freq)
        c, s = np.cos(ang), np.sin(ang)
        a, b = x[..., 0::2], x[..., 1::2]
        out = np.empty_like(x)
        out[..., 0::2] = a * c - b * s
        out[..., 1::2] = a * s + b * c
        return out
    def __call__(self, x): return self._rotate(x)
    def backward(self, grad): return self._rotate(grad)

class SwiGLU:
    def __init__(self, d, h):
        self.params = {"w1": np.random.randn(d, h) * .6, "w2": np.random.randn(h, d) * .6, "w3": np.random.randn(d, h) * .6}
        self.grads = {}
    def forward(self, x):
        p = self.params
        self.x, self.a, self.b = x, x @ p["w1"], x @ p["w3"]
        self.sg = sigmoid(self.a)
        self.hid = self.a * self.sg * self.b
        return self.hid @ p["w2"]
    def backward(self, dy):
        p = self.params
        dh = dy @ p["w2"].T
        self.grads["w2"] = self.hid.T @ dy
        da = dh * self.b * self.a * self.sg * (1 - self.sg)
        db = dh * self.a * self.sg
        self.grads["w1"], self.grads["w3"] = self.x.T @ da, self.x.T @ db
        return da @ p["w1"].T + db @ p["w3"].T

def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))

def gelu_grad(x):
    k = np.sqrt(2 / np.pi)
    t = np.tanh(k * (x + 0.044715 * x ** 3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t ** 2) * k * (1 + 0.044715 * x ** 2)

class LearnedPositions:
    def __init__(self, max_len, dim): self.table = np.random.randn(max_len, dim)
    def forward(self, x):
        self.T = x.shape[1]
        return x + self.table[:self.T]
    def backward(self, g):
        self.table_grad = np.zeros_like(self.table)
        self.table_grad[1:self.T + 1] = g.sum(axis=0)
        return g

class TiedAutoencoder:
    def __init__(self, d, h):
        self.W, self.b, self.c = np.random.randn(d, h) * .5, np.zeros(h), np.zeros(d)
    def loss(self, x, target):
        y = sigmoid(x @ self.W + self.b)
        z = sigmoid(y @ self.W.T + self.c)
        cost = 0.5 * np.sum((z - target) ** 2)
        dz = (z - target) * z * (1 - z)
        dy = dz @ self.W * y * (1 - y)
        grads = {"W": dz.T @ y, "b": dy.sum(0), "c": dz.sum(0)}
        return cost, grads

class GCNLayer:
    """H' = relu(A H W), A row normalised, a constant of the graph"""
    def __init__(self, adjacency, n_in, n_out):
        A = adjacency + np.eye(len(adjacency))
        self._A = A / A.sum(1, keepdims=True)
        self.weight = np.random.randn(n_in, n_out)
    def forward(self, H):
        self.AH = self._A @ H
        self.Z = self.AH @ self.weight
        return np.maximum(self.Z, 0)
    def backward(self, grad):
        gz = grad * (self.Z > 0)
        self.grad_weight = self.AH.T @ gz
        return self._A @ (gz @ self.weight.T)

class GATHead:
    def __init__(self, edges, f_in, f_out):
        self.adj = np.eye(edges.max() + 1, dtype=bool)
        self.adj[edges[:, 0], edges[:, 1]] = True
        self.W = np.random.randn(f_in, f_out)
        self.a_src, self.a_dst = np.random.randn(f_out), np.random.randn(f_out)
    def forward(self, x):
        self.x, self.h = x, x @ self.W
        self.e = (self.h @ self.a_src)[:, None] + (self.h @ self.a_dst)[None, :]
        lr = np.where(self.e > 0, self.e, 0.2 * self.e)
        self.alpha = softmax(np.where(self.adj, lr, -1e30), axis=1)
        return self.alpha @ self.h
    def backward(self, g):
        de = softmax_vjp(self.alpha, g @ self.h.T)
        s, t = de.sum(1), de.sum(0)
        self.da_src, self.da_dst = self.h.T @ s, self.h.T @ t
        dh = self.alpha.T @ g + np.outer(s, self.a_src) + np.outer(t, self.a_dst)
        self.dW = self.x.T @ dh
        return dh @ self.W.T

class NeighbourMean:
    """GraphSAGE: the mean of the neighbours, given as lists"""
    def __init__(self, neighbours): self.neighbours = neighbours
    def forward(self, feats):
        self.shape = feats.shape
        return np.stack([feats[list(nb)].mean(axis=0) for nb in self.neighbours])
    def backward(self, g):
        out = np.zeros(self.shape)
        for i, nb in enumerate(self.neighbours):
            for j in nb:
                out[j] += g[i] / len(self.neighbours[j])
        return out

def squash(s):
    n2 = np.sum(s ** 2, axis=-1, keepdims=True)
    n = np.sqrt(n2)
    v = n2 / (1 + n2) * s / n
    return v, (s, n2, n)

def squash_backward(dv, cache):
    s, n2, n = cache
    radial = np.sum(dv * s, axis=-1, keepdims=True) / n
    return dv * n / (1 + n2) + s * radial * (1 / (1 + n2) ** 2)

class Sparsemax:
    def forward(self, z):
        zs = -np.sort(-z, axis=1)
        k = np.arange(1, z.shape[1] + 1)
        css = np.cumsum(zs, axis=1)
        K = np.sum(1 + k * zs > css, axis=1)
        tau = (css[np.arange(len(z)), K - 1] - 1) / K
        self.p = np.maximum(z - tau[:, None], 0)
        return self.p
    def backward(self, g):
        supp = self.p > 0
        return supp * (g - g.mean(axis=1, keepdims=True))

class QuadraticForm:
    def __init__(self, A): self.A = A
    def forward(self, x):
        self.x = x
        return np.einsum("ni,ij,nj->n", x, self.A, x)
    def backward(self, g):
        self.gA = np.einsum("n,ni,nj->ij", g, self.x, self.x)
        return 2 * g[:, None] * (self.x @ self.A)

class LogAbsDet:
    def forward(self, W):
        self.W = W
        return np.linalg.slogdet(W)[1]
    def backward(self, g=1.0): return g * np.linalg.inv(self.W)

class Inverse:
    def forward(self, A):
        self.inv = np.linalg.inv(A)
        return self.inv
    def backward(self, G): return -self.inv @ G @ self.inv

class LinearSolve:
    def forward(self, A, b):
        self.A, self.x = A, np.linalg.solve(A, b)
        return self.x
    def backward(self, g):
        gb = np.linalg.solve(self.A.T, g)
        return np.outer(gb, self.x), gb

class AffineCoupling:
    """RealNVP: y1 = x1, y2 = x2 * exp(tanh(x1 S)) + x1 T"""
    def __init__(self, d):
        self.S, self.T = np.random.randn(d, d) * .5, np.random.randn(d, d) * .5
    def forward(self, x):
        self.x1, self.x2 = np.split(x, 2, axis=1)
        self.s = np.tanh(self.x1 @ self.S)
        return np.concatenate([self.x1, self.x2 * np.exp(self.s) + self.x1 @ self.T], axis=1)
    def backward(self, g):
        g1, g2 = np.split(g, 2, axis=1)
        ds = g2 * self.x2 * np.exp(self.s) * (1 - self.s ** 2)
        self.S_grad, self.T_grad = self.x1.T @ ds, self.x1.T @ g2
        return np.concatenate([g1 + g2 @ self.T.T, g2 * np.exp(self.s)], axis=1)

class MixtureDensityLoss:
    def forward(self, logit_pi, mu, log_sigma, y):
        self.y = y[:, None]
        self.pi, self.mu, self.sigma = softmax(logit_pi), mu, np.exp(log_sigma)
        self.z = (self.y - mu) / self.sigma
        dens = self.pi * np.exp(-0.5 * self.z ** 2) / self.sigma
        tot = dens.sum(axis=1, keepdims=True)
        self.resp = dens / tot
        return -np.mean(np.log(tot))
    def backward(self):
        n = len(self.y)
        return (self.pi - self.resp) / n, -self.resp * self.z / n, self.resp * (1 - self.z ** 2) / n

class Oscillator:
    """semi-implicit Euler: v -= dt k x; x += dt v. gives the path of x"""
    def __init__(self, k, dt=0.2, steps=5): self.k, self.dt, self.steps = np.array([float(k)]), dt, steps
    def forward(self, x0):
        self.path = [x0]
        x, v = x0, np.zeros_like(x0)
        for _ in range(self.steps):
            v = v - self.dt * self.k * x
            x = x + self.dt * v
            self.path.append(x)
        return np.stack(self.path[1:])
    def backward(self, g):
        gx, gv, gk = np.zeros_like(self.path[0]), np.zeros_like(self.path[0]), 0.0
        for t in range(self.steps - 1, -1, -1):
            gx = gx + g[t]
            gv = gv + self.dt * gx
            gk -= np.sum(gv * self.dt * self.path[t + 1])
            gx = gx - self.dt * self.k * gv
        self.dk = np.array([gk])
        return gx

class MidpointStep:
    """x + h f(x + h/2 f(x)), f = tanh(x W)"""
    def __init__(self, d, h=0.3): self.W, self.h = np.random.randn(d, d) * .8, h
    def forward(self, x):
        self.x = x
        self.f1 = np.tanh(x @ self.W)
        self.mid = x + self.h / 2 * self.f1
        self.f2 = np.tanh(self.mid @ self.W)
        return x + self.h * self.f2
    def backward(self, g):
        a2 = self.h * g * (1 - self.f2 ** 2)
        gmid = a2 @ self.W.T
        a1 = self.h / 2 * gmid * (1 - self.f1 ** 2)
        self.dW = self.mid.T @ a2 + self.x.T @ a1
        return g + a1 @ self.W.T

class ExponentialSmoothing:
    """(time, series); alpha is learned"""
    def __init__(self, alpha): self.alpha = np.array(alpha, dtype=float)
    def forward(self, x):
        self.x, self.y = x, np.empty_like(x)
        self.y[0] = x[0]
        for t in range(1, len(x)): self.y[t] = self.alpha * x[t] + (1 - self.alpha) * self.y[t - 1]
        return self.y
    def backward(self, g):
        dx, self.dalpha, carry = np.zeros_like(g), np.zeros_like(self.alpha), 0
        for t in range(len(g) - 1, 0, -1):
            carry = carry + g[t]
            dx[t] = self.alpha * carry
            self.dalpha += np.sum(carry * (self.x[t] - self.y[t]))
            carry = (1 - self.alpha) * carry
        dx[0] = carry + g[0]
        return dx
