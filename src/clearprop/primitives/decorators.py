"""Decorators: a rule that may meet infinities, and a function that NumPy lets others override."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


def quiet(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Let a rule compute infinite derivatives without a warning.

    The derivative of √x at 0 *is* infinite. NumPy would report a division by zero in a line of
    the table; the infinity in the result says the same to the user, and in the right place.

    >>> quiet(lambda x: 1 / x)(np.zeros(1))
    array([inf])
    """

    @wraps(rule)
    def silent(*args: Any, **kwargs: Any) -> Any:
        with np.errstate(all="ignore"):
            return rule(*args, **kwargs)

    return silent


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
