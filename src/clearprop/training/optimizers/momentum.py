"""Gradient descent with momentum."""

from typing import Unpack

from clearprop.training.optimizers.base import Common, Optimizer
from clearprop.training.optimizers.settings import Setting


class Momentum(Optimizer):
    """Momentum: the parameter rolls on with a velocity `v`, which the slope changes.

    **Rule**: `v ← momentum · v − lr · g`, `p ← p + v`; `v` has the shape of `p` and begins at 0.

    `momentum`, in [0, 1), is the share of the velocity that is kept in a step. For the settings
    that all optimisers share see `Optimizer`.

    Source: *Deep Learning from Scratch*, section 6.1.4; Polyak 1964, *Some methods of speeding up
    the convergence of iteration methods*. PyTorch's `SGD(momentum=)` keeps `b = −v / lr` instead:
    it is the same while `lr` stays. Where `lr` changes, ours slows down little by little, as the
    velocity holds the former rates; PyTorch's changes at once.

    >>> import numpy as np
    >>> p, momentum = np.array([1.0]), Momentum(lr=0.1, momentum=0.5)
    >>> for _ in range(2):
    ...     momentum.update({"p": p}, {"p": np.ones(1)})
    >>> p, momentum.arrays
    (array([0.75]), {'v.p': array([-0.15])})
    """

    hyperparameters = ("lr", "momentum")
    state = ("v",)
    momentum: Setting

    def __init__(
        self, lr: Setting = 0.01, momentum: Setting = 0.9, **common: Unpack[Common]
    ) -> None:
        super().__init__(lr=lr, momentum=momentum, **common)

    @staticmethod
    def change(p, g, v, *, step, lr, momentum):
        """The new parameter and its velocity."""
        v = momentum * v - lr * g
        return p + v, v
