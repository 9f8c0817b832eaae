"""All tables joined: what is known of each function."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from clearprop.primitives.compositions import COMPOSITIONS, TABLES
from clearprop.primitives.constants import CONSTANT
from clearprop.primitives.table import Primitive, collect

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
