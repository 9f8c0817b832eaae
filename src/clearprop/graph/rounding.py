"""What rounding does to numbers, and how little of it a person needs to see.

0.1 + 0.2 − 0.3 is 0, and 5.6e-17 in a machine. Such a rest is known by this: it is tiny, and it
changes by as much as it is large when what the graph was given changes in its last digits. A small
number that means something, such as an improbable class, hardly changes then.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from clearprop.errors import ClearpropError
from clearprop.graph.graph import Graph
from clearprop.graph.node import Recorded, parts, variable

SAME = 2.0**-40
"""Numbers that differ by no more than this share are written the same."""
TINY = 2**13
"""A rest is smaller than so many units in the last place of 1."""
RUNS = 3
"""How often the inputs are changed."""


def up(x: float) -> float:
    """A number a little further from 0, so that one that is a tie but for rounding is rounded up.

    >>> f"{1.005:.2f}", f"{up(1.005):.2f}"
    ('1.00', '1.01')
    """
    larger = x * (1 + SAME)
    return larger if np.isfinite(larger) else x


def rest_of_mean(array: Any) -> float:
    """So much smaller than the largest number is a mean that stands for 0."""
    return max(1e-12, 16 * float(np.finfo(array.dtype).eps)) if array.dtype.kind == "f" else 0.0


def is_tiny(value: Any) -> Any:
    """Which numbers may be such a rest: so small, and not 0; nothing that is not floating."""
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return np.zeros(array.shape, bool)
    return (array != 0) & (abs(array) < TINY * np.finfo(array.dtype).eps)


def cleared(value: Any, others: Sequence[Any]) -> tuple[Any, float]:
    """A value with 0 for what rounding has left of it, and how large the largest such rest was.

    `others` are what the same value was in `disturbed` graphs.

    >>> cleared(np.array([1e-16, 0.5]), [np.array([-2e-16, 0.5])])
    (array([0. , 0.5]), 1e-16)
    >>> cleared(1e-16, [1.0000001e-16])
    (1e-16, 0.0)
    """
    if value is None:
        return value, 0.0
    array = np.asarray(value)
    fitting = [x for x in others if x is not None and np.shape(x) == array.shape]
    tiny = is_tiny(array)
    if not fitting or not tiny.any():
        return value, 0.0
    with np.errstate(all="ignore"):
        moved = np.max([abs(x - array) for x in fitting], axis=0)
        left = tiny & (moved >= abs(array) / 4)
    if not left.any():
        return value, 0.0
    return np.where(left, array.dtype.type(0), array)[()], float(abs(array[left]).max())


def disturbed(graph: Graph) -> Iterator[Graph]:
    """The same graph several times, on inputs that differ from its own in their last digits.

    There are none if it cannot be computed again.
    """
    for run in range(RUNS):
        leaves: dict[Any, Any] = {}
        for i, v in enumerate(graph.leaves):
            data = nudged(v.data, i + 2 * run)
            leaves[v] = variable(type(v), data, name=v.name)
        try:
            with np.errstate(all="ignore"):
                made = parts(graph.evaluate(leaves))
        except ClearpropError:  # such as a layer from a file
            return
        if not all(isinstance(v, Recorded) for v in made):
            return
        for old, new in zip(graph.outputs, made, strict=True):
            new.name = old.name
        yield Graph(made, [leaves[v] for v in graph.leaves])


def nudged(data: Any, shift: int) -> Any:
    """Floating numbers changed in their last digits, each in a way of its own.

    >>> nudged(np.ones(3), 0) - 1 == np.array([-6, 0, 6]) * 2.0**-52
    array([ True,  True,  True])
    """
    if data.dtype.kind != "f":
        return data
    eps = np.finfo(data.dtype).eps
    steps = (np.arange(data.size) + shift) % 3 - 1
    return (data * (1 + steps.reshape(data.shape) * 6 * eps).astype(data.dtype))[()]
