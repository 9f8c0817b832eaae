# ruff: noqa: E501 - as their authors write them
"""Layers as other authors write them: forward and backward of other names, split up, or turned.

What an entry holds, `stranger.collection` says.
"""

from stranger import collection

LAYERS, layer = collection()

for name in ("vjp", "pullback", "back", "adjoint", "rueckwaerts", "_compute_gradients", "zurueck"):
    # What has a name that says nothing is taken for a backward only if something of it is right.
    both = ("g @ self.W.T", "2 * g @ self.W.T", "x", "factor")
    layer(
        f"called, and {name}",
        f"""
class Lin:
    def __init__(self, W): self.W = W
    def __call__(self, x):
        self.x = x
        return np.tanh(x) @ self.W
    def {name}(self, g):
        self.dW = np.tanh(self.x).T @ g
        return (g @ self.W.T) * (1 - np.tanh(self.x)**2)
""",
        "C(Lin(n(3,2)), n(4,3))",
        *([both] if name != "zurueck" else []),
        ("= np.tanh(self.x).T @ g", "= self.x.T @ g", "W", "dropped term|wrong value used"),
    )

layer(
    "depthwise convolution, channels last, with a vjp",
    """
class Depthwise:
    def __init__(self, k): self.kernel = k
    def __call__(self, x):
        kh, kw, _ = self.kernel.shape
        H, W = x.shape[1] - kh + 1, x.shape[2] - kw + 1
        self.x = x
        return sum(x[:, i:i+H, j:j+W, :] * self.kernel[i, j] for i in range(kh) for j in range(kw))
    def vjp(self, bar):
        kh, kw, _ = self.kernel.shape
        H, W = bar.shape[1:3]
        xbar, kbar = np.zeros_like(self.x), np.zeros_like(self.kernel)
        for i in range(kh):
            for j in range(kw):
                xbar[:, i:i+H, j:j+W] += bar * self.kernel[i, j]
                kbar[i, j] = (bar * self.x[:, i:i+H, j:j+W]).sum((0, 1, 2))
        self.kernel_bar = kbar
        return xbar
""",
    "C(Depthwise(n(2,3,3)), n(2,5,4,3))",
    (
        "+= bar * self.kernel[i, j]",
        "+= bar * self.kernel[i, 0]",
        "x",
        "wrong value used|wrong place|no known pattern",
    ),
    (
        "(bar * self.x[:, i:i+H, j:j+W])",
        "(bar * self.x[:, :H, :W])",
        "kernel",
        "wrong place|wrong value used|no known pattern",
    ),
)

layer(
    "delta by one method, gradients added by another",
    """
class Dense:
    def __init__(self, W, b):
        self._parameters = {"W": W, "b": b}
        self._gradient = {}
        self.zero_grad()
    def zero_grad(self):
        self._gradient = {k: np.zeros_like(v) for k, v in self._parameters.items()}
    def update_parameters(self, step):
        for k in self._parameters: self._parameters[k] -= step * self._gradient[k]
    def forward(self, X): return X @ self._parameters["W"] + self._parameters["b"]
    def backward_update_gradient(self, X, delta):
        self._gradient["W"] += X.T @ delta
        self._gradient["b"] += delta.sum(0)
    def backward_delta(self, X, delta): return delta @ self._parameters["W"].T
""",
    "C(Dense(n(3,2), n(2)), n(5,3))",
    ("+= X.T @ delta", "+= X.T @ delta / len(X)", "W _parameters.W", "factor"),
    ("return delta @", "return -delta @", "X", "sign"),
)

layer(
    "derivatives of parameters computed behind backward",
    """
class Dense:
    def __init__(self, W, b): self.p, self.g, self.fc, self.bc = {"W": W, "b": b}, {}, {}, {}
    def forward(self, A):
        self.fc["X"] = A
        self.fc["A"] = np.tanh(A @ self.p["W"] + self.p["b"])
        return self.fc["A"]
    def backward(self, dX):
        self.bc["dZ"] = dX * (1 - self.fc["A"]**2)
        return self.bc["dZ"] @ self.p["W"].T
    def compute_gradients(self):
        self.g["dW"] = self.fc["X"].T @ self.bc["dZ"]
        self.g["db"] = self.bc["dZ"].sum(0)
    def update_parameters(self):
        for k in self.p: self.p[k] -= 0.1 * self.g["d" + k]
""",
    "C(Dense(n(3,2), n(1,2)), n(5,3))",
    ('["dZ"].sum(0)', '["dZ"].mean(0)', "b", "factor"),
    (
        "(1 - self.fc",
        "(1 + self.fc",
        "A W b",
        "sign|wrong value used|no known pattern|dropped term",
    ),
)

layer(
    "derivatives of parameters given by a method of their own",
    """
class Dense:
    def __init__(self, W, b): self.W, self.b = W, b
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward_input(self, dout): return dout @ self.W.T
    def backward_weights(self, dout): return self.x.T @ dout, dout.sum(0)
    def update(self, lr, dW, db): self.W, self.b = self.W - lr * dW, self.b - lr * db
""",
    "C(Dense(n(3,2), n(2)), n(5,3))",
    ("dout.sum(0)", "dout.mean(0)", "b", "factor"),
    ("return dout @ self.W.T", "return -dout @ self.W.T", "x", "sign"),
)

for argument in "uzve":
    layer(
        f"grad({argument}) is a backward",
        f"""
class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y
    def grad(self, {argument}): return {argument} * (1 - self.y**2)
""",
        "C(Tanh(), n(4,3))",
        (
            "(1 - self.y**2)",
            "(1 - self.y)",
            "x",
            "wrong value used|no known pattern|factor|dropped term|not linear in dout|extra term",
        ),
    )
    layer(
        f"grad({argument}) is a slope",
        f"""
class Tanh:
    def forward(self, x): return np.tanh(x)
    def grad(self, {argument}): return 1 - np.tanh({argument})**2
""",
        "C(Tanh(), n(4,3))",
        ("return 1 -", "return -1 +", "x", "sign"),
    )

layer(
    "all is left on the layer",
    """
class Linear:
    def __init__(self, W, b):
        self.params = {"W": W, "b": b}
        self.Z = np.zeros((len(W), 5))
    def forward(self, A_prev):
        self.A_prev = A_prev
        self.Z = self.params["W"] @ A_prev + self.params["b"]
    def backward(self, upstream_grad):
        self.dW = upstream_grad @ self.A_prev.T
        self.db = upstream_grad.sum(axis=1, keepdims=True)
        self.dA_prev = self.params["W"].T @ upstream_grad
""",
    "C(Linear(n(3,4), n(3,1)), n(4,5))",
    ("self.db = upstream_grad.sum(", "self.db = upstream_grad.mean(", "b", "factor"),
    ("self.dA_prev = ", "self.dA_prev = 2 * ", "A_prev", "factor"),
)

layer(
    "gradients are put in a mapping that is given",
    """
class Dense:
    def __init__(self, W, b, name): self.name, self._parameters = name, {f"{name}/W": W, f"{name}/b": b}
    def forward(self, x):
        return x @ self._parameters[f"{self.name}/W"] + self._parameters[f"{self.name}/b"], {}
    def backward(self, x, cache, backwards_gradient, gradients):
        del cache
        gradients[f"{self.name}/W"] = x.T @ backwards_gradient
        gradients[f"{self.name}/b"] = backwards_gradient.sum(0)
        return backwards_gradient @ self._parameters[f"{self.name}/W"].T
""",
    "C(Dense(n(3,2), n(2), 'Dense'), n(5,3))",
    (
        "= backwards_gradient.sum(0)",
        "= -backwards_gradient.sum(0)",
        "[Dense/b] _parameters[Dense/b]",
        "sign",
    ),
    ("= x.T @ ", "= 2 * x.T @ ", "[Dense/W] _parameters[Dense/W]", "factor"),
)

layer(
    "gradients are added to a mapping that is given",
    """
class Two:
    def __init__(self, W, V): self.w = {"a": W, "c": V}
    def forward(self, x):
        self.h = np.tanh(x @ self.w["a"])
        return self.h @ self.w["c"]
    def backward(self, x, grad_out, grads):
        grads["c"] += self.h.T @ grad_out
        d = grad_out @ self.w["c"].T * (1 - self.h**2)
        grads["a"] += x.T @ d
        return d @ self.w["a"].T
""",
    "C(Two(n(3,4), n(4,2)), n(5,3))",
    ('grads["c"] += self.h.T', 'grads["c"] -= self.h.T', "c", "sign"),
)

layer(
    "a loss whose backward takes what the one inside takes",
    """
class Loss:
    def backward(self, *args, **kwargs): return self.backward_impl(*args, **kwargs) / len(args[0])
class MSE(Loss):
    def forward(self, x, y): return ((x - y)**2).sum(-1)
    def backward_impl(self, x, y): return 2 * (x - y)
""",
    "C(MSE(), n(5,3), n(5,3))",
    ("return 2 * (x - y)", "return (x - y)", "x", "factor"),
)

layer(
    "a loss that sets its derivative and takes nothing",
    """
class MSE:
    def forward(self, y_pred, y_true):
        self.y_pred, self.y_true = y_pred, y_true
        return np.mean((y_true - y_pred)**2)
    def backward(self): self.dinputs = 2 * (self.y_pred - self.y_true) / self.y_true.size
""",
    "C(MSE(), n(5,3), n(5,3))",
    ("self.y_true.size", "len(self.y_true)", "y_pred", "factor"),
)

layer(
    "a loss that is called for its derivative and itself, in this order",
    """
class MSE:
    def __call__(self, preds, labels):
        dloss = (preds - labels) / preds.size
        loss = np.mean((preds - labels)**2) / 2
        return dloss, loss
""",
    "C(MSE(), n(5,3), n(5,3))",
    ("/ preds.size", "/ len(preds)", "preds", "factor"),
)

layer(
    "a loss that is calculated",
    """
class MSE:
    def calculate(self, true, pred):
        self.diff = pred - true
        return np.mean(self.diff**2)
    def backward(self): return 2 * self.diff / self.diff.size
""",
    "C(MSE(), n(5,3), n(5,3))",
    ("/ self.diff.size", "/ len(self.diff)", "pred", "factor"),
)

layer(
    "loss and its gradient",
    """
class Squares:
    def predict(self, X): return np.tanh(X)
    def loss(self, X, y): return ((self.predict(X) - y)**2).sum()
    def loss_gradient(self, X, y):
        p = self.predict(X)
        return 2 * (p - y) * (1 - p**2)
""",
    "C(Squares(), n(5,3), n(5,3))",
    ("* (1 - p**2)", "", "X", "dropped term|wrong value used"),
)

layer(
    "derivatives are rows where values are columns",
    """
class Dense:
    def __init__(self, W, b): self.weights, self.biases = W, b
    def forward(self, a):
        self.input = a
        self.output = np.tanh(self.weights @ a + self.biases)
    def backward(self, d_output, learning_rate=0.1):
        dz = d_output * (1 - self.output.T**2)
        d = dz @ self.weights
        self.weights = self.weights - learning_rate * dz.T @ self.input.T
        self.biases = self.biases - learning_rate * dz.sum(0)[:, None]
        return d
""",
    "C(Dense(n(3,4), n(3,1)), n(4,5))",
    ("learning_rate * dz.sum(0)", "learning_rate * dz.mean(0)", "biases", "factor"),
    ("d = dz @", "d = -dz @", "a", "sign"),
)

layer(
    "a vector, and its derivatives with an axis in front",
    """
class Cell:
    def __init__(self, W, U): self.W, self.U = W, U
    def forward(self, x, h):
        self.x, self.h = x, h
        self.new = np.tanh(self.W @ x + self.U @ h)
        return self.new
    def backward(self, delta):
        d = delta * (1 - self.new**2)
        self.dW, self.dU = d.T @ self.x[None], d.T @ self.h[None]
        return d @ self.W, d @ self.U
""",
    "C(Cell(n(2,3), n(2,2)), n(3), n(2))",
    ("return d @ self.W, d", "return 2 * d @ self.W, d", "x", "factor"),
)

layer(
    "a class without parameters in an object of its own",
    """
class Held:
    def __init__(self, n): self.params, self.grads = np.zeros(n), np.zeros(n)
class ReLU:
    def __init__(self): self.params = Held(1)
    def parameters(self): return self.params
    def forward(self, inpt):
        self.out = np.maximum(0, inpt)
        return self.out
    def __call__(self, *inpt): return self.forward(*inpt)
    def _compute_gradients(self, grads): return (self.out > 0) * grads
""",
    "C(ReLU(), n(4,3))",
    (
        "(self.out > 0) * grads",
        "(self.out < 1) * grads",
        "inpt",
        "mask inverted|mask missing|no known pattern|wrong value used",
    ),
)

NETWORK = """
class Network:
    def __init__(self, sizes):
        self.biases = [n(k, 1) for k in sizes[1:]]
        self.weights = [n(k, m) for m, k in zip(sizes[:-1], sizes[1:])]
    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights): a = np.tanh(w @ a + b)
        return a
    def backprop(self, x, y):
        acts = [x]
        for b, w in zip(self.biases, self.weights): acts.append(np.tanh(w @ acts[-1] + b))
        delta = (acts[-1] - y) * (1 - acts[-1]**2)
        nabla_b, nabla_w = [delta], [delta @ acts[-2].T]
        for i in range(2, len(acts)):
            delta = (self.weights[-i+1].T @ delta) * (1 - acts[-i]**2)
            nabla_b.insert(0, delta)
            nabla_w.insert(0, delta @ acts[-i-1].T)
        return nabla_w, nabla_b
"""
layer(
    "a network with its backprop, and no cost",
    NETWORK,
    "C(Network([4, 3, 2]), n(4,1), n(2,1))",
)
layer(
    "a network with its backprop, of an unknown cost",
    NETWORK.replace("(acts[-1] - y)", "(acts[-1] - y)**3"),
    "C(Network([4, 3, 2]), n(4,1), n(2,1))",
    compared=False,
)
layer(
    "a network with its backprop and cost",
    NETWORK + "    def cost(self, y, out): return 0.5 * ((out - y)**2).sum()\n",
    "C(Network([4, 3, 2]), n(4,1), n(2,1))",
    (
        "(self.weights[-i+1].T @ delta) *",
        "(self.weights[-i+1].T @ delta) * 2 *",
        "weights[0] biases[0]",
        "factor",
    ),
    ("nabla_w.insert(0, delta @", "nabla_w.insert(0, -delta @", "weights[0]", "sign"),
)

layer(
    "a base whose backward only raises",
    """
class Base:
    def backward(self, dout):
        raise NotImplementedError("write it")
class Cube(Base):
    def forward(self, x):
        self.x = x
        return x**3
    def bprop(self, d): return 3 * self.x**2 * d
""",
    "C(Cube(), n(4,3))",
    ("3 * self.x**2", "2 * self.x**2", "x", "factor"),
)

layer(
    "one method, which gives the loss and its derivative",
    """
class Squares:
    def get(self, pred, y): return ((pred - y)**2).sum() / len(y), 2 * (pred - y) / len(y)
""",
    "C(Squares(), n(4,3), n(4,3))",
    ("2 * (pred - y)", "(pred - y)", "pred", "factor"),
)

layer(
    "a method of any name, and its gradient",
    """
class Square:
    def func(self, x): return x**2
    def func_grad(self, x, upstream): return 2 * x * upstream
""",
    "C(Square(), n(4,3))",
    ("2 * x", "3 * x", "x", "factor"),
)

layer(
    "forwards and backwards in German",
    """
class Square:
    def vorwaerts(self, x):
        self.x = x
        return x**2
    def rueckwaerts(self, g): return 2 * self.x * g
""",
    "C(Square(), n(4,3))",
    ("2 * self.x", "3 * self.x", "x", "factor"),
)

layer(
    "the slope is left on the layer by forward",
    """
class Square:
    def __call__(self, x):
        self.dx = 2 * x
        return x**2
""",
    "C(Square(), n(4,3))",
)
layer(
    "a slope that forward leaves and that is none",
    """
class Square:
    def __call__(self, x):
        self.dx = 3 * x
        return x**2
""",
    "C(Square(), n(4,3))",
    compared=False,
)
layer(
    "the slope is a property",
    """
class Square:
    def __call__(self, x):
        self.x = x
        return x**2
    @property
    def grad(self): return 2 * self.x
""",
    "C(Square(), n(4,3))",
)

layer(
    "a network whose backward takes a step itself",
    """
class Network:
    def __init__(self): self.W1, self.W2, self.lr = n(3,4), n(4,2), 0.1
    def forward(self, X):
        self.h = np.tanh(X @ self.W1)
        return np.tanh(self.h @ self.W2)
    def backward(self, X, y, o):
        d = (y - o) * (1 - o**2)
        e = d @ self.W2.T * (1 - self.h**2)
        self.W2 += self.lr * self.h.T @ d
        self.W1 += self.lr * X.T @ e
""",
    "C(Network(), n(5,3), n(5,2))",
    (
        "@ self.W2.T * (1",
        "@ self.W2.T * (2",
        "W1",
        "wrong value used|no known pattern|dropped term|extra term|factor",
    ),
)

layer(
    "a method that looks like a backward and was not understood",
    """
class Cube:
    def __call__(self, x):
        self.x = x
        return x**3
    def gradient_for(self, upstream, downstream, sideways): return 3 * self.x**2
""",
    "C(Cube(), n(4,3))",
    compared=False,
)
layer(
    "a method that acts like a backward, and gives no derivative",
    """
class Cube:
    def __call__(self, x):
        self.x = x
        return x**3
    def zurueck(self, g): return 2 * g * self.x**2
""",
    "C(Cube(), n(4,3))",
    compared=False,
)
layer(
    "a formula, and nothing that looks like a backward",
    """
class Rotation:
    def __init__(self, R): self.R = R
    def __call__(self, x): return x @ self.R
    def inverse(self, y): return y @ np.linalg.inv(self.R)
    def save(self, path): raise OSError
""",
    "C(Rotation(n(3,3)), n(4,3))",
)
