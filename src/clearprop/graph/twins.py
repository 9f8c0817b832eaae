"""Copies of a layer, so that what `forward` keeps belongs to one call."""

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from types import MethodType, SimpleNamespace
from typing import Any

import numpy as np

from clearprop.errors import UnsupportedError
from clearprop.graph.away import Lends, come_home
from clearprop.graph.node import Recorded
from clearprop.graph.parameters import (
    Path,
    Places,
    add_places,
    inner_layers,
    is_layer,
    layers_of,
)


def twin(layer: Any, shared: Iterable[Any] = ()) -> Any:
    """Copy a layer together with whatever running it may change; everything else is shared.

    This is the one way in which layers are copied. Arrays in `shared`, such as parameters that are
    bound anew, are not copied.

    Copied are arrays that can be written into, the usual containers and those that hold layers, and
    layers inside the layer (through their own `__copy__` if they have one). Shared are read-only
    arrays, numbers, Variables, random generators, functions and other objects.

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
    copying = _Copying({id(array): array for array in shared}, views)
    return copying.of(layer, ()), copying.known


def bindable(layer: Any, views: bool = False) -> tuple[Any, dict[Places, Any]]:
    """Copy a layer but not its parameters, and give their places, as `places_of` does."""
    copying = _Copying({}, views, {})
    made = copying.of(layer, ())
    return made, {tuple(paths): value for paths, value in copying.found.values()}


class _Copying:
    """One way through a layer, which meets each object once."""

    __slots__ = ("found", "known", "views")

    def __init__(self, known: dict[int, Any], views: bool, found: Any = None) -> None:
        self.known = known
        self.views = views
        self.found = found
        """The parameters on the way, where they are asked for: see `add_places`."""

    def of(self, thing: Any, path: Path) -> Any:
        """The copy of what stands at a path, or the thing itself if it can be shared."""
        kind, known = type(thing), self.known
        if kind in _UNCHANGING or isinstance(thing, Recorded):
            return thing
        if id(thing) in known:  # one and the same object at two places stays one
            return known[id(thing)]
        if isinstance(thing, np.ndarray):
            return self._array(thing)
        if kind is tuple:
            if _UNCHANGING.issuperset(map(type, thing)):
                return thing
            made = tuple([self.of(value, (*path, i)) for i, value in enumerate(thing)])
        elif kind is dict or kind is OrderedDict or kind is defaultdict:
            made = known[id(thing)] = thing.copy()
            self._replace(made, made.items(), path)
        elif kind is list:
            made = known[id(thing)] = thing.copy()
            self._replace(made, enumerate(thing), path)
        elif kind is set or kind is bytearray:
            made = thing.copy()
        elif kind is SimpleNamespace or callable(getattr(thing, "forward", None)):
            made = self._object(thing, kind, path)
        elif kind is MethodType and id(thing.__self__) in known:
            return MethodType(thing.__func__, known[id(thing.__self__)])
        elif isinstance(thing, _CONTAINERS) and inner_layers(SimpleNamespace(held=thing)):
            made = self._container(thing, kind, path)
        else:
            return thing
        known[id(thing)] = made
        return made

    def _array(self, thing: np.ndarray) -> np.ndarray:
        if not thing.flags.writeable:
            return thing
        if self.views:
            made = thing.view()
            made.setflags(write=False)
        else:
            made = thing.copy(order="K")
        self.known[id(thing)] = made
        return made

    def _replace(self, made: Any, entries: Iterable[tuple[Any, Any]], path: Path) -> None:
        """Put copies in place of what a copied container, or an object's attributes, hold."""
        for key, value in entries:
            kind = type(value)
            if kind in _UNCHANGING:
                continue
            if kind is np.ndarray:
                copied = self.known.get(id(value))
                copied = self._array(value) if copied is None else copied
            else:
                copied = self.of(value, (*path, key))
            if copied is not value:
                made[key] = copied

    def _container(self, thing: Any, kind: Any, path: Path) -> Any:
        """A container of somebody's own, with copies of the layers in it."""
        if isinstance(thing, tuple):
            return tuple.__new__(kind, [self.of(v, (*path, i)) for i, v in enumerate(thing)])
        if isinstance(thing, dict | list):
            made = copy.copy(thing)
            pairs = thing.items() if isinstance(thing, dict) else enumerate(thing)
            self._replace(made, pairs, path)
            return made
        try:
            return kind({key: self.of(value, (*path, key)) for key, value in thing.items()})
        except TypeError as error:
            raise UnsupportedError(
                f"a {kind.__name__} holds layers and cannot be copied with them ({error}); hold "
                "them in a dict or a list"
            ) from error

    def _object(self, thing: Any, kind: Any, path: Path) -> Any:
        """A layer, or an object that merely holds something."""
        made = self.known[id(thing)] = _shallow(thing, kind)
        own = hasattr(kind, "__copy__")
        if self.found is not None and is_layer(thing):
            # One that copies itself has copied those inside.
            for rest, layer in layers_of(thing) if own else [((), thing)]:
                for value in add_places(self.found, (*path, *rest), layer):
                    self.known.setdefault(id(value), value)
        if not own and hasattr(thing, "__dict__"):
            self._replace(made.__dict__, made.__dict__.items(), path)
        return made


def _shallow(thing: Any, kind: Any) -> Any:
    """`copy.copy`, by a short way for the plain objects that most layers are."""
    if (
        kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__new__ is object.__new__
        and not (hasattr(kind, "__copy__") or hasattr(kind, "__setstate__"))
        and not getattr(kind, "__slots__", ())
    ):
        made = object.__new__(kind)
        come_home(thing)
        own = kind.__getstate__ in (object.__getstate__, Lends.__getstate__)
        made.__dict__.update(thing.__dict__ if own else thing.__getstate__() or {})
        return made
    return copy.copy(thing)


_CONTAINERS = (dict, list, tuple, Mapping)
_UNCHANGING = frozenset({int, float, bool, str, type(None), type, np.dtype, np.float64, np.float32})
