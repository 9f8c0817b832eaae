# ruff: noqa: E501 (as their authors write them)
"""Layers of kinds that few have, right and with mistakes, as `strangers_styles` has others."""

LAYERS = []


def layer(name, source, call, *mistakes, compared=True):
    LAYERS.append((name, source, call, mistakes, compared))


layer(
    "local response norm",
    """
def lrn_forward(x, n, k, alpha, beta):
    N, C, H, W = x.shape
    sq = x ** 2
    scale = np.full(x.shape, k)
    for c in range(C):
        lo, hi = max(0, c - n // 2), min(C, c + n // 2 + 1)
        scale[:, c] += alpha * sq[:, lo:hi].sum(axis=1)
    out = x * scale ** -beta
    return out, (x, scale, n, alpha, beta)
def lrn_backward(dout, cache):
    x, scale, n, alpha, beta = cache
    C = x.shape[1]
    dx = dout * scale ** -beta
    t = dout * x * scale ** (-beta - 1)
    for c in range(C):
        lo, hi = max(0, c - n // 2), min(C, c + n // 2 + 1)
        dx[:, c] -= 2 * alpha * beta * x[:, c] * t[:, lo:hi].sum(axis=1)
    return dx
""",
    "F(lrn_forward, lrn_backward, r.normal(size=(2,5,3,2)), 3, 1.0, 0.5, 0.75)",
    (
        "        dx[:, c] -= 2 * alpha * beta * x[:, c] * t[:, lo:hi].sum(axis=1)\n",
        "        pass\n",
        "x",
        "dropped term|no known pattern",
    ),
    ("-= 2 * alpha", "+= 2 * alpha", "x", "dropped term|sign|no known pattern|factor"),
    (
        "scale ** (-beta - 1)",
        "scale ** (-beta)",
        "x",
        "no known pattern|wrong value used|dropped term",
    ),
)

layer(
    "pixel shuffle",
    """
class PixelShuffle:
    def __init__(self, r): self.r = r
    def forward(self, x):
        N, C, H, W = x.shape; r = self.r
        self.shape = x.shape
        return x.reshape(N, C // r**2, r, r, H, W).transpose(0, 1, 4, 2, 5, 3).reshape(N, C // r**2, H * r, W * r)
    def backward(self, g):
        N, C, H, W = self.shape; r = self.r
        return g.reshape(N, C // r**2, H, r, W, r).transpose(0, 1, 3, 5, 2, 4).reshape(N, C, H, W)
""",
    "C(PixelShuffle(2), r.normal(size=(2,8,3,5)))",
    ("transpose(0, 1, 3, 5, 2, 4)", "transpose(0, 1, 5, 3, 2, 4)", "x", "wrong place|transposed"),
    (
        "transpose(0, 1, 3, 5, 2, 4).reshape(N, C, H, W)",
        "reshape(N, C, H, W)",
        "x",
        "wrong place|transposed",
    ),
)

layer(
    "conv transpose scatter",
    """
class Deconv(object):
    def __init__(self, cin, cout, k, s, r):
        self.params = {"W": r.normal(size=(cin, cout, k, k)), "b": r.normal(size=cout)}
        self.grads = {}
        self.k, self.s = k, s
    def forward(self, x):
        W, b, k, s = self.params["W"], self.params["b"], self.k, self.s
        N, C, H, Wd = x.shape
        self.x = x
        out = np.zeros((N, W.shape[1], (H - 1) * s + k, (Wd - 1) * s + k))
        for i in range(H):
            for j in range(Wd):
                out[:, :, i*s:i*s+k, j*s:j*s+k] += np.tensordot(x[:, :, i, j], W, (1, 0))
        return out + b[None, :, None, None]
    def backward(self, dout):
        W, k, s = self.params["W"], self.k, self.s
        dx, dW = np.zeros_like(self.x), np.zeros_like(W)
        for i in range(dx.shape[2]):
            for j in range(dx.shape[3]):
                win = dout[:, :, i*s:i*s+k, j*s:j*s+k]
                dx[:, :, i, j] = np.tensordot(win, W, ((1, 2, 3), (1, 2, 3)))
                dW += np.tensordot(self.x[:, :, i, j], win, (0, 0))
        self.grads["W"], self.grads["b"] = dW, dout.sum(axis=(0, 2, 3))
        return dx
""",
    "C(Deconv(2, 3, 3, 2, r), r.normal(size=(2,2,3,2)))",
    ("dW += np", "dW = np", "W", "not summed|no known pattern"),
    (
        "np.tensordot(win, W, ((1, 2, 3), (1, 2, 3)))",
        "np.tensordot(win, W[:, :, ::-1, ::-1], ((1, 2, 3), (1, 2, 3)))",
        "x",
        "wrong place",
    ),
    ("dout.sum(axis=(0, 2, 3))", "dout.mean(axis=(0, 2, 3))", "b", "factor"),
)

layer(
    "im2col indices fast",
    """
def get_idx(shape, fh, fw, pad, stride):
    N, C, H, W = shape
    oh, ow = (H + 2*pad - fh)//stride + 1, (W + 2*pad - fw)//stride + 1
    i0 = np.tile(np.repeat(np.arange(fh), fw), C)
    i1 = stride * np.repeat(np.arange(oh), ow)
    j0 = np.tile(np.arange(fw), fh * C)
    j1 = stride * np.tile(np.arange(ow), oh)
    i, j = i0.reshape(-1, 1) + i1.reshape(1, -1), j0.reshape(-1, 1) + j1.reshape(1, -1)
    k = np.repeat(np.arange(C), fh * fw).reshape(-1, 1)
    return k, i, j, oh, ow
def conv_fwd(x, w, b, pad, stride):
    F, C, fh, fw = w.shape
    k, i, j, oh, ow = get_idx(x.shape, fh, fw, pad, stride)
    xp = np.pad(x, ((0,0),(0,0),(pad,pad),(pad,pad)))
    cols = xp[:, k, i, j].transpose(1, 2, 0).reshape(fh*fw*C, -1)
    out = (w.reshape(F, -1) @ cols + b.reshape(-1, 1)).reshape(F, oh, ow, len(x)).transpose(3, 0, 1, 2)
    return out, (x, w, b, pad, stride, cols)
def conv_bwd(dout, cache):
    x, w, b, pad, stride, cols = cache
    F, C, fh, fw = w.shape
    N, _, H, W = x.shape
    db = dout.sum(axis=(0, 2, 3))
    d = dout.transpose(1, 2, 3, 0).reshape(F, -1)
    dw = (d @ cols.T).reshape(w.shape)
    dcols = w.reshape(F, -1).T @ d
    k, i, j, oh, ow = get_idx(x.shape, fh, fw, pad, stride)
    xp = np.zeros((N, C, H + 2*pad, W + 2*pad))
    dc = dcols.reshape(C*fh*fw, -1, N).transpose(2, 0, 1)
    np.add.at(xp, (slice(None), k, i, j), dc)
    return xp[:, :, pad:-pad, pad:-pad], dw, db
""",
    "F(conv_fwd, conv_bwd, r.normal(size=(2,3,5,4)), r.normal(size=(4,3,3,3)), r.normal(size=4), 1, 1)",
    (
        "np.add.at(xp, (slice(None), k, i, j), dc)",
        "xp[:, k, i, j] += dc",
        "x",
        "not summed|ties counted twice",
    ),
    (
        "dout.transpose(1, 2, 3, 0)",
        "dout.transpose(1, 0, 2, 3)",
        "x w",
        "wrong place|transposed|no known pattern",
    ),
    ("xp[:, :, pad:-pad, pad:-pad]", "xp[:, :, :-2*pad, :-2*pad]", "x", "wrong place"),
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
    "vanilla rnn many to one (victorzhou)",
    """
class RNN:
    def __init__(self, i, o, h, r):
        self.Whh, self.Wxh, self.Why = r.normal(size=(h, h))*.5, r.normal(size=(h, i))*.5, r.normal(size=(o, h))*.5
        self.bh, self.by = np.zeros((h, 1)) + .1, np.zeros((o, 1))
    def forward(self, inputs):
        h = np.zeros((self.Whh.shape[0], 1))
        self.inputs, self.hs = inputs, {0: h}
        for i in range(len(inputs)):
            h = np.tanh(self.Wxh @ inputs[i][:, None] + self.Whh @ h + self.bh)
            self.hs[i + 1] = h
        return self.Why @ h + self.by
    def backprop(self, d_y):
        n = len(self.inputs)
        self.d_Why = d_y @ self.hs[n].T
        self.d_by = d_y
        d_Whh, d_Wxh, d_bh = np.zeros(self.Whh.shape), np.zeros(self.Wxh.shape), np.zeros(self.bh.shape)
        d_x = np.zeros(self.inputs.shape)
        d_h = self.Why.T @ d_y
        for t in reversed(range(n)):
            temp = (1 - self.hs[t + 1] ** 2) * d_h
            d_bh += temp
            d_Whh += temp @ self.hs[t].T
            d_Wxh += temp @ self.inputs[t][None, :]
            d_x[t] = (self.Wxh.T @ temp)[:, 0]
            d_h = self.Whh.T @ temp
        self.d_Whh, self.d_Wxh, self.d_bh = d_Whh, d_Wxh, d_bh
        return d_x
""",
    "C(RNN(3, 2, 4, r), r.normal(size=(5,3)))",
    ("d_h = self.Whh.T @ temp", "d_h = self.Whh @ temp", "inputs Whh Wxh bh", "transposed"),
    ("temp @ self.hs[t].T", "temp @ self.hs[t + 1].T", "Whh", "wrong value used"),
    (
        "(1 - self.hs[t + 1] ** 2) * d_h",
        "(1 - self.hs[t + 1]) * d_h",
        "inputs Whh Wxh bh",
        "wrong value used|dropped term",
    ),
    ("d_bh += temp", "d_bh = temp", "bh", "not summed"),
)

layer(
    "bahdanau attention",
    """
class Additive:
    def __init__(self, d, h, r):
        self.W = r.normal(size=(d, h)); self.U = r.normal(size=(d, h)); self.v = r.normal(size=h)
    def forward(self, q, keys):
        self.q, self.keys = q, keys
        self.t = np.tanh((q @ self.W)[:, None, :] + keys @ self.U)
        s = self.t @ self.v
        e = np.exp(s - s.max(-1, keepdims=True))
        self.a = e / e.sum(-1, keepdims=True)
        return np.einsum("nt,ntd->nd", self.a, keys)
    def backward(self, dctx):
        da = np.einsum("nd,ntd->nt", dctx, self.keys)
        ds = self.a * (da - (self.a * da).sum(-1, keepdims=True))
        dt = ds[:, :, None] * self.v
        self.dv = (ds[:, :, None] * self.t).sum((0, 1))
        du = dt * (1 - self.t ** 2)
        self.dW = self.q.T @ du.sum(1)
        self.dU = np.einsum("ntd,nth->dh", self.keys, du)
        dkeys = du @ self.U.T + self.a[:, :, None] * dctx[:, None, :]
        return du.sum(1) @ self.W.T, dkeys
""",
    "C(Additive(3, 4, r), r.normal(size=(2,3)), r.normal(size=(2,5,3)))",
    ("du = dt * (1 - self.t ** 2)", "du = dt", "q keys W U", "dropped term"),
    ("+ self.a[:, :, None] * dctx[:, None, :]", "", "keys", "dropped term"),
    (
        "(self.a * da).sum(-1, keepdims=True)",
        "da.sum(-1, keepdims=True)",
        "q keys W U v",
        "wrong value used|dropped term|no known pattern|extra term",
    ),
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
    compared=False,
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
    "euler ode block",
    """
class ODE:
    params = ["W", "b"]
    def __init__(self, W, b, steps=4, h=0.25): self.W, self.b, self.steps, self.h = W, b, steps, h
    def forward(self, x):
        self.states = []
        for _ in range(self.steps):
            a = np.tanh(x @ self.W + self.b)
            self.states.append((x, a))
            x = x + self.h * a
        return x
    def backward(self, g):
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)
        for x, a in reversed(self.states):
            d = self.h * g * (1 - a * a)
            self.dW += x.T @ d
            self.db += d.sum(0)
            g = g + d @ self.W.T
        return g
""",
    "C(ODE(r.normal(size=(3,3)), r.normal(size=3)), r.normal(size=(4,3)))",
    ("g = g + d @ self.W.T", "g = d @ self.W.T", "x W b", "dropped term"),
    ("d = self.h * g * (1 - a * a)", "d = g * (1 - a * a)", "x W b", "factor|dropped term"),
    (
        "in reversed(self.states)",
        "in self.states",
        "x W b",
        "wrong value used|wrong place|no known pattern",
    ),
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
    "max pool 1d keeping argmax",
    """
class MaxPool1d:
    def __init__(self, k): self.k = k
    def forward(self, x):
        N, C, L = x.shape
        v = x.reshape(N, C, L // self.k, self.k)
        self.idx, self.shape = v.argmax(-1), x.shape
        return v.max(-1)
    def backward(self, dout):
        N, C, L = self.shape
        dx = np.zeros((N, C, L // self.k, self.k))
        np.put_along_axis(dx, self.idx[..., None], dout[..., None], -1)
        return dx.reshape(self.shape)
""",
    "C(MaxPool1d(3), r.normal(size=(2,3,6)))",
    (
        "np.put_along_axis(dx, self.idx[..., None], dout[..., None], -1)",
        "dx[:] = dout[..., None] / self.k",
        "x",
        "mask missing",
    ),
    (
        "np.put_along_axis(dx, self.idx[..., None], dout[..., None], -1)",
        "np.put_along_axis(dx, 0 * self.idx[..., None], dout[..., None], -1)",
        "x",
        "mask missing|wrong place|no known pattern",
    ),
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
    "horner polynomial",
    """
class Poly:
    def __init__(self, coef): self.coef = coef
    def forward(self, x):
        y, self.ys = np.zeros_like(x), []
        for c in self.coef:
            self.ys.append(y)
            y = y * x + c
        self.x = x
        return y
    def backward(self, dy):
        dx, dc = np.zeros_like(self.x), np.zeros_like(self.coef)
        g = dy
        for k in range(len(self.coef) - 1, -1, -1):
            dc[k] = g.sum()
            dx += g * self.ys[k]
            g = g * self.x
        self.dcoef = dc
        return dx
""",
    "C(Poly(r.normal(size=4)), r.normal(size=(3,2)))",
    ("dx += g * self.ys[k]", "dx = g * self.ys[k]", "x", "not summed|dropped term|zero"),
    ("            g = g * self.x\n", "", "x coef", "dropped term|no known pattern"),
    ("dc[k] = g.sum()", "dc[k] = g.mean()", "coef", "factor"),
)

layer(
    "module tree with _parameters",
    """
class Module:
    def __init__(self): self._parameters, self._grads, self._modules = {}, {}, {}
    def parameters(self):
        return [*self._parameters.values(), *(p for m in self._modules.values() for p in m.parameters())]
class Lin(Module):
    def __init__(self, i, o, r):
        super().__init__()
        self._parameters["weight"] = r.normal(size=(o, i)); self._parameters["bias"] = r.normal(size=o)
    def forward(self, x):
        self.input = x
        return x @ self._parameters["weight"].T + self._parameters["bias"]
    def backward(self, g):
        self._grads["weight"] = g.T @ self.input
        self._grads["bias"] = g.sum(0)
        return g @ self._parameters["weight"]
class LeakyReLU(Module):
    def forward(self, x):
        self.input = x
        return np.where(x > 0, x, 0.2 * x)
    def backward(self, g): return np.where(self.input > 0, g, 0.2 * g)
class Res(Module):
    def __init__(self, d, r):
        super().__init__()
        self._modules["fc1"] = Lin(d, 5, r); self._modules["act"] = LeakyReLU(); self._modules["fc2"] = Lin(5, d, r)
    def forward(self, x):
        h = x
        for m in self._modules.values(): h = m.forward(h)
        return h + x
    def backward(self, g):
        d = g
        for m in reversed(self._modules.values()): d = m.backward(d)
        return d + g
""",
    "C(Res(3, r), r.normal(size=(4,3)))",
    ("return d + g", "return d", "x", "dropped term"),
    (
        "np.where(self.input > 0, g, 0.2 * g)",
        "np.where(self.input > 0, g, 0)",
        "x _modules.fc1._parameters.weight _modules.fc1._parameters.bias",
        "dropped term|mask missing",
    ),
    (
        'self._grads["bias"] = g.sum(0)',
        'self._grads["bias"] = g.sum(0) / len(g)',
        "_modules.fc1._parameters.bias _modules.fc2._parameters.bias",
        "factor",
    ),
)

layer(
    "list of layers with params()/grads()",
    """
class Dense:
    def __init__(self, i, o, r): self.w, self.b = r.normal(size=(i, o)), r.normal(size=o)
    def params(self): return [self.w, self.b]
    def grads(self): return [self.gw, self.gb]
    def fwd(self, x): self.i = x; return x @ self.w + self.b
    def bwd(self, d):
        self.gw, self.gb = self.i.T @ d, d.sum(0)
        return d @ self.w.T
class Tanh:
    def fwd(self, x): self.o = np.tanh(x); return self.o
    def bwd(self, d): return d * (1 - self.o ** 2)
class Net:
    def __init__(self, layers): self.layers = layers
    def fwd(self, x):
        for l in self.layers: x = l.fwd(x)
        return x
    def bwd(self, d):
        for l in self.layers[::-1]: d = l.bwd(d)
        return d
""",
    "C(Net([Dense(3, 4, r), Tanh(), Dense(4, 2, r)]), r.normal(size=(5,3)))",
    (
        "d * (1 - self.o ** 2)",
        "d * (1 - np.tanh(self.o) ** 2)",
        "x layers[0].w [0].b",
        "wrong value used",
    ),
    (
        "for l in self.layers[::-1]: d = l.bwd(d)",
        "for l in self.layers[:0:-1]: d = l.bwd(d)",
        "x layers[0].w [0].b",
        "missing|wrong shape|not compared|dropped term",
    ),
)

layer(
    "dropout2d",
    """
class SpatialDropout:
    noise = ("m",)
    def __init__(self, p=.3): self.p = p
    def draw(self, rng, x): return (rng.random(x.shape[:2] + (1, 1)) > self.p) / (1 - self.p)
    def forward(self, x): return x * self.m
    def backward(self, d): return d * self.m
""",
    "C(SpatialDropout(), r.normal(size=(2,3,4,4)))",
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
    "hardswish",
    """
class HardSwish:
    def forward(self, x):
        self.x = x
        return x * np.clip(x + 3, 0, 6) / 6
    def backward(self, d):
        x = self.x
        return d * np.where(x <= -3, 0, np.where(x >= 3, 1, (2 * x + 3) / 6))
""",
    "C(HardSwish(), r.normal(size=(4,5))*3)",
)

layer(
    "celu functional",
    """
def celu(x, alpha):
    out = np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0) / alpha) - 1))
    return out, (x, alpha)
def celu_b(d, cache):
    x, a = cache
    return d * np.where(x > 0, 1, np.exp(np.minimum(x, 0) / a))
""",
    "F(celu, celu_b, r.normal(size=(4,3)), 1.3)",
)

layer(
    "global avg pool",
    """
class GAP:
    def forward(self, x): self.s = x.shape; return x.mean((2, 3))
    def backward(self, d): return np.broadcast_to(d[:, :, None, None], self.s) / (self.s[2] * self.s[3])
""",
    "C(GAP(), r.normal(size=(2,3,4,5)))",
)

layer(
    "whitening",
    """
class Center:
    def forward(self, x): return x - x.mean(0)
    def backward(self, d): return d - d.mean(0)
""",
    "C(Center(), r.normal(size=(5,3)))",
)

layer(
    "layer with dict of caches",
    """
class Mul:
    def __init__(self): self.cache = {}
    def forward(self, a, b):
        self.cache["ab"] = (a, b)
        return a * b
    def backward(self, d):
        a, b = self.cache.pop("ab")
        return d * b, d * a
""",
    "C(Mul(), r.normal(size=(3,2)), r.normal(size=(3,2)))",
)

layer(
    "stack machine",
    """
class Chain:
    def __init__(self): self.stack = []
    def forward(self, x):
        for f in (np.tanh, np.sin):
            self.stack.append((f, x)); x = f(x)
        return x
    def backward(self, d):
        while self.stack:
            f, x = self.stack.pop()
            d = d * (np.cos(x) if f is np.sin else 1 - np.tanh(x) ** 2)
        return d
""",
    "C(Chain(), r.normal(size=(3,2)))",
)

layer(
    "shift",
    """
class Shift:
    def forward(self, x): return np.roll(x, 1, axis=1)
    def backward(self, d): return np.roll(d, -1, axis=1)
""",
    "C(Shift(), r.normal(size=(3,5)))",
)

layer(
    "reflect pad",
    """
class Reflect:
    def forward(self, x): self.n = x.shape[1]; return np.pad(x, ((0,0),(2,1)), mode="reflect")
    def backward(self, d):
        g = d[:, 2:2 + self.n].copy()
        g[:, 1] += d[:, 1]; g[:, 2] += d[:, 0]; g[:, -2] += d[:, -1]
        return g
""",
    "C(Reflect(), r.normal(size=(3,5)))",
)

layer(
    "cumsum",
    """
def cs(x): return np.cumsum(x, axis=1), None
def csb(d, cache): return np.cumsum(d[:, ::-1], axis=1)[:, ::-1]
""",
    "F(cs, csb, r.normal(size=(3,5)))",
)

layer(
    "sort",
    """
class Sort:
    def forward(self, x): self.i = np.argsort(x, axis=1); return np.take_along_axis(x, self.i, 1)
    def backward(self, d):
        g = np.empty_like(d); np.put_along_axis(g, self.i, d, 1); return g
""",
    "C(Sort(), r.normal(size=(3,5)))",
)

layer(
    "logsumexp pool",
    """
class LSE:
    def __init__(self, t=2.): self.t = t
    def forward(self, x):
        m = x.max(1, keepdims=True); e = np.exp(self.t * (x - m)); self.p = e / e.sum(1, keepdims=True)
        return m[:, 0] + np.log(e.mean(1)) / self.t
    def backward(self, d): return d[:, None] * self.p
""",
    "C(LSE(), r.normal(size=(4,6)))",
)

layer(
    "linear without bias, Fortran",
    """
class L:
    def __init__(self, w): self.weights = np.asfortranarray(w)
    def forward(self, x): self.x = x; return self.weights @ x
    def backward(self, d): self.dweights = d @ self.x.T; return self.weights.T @ d
""",
    "C(L(r.normal(size=(3,4))), r.normal(size=(4,5)))",
)

layer(
    "einsum bilinear pool",
    """
class BP:
    def forward(self, a, b): self.a, self.b = a, b; return np.einsum("npi,npj->nij", a, b)
    def backward(self, d): return np.einsum("nij,npj->npi", d, self.b), np.einsum("nij,npi->npj", d, self.a)
""",
    "C(BP(), r.normal(size=(2,3,4)), r.normal(size=(2,3,5)))",
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

layer(
    "two layer net dict",
    """
class TwoLayer:
    def __init__(self, r): self.params = dict(W1=r.normal(size=(4,5)), b1=np.zeros(5)+.1, W2=r.normal(size=(5,3)), b2=np.zeros(3))
    def loss(self, X, y):
        p = self.params
        h = np.maximum(0, X @ p["W1"] + p["b1"]); s = h @ p["W2"] + p["b2"]
        e = np.exp(s - s.max(1, keepdims=True)); q = e / e.sum(1, keepdims=True)
        loss = -np.log(q[np.arange(len(y)), y]).mean()
        d = q.copy(); d[np.arange(len(y)), y] -= 1; d /= len(y)
        dh = d @ p["W2"].T * (h > 0)
        return loss, dict(W1=X.T @ dh, b1=dh.sum(0), W2=h.T @ d, b2=d.sum(0))
""",
    "C(TwoLayer(r).loss, r.normal(size=(5,4)), np.array([0,1,2,1,0]))",
)

layer(
    "gated residual",
    """
class GR:
    def __init__(self, w): self.w = w
    def forward(self, x, y): self.x, self.y, self.g = x, y, 1/(1+np.exp(-self.w)); return self.g*x+(1-self.g)*y
    def backward(self, d):
        self.dw = (d*(self.x-self.y)).sum(0)*self.g*(1-self.g)
        return d*self.g, d*(1-self.g)
""",
    "C(GR(r.normal(size=3)), r.normal(size=(4,3)), r.normal(size=(4,3)))",
)

layer(
    "float32 buffer",
    """
class F32:
    def forward(self, x):
        out = np.empty(x.shape, np.float32); out[...] = np.tanh(x); self.o = out; return out
    def backward(self, d): return d * (1 - self.o ** 2)
""",
    "C(F32(), r.normal(size=(4,3)))",
)

layer(
    "highway list params",
    """
class Stack:
    def __init__(self, r): self.Ws = [r.normal(size=(3,3)) for _ in range(3)]
    def forward(self, x):
        self.xs = [x]
        for W in self.Ws: self.xs.append(np.sin(self.xs[-1] @ W))
        return self.xs[-1]
    def backward(self, d):
        self.dWs = [None]*3
        for k in (2,1,0):
            d = d * np.cos(self.xs[k] @ self.Ws[k])
            self.dWs[k] = self.xs[k].T @ d
            d = d @ self.Ws[k].T
        return d
""",
    "C(Stack(r), r.normal(size=(4,3)))",
)
