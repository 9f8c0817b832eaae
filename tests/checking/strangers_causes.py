# ruff: noqa: E501 - as their authors write them
"""Layers whose mistakes look like another one: what is right by chance, made up for, of two faults.

What an entry holds, `stranger.collection` says.
"""

from stranger import collection

LAYERS, layer = collection()

layer(
    "a scale of 1 within the sums",
    '''
class Normalise:
    """Each row to mean 0.

    Documented over several lines, as methods are.
    """
    def __init__(self, d):
        self.scale, self.shift = np.ones(d), np.zeros(d)
    def forward(self, x):
        """Centre, divide,
        scale and shift."""
        self.mean = x.mean(axis=1, keepdims=True)
        self.std = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        self.z = (x - self.mean) / self.std
        return self.scale * self.z + self.shift
    def backward(self, dout):
        """Back through
        the scale first."""
        self.dscale = (dout * self.z).sum(axis=0)
        self.dshift = dout.sum(axis=0)
        g = dout * self.scale
        mean = g.mean(axis=1, keepdims=True)
        along = (g * self.z).mean(axis=1, keepdims=True)
        return (g - mean - self.z * along) / self.std
''',
    "C(Normalise(5), n(4, 5))",
    ("along = (g *", "along = (dout *", "x", "wrong value used"),
    ("mean = g.mean", "mean = dout.mean", "x", "wrong value used"),
    (
        "g = dout * self.scale\n",
        "g, out = dout, self.scale\n",
        "x",
        "dropped term|factor|wrong value used|wrong place",
    ),
    (
        "g = dout * self.scale\n        mean = g.mean(axis=1, keepdims=True)\n        along = (g * self.z).mean(axis=1, keepdims=True)\n        return (g - mean - self.z * along) / self.std",
        "n, s = dout.shape[1], self.std\n        return self.scale / (n * s) * (n * dout - dout.sum(1, keepdims=True) - self.z * (dout * self.z).sum(1, keepdims=True))",
        "x",
        "wrong place",
    ),
    ("self.dshift = dout", "self.dshift = self.scale * dout", "shift", "factor|wrong value used"),
    (
        "self.dscale = (dout * self.z)",
        "self.dscale = (dout * (self.z + self.shift))",
        "scale",
        "extra term",
    ),
)

layer(
    "a shift of 0 written in place",
    """
class Affine:
    def __init__(self, d):
        self.g, self.b = np.ones(d), np.zeros(d)
    def forward(self, x):
        self.h = np.tanh(x)
        y = self.h.copy()
        y *= self.g
        y += self.b
        return y
    def backward(self, dy):
        self.dg, self.db = (dy * self.h).sum(0), dy.sum(0)
        return dy * self.g * (1 - self.h**2)
""",
    "C(Affine(4), n(3, 4))",
    ("y = self.h.copy()", "y = self.h", "x g", "stale value|wrong value used|dropped term"),
)

layer(
    "a term in which dout may be missing",
    """
class Standard:
    def __init__(self, d):
        self.gamma, self.beta = np.ones(d), np.zeros(d)
    def forward(self, x):
        self.c = x - x.mean(axis=0)
        self.s = np.sqrt((self.c**2).mean(axis=0) + 1e-6)
        self.n = self.c / self.s
        return self.gamma * self.n + self.beta
    def backward(self, d):
        N = len(d)
        self.dgamma, self.dbeta = (d * self.n).sum(axis=0), d.sum(axis=0)
        dn = d * self.gamma
        ds = -np.sum(dn * self.c / self.s**2, axis=0)
        dc = dn / self.s + self.c * ds / (N * self.s)
        return dc - dc.mean(axis=0)
""",
    "C(Standard(3), n(6, 3))",
    ("np.sum(dn * self.c", "np.sum(self.c", "x", "dropped term"),
)

layer(
    "a penalty behind a setting",
    """
class Dense:
    def __init__(self, W, b, l1=0.01, l2=0.02):
        self.W, self.b, self.l1, self.l2 = W, b, l1, l2
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, d):
        self.dW, self.db = self.x.T @ d, d.sum(axis=0)
        return d @ self.W.T
""",
    "C(Dense(n(4, 3), n(3)), n(5, 4))",
    (
        "self.x.T @ d, d.sum(axis=0)",
        "self.x.T @ d, d.sum(axis=0)\n        if self.l1 > 0:\n            self.dW = self.dW + self.l1 * np.sign(self.W)\n        if self.l2 > 0:\n            self.dW = self.dW + 2 * self.l2 * self.W",
        "W",
        "extra term",
    ),
)

layer(
    "a loss of each element",
    """
class Errors:
    def forward(self, y, t):
        self.y, self.t = y, t
        return (y - t) ** 2
    def backward(self, d):
        return d * 2 * (self.y - self.t)
""",
    "C(Errors(), n(4, 3), n(4, 3))",
    ("(self.y - self.t)", "(self.y - self.t) / np.prod(self.y.shape[1:])", "y", "factor"),
)

layer(
    "divided twice",
    """
class Mean:
    def forward(self, y):
        self.y = y
        return (y**3).sum() / len(y)
    def backward(self, d):
        n = len(self.y)
        share = 1 / n
        return d * 3 * self.y**2 * share
""",
    "C(Mean(), n(4, 3))",
    ("self.y**2 * share", "self.y**2 * share / n", "y", "factor"),
)

layer(
    "two weights of different widths",
    """
class Cell:
    def __init__(self, Wx, Wh):
        self.params, self.grads = [Wx, Wh], [np.zeros_like(Wx), np.zeros_like(Wh)]
    def forward(self, x, h):
        Wx, Wh = self.params
        y = np.tanh(x @ Wx + h @ Wh)
        self.cache = x, h, y
        return y
    def backward(self, dy):
        Wx, Wh = self.params
        x, h, y = self.cache
        da = dy * (1 - y**2)
        self.grads[0][...], self.grads[1][...] = x.T @ da, h.T @ da
        dx = da @ Wx.T
        dh = da @ Wh.T
        return dx, dh
""",
    "C(Cell(n(4, 3), n(3, 3)), n(5, 4), n(5, 3))",
    ("dx = da @ Wx.T", "dx = da @ Wh.T", "x", "wrong value used"),
)

layer(
    "one encoder for both",
    """
class Encoder:
    def __init__(self, W):
        self.W, self.dW, self.kept = W, np.zeros_like(W), []
    def forward(self, x):
        self.kept.append((x, np.tanh(x @ self.W)))
        return self.kept[-1][1]
    def backward(self, g):
        x, y = self.kept.pop()
        g = g * (1 - y**2)
        self.dW += x.T @ g
        return g @ self.W.T
class Apart:
    def __init__(self, W):
        self.enc = Encoder(W)
    def forward(self, a, b):
        self.enc.kept.clear()
        self.diff = self.enc.forward(a) - self.enc.forward(b)
        return (self.diff**2).sum(axis=1)
    def backward(self, g):
        self.enc.dW[...] = 0
        d = 2 * g[:, None] * self.diff
        db = self.enc.backward(-d)
        return self.enc.backward(d), db
""",
    "C(Apart(n(3, 2)), n(4, 3), n(4, 3))",
    ("self.kept.pop()", "self.kept[-1]", "a enc.W W", "wrong value used"),
)

layer(
    "loops that end where they should",
    """
class Powers:
    def __init__(self, a):
        self.a = a
    def forward(self, x):
        self.x = x
        return sum(self.a[k] * x**k for k in range(len(self.a)))
    def backward(self, g):
        self.da = np.array([(g * self.x**k).sum() for k in range(len(self.a))])
        return g * sum(k * self.a[k] * self.x ** (k - 1) for k in range(1, len(self.a)))
""",
    "C(Powers(n(4)), n(3, 2))",
    ("range(1, len(self.a))", "range(1, len(self.a) - 1)", "x", "dropped term"),
)

layer(
    "sums that are discounted",
    """
class Returns:
    def forward(self, r):
        out, s = np.zeros_like(r), 0.0
        for t in reversed(range(len(r))):
            s = r[t] + 0.9 * s
            out[t] = s
        return out
    def backward(self, g):
        dr, s = np.zeros_like(g), 0.0
        for t in range(len(g)):
            s = g[t] + 0.9 * s
            dr[t] = s
        return dr
""",
    "C(Returns(), n(6))",
    ("for t in range(len(g))", "for t in reversed(range(len(g)))", "r", "wrong place"),
)

layer(
    "two steps in turn",
    """
class Turns:
    def forward(self, c):
        self.log = []
        for _ in range(3):
            p = np.exp(c) / np.exp(c).sum(1, keepdims=True)
            c = c - np.log(np.exp(c).sum(1, keepdims=True))
            q = np.exp(c) / np.exp(c).sum(0, keepdims=True)
            c = c - np.log(np.exp(c).sum(0, keepdims=True))
            self.log.append((p, q))
        return c
    def backward(self, g):
        for p, q in reversed(self.log):
            g = g - q * g.sum(axis=0, keepdims=True)
            g = g - p * g.sum(axis=1, keepdims=True)
        return g
""",
    "C(Turns(), n(4, 4))",
    (
        "g = g - q * g.sum(axis=0, keepdims=True)\n            g = g - p * g.sum(axis=1, keepdims=True)",
        "g = g - p * g.sum(axis=1, keepdims=True)\n            g = g - q * g.sum(axis=0, keepdims=True)",
        "c",
        "wrong place",
    ),
)

layer(
    "shares of a window, in whole numbers",
    """
class Pool:
    def __init__(self, k):
        self.k = k
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1, self.k).mean(axis=2)
    def backward(self, g):
        share = 1 / self.k
        return np.repeat(g * share, self.k, axis=1)
""",
    "C(Pool(2), n(3, 6))",
    ("1 / self.k", "1 // self.k", "x", "integer"),
)

layer(
    "an error with weights",
    """
class Weighted:
    def forward(self, y, target, weights):
        self.y, self.t, self.w = y, target, weights
        return (weights[:, None] * (y - target) ** 2).sum() / weights.sum()
    def backward(self, d=1.0):
        return d * 2 * self.w[:, None] * (self.y - self.t) / self.w.sum()
""",
    "C(Weighted(), n(5, 2), n(5, 2), np.array([2.0, 1.0, 3.0, 1.0, 2.5]))",
    ("/ self.w.sum()", "/ len(self.w)", "y", "factor"),
    compared=False,  # backward gives none by the weights
)

layer(
    "quantiles",
    """
class Quantile:
    def __init__(self, q=0.8):
        self.q = q
    def forward(self, y, t):
        self.e = t - y
        return np.where(self.e > 0, self.q * self.e, (self.q - 1) * self.e).mean()
    def backward(self, up=1.0):
        return up * np.where(self.e > 0, -self.q, 1 - self.q) / self.e.size
""",
    "C(Quantile(), n(6, 2), n(6, 2))",
    ("-self.q, 1 - self.q", "-(1 - self.q), self.q", "y", "wrong value used"),
)

layer(
    "a convolution whose kernel turns on the way back",
    """
class Filter:
    def __init__(self, K):
        self.K = K
    def slide(self, image, kernel):
        h, w = kernel.shape
        out = np.zeros((image.shape[0] - h + 1, image.shape[1] - w + 1))
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                out[i, j] = (image[i:i + h, j:j + w] * kernel).sum()
        return out
    def forward(self, x):
        self.x = x
        return np.array([sum(self.slide(x[c], self.K[o, c]) for c in range(len(x))) for o in range(len(self.K))])
    def backward(self, d):
        h, w = self.K.shape[2:]
        self.dK = np.array([[self.slide(self.x[c], d[o]) for c in range(len(self.x))] for o in range(len(d))])
        dx = np.zeros_like(self.x)
        for o in range(len(d)):
            full = np.pad(d[o], ((h - 1, h - 1), (w - 1, w - 1)))
            for c in range(len(dx)):
                dx[c] += self.slide(full, self.K[o, c][::-1, ::-1])
        return dx
""",
    "C(Filter(n(2, 2, 2, 3)), n(2, 4, 5))",
    ("self.K[o, c][::-1, ::-1]", "self.K[o, c]", "x", "wrong place"),
)

layer(
    "scores or probabilities",
    """
class Entropy:
    def forward(self, p, t):
        self.p, self.t = p, t
        return -(t * np.log(p)).sum()
    def backward(self, d=1.0):
        return -d * self.t / self.p
""",
    "C(Entropy(), np.exp(z := n(4, 3)) / np.exp(z).sum(1, keepdims=True), np.eye(3)[[0, 2, 1, 1]])",
    ("-d * self.t / self.p", "d * (self.p - self.t)", "p", "wrong value used"),
)

layer(
    "a square that comes out transposed",
    """
class Rows:
    def forward(self, x):
        e = np.exp(x)
        self.s = e / e.sum(axis=1, keepdims=True)
        return self.s
    def backward(self, g):
        one = self.s * g
        return one - self.s * one.sum(axis=1, keepdims=True)
""",
    "C(Rows(), n(4, 4))",
    (
        "return one - self.s * one.sum(axis=1, keepdims=True)",
        "return np.stack([r * (h - (r * h).sum()) for r, h in zip(self.s, g)], axis=1)",
        "x",
        "transposed|wrong axis",
    ),
)

layer(
    "weights made by the first call, features first",
    """
class Columns:
    def __init__(self, out):
        self.out, self.params, self.grads = out, {"W": None, "b": None}, {"dW": None, "db": None}
    def forward(self, X):
        if self.params["W"] is None:
            self.params["W"] = np.random.default_rng(3).normal(size=(self.out, len(X)))
            self.params["b"] = np.zeros((self.out, 1))
        self.X = X
        return self.params["W"] @ X + self.params["b"]
    def backward(self, dZ, lr):
        self.grads["dW"], self.grads["db"] = dZ @ self.X.T, dZ.sum(axis=1, keepdims=True)
        dX = self.params["W"].T @ dZ
        self.params["W"] = self.params["W"] - lr * self.grads["dW"]
        self.params["b"] = self.params["b"] - lr * self.grads["db"]
        return dX
""",
    "C(Columns(3), n(4, 5))",
    ("= dZ @ self.X.T,", "= dZ @ self.X.T / dZ.shape[1],", "W params.W", "factor"),
)
