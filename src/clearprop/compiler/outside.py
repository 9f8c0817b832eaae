"""What methods and functions read from outside: names of their module, and what they captured."""

import sys
from collections.abc import Iterable, Iterator
from dis import get_instructions
from functools import lru_cache
from types import (
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

from clearprop.compiler.holding import Names, is_of_library, is_ours, is_own, is_plain, own_classes
from clearprop.graph.code import codes

Noted = tuple[Any, str, Any]
"""What holds something, its name there, and what it is."""

METHODS = (
    *("update", "change", "formula", "settings", "decayed", "clipped", "__call__", "forward"),
    *("backward", "infer", "draw", "next_state"),
    *("predict", "loss", "gradient", "loss_and_gradient"),
)
"""What may be assigned to an object in place of the method of its class."""

_LOADS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
"""The instructions of Python by which code reads what is neither its own nor captured."""

_BY_TEXT = {"globals", "eval", "exec"}
"""Functions that find names by texts."""

_ASKED_FOR = {"getenv": "environ"}
"""What functions of `os` read of it, by what they are called."""

_COMPUTED = (property, GetSetDescriptorType, MemberDescriptorType)
"""What gives an attribute that stands in no dictionary."""

_NOT_RUN = ("samples", "__init__", "__new__", "__repr__", "__str__", "__eq__", "__hash__")


def methods(kinds: Iterable[type]) -> Iterator[tuple[type, str, FunctionType]]:
    """The methods that these classes define themselves, and where they are held."""
    for kind in kinds:
        for name, value in [*vars(kind).items()]:
            if isinstance(value, property):
                value = value.fget
            f = getattr(value, "__func__", value)  # of static methods and class methods
            while name not in _NOT_RUN and isinstance(f, FunctionType):
                yield kind, name, f
                f = getattr(f, "__wrapped__", None)


def read(f: FunctionType) -> Iterator[Noted]:
    """The names that a function reads outside of itself: what holds them, and what they are.

    What stands only behind a point, as in `self.x`, or in a text, as in `p["x"]`, is no such name.
    """
    held, modules = Names(f.__globals__), Names(sys.modules)
    loaded, imported = _loaded(f.__code__)
    names = mentioned(f.__code__)
    if names & _ASKED_FOR.keys():
        imported |= {"os"}
    if loaded & _BY_TEXT or "__globals__" in names or {"sys", "modules"} <= names:
        loaded = names  # a text may be the name of a global
    yield from named(held, loaded)
    package = f.__globals__.get("__package__")
    yield from named(modules, imported | {f"{package}.{name}".strip(".") for name in imported})


def named(holder: Any, names: Iterable[str]) -> list[Noted]:
    """What these names are in a module, on a function, on an object of Python, NumPy or ours, or
    in somebody's own class, which is a place for names, too, but for the functions that it defines;
    of classes of a library, and of what Python, NumPy and we have, only plain values count."""
    if isinstance(holder, Names | FunctionType) or _is_own_module(holder):
        return [(holder, name, vars(holder)[name]) for name in vars(holder).keys() & names]
    if isinstance(holder, ModuleType):
        names = {*names, *(_ASKED_FOR[name] for name in _ASKED_FOR.keys() & names)}
        inside = [(holder, name, vars(holder)[name]) for name in vars(holder).keys() & names]
        return [noted for noted in inside if is_plain(noted[2])]
    if not isinstance(holder, type):
        return _of_object(holder, {*names})
    found: dict[str, Any] = {}
    for cls in own_classes(holder):
        inside = is_of_library(cls.__module__)
        for name in (vars(cls).keys() & names) - found.keys():
            value = vars(cls)[name] if inside else getattr(holder, name, None)
            function = isinstance(value, FunctionType | MethodType | property)
            if is_plain(value) if inside else not function:
                found[name] = value
    return [(holder, name, value) for name, value in found.items()]


def _is_own_module(holder: Any) -> bool:
    return isinstance(holder, ModuleType) and is_own(holder.__name__)


def _of_object(holder: Any, names: set[str]) -> list[Noted]:
    """The attributes with these names, and those that the methods ask for which have such a name or
    are called by an operator; how ours work is no business of theirs."""
    kinds = {name: value for cls in type(holder).__mro__[::-1] for name, value in vars(cls).items()}
    asked = {name for name in kinds if name in names or name.startswith("__")} - {*_NOT_RUN}
    known = {*names}
    while asked and not is_ours(type(holder)):
        value = kinds[asked.pop()]
        f = value.fget if isinstance(value, property) else value
        if isinstance(f, FunctionType):
            new = mentioned(f.__code__) - known
            known |= new
            asked |= new & kinds.keys()
    held = getattr(holder, "__dict__", {})
    found: list[Noted] = [(holder, name, held[name]) for name in held.keys() & known]
    for name in (known - {"__dict__", "__class__"}) & kinds.keys():
        if isinstance(kinds[name], _COMPUTED):
            try:
                value = getattr(holder, name)
            except Exception:  # it is not to be had, then
                continue
            if is_plain(value) or isinstance(kinds[name], MemberDescriptorType):
                found.append((holder, name, value))
    return found


@lru_cache(1024)
def _loaded(code: CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """The names that code reads which are neither its own nor captured, and modules it imports."""
    found = [i for each in codes(code) for i in get_instructions(each)]
    loaded = frozenset(i.argval for i in found if i.opname in _LOADS)
    return loaded, frozenset(i.argval for i in found if i.opname == "IMPORT_NAME")


def mentioned(code: CodeType) -> set[str]:
    """The names, and texts that may be names, in a piece of code and those within it."""
    found: set[str] = set()
    for each in codes(code):
        texts = (c for c in each.co_consts if isinstance(c, str) and c.isidentifier())
        found.update(each.co_names, texts)
    return found


def stored(kind: type) -> set[str]:
    """The attributes that the methods of a class write, but for its `__init__`."""
    found: set[str] = set()
    for name, value in vars(kind).items():
        f = getattr(value, "__wrapped__", value)
        if isinstance(f, FunctionType) and name != "__init__":
            found |= {i.argval for i in get_instructions(f) if i.opname == "STORE_ATTR"}
    return found
