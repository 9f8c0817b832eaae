"""Networks and batches for the tests of compiled steps, and layers as users write them."""

from typing import Any

import numpy as np

from clearprop import Affine, MeanSquaredError, Network, Relu, dense_layers
from clearprop.compiler import compile
from clearprop.training import SGD
from clearprop.training.step import layered_step


def dense(*sizes: int, activation: str = "relu", dtype: Any = np.float32, seed: int = 0) -> Network:
    """A network of affine layers; the same seed gives the same weights."""
    rng = np.random.default_rng(seed)
    return Network(dense_layers(sizes, activation=activation, rng=rng, dtype=dtype))


def batch(n: int, features: int, classes: int, dtype: Any = np.float32, seed: int = 1) -> Any:
    """Random images and class numbers."""
    rng = np.random.default_rng(seed)
    return rng.random((n, features)).astype(dtype), rng.integers(classes, size=n)


def weights(n: int, m: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((n, m)) / np.sqrt(n)
    return W.astype(np.float32), rng.standard_normal(m).astype(np.float32)


def around(*middle: Any, affine: Any = Affine, loss: Any = None) -> Network:
    """Two affine layers, 7-5-3, with other layers between them."""
    layers = [affine(*weights(7, 5)), *middle, affine(*weights(5, 3, 1))]
    return Network(layers, loss)


def both(make: Any, lr: float = 0.1) -> Any:
    """The same network twice, with its layered and its compiled step."""
    written, compiled = make(), make()
    return (
        (written, layered_step(written, SGD(lr))),
        (compiled, compile(compiled, SGD(lr))),
    )


def largest_difference(a: Network, b: Network) -> float:
    """Between parameters, relative to the largest of each."""
    return max(
        float(np.abs(a.params[k] - b.params[k]).max() / np.abs(a.params[k]).max()) for k in a.params
    )


def copied(network: Network) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in network.params.items()}


class BookRelu:
    """Writes zeros where its mask says."""

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout[self.mask] = 0
        return dout


class BookAffine:
    """Plain NumPy without checks."""

    params = ("W", "b")

    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return np.dot(dout, self.W.T)


class BookLoss:
    """Softmax and cross entropy with 1e-7 in the logarithm; writes into a copy."""

    def forward(self, x, t):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.t, self.y = t, e / np.sum(e, axis=1, keepdims=True)
        return -np.sum(np.log(self.y[np.arange(len(t)), t] + 1e-7)) / len(t)

    def backward(self, dout=1):
        dx = self.y.copy()
        dx[np.arange(len(self.t)), self.t] -= 1
        return dout * dx / len(self.t)


class Branching:
    """What it does depends on the mean of what it is given."""

    def forward(self, x):
        self.factor = 2.0 if x.mean() > 0 else 0.5
        return x * self.factor

    def backward(self, dout):
        return dout * self.factor


class BranchingBackward:
    """The same in backward."""

    def forward(self, x):
        return x * 1.5

    def backward(self, dout):
        if np.abs(dout).max() > 0.05:
            return dout * 0.5
        return dout * 1.5


class Looping:
    """Fills an array row by row."""

    def forward(self, x):
        out = np.zeros_like(x)
        for i in range(len(x)):
            out[i] = 2 * x[i]
        return out

    def backward(self, dout):
        return 2 * dout


class Drawing:
    """Draws a mask in every forward pass."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def forward(self, x):
        self.mask = self.rng.random(x.shape) > 0.5
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class Iterating:
    """Uses what only plain arrays have."""

    def forward(self, x):
        return np.array([2 * v for v in x.flat]).reshape(x.shape)

    def backward(self, dout):
        return 2 * dout


class Counting:
    """Keeps a count from one forward pass to the next, and computes with it."""

    def __init__(self):
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x / self.calls

    def backward(self, dout):
        return dout / self.calls


class TurnedAffine(BookAffine):
    """Its derivatives are the same, computed the other way round."""

    def backward(self, dout):
        self.dW = (dout.T @ self.x).T
        self.db = dout[::-1].sum(axis=0)
        return (self.W @ dout.T).T


class Reversed:
    """Learns factors; their derivative comes out as a reversed view."""

    params = ("g",)

    def __init__(self, n):
        self.g = np.linspace(0.5, 1.5, n).astype(np.float32)

    def forward(self, x):
        self.x = x
        return x * self.g

    def backward(self, dout):
        self.dg = (dout * self.x)[:, ::-1].sum(axis=0)[::-1]
        return dout * self.g


class Scaling:
    """Learns one number."""

    params = ("g",)

    def __init__(self):
        self.g = np.array(1.5, np.float32)

    def forward(self, x):
        self.x = x
        return self.g * x

    def backward(self, dout):
        self.dg = np.sum(dout * self.x)
        return self.g * dout


def book_net() -> Network:
    return around(BookRelu(), affine=BookAffine, loss=BookLoss())


def tied() -> Network:
    """Two affine layers that hold the same W."""
    W, b = weights(5, 5)
    return Network([Affine(W, b), Relu(), Affine(W, b.copy())])


def tied_by_a_view() -> Network:
    """An encoder, and a decoder that holds its W from the other side."""
    W, b = weights(7, 5)
    return Network([Affine(W, b), Relu(), Affine(W.T, np.zeros(7, W.dtype))], MeanSquaredError())


def repeated() -> Network:
    """One affine layer at three places."""
    affine, relu = Affine(*weights(5, 5)), Relu()
    return Network([affine, relu, affine, relu, affine])


def check_heard(f: Any, x: Any, change: Any) -> None:
    """Check that a compiled function hears of a change, and is recorded only for that."""
    compiled = compile(f)
    first = compiled(x)
    plan = compiled._last
    compiled(x)
    assert compiled._last is plan
    change()
    np.testing.assert_array_equal(compiled(x), f(x))
    assert np.any(compiled(x) != first)
    plan = compiled._last
    compiled(x)
    assert compiled._last is plan
