"""Slips in how a class is made, named: a base class that is not begun with, a frozen one."""

import dis
import inspect
from typing import Any

from clearprop.errors import ConfigError
from clearprop.graph.away import come_home
from clearprop.graph.code import code_of


def check_initialised(thing: Any, lacks: str = "") -> None:
    """Refuse an object on which the `__init__` of a base class has not run.

    It lacks this attribute, or if none is named all, that are set there.

    Errors: `ConfigError`.
    """
    kind, held = type(thing), getattr(thing, "__dict__", {})
    inits = [c for c in kind.__mro__ if "__init__" in vars(c) and c is not object]
    for base in inits[1:]:
        code = code_of(vars(base)["__init__"])
        found = dis.get_instructions(code) if code else ()
        names = dict.fromkeys(i.argval for i in found if i.opname == "STORE_ATTR")
        if lacks in names if lacks else names and held.keys().isdisjoint(names):
            _, *asked = inspect.signature(vars(inits[1])["__init__"]).parameters.values()
            above = kind.__mro__[kind.__mro__.index(inits[0]) + 1]
            plain = all(p.default is not p.empty or p.kind is p.VAR_POSITIONAL for p in asked)
            raise ConfigError(
                f"{inits[0].__name__}.__init__ does not call that of {above.__name__}, which sets "
                f"{', '.join(n for n in names if n[0] != '_')}; begin it with "
                f"super().__init__({'' if plain else '…'})"
            )


def check_not_frozen(thing: Any) -> None:
    """Refuse a frozen dataclass, for a layer keeps on itself what backward needs, and its
    derivatives. Errors: `ConfigError`."""
    kind = type(thing)
    if getattr(getattr(kind, "__dataclass_params__", None), "frozen", False):
        raise ConfigError(
            f"{kind.__name__} is a frozen dataclass, and a layer keeps on itself what backward "
            "needs, and derivatives; write @dataclass(eq=False) above it, without frozen=True"
        )


def missing(thing: Any, name: str) -> Any:
    """Answer an attribute that is not there. Errors: `AttributeError`, those of a property."""
    if not come_home(thing, name):
        check_initialised(thing, name)
    return object.__getattribute__(thing, name)
