"""All tables joined: what is known of each function, and which are written in terms of others."""

import sys
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

import numpy as np

from clearprop.errors import LeavesGraphError
from clearprop.primitives import (
    arithmetic,
    chains,
    choosing,
    cumulative,
    decompositions,
    einsum,
    indexing,
    joining,
    linalg,
    norms,
    padding,
    products,
    rearranging,
    reductions,
    selection,
    sequences,
    shapes,
    statistics,
    transcendental,
    windows,
)
from clearprop.primitives.constants import CONSTANT
from clearprop.primitives.table import Primitive, collect, name_of


def _refusing_out(function: Callable[..., Any], composed: Callable[..., Any]) -> Callable[..., Any]:
    """Where NumPy takes an array to write into, accept None alone."""
    code = composed.__code__
    names = code.co_varnames[: code.co_argcount]
    if "out" not in names:
        return composed
    place = names.index("out")

    @wraps(composed)
    def call(*args: Any, **kwargs: Any) -> Any:
        if (args[place] if len(args) > place else kwargs.get("out")) is not None:
            raise LeavesGraphError(
                f"{name_of(function)}: out= would overwrite an array that the graph may need; "
                "use the result instead"
            )
        return composed(*args, **kwargs)

    return call


TABLES = (
    *(arithmetic, transcendental, reductions, cumulative, selection, windows, shapes, joining),
    *(padding, products, einsum, linalg, norms, decompositions, indexing),
    *(chains, choosing, rearranging, sequences, statistics),
)
"""All modules with rows, or with functions that are written in terms of others'."""

COMPOSITIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    function: _refusing_out(function, composed)
    for table in TABLES
    for function, composed in getattr(table, "COMPOSITIONS", {}).items()
}
"""A NumPy function and a plain NumPy function of the same signature that says the same in rows."""


def _reduce(function: Callable[..., Any]) -> Callable[..., Any]:
    """A reduction of the same name, which goes over the first axis unless told otherwise."""

    def reduce(array, axis=0, dtype=None, out=None, keepdims=False, **more):
        if dtype is not None and function not in (np.any, np.all):
            more["dtype"] = dtype
        more = {"axis": axis, "keepdims": keepdims, **more}
        mask: Any = more.get("where")
        if hasattr(mask, "__array_function__") and not isinstance(mask, np.ndarray):
            # NumPy's functions do not ask it, and would hand on to the ufunc, which comes here.
            return mask.__array_function__(function, (type(mask),), (array,), more)
        return function(array, **more)

    return reduce


def _accumulate(function: Callable[..., Any]) -> Callable[..., Any]:
    def accumulate(array, axis=0, dtype=None, out=None):
        return function(array, axis=axis, dtype=dtype)

    return accumulate


def _log_sum_exp(array, axis=0, dtype=None, out=None, keepdims=False, initial=None, where=True):
    """`np.logaddexp.reduce`: the largest is taken out first, so that no power overflows."""
    top = np.max(array, axis=axis, keepdims=True, initial=-np.inf, where=where)
    top = np.where(np.isfinite(top), top, 0.0)
    total = np.sum(np.exp(array - top), axis=axis, keepdims=True, where=where)
    found = np.log(total) + top
    found = found if initial is None else np.logaddexp(found, initial)
    return found if keepdims else np.reshape(found, np.shape(np.sum(array, axis=axis)))


def _outer(ufunc: np.ufunc) -> Callable[..., Any]:
    def outer(a, b, **more):
        return ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b, **more)

    return outer


UFUNC_METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {
    (np.add, "reduce"): _reduce(np.sum),
    (np.multiply, "reduce"): _reduce(np.prod),
    (np.maximum, "reduce"): _reduce(np.max),
    (np.minimum, "reduce"): _reduce(np.min),
    (np.logical_and, "reduce"): _reduce(np.all),
    (np.logical_or, "reduce"): _reduce(np.any),
    (np.logaddexp, "reduce"): _log_sum_exp,
    (np.add, "accumulate"): _accumulate(np.cumsum),
    (np.multiply, "accumulate"): _accumulate(np.cumprod),
    (np.maximum, "accumulate"): cumulative.running(1),
    (np.minimum, "accumulate"): cumulative.running(-1),
    **{
        (ufunc, "outer"): _outer(ufunc)
        for ufunc in (
            *(row.function for row in (*arithmetic.ROWS, *transcendental.ROWS)),
            *CONSTANT,
        )
        if isinstance(ufunc, np.ufunc) and ufunc.nin == 2
    },
}
"""`(np.add, "reduce")` and the like: what NumPy's ufunc methods are in terms of functions."""


PRIMITIVES = collect(*(getattr(table, "ROWS", ()) for table in TABLES))
"""Every differentiable function and its row."""

OPTIONAL = {"scipy.special": "clearprop.primitives.scipy_special"}
"""Packages and the tables of their functions, read once the user has imported the package."""

_by_name = {row.name: row for row in (*CONSTANT.values(), *PRIMITIVES.values())}


def register(*rows: Primitive) -> None:
    """Add rows for functions that other people wrote: from now on they stand on the graph.

    A ufunc is asked by NumPy itself; any other function must ask its arguments, see `dispatched`.

    Errors: `ValueError` for a function or a name that is known already.
    """
    read_optional()
    for row in rows:
        if row.name in _by_name or row.function in COMPOSITIONS:
            raise ValueError(f"{row.name} has a row in the table of primitives already")
        _add(row)


def read_optional() -> None:
    """Read the tables of those packages that the user has imported."""
    for package, table in OPTIONAL.items():
        if package in sys.modules:
            for row in import_module(table).ROWS:
                if row.name not in _by_name:
                    _add(row)


def row_of(function: Callable[..., Any]) -> Primitive | None:
    """The row of a function that is differentiable or constant, `None` if it has none."""
    row = PRIMITIVES.get(function) or CONSTANT.get(function)
    if row is None:
        read_optional()
        row = PRIMITIVES.get(function)
    return row


def row_named(name: str) -> Primitive | None:
    """The row of a function by the name under which it is written down."""
    if name not in _by_name:
        read_optional()
    return _by_name.get(name)


def _add(row: Primitive) -> None:
    (PRIMITIVES if row.rules else CONSTANT)[row.function] = row
    _by_name[row.name] = row
