"""Rules that may meet infinities: their warnings would name code that the user did not write."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np


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
