"""Arrays of other people on the graph: what was recorded must stay as it was.

The backward pass needs the values of the forward pass, perhaps much later. Small arrays are copied.
A large one is not, for a second copy of a batch would push everything else out of the processor's
cache; its content is summarised in a number instead, and compared before it is used again.
"""

from typing import Any

import numpy as np

from clearprop.errors import GraphError
from clearprop.graph.node import Node, Recorded

LARGE = 2**15
"""Bytes from which an array is compared instead of copied."""

_WORDS = 256


def held(array: np.ndarray) -> np.ndarray:
    """What to put on the graph for an array that somebody may write into: a copy, if it is small.

    >>> x = np.zeros(2)
    >>> kept = held(x)
    >>> x[0] = 1
    >>> kept, held(kept) is kept
    (array([0., 0.]), True)
    """
    large = array.nbytes >= LARGE and (array.flags.c_contiguous or array.flags.f_contiguous)
    return array if large or is_fixed(array) else frozen(array)


def value_of(v: Recorded) -> Any:
    """The value of a Variable, as it is to stay on the graph.

    Into what was given from outside its owner may write, as in `v.data -= lr * v.grad`.
    """
    data = v.data
    leaf = v.node is None and v.may_change
    return held(data) if leaf and data.__class__ is np.ndarray else data


def frozen(array: np.ndarray) -> np.ndarray:
    """The array itself if nobody can write into it any more, otherwise a copy."""
    if is_fixed(array):
        return array
    kept = array.copy(order="K")
    kept.flags.writeable = False
    return kept


def is_fixed(array: np.ndarray) -> bool:
    """Whether nobody can write into an array: it is read-only, and so is what it is a view of."""
    owner: Any = array
    while type(owner) is np.ndarray and not owner.flags.writeable:
        owner = owner.base
    return owner is None


def marks_of(values: tuple[Any, ...]) -> tuple[tuple[int, int], ...] | None:
    """The place and the summary of every large array that can still be written into."""
    marks = tuple(
        (i, summary(x))
        for i, x in enumerate(values)
        if type(x) is np.ndarray and x.nbytes >= LARGE and not is_fixed(x)
    )
    return marks or None


def check_marks(node: Node) -> None:
    """Refuse an array that is not what it was when the node was made. Errors: `GraphError`."""
    for i, mark in node.marks or ():
        if summary(node.values[i]) != mark:
            raise GraphError(
                f"an array {node.values[i].shape} that went into {node.operation.name} was written "
                "into afterwards, so the backward pass would use other numbers than the forward "
                "pass; record again, or give a copy (x.copy()) to the computation"
            )


def summary(array: np.ndarray) -> int:
    """A number that changes when anything in a contiguous array does, or changes place."""
    flat = array.reshape(-1, order="A").view(np.uint8)
    length = len(flat) // (8 * _WORDS) * (8 * _WORDS)
    rows = flat[:length].view(np.uint64).reshape(-1, _WORDS)
    down, along = np.bitwise_xor.reduce(rows, axis=0), np.add.reduce(rows, axis=1)
    return hash((down.tobytes(), along.tobytes(), flat[length:].tobytes()))
