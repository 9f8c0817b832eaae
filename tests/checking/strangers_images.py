# ruff: noqa: E501 - as their authors write them
"""Layers as other authors write them: images and normalisation.

What an entry holds, `stranger.collection` says.
"""

from stranger import collection

LAYERS, layer = collection()

layer(
    "groupnorm",
    """
def groupnorm_forward(x, gamma, beta):
    G, eps = 2, 1e-5
    N, C, H, W = x.shape
    xg = x.reshape(N, G, C // G, H, W)
    mu = xg.mean(axis=(2, 3, 4), keepdims=True)
    var = xg.var(axis=(2, 3, 4), keepdims=True)
    xn = ((xg - mu) / np.sqrt(var + eps)).reshape(x.shape)
    return gamma * xn + beta, (G, xn, gamma, var, eps)
def groupnorm_backward(dout, cache):
    G, xn, gamma, var, eps = cache
    N, C, H, W = dout.shape
    dgamma = (dout * xn).sum(axis=(0, 2, 3), keepdims=True)
    dbeta = dout.sum(axis=(0, 2, 3), keepdims=True)
    d = (dout * gamma).reshape(N, G, -1)
    n = xn.reshape(N, G, -1)
    m = n.shape[2]
    dx = (d - d.sum(2, keepdims=True) / m - n * (d * n).sum(2, keepdims=True) / m)
    dx = dx.reshape(N, G, C // G, H, W) / np.sqrt(var + eps)
    return dx.reshape(dout.shape), dgamma, dbeta
""",
    "F(groupnorm_forward, groupnorm_backward, n(2,4,3,5), n(1,4,1,1), n(1,4,1,1))",
    ("m = n.shape[2]", "m = N", "x", "factor|wrong axis|wrong value used"),
    (
        "dgamma = (dout * xn).sum(axis=(0, 2, 3), keepdims=True)",
        "dgamma = (dout * xn).sum(axis=(0, 2), keepdims=True)",
        "gamma",
        "not summed",
    ),
)

layer(
    "instance norm f",
    """
def inorm(x):
    m = x.mean((2,3), keepdims=True); v = x.var((2,3), keepdims=True)
    return (x - m)/np.sqrt(v + 1e-3), (x, m, v)
def dinorm(dy, ctx):
    x, m, v = ctx
    s = 1/np.sqrt(v + 1e-3)
    h = (x - m)*s
    return s*(dy - dy.mean((2,3), keepdims=True) - h*(dy*h).mean((2,3), keepdims=True))
""",
    "F(inorm, dinorm, n(2,3,4,5))",
    ("dy.mean((2,3), keepdims=True)", "dy.mean((0,2,3), keepdims=True)", "x", "wrong axis"),
    ("s = 1/np.sqrt(v + 1e-3)", "s = 1/(np.sqrt(v) + 1e-3)", "x", "precision lost"),
)

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
    "maxout",
    """
class Maxout:
    def __init__(self, W, b): self.W, self.b = W, b     # k, D, H
    def forward(self, x):
        self.x = x
        z = np.einsum("nd,kdh->nkh", x, self.W) + self.b
        self.arg = z.argmax(1)
        return z.max(1)
    def backward(self, dout):
        k = self.W.shape[0]
        m = (np.arange(k)[None, :, None] == self.arg[:, None, :]) * dout[:, None, :]
        self.dW = np.einsum("nd,nkh->kdh", self.x, m)
        self.db = m.sum(0)
        return np.einsum("nkh,kdh->nd", m, self.W)
""",
    "C(Maxout(n(3,4,2), n(3,2)), n(5,4))",
    (
        "m = (np.arange(k)[None, :, None] == self.arg[:, None, :]) * dout[:, None, :]",
        "m = np.ones((1, k, 1)) * dout[:, None, :] / k",
        "x W b",
        "mask missing",
    ),
)

layer(
    "swish",
    """
class Swish:
    def __init__(self, beta): self.beta = beta
    def forward(self, x):
        self.x = x
        self.s = 1/(1+np.exp(-self.beta * x))
        return x * self.s
    def backward(self, dout):
        return dout * (self.s + self.beta * self.x * self.s * (1 - self.s))
""",
    "C(Swish(1.5), n(5,4))",
    (
        "self.beta * self.x * self.s * (1 - self.s)",
        "self.x * self.s * (1 - self.s)",
        "x",
        "factor|dropped term",
    ),
    ("(self.s + self.beta * self.x * self.s * (1 - self.s))", "self.s", "x", "dropped term"),
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
    "shift",
    """
class Shift:
    def forward(self, x): return np.roll(x, 1, axis=1)
    def backward(self, d): return np.roll(d, -1, axis=1)
""",
    "C(Shift(), r.normal(size=(3,5)))",
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
    "einsum bilinear pool",
    """
class BP:
    def forward(self, a, b): self.a, self.b = a, b; return np.einsum("npi,npj->nij", a, b)
    def backward(self, d): return np.einsum("nij,npj->npi", d, self.b), np.einsum("nij,npi->npj", d, self.a)
""",
    "C(BP(), r.normal(size=(2,3,4)), r.normal(size=(2,3,5)))",
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
