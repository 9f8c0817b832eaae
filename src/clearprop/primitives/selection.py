"""Choosing elements: by condition, by bounds, by index, by order."""

from typing import Any

import numpy as np

from clearprop.errors import UnsupportedError
from clearprop.primitives.broadcasting import normal_axes, sum_to
from clearprop.primitives.indexing import Place, put_at
from clearprop.primitives.labels import read_numbers
from clearprop.primitives.table import Call, as_given, by_signature, primitive


def _bind_where(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Numbers hold where they are not 0; on the graph a condition is made of truth values alone."""
    (condition, *chosen), params = as_given(args, kwargs)
    if getattr(condition, "dtype", np.bool_) != np.bool_:
        condition = np.not_equal(condition, 0)
    return (condition, *chosen), params


def _bind_clip(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Clip has two names for each bound, and a bound may be missing."""
    named: dict[str, Any] = dict(zip(("a", "a_min", "a_max", "out"), args, strict=False))
    for name, value in kwargs.items():
        name = {"min": "a_min", "max": "a_max"}.get(name, name)
        if name in named:
            raise TypeError(f"np.clip: {name} is given twice")
        named[name] = value
    x, low, high = named.pop("a"), named.pop("a_min", None), named.pop("a_max", None)
    given = ", ".join(name for name, value in named.items() if value is not None)
    if given:
        raise UnsupportedError(
            f"np.clip: the argument {given} cannot be recorded on a graph; leave it out"
        )
    return (x, low, high), {}


def _clip_x(dout, out, a, low=None, high=None):
    inside = True
    if low is not None:
        inside = a >= low
    if high is not None:
        inside = inside & (a <= high)
    return sum_to(np.where(inside, dout, 0), np.shape(a))


def _clip_low(dout, out, a, low, high=None):
    taken = a < low
    if high is not None:
        taken = taken & (low < high)
    return sum_to(np.where(taken, dout, 0), np.shape(low))


def _clip_high(dout, out, a, low, high):
    taken = a > high
    if low is not None:
        taken = taken | (low > high)
    return sum_to(np.where(taken, dout, 0), np.shape(high))


def _take(dout, out, a, indices, *, axis=None, mode="raise"):
    shape = np.shape(a)
    length = np.size(a) if axis is None else shape[axis]
    if mode == "wrap":
        indices = np.remainder(indices, length)
    elif mode == "clip":
        indices = np.clip(indices, 0, length - 1)
    if axis is None:
        return np.reshape(put_at(dout, indices, form=(Place(0),), shape=(length,)), shape)
    form = (slice(None),) * (axis % len(shape)) + (Place(0),)
    return put_at(dout, indices, form=form, shape=shape)


def _take_along_axis(dout, out, arr, indices, *, axis=-1):
    shape = np.shape(arr)
    if axis is None:
        flat = put_at(dout, indices, form=(Place(0),), shape=(np.size(arr),))
        return np.reshape(flat, shape)
    axis = axis % len(shape)
    # On the other axes each element stays at its place.
    others = np.ogrid[tuple(map(slice, shape))]
    arrays = (*others[:axis], indices, *others[axis + 1 :])
    form = tuple(Place(i) for i in range(len(shape)))
    return put_at(dout, *arrays, form=form, shape=shape)


def _sort(dout, out, a, *, axis=-1, kind=None, order=None, stable=None):
    if axis is None:
        a_flat = np.reshape(a, (-1,))
        return np.reshape(_sort(dout, out, a_flat), np.shape(a))
    # Each element takes its derivative from the place to which it was sorted.
    ranks = np.argsort(np.argsort(a, axis=axis, kind="stable"), axis=axis)
    return np.take_along_axis(dout, ranks, axis=axis)


def _diagonal(dout, out, a, *, offset=0, axis1=0, axis2=1):
    shape = np.shape(a)
    axis1, axis2 = normal_axes((axis1, axis2), len(shape))
    rest = tuple(n for i, n in enumerate(shape) if i not in (axis1, axis2))
    places = np.arange(np.shape(out)[-1])
    matrices = put_at(
        dout,
        places + max(-offset, 0),
        places + max(offset, 0),
        form=(..., Place(0), Place(1)),
        shape=(*rest, shape[axis1], shape[axis2]),
    )
    return np.moveaxis(matrices, (-2, -1), (axis1, axis2))


def _bincount(x, weights=None, minlength=0):
    """The arguments of `np.bincount`, which older versions of NumPy do not tell."""
    return np.bincount(x, weights, minlength)


def _bind_bincount(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """With minlength the length is known, once all numbers are seen to be below it."""
    (x, *weights), params = _BINCOUNT(args, kwargs)
    n = params.get("minlength", 0)
    if getattr(x, "stands_for_all", False) and isinstance(n, int | np.integer) and n and x.size:
        x = read_numbers(x, "np.bincount: x", 0, n - 1)
    return (x, *weights), params


_BINCOUNT = by_signature(_bincount, "np.bincount", ("x", "weights"))

ROWS = (
    primitive(
        np.where,
        "x where the condition holds, else y",
        ("0", None),
        (
            "dout where the condition holds, else 0",
            lambda dout, out, condition, x, y: sum_to(np.where(condition, dout, 0), np.shape(x)),
        ),
        (
            "0 where the condition holds, else dout",
            lambda dout, out, condition, x, y: sum_to(np.where(condition, 0, dout), np.shape(y)),
        ),
        bind=_bind_where,
        chooses=True,
        sized_by=lambda *given: given if len(given) == 1 else (),
    ),
    primitive(
        np.clip,
        "x, held between low and high",
        ("dout where low ≤ x ≤ high, else 0", _clip_x),
        ("dout where x < low, else 0", _clip_low),
        ("dout where x > high, else 0", _clip_high),
        bind=_bind_clip,
        evaluate=lambda a, low=None, high=None: np.clip(a, low, high),
        chooses=True,
        takes_out=True,
    ),
    primitive(
        np.take,
        "the elements of x at the indices",
        ("dout, added at the indices", _take),
        ("0", None),
    ),
    primitive(
        np.take_along_axis,
        "x[…, index, …], an index for each place",
        ("dout, added at the indices", _take_along_axis),
        ("0", None),
    ),
    primitive(np.sort, "x in ascending order", ("dout, put back in the order of x", _sort)),
    primitive(
        np.diagonal,
        "x[i, i + offset]",
        ("dout on the diagonal, else 0", _diagonal),
        symbol="diag",
        view="view",
    ),
    primitive(
        np.bincount,
        "Σ of the weights of each number",
        ("0", None),
        ("dout[x]", lambda dout, out, x, weights=None, **params: np.take(dout, x)),
        bind=_bind_bincount,
        sized_by=lambda x, weights=None, minlength=0: () if np.any(minlength) else (x,),
    ),
)
