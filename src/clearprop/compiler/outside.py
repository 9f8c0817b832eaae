"""What methods and functions read from outside: names of their module, and what they captured."""

from collections.abc import Iterable, Iterator
from dis import get_instructions
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from clearprop.compiler.holding import is_own, own_classes

METHODS = (
    *("update", "change", "formula", "settings", "decayed", "clipped", "__call__", "forward"),
    *("backward", "infer", "draw", "next_state"),
    *("predict", "loss", "gradient", "loss_and_gradient"),
)
"""What may be assigned to an object in place of the method of its class."""

_NOT_RUN = ("samples", "__init__", "__new__", "__repr__", "__str__", "__eq__", "__hash__")


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
            if name not in _NOT_RUN and isinstance(f, FunctionType):
                yield kind, name, f


def read(f: FunctionType) -> Iterator[tuple[Any, str, Any]]:
    """The names that a function reads outside of itself: what holds them, and what they are."""
    names, holder = mentioned(f.__code__), _Names(f.__globals__)
    for name in names & f.__globals__.keys():
        value = f.__globals__[name]
        yield holder, name, value
        # A module, or a class that is a place for names, as in `settings.gain`.
        if isinstance(value, type):
            yield from of_class(value, names)
        elif isinstance(value, ModuleType) and is_own(value.__name__):
            for inner in names & vars(value).keys():
                yield value, inner, getattr(value, inner)


def of_class(kind: type, names: set[str]) -> Iterator[tuple[type, str, Any]]:
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
