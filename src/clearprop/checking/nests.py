"""Arrays in lists, tuples, mappings and objects: where they are, and how to get at them."""

import types
from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np

from clearprop.graph.parameters import Path, at_path

_CLOSED = (str, bytes, int, float, complex, bool, type, types.ModuleType, types.FunctionType)
_HIDDEN = frozenset({"_given", "_members", "_audited", "_learning"})
"""What a layer or network of the house keeps for itself."""
MOST, WAYS, DEEP = 20_000, 4, 8
"""So many things are looked at, by so many ways each, at so many steps from the object."""


def listed(names: str) -> list[str]:
    """Names that are written one after the other."""
    return names.split()


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """What a nest of lists, tuples and mappings holds, with the way to each."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from leaves(entry, (*path, key))
    elif isinstance(value, list | tuple):
        for i, entry in enumerate(value):
            yield from leaves(entry, (*path, i))
    else:
        yield path, value


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape of an array or list; of lists of unequal lengths, how many there are."""
    try:
        return np.shape(value)
    except ValueError:
        return (len(value),)


def is_nest(value: Any) -> bool:
    """Whether something is a list, tuple or mapping with arrays in it."""
    if not isinstance(value, list | tuple | Mapping):
        return False
    return any(isinstance(leaf, np.ndarray) and leaf.ndim for _, leaf in leaves(value))


def filled(value: Any, items: Iterator[Any]) -> Any:
    """A nest of the same form, holding other things."""
    if isinstance(value, Mapping):
        return {key: filled(entry, items) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        made = [filled(entry, items) for entry in value]
        if hasattr(value, "_make"):
            return value._make(made)  # type: ignore[attr-defined]
        return made if isinstance(value, list) else tuple(made)
    return next(items)


def hanging(root: Any) -> dict[Path, Any]:
    """The arrays and numbers that hang on an object at any depth, by all the ways to them."""
    found: dict[Path, Any] = {}
    stack: list[tuple[Path, Any]] = [((), root)]
    looked, met = 0, Counter[int]()
    while stack and looked < MOST:
        path, value = stack.pop()
        looked += 1
        if isinstance(value, np.ndarray | np.number | float | int) and not isinstance(value, bool):
            if not (isinstance(value, np.ndarray) and value.dtype.kind == "O"):
                found[path] = value
                own = getattr(value, "__dict__", {})  # of a kind of array with a derivative on it
                stack += [((*path, key), entry) for key, entry in own.items()]
                continue
            value = list(value.flat) if value.ndim == 1 else ()
        met[id(value)] += 1
        if isinstance(value, _CLOSED) or met[id(value)] > WAYS or len(path) > DEEP:
            continue
        stack += [((*path, key), entry) for key, entry in reversed([*entries(value)])]
    return found


def computed(layer: Any) -> dict[Path, Any]:
    """The arrays that properties of an object give, such as a mapping of its derivatives."""
    found: dict[Path, Any] = {}
    for cls in type(layer).__mro__:
        for name in [n for n, value in vars(cls).items() if isinstance(value, property)]:
            try:
                held = leaves(getattr(layer, name), (name,))
            except Exception:  # whatever it raises, there is nothing to be had
                continue
            found |= {path: x for path, x in held if isinstance(x, np.ndarray)}
    return found


def entries(value: Any) -> Iterator[tuple[Any, Any]]:
    """What is right inside a container or an object, by key, index or attribute."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)
    elif isinstance(value, types.MethodType):
        return
    else:
        attributes = getattr(value, "__dict__", {})
        yield from ((k, v) for k, v in attributes.items() if k not in _HIDDEN)
        for cls in type(value).__mro__:
            slots = vars(cls).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                    yield name, getattr(value, name)


def set_at(root: Any, path: Path, value: Any) -> None:
    """Put something at the end of a path; what holds it in a tuple gets another tuple."""
    owner, step = at_path(root, path[:-1]), path[-1]
    if isinstance(owner, MutableMapping | list):
        owner[step] = value
    elif isinstance(owner, tuple):
        items = (value if i == step else item for i, item in enumerate(owner))
        made = owner._make(items) if hasattr(owner, "_make") else tuple(items)  # type: ignore
        set_at(root, path[:-1], made)
    else:
        try:
            setattr(owner, step, value)
        except AttributeError:  # of a frozen dataclass
            object.__setattr__(owner, step, value)


def get_at(root: Any, path: Path) -> Any:
    """What a path leads to; `None` where it ends before."""
    try:
        return at_path(root, path)
    except (AttributeError, KeyError, IndexError, TypeError):
        return None


def spoken(path: Path) -> str:
    """A path as one writes it: `fc.W`, `params[0]`, `weights[W1]`."""
    text = ""
    for step in path:
        text += f".{step}" if isinstance(step, str) and step.isidentifier() else f"[{step}]"
    return text.lstrip(".")
