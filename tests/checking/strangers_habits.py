# ruff: noqa: E501 - as their authors write them
"""Habits that are no mistakes: derivatives that are added to, small constants, other orders.

What an entry holds, `stranger.collection` says.
"""

from stranger import collection

LAYERS, layer = collection()

layer(
    "derivatives beside their arrays are added to, and nothing near sets them to 0",
    """
class Parameter:
    def __init__(self, data):
        self.data = data
        self.grad = np.zeros_like(data)
class Linear:
    def __init__(self, i, o):
        self.W, self.b = Parameter(n(i, o)), Parameter(n(1, o))
    def forward(self, x):
        self.x = x
        return x @ self.W.data + self.b.data
    def backward(self, grad):
        self.W.grad += self.x.T @ grad
        self.b.grad += grad.sum(axis=0, keepdims=True)
        return grad @ self.W.data.T
""",
    "C(Linear(4,3), n(5,4))",
    ("self.x.T @ grad\n", "self.x.T @ grad / len(grad)\n", "W", "factor"),
    ("self.b.grad += grad", "self.b.grad += 1 + grad", "b", "extra term|not linear in dout"),
)

layer(
    "an entry of a mapping beside its array, some added to and some not",
    """
class Dense:
    def __init__(self):
        self.W = {"val": n(4, 3), "grad": np.zeros((4, 3))}
        self.b = {"val": n(3), "grad": np.zeros(3)}
    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.W["val"] + self.b["val"])
    def backward(self, dout):
        dz = dout * (1 - np.tanh(self.x @ self.W["val"] + self.b["val"]) ** 2)
        self.W["grad"] += self.x.T @ dz
        self.b["grad"] = dz.sum(axis=0)
        return dz @ self.W["val"].T
""",
    "C(Dense(), n(5,4))",
    ("self.x.T @ dz\n", "self.x.T @ dout\n", "W.val", "wrong value used|dropped term"),
)

layer(
    "an optimiser beside the layer sets what it adds to to 0",
    """
class Affine:
    def __init__(self):
        self.W, self.dW = n(4, 3), np.zeros((4, 3))
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dout):
        self.dW += self.x.T @ dout
        return dout @ self.W.T
class SGD:
    def __init__(self, layers): self.layers = layers
    def zero_grad(self):
        for layer in self.layers: layer.dW[...] = 0
import sys, types
module = types.ModuleType("of_one_author")
vars(module).update(Affine=Affine, SGD=SGD)
sys.modules["of_one_author"], Affine.__module__ = module, "of_one_author"
""",
    "C(Affine(), n(5,4))",
    ("    def zero_grad", "    def step", "W", "accumulates"),
    ("+= self.x.T @ dout", "+= -self.x.T @ dout", "W", "sign"),
)

SMALL = """
class CrossEntropy:
    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.p, self.t = e / e.sum(axis=1, keepdims=True), t
        return -np.log(self.p[np.arange(len(t)), t] + 1e-7).sum() / len(t)
    def backward(self, dout=1):
        d = self.p.copy()
        d[np.arange(len(self.t)), self.t] -= 1
        return d * dout / len(self.t)
"""
layer(
    "a small constant in the logarithm, of which backward knows nothing",
    SMALL,
    "C(CrossEntropy(), n(6,3), np.array([0,2,1,1,0,2]))",
    ("1e-7", "1e-5", "x", "precision lost"),
    (" / len(self.t)", "", "x", "factor"),
    ("-= 1", "-= 0.5", "x", "no known pattern|wrong value used|dropped term"),
    ("d = self.p.copy()", "d = self.p.astype('f').astype(float)", "x", "precision lost"),
)

layer(
    "probabilities that are held off 0, which backward goes on through",
    SMALL.replace("t] + 1e-7", "t].clip(1e-9, 1 - 1e-9)"),
    "C(CrossEntropy(), n(6,3), np.array([0,2,1,1,0,2]))",
    (" / len(self.t)", " / 3", "x", "factor"),
)

layer(
    "a small constant beside a root in backward alone",
    """
class Normed:
    def forward(self, x):
        self.xc = x - x.mean(axis=1, keepdims=True)
        self.std = self.xc.std(axis=1, keepdims=True)
        return self.xc / self.std
    def backward(self, dout):
        y = self.xc / (self.std + 1e-8)
        d = dout - dout.mean(axis=1, keepdims=True) - y * (dout * y).mean(axis=1, keepdims=True)
        return d / (self.std + 1e-8)
""",
    "C(Normed(), n(4,6))",
    ("- dout.mean(axis=1, keepdims=True)", "", "x", "dropped term"),
    ("1e-8", "1e-3", "x", "precision lost|wrong value used|no known pattern|dropped term"),
)

layer(
    "numbers written with seven digits",
    """
class Gelu:
    def forward(self, x):
        self.x = x
        return x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    def backward(self, dout):
        x = self.x
        h = np.tanh(0.7978846 * x + 0.0356774 * x**3)
        return dout * (0.5 * (1 + h) + 0.5 * x * (1 - h**2) * (0.7978846 + 0.1070322 * x**2))
""",
    "C(Gelu(), n(4,5))",
    ("0.1070322", "0.1", "x", "wrong value used|no known pattern|factor|precision lost"),
    ("x = self.x", "x = self.x.astype('f')", "x", "wrong dtype|precision lost|wrong value used"),
)

NAMED = """
class Linear:
    def __init__(self, i, o): self.params = {"weight": n(i, o), "bias": n(o)}
    def forward(self, x):
        self.x = x
        return x @ self.params["weight"] + self.params["bias"]
    def backward(self, d):
        return d @ self.params["weight"].T, self.x.T @ d, d.sum(0)
class Two:
    def __init__(self):
        self._modules = {"fc": Linear(4, 4), "out": Linear(4, 4)}
    def forward(self, x):
        self.h = np.tanh(self._modules["fc"].forward(x))
        return self._modules["out"].forward(self.h)
    def backward(self, d):
        dw, db = {}, {}
        d, dw["out.weight"], db["out.bias"] = self._modules["out"].backward(d)
        d, dw["fc.weight"], db["fc.bias"] = self._modules["fc"].backward(d * (1 - self.h**2))
        return d, dw, db
"""
layer(
    "returned by their full names, the last ones first",
    NAMED.replace("d * (1 - self.h**2)", "d * 1.0 * (1 - self.h**2)"),
    "C(Two(), n(5,4))",
    ("d.sum(0)", "d.mean(0)", "_modules.fc.params.bias _modules.out.params.bias", "factor"),
    (
        'dw["fc.weight"], db["fc.bias"] =',
        'db["fc.bias"], dw["fc.weight"] =',
        "_modules.fc.params.weight _modules.fc.params.bias",
        "swapped|wrong shape",
    ),
)
layer(
    "kept in a mapping by their full names",
    NAMED.replace("dw, db = {}, {}", "dw = db = self.grads = {}").replace(
        "return d, dw, db", "return d"
    ),
    "C(Two(), n(5,4))",
    (
        "self.x.T @ d,",
        "-self.x.T @ d,",
        "_modules.fc.params.weight _modules.out.params.weight",
        "sign",
    ),
)

layer(
    "a row of biases of a function, and its derivative without the row",
    """
def forward(x, W, b): return x @ W + b, (x, W)
def backward(dout, cache):
    x, W = cache
    return dout @ W.T, x.T @ dout, dout.sum(axis=0)
""",
    "F(forward, backward, n(5,4), n(4,3), n(1,3))",
    ("dout.sum(axis=0)", "dout.mean(axis=0)", "b", "factor"),
    ("dout @ W.T,", "(dout @ W.T)[0],", "x", "wrong shape|wrong value used"),
)

GRAPH = """
class Graph:
    def __init__(self): self.W = n(3, 2)
    def forward(self, A, X):
        self.A, self.AX = A, A @ X
        return self.AX @ self.W
    def backward(self, dout):
        self.dW = self.AX.T @ dout
        return self.A.T @ dout @ self.W.T
"""
layer(
    "a graph comes first, and has no derivative",
    GRAPH,
    "C(Graph(), np.array([[0.,1,0],[1,0,1],[1,0,0]]), n(3,3))",
    ("self.A.T", "self.A", "X", "transposed|wrong value used"),
)
layer(
    "what comes first may be learned elsewhere",
    GRAPH,
    "C(Graph(), n(3,3) + 1, n(3,4)[:, :3])",
    compared=False,
)
layer(
    "running values that training does not use",
    """
def norm(x, g, b, cache, train=True):
    mean, var = cache
    if train:
        m, v = x.mean(axis=0), x.var(axis=0)
        cache = (x - m) / np.sqrt(v + 1e-5), v, g
        out = g * cache[0] + b
    else:
        cache, out = None, g * (x - mean) / np.sqrt(var + 1e-5) + b
    return out, cache, 0.9 * mean + 0.1 * m, 0.9 * var + 0.1 * v
def norm_backward(dout, cache):
    y, v, g = cache
    d = dout * g
    dx = (d - d.mean(axis=0) - y * (d * y).mean(axis=0)) / np.sqrt(v + 1e-5)
    return dx, (dout * y).sum(axis=0), dout.sum(axis=0)
""",
    "F(norm, norm_backward, n(5,4), n(1,4), n(1,4), (np.zeros((1,4)), np.ones((1,4))))",
    ("- d.mean(axis=0)", "", "x", "dropped term"),
)

layer(
    "tokens that are made one-hot, with a derivative by these",
    """
class Embedding:
    def __init__(self): self.weights = n(7, 4)
    def forward(self, inputs):
        self.inputs = np.eye(7)[inputs.astype(int)]
        return self.inputs @ self.weights
    def backward(self, dvalues):
        self.dweights = self.inputs.reshape(-1, 7).T @ dvalues.reshape(-1, 4)
        return dvalues @ self.weights.T
""",
    "C(Embedding(), np.array([[1, 2, 2], [0, 5, 6]]))",
    ("@ dvalues.reshape(-1, 4)", "@ -dvalues.reshape(-1, 4)", "weights", "sign"),
)
layer(
    "None for tokens, and then what belongs to the table",
    """
class Embedding:
    def __init__(self): self.weight = n(7, 4)
    def forward(self, x):
        self.x = x
        return self.weight[x]
    def backward(self, dz):
        dw = np.zeros((7, 4))
        np.add.at(dw, self.x, dz)
        return None, dw
""",
    "C(Embedding(), np.array([[1, 2, 2], [0, 5, 6]]))",
    ("np.add.at(dw, self.x, dz)", "dw[self.x] = dz", "weight", "not summed|dropped term"),
)

layer(
    "arrays in attributes, and their derivatives in a list in that order",
    """
class Two:
    def __init__(self): self.w1, self.b1, self.w2, self.b2 = n(4,4), n(4), n(4,4), n(4)
    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.w1 + self.b1)
        return self.h @ self.w2 + self.b2
    def backward(self, d):
        dh = d @ self.w2.T * (1 - self.h**2)
        self.grads = [self.x.T @ dh, dh.sum(0), self.h.T @ d, d.sum(0)]
        return dh @ self.w1.T
""",
    "C(Two(), n(5,4))",
    ("self.h.T @ d,", "self.h.T @ d / 2,", "w2", "factor"),
)
layer(
    "a property that lists the arrays, and a list of their derivatives in another order than theirs",
    """
class Two:
    def __init__(self): self.b, self.w = n(4), n(4,4)
    @property
    def weights(self): return [self.w, self.b]
    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.w) * self.b
    def backward(self, d):
        h = np.tanh(self.x @ self.w)
        self.grads = [None, (d * h).sum(0)]
        self.grads[0] = self.x.T @ (d * self.b * (1 - h**2))
        return d * self.b * (1 - h**2) @ self.w.T
""",
    "C(Two(), n(5,4))",
    ("(d * h).sum(0)", "-(d * h).sum(0)", "b", "sign"),
)
layer(
    "one array that several layers hold, each with a derivative of its own",
    """
class Dot:
    def __init__(self, W): self.params, self.grads = [W], [np.zeros_like(W)]
    def forward(self, h, idx):
        self.h, self.idx = h, idx
        return (self.params[0][idx] * h).sum(1)
    def backward(self, d):
        self.grads[0][...] = 0
        np.add.at(self.grads[0], self.idx, d[:, None] * self.h)
        return d[:, None] * self.params[0][self.idx]
class Several:
    def __init__(self, W):
        self.layers = [Dot(W) for _ in range(3)]
        self.params = [p for layer in self.layers for p in layer.params]
        self.grads = [g for layer in self.layers for g in layer.grads]
    def forward(self, h, idx):
        return sum(layer.forward(h, (idx + i) % 7) * (i + 1) for i, layer in enumerate(self.layers))
    def backward(self, d):
        return sum(layer.backward(d * (i + 1)) for i, layer in enumerate(self.layers))
""",
    "C(Several(n(7, 4)), n(5,4), np.array([0, 3, 1, 6, 3]))",
    (
        "layer.backward(d * (i + 1))",
        "layer.backward(d)",
        "h params[0]",
        "no known pattern|factor|dropped term|wrong value used",
    ),
)

SINES = """
class Positions:
    def __init__(self, rows=5, columns=4):
        pe = np.zeros((rows, columns))
        where = np.arange(rows)[:, None] / 100 ** (np.arange(0, columns, 2) / columns)
        pe[:, 0::2] = np.sin(where)
        pe[:, 1::2] = np.cos(where)
        self.pe = pe
    def forward(self, x): return 2 * x + self.pe
    def backward(self, d): return 2 * d
"""
layer(
    "a table of sines",
    SINES,
    "C(Positions(), n(5,4))",
    ("return 2 * d", "return d", "x", "factor"),
)
layer(
    "a table that another method makes",
    SINES.replace("def __init__(self,", "def make(self,").replace("self.pe = pe", "return pe")
    + "    def __init__(self): self.pe = self.make()\n",
    "C(Positions(), n(5,4))",
)
layer(
    "sines with noise on them may be learned",
    SINES.replace("self.pe = pe", "self.pe = pe + r.normal(size=pe.shape)"),
    "C(Positions(), n(5,4))",
    compared=False,
)
layer(
    "a given grid",
    """
class Hats:
    def __init__(self, grid): self.grid, self.coef = grid, n(len(grid))
    def forward(self, x):
        self.hats = np.maximum(0, 1 - np.abs(x[..., None] - self.grid))
        self.signs = np.sign(x[..., None] - self.grid) * (self.hats > 0)
        return self.hats @ self.coef
    def backward(self, d):
        self.dcoef = np.einsum("ij,ijk->k", d, self.hats)
        return -d * (self.signs @ self.coef)
""",
    "C(Hats(np.arange(-3.0, 4)), n(5,4))",
    ("-d * (", "d * (", "x", "sign"),
)
layer(
    "what only random numbers are drawn by",
    """
class Negative:
    def __init__(self): self.share, self.W = np.array([0.2, 0.3, 0.5]), n(3, 4)
    def forward(self, x):
        self.x, self.k = x, np.random.RandomState(0).choice(3, size=len(x), p=self.share / self.share.sum())
        return (x * self.W[self.k]).sum(1)
    def backward(self, d):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.k, d[:, None] * self.x)
        return d[:, None] * self.W[self.k]
""",
    "C(Negative(), n(5,4))",
    ("* self.x)", "* self.x * 2)", "W", "factor"),
)

CHUNKS = """
class Chunk:
    def __init__(self, stateful=True):
        self.Wx, self.Wh, self.h, self.goes_on = n(4, 3), n(3, 3), None, stateful
    def reset_state(self): self.h = None
    def forward(self, xs):
        h = self.h if self.goes_on and self.h is not None else np.zeros((len(xs), 3))
        self.xs, self.hs = xs, [h]
        for t in range(xs.shape[1]):
            self.hs.append(np.tanh(xs[:, t] @ self.Wx + self.hs[-1] @ self.Wh))
        self.h = self.hs[-1]
        return np.stack(self.hs[1:], axis=1)
    def backward(self, dhs):
        self.dWx, self.dWh = np.zeros_like(self.Wx), np.zeros_like(self.Wh)
        dxs, dh = np.zeros_like(self.xs), 0
        for t in reversed(range(dhs.shape[1])):
            da = (dhs[:, t] + dh) * (1 - self.hs[t + 1] ** 2)
            self.dWx += self.xs[:, t].T @ da
            self.dWh += self.hs[t].T @ da
            dxs[:, t], dh = da @ self.Wx.T, da @ self.Wh.T
        return dxs
"""
layer(
    "a state that goes on from chunk to chunk, until it is reset",
    CHUNKS,
    "C(Chunk(), n(2,3,4))",
    ("self.hs[t].T @ da", "self.hs[t + 1].T @ da", "Wh", "wrong value used"),
    ("def reset_state(self): self.h = None", "carries = None", "", "changes from call to call"),
)

layer(
    "the derivatives of three inputs in one array",
    """
class Product:
    def forward(self, factors):
        self.a, self.b, self.c = factors
        return self.a * self.b * self.c
    def backward(self, d):
        parts = [np.array([d * self.b * self.c, d * self.a * self.c, 0 * d]),
                 np.array([0 * d, 0 * d, d * self.a * self.b])]
        return np.sum(parts, axis=0)
""",
    "C(Product(), [n(5,4), n(5,4), n(5,4)])",
    ("d * self.a * self.c", "-d * self.a * self.c", "factors[1]", "sign"),
)

layer(
    "a row that has whole numbers, and should have a derivative",
    """
class Shift:
    def forward(self, x, row): return x + row
    def backward(self, dout): return dout, dout.sum(axis=0)
""",
    "C(Shift(), n(4,3), np.arange(3.0))",
    ("return dout, dout.sum(axis=0)", "return dout", "", "wrong number of derivatives"),
)
