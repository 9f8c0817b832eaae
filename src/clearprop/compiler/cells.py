"""Where each value of a program lives: in a buffer, in a view of one, or in a name of its own."""

from dataclasses import dataclass
from typing import Any

import numpy as np

ALIGNMENT = 64
"""Bytes to which buffers are aligned: a cache line, as wide as the widest vector registers."""


@dataclass(eq=False)
class Buffer:
    """A stretch of the arena, and how long its content is needed."""

    nbytes: int
    first: int = 0
    last: int = 0
    offset: int = 0


@dataclass(eq=False)
class Cell:
    """A value of the program under the name it has in the source."""

    name: str
    shape: tuple[int, ...]
    dtype: Any
    buffer: Buffer | None = None
    """What it is the whole of; `None` for a view, a number, and what lies outside the arena."""
    order: str = "C"
    varies: bool = False
    """Whether it is made anew in every call, rather than once beforehand."""

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=int)) * np.dtype(self.dtype).itemsize


def place(buffers: list[Buffer]) -> int:
    """Give every buffer an offset in one arena, and return the size of the arena in bytes.

    Buffers whose contents are needed at the same time do not overlap. Largest first, each at the
    lowest offset that is free while it lives.
    """
    placed: list[Buffer] = []
    for buffer in sorted(buffers, key=lambda b: -b.nbytes):
        offset = 0
        for other in sorted(placed, key=lambda b: b.offset):
            apart = other.last < buffer.first or buffer.last < other.first
            if not apart and offset + buffer.nbytes > other.offset:
                offset = max(offset, _aligned(other.offset + other.nbytes))
        buffer.offset = offset
        placed.append(buffer)
    return max((_aligned(b.offset + b.nbytes) for b in placed), default=0)


def _aligned(n: int) -> int:
    return -(-n // ALIGNMENT) * ALIGNMENT
