"""RMSprop."""

from typing import Unpack

import numpy as np

from clearprop.training.optimizers.base import Common, Optimizer
from clearprop.training.optimizers.settings import Setting


class RMSprop(Optimizer):
    """RMSprop: AdaGrad that forgets; steps are measured by the size of recent derivatives.

    **Rule**: `h ← decay_rate · h + (1 − decay_rate) · g²`, `p ← p − lr · g / (√h + eps)`, for each
    element; `h` has the shape of `p` and begins at 0.

    `decay_rate`, in [0, 1), is the share of `h` that is kept in a step, `eps` keeps from dividing
    by 0. For the settings that all optimisers share see `Optimizer`.

    Source: *Deep Learning from Scratch*, section 6.1.5, and its code; Tieleman and Hinton 2012,
    *Lecture 6.5, RMSprop*. PyTorch's `RMSprop` is the same with `eps=1e-8`, and calls the rate
    `alpha`.

    >>> p, rmsprop = np.array([1.0]), RMSprop(lr=0.1, decay_rate=0.75)
    >>> rmsprop.update({"p": p}, {"p": np.array([4.0])})
    >>> p.round(3), rmsprop.arrays
    (array([0.8]), {'h.p': array([4.])})
    """

    hyperparameters = ("lr", "decay_rate", "eps")
    state = ("h",)
    decay_rate: Setting
    eps: Setting

    def __init__(
        self,
        lr: Setting = 0.01,
        decay_rate: Setting = 0.99,
        eps: Setting = 1e-7,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(lr=lr, decay_rate=decay_rate, eps=eps, **common)

    @staticmethod
    def change(p, g, h, *, step, lr, decay_rate, eps):
        """The new parameter and the mean of the squares."""
        h = decay_rate * h + (1 - decay_rate) * (g * g)
        return p - lr * g / (np.sqrt(h) + eps), h
