"""What methods and functions read from outside: names of their module, and what they captured."""

import sys
from collections.abc import Iterable, Iterator
from dis import get_instructions
from functools import lru_cache
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from clearprop.compiler.holding import Names, is_own, own_classes

Noted = tuple[Any, str, Any]
"""What holds something, its name there, and what it is."""

METHODS = (
    *("update", "change", "formula", "settings", "decayed", "clipped", "__call__", "forward"),
    *("backward", "infer", "draw", "next_state"),
    *("predict", "loss", "gradient", "loss_and_gradient"),
)
"""What may be assigned to an object in place of the method of its class."""

_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS", "IMPORT_NAME")
"""The instructions of Python by which code reads what is neither its own nor captured."""

_BY_TEXT = {"globals", "__globals__", "modules", "eval", "exec"}
"""Where one of these is read, a text may be the name of a global."""

_NOT_RUN = ("samples", "__init__", "__new__", "__repr__", "__str__", "__eq__", "__hash__")


def methods(kinds: Iterable[type]) -> Iterator[tuple[type, str, FunctionType]]:
    """The methods that these classes define themselves, and where they are held."""
    for kind in kinds:
        for name, value in [*vars(kind).items()]:
            if isinstance(value, property):
                value = value.fget
            f = getattr(value, "__func__", value)  # of static methods and class methods
            f = getattr(f, "__wrapped__", f)
            if name not in _NOT_RUN and isinstance(f, FunctionType):
                yield kind, name, f


def read(f: FunctionType) -> Iterable[Noted]:
    """The names that a function reads outside of itself: what holds them, and what they are.

    What stands only behind a point, as in `self.x`, or in a text, as in `p["x"]`, is no such name.
    Where a module or a class is handed on whole, as in `s = settings`, it may be one of that.
    """
    names, held, modules = mentioned(f.__code__), Names(f.__globals__), Names(sys.modules)
    ahead: list[tuple[Any, tuple[str, ...]]] = []
    for imported, path in _paths(f.__code__):
        ahead.append((modules if imported else held, path))
        if imported:  # it may be a part of the function's own package
            part = f"{f.__globals__.get('__package__')}.{path[0]}"
            ahead.append((modules, (part.strip("."),)))
        if not _BY_TEXT.isdisjoint(path):
            ahead.append((held, ()))
    found: dict[Any, Noted] = {}
    done: set[Any] = set()
    while ahead:
        holder, path = ahead.pop()
        for noted in _held(holder, {path[0]} if path else names):
            place, rest = (id(holder), noted[1]), path[1:]
            if (place, rest) not in done:
                done.add((place, rest))
                found[place] = noted
                ahead.append((noted[2], rest))
    return found.values()


@lru_cache(1024)
def _paths(code: CodeType) -> set[tuple[bool, tuple[str, ...]]]:
    """What code reads outside, with what stands behind the points: `settings.gain`.

    Each as names in a row, and whether the first is that of a module which is imported there.
    """
    found: set[tuple[bool, tuple[str, ...]]] = set()
    path: list[str] = []
    imported = False
    for i in get_instructions(code):
        if path and i.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            path.append(i.argval)
            continue
        if path:
            found.add((imported, (*path,)))
        path = [i.argval] if i.opname in _LOADS else []
        imported = i.opname == "IMPORT_NAME"
    return found.union(*(_paths(part) for part in code.co_consts if isinstance(part, CodeType)))


def _held(holder: Any, names: set[str]) -> Iterable[Noted]:
    """What these names are in a module, or in a class, which is a place for names, too."""
    if isinstance(holder, type):
        return of_class(holder, names)
    if isinstance(holder, Names) or (isinstance(holder, ModuleType) and is_own(holder.__name__)):
        return [(holder, name, vars(holder)[name]) for name in names & vars(holder).keys()]
    return ()


def of_class(kind: type, names: set[str]) -> Iterator[Noted]:
    """What these names are in somebody's own class, but for the functions that it defines."""
    held = {name for cls in own_classes(kind) for name in vars(cls)}
    for name in names & held:
        value = getattr(kind, name, None)
        if not isinstance(value, FunctionType | MethodType | property):
            yield kind, name, value


def mentioned(code: CodeType) -> set[str]:
    """The names, and texts that may be names, in a piece of code and those within it."""
    found = {*code.co_names}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= mentioned(constant)
        elif isinstance(constant, str) and constant.isidentifier():
            found.add(constant)
    return found


def stored(kind: type) -> set[str]:
    """The attributes that the methods of a class write, but for its `__init__`."""
    found: set[str] = set()
    for name, value in vars(kind).items():
        f = getattr(value, "__wrapped__", value)
        if isinstance(f, FunctionType) and name != "__init__":
            found |= {i.argval for i in get_instructions(f) if i.opname == "STORE_ATTR"}
    return found
