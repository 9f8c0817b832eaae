"""Small frameworks and scripts of research: right layers."""
import numpy as np

sigm = lambda v: 0.5 * (1 + np.tanh(0.5 * v))

class Tensor:
    def __init__(self, value): self.value, self.gradient = np.array(value, float), None

class LinearT:
    __slots__ = ("weight", "bias", "inp")
    def __init__(self, i, o): self.weight, self.bias = Tensor(np.random.randn(i, o)), Tensor(np.zeros((1, o)))
    def forward(self, x): self.inp = x; return x @ self.weight.value + self.bias.value
    def backward(self, g):
        self.weight.gradient, self.bias.gradient = self.inp.T @ g, g.sum(0, keepdims=True)
        return g @ self.weight.value.T

def unbroadcast(g, shape):
    while g.ndim > len(shape): g = g.sum(0)
    for k, s in enumerate(shape):
        if s == 1: g = g.sum(k, keepdims=True)
    return g

class BroadcastMul:
    def forward(self, a, b): self.s = a, b; return a * b
    def backward(self, g): a, b = self.s; return unbroadcast(g * b, a.shape), unbroadcast(g * a, b.shape)

class BroadcastDiv:
    def forward(self, a, b): self.a, self.b = a, b; return a / b
    def backward(self, g): return unbroadcast(g / self.b, self.a.shape), unbroadcast(-g * self.a / self.b ** 2, self.b.shape)

class SquareRoot:
    """the derivative is 0 at 0 by convention; inputs are positive"""
    def forward(self, x): self.y = np.sqrt(x); return self.y
    def backward(self, g): return g * np.where(self.y > 0, 0.5 / np.maximum(self.y, 1e-300), 0.0)

class SeparableConv2D:
    """NHWC: depthwise, then pointwise"""
    def __init__(self, k, cin, cout):
        self.depth, self.point = np.random.randn(k, k, cin), np.random.randn(cin, cout)
        self.g_depth = self.g_point = None
    def _taps(self, shape):
        k = self.depth.shape[0]
        return [((slice(None), slice(i, shape[1] - k + 1 + i), slice(j, shape[2] - k + 1 + j)), i, j) for i in range(k) for j in range(k)]
    def forward(self, x):
        self.x = x
        self.mid = sum(x[s] * self.depth[i, j] for s, i, j in self._taps(x.shape))
        return self.mid @ self.point
    def backward(self, g):
        self.g_point = np.tensordot(self.mid, g, axes=([0, 1, 2], [0, 1, 2]))
        gm = g @ self.point.T
        gx, self.g_depth = np.zeros_like(self.x), np.empty_like(self.depth)
        for s, i, j in self._taps(self.x.shape):
            gx[s] += gm * self.depth[i, j]
            self.g_depth[i, j] = (gm * self.x[s]).sum((0, 1, 2))
        return gx

class CausalConv:
    def __init__(self, cin, cout, k, dilation): self.theta = np.random.randn(k, cin, cout) * .5; self.dil = dilation; self.grad_theta = None
    def forward(self, x):            # (batch, time, channels)
        self.x = x; out = np.zeros(x.shape[:2] + (self.theta.shape[2],))
        for k, w in enumerate(self.theta):
            s = k * self.dil
            if s < x.shape[1]: out[:, s:] += x[:, :x.shape[1] - s] @ w
        return out
    def backward(self, g):
        gx, self.grad_theta = np.zeros_like(self.x), np.zeros_like(self.theta)
        T = self.x.shape[1]
        for k, w in enumerate(self.theta):
            s = k * self.dil
            if s < T:
                gx[:, :T - s] += g[:, s:] @ w.T
                self.grad_theta[k] = np.einsum("ntc,ntd->cd", self.x[:, :T - s], g[:, s:])
        return gx

class Conv3dFFTFree:
    def __init__(self, w): self.w = w
    def forward(self, v):
        self.v = v; a, b, c = self.w.shape
        self.sh = tuple(n - k + 1 for n, k in zip(v.shape[1:], self.w.shape))
        y = np.zeros((len(v),) + self.sh)
        for i, j, k in np.ndindex(a, b, c): y += self.w[i, j, k] * v[:, i:i + self.sh[0], j:j + self.sh[1], k:k + self.sh[2]]
        return y
    def backward(self, g):
        dv, dw = np.zeros_like(self.v), np.zeros_like(self.w)
        for i, j, k in np.ndindex(*self.w.shape):
            s = (slice(None), slice(i, i + self.sh[0]), slice(j, j + self.sh[1]), slice(k, k + self.sh[2]))
            dw[i, j, k] = np.vdot(g, self.v[s]); dv[s] += g * self.w[i, j, k]
        return dv, dw

class Deconv1d:
    def __init__(self, w, stride=3): self.w, self.stride = w, stride
    def forward(self, x):
        self.x = x; k = self.w.shape[2]; s = self.stride
        y = np.zeros((x.shape[0], self.w.shape[1], (x.shape[2] - 1) * s + k))
        for t in range(x.shape[2]): y[:, :, t * s:t * s + k] += np.tensordot(x[:, :, t], self.w, 1)
        return y
    def backward(self, g):
        k, s = self.w.shape[2], self.stride
        seg = np.stack([g[:, :, t * s:t * s + k] for t in range(self.x.shape[2])], 2)
        self.dw = np.einsum("nct,notk->cok", self.x, seg)
        return np.einsum("notk,cok->nct", seg, self.w)

class PNormPool:
    def __init__(self, p=4.0): self.p = p
    def forward(self, x):
        self.x = x; self.n = np.sum(np.abs(x) ** self.p, -1, keepdims=True) ** (1 / self.p)
        return self.n[..., 0]
    def backward(self, g): return g[..., None] * np.sign(self.x) * (np.abs(self.x) / self.n) ** (self.p - 1)

class AdaptivePool:
    def __init__(self, o): self.o = o
    def forward(self, x):
        L = x.shape[-1]; M = np.zeros((L, self.o))
        for k in range(self.o):
            lo, hi = (k * L) // self.o, ((k + 1) * L + self.o - 1) // self.o
            M[lo:hi, k] = 1.0 / (hi - lo)
        self.M = M
        return x @ M
    def backward(self, g): return g @ self.M.T

class Bilinear2x:
    """linear interpolation along the last axis by a matrix"""
    def forward(self, x):
        n = x.shape[-1]; pos = np.clip((np.arange(2 * n) + .5) / 2 - .5, 0, n - 1)
        lo = np.floor(pos).astype(int); hi = np.minimum(lo + 1, n - 1); self.lo, self.hi, self.f, self.n = lo, hi, pos - lo, n
        return x[..., lo] * (1 - self.f) + x[..., hi] * self.f
    def backward(self, g):
        gx = np.zeros(g.shape[:-1] + (self.n,))
        np.add.at(gx, (Ellipsis, self.lo), g * (1 - self.f)); np.add.at(gx, (Ellipsis, self.hi), g * self.f)
        return gx

class SpaceToDepth:
    def __init__(self, r=2): self.r = r
    def forward(self, x):
        n, c, h, w = x.shape; r = self.r; self.shape = x.shape
        return x.reshape(n, c, h // r, r, w // r, r).transpose(0, 3, 5, 1, 2, 4).reshape(n, c * r * r, h // r, w // r)
    def backward(self, g):
        n, c, h, w = self.shape; r = self.r
        return g.reshape(n, r, r, c, h // r, w // r).transpose(0, 3, 4, 1, 5, 2).reshape(self.shape)

class GroupNormalization:
    def __init__(self, groups, channels): self.groups, self.scale, self.shift = groups, np.random.rand(channels) + .5, np.random.randn(channels)
    def forward(self, x):
        self.shape = x.shape; g = x.reshape(x.shape[0], self.groups, -1)
        self.inv = 1 / np.sqrt(g.var(2) + 1e-5); self.h = (g - g.mean(2)[..., None]) * self.inv[..., None]
        return self.h.reshape(x.shape) * self.scale.reshape(1, -1, 1, 1) + self.shift.reshape(1, -1, 1, 1)
    def backward(self, g):
        self.d_scale, self.d_shift = np.einsum("nchw,nchw->c", g, self.h.reshape(self.shape)), np.einsum("nchw->c", g)
        q = (g * self.scale.reshape(1, -1, 1, 1)).reshape(self.h.shape)
        q = q - q.mean(2, keepdims=True) - self.h * (q * self.h).mean(2, keepdims=True)
        return (q * self.inv[..., None]).reshape(self.shape)

class InstNorm:
    """eps is added to the standard deviation here, not to the variance"""
    def forward(self, x):
        self.c = x - x.mean((2, 3), keepdims=True); self.s = np.sqrt((self.c ** 2).mean((2, 3), keepdims=True)); self.e = 1e-2
        return self.c / (self.s + self.e)
    def backward(self, g):
        m = lambda a: a.mean((2, 3), keepdims=True)
        q = self.s + self.e
        return (g - m(g)) / q - self.c * m(g * self.c) / (q ** 2 * self.s)

class WNLinear:
    def __init__(self, i, o): self.v, self.g, self.b = np.random.randn(i, o), np.random.rand(o) + .5, np.zeros(o)
    def forward(self, x): self.x, self.n = x, np.sqrt((self.v ** 2).sum(0)); return (x @ self.v) * (self.g / self.n) + self.b
    def backward(self, d):
        dw = self.x.T @ d; u = self.v / self.n
        dg = (dw * u).sum(0)
        dv = self.g / self.n * (dw - u * dg)
        return d @ (u * self.g).T, {"v": dv, "g": dg, "b": d.sum(0)}

class SNLinear:
    def __init__(self, W):
        self.W = W; u, s, vt = np.linalg.svd(W); self.uv = [tuple(u[:, 0]), tuple(vt[0])]
    def forward(self, x): self.x = x; self.sigma = np.dot(self.uv[0], self.W @ np.array(self.uv[1])); return x @ self.W / self.sigma
    def backward(self, d):
        G = self.x.T @ d
        self.dW = G / self.sigma - np.sum(G * self.W) / self.sigma ** 2 * np.outer(*self.uv)
        return d @ self.W.T / self.sigma

class FocalLogits:
    def __init__(self, gamma=2.0, alpha=.25): self.gamma, self.alpha = gamma, alpha
    def forward(self, logits, labels):
        s = 2.0 * labels - 1; self.s = s; self.w = np.where(labels == 1, self.alpha, 1 - self.alpha)
        self.p = sigm(s * logits); self.lp = -np.logaddexp(0, -s * logits)
        return -np.mean(self.w * (1 - self.p) ** self.gamma * self.lp)
    def backward(self):
        p, g = self.p, self.gamma
        return self.s * self.w * (1 - p) ** g * (g * p * self.lp - (1 - p)) / p.size

class SoftDice:
    def forward(self, pred, target):
        self.t = target; ax = tuple(range(1, pred.ndim)); self.n = 2 * (pred * target).sum(ax) + 1; self.d = (pred ** 2).sum(ax) + (target ** 2).sum(ax) + 1; self.pr = pred
        return np.mean(1 - self.n / self.d)
    def backward(self):
        e = lambda a: a.reshape((-1,) + (1,) * (self.pr.ndim - 1))
        return -(2 * self.t * e(self.d) - e(self.n) * 2 * self.pr) / e(self.d) ** 2 / len(self.n)

class CRF:
    def __init__(self, K): self.A = np.random.randn(K, K); self.start = np.random.randn(K); self.dA = self.dstart = None
    def forward(self, emissions, tags):
        E, A, T = emissions, self.A, len(emissions); al = [self.start + E[0]]
        for t in range(1, T): al.append(np.logaddexp.reduce(al[-1][:, None] + A, axis=0) + E[t])
        self.z = np.logaddexp.reduce(al[-1]); self.c = E, tags, al
        return self.z - (self.start[tags[0]] + E[np.arange(T), tags].sum() + A[tags[:-1], tags[1:]].sum())
    def backward(self):
        E, y, al = self.c; T, K = E.shape; be = np.zeros(K); dE = np.zeros_like(E); self.dA = np.zeros_like(self.A)
        for t in range(T - 1, -1, -1):
            dE[t] = np.exp(al[t] + be - self.z); dE[t, y[t]] -= 1
            if t:
                self.dA += np.exp(al[t - 1][:, None] + self.A + (E[t] + be)[None] - self.z); self.dA[y[t - 1], y[t]] -= 1
                be = np.logaddexp.reduce(self.A + (E[t] + be)[None], axis=1)
        self.dstart = dE[0].copy()
        return dE

class Contrastive:
    def forward(self, a, b, same, margin=1.0):
        self.d = a - b; q = (self.d ** 2).sum(1); self.k = np.where(same == 1, 1.0, -1.0 * (q < margin)); self.q = q
        return 0.5 * np.sum(np.where(same == 1, q, np.maximum(margin - q, 0)))
    def backward(self): g = self.k[:, None] * self.d; return g, -g

class SampleNormal:
    """draws its noise once, at the first forward, and keeps it until the shape changes"""
    def __init__(self): self.noise = None
    def forward(self, mu, log_sigma):
        if self.noise is None or self.noise.shape != mu.shape: self.noise = np.random.RandomState(0).randn(*mu.shape)
        self.s = np.exp(log_sigma)
        return mu + self.s * self.noise
    def backward(self, dz): return dz.copy(), dz * self.s * self.noise

class KL:
    def forward(self, mu, logvar): self.m, self.v = mu, np.exp(logvar); return 0.5 * np.mean(np.sum(self.v + mu ** 2 - 1 - logvar, 1))
    def backward(self): n = len(self.m); return self.m / n, 0.5 * (self.v - 1) / n

class PolicyGradient:
    def forward(self, logits, actions, returns):
        self.R = (returns - returns.mean()) / (returns.std() + 1e-6)
        z = logits - logits.max(1, keepdims=True); lp = z - np.log(np.exp(z).sum(1, keepdims=True)); self.p = np.exp(lp); self.a = actions
        return -(self.R * lp[np.arange(len(lp)), actions]).mean()
    def backward(self):
        onehot = np.zeros_like(self.p); onehot[np.arange(len(self.a)), self.a] = 1
        return (self.p - onehot) * (self.R / len(self.R))[:, None]

class GloveModel:
    def __init__(self, V, D): self.emb = {k: np.random.randn(V, D) * .5 for k in ("main", "ctx")}; self.bias = {k: np.zeros(V) for k in ("main", "ctx")}
    def loss(self, rows, cols, counts):
        f = np.minimum((counts / 8.0) ** .75, 1); e = (self.emb["main"][rows] * self.emb["ctx"][cols]).sum(1) + self.bias["main"][rows] + self.bias["ctx"][cols] - np.log(counts)
        w = 2 * f * e; g = {"emb": {k: np.zeros_like(v) for k, v in self.emb.items()}, "bias": {k: np.zeros_like(v) for k, v in self.bias.items()}}
        for n in range(len(rows)):
            i, j = rows[n], cols[n]
            g["emb"]["main"][i] += w[n] * self.emb["ctx"][j]; g["emb"]["ctx"][j] += w[n] * self.emb["main"][i]
            g["bias"]["main"][i] += w[n]; g["bias"]["ctx"][j] += w[n]
        return float(f @ e ** 2), g

class FM:
    def __init__(self, n, k): self.w, self.V = np.random.randn(n), np.random.randn(n, k)
    def forward(self, X): self.X, self.S = X, X @ self.V; return X @ self.w + .5 * (self.S ** 2 - X ** 2 @ self.V ** 2).sum(1)
    def backward(self, d):
        X = self.X; self.dw = d @ X
        self.dV = np.einsum("n,nf,nk->fk", d, X, self.S) - (d @ X ** 2)[:, None] * self.V
        return d[:, None] * (self.w + self.S @ self.V.T - X * (self.V ** 2).sum(1))

class GaussianKernelLayer:
    def __init__(self, centers, beta): self.centers, self.beta = centers, beta
    def forward(self, x): self.x = x; self.q = ((x[:, None] - self.centers) ** 2).sum(2); self.k = np.exp(-self.beta * self.q); return self.k
    def backward(self, g):
        gk = g * self.k; self.dbeta = -(gk * self.q).sum(0); a = gk * self.beta
        self.dcenters = 2 * (a.T @ self.x - a.sum(0)[:, None] * self.centers)
        return -2 * (a.sum(1)[:, None] * self.x - a @ self.centers)

class SparseMoE:
    """only the best expert of each sample answers, weighted with its probability"""
    def __init__(self, d, o, E): self.experts, self.router = [np.random.randn(d, o) for _ in range(E)], np.random.randn(d, E)
    def forward(self, x):
        a = x @ self.router; e = np.exp(a - a.max(1, keepdims=True)); self.p = e / e.sum(1, keepdims=True); self.k = a.argmax(1); self.x = x
        self.y = np.stack([x[n] @ self.experts[k] for n, k in enumerate(self.k)])
        return self.y * self.p[np.arange(len(x)), self.k][:, None]
    def backward(self, g):
        r = np.arange(len(self.x)); pk = self.p[r, self.k]; self.d_experts = [np.zeros_like(w) for w in self.experts]
        gx = np.zeros_like(self.x); gp = (g * self.y).sum(1)
        for n, k in enumerate(self.k): self.d_experts[k] += np.outer(self.x[n], g[n] * pk[n]); gx[n] = self.experts[k] @ (g[n] * pk[n])
        ga = -gp[:, None] * pk[:, None] * self.p; ga[r, self.k] += gp * pk
        self.d_router = self.x.T @ ga
        return gx + ga @ self.router.T

class MaxoutUnits:
    def __init__(self, d, u, k): self.W = np.random.randn(k, d, u)
    def forward(self, x): z = np.einsum("ni,kiu->knu", x, self.W); self.x, self.m = x, z.argmax(0); return z.max(0)
    def backward(self, g):
        sel = (np.arange(len(self.W))[:, None, None] == self.m) * g
        self.dW = np.einsum("ni,knu->kiu", self.x, sel)
        return np.einsum("knu,kiu->ni", sel, self.W)

class GatedTanh:
    def forward(self, x): h = x.shape[1] // 2; self.t, self.s = np.tanh(x[:, :h]), sigm(x[:, h:]); return self.t * self.s
    def backward(self, g): return np.hstack((g * self.s * (1 - self.t ** 2), g * self.t * self.s * (1 - self.s)))

class Cumsum:
    def forward(self, x): return x.cumsum(1)
    def backward(self, g): return g[:, ::-1].cumsum(1)[:, ::-1]

def cumprod_safe(x):
    return np.cumprod(x, -1), x

def cumprod_safe_backward(g, x):
    """without division, right where x is 0 too"""
    n = x.shape[-1]; dx = np.zeros_like(x)
    for j in range(n):
        pre = np.prod(x[..., :j], -1)
        for k in range(j, n): dx[..., j] += g[..., k] * pre * np.prod(x[..., j + 1:k + 1], -1)
    return dx

class ScatterMean:
    def __init__(self, n): self.n = n
    def forward(self, values, index):
        self.c = np.maximum(np.bincount(index, minlength=self.n), 1).astype(float); self.index = index; o = np.zeros((self.n, values.shape[1])); np.add.at(o, index, values)
        return o / self.c[:, None]
    def backward(self, g): return (g / self.c[:, None])[self.index]

class LogSoft:
    def forward(self, x): self.o = x - np.logaddexp.reduce(x, axis=1)[:, None]; return self.o
    def backward(self, g): return g - np.exp(self.o) * g.sum(1)[:, None]

class Sort:
    def forward(self, x): self.i = np.argsort(x, 1, kind="stable"); return np.take_along_axis(x, self.i, 1)
    def backward(self, g): return np.take_along_axis(g, np.argsort(self.i, 1), 1)

class Join:
    def forward(self, xs): self.n = np.cumsum([x.shape[1] for x in xs])[:-1]; return np.concatenate(xs, 1)
    def backward(self, g): return np.split(g, self.n, axis=1)

class Var1:
    def forward(self, x): self.c = x - x.mean(0); return (self.c ** 2).sum(0) / (len(x) - 1)
    def backward(self, g): return 2 * g * self.c / (len(self.c) - 1)

class SmoothL1:
    beta = .7
    def forward(self, a, b): self.e = a - b; q = np.abs(self.e); return np.where(q < self.beta, .5 * self.e ** 2 / self.beta, q - .5 * self.beta).sum()
    def backward(self): g = np.clip(self.e / self.beta, -1, 1); return g, -g

class LabelSmoothing:
    def __init__(self, eps=.1): self.eps = eps
    def forward(self, logits, labels):
        n, k = logits.shape; p = np.exp(logits - logits.max(1, keepdims=True)); p /= p.sum(1, keepdims=True)
        t = np.full((n, k), self.eps / (k - 1)); t[np.arange(n), labels] = 1 - self.eps; self.g = (p - t) / n
        return -(t * np.log(p)).sum() / n
    def backward(self): return self.g

class Peephole:
    def __init__(self, n): self.W = np.random.randn(n, 4 * n) * .5; self.peep = np.random.randn(3, n)
    def forward(self, x, c):
        i, f, g, o = np.split(x @ self.W, 4, 1); i, f, g = sigm(i + self.peep[0] * c), sigm(f + self.peep[1] * c), np.tanh(g); n = f * c + i * g; o = sigm(o + self.peep[2] * n)
        self.k = x, c, i, f, g, n, o
        return o * np.tanh(n)
    def backward(self, dh):
        x, c, i, f, g, n, o = self.k; t = np.tanh(n); ao = dh * t * o * (1 - o); dn = dh * o * (1 - t * t) + ao * self.peep[2]
        ai, af, ag = dn * g * i * (1 - i), dn * c * f * (1 - f), dn * i * (1 - g * g); a = np.hstack((ai, af, ag, ao))
        self.dW, self.dpeep = x.T @ a, np.stack(((ai * c).sum(0), (af * c).sum(0), (ao * n).sum(0)))
        return a @ self.W.T, dn * f + ai * self.peep[0] + af * self.peep[1]

class RNNTimeMajor:
    """one list of caches, emptied at each forward"""
    def __init__(self, D, H): self.U, self.W, self.cache = np.random.randn(D, H) * .5, np.random.randn(H, H) * .5, []
    def forward(self, x):
        self.cache.clear(); h = np.zeros((x.shape[1], len(self.W))); y = np.empty(x.shape[:2] + (len(self.W),))
        for t, xt in enumerate(x):
            n = np.tanh(xt @ self.U + h @ self.W); self.cache.append((xt, h, n)); h = n; y[t] = n
        return y
    def backward(self, g):
        self.gU, self.gW = np.zeros_like(self.U), np.zeros_like(self.W); c = 0; gx = []
        for (xt, h, n), gt in zip(reversed(self.cache), g[::-1]):
            z = (gt + c) * (1 - n * n); self.gU += xt.T @ z; self.gW += h.T @ z; gx.insert(0, z @ self.U.T); c = z @ self.W.T
        return np.array(gx)
