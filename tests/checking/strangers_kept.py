# ruff: noqa: E501 - as their authors write them
"""Layers with records, closures, nodes and lists: what is given, kept and handed back in odd forms.

What an entry holds, `stranger.collection` says.
"""

from stranger import collection

LAYERS, layer = collection()

layer(
    "records with indices",
    """
class Season:
    def forward(self, start, games):
        self.n, self.log, loss = len(start), [], 0.0
        for a, b, score in games:
            d = start[a] - start[b]
            loss += np.logaddexp(0, d) - score * d
            self.log.append((a, b, 1 / (1 + np.exp(-d)) - score))
        return loss
    def backward(self, g=1.0):
        dr = np.zeros(self.n)
        for a, b, d in self.log:
            dr[a] += g * d
            dr[b] -= g * d
        return dr
""",
    "C(Season(), n(3), [(0, 1, 1.0), (2, 0, 0.5), (1, 2, 0.0)])",
    ("dr[b] -=", "dr[b] +=", "start", "sign"),
)

layer(
    "a place in a list that is not its own",
    """
TAPE = []
def tanh(x):
    y = np.tanh(x)
    TAPE.append(lambda g: g * (1 - y**2))
    return y, len(TAPE) - 1
def pull(g, position):
    return TAPE[position](g)
""",
    "F(tanh, pull, n(4, 3))",
    ("1 - y**2", "1 - y", "x", "wrong value used"),
)

layer(
    "an array with its derivative on it",
    """
class Param(np.ndarray):
    def __new__(cls, data): return np.asarray(data).view(cls)
class Dense:
    def __init__(self): self.W = Param(n(3, 2))
    def forward(self, x):
        self.x = x
        return x @ np.asarray(self.W)
    def backward(self, g):
        self.W.grad = self.x.T @ g
        return g @ np.asarray(self.W).T
""",
    "C(Dense(), n(5, 3))",
    ("self.x.T @ g", "self.x.T @ g / 5", "W", "factor"),
)

layer(
    "nodes that add up",
    """
class Node:
    def __init__(self, data, parents=()):
        self.data, self.parents, self.grad = np.asarray(data, float), parents, 0.0
        self.push = lambda: None
    def __mul__(self, other):
        out = Node(self.data * other.data, (self, other))
        def push():
            self.grad = self.grad + out.grad * other.data
            other.grad = other.grad + out.grad * self.data
        out.push = push
        return out
    def exp(self):
        out = Node(np.exp(self.data), (self,))
        def push(): self.grad = self.grad + out.grad * out.data
        out.push = push
        return out
    def backward(self, g):
        order = []
        def visit(v):
            if v not in order:
                for p in v.parents: visit(p)
                order.append(v)
        visit(self)
        self.grad = g
        for v in reversed(order): v.push()
class Bump:
    def forward(self, x):
        self.leaf = Node(x)
        z = self.leaf * self.leaf
        self.root = (z * Node(-1.0)).exp() * self.leaf
        return self.root.data
    def backward(self, g):
        self.leaf.grad = np.zeros_like(self.leaf.data)
        self.root.backward(g)
        return self.leaf.grad
""",
    "C(Bump(), n(4, 3))",
)

layer(
    "bins of the unit interval",
    """
class Bins:
    def __init__(self): self.theta = n(4)
    def forward(self, x):
        e = np.exp(self.theta)
        self.p = e / e.sum()
        self.bin = np.minimum((x * 4).astype(int), 3)
        left = np.concatenate([[0], np.cumsum(self.p)])[self.bin]
        self.inside = x * 4 - self.bin
        return left + self.inside * self.p[self.bin]
    def backward(self, g):
        dp = (g[:, None] * (np.arange(4) < self.bin[:, None])).sum(axis=0)
        np.add.at(dp, self.bin, g * self.inside)
        self.dtheta = self.p * (dp - dp @ self.p)
        return 4 * g * self.p[self.bin]
""",
    "C(Bins(), np.array([0.03, 0.4, 0.61, 0.9, 0.7, 0.2]))",
    ("4 * g *", "g *", "x", "factor|dropped term"),
)

layer(
    "a dataclass that is frozen, and parameters from a method",
    """
import dataclasses
@dataclasses.dataclass(frozen=True)
class Square:
    W: np.ndarray
    def params(self): return [self.W]
    def forward(self, x): return (x @ self.W) ** 2, x
    def backward(self, g, x):
        d = 2 * g * (x @ self.W)
        return d @ self.W.T, x.T @ d
""",
    "C(Square(n(3, 2)), n(5, 3))",
    ("2 * g", "g", "x W", "factor|dropped term"),
)

layer(
    "a branch for one value of a parameter",
    """
class YeoJohnson:
    def __init__(self): self.lam = np.array([0.0])
    def forward(self, x):
        lam = self.lam[0]
        self.x, self.y = x, np.log(x) if abs(lam) < 1e-8 else (x**lam - 1) / lam
        return self.y
    def backward(self, g):
        lam, x = self.lam[0], self.x
        near = abs(lam) < 1e-8
        h = np.log(x) ** 2 / 2 if near else (x**lam * np.log(x) - self.y) / lam
        self.dlam = np.array([np.sum(g * h)])
        return g * x ** (lam - 1)
""",
    "C(YeoJohnson(), n(8) ** 2 + 0.1)",
)

layer(
    "stored in single, added up in double",
    """
class Norm:
    def __init__(self): self.g = np.ones(4, np.float32)
    def forward(self, x):
        c = x.astype(np.float64) - x.mean(-1, keepdims=True)
        self.r = 1 / np.sqrt((c * c).mean(-1, keepdims=True) + 1e-5)
        self.n = (c * self.r).astype(np.float32)
        return self.n * self.g
    def backward(self, dy):
        self.dg = (dy * self.n).sum(axis=0).astype(np.float32)
        d = dy.astype(np.float64) * self.g
        return self.r * (d - d.mean(-1, keepdims=True) - self.n * (d * self.n).mean(-1, keepdims=True))
""",
    "C(Norm(), n(5, 4))",
)

layer(
    "pairs of particles, of which one alone has none",
    """
class Pairs:
    def forward(self, pos):
        self.i, self.j = np.triu_indices(len(pos), 1)
        self.d = pos[self.i] - pos[self.j]
        self.u = np.exp(-(self.d**2).sum(axis=1))
        return self.u.sum()
    def backward(self, g=1.0):
        f = -2 * g * self.u[:, None] * self.d
        out = np.zeros((self.j.max() + 1, 2))
        np.add.at(out, self.i, f)
        np.add.at(out, self.j, -f)
        return out
""",
    "C(Pairs(), n(4, 2))",
    ("self.j, -f", "self.j, f", "pos", "sign|no known pattern"),
)

layer(
    "closures in a namespace",
    """
import types
def leaky(decay):
    kept = {}
    def forward(x):
        v, kept["v"] = 0.0, []
        for now in x:
            v = decay * v + np.tanh(now)
            kept["v"].append(now)
        return v
    def backward(g):
        out = []
        for now in reversed(kept["v"]):
            out.append(g * (1 - np.tanh(now) ** 2))
            g = decay * g
        return np.array(out[::-1])
    return types.SimpleNamespace(forward=forward, backward=backward)
""",
    "C(leaky(0.7), n(6))",
)

layer(
    "derivatives in a record",
    """
import dataclasses
@dataclasses.dataclass
class Grads:
    user: object
    item: object
    P: object
class Tower:
    def __init__(self): self.P = n(3, 2)
    def forward(self, user, item):
        self.kept = user, item
        return ((user @ self.P) * (item @ self.P)).sum(axis=1)
    def backward(self, g):
        user, item = self.kept
        a, b = g[:, None] * (item @ self.P), g[:, None] * (user @ self.P)
        return Grads(user=a @ self.P.T, item=b @ self.P.T, P=user.T @ a + item.T @ b)
""",
    "C(Tower(), n(5, 3), n(5, 3))",
    ("user.T @ a + item.T @ b", "user.T @ a", "P", "dropped term|wrong value used"),
)

layer(
    "a formula that bends where the function does not",
    """
def expit(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))
class Shrunk:
    def __init__(self): self.r = np.zeros(())
    def forward(self, x):
        self.x, self.rho = x, expit(self.r)
        return self.rho * x
    def backward(self, g):
        self.dr = np.sum(g * self.x) * self.rho * (1 - self.rho)
        return g * self.rho
""",
    "C(Shrunk(), n(4, 3))",
    ("(1 - self.rho)\n", "self.rho**2\n", "r", "factor|wrong value used|no known pattern"),
)

layer(
    "an adjoint with its tape",
    """
def payment(principal, rate, periods=12):
    disc = (1 + rate) ** -periods
    return principal * rate / (1 - disc), (principal, rate, periods, disc)
def adjoint(bar, tape):
    principal, rate, k, disc = tape
    slope = -k * (1 + rate) ** (-k - 1)
    both = ((1 - disc) + rate * slope) / (1 - disc) ** 2
    return bar * rate / (1 - disc), bar * principal * both
""",
    "F(payment, adjoint, n(5) ** 2 + 1, n(5) ** 2 / 9 + 0.1)",
    ("slope = -k", "slope = k", "rate", "sign|wrong value used"),
)

layer(
    "probabilities that are clipped",
    """
class CrossEntropy:
    def loss(self, y, p):
        p = np.clip(p, 1e-15, 1 - 1e-15)
        return -y * np.log(p) - (1 - y) * np.log(1 - p)
    def gradient(self, y, p):
        p = np.clip(p, 1e-15, 1 - 1e-15)
        return -(y / p) + (1 - y) / (1 - p)
""",
    "C(CrossEntropy(), np.eye(3)[[0, 1, 2, 1]], r.dirichlet([1, 1, 1], 4))",
    ("-(y / p) +", "-(y / p) -", "p", "sign|no known pattern"),
)

layer(
    "lists of weights and their derivatives, batches that are kept until they are flushed",
    """
class Hops:
    def __init__(self):
        self.weights, self.weight_grads, self.X = [n(3, 2), n(3, 2)], [None, None], []
    def flush_gradients(self):
        self.X, self.weight_grads = [], [None, None]
    def forward(self, x):
        self.X.append(x)
        return np.hstack([x @ self.weights[0], x**2 @ self.weights[1]])
    def backward(self, g):
        (x,), (a, b) = self.X, np.hsplit(g, 2)
        self.weight_grads = [x.T @ a, (x**2).T @ b]
        return a @ self.weights[0].T + 2 * x * (b @ self.weights[1].T)
""",
    "C(Hops(), n(5, 3))",
    ("2 * x * (b", "x * (b", "x", "factor|dropped term|no known pattern"),
)

layer(
    "lists of unequal lengths",
    """
class Margin:
    def forward(self, s, labels):
        self.s, self.labels = s, labels
        return sum(np.maximum(0, 1 - r[k]) for r, ks in zip(s, labels) for k in ks)
    def backward(self, g=1.0):
        d = np.zeros_like(self.s)
        for i, ks in enumerate(self.labels):
            for k in ks:
                d[i, k] -= g * (self.s[i, k] < 1)
        return d
""",
    "C(Margin(), n(3, 5), [[0, 3], [1], [2, 0, 4]])",
    ("d[i, k] -=", "d[i, k] +=", "s", "sign"),
)

layer(
    "lists of ids of unequal lengths",
    """
class Bag:
    def __init__(self): self.W = n(6, 3)
    def forward(self, ids):
        self.ids = ids
        return np.stack([self.W[i].mean(axis=0) for i in ids])
    def backward(self, g):
        self.dW = np.zeros_like(self.W)
        for row, i in zip(g, self.ids):
            np.add.at(self.dW, i, row / len(i))
""",
    "C(Bag(), [[0, 3], [1], [2, 0, 4]])",
    ("row / len(i)", "row / 3", "W", "factor|wrong value used|no known pattern"),
)
