"""What things hold, whatever they are: attributes, entries, and what they are bound to."""

import sys
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from enum import Enum
from functools import cache
from itertools import islice
from pathlib import Path
from types import CellType, FunctionType, MemberDescriptorType, ModuleType, SimpleNamespace
from typing import Any
from weakref import ProxyTypes, ReferenceType

import numpy as np

from clearprop.compiler.tracing import BUFFERS, VIEWS, names
from clearprop.graph.away import come_home
from clearprop.graph.node import Recorded
from clearprop.graph.parameters import is_layer

PLAIN = (bool, int, float, str, type(None), np.generic, np.dtype, type)
_GROUPS = (set, frozenset, *VIEWS)
"""What has parts, but no places for them."""
CONTAINERS = (list, tuple, Mapping, deque, *_GROUPS)
_OTHERS = sys.stdlib_module_names | {"clearprop", "numpy"}
"""Whose objects are not looked into."""
_INSTALLED = {"site-packages", "dist-packages"}
_OWN = ("_audited", "_given", "_learning", "_members")
"""What layers and networks of ours keep for themselves."""
_NO_OBJECTS = (*PLAIN, *CONTAINERS, *BUFFERS, np.ndarray, Recorded)


def own_classes(kind: type) -> list[type]:
    """The classes of somebody's own that a class is made of."""
    return [cls for cls in kind.__mro__ if cls is not object and is_own(cls.__module__)]


def is_own(module: str | None) -> bool:
    """Whether a module is neither of Python, NumPy nor ours."""
    return (module or "").partition(".")[0] not in _OTHERS


def is_ours(kind: type) -> bool:
    """Whether a class is one of clearprop."""
    return kind.__module__.partition(".")[0] == "clearprop"


@cache
def is_of_library(module: str | None) -> bool:
    """Whether a module is part of an installed library that knows nothing of ours, as torch and
    SciPy: how that works inside is nobody's to change."""
    package = (module or "").partition(".")[0]
    path = Path(getattr(sys.modules.get(package), "__file__", None) or "")
    if _INSTALLED.isdisjoint(path.parts):
        return False
    modules = [m for name, m in [*sys.modules.items()] if name.partition(".")[0] == package]
    return not any(_is_of_clearprop(value) for m in modules for value in [*vars(m).values()])


def _is_of_clearprop(value: Any) -> bool:
    kind = type(value)  # of things that are made when they are first asked for anything
    name = value.__name__ if kind is ModuleType else ""
    if issubclass(kind, type | FunctionType):
        name = str(value.__module__)
    return name.partition(".")[0] == "clearprop"


def is_plain(value: Any) -> bool:
    """Whether a value is known by what it says: numbers, texts, and containers of such alone."""
    if isinstance(value, (*PLAIN, *BUFFERS)):
        return True
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "iub"
    if isinstance(value, Mapping):
        return all(map(is_plain, value.values()))
    return isinstance(value, CONTAINERS) and all(map(is_plain, value))


def classes_in(value: Any) -> Iterator[type]:
    """The classes in a plain value, however deep."""
    if isinstance(value, type):
        yield value
    elif isinstance(value, CONTAINERS):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from classes_in(part)


def is_object(value: Any) -> bool:
    """Whether a value is a plain object: one of a user's own classes, or a namespace."""
    kind = type(value)
    if not is_own(kind.__module__) or isinstance(value, _NO_OBJECTS) or is_layer(value):
        return kind in (SimpleNamespace, Namespace)
    return hasattr(value, "__dict__") or hasattr(value, "__slots__")


def is_foreign_code(value: Any) -> bool:
    """Whether something stands under its own name in a module of Python, NumPy or ours."""
    if isinstance(value, np.ufunc):
        return True
    module = getattr(value, "__module__", None)
    known = sys.modules.get(module or "")
    found = getattr(known, getattr(value, "__name__", ""), None)
    return not is_own(module) and found is value


def is_foreign_descriptor(value: Any) -> bool:
    """Whether something in a class makes an attribute of what it was made of, as `cached_property`
    of a function."""
    return hasattr(type(value), "__get__") and not isinstance(value, FunctionType | property)


def attributes(holder: Any) -> dict[str, Any]:
    """The attributes of a layer or an object and those of its classes, without methods."""
    found: dict[str, Any] = {}
    if isinstance(holder, Enum):  # one of those that there are, and stays as it is
        return found
    for cls in type(holder).__mro__:
        if cls is object or is_ours(cls):
            break
        for name, value in vars(cls).items():
            of_class = is_plain(value) or isinstance(value, np.ufunc | staticmethod)
            of_class |= not (is_of_library(cls.__module__) or hasattr(type(value), "__get__"))
            if not name.startswith("__") and (of_class or _is_slot(value, holder, name)):
                found.setdefault(name, getattr(holder, name))
    come_home(holder)
    found.update(getattr(holder, "__dict__", {}))
    return {n: v for n, v in found.items() if n not in _OWN}


def bound(value: Any) -> dict[str, Any]:
    """What something that can be called was made of: a method, a part of a function, a wrapper."""
    found: dict[str, Any] = {}
    for cls in type(value).__mro__:
        for name, slot in vars(cls).items():
            if _is_slot(slot, value, name):
                found[name] = getattr(value, name)
    found.update(getattr(value, "__dict__", {}))
    owner = getattr(value, "__self__", None)
    return found if owner is None or isinstance(owner, ModuleType) else found | {"__self__": owner}


def _is_slot(value: Any, holder: Any, name: str) -> bool:
    return type(value) is MemberDescriptorType and hasattr(holder, name)


def cells(f: FunctionType) -> list[tuple[Any, str, Any]]:
    """What a function has captured."""
    named = zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
    return [(cell, name, captured(cell, name)) for name, cell in named]


def entries(value: Any) -> list[tuple[Any, Any]]:
    """The entries of a container, with the keys that they are found by."""
    return [*(value.items() if isinstance(value, Mapping) else enumerate(value))]


def content(value: Any) -> Any:
    """What a container holds: plain values as such, all else as the things that they are."""
    if not isinstance(value, CONTAINERS):
        return None
    return [(key, names(part) if is_plain(part) else id(part)) for key, part in entries(value)]


def itself(value: Any) -> Any:
    """The object that a weak proxy stands for; all else as it is."""
    return value.__init__.__self__ if type(value) in ProxyTypes else value


def behind(value: Any) -> list[tuple[str, Any]]:
    """What a thing gives when it is asked, and holds as no attribute."""
    if isinstance(value, Recorded):
        return [("data", value.data)]
    if isinstance(value, ContextVar | ReferenceType):
        return [("", reader(value)(value, "", None))]
    return []


def reader(holder: Any) -> Callable[[Any, Any, Any], Any]:
    """How what stands in something is read: entries, what was captured, or attributes."""
    if isinstance(holder, CONTAINERS):
        return part if isinstance(holder, _GROUPS) else entry
    if isinstance(holder, ContextVar):
        return lambda var, name, default: var.get(default)
    if isinstance(holder, ReferenceType):
        return lambda reference, name, default: reference()
    return captured if isinstance(holder, CellType) else getattr


def entry(holder: Any, key: Any, default: Any = None) -> Any:
    """An entry of a container, as `getattr` gives an attribute."""
    try:
        return holder[key]
    except (KeyError, IndexError):
        return default


def part(holder: Any, key: Any, default: Any = None) -> Any:
    """One of what has no places, by the order in which they come."""
    return next(islice(holder, key, None), default)


def captured(cell: Any, name: str, default: Any = None) -> Any:
    """What a cell holds, which may still be empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return default


def spelt(holder: Any, name: Any) -> str:
    """What something is called to a reader, by what holds it and its name or key there."""
    if isinstance(holder, CONTAINERS):
        return f"the entry {name!r} of a {type(holder).__name__}"
    if isinstance(holder, CellType):
        return f"the variable {name}"
    if isinstance(holder, Names):
        return f"the variable {name} of {vars(holder).get('__name__', 'a module')}"
    if isinstance(holder, ContextVar):
        return f"the context variable {holder.name}"
    if isinstance(holder, ReferenceType):
        return "what a weak reference gives"
    of = holder if isinstance(holder, type | FunctionType | ModuleType) else type(holder)
    return f"{of.__name__}.{name}"


class Names:
    """A module's dictionary, whose names are read as attributes."""

    def __init__(self, names: Any) -> None:
        self.__dict__ = names
