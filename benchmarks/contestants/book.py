"""The algorithm of the book's chapter on backpropagation, in plain NumPy.

*Deep Learning from Scratch*, sections 5.5 to 5.7: a class for each layer, parameters and their
derivatives in dictionaries, float64; each step draws a batch with `np.random.choice`, computes
the derivatives, updates, and then computes the loss of the batch in a forward pass of its own.
Our own writing; only the structure is the book's. As a script it is the chapter's whole training:
`python -m contestants.book`.
"""

from collections import OrderedDict
from typing import Any

import numpy as np

from contestants.problem import RATE, SEED, Problem, Run


class Relu:
    """Keeps a mask of what was not positive, and writes zeros there."""

    def __init__(self) -> None:
        self.mask: Any = None

    def forward(self, x: Any) -> Any:
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout: Any) -> Any:
        dout[self.mask] = 0
        return dout


class Affine:
    """`x @ W + b`."""

    def __init__(self, W: Any, b: Any) -> None:
        self.W, self.b = W, b
        self.x = self.dW = self.db = None

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout: Any) -> Any:
        assert self.x is not None
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return np.dot(dout, self.W.T)


class SoftmaxWithLoss:
    """Softmax and cross entropy; labels are class numbers."""

    def forward(self, x: Any, t: Any) -> Any:
        self.t = t
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.y = e / np.sum(e, axis=1, keepdims=True)
        n = len(t)
        return -np.sum(np.log(self.y[np.arange(n), t] + 1e-7)) / n

    def backward(self) -> Any:
        n = len(self.t)
        dx = self.y.copy()
        dx[np.arange(n), self.t] -= 1
        return dx / n


class Net:
    """Affine layers with ReLU between them."""

    def __init__(self, weights: list[tuple[Any, Any]]) -> None:
        self.params: dict[str, Any] = {}
        self.layers: OrderedDict[str, Any] = OrderedDict()
        for i, (W, b) in enumerate(weights, start=1):
            self.params[f"W{i}"], self.params[f"b{i}"] = W, b
            self.layers[f"Affine{i}"] = Affine(W, b)
            if i < len(weights):
                self.layers[f"Relu{i}"] = Relu()
        self.last_layer = SoftmaxWithLoss()
        self.before: Any = None
        """The loss before the update, kept to compare it with that of the others."""

    def predict(self, x: Any) -> Any:
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x: Any, t: Any) -> Any:
        return self.last_layer.forward(self.predict(x), t)

    def accuracy(self, x: Any, t: Any) -> float:
        return np.sum(np.argmax(self.predict(x), axis=1) == t) / len(x)

    def gradient(self, x: Any, t: Any) -> dict[str, Any]:
        self.before = self.loss(x, t)
        dout = self.last_layer.backward()
        for layer in reversed(list(self.layers.values())):
            dout = layer.backward(dout)
        grads = {}
        for i in range(1, len(self.params) // 2 + 1):
            layer = self.layers[f"Affine{i}"]
            grads[f"W{i}"], grads[f"b{i}"] = layer.dW, layer.db
        return grads


def step(net: Net, x_train: Any, t_train: Any, batch: int) -> Any:
    """One iteration: draw, derivatives, update, loss."""
    rows = np.random.choice(len(x_train), batch)  # noqa: NPY002 (the book's)
    x, t = x_train[rows], t_train[rows]
    grads = net.gradient(x, t)
    for name in net.params:
        net.params[name] -= RATE * grads[name]
    return net.loss(x, t)


def book_float64(problem: Problem) -> Run:
    """In float64, as the book's parameters are."""
    return _runner(problem, np.float64)


def book_float32(problem: Problem) -> Run:
    """The same in float32."""
    return _runner(problem, np.float32)


def _runner(problem: Problem, dtype: type) -> Run:
    net = Net(problem.weights(dtype))
    x_train, t_train = problem.data
    np.random.seed(SEED)  # noqa: NPY002 (draws the same batches as `problem.batches`)

    def run(steps: int) -> float:
        for _ in range(steps):
            step(net, x_train, t_train, problem.batch)
        return float(net.before)

    return run


def main(iterations: int = 10_000, batch: int = 100) -> None:
    """The chapter's training, start to end, with an evaluation on all images every epoch."""
    from clearprop.datasets import load_mnist

    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=True)
    net = Net(Problem((784, 50, 10), batch).weights(np.float64))
    losses, accuracies = [], []
    per_epoch = max(len(x_train) // batch, 1)
    for i in range(iterations):
        losses.append(step(net, x_train, t_train, batch))
        if i % per_epoch == 0:
            accuracies.append((net.accuracy(x_train, t_train), net.accuracy(x_test, t_test)))
            print(*accuracies[-1])


if __name__ == "__main__":
    main()
