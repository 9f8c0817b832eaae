"""The book's `common.optimizer`: clearprop's formulas, on any dictionaries, without a check.

`from common.optimizer import *` gives `np` too: one of the book's scripts has it from nowhere else.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from clearprop import training
from clearprop.training.optimizers.groups import Group

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSprop", "np"]


class _OfTheBook(training.Optimizer):
    """One object may serve several networks, and a step may end in NaN, as in the book."""

    def update(self, params: MutableMapping[str, Any], grads: Mapping[str, Any]) -> None:
        """Take one step: arrays change in place, plain numbers are bound anew."""
        self.step_count += 1
        settings = self.settings(Group(()), self.step_count)
        for key, p in params.items():
            names = [f"{state}.{key}" for state in self.state]
            state = [self.arrays.get(name, np.zeros_like(p)) for name in names]
            found = type(self).change(p, grads[key], *state, step=self.step_count, **settings)
            new, *state = found if isinstance(found, tuple) else (found,)
            self.arrays.update(zip(names, state, strict=True))
            if isinstance(p, np.ndarray):
                p[...] = new
            else:
                params[key] = new


class SGD(_OfTheBook, training.SGD):
    """See `clearprop.training.SGD`.

    >>> params = {"W": np.array([1.0, 2.0]), "b": 3.0}
    >>> SGD(0.5).update(params, {"W": np.array([1.0, 1.0]), "b": 1.0})
    >>> params
    {'W': array([0.5, 1.5]), 'b': 2.5}
    """

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__(lr=lr)


class Momentum(_OfTheBook, training.Momentum):
    """See `clearprop.training.Momentum`."""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        super().__init__(lr=lr, momentum=momentum)


class Nesterov(_OfTheBook, training.Nesterov):
    """See `clearprop.training.Nesterov`."""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        super().__init__(lr=lr, momentum=momentum)


class AdaGrad(_OfTheBook, training.AdaGrad):
    """See `clearprop.training.AdaGrad`."""

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__(lr=lr)


class RMSprop(_OfTheBook, training.RMSprop):
    """See `clearprop.training.RMSprop`."""

    def __init__(self, lr: float = 0.01, decay_rate: float = 0.99) -> None:
        super().__init__(lr=lr, decay_rate=decay_rate)


class Adam(_OfTheBook, training.Adam):
    """See `clearprop.training.Adam`; 1e-7 is added to `√v` before the correction."""

    def __init__(self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999) -> None:
        def eps(step: int) -> float:
            return 1e-7 / (1 - self.beta2**step) ** 0.5  # type: ignore[operator]  # a number

        super().__init__(lr=lr, beta1=beta1, beta2=beta2, eps=eps)
