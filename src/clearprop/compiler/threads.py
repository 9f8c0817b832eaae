"""How many threads the matrix products are given."""

from functools import cache
from math import prod
from time import perf_counter
from typing import Any, Self

import numpy as np

from clearprop.compiler.rewriting import function_of
from clearprop.compiler.tensor_products import contract, terms
from clearprop.errors import ConfigError

LARGE_PRODUCT = 2**27
"""Multiply-adds of a matrix product from which sharing it among threads pays (a few ms of work)."""
TRIAL = 0.05
"""Seconds that a large product is done again and again, by one thread and by all, twice each."""


class BlasThreads:
    """Limit the threads of NumPy's BLAS within a `with` block, and restore them after it.

    Threads meet at the end of every product. For a small product that costs more than is won, and
    where another program keeps a core busy, ten times more. `threads` is the number to use;
    `None` leaves the setting as it is. The limit holds for the whole process while the block runs.

    >>> with BlasThreads(1):
    ...     pass
    """

    def __init__(self, threads: int | None) -> None:
        self.threads = threads
        self._before: list[tuple[Any, int]] = []
        self._depth = 0

    @classmethod
    def for_products_of(cls, largest: int) -> Self:
        """Choose by the size of the largest product: one thread for small ones, else as set.

        >>> BlasThreads.for_products_of(100 * 784 * 50).threads
        1
        """
        return cls(None if largest >= LARGE_PRODUCT else 1)

    @classmethod
    def chosen(cls, threads: int | str | None, largest: int) -> Self:
        """`"auto"`: by the size of the largest product; otherwise as the user says."""
        if threads == "auto":
            return cls.for_products_of(largest)
        if threads is None or (type(threads) is int and threads >= 1):
            return cls(threads)
        raise ConfigError(
            f"threads must be 'auto', None or a number of at least 1, got {threads!r}"
        )

    def __enter__(self) -> Self:
        self._depth += 1
        if self._depth == 1 and self.threads is not None:
            for library in _libraries():
                before = library.num_threads
                if before not in (None, self.threads):
                    self._before.append((library, before))
                    library.set_num_threads(self.threads)
        return self

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            while self._before:
                library, before = self._before.pop()
                library.set_num_threads(before)


def threads_as_set() -> int:
    """How many threads the BLAS library would use now: one a core, unless somebody set another.

    >>> with BlasThreads(1):
    ...     threads_as_set()
    1
    """
    return max((library.num_threads or 1 for library in _libraries()), default=1)


def threads_tried(largest: int) -> int:
    """How many threads do products sooner, the largest of so many multiply-adds: one, or as set.

    For a small product that is one. A large one is done by one and by all for a while, for where
    another program keeps a core busy, threads wait for each other, but not at first. All must have
    been sooner each time.

    >>> threads_tried(100 * 784 * 50)
    1
    """
    threads = threads_as_set()
    if largest < LARGE_PRODUCT or threads == 1:
        return 1
    side = min(round(largest ** (1 / 3)), 1000)
    # Once more if it is one, for something may have come between.
    return threads if any(_are_sooner(threads, side) for _ in range(2)) else 1


def _are_sooner(threads: int, side: int) -> bool:
    a, out = np.ones((side, side), np.float32), np.empty((side, side), np.float32)
    means: dict[int, list[float]] = {1: [], threads: []}
    for n, found in (*means.items(), *means.items()):
        with BlasThreads(n):
            np.matmul(a, a, out=out)  # which wakes them
            times, start, now = 0, perf_counter(), 0.0
            while now < TRIAL:
                np.matmul(a, a, out=out)
                times, now = times + 1, perf_counter() - start
        found.append(now / times)
    return max(means[threads]) < 0.95 * min(means[1])


@cache
def _libraries() -> tuple[Any, ...]:
    """The BLAS libraries that are loaded. Looking takes a millisecond, so it is done once."""
    from threadpoolctl import ThreadpoolController

    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


def largest_product(trace: Any) -> int:
    """The multiply-adds of the largest matrix product in a graph."""
    sizes = [
        np.size(node.out) * np.shape(node.inputs[0])[-1]
        for node in trace.nodes
        if function_of(node) is np.matmul
    ]
    for node in trace.nodes:
        if function_of(node) is contract:
            x, y, _ = terms(node.params["subscripts"])
            summed = (
                n for letter, n in zip(x, np.shape(node.inputs[0]), strict=True) if letter in y
            )
            sizes.append(np.size(node.out) * prod(summed))
    return int(max(sizes, default=0))
