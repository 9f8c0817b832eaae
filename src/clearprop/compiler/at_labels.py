"""What a label selects, one element in every row: functions of ours for the compiler."""

from typing import Any

import numpy as np

from clearprop.primitives.decorators import dispatched
from clearprop.primitives.table import Primitive, as_given, primitive


@dispatched
def pick_at(x: Any, t: Any) -> Any:
    """The element of each row that the label of the row selects, `x[n, t_n]`, as a vector.

    >>> pick_at(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0]))
    array([2., 3.])
    """
    return x[np.arange(len(x)), t]


@dispatched
def subtract_at(x: Any, t: Any, c: Any) -> Any:
    """`x` with the number `c` subtracted from the element of each row that its label selects.

    >>> subtract_at(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0]), 1)
    array([[1., 1.],
           [2., 4.]])
    """
    out = x.copy()
    out[np.arange(len(x)), t] -= c
    return out


def _pick_dx(dout: Any, out: Any, x: Any, t: Any) -> Any:
    return -subtract_at(np.zeros_like(x), t, 1) * np.expand_dims(dout, 1)


PICK_AT: Primitive = primitive(
    pick_at,
    "x[n, t_n]",
    ("dout at the labels, else 0", _pick_dx),
    bind=as_given,
)
SUBTRACT_AT: Primitive = primitive(
    subtract_at,
    "x, less c at [n, t_n]",
    ("dout", lambda dout, out, x, t, c: dout),
    bind=as_given,
)
