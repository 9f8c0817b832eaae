# ruff: noqa: E501 - as their authors write them
"""Layers as other authors write them: functions with what they keep, pullbacks, nests of parameters.

Also inputs that are no batch, or have no derivative. What an entry holds, `stranger.collection`
says.
"""

from stranger import collection

LAYERS, layer = collection()

DENSE = """
def dense(x, W):
    h = x @ W
    return np.tanh(h), {"x": x, "W": W, "h": h}
def back(%s):
    d = dy * (1 - np.tanh(bag["h"]) ** 2)
    return d @ bag["W"].T, bag["x"].T @ d
"""
for order in ("dy, bag", "bag, dy"):
    layer(
        f"a cache of any name, {order}",
        DENSE % order,
        "F(dense, back, n(5,4), n(4,3))",
        ('* (1 - np.tanh(bag["h"]) ** 2)', "", "x W", "dropped term"),
        ('d @ bag["W"].T, bag["x"].T @ d', 'd @ bag["W"].T, bag["x"].T @ d / 5', "W", "factor"),
    )

layer(
    "names that say nothing, the cache first",
    DENSE.replace("dy", "b").replace("bag", "a") % "a, b",
    "F(dense, back, n(5,4), n(4,3))",
    ("d = b *", "d = 2 * b *", "x W", "factor"),
)

layer(
    "what forward kept, taken apart",
    """
def dense(x, W):
    return x @ W, (x, W)
def back(dy, inp, weights):
    return dy @ weights.T, inp.T @ dy
""",
    "F(dense, back, n(5,4), n(4,3))",
    ("inp.T @ dy", "inp.T @ dy * 3", "W", "factor"),
)

layer(
    "arrays that forward kept, by their names",
    """
def dense(x, W):
    h = x @ W
    return np.tanh(h), h, x
def back(dy, h, x, W):
    d = dy * (1 - np.tanh(h) ** 2)
    return d @ W.T, x.T @ d
""",
    "F(dense, back, n(5,4), n(4,3))",
    ("dy * (1 - np.tanh(h) ** 2)", "dy", "x W", "dropped term"),
)

for kept in ("y", "saved_y", "stuff"):
    layer(
        f"residuals that are the output, {kept}",
        f"""
def tanh_fwd(x):
    y = np.tanh(x)
    return y, y
def tanh_bwd({kept}, ct):
    return ct * (1 - {kept} ** 2)
""",
        "F(tanh_fwd, tanh_bwd, n(5,4))",
        (" ** 2", "", "x", "wrong value used|dropped term|precision lost"),
    )

layer(
    "its own output",
    """
class Sigmoid:
    def forward(self, x): return 1 / (1 + np.exp(-x))
    def backward(self, dout, out): return dout * out * (1 - out)
""",
    "C(Sigmoid(), n(5,4))",
    (" * (1 - out)", "", "x", "dropped term|wrong value used"),
)

layer(
    "a pullback, alone",
    """
def dense(x, W):
    return x @ W, lambda d: (d @ W.T, x.T @ d)
""",
    "C(dense, n(5,4), n(4,3))",
    ("x.T @ d)", "-x.T @ d)", "W", "sign"),
)

NEST = """
def net(p, x):
    h = np.tanh(x @ p["enc"]["W"] + p["enc"]["b"])
    def back(g):
        d = g @ p["dec"]["W"].T * (1 - h * h)
        grads = {"dec": {"W": h.T @ g}, "enc": {"b": d.sum(0), "W": x.T @ d}}
        return grads, d @ p["enc"]["W"].T
    return h @ p["dec"]["W"], back
P = {"enc": {"W": n(3, 4), "b": n(4)}, "dec": {"W": n(4, 2)}}
"""
for how, call in (
    ("alone", "C(net, P, n(5,3))"),
    ("handed on", "F(net, lambda g, pull: pull(g), P, n(5,3))"),
):
    layer(
        f"a nest of parameters and a pullback, {how}",
        NEST,
        call,
        ("h.T @ g", "h.T @ g * 2", "p[dec][W]", "factor"),
        ("d.sum(0)", "d.mean(0)", "p[enc][b]", "factor"),
        ("* (1 - h * h)", "", "p[enc][W] p[enc][b] x", "dropped term"),
    )

layer(
    "derivatives by the parameters alone",
    NEST.replace("return grads, d @", "return grads; d @"),
    "C(net, P, n(5,3))",
    ("d.sum(0)", "d.mean(0)", "p[enc][b]", "factor"),
    compared=False,
)

layer(
    "a pullback of two outputs",
    """
def both(x):
    def back(p, q): return p * np.cos(x) - q[:, None] * np.sin(x)
    return np.sin(x), np.cos(x).sum(1), back
""",
    "C(both, n(3,4))",
    (" - q[:, None] * np.sin(x)", "", "x", "dropped term"),
)

layer(
    "a layer that gives its pullback",
    """
class Dense:
    def __init__(self): self.W, self.b = n(4,3), n(3)
    def forward(self, x):
        def back(g):
            self.dW, self.db = x.T @ g, g.sum(0)
            return g @ self.W.T
        return x @ self.W + self.b, back
""",
    "C(Dense(), n(5,4))",
    ("g.sum(0)", "g.mean(0)", "b", "factor"),
    ("return g @ self.W.T", "return g @ self.W.T / 2", "x", "factor"),
)

layer(
    "an object that is called for its pullback",
    """
class Dense:
    def __init__(self): self.params, self.grads = {"W": n(4,3), "b": n(3)}, {}
    def __call__(self, x):
        def back(g):
            self.grads["W"], self.grads["b"] = x.T @ g, g.sum(0)
            return g @ self.params["W"].T
        return x @ self.params["W"] + self.params["b"], back
""",
    "C(Dense(), n(5,4))",
    ("g.sum(0)", "g.mean(0)", "b", "factor"),
)

layer(
    "derivatives of two outputs",
    """
class Flow:
    def forward(self, x):
        self.x = x
        return np.sin(x), np.cos(x).sum(1)
    def backward(self, a, b):
        return a * np.cos(self.x) - b[:, None] * np.sin(self.x)
""",
    "C(Flow(), n(3,4))",
    (" - b[:, None] * np.sin(self.x)", "", "x", "dropped term"),
)

layer(
    "parameters under other names",
    """
from collections import namedtuple
Kept = namedtuple("Kept", "W b x")
class Dense:
    def __init__(self): self.W, self.b = n(4,3), n(3)
    def forward(self, x):
        self.k, self.by_name = Kept(self.W.T, self.b, x), {"W": self.W, "b": [self.b]}
        return x @ self.k.W.T + self.by_name["b"][0]
    def backward(self, g):
        self.dW, self.db = self.k.x.T @ g, g.sum(0)
        return g @ self.k.W
""",
    "C(Dense(), n(5,4))",
    ("g.sum(0)", "g.mean(0)", "b", "factor"),
    ("return g @ self.k.W", "return g @ self.k.W / 2", "x", "factor"),
)

layer(
    "a list of words",
    """
class Embedding:
    def __init__(self): self.E = n(6, 3)
    def forward(self, words):
        self.words = words + words
        return np.array([self.E[w] for w in self.words])
    def backward(self, g):
        self.dE = np.zeros_like(self.E)
        for w, d in zip(self.words, g): self.dE[w] += d
""",
    "C(Embedding(), [1, 2, 2, 0])",
    ("self.dE[w] += d", "self.dE[w] = d", "E", "not summed"),
)

layer(
    "a list of labels for one that wants an array",
    """
class Picked:
    def forward(self, x, labels):
        self.x, self.t = x, labels.astype(int)
        return x[np.arange(len(x)), self.t].sum()
    def backward(self, dout=1.0):
        d = np.zeros_like(self.x)
        d[np.arange(len(d)), self.t] = dout
        return d
""",
    "C(Picked(), n(4,3), [0, 2, 1, 1])",
    ("self.t] = dout", "self.t] = 1", "x", "ignores dout"),
)

SAMPLE = """
class Sample:
    def forward(self, %s):
        self.e = noise * np.exp(log_s)
        return mu + self.e
    def backward(self, g): return g, g * self.e
"""
for given in ("noise, mu, log_s", "mu, log_s, noise", "mu, noise, log_s"):
    layer(
        f"noise that is given, {given}",
        SAMPLE % given,
        "C(Sample(), n(4,3), n(4,3) / 3, n(4,3) / 3)",
        ("return g, g * self.e", "return g, g", "log_s", "dropped term|wrong value used"),
        ("return g, g * self.e", "return g / 2, g * self.e", "mu", "factor"),
    )

layer(
    "one that may forget a derivative",
    """
class Scale:
    def forward(self, x, drop_mask, w):
        self.x, self.m, self.w = x, drop_mask, w
        return x * drop_mask * w
    def backward(self, g):
        dw = (g * self.x * self.m).sum(0)
        return g * self.m * self.w, None, dw
""",
    "C(Scale(), n(4,3), (n(4,3) > 0) * 1.0, n(3))",
    ("None, dw", "None, None", "w", "missing"),
    (", None, dw", "", "", "wrong number of derivatives"),
)

layer(
    "a nest of states",
    """
class Step:
    def __init__(self): self.W = n(4,4)
    def forward(self, x, state):
        h, c = state
        self.c, self.h, self.a = c, h, np.tanh(x + h @ self.W)
        return self.a, (self.a, c * self.a)
    def backward(self, dout, dstate):
        dh, dc = dstate
        d = (dout + dh + dc * self.c) * (1 - self.a ** 2)
        self.dW = self.h.T @ d
        return d, (d @ self.W.T, dc * self.a)
""",
    "C(Step(), n(3,4), (n(3,4), n(3,4)))",
    (" + dc * self.c", "", "x state[0] W", "dropped term"),
)

layer(
    "outputs in a mapping",
    """
class Heads:
    def forward(self, x):
        self.x = x
        return {"wave": np.sin(x), "total": x.sum(1)}
    def backward(self, d):
        return d["wave"] * np.cos(self.x) + d["total"][:, None]
""",
    "C(Heads(), n(3,4))",
    (" * np.cos(self.x)", "", "x", "dropped term|no known pattern|wrong value used"),
)

layer(
    "an image, which is no batch",
    """
class Blur:
    def forward(self, image):
        self.shape = image.shape
        return image[:-2] + 2 * image[1:-1] + image[2:]
    def backward(self, g):
        d = np.zeros((len(g) + 2, *g.shape[1:]))
        d[:-2] += g; d[1:-1] += 2 * g; d[2:] += g
        return d
""",
    "C(Blur(), n(6,4))",
    ("d[1:-1] += 2 * g", "d[1:-1] += g", "image", "dropped term|factor|wrong value used|sign"),
)

for name in ("ptr", "knots"):
    layer(
        f"offsets, {name}",
        f"""
class Segments:
    def forward(self, x, {name}):
        self.lengths = np.diff({name})
        return np.add.reduceat(x, {name}[:-1])
    def backward(self, g): return np.repeat(g, self.lengths, 0)
""",
        "C(Segments(), n(6,2), np.array([0,2,5,6]))",
        ("np.repeat(g,", "np.repeat(-g,", "x", "sign"),
    )

layer(
    "a permutation",
    """
class Permuted:
    def forward(self, x, p):
        self.p = p
        return x[p]
    def backward(self, g): return g[np.argsort(self.p)]
""",
    "C(Permuted(), n(6,2), np.array([3,1,0,2,5,4]))",
    ("g[np.argsort(self.p)]", "g[self.p]", "x", "wrong place"),
)

layer(
    "places that are written to",
    """
class Scattered:
    def forward(self, x, index):
        self.at, out = index, np.zeros((6, x.shape[1]))
        out[index] = x
        return out
    def backward(self, g): return g[self.at]
""",
    "C(Scattered(), n(3,2), np.array([4,0,2]))",
    (
        "return g[self.at]",
        "return g[self.at - 1]",
        "x",
        "wrong place|swapped|mask inverted|wrong value used",
    ),
)

layer(
    "rows by indices in order",
    """
class Rows:
    def __init__(self): self.W = n(5,3)
    def forward(self, words):
        self.words = words
        return self.W[words]
    def backward(self, g):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.words, g)
""",
    "C(Rows(), np.array([0,2,4]))",
    ("np.add.at(self.dW, self.words, g)", "self.dW[self.words] = g", "W", "not summed"),
)

layer(
    "a loss with its derivatives by some inputs",
    """
def loss(w, b, x, y):
    r = x @ w + b - y
    return (r * r).mean(), (2 * x.T @ r / len(r), 2 * r.mean())
""",
    "C(loss, n(3), np.array(0.5), n(5,3), n(5))",
    ("2 * r.mean())", "r.mean())", "b", "factor"),
)

layer(
    "a model with its loss, whose inputs are data",
    """
class Model:
    def __init__(self): self.theta = n(3)
    def forward(self, X, y):
        self.X, self.r = X, np.tanh(X @ self.theta) - y
        self.y = y
        return (self.r ** 2).sum()
    def backward(self):
        self.dtheta = self.X.T @ (2 * self.r * (1 - (self.r + self.y) ** 2))
""",
    "C(Model(), n(5,3), n(5))",
    ("(2 * self.r", "(self.r", "theta", "factor"),
    compared=False,
)

layer(
    "an image of bytes",
    """
class Pixels:
    def __init__(self): self.W = n(3,2)
    def forward(self, image):
        self.z = image.astype(float) / 255
        return self.z @ self.W
    def backward(self, g): self.dW = np.tensordot(self.z, g, ((0,1), (0,1)))
""",
    "C(Pixels(), np.arange(36, dtype=np.uint8).reshape(3,4,3))",
    ("np.tensordot(self.z, g,", "np.tensordot(255 * self.z, g,", "W", "factor"),
)

layer(
    "a target of the loss, and a G that forward keeps",
    """
class Style:
    def __init__(self): self.A = np.eye(3)
    def forward(self, F):
        self.F, self.G = F, F @ F.T
        return ((self.G - self.A) ** 2).sum()
    def backward(self, dout=1.0): return 4 * dout * (self.G - self.A) @ self.F
""",
    "C(Style(), n(3,5))",
    ("return 4 *", "return", "F", "factor"),
    compared=False,
)
