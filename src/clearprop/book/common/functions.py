"""The book's `common.functions`: layers and losses as functions of arrays."""

from typing import Any

import numpy as np

from clearprop.layers import Relu, Sigmoid, Softmax
from clearprop.primitives.labels import read_labels

__all__ = [
    "cross_entropy_error",
    "identity_function",
    "np",
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "softmax_loss",
    "step_function",
    "sum_squared_error",
]


def identity_function(x: Any) -> Any:
    """`x` itself."""
    return x


def step_function(x: Any) -> Any:
    """1 where `x > 0`, else 0, as integers.

    >>> step_function(np.array([-1.0, 0.0, 2.0]))
    array([0, 0, 1])
    """
    return np.asarray(np.asarray(x) > 0, dtype=int)


def sigmoid(x: Any) -> Any:
    """`1 / (1 + exp(−x))`; see `clearprop.Sigmoid`."""
    return Sigmoid().forward(x)


def sigmoid_grad(x: Any) -> Any:
    """The derivative of `sigmoid` at `x`, which is what goes into it and not what comes out.

    >>> float(sigmoid_grad(0.0))
    0.25
    """
    return _slope(Sigmoid(), x)


def relu(x: Any) -> Any:
    """`x` where `x > 0`, else 0; see `clearprop.Relu`."""
    return Relu().forward(x)


def relu_grad(x: Any) -> Any:
    """The derivative of `relu` at `x`: 1 where `x > 0`, else 0, also at 0 itself.

    >>> relu_grad(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 1.])
    """
    return _slope(Relu(), x)


def softmax(x: Any) -> Any:
    """Probabilities over the last axis; see `clearprop.Softmax`."""
    return Softmax().forward(x)


def sum_squared_error(y: Any, t: Any) -> Any:
    """`½ Σ (y − t)²` over all elements.

    >>> float(sum_squared_error(np.array([1.0, 2.0]), np.array([0.0, 0.0])))
    2.5
    """
    return 0.5 * np.sum((y - t) ** 2)


def cross_entropy_error(y: Any, t: Any) -> Any:
    """`−(1/N) Σ log(y + 1e-7)` over the right answers' probabilities; 1e-7 keeps off `log 0`.

    **Shapes**: `y` (N, C) or one sample (C,); `t` class numbers (N,), or labels of the shape of
    `y`: one-hot, or soft, which weigh the logarithms.

    Errors: `LabelError` for labels that do not fit.

    >>> round(float(cross_entropy_error(np.array([0.0, 1.0]), np.array([1, 0]))), 6)
    16.118096
    """
    log_y = np.log(np.atleast_2d(y) + 1e-7)
    t = np.reshape(t, log_y.shape) if np.size(t) == log_y.size else np.atleast_1d(t)
    t = read_labels(t, log_y.shape, log_y.dtype)
    if t.ndim < 2:
        return -np.take_along_axis(log_y, t[:, np.newaxis], axis=1).sum() / len(log_y)
    return -np.sum(t * log_y) / len(log_y)


def softmax_loss(X: Any, t: Any) -> Any:
    """`cross_entropy_error` of the probabilities that `softmax` makes of `X`."""
    return cross_entropy_error(softmax(X), t)


def _slope(layer: Any, x: Any) -> Any:
    return layer.backward(np.ones_like(layer.forward(x)))
