"""Dicts, lists and tuples of arrays, to any depth: what they hold, and their form."""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.graph.node import Recorded


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """A value with a function of each number or array in it; of dicts, lists and tuples, the same.

    >>> mapped(np.negative, {"a": 1.0, "b": [np.ones(2), 2.0]})
    {'a': np.float64(-1.0), 'b': [array([-1., -1.]), np.float64(-2.0)]}
    """
    if isinstance(value, Mapping):
        return {key: mapped(function, entry) for key, entry in value.items()}
    if _is_row(value):
        entries = [mapped(function, entry) for entry in value]
        return type(value)(*entries) if hasattr(value, "_fields") else type(value)(entries)
    return function(value)


def is_structure(value: Any) -> bool:
    """Whether a value holds arrays, and is not one: a list of plain numbers is."""
    return isinstance(value, Mapping) or _is_row(value)


def leaves_of(value: Any) -> list[Any]:
    """What a dict, list or tuple of arrays holds, to any depth; of anything else nothing."""
    found: list[Any] = []
    if is_structure(value):
        mapped(found.append, value)
    return found


def named(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The numbers and arrays in a value, each with a name that says where it is, `x_W`, in order.

    >>> [*named({"W": 1.0, "b": [np.ones(2), 2.0]}, "x")]
    [('x_W', 1.0), ('x_b_0', array([1., 1.])), ('x_b_1', 2.0)]
    """
    if not is_structure(value):
        yield name, value
        return
    for key, entry in value.items() if isinstance(value, Mapping) else enumerate(value):
        yield from named(entry, f"{name}_{key}")


def form_of(value: Any) -> Hashable:
    """What is equal for values that hold their arrays in the same way."""
    if isinstance(value, Mapping):
        return tuple((key, form_of(entry)) for key, entry in value.items())
    if _is_row(value):
        return type(value), *map(form_of, value)
    return None


def in_order_of(value: Any, other: Any, name: str) -> Iterator[Any]:
    """What another value of the same form holds at the places of each number or array of this.

    Errors: `ShapeError` for one of another form.
    """
    if not is_structure(value):
        yield other
        return
    of_dict = isinstance(value, Mapping)
    keys = [*value] if of_dict else [*range(len(value))]
    alike = isinstance(other, Mapping if of_dict else list | tuple) and len(other) == len(keys)
    if not alike or (of_dict and not all(key in other for key in keys)):
        raise ShapeError(f"{name} is {_told(other)}, and x is {_told(value)}; give both one form")
    for key in keys:
        yield from in_order_of(value[key], other[key], name)


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a dict of {', '.join(map(repr, value))}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    return f"an array {np.shape(value)}"


def _is_row(value: Any) -> bool:
    """Whether a list or tuple holds arrays, and is not the numbers of one."""
    return isinstance(value, list | tuple) and any(
        isinstance(entry, Mapping | Recorded)
        or (np.ndim(entry) and hasattr(entry, "shape"))
        or _is_row(entry)
        for entry in value
    )
