"""Values that may change on a page: each knows its slot, its place among a program's results, and
what rounding has left in it where it stands for 0."""

from typing import Any

import numpy as np


class _Array(np.ndarray):
    """An array with a slot."""

    slot: int | None
    left: float


def _number(kind: type) -> type:
    return type(
        kind.__name__, (kind,), {"__doc__": "A number with a slot.", "slot": None, "left": 0.0}
    )


_NUMBERS: dict[type, type] = {
    kind: _number(kind) for kind in (np.float64, np.float32, np.float16, np.int64, np.int32)
}


def has_left(value: Any) -> bool:
    """Whether rounding has left something in it that stands for 0."""
    return bool(getattr(value, "left", 0.0))


def slotted(value: Any, slot: int | None, left: float = 0.0) -> Any:
    """The same value, with a `slot` and what is `left`; what has no numbers stays as it is.

    >>> x = slotted(np.float64(2.0), 7)
    >>> x.slot, x + 1, np.ndim(x)
    (7, np.float64(3.0), 0)
    """
    if value is None or (slot is None and not left):
        return value
    array = np.asarray(value)
    kind = None if array.ndim else _NUMBERS.get(type(array[()]))
    made: Any = array.view(_Array) if kind is None else kind(value)
    made.slot, made.left = slot, left
    return made
