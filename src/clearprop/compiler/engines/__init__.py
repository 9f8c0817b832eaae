"""Engines: from a recording to a program. Each is a module of this package that has `program`."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Protocol, cast

from clearprop.compiler.program import Program
from clearprop.compiler.tracing import Trace
from clearprop.errors import ConfigError


class Engine(Protocol):
    """What every engine offers."""

    def program(
        self,
        trace: Trace,
        function: str,
        title: str,
        *,
        stored: Mapping[Any, Any] = ...,
        gathered: Mapping[Any, Any] = ...,
        replaces: Mapping[int, Any] = ...,
        checks: bool = ...,
        label_checks: bool = ...,
    ) -> Program:
        """Make a program of a recording.

        Called with a value for every leaf of `trace` that is neither stored nor gathered, in their
        order, it gives the outputs that replace nothing: one alone, or a tuple.

        - `function`: what the program calls itself; `title`: what it says it is;
        - `stored`: leaf → the array that it reads, and that is given once;
        - `gathered`: leaf → a larger array; the numbers of the rows that make up the leaf are then
          the first argument of each call;
        - `replaces`: the number of an output → the stored leaf whose array it overwrites, after
          everything has been read;
        - `checks`: whether nothing is overwritten unless the first output, a loss, and all that is
          to be written are finite; the program says by a last result whether it was;
        - `label_checks`: whether each call checks its labels, as all may have been checked before.

        Errors: `UnsupportedError` names the function, and the layer it stands in, for which the
        engine has no spelling.
        """
        ...


def engines() -> list[str]:
    """The names of the engines that there are.

    >>> engines()
    ['numpy']
    """
    names = (module.name for module in iter_modules(__path__))
    return [name for name in names if hasattr(import_module(f"{__name__}.{name}"), "program")]


def engine(name: str) -> Engine:
    """The engine of this name. Errors: `ConfigError` lists those there are."""
    known = engines()
    if name not in known:
        raise ConfigError(f"there is no engine {name!r}; there are {', '.join(known)}")
    return cast(Engine, import_module(f"{__name__}.{name}"))
