"""Sample calls of a function, on which the tests try its row."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.primitives.table import Call


class Normal:
    """Stands in a sample call for an array of that shape of normally distributed numbers."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def drawn(self, rng: np.random.Generator) -> Any:
        """The array."""
        return rng.standard_normal(self.shape)


def call(*args: Any, **kwargs: Any) -> Call:
    """A call as a user writes it."""
    return args, kwargs


def calls(*samples: Call) -> Callable[[np.random.Generator], list[Call]]:
    """What a row takes as `samples`: these calls, each `Normal` in them drawn anew.

    >>> (args, kwargs), = calls(call(Normal(3, 4), 1, keepdims=True))(np.random.default_rng(0))
    >>> args[0].shape, args[1], kwargs
    ((3, 4), 1, {'keepdims': True})
    """
    return lambda rng: [(_drawn(args, rng), kwargs) for args, kwargs in samples]


def _drawn(value: Any, rng: np.random.Generator) -> Any:
    if isinstance(value, Normal):
        return value.drawn(rng)
    return type(value)(_drawn(v, rng) for v in value) if isinstance(value, list | tuple) else value
