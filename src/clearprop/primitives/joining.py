"""Joining arrays into one: concatenate, stack, and what is made of them.

Taking one apart, by split and its kin, is written as slices.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from clearprop.errors import LeavesGraphError, ShapeError, UnsupportedError
from clearprop.primitives.indexing import at
from clearprop.primitives.rearranging import atleast_1d, atleast_2d, atleast_3d
from clearprop.primitives.shapes import rounded
from clearprop.primitives.table import Call, composed, primitive


def _bind(name: str) -> Callable[[tuple[Any, ...], dict[str, Any]], Call]:
    """Take the arrays out of their list: they are the operands."""

    def call(arrays, axis=0, out=None, **kwargs):
        if out is not None:
            raise LeavesGraphError(
                f"{name}: out= would overwrite an array and take the result off the graph; "
                "use the value that is returned"
            )
        if kwargs.get("dtype") is not None:
            kwargs["dtype"] = np.dtype(kwargs["dtype"]).type
        return tuple(arrays), {"axis": axis, **kwargs}

    return lambda args, kwargs: call(*args, **kwargs)


def _concatenate(index, dout, out, *arrays, axis=0, dtype=None, casting: Any = "same_kind"):
    if rounded(arrays[index], dtype):
        return None
    if axis is None:
        start = sum(map(np.size, arrays[:index]))
        piece = dout[start : start + np.size(arrays[index])]
        return np.reshape(piece, np.shape(arrays[index]))
    axis = axis % np.ndim(out)
    start = sum(np.shape(a)[axis] for a in arrays[:index])
    return dout[(slice(None),) * axis + (slice(start, start + np.shape(arrays[index])[axis]),)]


def _stack(index, dout, out, *arrays, axis=0, dtype=None, casting: Any = "same_kind"):
    if rounded(arrays[index], dtype):
        return None
    return dout[(slice(None),) * (axis % np.ndim(out)) + (index,)]


ROWS = (
    primitive(
        np.concatenate,
        "the arrays one behind the other",
        ("its part of dout", _concatenate),
        bind=_bind("np.concatenate"),
        evaluate=lambda *arrays, **kwargs: np.concatenate(arrays, **kwargs),
        variadic=True,
        takes_out=True,
    ),
    primitive(
        np.stack,
        "the arrays along a new axis",
        ("its part of dout", _stack),
        bind=_bind("np.stack"),
        evaluate=lambda *arrays, **kwargs: np.stack(arrays, **kwargs),
        variadic=True,
        takes_out=True,
    ),
)


def _vstack(tup, *, dtype=None, casting: Any = "same_kind"):
    return np.concatenate([atleast_2d(a) for a in tup], 0, dtype=dtype, casting=casting)


def _hstack(tup, *, dtype=None, casting: Any = "same_kind"):
    arrays = [atleast_1d(a) for a in tup]
    axis = 0 if arrays and np.ndim(arrays[0]) == 1 else 1
    return np.concatenate(arrays, axis, dtype=dtype, casting=casting)


def _column_stack(tup):
    return np.concatenate([a if np.ndim(a) > 1 else np.reshape(a, (-1, 1)) for a in tup], 1)


def _append(arr, values, axis=None):
    if axis is None:
        return np.concatenate([np.ravel(arr), np.ravel(values)])
    return np.concatenate([arr, values], axis)


def _depth(arrays: Any) -> int:
    """How deeply lists are nested, checked to be the same everywhere."""
    if isinstance(arrays, tuple):
        raise UnsupportedError("np.block: a tuple among the arrays; it takes nested lists only")
    if not isinstance(arrays, list):
        return 0
    depths = {_depth(a) for a in arrays}
    if len(depths) != 1:
        raise ShapeError(
            "np.block: "
            + (
                f"lists are nested {sorted(depths)} deep side by side; nest them equally"
                if depths
                else "an empty list; give at least one array"
            )
        )
    return 1 + depths.pop()


def _leaves(arrays: Any) -> list[Any]:
    return [x for a in arrays for x in _leaves(a)] if isinstance(arrays, list) else [arrays]


def _block(arrays):
    depth = _depth(arrays)
    ndim = max(depth, *(np.ndim(a) for a in _leaves(arrays)), 0)

    def join(part: Any, axis: int) -> Any:
        if isinstance(part, list):
            return np.concatenate([join(p, axis + 1) for p in part], axis)
        return np.reshape(part, (1,) * (ndim - np.ndim(part)) + np.shape(part))

    joined = join(arrays, -depth)
    return np.copy(joined) if depth == 0 else joined


def _along(axis: int, index: Any) -> tuple[Any, ...]:
    return (slice(None),) * axis + (index,)


def _positions(obj: Any, length: int) -> np.ndarray:
    if isinstance(obj, slice):
        return np.arange(*obj.indices(length))
    positions = np.asarray(obj) if np.size(obj) else np.empty(0, np.intp)
    return np.flatnonzero(positions) if positions.dtype == bool else positions


def _insert(arr, obj, values, axis=None):
    arr = np.ravel(arr) if axis is None else arr
    n = np.ndim(arr)
    axis = normalize_axis_index(axis or 0, n)
    length = np.shape(arr)[axis]
    positions = _positions(obj, length)
    count = positions.size
    if count == 1:  # one place takes as many values as there are
        values = np.reshape(values, (1,) * (n - np.ndim(values)) + np.shape(values))
        values = np.moveaxis(values, 0, axis) if positions.ndim == 0 else values
        count = np.shape(values)[axis]
    shape = (*np.shape(arr)[:axis], count, *np.shape(arr)[axis + 1 :])
    joined = np.concatenate(
        [arr, np.broadcast_to(values, shape)], axis, dtype=np.result_type(arr), casting="unsafe"
    )
    # NumPy inserts the numbers of the places as it would the values; the new ones come last.
    return joined[_along(axis, np.insert(np.arange(length), positions, length + np.arange(count)))]


def _delete(arr, obj, axis=None):
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = normalize_axis_index(axis, np.ndim(arr))
    places = np.arange(np.shape(arr)[axis])
    if not hasattr(obj, "__array_function__") or isinstance(obj, np.ndarray):
        return arr[_along(axis, np.delete(places, obj))]
    # They stand on the graph, so that NumPy would ask here again.
    if obj.dtype == bool:
        return arr[_along(axis, ~obj)]
    gone = at(places, obj)  # counted from the start
    if np.ndim(obj):
        return arr[_along(axis, ~np.isin(places, gone))]
    return at(arr, places[:-1] + (places[:-1] >= gone), axis=axis)


def _splitter(split: Callable[..., list[np.ndarray]]) -> Callable[..., Any]:
    """Let NumPy split the numbers 0, 1, 2 … of the places, and slice the array at those."""

    def parted(ary, indices_or_sections, axis=0):
        axis = normalize_axis_index(axis, np.ndim(ary))
        # Places that stand on the graph leave it here, and are refused.
        pieces = split(np.arange(np.shape(ary)[axis]), np.asarray(indices_or_sections))
        parts = [slice(p[0], p[-1] + 1) if p.size else slice(0, 0) for p in pieces]
        return [ary[_along(axis, part)] for part in parts]

    return parted


_split = _splitter(np.split)


def _split_along(axis: int, name: str, axes: int) -> Callable[..., Any]:
    def parted(ary, indices_or_sections):
        if np.ndim(ary) < axes:
            raise ShapeError(
                f"{name}: the array has shape {np.shape(ary)}; it needs at least {axes} axes"
            )
        return _split(ary, indices_or_sections, axis)

    return parted


def _hsplit(ary, indices_or_sections):
    if np.ndim(ary) == 0:
        raise ShapeError("np.hsplit: the array is a single number; it needs an axis to split")
    return _split(ary, indices_or_sections, min(np.ndim(ary) - 1, 1))


COMPOSITIONS = {
    **composed(np, _vstack, _hstack, _column_stack, _append, _block, _insert, _delete),
    np.dstack: lambda tup: np.concatenate([atleast_3d(a) for a in tup], 2),
    np.split: _split,
    np.array_split: _splitter(np.array_split),
    np.hsplit: _hsplit,
    np.vsplit: _split_along(0, "np.vsplit", axes=2),
    np.dsplit: _split_along(2, "np.dsplit", axes=3),
}
