"""Hyperparameters: numbers in their ranges, or functions of the step that give such numbers."""

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

from clearprop.errors import ConfigError

Setting: TypeAlias = float | Callable[[int], float]
"""A number, or a schedule: a function of the step, which counts from 1."""


def setting(name: str, value: Any, step: int | None = None) -> Any:
    """Read a hyperparameter as it is assigned, or as it is at a `step`. Errors: `ConfigError`."""
    what = "the learning rate lr" if name == "lr" else name
    if not callable(value):
        return in_range(name, what, value)
    return value if step is None else in_range(name, f"{what} at step {step}", value(step))


def in_range(name: str, what: str, value: Any) -> float:
    """Read a number in the range of a hyperparameter's name. Errors: `ConfigError`."""
    words, is_right = _RANGES.get(name, _ANY)
    if type(value) is float and is_right(value):
        return value
    value = alone(value)
    # A bool is a number to Python, and never meant as one here.
    if isinstance(value, Real) and not isinstance(value, bool | np.bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if is_right(number):
            return number
    raise ConfigError(f"{what} must be {words}, got {value!r}")


def alone(value: Any) -> Any:
    """The number that an array without axes holds; all else as it is."""
    return value.item() if type(value) is np.ndarray and not value.ndim else value


def positive_number(what: str, value: Any) -> float:
    """Read a setting that must be a positive finite number."""
    return in_range("lr", what, value)


def positive_int(what: str, value: Any) -> int:
    """Read a setting that must be a whole number of at least 1."""
    value = alone(value)
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 1:
        return int(value)
    raise ConfigError(f"{what} must be a whole number of at least 1, got {value!r}")


_POSITIVE = ("a positive finite number such as 0.1", lambda x: 0 < x < math.inf)
_FRACTION = ("a number from 0 to less than 1 such as 0.9", lambda x: 0 <= x < 1)
_RANGES = {
    "lr": _POSITIVE,
    "eps": _POSITIVE,
    "momentum": _FRACTION,
    "decay_rate": _FRACTION,
    "beta1": _FRACTION,
    "beta2": _FRACTION,
    "weight_decay": ("a finite number of 0 or more such as 0.01", lambda x: 0 <= x < math.inf),
}
"""What a name may be, for whichever optimiser; other names may be any finite number."""
_ANY = ("a finite number", math.isfinite)
