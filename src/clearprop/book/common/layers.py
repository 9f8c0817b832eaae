"""The book's `common.layers`: clearprop's, and what the book computes otherwise."""

from typing import Any

import numpy as np

from clearprop import layers
from clearprop.book.common.functions import (
    cross_entropy_error,
    identity_function,
    relu,
    relu_grad,
    sigmoid,
    sigmoid_grad,
    softmax,
    softmax_loss,
    step_function,
    sum_squared_error,
)
from clearprop.book.common.util import col2im, im2col
from clearprop.layers import Affine, Relu, Sigmoid

__all__ = [
    "Affine",
    "BatchNormalization",
    "Convolution",
    "Dropout",
    "Pooling",
    "Relu",
    "Sigmoid",
    "SoftmaxWithLoss",
    "col2im",
    "cross_entropy_error",
    "identity_function",
    "im2col",
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


class SoftmaxWithLoss(layers.SoftmaxWithLoss):
    """clearprop's, whose loss is `−(1/N) Σ log(y + 1e-7)`; the derivative is without the 1e-7."""

    backward = layers.SoftmaxWithLoss.backward

    def forward(self, x: Any, t: Any, w: Any = None) -> Any:
        super().forward(x, t, w)
        if w is None:
            self.loss = cross_entropy_error(self.y, self.t)
        return self.loss


class Dropout:
    """Dropout that scales at prediction: `x · mask` in training, else `x · (1 − dropout_ratio)`.

    `mask` is where numbers of NumPy's global generator are above `dropout_ratio`.

    >>> Dropout(0.25).forward(np.array([4.0, 8.0]), False)
    array([3., 6.])
    """

    def __init__(self, dropout_ratio: float = 0.5) -> None:
        self.dropout_ratio = dropout_ratio
        self.mask: Any = None

    def forward(self, x: Any, train_flg: bool = True) -> Any:
        """The values that are kept, or at prediction their share of each."""
        if not train_flg:
            return x * (1.0 - self.dropout_ratio)
        self.mask = np.random.rand(*np.shape(x)) > self.dropout_ratio  # noqa: NPY002
        return x * self.mask

    def backward(self, dout: Any) -> Any:
        """What was left out has no influence."""
        return dout * self.mask


class BatchNormalization(layers.BatchNormalization):
    """clearprop's with `eps` 1e-6, which keeps its running averages itself, from 0 on.

    A batch of one is let through, and becomes `beta`.

    >>> norm = BatchNormalization(np.ones(1), np.zeros(1))
    >>> _ = norm.forward(np.array([[1.0], [3.0]]))
    >>> norm.running_mean, norm.running_var
    (array([0.2]), array([0.1]))
    """

    fewest = 1
    backward, infer = layers.BatchNormalization.backward, layers.BatchNormalization.infer

    def __init__(
        self,
        gamma: Any,
        beta: Any,
        momentum: float = 0.9,
        running_mean: Any = None,
        running_var: Any = None,
    ) -> None:
        super().__init__(gamma, beta, momentum, eps=1e-6)
        zeros = np.zeros(self.gamma.shape)
        self.running_mean = zeros if running_mean is None else running_mean
        self.running_var = zeros if running_var is None else running_var

    def forward(self, x: Any, train_flg: bool = True) -> Any:
        if not train_flg:
            return self.infer(x)
        out = super().forward(x)
        self.running_mean, self.running_var = self.next_state()
        return out


class Convolution(layers.Convolution):
    """clearprop's, computed in float64; `b` may be a number, for all filters the same."""

    backward = layers.Convolution.backward

    def __init__(self, W: Any, b: Any, stride: Any = 1, pad: Any = 0) -> None:
        b = b if np.ndim(b) else np.full(len(W), b, np.result_type(W, np.float16))
        super().__init__(W, b, stride, pad)

    def forward(self, x: Any) -> Any:
        return super().forward(np.asarray(x, np.float64))


class Pooling(layers.Pooling):
    """clearprop's with a stride of 2, computed in float64."""

    backward = layers.Pooling.backward

    def __init__(self, pool_h: int, pool_w: int, stride: Any = 2, pad: Any = 0) -> None:
        super().__init__(pool_h, pool_w, stride, pad)

    def forward(self, x: Any) -> Any:
        return super().forward(np.asarray(x, np.float64))
