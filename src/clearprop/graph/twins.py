"""Copies of a layer, so that what `forward` keeps belongs to one call."""

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np

from clearprop.graph.node import Recorded


def twin(layer: Any, shared: Iterable[Any] = ()) -> Any:
    """Copy a layer together with whatever running it may change; everything else is shared.

    This is the one way in which layers are copied. Arrays in `shared`, such as parameters that are
    bound anew, are not copied.

    Copied are arrays that can be written into, the usual containers, and layers inside the layer
    (through their own `__copy__` if they have one). Shared are read-only arrays, numbers, random
    generators, functions and other objects.

    >>> class Cached:
    ...     def __init__(self):
    ...         self.cache = {"mask": np.ones(2)}
    ...     def forward(self, x):
    ...         self.cache["mask"] = x > 0
    ...         return x * self.cache["mask"]
    >>> layer = Cached()
    >>> twin(layer).forward(np.array([-1.0, 1.0]))
    array([-0.,  1.])
    >>> layer.cache
    {'mask': array([1., 1.])}
    """
    return twins(layer, shared)[0]


def twins(
    layer: Any, shared: Iterable[Any] = (), views: bool = False
) -> tuple[Any, dict[int, Any]]:
    """Copy a layer, and tell which object has become which: id of the original → copy.

    With `views`, other arrays are not copied either, but seen through views that cannot be written
    into: quicker, for layers that turn out to write into no array that they have kept.
    """
    known: dict[int, Any] = {id(array): array for array in shared}
    if views:
        known[_VIEWS] = True
    return _copied(layer, known), known


_VIEWS = -1
"""No object's id."""


def _copied(thing: Any, known: dict[int, Any]) -> Any:
    kind = type(thing)
    if kind in _UNCHANGING or isinstance(thing, Recorded):
        return thing
    if id(thing) in known:  # one and the same object at two places stays one
        return known[id(thing)]
    if isinstance(thing, np.ndarray):
        if not thing.flags.writeable:
            return thing
        if _VIEWS in known:
            made = thing.view()
            made.flags.writeable = False
        else:
            made = thing.copy(order="K")
    elif kind is tuple:
        if _UNCHANGING.issuperset(map(type, thing)):
            return thing
        made = tuple([_copied(value, known) for value in thing])
    elif kind is dict or kind is OrderedDict or kind is defaultdict:
        made = known[id(thing)] = thing.copy()
        _enter(made, known)
    elif kind is list:
        made = known[id(thing)] = []
        made.extend([_copied(value, known) for value in thing])
    elif kind is set or kind is bytearray:
        made = thing.copy()
    elif kind is SimpleNamespace or callable(getattr(thing, "forward", None)):
        made = known[id(thing)] = _shallow(thing, kind)
        if not hasattr(kind, "__copy__") and hasattr(thing, "__dict__"):
            _enter(made.__dict__, known)
    else:
        return thing
    known[id(thing)] = made
    return made


def _enter(entries: dict[Any, Any], known: dict[int, Any]) -> None:
    """Put copies into a mapping, or the attributes of an object, in place of the values there."""
    for key, value in entries.items():
        if type(value) not in _UNCHANGING:
            made = _copied(value, known)
            if made is not value:
                entries[key] = made


def _shallow(thing: Any, kind: Any) -> Any:
    """`copy.copy`, by a short way for the plain objects that most layers are."""
    if (
        kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__new__ is object.__new__
        and not (hasattr(kind, "__copy__") or hasattr(kind, "__setstate__"))
        and not getattr(kind, "__slots__", ())
    ):
        made = object.__new__(kind)
        own = kind.__getstate__ is object.__getstate__
        made.__dict__.update(thing.__dict__ if own else thing.__getstate__() or {})
        return made
    return copy.copy(thing)


_UNCHANGING = frozenset({int, float, bool, str, type(None), type, np.dtype, np.float64, np.float32})
