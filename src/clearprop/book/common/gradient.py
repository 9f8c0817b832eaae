"""The book's `common.gradient`: central differences, on the array itself."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.primitives.numerical import numerical_gradient

__all__ = ["np", "numerical_gradient", "numerical_gradient_2d"]


def numerical_gradient_2d(f: Callable[[Any], Any], X: Any) -> Any:
    """The numerical gradient of `f` at one point, or at each row of a matrix of points.

    >>> numerical_gradient_2d(lambda x: (x**2).sum(), np.array([[1.0, 2.0], [3.0, 4.0]])).round(6)
    array([[2., 4.],
           [6., 8.]])
    """
    if np.ndim(X) == 1:
        return numerical_gradient(f, X)
    return np.array([numerical_gradient(f, x) for x in X])
