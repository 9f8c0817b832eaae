"""What methods and functions read from outside: names of their module, and what they captured."""

from collections.abc import Iterable, Iterator
from dis import get_instructions
from types import CodeType, FunctionType, ModuleType
from typing import Any

_NOT_RUN = ("samples",)


class _Names:
    """A module's dictionary, whose names are read as attributes."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.__dict__ = names


def methods(kinds: Iterable[type]) -> Iterator[tuple[type, str, FunctionType]]:
    """The methods that these classes define themselves, and where they are held."""
    for kind in kinds:
        for name, value in [*vars(kind).items()]:
            if isinstance(value, property):
                value = value.fget
            f = getattr(value, "__func__", value)  # of static methods and class methods
            f = getattr(f, "__wrapped__", f)
            run = name == "__call__" or not (name in _NOT_RUN or name.startswith("__"))
            if run and isinstance(f, FunctionType):
                yield kind, name, f


def read(f: FunctionType) -> Iterator[tuple[Any, str]]:
    """The names that a function reads outside of itself, with what holds them as attributes."""
    names, holder = mentioned(f.__code__), _Names(f.__globals__)
    for name in names & f.__globals__.keys():
        value = f.__globals__[name]
        yield holder, name
        # A module, or a class that is a place for names, as in `settings.gain`.
        if isinstance(value, ModuleType | type):
            for inner in names & vars(value).keys():
                yield value, inner
    for cell in f.__closure__ or ():
        yield cell, "cell_contents"


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
