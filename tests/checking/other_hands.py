"""Layers with the interfaces of other authors and courses, each of them right, and their inputs."""

import numpy as np

N = np.random.default_rng(5).standard_normal
X, SEQUENCE, LOGITS, LABELS = N((5, 4)), N((2, 3, 4)), N((6, 3)), np.array([0, 2, 1, 1, 0, 2])
RIGHT = []


def right(*inputs, **options):
    def enter(made):
        RIGHT.append((made, inputs, options))
        return made

    return enter


@right(X)
class LeftOnSelf:
    """Everything is left on the layer, and nothing is returned."""

    def __init__(self):
        self.weight, self.bias, self.dx, self.dw, self.db = N((4, 3)), N(3), None, None, None

    def forward(self, x):
        self.cache = x
        return x @ self.weight + self.bias

    def backward(self, dout):
        self.dx, self.dw, self.db = dout @ self.weight.T, self.cache.T @ dout, dout.sum(0)


@right(X)
class Inputs:
    def __init__(self):
        self.weights, self.biases = N((4, 3)), np.zeros((1, 3))

    def forward(self, inputs):
        self.inputs = inputs
        return inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = dvalues.sum(0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T
        return self.dinputs


@right(X.T.copy())
class OwnOptimiser:
    """The parameters are updated in the middle of backward, by a rate that is given."""

    def __init__(self):
        self.w, self.b = N((3, 4)), N((3, 1))

    def forward(self, input):
        self.input = input
        return self.w @ input + self.b

    def backward(self, output_gradient, learning_rate):
        input_gradient = self.w.T @ output_gradient
        self.w -= learning_rate * output_gradient @ self.input.T
        self.b -= learning_rate * output_gradient.sum(1, keepdims=True)
        return input_gradient


class Parameter:
    def __init__(self, value):
        self.value, self.grad = value, np.zeros_like(value)


@right(X)
class Objects:
    def __init__(self):
        self.W, self.B = Parameter(N((4, 3))), Parameter(N(3))

    def forward(self, X):
        self.X = X
        return X @ self.W.value + self.B.value

    def backward(self, d_out):
        self.W.grad = self.X.T @ d_out
        self.B.grad = d_out.sum(0)
        return d_out @ self.W.value.T


@right(X)
class Mappings:
    def __init__(self):
        self.parameters, self.gradients = {"W": N((4, 3)), "b": N(3)}, {}

    def forward(self, x):
        self.x = x
        return x @ self.parameters["W"] + self.parameters["b"]

    def backward(self, g):
        self.gradients = {"W": self.x.T @ g, "b": g.sum(0)}
        return g @ self.parameters["W"].T


@right(X)
class Called:
    def __init__(self):
        self.theta, self.grad_theta = N((4, 3)), None

    def __call__(self, x):
        self.x = x
        return x @ self.theta

    def bprop(self, grad):
        self.grad_theta = self.x.T @ grad
        return grad @ self.theta.T


@right(X)
class Lists:
    def __init__(self):
        self.weights, self.grads = [N((4, 5)), N((5, 3))], None

    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.weights[0])
        return self.h @ self.weights[1]

    def backward(self, d):
        dh = d @ self.weights[1].T * (1 - self.h**2)
        self.grads = [self.x.T @ dh, self.h.T @ d]
        return dh @ self.weights[0].T


@right(X)
class Returned(Inputs):
    def backward(self, d):
        return {"dx": d @ self.weights.T, "dW": self.inputs.T @ d, "db": d.sum(0, keepdims=True)}


@right(X)
class ReturnedInOrder(Inputs):
    def backward(self, d):
        return d @ self.weights.T, [self.inputs.T @ d, d.sum(0, keepdims=True)]


@right(X)
class MadeLate:
    built = False

    def forward(self, x):
        if not self.built:
            self.w, self.built = N((x.shape[1], 3)), True
        self.x = x
        return x @ self.w

    def backward(self, d):
        self.dw = self.x.T @ d
        return d @ self.w.T


@right(X)
class GivenBack:
    def __init__(self):
        self.W = N((4, 3))

    def forward(self, x):
        return x @ self.W, (x, self.W)

    def backward(self, dout, cache):
        x, W = cache
        self.dW = x.T @ dout
        return dout @ W.T


@right(X)
class Slope:
    def __call__(self, z):
        return 1 / (1 + np.exp(-z))

    def grad(self, z):
        return self(z) * (1 - self(z))


@right(LOGITS, LABELS)
class LossAlone:
    """Its backward takes nothing."""

    def forward(self, x, t):
        e = np.exp(x - x.max(1, keepdims=True))
        self.p, self.t = e / e.sum(1, keepdims=True), t
        return -np.log(self.p[np.arange(len(t)), t]).mean()

    def backward(self):
        d = self.p.copy()
        d[np.arange(len(self.t)), self.t] -= 1
        return d / len(self.t)


@right([N((5, 2)), N((5, 3))])
class Concatenated:
    def forward(self, xs):
        self.n = xs[0].shape[1]
        return np.concatenate(xs, axis=1)

    def backward(self, d):
        return [d[:, : self.n], d[:, self.n :]]


@right(SEQUENCE)
class SinglePrecision:
    """Its buffer is of float32, whatever it is given."""

    def __init__(self):
        self.U, self.W, self.gU, self.gW = N((4, 3)), N((3, 3)), None, None

    def forward(self, x):
        self.x, self.h = x, np.zeros((x.shape[0], x.shape[1] + 1, 3), "f")
        for t in range(x.shape[1]):
            self.h[:, t] = np.tanh(x[:, t] @ self.U + self.h[:, t - 1] @ self.W)
        return self.h[:, :-1]

    def backward(self, d):
        dx, self.gU, self.gW, g = np.zeros_like(self.x), 0, 0, 0
        for t in reversed(range(d.shape[1])):
            a = (d[:, t] + g) * (1 - self.h[:, t] ** 2)
            dx[:, t], g = a @ self.U.T, a @ self.W.T
            self.gU = self.gU + self.x[:, t].T @ a
            self.gW = self.gW + self.h[:, t - 1].T @ a
        return dx


def affine_forward(x, w, b):
    return x @ w + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, _ = cache
    return dout @ w.T, x.T @ dout, dout.sum(0)


right(X, N((4, 3)), N(3), gradient=affine_backward)(affine_forward)


def nested(p):
    return np.sum((np.ones((2, 4)) @ p["W"] + p["b"]) ** 2)


def nested_gradient(p):
    r = 2 * (np.ones((2, 4)) @ p["W"] + p["b"])
    return {"W": np.ones((4, 2)) @ r, "b": r.sum(0)}


right({"W": N((4, 3)), "b": N(3)}, gradient=nested_gradient)(nested)


class Recurrent:
    """Right too, but slow to write again: its mistakes are made by the word `how`."""

    how = ""

    def __init__(self):
        self.Wx, self.Wh, self.b = N((4, 3)), N((3, 3)), N(3)

    def forward(self, xs):
        self.xs, self.hs = xs, [np.zeros((len(xs), 3))]
        for t in range(xs.shape[1]):
            self.hs.append(np.tanh(xs[:, t] @ self.Wx + self.hs[-1] @ self.Wh + self.b))
        return np.stack(self.hs[1:], 1)

    def backward(self, d):
        how, g, dx = self.how, 0, np.zeros_like(self.xs)
        self.dWx, self.dWh, self.db = np.zeros((4, 3)), np.zeros((3, 3)), np.zeros(3)
        for t in reversed(range(d.shape[1])):
            h = self.hs[t if how == "step before" else t + 1]
            a = (d[:, t] + g) * (1 if how == "no slope" else 1 - h**2)
            share = self.xs[:, t].T @ a
            self.dWx = share if how == "overwritten" else self.dWx + share
            self.dWh += self.hs[t + 1 if how == "step after" else t].T @ a
            self.db += a.sum(0)
            dx[:, t] = a @ self.Wx.T
            g = 0 if how == "cut" else a @ (self.Wh if how == "transposed" else self.Wh.T)
        return dx


right(SEQUENCE)(Recurrent)
