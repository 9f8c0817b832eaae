"""What a layer is made of: the arrays that it names, and the layers that it holds, to any depth."""

from collections.abc import Iterable, Iterator, Mapping
from threading import Lock
from types import SimpleNamespace
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.lib.array_utils import byte_bounds

from clearprop.graph.constants import is_same
from clearprop.graph.node import Recorded
from clearprop.graph.overriding import is_outdated
from clearprop.graph.variable import Parameter

Path = tuple[Any, ...]
"""The attribute names, and keys of containers, that lead from a layer to an array."""

Places = tuple[Path, ...]
"""All the paths that lead to one array: a shared array has several."""

KINDS = ("params", "state", "carried", "noise", "fixed")
"""The tuples by which a layer names its arrays: learned, carried on (`carried` with a row for each
sample), drawn, and deliberately not learned."""


def is_layer(thing: Any) -> bool:
    """Whether something is a layer: an object with a `forward`."""
    return callable(getattr(thing, "forward", None)) and not isinstance(thing, type)


def has_backward(layer: Any) -> bool:
    """Whether a layer has a `backward` of its own: not the stand-in, one of another `forward`, or
    none at all."""
    return gives_backward(layer) and not is_outdated(layer, "backward")


def gives_backward(layer: Any) -> bool:
    """Whether somebody wrote the `backward` that a layer answers with, be it for another one."""
    backward = getattr(layer, "backward", None)
    return backward is not None and not getattr(backward, "is_missing", False)


def inner_layers(layer: Any) -> list[tuple[Path, Any]]:
    """The layers right inside a layer: among its attributes, and in lists and mappings of them."""
    found: list[tuple[Path, Any]] = []
    held = getattr(layer, "__dict__", None)
    if held:
        _search(held.items(), (), found)
    return found


def _search(entries: Iterable[tuple[Any, Any]], path: Path, found: list[tuple[Path, Any]]) -> None:
    for key, value in entries:
        if type(value) in _NO_LAYERS or isinstance(value, Recorded):  # at a glance: most are none
            continue
        if isinstance(value, _LISTS):
            if not _NO_LAYERS.issuperset(map(type, value)):
                _search(enumerate(value), (*path, key), found)
        elif isinstance(value, Mapping):
            _search(value.items(), (*path, key), found)
        elif is_layer(value):
            found.append(((*path, key), value))
        elif type(value) is SimpleNamespace:
            _search(vars(value).items(), (*path, key), found)


_LISTS = (list, tuple)
_NO_LAYERS = frozenset({int, float, bool, str, type(None), np.ndarray, np.float64, np.float32, set})


def layers_of(layer: Any) -> list[tuple[Path, Any]]:
    """A layer and those inside it to any depth, each once, by the first path that leads to it."""
    found: list[tuple[Path, Any]] = []
    stack: list[tuple[Path, Any]] = [((), layer)]
    seen: set[int] = set()
    while stack:
        path, held = stack.pop()
        if id(held) not in seen:
            seen.add(id(held))
            found.append((path, held))
            inside = inner_layers(held)
            stack += [((*path, *rest), deeper) for rest, deeper in reversed(inside)]
    return found


def names_of(layer: Any, kind: str = "params") -> tuple[str, ...]:
    """The names of a layer's own arrays of one kind; those of a network are its layers'."""
    if kind == "params":
        own = getattr(layer, "own_params", None)
        named = getattr(layer, "params", ()) if own is None else own
        if callable(named):  # as a method that gives arrays
            return ()
        if type(named) is tuple:
            return named
        # A layer from elsewhere may have an array under this name, or an object that holds some.
        listed = isinstance(named, Iterable) and not isinstance(named, np.ndarray)
        return tuple(named) if listed else ()
    named = getattr(layer, kind, ())
    if type(named) is tuple and not named:
        return named
    # A layer from elsewhere may have an array or a number under such a name.
    plain = isinstance(named, tuple | list) and all(isinstance(n, str) for n in named)
    return tuple(named) if plain else ()


def array_at(layer: Any, name: str) -> Any:
    """The array of a layer by its name: an attribute, or an entry where `params` is a mapping."""
    params = _mapping(layer)
    return params[name] if name in params else getattr(layer, name)


def set_array(layer: Any, name: str, value: Any) -> None:
    """Give a layer another array under a name."""
    params = _mapping(layer)
    if name in params:
        params[name] = value
    else:
        setattr(layer, name, value)


def _mapping(layer: Any) -> Any:
    """The parameters of a layer that holds them in a mapping; that of a network is its layers'."""
    params = () if hasattr(layer, "own_params") else getattr(layer, "params", ())
    return params if type(params) is not tuple and isinstance(params, Mapping) else ()


def places_of(layer: Any, kind: str = "params") -> dict[Places, Any]:
    """All paths to each array of one kind, at any depth → the array: a shared one counts once."""
    found: dict[Any, tuple[list[Path], Any]] = {}
    for path, held in layers_of(layer):
        add_places(found, path, held, kind)
    return {tuple(paths): value for paths, value in found.values()}


def add_places(
    found: dict[Any, tuple[list[Path], Any]], path: Path, layer: Any, kind: str = "params"
) -> list[Any]:
    """Enter where the own arrays of a layer at a path are, and give them.

    What is found has a key for each array → the paths to it, and the array.
    """
    values = []
    for name in names_of(layer, kind):
        value = array_at(layer, name)
        values.append(value)
        # A plain number is an object that others may hold by chance: it is no shared array.
        key = id(value) if isinstance(value, _SHARED) else (id(layer), name)
        found.setdefault(key, ([], value))[0].append((*path, name))
    return values


_SHARED = (np.ndarray, Recorded)


def arrays_of(layer: Any) -> list[Any]:
    """The arrays that a layer keeps from call to call: all that it names but its noise."""
    kinds = (kind for kind in KINDS if kind != "noise")
    return [array for kind in kinds for array in places_of(layer, kind).values()]


def overlapping(arrays: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The names, two by two, of arrays that hold the same numbers, as a view and its array do.

    >>> W, b = np.ones((2, 3)), np.ones(3)
    >>> [*overlapping({"W": W, "b": b, "right": W[:, 1:], "left": W[:, :1]})]
    [('W', 'left'), ('W', 'right')]
    """
    held = {name: a for name, a in arrays.items() if isinstance(a, np.ndarray)}
    ids = set(map(id, held.values()))
    if len(ids) == len(held) and all(a.base is None for a in held.values()):  # the usual case
        return
    order = {name: i for i, name in enumerate(held)}
    spans = sorted((*byte_bounds(a), name) for name, a in held.items())
    for i, (_, end, name) in enumerate(spans):
        for start, _, other in spans[i + 1 :]:
            if start >= end:
                break
            if np.shares_memory(held[name], held[other]):
                one, two = sorted((name, other), key=order.__getitem__)
                yield one, two


def at_path(layer: Any, path: Path) -> Any:
    """What a path leads to."""
    for step in path:
        layer = layer[step] if isinstance(layer, _CONTAINERS) else getattr(layer, step)
    return layer


_CONTAINERS = (dict, list, tuple, Mapping)


def bind(layer: Any, places: Iterable[Places], values: Iterable[Any]) -> None:
    """Give a layer other values for its arrays."""
    for paths, value in zip(places, values, strict=True):
        for path in paths:
            set_array(at_path(layer, path[:-1]), path[-1], value)


def dotted(path: Path) -> str:
    """A path as text, such as `block.fc.W`."""
    return ".".join(map(str, path))


def parameter_name(layer: Any, path: Path) -> str:
    """What a parameter of a layer is called: by its path, or as a network on the way names it."""
    for i in range(len(path)):
        named = getattr(layer, "name_at", None)
        if named is not None:
            return dotted((*path[:i], named(path[i:])))
        layer = at_path(layer, path[i : i + 1]) if i + 1 < len(path) else None
    return dotted(path)


def parameter(value: Any, name: str, layer: Any) -> Any:
    """The Variable of a parameter, one and the same as long as a graph holds it.

    A layer used twice, or two layers that share an array, thus share the Variable and sum their
    derivatives. It holds a copy: when training has changed the array, the next call makes a new
    Variable, and what was recorded before stays as it was.
    """
    if isinstance(value, Recorded):
        return value
    array = isinstance(value, np.ndarray)
    # A plain number is an object that others may hold by chance; it belongs to its layer.
    key, source = (id(value), value) if array else ((id(layer), name), layer)
    with _lock:
        found = _known.get(key)
        if found is None or found.source is not source or not is_same(found.data, value):
            found = _known[key] = Parameter(value, name)
            found.source = source
        found.name = name
    return found


_known: WeakValueDictionary[Any, Parameter] = WeakValueDictionary()
_lock = Lock()
