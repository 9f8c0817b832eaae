"""Adam."""

from typing import Unpack

import numpy as np

from clearprop.training.optimizers.base import Common, Optimizer
from clearprop.training.optimizers.settings import Setting


class Adam(Optimizer):
    """Adam: momentum, in steps that are measured by the size of recent derivatives.

    **Rule**, for each element:

        m ← beta1 · m + (1 − beta1) · g        m̂ = m / (1 − beta1ᵗ)
        v ← beta2 · v + (1 − beta2) · g²       v̂ = v / (1 − beta2ᵗ)
        p ← p − lr · m̂ / (√v̂ + eps)

    `m` and `v` have the shape of `p` and begin at 0; in step t = 1, 2, … the divisors make up for
    that. `beta1` and `beta2`, in [0, 1), are the shares that are kept in a step, `eps` keeps from
    dividing by 0. For the settings that all optimisers share see `Optimizer`.

    Source: Kingma and Ba 2015, *Adam: a method for stochastic optimization*, algorithm 1; PyTorch's
    `Adam` is the same. *Deep Learning from Scratch*, section 6.1.6, adds 1e-7 to `√v` rather than
    to `√v̂`: that is `Adam(eps=lambda t: 1e-7 / (1 - 0.999**t) ** 0.5)`.

    >>> p, adam = np.array([1.0, 1.0]), Adam(lr=0.5)
    >>> adam.update({"p": p}, {"p": np.array([3.0, -0.1])})
    >>> p.round(3)
    array([0.5, 1.5])
    """

    hyperparameters = ("lr", "beta1", "beta2", "eps")
    state = ("m", "v")
    beta1: Setting
    beta2: Setting
    eps: Setting

    def __init__(
        self,
        lr: Setting = 0.001,
        beta1: Setting = 0.9,
        beta2: Setting = 0.999,
        eps: Setting = 1e-8,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(lr=lr, beta1=beta1, beta2=beta2, eps=eps, **common)

    @staticmethod
    def change(p, g, m, v, *, step, lr, beta1, beta2, eps):
        """The new parameter, the mean of the derivatives and that of their squares."""
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * (g * g)
        # The corrections are numbers: one goes with the learning rate, one into the root's place.
        root = np.sqrt(v) / (1 - beta2**step) ** 0.5 + eps
        return p - lr / (1 - beta1**step) * m / root, m, v
