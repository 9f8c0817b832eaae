"""Arrays of Variables: what NumPy makes of lists of them, and back to one Variable.

NumPy hands `np.array([v, w])`, `np.r_[v, w]` and `np.sum([v, w])` on to nobody: it asks each entry
for an array. The answer is an array of objects, whose elements are numbers on the graph. NumPy
computes with them one by one, and where they meet a Variable again they are joined to one.
"""

import sys
from typing import Any

import numpy as np

from clearprop.graph.node import Recorded

MOST = 1000
"""So many elements are taken one by one; more are better joined with np.stack."""


def scattered(v: Any, dtype: Any, copy: Any) -> np.ndarray:
    """The elements of a Variable, each on the graph, in an array of objects.

    Errors: `LeavesGraphError` where plain numbers are asked for, for `np.array(v)` of one Variable,
    for integers, for another library than NumPy, and for more than 1000 elements.
    """
    plain = dtype is not None and np.dtype(dtype) != object
    if plain or copy or v.data.size > MOST or v.data.dtype.kind != "f" or _is_foreign():
        v._leave()
    found = np.empty(v.data.size, object)
    if v.data.ndim:
        found[:] = [*np.reshape(v, -1)]
    else:
        found[0] = v
    return found.reshape(v.data.shape)


def _is_foreign() -> bool:
    """Whether the line that asks is one of a library, or of NumPy's masked arrays and matrices."""
    frame = sys._getframe(3)
    name = str(frame.f_globals.get("__name__"))
    if name.startswith("numpy."):
        return name.startswith(("numpy.ma", "numpy.matrixlib"))
    return "site-packages" in frame.f_code.co_filename


def gathered(value: Any) -> Any:
    """One Variable for an array of objects that holds Variables; all else as it is.

    >>> from clearprop import Variable
    >>> v = Variable(2.0)
    >>> gathered(np.array([v, v**2, 1.0])).data
    array([2., 4., 1.])
    """
    if not isinstance(value, np.ndarray) or value.dtype != object:
        return value
    if not any(isinstance(x, Recorded) for x in value.flat):
        return value
    return np.reshape(np.stack(list(value.flat)), value.shape)
