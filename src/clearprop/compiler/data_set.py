"""A data set that batches are taken from: how its rows lie, and how a step computes with them."""

from contextlib import suppress
from typing import Any, NamedTuple, Self

import numpy as np

from clearprop.compiler.plans import flat
from clearprop.compiler.rewriting import function_of, value_in
from clearprop.compiler.tracing import Trace
from clearprop.errors import UnsupportedError
from clearprop.graph.constants import native
from clearprop.primitives.labels import read_labels, read_numbers


class Data(NamedTuple):
    """A data set; x and t are arrays, or tuples of arrays.

    It sees the arrays of the caller, so that what is written into them between two steps counts, or
    has copies of all: never of some alone, or samples would meet the labels of others.
    """

    x: Any
    t: Any
    w: Any = None
    """Weights of the samples, if any."""
    scale: float | None = None
    """What integers in `x`, such as the bytes of pixels, are multiplied by when they are used."""
    as_x: Any = None
    """The dtypes in which a step takes `x`, where they may differ from its own."""
    as_t: Any = None
    mean: float | None = None
    """What weights are divided by, to be of `weight_dtype` then."""
    weight_dtype: Any = None

    @property
    def samples(self) -> int:
        """How many there are."""
        return len(flat(self.x)[0])

    def batch(self, rows: Any) -> tuple[Any, Any, Any]:
        """These rows (numbers or a slice) of all three, as they lie."""
        return taken(self.x, rows), taken(self.t, rows), None if self.w is None else self.w[rows]

    def inputs(self, x: Any) -> Any:
        """Rows of `x` as a step takes them, recorded where they are Variables."""
        x = cast(x, self.as_x)
        return x if self.scale is None else x * self.scale

    def targets(self, t: Any, w: Any) -> tuple[Any, ...]:
        """Rows of `t`, and of `w` if there are weights, as a step takes them."""
        t = cast(t, self.as_t)
        if w is None:
            return (t,)
        return t, w if self.mean is None else np.astype(w / self.mean, self.weight_dtype)

    def copied(self) -> Self:
        """The same in arrays of its own."""
        w = None if self.w is None else _copy(self.w)
        return self._replace(x=_copy(self.x), t=_copy(self.t), w=w)


def taken(x: Any, rows: Any) -> Any:
    """These rows of an array, or of each of several."""
    return tuple(taken(part, rows) for part in x) if isinstance(x, tuple) else x[rows]


def cast(x: Any, dtypes: Any) -> Any:
    """An array in another dtype, or each of several; `None` leaves all as it is."""
    if dtypes is None:
        return x
    if isinstance(x, tuple):
        return tuple(map(cast, x, dtypes))
    return x if x.dtype == dtypes else np.astype(x, dtypes)


def are_seen(given: Any) -> bool:
    """Whether arrays, or what holds some, can be seen where they lie, by rows that are in one
    piece: lists, columns of a table, and what is in another byte order, are copied.

    >>> a = np.ones((3, 2))
    >>> are_seen((a, a[1:])), are_seen(a.T), are_seen([1.0, 2.0])
    (True, False, False)
    """
    return all(
        np.asarray(part).flags.c_contiguous
        and np.asarray(part).dtype.isnative
        and (
            isinstance(part, np.ndarray) or np.may_share_memory(np.asarray(part), np.asarray(part))
        )
        for part in flat(given)
    )


def check_targets(trace: Trace, gathered: dict[Any, Any]) -> None:
    """Check all targets of a data set as the recorded step checks those of a batch."""
    for node in trace.nodes:
        if function_of(node) not in (read_labels, read_numbers):
            continue
        leaf = node.inputs[0]
        while leaf.node is not None and function_of(leaf.node) is np.astype:
            leaf = leaf.node.inputs[0]
        t = gathered.get(leaf)
        if t is None:  # computed from targets: batch by batch
            with suppress(UnsupportedError):  # and from parameters
                _check_batches(node, gathered)
        elif "shape" in node.params:
            read_labels(t, **{**node.params, "shape": (len(t), *node.params["shape"][1:])})
        else:
            read_numbers(t, **node.params)


def _check_batches(node: Any, gathered: dict[Any, Any]) -> None:
    leaf, whole = next(iter(gathered.items()))
    rows, last = leaf.shape[0], len(whole) - leaf.shape[0]
    for start in (*range(0, last, rows), last):
        part = slice(start, start + rows)
        value_in(node, {v: array[part] for v, array in gathered.items()})


def _copy(x: Any) -> Any:
    return tuple(map(_copy, x)) if isinstance(x, tuple) else np.array(native(x), order="C")
