"""How many BLAS threads a training is given."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

LARGE_PRODUCT = 2**27
"""Multiply-adds of a matrix product from which sharing it among threads pays (a few ms of work)."""


def blas_threads(largest_product: int) -> AbstractContextManager[Any]:
    """Choose the number of BLAS threads for products of at most so many multiply-adds.

    Threads meet at the end of every product. For a small product that costs more than is won, and
    where another program keeps a core busy, ten times more: small products get one thread. For
    large ones the setting stays as it is. It is restored at the end of the `with` block.

    >>> with blas_threads(100 * 784 * 50):
    ...     pass
    """
    if largest_product >= LARGE_PRODUCT:
        return nullcontext()
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1, user_api="blas")
