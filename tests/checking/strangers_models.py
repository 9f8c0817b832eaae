"""Whole models, and which derivative belongs to which of their arrays, in any order and shape.

What an entry holds, `stranger.collection` says.
"""

from stranger import collection

LAYERS, layer = collection()

layer(
    "derivatives of parameters in another order than theirs",
    """
class Gated:
    def __init__(self): self.w1, self.w3, self.w2 = n(4, 6), n(4, 6), n(6, 4)
    def forward(self, x):
        self.x, self.a, self.b = x, np.tanh(x @ self.w1), x @ self.w3
        return (self.a * self.b) @ self.w2
    def backward(self, dout):
        dz = dout @ self.w2.T
        da, db = dz * self.b * (1 - self.a**2), dz * self.a
        dx = da @ self.w1.T + db @ self.w3.T
        return dx, self.x.T @ da, (self.a * self.b).T @ dout, self.x.T @ db
""",
    "C(Gated(), n(5,4))",
    ("(self.a * self.b).T @ dout,", "self.b.T @ dout,", "w2", "dropped term"),
)

layer(
    "a loss with the derivative of its one matrix",
    """
class SVM:
    def __init__(self): self.W = n(4, 3)
    def loss(self, X, y):
        scores = X @ self.W
        margins = np.maximum(0, scores - scores[np.arange(len(X)), y][:, None] + 1)
        margins[np.arange(len(X)), y] = 0
        counts = (margins > 0).astype(float)
        counts[np.arange(len(X)), y] = -counts.sum(axis=1)
        return margins.sum() / len(X), X.T @ counts / len(X)
""",
    "C(SVM(), n(5,4), np.array([0, 1, 2, 0, 1]))",
    ("X.T @ counts / len(X)", "X.T @ counts", "W", "factor"),
)

layer(
    "a network of columns that gives lists by its biases and by its weights",
    """
def sigmoid(z): return 1 / (1 + np.exp(-z))
class Network:
    def __init__(self, sizes):
        self.biases = [n(k, 1) for k in sizes[1:]]
        self.weights = [n(k, m) for m, k in zip(sizes, sizes[1:])]
    def forward(self, x, y):
        for b, w in zip(self.biases, self.weights): x = sigmoid(w @ x + b)
        return 0.5 * np.sum((x - y) ** 2)
    def backprop(self, x, y):
        nabla_b, nabla_w, kept = [None, None], [None, None], [x]
        for b, w in zip(self.biases, self.weights): kept.append(sigmoid(w @ kept[-1] + b))
        d = kept[2] - y
        for i in (1, 0):
            d = d * kept[i + 1] * (1 - kept[i + 1])
            nabla_b[i], nabla_w[i] = d, d @ kept[i].T
            d = self.weights[i].T @ d
        return nabla_b, nabla_w
""",
    "C(Network([4, 5, 3]), n(4,1), n(3,1))",
    ("d @ kept[i].T", "2 * d @ kept[i].T", "weights[0] weights[1]", "factor"),
)

layer(
    "a number for a vector of one",
    """
class Logistic:
    def __init__(self): self.w, self.b = n(4, 1), n(1)
    def forward(self, X, Y):
        A = 1 / (1 + np.exp(-(self.w.T @ X + self.b)))
        m = X.shape[1]
        self.grads = {"dw": X @ (A - Y).T / m, "db": np.sum(A - Y) / m}
        return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
    def backward(self): return self.grads
""",
    "C(Logistic(), n(4,6), np.array([[0, 1, 1, 0, 1, 0]]))",
    ("np.sum(A - Y) / m", "np.sum(A - Y)", "b", "factor"),
)

layer(
    "a softmax does not see that its bias moves as a whole",
    """
class Scores:
    def __init__(self): self.W, self.by = n(4, 3), np.zeros(3)
    def forward(self, x):
        e = np.exp(x @ self.W + self.by)
        self.x, self.p = x, e / e.sum(axis=1, keepdims=True)
        return self.p
    def backward(self, dout):
        d = self.p * (dout - (dout * self.p).sum(axis=1, keepdims=True))
        self.dW, self.dby = self.x.T @ d, d.sum(axis=0)
        return d @ self.W.T
""",
    "C(Scores(), n(5,4))",
    ("d.sum(axis=0)", "d.mean(axis=0)", "by", "factor"),
)

layer(
    "a bias of which only differences count, as in a softmax",
    """
class Relative:
    def __init__(self): self.by = np.zeros(3)
    def forward(self, x):
        self.x = x
        return x * (self.by - self.by[0])
    def backward(self, dout):
        d = (dout * self.x).sum(axis=0)
        self.dby = d.copy()
        self.dby[0] -= d.sum()
        return dout * (self.by - self.by[0])
""",
    "C(Relative(), n(5,3))",
    ("self.dby[0] -= d.sum()", "self.dby[0] -= d.mean()", "by", "factor"),
)

layer(
    "a layer with Adam of its own, which takes its step in backward",
    """
class OwnAdam:
    def __init__(self):
        self.W, self.b, self.t = n(4, 3), n(3), 0
        self.m, self.v = [np.zeros((4, 3)), np.zeros(3)], [np.zeros((4, 3)), np.zeros(3)]
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, grad):
        dx, self.dW, self.db = grad @ self.W.T, self.x.T @ grad, grad.sum(axis=0)
        self.t += 1
        for i, (p, g) in enumerate([(self.W, self.dW), (self.b, self.db)]):
            self.m[i] = 0.9 * self.m[i] + 0.1 * g
            self.v[i] = 0.999 * self.v[i] + 0.001 * g * g
            m, v = self.m[i] / (1 - 0.9**self.t), self.v[i] / (1 - 0.999**self.t)
            p -= 0.01 * m / (np.sqrt(v) + 1e-8)
        return dx
""",
    "C(OwnAdam(), n(5,4))",
    ("self.dW, self.db = grad @ self.W.T, self.x", "self.dW, self.db = grad @ self.W.T, 2 * self.x",
     "W", "factor"),
    ("p -= 0.01 * m / (np.sqrt(v) + 1e-8)", "p *= 0.99", "W b", "written in place"),
)  # fmt: skip

layer(
    "forward and backward under names of another language",
    """
class Hinweg:
    def __init__(self): self.W = n(4, 3)
    def hin(self, eingabe):
        self.eingabe = eingabe
        return np.tanh(eingabe @ self.W)
    def her(self, fehler):
        d = fehler * (1 - np.tanh(self.eingabe @ self.W) ** 2)
        self.dW = self.eingabe.T @ d
        return d @ self.W.T
""",
    "C(Hinweg(), n(5,4))",
    ("return d @ self.W.T", "return 2 * d @ self.W.T", "eingabe", "factor"),
    ("self.eingabe.T @ d", "self.eingabe.T @ fehler", "W", "dropped term|wrong value used"),
)

layer(
    "forward and backward under names of another language, among others",
    """
class 径向层:
    def __init__(self): self.中心 = n(3, 4)
    def 说明(self, x): return "a text"
    def 前向(self, x):
        self.差 = x[:, None, :] - self.中心[None]
        return (self.差**2).sum(axis=-1)
    def 反向(self, 上游):
        g = 2 * 上游[:, :, None] * self.差
        self.d中心 = -g.sum(axis=0)
        return g.sum(axis=1)
""",
    "C(径向层(), n(5,4))",
    ("-g.sum(axis=0)", "g.sum(axis=0)", "中心", "sign"),
)

layer(
    "signs in a list, and on the class",
    """
class Tree:
    TURN = np.array([1.0, -1.0, -1.0, 1.0])
    def __init__(self):
        self.W, self.codes = n(3, 4), [np.array([1.0, 1.0, -1.0]), np.array([-1.0, 1.0, 1.0])]
    def forward(self, x):
        self.x, s = x * self.TURN, np.array(self.codes)
        self.z = self.x[:, None, :] @ self.W.T * s
        return np.tanh(self.z)
    def backward(self, dout):
        d = (dout * (1 - np.tanh(self.z) ** 2) * np.array(self.codes)).sum(axis=1)
        self.dW = d.T @ self.x
        return d @ self.W * self.TURN
""",
    "C(Tree(), n(5,4))",
    ("d @ self.W * self.TURN", "d @ self.W", "x", "dropped term|sign|factor|wrong value used"),
)

layer(
    "what a graph passes on, of which backward knows no derivative",
    """
def passed(x, A_hat):
    return np.tanh(A_hat @ x), (np.tanh(A_hat @ x), A_hat)
def passed_backward(dz, kept):
    z, A_hat = kept
    return A_hat.T @ (dz * (1 - z**2))
def graph(a): return a / a.sum(axis=1, keepdims=True)
""",
    "F(passed, passed_backward, n(5,4), graph(np.abs(n(5,5))))",
    ("A_hat.T @ (", "A_hat @ (", "x", "not transposed|transposed|wrong elements|other elements"),
)
