"""Recording and differentiating on Variables against other libraries.

    python benchmarks/graph.py [--threads N]

The same computation is written once, over the array module of each library, and all run on one BLAS
thread, or on N. A library that is not installed is left out and named.
"""

import argparse
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from timing import Comparison, compare, surroundings, table

from clearprop import TwoLayerNet, Variable

N, D, H, C = 100, 784, 50, 10
"""Batch, inputs, hidden units and classes of the book's two-layer net."""

SMALL = 500
"""Operations in the expression of small arrays."""

LENGTH = 10_000
"""Operations in the scalar expression."""


def package(name: str) -> ModuleType | None:
    """Import a library if it is installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def net_loss(xp: Any, x: Any, t: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
    """Affine, ReLU, Affine, softmax with cross entropy, in the functions of an array module.

    `t` are class numbers, as they come with the images.
    """
    a = xp.maximum(x @ W1 + b1, 0)
    z = a @ W2 + b2
    z = z - xp.max(z, axis=1, keepdims=True)
    log_y = z - xp.log(xp.sum(xp.exp(z), axis=1, keepdims=True))
    return -xp.sum(log_y[np.arange(len(x)), t]) / len(x)


def by_hand(
    x: Any, t: Any, W1: Any, b1: Any, W2: Any, b2: Any, batch_too: bool = False
) -> list[Any]:
    """The same derivatives in plain NumPy, loss and softmax in one step, nothing recorded."""
    h = x @ W1 + b1
    a = np.maximum(h, 0)
    z = a @ W2 + b2
    e = np.exp(z - z.max(axis=1, keepdims=True))
    dz = e / e.sum(axis=1, keepdims=True)
    dz[np.arange(len(x)), t] -= 1
    dz /= len(x)
    dh = (dz @ W2.T) * (h > 0)
    dx = dh @ W1.T if batch_too else None
    return [dx, x.T @ dh, dh.sum(axis=0), a.T @ dz, dz.sum(axis=0)]


def operation_by_operation(x: Any, t: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> list[Any]:
    """The operations of `net_loss`, forward and then backward each by its own rule, not recorded.

    What is recorded cannot take less, unless it computes something else than was written.
    """
    h = x @ W1 + b1
    a = np.maximum(h, 0)
    z = a @ W2 + b2
    top = np.max(z, axis=1, keepdims=True)
    shifted = z - top
    e = np.exp(shifted)
    total = np.sum(e, axis=1, keepdims=True)
    log_y = shifted - np.log(total)
    right = np.arange(len(x)), t
    loss = -np.sum(log_y[right]) / len(x)
    dsum = -(loss.dtype.type(1) / len(x))
    dlog_y = np.zeros_like(log_y)
    np.add.at(dlog_y, right, np.broadcast_to(dsum, len(x)))
    dtotal = -dlog_y.sum(axis=1, keepdims=True) / total
    dshifted = dlog_y + np.broadcast_to(dtotal, e.shape) * e
    highest = z == top
    share = -dshifted.sum(axis=1, keepdims=True) / highest.sum(axis=1, keepdims=True, dtype=z.dtype)
    dz = dshifted + np.where(highest, share, 0)
    da = dz @ W2.T
    local = ~(h < 0) - h.dtype.type(0.5) * (h == 0)
    dh = np.where(local != 0, da, 0) * local
    return [x.T @ dh, dh.sum(axis=0), a.T @ dz, dz.sum(axis=0)]


def net_data(dtype: Any) -> tuple[Any, Any, list[Any]]:
    """A batch, its labels, and the parameters."""
    rng = np.random.default_rng(0)
    x = rng.random((N, D)).astype(dtype)
    t = rng.integers(C, size=N)
    shapes = ((D, H), (H,), (H, C), (C,))
    return x, t, [(0.1 * rng.standard_normal(shape)).astype(dtype) for shape in shapes]


def expression_candidates(dtype: Any) -> dict[str, Callable[[], Any]]:
    """One forward and backward pass of the net as an expression; the batch is a constant."""
    x, t, arrays = net_data(dtype)
    variables = [Variable(a) for a in arrays]

    def ours() -> Any:
        net_loss(np, x, t, *variables).backward()
        return [v.grad for v in variables]

    found: dict[str, Callable[[], Any]] = {
        "expressions": ours,
        "NumPy by hand": lambda: by_hand(x, t, *arrays)[1:],
        "NumPy, operation by operation": lambda: operation_by_operation(x, t, *arrays),
    }
    mygrad = package("mygrad")
    if mygrad:
        tensors = [mygrad.tensor(a) for a in arrays]

        def their_tensors() -> Any:
            net_loss(mygrad, x, t, *tensors).backward()
            return [v.grad for v in tensors]

        found["MyGrad"] = their_tensors
    autograd = package("autograd")
    if autograd:
        xp = importlib.import_module("autograd.numpy")
        both = autograd.value_and_grad(lambda params: net_loss(xp, x, t, *params))
        found["autograd"] = lambda: both(arrays)[1]
    return found


def layer_candidates(dtype: Any) -> dict[str, Callable[[], Any]]:
    """The same where the batch is differentiated too: ours by layers, each one node."""
    x, t, arrays = net_data(dtype)
    network = TwoLayerNet(D, H, C)
    for name, array in zip(("W1", "b1", "W2", "b2"), arrays, strict=True):
        network.params[name] = array.copy()
    batch = Variable(x)

    def ours() -> Any:
        loss = network.loss(batch, t)
        loss.backward()
        parameters = loss.node.inputs[0].node.inputs[1:]
        return [batch.grad, *(v.grad for v in parameters)]

    def called() -> Any:
        layers, out = network.layers.values(), x
        for layer in layers:
            out = layer.forward(out)
        network.lastLayer.forward(out, t)
        dout = network.lastLayer.backward(1)
        for layer in reversed(layers):
            dout = layer.backward(dout)
        first, _, second = layers
        return [dout, first.dW, first.db, second.dW, second.db]

    found: dict[str, Callable[[], Any]] = {
        "layers": ours,
        "forward and backward alone": called,
        "NumPy by hand": lambda: by_hand(x, t, *arrays, batch_too=True),
    }
    mygrad = package("mygrad")
    if mygrad:
        tensors = [mygrad.tensor(a) for a in (x, *arrays)]

        def their_tensors() -> Any:
            net_loss(mygrad, tensors[0], t, *tensors[1:]).backward()
            return [v.grad for v in tensors]

        found["MyGrad"] = their_tensors
    autograd = package("autograd")
    if autograd:
        xp = importlib.import_module("autograd.numpy")
        both = autograd.value_and_grad(lambda given: net_loss(xp, given[0], t, *given[1:]))
        found["autograd"] = lambda: both([x, *arrays])[1]
    return found


def small_chain(xp: Any, x: Any, w: Any) -> Any:
    """An expression of some hundred operations on arrays of five numbers."""
    y = x
    for _ in range(SMALL // 10):
        y = xp.maximum(y * w + x, 0.1)
        y = xp.tanh(y) - xp.sum(y * 0.1)
        y = xp.exp(-(y * y) * 0.01)
    return xp.sum(y)


def small_candidates() -> dict[str, Callable[[], Any]]:
    """Forward and backward through small arrays, where all time goes into the nodes themselves."""
    x, w = np.linspace(0.1, 0.5, 5), np.linspace(0.3, 0.9, 5)

    def ours() -> Any:
        v = Variable(x)
        small_chain(np, v, w).backward()
        return [v.grad]

    found: dict[str, Callable[[], Any]] = {"Variable": ours}
    mygrad = package("mygrad")
    if mygrad:

        def their_tensors() -> Any:
            v = mygrad.tensor(x)
            small_chain(mygrad, v, w).backward()
            return [v.grad]

        found["MyGrad"] = their_tensors
    autograd = package("autograd")
    if autograd:
        xp = importlib.import_module("autograd.numpy")
        both = autograd.value_and_grad(lambda x: small_chain(xp, x, w))
        found["autograd"] = lambda: [both(x)[1]]
    return found


def scalar_chain(x: Any, y: Any) -> Any:
    """An expression of single numbers with LENGTH operations: +, ×, − and powers."""
    out = x
    for i in range(LENGTH // 5):
        out = out * 0.5 + y
        out = out - x * (0.25 if i % 2 else y)
        if i % 2:
            out = out + x**2
    return out


def scalar_candidates() -> dict[str, Callable[[], Any]]:
    """Forward and backward through the scalar expression."""

    def ours() -> Any:
        x, y = Variable(0.3), Variable(0.7)
        scalar_chain(x, y).backward()
        return x.grad, y.grad

    found: dict[str, Callable[[], Any]] = {"Variable": ours}
    micrograd = package("micrograd.engine")
    if micrograd:

        def their_values() -> Any:
            # Their topological sort calls itself once for every node in a row.
            before = sys.getrecursionlimit()
            sys.setrecursionlimit(10 * LENGTH)
            try:
                x, y = micrograd.Value(0.3), micrograd.Value(0.7)
                scalar_chain(x, y).backward()
            finally:
                sys.setrecursionlimit(before)
            return x.grad, y.grad

        found["micrograd"] = their_values
    return found


def check(candidates: dict[str, Callable[[], Any]], rtol: float) -> None:
    """All compute the same derivatives, or the comparison means nothing."""
    first, *others = (candidate() for candidate in candidates.values())
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def measure_net(dtype: Any) -> list[tuple[Comparison, float | None]]:
    """Both ways of writing the net against both libraries."""
    targets = {"MyGrad": 0.6, "autograd": 0.25}
    rows: list[tuple[Comparison, float | None]] = []
    for candidates in (expression_candidates(dtype), layer_candidates(dtype)):
        check(candidates, 1e-9 if dtype is np.float64 else 1e-4)
        rows += [(row, targets.get(row.theirs)) for row in compare(candidates)]
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--threads", type=int, default=1, help="BLAS threads")
    with threadpool_limits(parser.parse_args().threads):
        print(surroundings("numpy", "clearprop", "mygrad", "autograd", "micrograd"))
        for dtype in (np.float32, np.float64):
            title = f"Two-layer net {D}-{H}-{C}, batch {N}, {dtype.__name__}, forward and backward"
            print("", table(title, measure_net(dtype)), sep="\n")
        small = small_candidates()
        check(small, 1e-9)
        rows = compare(small)
        title = f"Expression of {SMALL} operations on five numbers, forward and backward"
        print("", table(title, [(row, 0.6) for row in rows]), sep="\n")
        scalars = scalar_candidates()
        check(scalars, 1e-9)
        rows = compare(scalars, rounds=20)
        title = f"Scalar expression of {LENGTH:,} operations, forward and backward"
        print("", table(title, [(row, 1.0) for row in rows]), sep="\n")


if __name__ == "__main__":
    main()
