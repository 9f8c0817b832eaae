"""Indexing and its reverse: `x[index]`, and adding a derivative back at the index."""

from typing import Any

import numpy as np

from clearprop.primitives.decorators import dispatched
from clearprop.primitives.table import as_given, primitive


class Place:
    """Stands in an index for the array operand of that number."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and self.number == other.number

    def __hash__(self) -> int:
        return hash((Place, self.number))

    def __repr__(self) -> str:
        return f"Place({self.number})"


def is_array(entry: Any) -> bool:
    """Whether an entry of an index is an array (or a Variable), and not a slice, number or None."""
    return hasattr(entry, "__array_function__") or isinstance(entry, list | tuple)


def split_index(index: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Take the arrays out of an index and leave their places: they are operands.

    The form is a tuple always, as x[i] and x[(i,)] are the same.

    >>> split_index((slice(0, 2), np.array([1, 0])))
    ((slice(0, 2, None), Place(0)), (array([1, 0]),))
    """
    arrays: list[Any] = []

    def place(entry: Any) -> Any:
        if not is_array(entry):
            return entry
        if isinstance(entry, list | tuple):  # an empty list has no kind of its own
            entry = np.asarray(entry, None if np.size(entry) else np.intp)
        arrays.append(entry)
        return Place(len(arrays) - 1)

    form = tuple(map(place, index if isinstance(index, tuple) else (index,)))
    return form, tuple(arrays)


def join_index(form: tuple[Any, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Put the arrays back into their places."""
    return tuple([arrays[e.number] if isinstance(e, Place) else e for e in form])


def written(form: tuple[Any, ...], arrays: tuple[Any, ...]) -> str:
    """An index as it is written in Python; an array that is not small as `…`.

    >>> written((0, slice(1, None), Ellipsis, Place(0)), (np.array([2, 0]),))
    '0, 1:, ..., [2, 0]'
    """

    def entry(e: Any) -> str:
        if isinstance(e, slice):
            start, stop, step = ("" if s is None else str(s) for s in (e.start, e.stop, e.step))
            return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
        if isinstance(e, Place):
            array = np.asarray(arrays[e.number])
            return str(array.tolist()) if array.size <= 6 else "…"
        return "..." if e is Ellipsis else str(e)

    return ", ".join(map(entry, form))


@dispatched
def getitem(x: Any, *arrays: Any, form: tuple[Any, ...]) -> Any:
    """`x[index]`, the index being given as `split_index` splits it."""
    return x[join_index(form, arrays)]


def at(x: Any, indices: Any, axis: int = 0) -> Any:
    """`np.take(x, indices, axis)`, which also records where only the indices are Variables."""
    return getitem(x, indices, form=(slice(None),) * (axis % np.ndim(x)) + (Place(0),))


@dispatched
def put_at(dout: Any, *arrays: Any, form: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """An array of zeros of the given shape with `dout` added at the index, repeats included."""
    total = np.zeros(shape, dout.dtype)
    index = join_index(form, arrays)
    if any(isinstance(a, np.ndarray) and a.dtype != bool for a in arrays):
        np.add.at(total, index, dout)  # an index may name an element twice
    else:
        total[index] = dout
    return total


def _getitem(index, dout, out, x, *arrays, form):
    return None if index else put_at(dout, *arrays, form=form, shape=np.shape(x))


def _masks(x, *arrays, form):
    return [a for a in arrays if a.dtype == bool]


def _put_at(index, dout, out, x, *arrays, form, shape):
    return None if index else getitem(dout, *arrays, form=form)


ROWS = (
    primitive(
        getitem,
        "x[index]",
        ("dout, added at the index", _getitem),
        symbol="[ ]",
        bind=as_given,
        variadic=True,
        view="part",
        sized_by=_masks,
    ),
    primitive(
        put_at,
        "0 but for dout at the index",
        ("dout[index]", _put_at),
        bind=as_given,
        variadic=True,
    ),
)
