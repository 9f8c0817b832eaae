"""Stochastic gradient descent."""

from typing import Unpack

from clearprop.training.optimizers.base import Common, Optimizer
from clearprop.training.optimizers.settings import Setting


class SGD(Optimizer):
    """Stochastic gradient descent: a step down the slope.

    **Rule**: `p ← p − lr · g`, where `g = ∂L/∂p`, for every parameter `p` of any shape.

    `lr` is the learning rate. For the settings that all optimisers share see `Optimizer`.

    Source: *Deep Learning from Scratch*, sections 4.5 and 6.1.2; Robbins and Monro 1951, *A
    stochastic approximation method*. PyTorch's `SGD` without momentum is the same.

    >>> import numpy as np
    >>> W = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> SGD(lr=0.5).update({"W": W}, {"W": np.ones((2, 2))})
    >>> W
    array([[0.5, 1.5],
           [2.5, 3.5]])
    """

    def __init__(self, lr: Setting = 0.01, **common: Unpack[Common]) -> None:
        super().__init__(lr=lr, **common)

    @staticmethod
    def change(p, g, *, step, lr):
        """The new parameter."""
        return p - lr * g
