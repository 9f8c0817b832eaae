"""AdaGrad."""

from typing import Unpack

import numpy as np

from clearprop.training.optimizers.base import Common, Optimizer
from clearprop.training.optimizers.settings import Setting


class AdaGrad(Optimizer):
    """AdaGrad: an element that has moved much takes smaller steps.

    **Rule**: `h ← h + g²`, `p ← p − lr · g / (√h + eps)`, for each element; `h` has the shape of
    `p` and begins at 0.

    `eps` keeps from dividing by 0. For the settings that all optimisers share see `Optimizer`.

    Source: *Deep Learning from Scratch*, section 6.1.5; Duchi, Hazan and Singer 2011, *Adaptive
    subgradient methods*, section 1.1. PyTorch's `Adagrad` is the same with `eps=1e-10`.

    >>> p, adagrad = np.array([1.0, 1.0]), AdaGrad(lr=0.5)
    >>> adagrad.update({"p": p}, {"p": np.array([3.0, -0.1])})
    >>> p.round(3)
    array([0.5, 1.5])
    """

    hyperparameters = ("lr", "eps")
    state = ("h",)
    eps: Setting

    def __init__(self, lr: Setting = 0.01, eps: Setting = 1e-7, **common: Unpack[Common]) -> None:
        super().__init__(lr=lr, eps=eps, **common)

    @staticmethod
    def change(p, g, h, *, step, lr, eps):
        """The new parameter and the sum of the squares."""
        h = h + g * g
        return p - lr * g / (np.sqrt(h) + eps), h
