"""Small frameworks and scripts of research: layers with a mistake each."""
import numpy as np

class KLDivergence:
    def forward(self, mu, log_var):
        self.mu, self.log_var = mu, log_var
        return -0.5 * np.sum(1 + log_var - mu ** 2 - np.exp(log_var))

    def backward(self):
        return self.mu, 0.5 * np.exp(self.log_var)

class ReinforceLoss:
    def forward(self, logits, actions, rewards):
        z = logits - logits.max(1, keepdims=True)
        self.p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        self.actions, self.rewards = actions, rewards
        self.adv = (rewards - rewards.mean()) / (rewards.std() + 1e-8)
        return -np.mean(self.adv * np.log(self.p[np.arange(len(actions)), actions]))

    def backward(self):
        d = self.p.copy()
        d[np.arange(len(d)), self.actions] -= 1
        return d * self.rewards[:, None] / len(d)

class HuberLoss:
    def __init__(self, delta=0.5):
        self.delta = delta

    def forward(self, prediction, truth):
        self.e = prediction - truth
        a = np.abs(self.e)
        return np.sum(np.where(a <= self.delta, 0.5 * self.e ** 2, self.delta * (a - 0.5 * self.delta)))

    def backward(self):
        return np.where(np.abs(self.e) <= self.delta, self.e, np.sign(self.e))

class PinballLoss:
    def __init__(self, q):
        self.q = q

    def forward(self, yhat, y):
        self.u = y - yhat
        return np.maximum(self.q * self.u, (self.q - 1) * self.u).mean()

    def backward(self):
        return np.where(self.u < 0, -self.q, 1 - self.q) / self.u.size

class GaussianNLL:
    def forward(self, mean, sigma, obs):
        self.args = mean, sigma, obs
        return np.sum(np.log(sigma) + 0.5 * ((obs - mean) / sigma) ** 2)

    def backward(self):
        mean, sigma, obs = self.args
        dmean = (mean - obs) / sigma ** 2
        dsigma = 1 / sigma - (obs - mean) ** 2 / sigma ** 3
        return dmean, np.clip(dsigma, -1.0, 1.0)

class SmoothedCrossEntropy:
    def __init__(self, smoothing=0.1):
        self.smoothing = smoothing

    def forward(self, logits, labels):
        n, k = logits.shape
        z = logits - logits.max(1, keepdims=True)
        logp = z - np.log(np.exp(z).sum(1, keepdims=True))
        self.p = np.exp(logp)
        self.hot = np.eye(k)[labels]
        target = (1 - self.smoothing) * self.hot + self.smoothing / k
        return -(target * logp).sum() / n

    def backward(self):
        return (self.p - self.hot) / len(self.p)

class CenterLoss:
    def __init__(self, centers):
        self.centers = centers

    def forward(self, features, labels):
        self.labels = labels
        self.delta = features - self.centers[labels]
        return 0.5 * np.sum(self.delta ** 2)

    def backward(self):
        self.grad_centers = np.zeros_like(self.centers)
        for k in range(len(self.centers)):
            sel = self.labels == k
            if sel.any():
                self.grad_centers[k] = -self.delta[sel].mean(axis=0)
        return self.delta

class GloVe:
    def __init__(self, vocab, dim, x_max=10.0):
        self.W = np.random.randn(vocab, dim) * 0.5
        self.C = np.random.randn(vocab, dim) * 0.5
        self.x_max = x_max

    def loss(self, i, j, counts):
        f = np.minimum(1.0, (counts / self.x_max) ** 0.75)
        diff = (self.W[i] * self.C[j]).sum(1) - np.log(counts)
        cost = 0.5 * np.sum(f * diff ** 2)
        gW, gC = np.zeros_like(self.W), np.zeros_like(self.C)
        np.add.at(gW, i, (f * diff)[:, None] * self.C[j])
        np.add.at(gC, j, diff[:, None] * self.W[i])
        return cost, {"W": gW, "C": gC}

class FactorizationMachine:
    def __init__(self, n_features, k):
        self.w0 = np.zeros(1)
        self.w = np.random.randn(n_features)
        self.V = np.random.randn(n_features, k)

    def predict(self, X):
        s = X @ self.V
        return self.w0 + X @ self.w + 0.5 * (s ** 2 - (X ** 2) @ (self.V ** 2)).sum(1)

    def forward(self, X):
        self.X = X
        return self.predict(X)

    def backward(self, dy):
        X = self.X
        self.grad_w0 = dy.sum(keepdims=True)
        self.grad_w = X.T @ dy
        s = X @ self.V
        self.grad_V = X.T @ (dy[:, None] * s)
        return dy[:, None] * (self.w + s @ self.V.T - X * (self.V ** 2).sum(1))

class RBFLayer:
    def __init__(self, centres, widths):
        self.c, self.s = centres, widths

    def forward(self, x):
        self.d = x[:, None, :] - self.c[None]
        self.r2 = (self.d ** 2).sum(-1)
        self.phi = np.exp(-self.r2 / (2 * self.s ** 2))
        return self.phi

    def backward(self, g):
        gp = g * self.phi
        self.ds = (gp * self.r2 / self.s ** 2).sum(0)
        t = gp[:, :, None] * self.d / self.s[None, :, None] ** 2
        self.dc = t.sum(0)
        return -t.sum(1)

class MixtureOfExperts:
    def __init__(self, d_in, d_out, n_experts):
        self.We = np.random.randn(n_experts, d_in, d_out) * 0.6
        self.Wg = np.random.randn(d_in, n_experts) * 0.6

    def forward(self, x):
        self.x = x
        a = x @ self.Wg
        e = np.exp(a - a.max(1, keepdims=True))
        self.gate = e / e.sum(1, keepdims=True)
        self.y = np.einsum("ni,eio->neo", x, self.We)
        return np.einsum("ne,neo->no", self.gate, self.y)

    def backward(self, dout):
        dgate = np.einsum("no,neo->ne", dout, self.y)
        dy = self.gate[:, :, None] * dout[:, None, :]
        self.dWe = np.einsum("ni,neo->eio", self.x, dy)
        da = dgate * self.gate * (1 - self.gate)
        self.dWg = self.x.T @ da
        return np.einsum("neo,eio->ni", dy, self.We) + da @ self.Wg.T

class Maxout:
    """(N, units*pieces) -> (N, units)"""

    def __init__(self, pieces):
        self.pieces = pieces

    def forward(self, x):
        self.z = x.reshape(len(x), -1, self.pieces)
        return self.z.max(2)

    def backward(self, dout):
        mask = self.z == self.z.max(axis=1, keepdims=True)
        return (mask * dout[:, :, None]).reshape(len(dout), -1)

class GLU:
    def forward(self, x):
        self.a, b = np.split(x, 2, axis=-1)
        self.sb = 1 / (1 + np.exp(-b))
        return self.a * self.sb

    def backward(self, g):
        da = g * self.sb
        db = g * self.a * self.sb * (1 - self.sb)
        return np.concatenate([db, da], axis=-1)

class CumSum:
    def forward(self, x):
        return np.cumsum(x, axis=1)

    def backward(self, g):
        return np.cumsum(g, axis=1)

def cumprod(x):
    out = np.cumprod(x, axis=-1)
    return out, (x, out)

def cumprod_backward(g, cache):
    x, out = cache
    s = (g * out).sum(-1, keepdims=True) - np.cumsum(g * out, axis=-1)
    return s / x

class SegmentMean:
    def __init__(self, num_segments):
        self.num_segments = num_segments

    def forward(self, values, segment_ids):
        self.ids = segment_ids
        self.count = np.bincount(segment_ids, minlength=self.num_segments)
        out = np.zeros((self.num_segments, values.shape[1]))
        np.add.at(out, segment_ids, values)
        return out / np.maximum(self.count, 1)[:, None]

    def backward(self, dout):
        return dout[self.ids]

class LogSoftmax:
    def forward(self, x):
        z = x - x.max(-1, keepdims=True)
        self.out = z - np.log(np.exp(z).sum(-1, keepdims=True))
        return self.out

    def backward(self, g):
        return g - self.out * g.sum(-1, keepdims=True)

class KMaxPooling:
    """k largest along time in descending order, Kalchbrenner"""

    def __init__(self, k=3):
        self.k = k

    def forward(self, x):
        self.shape = x.shape
        self.idx = np.argsort(-x, axis=1)[:, :self.k]
        return np.take_along_axis(x, self.idx, axis=1)

    def backward(self, dout):
        dx = np.zeros(self.shape)
        np.put_along_axis(dx, np.sort(self.idx, axis=1), dout, axis=1)
        return dx

class Concat:
    def forward(self, left, right):
        self.n = left.shape[1]
        return np.concatenate((left, right), axis=1)

    def backward(self, d):
        return d[:, self.n:], d[:, :self.n]

class UnbiasedVariance:
    def forward(self, x):
        self.x = x
        return x.var(axis=0, ddof=1)

    def backward(self, dout):
        n = len(self.x)
        return dout * 2 * (self.x - self.x.mean(0)) / n

class ElmanSequence:
    """time major (T, N, D)"""

    def __init__(self, D, H):
        self.U = np.random.randn(D, H) * 0.5
        self.W = np.random.randn(H, H) * 0.5
        self.states = []

    def forward(self, x):
        self.x = x
        h = np.zeros((x.shape[1], self.W.shape[0]))
        out = []
        for t in range(len(x)):
            h = np.tanh(x[t] @ self.U + h @ self.W)
            self.states.append(h)
            out.append(h)
        return np.array(out)

    def backward(self, gout):
        self.gU, self.gW = np.zeros_like(self.U), np.zeros_like(self.W)
        gx, carry = np.zeros_like(self.x), 0
        for t in reversed(range(len(gout))):
            h = self.states[t]
            gz = (gout[t] + carry) * (1 - h * h)
            self.gU += self.x[t].T @ gz
            if t > 0:
                self.gW += self.states[t - 1].T @ gz
            gx[t] = gz @ self.U.T
            carry = gz @ self.W.T
        return gx

class Center:
    def forward(self, x):
        x -= x.mean(axis=0)
        return x * 1.0

    def backward(self, dout):
        return dout - dout.mean(axis=0)

class HalfPrecisionTanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy):
        return (dy * (1 - self.y ** 2)).astype(np.float16)

class CountingGate:
    """keeps the k-th power of positive values"""

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x ** 2, 0.0)

    def backward(self, dy):
        dx = np.zeros(self.x.shape, dtype=int)
        pos = self.x > 0
        dx[pos] = (2 * self.x * dy)[pos]
        return dx

class PeepholeLSTMCell:
    def __init__(self, n):
        self.W = np.random.randn(n, 4 * n) * 0.5
        self.p_i, self.p_f, self.p_o = np.random.randn(3, n) * 0.8

    def forward(self, x, c):
        s = lambda v: 1 / (1 + np.exp(-v))
        n = x.shape[1]
        a = x @ self.W
        i, f = s(a[:, :n] + self.p_i * c), s(a[:, n:2 * n] + self.p_f * c)
        g = np.tanh(a[:, 2 * n:3 * n])
        cn = f * c + i * g
        o = s(a[:, 3 * n:] + self.p_o * cn)
        self.cache = x, c, i, f, g, cn, o
        return o * np.tanh(cn)

    def backward(self, dh):
        x, c, i, f, g, cn, o = self.cache
        tc = np.tanh(cn)
        ao = dh * tc * o * (1 - o)
        dcn = dh * o * (1 - tc ** 2) + ao * self.p_o
        ai, af, ag = dcn * g * i * (1 - i), dcn * c * f * (1 - f), dcn * i * (1 - g ** 2)
        self.dp_i, self.dp_f, self.dp_o = (ai * c).sum(0), (af * c).sum(0), (ao * c).sum(0)
        a = np.concatenate([ai, af, ag, ao], axis=1)
        self.dW = x.T @ a
        return a @ self.W.T, dcn * f + ai * self.p_i + af * self.p_f

class Clamp:
    def __init__(self, lo=-0.8, hi=0.9):
        self.lo, self.hi = lo, hi

    def forward(self, x):
        self.x = x
        return np.minimum(np.maximum(x, self.lo), self.hi)

    def backward(self, g):
        return g * (self.x > self.lo)

class TemperatureSoftmax:
    def __init__(self, tau=0.4):
        self.tau = tau

    def forward(self, x):
        e = np.exp((x - x.max(1, keepdims=True)) / self.tau)
        self.y = e / e.sum(1, keepdims=True)
        return self.y

    def backward(self, g):
        return self.y * (g - (g * self.y).sum(1, keepdims=True))

class TVRegularizer:
    """total variation (squared) of images; scalar output"""

    def forward(self, img):
        self.dy = img[:, 1:, :] - img[:, :-1, :]
        self.dx = img[:, :, 1:] - img[:, :, :-1]
        self.shape = img.shape
        return np.sum(self.dy ** 2) + np.sum(self.dx ** 2)

    def backward(self, upstream=1.0):
        g = np.zeros(self.shape)
        g[:, 1:, :] += 2 * self.dy
        g[:, :-1, :] -= 2 * self.dy
        g[:, :, 1:] += 2 * self.dx
        g[:, :, 1:] -= 2 * self.dx
        return g * upstream
