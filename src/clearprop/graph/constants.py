"""Arrays of other people on the graph: what was recorded must stay as it was.

The backward pass needs the values of the forward pass, perhaps much later. So they are copied, once
for all nodes that need them as they are. A large array is not, for a second copy of it would push
everything else out of the processor's cache; its content is summarised instead, and compared before
it is used again.
"""

from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from clearprop.errors import GraphError
from clearprop.graph.node import Node, Recorded

LARGE = 2**20
"""Bytes from which an array is compared instead of copied: it must be read twice for that."""

_SHARED = 2**15
"""Bytes from which a copy serves all nodes that need it."""

_WORDS = 1024
"""So many numbers of eight bytes stand in a row of what is summarised."""


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


def native(array: np.ndarray) -> np.ndarray:
    """An array in the byte order of this machine, the only one that is computed in.

    >>> native(np.array([1.0], ">f8")).dtype == native(np.array([1.0], "<f8")).dtype == np.float64
    True
    """
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


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
    shared = array.nbytes >= _SHARED
    kept = _copies.get(id(array)) if shared else None
    if kept is None or not is_same(kept, array):
        kept = array.copy(order="K")
        kept.flags.writeable = False
        if shared:
            _copies[id(array)] = kept
    return kept


_copies: "WeakValueDictionary[int, np.ndarray]" = WeakValueDictionary()
"""The last copy of an array, by its id, as long as a node needs it."""


def is_same(kept: Any, value: Any) -> bool:
    """Whether two arrays are alike to the last bit."""
    array = np.asarray(value)
    if kept.dtype != array.dtype or kept.shape != array.shape:
        return False
    if kept.nbytes >= 2**12 and kept.flags.c_contiguous and array.flags.c_contiguous:
        flat = kept.reshape(-1).view(np.uint8), array.reshape(-1).view(np.uint8)
        if not kept.nbytes % 8:
            flat = flat[0].view(np.uint64), flat[1].view(np.uint64)
        return bool((flat[0] == flat[1]).all())
    return kept.tobytes() == array.tobytes()


def is_fixed(array: np.ndarray) -> bool:
    """Whether nobody can write into an array: it is read-only, and so is what it is a view of."""
    owner: Any = array
    while type(owner) is np.ndarray and not owner.flags.writeable:
        owner = owner.base
    return owner is None


def check_marks(node: Node) -> None:
    """Refuse an array that is not what it was when the node was made. Errors: `GraphError`."""
    for i, mark in node.marks or ():
        if summary(node.values[i]) != mark:
            raise GraphError(
                f"an array {node.values[i].shape} that went into {node.operation.name} was written "
                "into afterwards, so the backward pass would use other numbers than the forward "
                "pass; record again, or give a copy (x.copy()) to the computation"
            )


def summary(array: np.ndarray) -> tuple[bytes, ...]:
    """What changes when anything in a contiguous array does, or changes place.

    Sums along rows tell of what moves from row to row, and those down columns of all else.
    """
    words = array.reshape(-1, order="A").view(np.uint8)
    length = len(words) // (8 * _WORDS) * (8 * _WORDS)
    table = words[:length].view(np.uint64).reshape(-1, _WORDS)
    down, along = np.bitwise_xor.reduce(table, axis=0), np.add.reduce(table, axis=1)
    return down.tobytes(), along.tobytes(), words[length:].tobytes()
