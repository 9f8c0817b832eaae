# ruff: noqa: E501 - as their authors write them
"""Layers as other authors write them: losses, graphs, kernels and what is seldom seen.

What an entry holds, `stranger.collection` says.
"""

from stranger import collection

LAYERS, layer = collection()

layer(
    "cosine similarity",
    """
class Cosine:
    def forward(self, u, v):
        self.u, self.v = u, v
        self.nu = np.linalg.norm(u, axis=1, keepdims=True)
        self.nv = np.linalg.norm(v, axis=1, keepdims=True)
        self.c = (u * v).sum(1, keepdims=True) / (self.nu * self.nv)
        return self.c[:, 0]
    def backward(self, dout):
        d = dout[:, None]
        du = d * (self.v / (self.nu * self.nv) - self.c * self.u / self.nu**2)
        dv = d * (self.u / (self.nu * self.nv) - self.c * self.v / self.nv**2)
        return du, dv
""",
    "C(Cosine(), n(6,4), n(6,4))",
    ("- self.c * self.v / self.nv**2", "", "v", "dropped term"),
    (
        "- self.c * self.u / self.nu**2",
        "- self.c * self.u / self.nv**2",
        "u",
        "wrong value used|factor|no known pattern",
    ),
    ("return du, dv", "return dv, du", "u v", "swapped"),
)

layer(
    "weighted ce with logits",
    """
class WeightedCE:
    def __init__(self, w): self.class_weight = w
    def forward(self, logits, labels):
        z = logits - logits.max(axis=1, keepdims=True)
        logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        self.p, self.labels = np.exp(logp), labels
        self.wi = self.class_weight[labels]
        return -(self.wi * logp[np.arange(len(labels)), labels]).sum() / self.wi.sum()
    def backward(self):
        d = self.p.copy()
        d[np.arange(len(d)), self.labels] -= 1
        return d * self.wi[:, None] / self.wi.sum()
""",
    "C(WeightedCE(np.array([.5, 1., 2.])), n(6,3), r.integers(3,size=6))",
    (
        "return d * self.wi[:, None] / self.wi.sum()",
        "return d * self.wi[:, None] / len(d)",
        "logits",
        "factor",
    ),
    (
        "return d * self.wi[:, None] / self.wi.sum()",
        "return d / self.wi.sum()",
        "logits",
        "dropped term|factor",
    ),
)

layer(
    "contrastive loss",
    """
class Contrastive:
    def forward(self, a, b, y):
        self.diff, self.y = a - b, y
        self.d = np.sqrt((self.diff**2).sum(1))
        self.h = np.maximum(1.5 - self.d, 0)
        return (y * self.d**2 + (1 - y) * self.h**2).mean() / 2
    def backward(self):
        n = len(self.d)
        c = self.y - (1 - self.y) * self.h / self.d
        da = c[:, None] * self.diff / n
        return da, -da
""",
    "C(Contrastive(), n(8,2), n(8,2), (r.random(8)>.5)*1.)",
    ("return da, -da", "return da, da", "b", "sign"),
    (
        "(1 - self.y) * self.h / self.d",
        "(1 - self.y) * self.h",
        "a b",
        "dropped term|factor|wrong value used|no known pattern",
    ),
)

layer(
    "rbf layer",
    """
class RBF:
    params = ("centers", "log_gamma")
    def __init__(self, centers, log_gamma): self.centers, self.log_gamma = centers, log_gamma
    def forward(self, x):
        self.diff = x[:, None, :] - self.centers[None]
        self.d2 = (self.diff ** 2).sum(-1)
        self.phi = np.exp(-np.exp(self.log_gamma) * self.d2)
        return self.phi
    def backward(self, dout):
        g = np.exp(self.log_gamma)
        e = dout * self.phi
        self.dlog_gamma = -(e * self.d2).sum(0) * g
        m = (e * g)[:, :, None] * self.diff
        self.dcenters = 2 * m.sum(0)
        return -2 * m.sum(1)
""",
    "C(RBF(r.normal(size=(3,2)), r.normal(size=3)*.3), r.normal(size=(4,2)))",
    ("-(e * self.d2).sum(0) * g", "-(e * self.d2).sum(0)", "log_gamma", "dropped term"),
    ("self.dcenters = 2 * m.sum(0)", "self.dcenters = -2 * m.sum(0)", "centers", "sign"),
    ("return -2 * m.sum(1)", "return -m.sum(1)", "x", "factor"),
)

layer(
    "mixture of experts",
    """
class MoE:
    def __init__(self, d, k, o, r):
        self.Wg = r.normal(size=(d, k)); self.We = r.normal(size=(k, d, o))
    def __call__(self, x):
        z = x @ self.Wg
        z = np.exp(z - z.max(1, keepdims=True)); self.g = z / z.sum(1, keepdims=True)
        self.e = np.einsum("nd,kdo->nko", x, self.We)
        self.x = x
        return (self.g[:, :, None] * self.e).sum(1)
    def backward(self, dy):
        dg = (dy[:, None, :] * self.e).sum(-1)
        de = self.g[:, :, None] * dy[:, None, :]
        dz = self.g * (dg - (dg * self.g).sum(1, keepdims=True))
        self.dWg = self.x.T @ dz
        self.dWe = np.einsum("nd,nko->kdo", self.x, de)
        return dz @ self.Wg.T + np.einsum("nko,kdo->nd", de, self.We)
""",
    "C(MoE(3, 4, 2, r), r.normal(size=(5,3)))",
    (
        "(dg * self.g).sum(1, keepdims=True)",
        "(dg * self.g).sum(0, keepdims=True)",
        "x Wg",
        "wrong axis",
    ),
    ("dz @ self.Wg.T + np", "np", "x", "dropped term"),
    (
        "self.g * (dg - (dg * self.g).sum(1, keepdims=True))",
        "self.g * (1 - self.g) * dg",
        "x Wg",
        "dropped term",
    ),
)

layer(
    "word2vec negative sampling",
    """
def nce_loss(center, context, negatives):
    s = lambda v: 1 / (1 + np.exp(-v))
    pos = (center * context).sum(-1)
    neg = np.einsum("nd,nkd->nk", center, negatives)
    loss = -(np.log(s(pos)).sum() + np.log(s(-neg)).sum()) / len(center)
    dpos = (s(pos) - 1) / len(center)
    dneg = s(neg) / len(center)
    grads = {
        "center": dpos[:, None] * context + np.einsum("nk,nkd->nd", dneg, negatives),
        "context": dpos[:, None] * center,
        "negatives": dneg[:, :, None] * center[:, None, :],
    }
    return loss, grads
""",
    "F(nce_loss, None, r.normal(size=(4,3)), r.normal(size=(4,3)), r.normal(size=(4,5,3)))",
    (
        "dneg = s(neg) / len(center)",
        "dneg = (s(neg) - 1) / len(center)",
        "center negatives",
        "extra term|wrong value used|dropped term|no known pattern",
    ),
    ("dpos = (s(pos) - 1) / len(center)", "dpos = (s(pos) - 1)", "center context", "factor"),
    ('+ np.einsum("nk,nkd->nd", dneg, negatives)', "", "center", "dropped term"),
)

layer(
    "dueling head",
    """
class Dueling:
    def __init__(self, wv, wa): self.wv, self.wa = wv, wa
    def forward(self, h):
        self.h = h
        a = h @ self.wa
        return h @ self.wv + a - a.mean(axis=1, keepdims=True)
    def backward(self, dq):
        dv = dq.sum(axis=1, keepdims=True)
        da = dq - dq.mean(axis=1, keepdims=True)
        self.grad_wv, self.grad_wa = self.h.T @ dv, self.h.T @ da
        return dv @ self.wv.T + da @ self.wa.T
""",
    "C(Dueling(r.normal(size=(4,1)), r.normal(size=(4,3))), r.normal(size=(5,4)))",
    ("da = dq - dq.mean(axis=1, keepdims=True)", "da = dq", "h wa", "dropped term"),
    ("dq.mean(axis=1, keepdims=True)", "dq.mean(axis=0, keepdims=True)", "h wa", "wrong axis"),
    ("dv = dq.sum(axis=1, keepdims=True)", "dv = dq.mean(axis=1, keepdims=True)", "h wv", "factor"),
)

layer(
    "policy gradient with entropy",
    """
class PGLoss:
    def __init__(self, beta=0.1): self.beta = beta
    def forward(self, logits, actions, adv):
        z = logits - logits.max(1, keepdims=True)
        self.logp = z - np.log(np.exp(z).sum(1, keepdims=True))
        self.p = np.exp(self.logp)
        self.actions, self.adv = actions, adv
        H = -(self.p * self.logp).sum(1)
        self.H = H
        return -(self.adv * self.logp[np.arange(len(z)), actions]).mean() - self.beta * H.mean()
    def backward(self):
        n = len(self.p)
        d = self.p.copy(); d[np.arange(n), self.actions] -= 1
        d *= self.adv[:, None]
        d += self.beta * self.p * (self.logp + self.H[:, None])
        return d / n
""",
    "C(PGLoss(), r.normal(size=(5,3)), np.array([0,2,1,1,0]), r.normal(size=5))",
    (
        "d += self.beta * self.p * (self.logp + self.H[:, None])",
        "d += self.beta * self.p * self.logp",
        "logits",
        "dropped term|no known pattern",
    ),
    ("        d *= self.adv[:, None]\n", "", "logits", "dropped term|no known pattern"),
    ("d[np.arange(n), self.actions] -= 1", "pass", "logits", "dropped term|no known pattern"),
)

layer(
    "factorization machine",
    """
class FM:
    def __init__(self, w0, w, V): self.w0, self.w, self.V = w0, w, V
    def forward(self, x):
        self.x = x
        self.s = x @ self.V
        inter = 0.5 * (self.s ** 2 - (x ** 2) @ (self.V ** 2)).sum(1)
        return self.w0 + x @ self.w + inter
    def backward(self, dy):
        d = dy[:, None]
        self.dw0 = np.array([dy.sum()])
        self.dw = self.x.T @ dy
        self.dV = self.x.T @ (d * self.s) - self.V * ((self.x ** 2).T @ d)
        return d * (self.w + self.s @ self.V.T - self.x * (self.V ** 2).sum(1))
""",
    "C(FM(np.array([.3]), r.normal(size=4), r.normal(size=(4,2))), r.normal(size=(5,4)))",
    ("- self.V * ((self.x ** 2).T @ d)", "", "V", "dropped term"),
    (
        "- self.x * (self.V ** 2).sum(1)",
        "- self.x * self.V.sum(1)",
        "x",
        "wrong value used|dropped term",
    ),
    ("d * (self.w + self.s", "d * (self.s", "x", "dropped term"),
)

layer(
    "soft dice loss",
    """
class Dice:
    def __init__(self, smooth=1.0): self.smooth = smooth
    def __call__(self, pred, target):
        p = 1 / (1 + np.exp(-pred))
        inter, total = (p * target).sum(), p.sum() + target.sum()
        self.saved = p, target, inter, total
        return 1 - (2 * inter + self.smooth) / (total + self.smooth)
    def gradient(self):
        p, t, inter, total = self.saved
        dp = -(2 * t * (total + self.smooth) - (2 * inter + self.smooth)) / (total + self.smooth) ** 2
        return dp * p * (1 - p)
""",
    "C(Dice(), r.normal(size=(3,4)), (r.random((3,4))>.5)*1.0)",
    ("return dp * p * (1 - p)", "return dp", "pred", "dropped term"),
    ("- (2 * inter + self.smooth)) /", ") /", "pred", "dropped term"),
)

layer(
    "gcn",
    """
class GCN:
    def __init__(self, A, W):
        A = A + np.eye(len(A)); d = A.sum(1) ** -0.5
        self.A, self.W = d[:, None] * A * d, W
        self.A = self.A * np.linspace(.5, 1.5, len(A))
    def forward(self, X):
        self.X = X
        self.Z = self.A @ X @ self.W
        return np.maximum(self.Z, 0)
    def backward(self, G):
        dZ = G * (self.Z > 0)
        self.gW = (self.A @ self.X).T @ dZ
        return self.A.T @ dZ @ self.W.T
    fixed = ("A",)
""",
    "C(GCN((r.random((5,5))>.5)*1.0, r.normal(size=(3,2))), r.normal(size=(5,3)))",
    ("self.A.T @ dZ", "self.A @ dZ", "X", "transposed"),
    ("(self.A @ self.X).T @ dZ", "self.X.T @ dZ", "W", "dropped term|wrong value used"),
    ("dZ = G * (self.Z > 0)", "dZ = G * (self.Z < 0)", "X W", "mask inverted"),
)

layer(
    "capsule squash",
    """
def squash(s):
    n2 = (s ** 2).sum(-1, keepdims=True)
    n = np.sqrt(n2)
    v = n2 / (1 + n2) * s / n
    return v, (s, n2, n)
def squash_back(dv, cache):
    s, n2, n = cache
    f = n / (1 + n2)
    df = (1 - n2) / (1 + n2) ** 2 / n
    return f * dv + df * s * (dv * s).sum(-1, keepdims=True)
""",
    "F(squash, squash_back, r.normal(size=(3,4,5)))",
    (
        "f * dv + df * s * (dv * s).sum(-1, keepdims=True)",
        "f * dv",
        "s",
        "dropped term|no known pattern",
    ),
    ("(dv * s).sum(-1, keepdims=True)", "(dv * s).sum(1, keepdims=True)", "s", "wrong axis"),
    (
        "(dv * s).sum(-1, keepdims=True)",
        "(dv * s)",
        "s",
        "not summed|dropped term|no known pattern",
    ),
)

layer(
    "prototype softmax",
    """
class Prototypes(object):
    def __init__(self, P, tau): self.P, self.tau = P, tau
    def forward(self, x, labels):
        self.x, self.labels = x, labels
        self.diff = x[:, None] - self.P
        logits = -(self.diff ** 2).sum(2) / self.tau
        e = np.exp(logits - logits.max(1, keepdims=True))
        self.q = e / e.sum(1, keepdims=True)
        return -np.log(self.q[np.arange(len(x)), labels]).mean()
    def backward(self, dout=1.0):
        d = self.q.copy(); d[np.arange(len(d)), self.labels] -= 1
        d = d * dout / len(d) / self.tau
        g = -2 * d[:, :, None] * self.diff
        self.dP = -g.sum(0)
        return g.sum(1)
""",
    "C(Prototypes(r.normal(size=(3,4)), 0.5), r.normal(size=(6,4)), np.array([0,1,2,1,0,2]))",
    ("/ len(d) / self.tau", "/ len(d)", "x P", "factor"),
    ("self.dP = -g.sum(0)", "self.dP = g.sum(0)", "P", "sign"),
    ("/ len(d) / self.tau", "/ self.tau", "x P", "factor"),
)

layer(
    "arcface cosine",
    """
class CosineLinear:
    def __init__(self, W, s=4.0): self.W, self.s = W, s
    def forward(self, x):
        self.nx, self.nw = np.linalg.norm(x, axis=1, keepdims=True), np.linalg.norm(self.W, axis=0, keepdims=True)
        self.u, self.v = x / self.nx, self.W / self.nw
        self.c = self.u @ self.v
        return self.s * self.c
    def backward(self, d):
        d = d * self.s
        self.dW = (self.u.T @ d - self.v * (d * self.c).sum(0)) / self.nw
        return (d @ self.v.T - self.u * (d * self.c).sum(1, keepdims=True)) / self.nx
""",
    "C(CosineLinear(r.normal(size=(4,3))), r.normal(size=(5,4)))",
    ("- self.u * (d * self.c).sum(1, keepdims=True)", "", "x", "dropped term"),
    (") / self.nw", ")", "W", "dropped term|factor|wrong value used"),
    ("d = d * self.s", "pass", "x W", "factor|dropped term"),
)

layer(
    "logcosh",
    """
class LogCosh:
    def forward(self, y, t):
        self.e = y - t
        return np.log(np.cosh(self.e)).mean()
    def backward(self): return np.tanh(self.e) / self.e.size
""",
    "C(LogCosh(), r.normal(size=(3,4)), r.normal(size=(3,4)))",
)

layer(
    "smooth l1",
    """
class SL1:
    def __call__(self, p, t):
        self.d = p - t; a = np.abs(self.d)
        return np.where(a < 1, .5 * a ** 2, a - .5).sum() / len(p)
    def backward(self): return np.clip(self.d, -1, 1) / len(self.d)
""",
    "C(SL1(), r.normal(size=(4,3))*2, r.normal(size=(4,3)))",
)

layer(
    "nll from logprob",
    """
def nll(logp, y):
    n = len(y); loss = -logp[np.arange(n), y].mean()
    d = np.zeros_like(logp); d[np.arange(n), y] = -1 / n
    return loss, d
""",
    "F(nll, None, r.normal(size=(4,3)), np.array([0,1,2,1]))",
)
