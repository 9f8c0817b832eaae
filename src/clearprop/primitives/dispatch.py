"""Let a function of our own be recorded the way NumPy's functions are (NEP 18)."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


def dispatched(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function of arrays so that it asks its arguments first, as NumPy's do.

    If a positional argument is of a foreign array type, its `__array_function__` is called with
    the decorated function; otherwise the function runs.
    """

    @wraps(function)
    def public(*args: P.args, **kwargs: P.kwargs) -> R:
        for argument in args:
            override = getattr(type(argument), "__array_function__", None)
            if override is not None and not isinstance(argument, np.ndarray):
                return override(argument, public, (type(argument),), args, kwargs)
        return function(*args, **kwargs)

    return public
