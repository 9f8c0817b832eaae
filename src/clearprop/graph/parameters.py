"""What a layer learns, as inputs of its node."""

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from clearprop.graph.node import Recorded
from clearprop.graph.variable import Parameter

Path = tuple[Any, ...]
"""The attribute names, and keys of containers, that lead from a layer to an array."""


def parameters_of(layer: Any) -> dict[str, Any]:
    """The parameters of a layer or network by name."""
    return {".".join(map(str, path)): value for path, value in paths_of(layer).items()}


def paths_of(layer: Any) -> dict[Path, Any]:
    """The parameters of a layer by path.

    `params` names attributes, or is a mapping itself. A layer without a `backward` of its own is
    differentiated inside, so the parameters of the layers that it holds are its own too.
    """
    names = getattr(layer, "params", ())
    if isinstance(names, Mapping):
        return {(name,): value for name, value in names.items()}
    found: dict[Path, Any] = {(name,): getattr(layer, name) for name in names}
    if is_composed(layer):
        for path, inner in _layers_in(getattr(layer, "__dict__", {}), ()):
            found.update({(*path, *rest): value for rest, value in paths_of(inner).items()})
    return found


def bind(layer: Any, paths: tuple[Path, ...], values: tuple[Any, ...]) -> None:
    """Give a layer other values for its parameters."""
    for path, value in zip(paths, values, strict=True):
        holder = layer
        for step in path[:-1]:
            holder = _follow(holder, step)
        params = getattr(holder, "params", None)
        if isinstance(params, Mapping):
            params[path[-1]] = value  # type: ignore[index]
        else:
            setattr(holder, path[-1], value)


def is_composed(layer: Any) -> bool:
    """Whether the backward pass is that of the operations inside: no `backward` is written."""
    backward = getattr(layer, "backward", None)
    return backward is None or getattr(backward, "is_missing", False)


def has_backward(layer: Any) -> bool:
    """Whether somebody wrote a `backward` for this layer."""
    return not is_composed(layer)


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
        if found is None or found.source is not source or not _same(found.data, value):
            found = _known[key] = Parameter(value, name)
            found.source = source
        found.name = name
    return found


_known: WeakValueDictionary[Any, Parameter] = WeakValueDictionary()
_lock = Lock()


def _same(kept: Any, value: Any) -> bool:
    """Whether a parameter still has the bytes that it had."""
    value = np.asarray(value)
    if kept.dtype != value.dtype or kept.shape != value.shape:
        return False
    if kept.flags.c_contiguous and value.flags.c_contiguous:
        bits = f"u{kept.itemsize}" if kept.itemsize <= 8 else "u1"
        return np.array_equal(kept.view(bits), value.view(bits))
    return kept.tobytes() == value.tobytes()


def _layers_in(held: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """The layers among attributes, and in lists, tuples and dictionaries of them."""
    entries = held.items() if isinstance(held, dict) else enumerate(held)
    for key, value in entries:
        if isinstance(value, dict | list | tuple):
            yield from _layers_in(value, (*path, key))
        elif callable(getattr(value, "forward", None)):
            yield (*path, key), value


def _follow(holder: Any, step: Any) -> Any:
    return holder[step] if isinstance(holder, dict | list | tuple) else getattr(holder, step)
