"""Layers that hold or are given what is not learned, and say so in manners of their own.

What an entry holds, `stranger.collection` says.
"""

from stranger import collection

LAYERS, layer = collection()

layer(
    "a kernel of the class",
    """
class Smooth:
    kernel = np.array([1.0, 2, 1]) / 4
    def forward(self, x):
        self.n = len(x)
        return np.convolve(x, self.kernel, "valid")
    def backward(self, g):
        return np.convolve(g, self.kernel[::-1])
""",
    "C(Smooth(), n(7))",
    ("self.kernel[::-1])", "self.kernel[::-1]) * 2", "x", "factor"),
    compared=False,
)

layer(
    "the weights of a loss",
    """
class Weighted:
    def __init__(self, weight): self.weight = np.array(weight)
    def forward(self, x):
        self.x = x
        return np.sum(self.weight * x**2)
    def backward(self, dout=1.0):
        return 2 * dout * self.weight * self.x
""",
    "C(Weighted([1.0, 3, 0.5]), n(4, 3))",
    ("2 * dout", "dout", "x", "factor|dropped term"),
    compared=False,
)

layer(
    "nodes and weights of a quadrature",
    """
class Expected:
    def __init__(self):
        self.nodes, w = np.polynomial.hermite_e.hermegauss(5)
        self.weights = w / w.sum()
    def forward(self, mu):
        self.t = np.tanh(mu[..., None] + self.nodes)
        return self.t @ self.weights
    def backward(self, g):
        return g * ((1 - self.t**2) @ self.weights)
""",
    "C(Expected(), n(4, 2))",
    ("1 - self.t**2", "1 - self.t", "mu", "wrong value used"),
    compared=False,
)

layer(
    "objects that say whether they learn",
    """
class Tensor:
    def __init__(self, value, requires_grad=True):
        self.value, self.requires_grad, self.grad = value, requires_grad, None
class Reservoir:
    def __init__(self):
        self.w_in, self.w_out = Tensor(n(3, 4), False), Tensor(n(4, 2))
    def forward(self, x):
        self.h = np.tanh(x @ self.w_in.value)
        return self.h @ self.w_out.value
    def backward(self, g):
        self.w_out.grad = self.h.T @ g
        return g @ self.w_out.value.T * (1 - self.h**2) @ self.w_in.value.T
""",
    "C(Reservoir(), n(5, 3))",
    ("self.h.T @ g", "-self.h.T @ g", "w_out", "sign"),
)

layer(
    "names of what is trained",
    """
class Half:
    def __init__(self):
        self.W1, self.W2, self.trainable = n(3, 4), n(4, 2), ["W2"]
    def forward(self, x):
        self.h = np.tanh(x @ self.W1)
        return self.h @ self.W2
    def backward(self, g):
        self.dW2 = self.h.T @ g
        return g @ self.W2.T * (1 - self.h**2) @ self.W1.T
""",
    "C(Half(), n(5, 3))",
    ("(1 - self.h**2)", "(1 - self.h)", "x", "wrong value used"),
)

layer(
    "names of what is frozen, in a mapping",
    """
class Frozen:
    def __init__(self):
        self.params, self.frozen = {"W": n(3, 4), "b": n(4)}, {"W"}
    def forward(self, x):
        return x @ self.params["W"] + self.params["b"]
    def backward(self, g):
        self.grads = {"b": g.sum(axis=0)}
        return g @ self.params["W"].T
""",
    "C(Frozen(), n(5, 3))",
    ("g.sum(axis=0)", "g.mean(axis=0)", "b", "factor"),
)

layer(
    "a schedule that counts calls",
    """
class Annealed:
    def __init__(self): self.step = 2
    def forward(self, x):
        self.step += 1
        self.beta = min(1.0, self.step / 10)
        self.x = x
        return self.beta * np.sum(x**2)
    def backward(self, g=1.0):
        return 2 * g * self.beta * self.x
""",
    "C(Annealed(), n(4, 2))",
    ("2 * g", "g", "x", "factor|dropped term"),
)

layer(
    "running values, used before they are updated",
    """
class Running:
    def __init__(self): self.count, self.mean = 4.0, np.zeros(2)
    def forward(self, x):
        y = 3 * (x - self.mean)
        for row in x:
            self.count += 1
            self.mean = self.mean + (row - self.mean) / self.count
        return y
    def backward(self, g):
        return 3 * g
""",
    "C(Running(), n(4, 2))",
    ("3 * g", "-3 * g", "x", "sign"),
)

layer(
    "an input of a loss that is no decision, and its derivative kept",
    """
def cost(order, demand, sample_weight):
    w = sample_weight / sample_weight.sum()
    dorder = w * np.where(order > demand, 0.7, -1.8)
    return w @ (0.7 * np.maximum(order - demand, 0) + 1.8 * np.maximum(demand - order, 0)), dorder
def cost_grad(upstream, dorder):
    return upstream * dorder
""",
    "F(cost, cost_grad, n(6), n(6), n(6) ** 2)",
    ("return upstream * dorder", "return 2 * upstream * dorder", "order", "factor"),
    compared=False,
)

layer(
    "a step of its own, under a name of its own",
    """
class Capa:
    def __init__(self): self.pesos, self.paso = n(3, 2), 0.1
    def forward(self, x):
        self.x = x
        return x @ self.pesos
    def backward(self, dy):
        dx = dy @ self.pesos.T
        self.pesos = self.pesos - self.paso * self.x.T @ dy
        return dx
""",
    "C(Capa(), n(5, 3))",
    ("dy @ self.pesos.T", "-dy @ self.pesos.T", "x", "sign"),
)

layer(
    "times and knots",
    """
class Hazard:
    def __init__(self): self.knots, self.log_hazard = np.array([0.0, 1, 2.5]), n(3) - 1
    def forward(self, t):
        edges = np.append(self.knots, np.inf)
        self.exposure = np.clip(t[:, None], edges[:-1], edges[1:]) - edges[:-1]
        self.which = np.searchsorted(self.knots, t, side="right") - 1
        self.S = np.exp(-self.exposure @ np.exp(self.log_hazard))
        return self.S
    def backward(self, dS):
        h, k = np.exp(self.log_hazard), -dS * self.S
        self.log_hazard_grad = h * (self.exposure.T @ k)
        return k * h[self.which]
""",
    "C(Hazard(), np.array([0.4, 1.7, 2.2, 3.9]))",
    ("k * h[self.which]", "-k * h[self.which]", "t", "sign"),
    compared=False,
)

layer(
    "plain numbers in a mapping",
    """
class Wave:
    def __init__(self): self.p = dict(freq=0.7, phase=0.3)
    def forward(self, t):
        self.t = t
        return np.sin(self.p["freq"] * t + self.p["phase"])
    def backward(self, g):
        d = g * np.cos(self.p["freq"] * self.t + self.p["phase"])
        self.dp = dict(freq=np.sum(d * self.t), phase=np.sum(d))
        return d * self.p["freq"]
""",
    "C(Wave(), n(6))",
    ("np.sum(d * self.t)", "-np.sum(d * self.t)", "p.freq", "sign"),
)

layer(
    "a row of biases, and its derivative without the row",
    """
class Dense:
    def __init__(self): self.W, self.b = n(3, 2), n(1, 2)
    def forward(self, X):
        self.X = X
        return X @ self.W + self.b
    def backward(self, dout):
        return dout @ self.W.T, [self.X.T @ dout, np.sum(dout, axis=0)]
""",
    "C(Dense(), n(5, 3))",
    ("np.sum(dout, axis=0)", "np.mean(dout, axis=0)", "b", "factor"),
)
