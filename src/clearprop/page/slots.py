"""Values that may change on a page: each knows its slot, its place among a program's results."""

from typing import Any

import numpy as np


class _Array(np.ndarray):
    """An array with a slot."""

    slot: int


def _number(kind: type) -> type:
    return type(kind.__name__, (kind,), {"__doc__": "A number with a slot.", "slot": None})


_NUMBERS: dict[type, type] = {
    kind: _number(kind) for kind in (np.float64, np.float32, np.float16, np.int64, np.int32)
}


def slotted(value: Any, slot: int | None) -> Any:
    """The same value, with a `slot`; what has no numbers stays as it is.

    >>> x = slotted(np.float64(2.0), 7)
    >>> x.slot, x + 1, np.ndim(x)
    (7, np.float64(3.0), 0)
    """
    if slot is None or value is None:
        return value
    array = np.asarray(value)
    kind = None if array.ndim else _NUMBERS.get(type(array[()]))
    made: Any = array.view(_Array) if kind is None else kind(value)
    made.slot = slot
    return made
