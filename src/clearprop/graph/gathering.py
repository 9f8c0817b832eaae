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
    joined = np.stack(_wholes(value) or list(value.flat))
    return joined if joined.shape == value.shape else np.reshape(joined, value.shape)


def _wholes(value: np.ndarray) -> list[Any]:
    """The Variables of which an array of objects has all elements, in their order; or none."""
    flat, found = list(value.flat), list[Any]()
    while flat:
        node = getattr(flat[0], "node", None)
        source = node.inputs[0] if node is not None and node.inputs else None
        if not isinstance(source, Recorded) or source.data.ndim != 1:
            return []
        part, flat = flat[: source.data.size], flat[source.data.size :]
        if len(part) < source.data.size or not all(
            _is_element(x, source, i) for i, x in enumerate(part)
        ):
            return []
        made = source.node
        flattened = made if made is not None and made.operation.name == "np.reshape" else None
        found.append(flattened.inputs[0] if flattened is not None else source)
    shape = found[0].data.shape
    alike = all(v.data.shape == shape for v in found) and value.shape[-len(shape) :] == shape
    return found if alike else []


def _is_element(x: Any, source: Any, place: int) -> bool:
    node = getattr(x, "node", None)
    return (
        node is not None
        and node.operation.name == "clearprop.getitem"
        and node.inputs[0] is source
        and node.params.get("form") == (place,)
    )
