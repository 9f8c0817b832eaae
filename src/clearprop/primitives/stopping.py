"""A value through which nothing is differentiated."""

from typing import Any

import numpy as np

from clearprop.errors import DTypeError
from clearprop.primitives.decorators import dispatched
from clearprop.primitives.table import constant


def stop_gradient(x: Any) -> Any:
    """`x` as a constant of what is differentiated: the same values, and the derivative 0.

    On plain arrays it is `x` itself; on a graph, in a program and in a file it goes on as `+x`.

    Errors: `DTypeError` for lists and other objects.

    >>> from clearprop import grad
    >>> grad(lambda x: np.sum(x * stop_gradient(x)))(np.array([1.0, 2.0]))
    array([1., 2.])
    """
    kind = getattr(x, "dtype", np.dtype(type(x) if isinstance(x, int | float) else object)).kind
    if kind not in "fiub":
        raise DTypeError(
            f"stop_gradient: x is a {type(x).__name__}; give one array, or join several with "
            "np.stack"
        )
    return x if kind == "b" else stopped(x)  # of truth values there is no derivative


@dispatched
def stopped(x: Any) -> Any:
    """`x`, for Variables as a node with the derivative 0."""
    return x


ROW = constant(
    np.positive,
    "x, as a constant",
    name="clearprop.stop_gradient",
    symbol="stop_gradient",
    keeps=True,
)
"""That of `stopped`. Its function, by which engines know what to write, is that of `+x`."""
