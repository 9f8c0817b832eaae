"""Where a value lies: an array that others may look into with other shapes, steps and starts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided


def row_by_row(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Steps along the axes of an array whose elements lie one after the other.

    >>> row_by_row((2, 3, 4))
    (12, 4, 1)
    """
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


@dataclass(frozen=True)
class Strided:
    """A value in an array of JavaScript: element (i, j, …) is `name[start + i · s0 + j · s1 …]`."""

    name: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    start: int
    dtype: np.dtype

    @classmethod
    def dense(cls, name: str, shape: tuple[int, ...], dtype: np.dtype) -> "Strided":
        """An array of its own, row by row."""
        return cls(name, shape, row_by_row(shape), 0, dtype)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def is_dense(self) -> bool:
        """Whether the elements lie one after the other, row by row, from the start on."""
        moves = zip(self.shape, self.strides, row_by_row(self.shape), strict=True)
        return all(n == 1 or a == b for n, a, b in moves)

    def at(self, index: Sequence[str]) -> str:
        """The element at an index, whose entries are the last of those given."""
        return f"{self.name}[{self.place(index)}]"

    def place(self, index: Sequence[str]) -> str:
        """Where that element lies."""
        own = index[len(index) - len(self.shape) :] if self.shape else ()
        terms = [str(self.start)] if self.start else []
        for i, n, step in zip(own, self.shape, self.strides, strict=True):
            if n > 1 and step and i != "0":
                terms.append(i if step == 1 else f"{i} * {step}")
        return " + ".join(terms) or "0"

    def transposed(self, axes: Sequence[int]) -> "Strided":
        """The same with its axes in another order."""
        shape, steps = (tuple(of[axis] for axis in axes) for of in (self.shape, self.strides))
        return Strided(self.name, shape, steps, self.start, self.dtype)

    def step(self, axes: int) -> int | None:
        """The one step that leads along the last axes, row by row, if there is one."""
        pairs = [*zip(self.shape[-axes:], self.strides[-axes:], strict=True)]
        steps = [(n, step) for n, step in pairs if n > 1]
        even = all(b == n * s for (_, b), (n, s) in pairwise(steps))
        return steps[-1][1] if steps and even else None

    def places(self) -> np.ndarray:
        """Where each element lies."""
        found = np.full((), self.start, np.intp)
        for n, step in zip(self.shape, self.strides, strict=True):
            found = found[..., np.newaxis] + np.arange(n) * step
        return found

    def moved(self, move: Callable[[np.ndarray], Any]) -> "Strided | None":
        """The same array where a function moves its elements; None if no steps lead there.

        What NumPy gives as a view tells its steps by itself. Only of a copy, the places of all
        elements are looked at.
        """
        if self.size:
            axes = zip(self.shape, self.strides, strict=True)
            end = self.start + sum((n - 1) * step for n, step in axes if step > 0)
            memory = np.empty(end + 1, np.int8)  # a byte for each number, never touched
            view = as_strided(memory[self.start :], self.shape, self.strides, writeable=False)
            seen = np.asarray(move(view))
            if seen.size and np.may_share_memory(seen, memory):
                steps = (s if n > 1 else 0 for n, s in zip(seen.shape, seen.strides, strict=True))
                start = seen.ctypes.data - memory.ctypes.data
                return Strided(self.name, seen.shape, tuple(steps), start, self.dtype)
        return self.through(np.asarray(move(self.places())))

    def through(self, places: np.ndarray) -> "Strided | None":
        """The same array through other places, if steps along axes lead to them."""
        if not places.size:
            return Strided(self.name, places.shape, (0,) * places.ndim, 0, self.dtype)
        start = int(places.flat[0])
        first = [0] * places.ndim
        steps = []
        for axis, n in enumerate(places.shape):
            second = [*first[:axis], 1, *first[axis + 1 :]]
            steps.append(int(places[tuple(second)]) - start if n > 1 else 0)
        made = Strided(self.name, places.shape, tuple(steps), start, self.dtype)
        return made if np.array_equal(made.places(), places) else None
