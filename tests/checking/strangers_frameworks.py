# ruff: noqa: E501 - as their authors write them
"""Layers as other authors write them: in small frameworks, with parameter objects and contexts.

What an entry holds, `stranger.collection` says.
"""

from stranger import collection

LAYERS, layer = collection()

layer(
    "param objects accumulating with zero_grad",
    """
class Parameter:
    def __init__(self, data):
        self.data = data
        self.grad = np.zeros_like(data)
    def zero_grad(self):
        self.grad[...] = 0
class Linear:
    def __init__(self, i, o, rng):
        self.weight = Parameter(rng.normal(size=(i, o)))
        self.bias = Parameter(rng.normal(size=o))
    def parameters(self):
        return [self.weight, self.bias]
    def zero_grad(self):
        for p in self.parameters(): p.zero_grad()
    def forward(self, x):
        self.x = x
        return x @ self.weight.data + self.bias.data
    def backward(self, grad_output):
        self.weight.grad += self.x.T @ grad_output
        self.bias.grad += grad_output.sum(0)
        return grad_output @ self.weight.data.T
""",
    "C(Linear(4,3,r), n(5,4))",
    (
        "self.weight.grad += self.x.T @ grad_output",
        "self.weight.grad += self.x.T @ grad_output / len(self.x)",
        "weight",
        "factor",
    ),
)

layer(
    "numpy-ml FC",
    """
class FullyConnected:
    def __init__(self, W, b):
        self.parameters = {"W": W, "b": b}
        self.gradients = {"W": np.zeros_like(W), "b": np.zeros_like(b)}
        self.X = []
    def flush_gradients(self):
        self.X = []
        for k, v in self.gradients.items():
            self.gradients[k] = np.zeros_like(v)
    def forward(self, X, retain_derived=True):
        Y = np.tanh(X @ self.parameters["W"] + self.parameters["b"])
        if retain_derived:
            self.X.append(X)
        return Y
    def backward(self, dLdY, retain_grads=True):
        X = self.X[-1]
        W, b = self.parameters["W"], self.parameters["b"]
        dZ = dLdY * (1 - np.tanh(X @ W + b) ** 2)
        dX = dZ @ W.T
        if retain_grads:
            self.gradients["W"] += X.T @ dZ
            self.gradients["b"] += dZ.sum(axis=0, keepdims=True)
        return dX
""",
    "C(FullyConnected(n(4,3), n(1,3)), n(5,4))",
    ("dX = dZ @ W.T", "dX = dLdY @ W.T", "X", "dropped term|wrong value used"),
)

layer(
    "joelnet mse",
    """
class MSE:
    def loss(self, predicted, actual):
        return np.sum((predicted - actual) ** 2)
    def grad(self, predicted, actual):
        return 2 * (predicted - actual)
""",
    "C(MSE(), n(5,3), n(5,3))",
    ("return 2 * (predicted - actual)", "return predicted - actual", "predicted", "factor"),
    ("return 2 * (predicted - actual)", "return 2 * (actual - predicted)", "predicted", "sign"),
)

layer(
    "torch-like ctx function",
    """
class Ctx:
    def save_for_backward(self, *a): self.saved_tensors = a
class ExpMinusOne:
    @staticmethod
    def forward(ctx, x, w):
        y = np.exp(x * w) - 1
        ctx.save_for_backward(x, w, y)
        return y
    @staticmethod
    def backward(ctx, grad_output):
        x, w, y = ctx.saved_tensors
        return grad_output * (y + 1) * w, (grad_output * (y + 1) * x).sum(0)
""",
    "C(ExpMinusOne, n(4,3), n(3))",
)

layer(
    "chainer-like",
    """
class ReLU:
    def forward(self, inputs):
        x, = inputs
        self.mask = x > 0
        return x * self.mask,
    def backward(self, inputs, grad_outputs):
        gy, = grad_outputs
        return gy * self.mask,
""",
    "C(ReLU(), (n(4,3),))",
    (
        "return gy * self.mask,",
        "return gy * (inputs[0] >= 0.3),",
        "inputs inputs[0]",
        "mask missing|dropped term",
    ),
)

layer(
    "lr updating fc",
    """
class FCLayer:
    def __init__(self, input_size, output_size, rng):
        self.weights = rng.random((input_size, output_size)) - 0.5
        self.bias = rng.random((1, output_size)) - 0.5
    def forward_propagation(self, input_data):
        self.input = input_data
        self.output = np.dot(self.input, self.weights) + self.bias
        return self.output
    def backward_propagation(self, output_error, learning_rate):
        input_error = np.dot(output_error, self.weights.T)
        weights_error = np.dot(self.input.T, output_error)
        self.weights -= learning_rate * weights_error
        self.bias -= learning_rate * output_error.sum(axis=0, keepdims=True)
        return input_error
""",
    "C(FCLayer(4,3,r), n(5,4))",
    (
        "return input_error",
        "return np.dot(output_error, self.weights.T)",
        "input_data",
        "stale value|wrong value used",
    ),
    (
        "self.bias -= learning_rate * output_error.sum(axis=0, keepdims=True)",
        "self.bias += learning_rate * output_error.sum(axis=0, keepdims=True)",
        "bias",
        "sign",
    ),
    (
        "self.bias -= learning_rate * output_error.sum(axis=0, keepdims=True)",
        "self.bias = self.bias - learning_rate * output_error.mean(axis=0)",
        "bias",
        "factor",
    ),
)

layer(
    "linder dense with optimizer objects",
    """
class SGD:
    def __init__(self, lr=0.1): self.lr = lr
    def update(self, w, grad): return w - self.lr * grad
class Dense:
    def __init__(self, W, w0):
        self.W, self.w0 = W, w0
        self.trainable = True
        self.W_opt, self.w0_opt = SGD(), SGD()
    def forward_pass(self, X, training=True):
        self.layer_input = X
        return X.dot(self.W) + self.w0
    def backward_pass(self, accum_grad):
        W = self.W
        if self.trainable:
            grad_w = self.layer_input.T.dot(accum_grad)
            grad_w0 = np.sum(accum_grad, axis=0, keepdims=True)
            self.W = self.W_opt.update(self.W, grad_w)
            self.w0 = self.w0_opt.update(self.w0, grad_w0)
        return accum_grad.dot(W.T)
""",
    "C(Dense(n(4,3), n(1,3)), n(5,4))",
    ("return accum_grad.dot(W.T)", "return accum_grad.dot(self.W.T)", "X", "stale value"),
    (
        "grad_w0 = np.sum(accum_grad, axis=0, keepdims=True)",
        "grad_w0 = np.mean(accum_grad, axis=0, keepdims=True)",
        "w0",
        "factor",
    ),
)

layer(
    "batchnorm class with running",
    """
class BN:
    def __init__(self, D):
        self.gamma, self.beta = np.ones(D) * 1.2, np.zeros(D)
        self.rm, self.rv = np.zeros(D), np.ones(D)
    def forward(self, x, train_flg=True):
        if train_flg:
            self.mu, self.v = x.mean(0), x.var(0)
            self.rm = 0.9 * self.rm + 0.1 * self.mu
            self.rv = 0.9 * self.rv + 0.1 * self.v
            self.s = np.sqrt(self.v + 1e-6)
            self.xn = (x - self.mu) / self.s
        else:
            self.xn = (x - self.rm) / np.sqrt(self.rv + 1e-6)
        return self.gamma * self.xn + self.beta
    def backward(self, d):
        n = len(d)
        self.dgamma, self.dbeta = (d * self.xn).sum(0), d.sum(0)
        g = d * self.gamma
        return (g - g.mean(0) - self.xn * (g * self.xn).mean(0)) / self.s
""",
    "C(BN(4), n(7,4))",
    (
        "(g - g.mean(0) - self.xn * (g * self.xn).mean(0)) / self.s",
        "g / self.s",
        "x",
        "dropped term",
    ),
    (
        "(g - g.mean(0) - self.xn * (g * self.xn).mean(0)) / self.s",
        "(g - g.mean(0) - self.xn * (g * self.xn).mean(0)) / np.sqrt(self.rv)",
        "x",
        "wrong value used|factor|no known pattern",
    ),
    ("g = d * self.gamma", "g = d", "x", "dropped term|factor"),
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
        "x fc1.weight fc1.bias",
        "dropped term|mask missing",
    ),
    (
        'self._grads["bias"] = g.sum(0)',
        'self._grads["bias"] = g.sum(0) / len(g)',
        "fc1.bias fc2.bias",
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
    "highway",
    """
class Highway:
    def __init__(self, d, rng):
        self.WH, self.bH = rng.normal(size=(d, d)), np.zeros(d)
        self.WT, self.bT = rng.normal(size=(d, d)), -np.ones(d)
    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.WH + self.bH)
        self.t = 1/(1+np.exp(-(x @ self.WT + self.bT)))
        return self.t * self.h + (1 - self.t) * x
    def backward(self, dout):
        x, h, t = self.x, self.h, self.t
        dh = dout * t * (1 - h*h)
        dt = dout * (h - x) * t * (1 - t)
        self.dWH, self.dbH = x.T @ dh, dh.sum(0)
        self.dWT, self.dbT = x.T @ dt, dt.sum(0)
        return dh @ self.WH.T + dt @ self.WT.T + dout * (1 - t)
""",
    "C(Highway(4, r), n(5,4))",
    (" + dout * (1 - t)", "", "x", "dropped term"),
    ("dt = dout * (h - x) * t * (1 - t)", "dt = dout * h * t * (1 - t)", "x WT bT", "dropped term"),
    ("dt @ self.WT.T", "dt @ self.WT", "x", "transposed"),
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
