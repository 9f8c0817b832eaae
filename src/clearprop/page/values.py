"""Whole values for a page: numbers to the last digit, arrays as tables, larger ones as a digest."""

import math
from typing import Any

import numpy as np

from clearprop.drawing.digest import number
from clearprop.drawing.measure import clean
from clearprop.explaining.values import IN_FULL, in_full, summary

CELLS = 1000
"""An array of so many numbers is shown whole."""
ROW = 10
"""A longer row is broken; one of a square number of elements as if it were an image."""
ALL_CELLS = 60_000
"""So many numbers a page holds at most; arrays that come later are shown as a digest."""

Json = dict[str, Any]


class Values:
    """The values of a page, each once, however often and at whatever depth it is looked at."""

    def __init__(self) -> None:
        self.list: list[Json] = []
        self.cells = 0
        self.known: dict[Any, int] = {}
        self.kept: list[Any] = []

    def add(self, value: Any) -> int:
        """The number under which a value stands in the list."""
        array, slot = np.asarray(value), getattr(value, "slot", None)
        more = {} if slot is None else {"slot": slot, "type": str(array.dtype)}
        if left := getattr(value, "left", 0.0):
            more["left"] = left
        if array.dtype.kind not in "fiub":
            return self._keep(("other", str(value)), lambda: {"s": clean(str(value))})
        if not array.ndim:
            key = (array.dtype, array[()].tobytes(), slot, left)
            return self._keep(key, lambda: {"s": number(array[()]), "x": str(array[()]), **more})
        if id(value) in self.known:
            return self.known[id(value)]
        self.kept.append(value)  # as long as it lives, nothing else has its id
        small = array.size <= CELLS
        key = (array.dtype, array.shape, array.tobytes(), slot, left) if small else id(value)
        self.known[id(value)] = found = self._keep(key, lambda: {**self._array(array), **more})
        return found

    def _keep(self, key: Any, make: Any) -> int:
        if key not in self.known:
            self.known[key] = len(self.list)
            self.list.append(make())
        return self.known[key]

    def _array(self, array: np.ndarray) -> Json:
        shape = str(array.shape)
        made: Json = {"shape": shape, "dtype": str(array.dtype), "said": _said(array, shape)}
        if 0 < array.size <= IN_FULL:
            made["s"] = in_full(array)
        if 0 < array.size <= CELLS and self.cells + array.size <= ALL_CELLS:
            self.cells += array.size
            # A text for each number that reads back as the very same number.
            texts = array.astype(str)
            made["rows"] = texts.reshape(-1, array.shape[-1]).tolist()
            if array.size == array.shape[-1] > ROW:  # one row, broken into several
                width = math.isqrt(array.size)
                width = width if width * width == array.size >= 64 else ROW
                starts = range(0, array.size, width)
                flat = texts.ravel().tolist()
                made["rows"] = [flat[i : i + width] for i in starts]
                made["heads"] = [str(i) for i in starts]
            elif array.ndim > 2:
                places = np.ndindex(*array.shape[:-1])
                made["heads"] = [", ".join(map(str, place)) for place in places]
        return made


def _said(array: np.ndarray, shape: str) -> list[Any]:
    """What an array is like: the name of a sentence, and what to put into it."""
    if not array.size:
        return ["empty", {"shape": shape}]
    template, facts = summary(array)
    return [
        template,
        {k: number(v, 4) if isinstance(v, float) else str(v) for k, v in facts.items()},
    ]
