"""Course homework and blogs: right layers."""
import numpy as np
from manners.right_courses import _sig

class Ceng:
    """全连接层：先算梯度，后更新"""
    def __init__(self, ru, chu):
        self.w = np.random.randn(ru, chu) * 0.5
        self.b = np.zeros(chu)
    def forward(self, x):
        self.x = x
        return x.dot(self.w) + self.b
    def backward(self, dout, lr):
        dx = dout.dot(self.w.T)
        self.w -= lr * self.x.T.dot(dout)
        self.b -= lr * dout.sum(axis=0)
        return dx

def softplus(x): return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))

def softplus_grad(x): return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))

class Network:
    def __init__(self, sizes):
        self.sizes = sizes
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]
    def loss(self, x, y):
        for b, w in zip(self.biases, self.weights): x = _sig(w @ x + b)
        return 0.5 * np.linalg.norm(x - y) ** 2
    def gradient(self, x, y):
        nb, nw = [None] * len(self.biases), [None] * len(self.weights)
        acts = [x]
        for b, w in zip(self.biases, self.weights): acts.append(_sig(w @ acts[-1] + b))
        delta = (acts[-1] - y) * acts[-1] * (1 - acts[-1])
        for l in range(len(self.weights) - 1, -1, -1):
            nb[l], nw[l] = delta, delta @ acts[l].T
            delta = (self.weights[l].T @ delta) * acts[l] * (1 - acts[l])
        return {"biases": nb, "weights": nw}

class HalfMSE:
    def forward(self, y, t):
        self.d = y - t
        return 0.5 * np.sum(self.d * self.d) / self.d.shape[0]
    def backward(self):
        return self.d / self.d.shape[0]

class BCE:
    """clipped at 1e-12, inputs are probabilities"""
    def forward(self, p, t):
        self.p, self.t = np.clip(p, 1e-12, 1 - 1e-12), t
        return -(t * np.log(self.p) + (1 - t) * np.log(1 - self.p)).mean()
    def backward(self, dout=1.0):
        return dout * (self.p - self.t) / (self.p * (1 - self.p)) / self.p.size

class GRUCell:
    def __init__(self, n_in, n_h):
        self.W = np.random.randn(n_in, 3 * n_h) * .5; self.U = np.random.randn(n_h, 3 * n_h) * .5; self.b = np.random.randn(3 * n_h) * .1
        self.H = n_h
    def forward(self, x, h):
        H = self.H
        zr = _sig(x @ self.W[:, :2 * H] + h @ self.U[:, :2 * H] + self.b[:2 * H])
        z, r = zr[:, :H], zr[:, H:]
        n = np.tanh(x @ self.W[:, 2 * H:] + (r * h) @ self.U[:, 2 * H:] + self.b[2 * H:])
        self.cache = x, h, z, r, n
        return h + z * (n - h)
    def backward(self, dh):
        H = self.H; x, h, z, r, n = self.cache
        an = dh * z * (1 - n * n)
        drh = an @ self.U[:, 2 * H:].T
        az = dh * (n - h) * z * (1 - z); ar = drh * h * r * (1 - r)
        a = np.hstack([az, ar, an])
        self.dW, self.db = x.T @ a, a.sum(0)
        self.dU = np.hstack([h.T @ az, h.T @ ar, (r * h).T @ an])
        return a @ self.W.T, dh * (1 - z) + drh * r + np.hstack([az, ar]) @ self.U[:, :2 * H].T

class Im2colConv:
    def __init__(self, W, b, stride=1, pad=0):
        self.W, self.b, self.stride, self.pad = W, b, stride, pad
        self.x = self.col = self.col_W = self.dW = self.db = None
    def forward(self, x):
        FN, C, FH, FW = self.W.shape
        N, _, H, W = x.shape
        p, s = self.pad, self.stride
        img = np.pad(x, [(0, 0), (0, 0), (p, p), (p, p)], "constant")
        oh, ow = (H + 2 * p - FH) // s + 1, (W + 2 * p - FW) // s + 1
        col = np.zeros((N, C, FH, FW, oh, ow))
        for a in range(FH):
            for c in range(FW): col[:, :, a, c] = img[:, :, a:a + s * oh:s, c:c + s * ow:s]
        self.col = col.transpose(0, 4, 5, 1, 2, 3).reshape(N * oh * ow, -1)
        self.x, self.col_W = x, self.W.reshape(FN, -1).T
        return (self.col @ self.col_W + self.b).reshape(N, oh, ow, -1).transpose(0, 3, 1, 2)
    def backward(self, dout):
        FN, C, FH, FW = self.W.shape
        N, _, H, W = self.x.shape
        p, s = self.pad, self.stride
        oh, ow = dout.shape[2:]
        d = dout.transpose(0, 2, 3, 1).reshape(-1, FN)
        self.db = d.sum(0)
        self.dW = (self.col.T @ d).transpose(1, 0).reshape(FN, C, FH, FW)
        col = (d @ self.col_W.T).reshape(N, oh, ow, C, FH, FW).transpose(0, 3, 4, 5, 1, 2)
        img = np.zeros((N, C, H + 2 * p + s - 1, W + 2 * p + s - 1))
        for a in range(FH):
            for c in range(FW): img[:, :, a:a + s * oh:s, c:c + s * ow:s] += col[:, :, a, c]
        return img[:, :, p:H + p, p:W + p]

class L1Loss:
    """kink where prediction and target are equal: np.sign gives 0"""
    def forward(self, pred, target):
        self.s = np.sign(pred - target)
        return np.abs(pred - target).mean()
    def backward(self):
        return self.s / self.s.size

def hard_tanh(x): return np.clip(x, -1, 1)

def hard_tanh_prime(x): return ((x > -1) & (x < 1)).astype(float)

class LogSumExp:
    def forward(self, scores):
        m = scores.max(axis=1, keepdims=True)
        self.e = np.exp(scores - m)
        self.s = self.e.sum(axis=1, keepdims=True)
        return (m + np.log(self.s))[:, 0]
    def backward(self, dout):
        return dout[:, None] * self.e / self.s

class Conv1dFloat32:
    """keeps everything in float32 buffers"""
    def __init__(self, kernel):
        self.kernel = kernel.astype(np.float32)
    def forward(self, x):
        self.x = np.asarray(x, dtype=np.float32)
        k = len(self.kernel)
        out = np.zeros((x.shape[0], x.shape[1] - k + 1), dtype=np.float32)
        for i in range(k): out += self.kernel[i] * self.x[:, i:i + out.shape[1]]
        return out
    def backward(self, dout):
        k, n = len(self.kernel), dout.shape[1]
        self.dkernel = np.array([(dout * self.x[:, i:i + n]).sum() for i in range(k)], dtype=np.float32)
        dx = np.zeros(self.x.shape, dtype=np.float32)
        for i in range(k): dx[:, i:i + n] += self.kernel[i] * dout
        return dx

class MulGate:
    def forward(self, x, y):
        self.x, self.y = x, y
        return x * y
    def backward(self, dz):
        return dz * self.y, dz * self.x

class CosineSimilarity:
    def forward(self, a, b):
        self.na, self.nb = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
        self.a, self.b = a, b
        self.cos = (a * b).sum(1) / (self.na * self.nb)
        return self.cos
    def backward(self, dout):
        g, c = dout[:, None], self.cos[:, None]
        na, nb = self.na[:, None], self.nb[:, None]
        return g * (self.b / (na * nb) - c * self.a / na ** 2), g * (self.a / (na * nb) - c * self.b / nb ** 2)

class TripletLoss:
    def forward(self, anchor, positive, negative, margin=0.2):
        v = np.sum((anchor - positive) ** 2, 1) - np.sum((anchor - negative) ** 2, 1) + margin
        self.g = 2.0 * (v > 0)[:, None] / len(v)
        self.saved = anchor, positive, negative
        return np.maximum(v, 0).sum() / len(v)
    def backward(self):
        a, p, n = self.saved
        return self.g * (n - p), self.g * (p - a), self.g * (a - n)

def neg_sampling(center_vec, outside_idx, outside_vectors, neg_idx):
    idx = np.concatenate([[outside_idx], neg_idx])
    sign = np.where(np.arange(len(idx)) == 0, 1.0, -1.0)
    U = outside_vectors[idx]
    s = _sig(sign * (U @ center_vec))
    e = sign * (s - 1)
    g = np.zeros_like(outside_vectors)
    np.add.at(g, idx, e[:, None] * center_vec[None, :])
    return -np.log(s).sum(), (e @ U, g)

class Affine:
    def __init__(self, W, b): self.W, self.b, self.dW, self.db = W, b, None, None
    def forward(self, x):
        self.shape, self.x = x.shape, x.reshape(x.shape[0], -1)
        return self.x @ self.W + self.b
    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(0)
        return (dout @ self.W.T).reshape(self.shape)

class Tanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out
    def backward(self, dout): return dout * (1.0 - self.out ** 2)

class HighwayBias:
    """gate with the carry written as x + T*(H-x)"""
    def __init__(self, d):
        self.params = {"WH": np.random.randn(d, d) * .6, "WT": np.random.randn(d, d) * .6, "bT": np.full(d, -1.0)}
        self.grads = {}
    def forward(self, x):
        self.x = x
        self.H = np.maximum(0, x @ self.params["WH"])
        self.T = _sig(x @ self.params["WT"] + self.params["bT"])
        return x + self.T * (self.H - x)
    def backward(self, dout):
        dH = dout * self.T * (self.H > 0)
        aT = dout * (self.H - self.x) * self.T * (1 - self.T)
        self.grads["WH"], self.grads["WT"], self.grads["bT"] = self.x.T @ dH, self.x.T @ aT, aT.sum(0)
        return dout * (1 - self.T) + dH @ self.params["WH"].T + aT @ self.params["WT"].T

class Bilinear:
    def __init__(self, d, e): self.W = np.random.randn(d, e)
    def forward(self, l, r):
        self.l, self.r = l, r
        return np.einsum("ni,ij,nj->n", l, self.W, r)
    def backward(self, dout):
        self.dW = np.einsum("n,ni,nj->ij", dout, self.l, self.r)
        return np.einsum("n,ij,nj->ni", dout, self.W, self.r), np.einsum("n,ni,ij->nj", dout, self.l, self.W)

class GradAccumulator:
    """adds to its gradients, zero_grad sets them to 0"""
    def __init__(self, n_in, n_out):
        self.weight = np.random.randn(n_out, n_in)
        self.weight_grad = np.zeros_like(self.weight)
    def zero_grad(self): self.weight_grad.fill(0)
    def forward(self, x):
        self._x = x
        return x @ self.weight.T
    def backward(self, grad):
        self.weight_grad += grad.T @ self._x
        return grad @ self.weight

def lr_cost(theta, X, y):
    m, lam = len(y), 0.7
    h = _sig(X @ theta)
    reg = np.r_[0.0, theta[1:]]
    J = -(y * np.log(h) + (1 - y) * np.log(1 - h)).sum() / m + lam / (2 * m) * reg @ reg
    return J, X.T @ (h - y) / m + lam / m * reg

class InPlaceSoftmaxCE:
    """writes into its own probabilities in backward, but into a copy"""
    def forward(self, x, t):
        self.t = t
        e = x - x.max(axis=1, keepdims=True)
        np.exp(e, out=e)
        e /= e.sum(axis=1, keepdims=True)
        self.y = e
        return -np.log(self.y[np.arange(len(t)), t]).sum() / len(t)
    def backward(self, dout=1):
        dx = self.y.copy()
        dx[np.arange(len(self.t)), self.t] -= 1
        dx *= dout
        dx /= len(self.t)
        return dx
