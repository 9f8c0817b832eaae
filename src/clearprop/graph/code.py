"""The code of a function, and that of the functions within it."""

import dis
import inspect
import linecache
from collections.abc import Iterator
from types import CodeType
from typing import Any


def code_of(function: Any) -> CodeType | None:
    """The code of a function behind its decorators; `None` for what has none in Python."""
    return getattr(inspect.unwrap(function), "__code__", None)


def codes(code: CodeType) -> Iterator[CodeType]:
    """A piece of code and those of the functions, classes and lambdas in it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from codes(inner)


def numbers_in(function: Any) -> list[float]:
    """The floats that are written in a function, and in those that it holds."""
    code = code_of(function)
    found = [x for c in (codes(code) if code else ()) for x in c.co_consts if type(x) is float]
    held = [c.cell_contents for c in getattr(function, "__closure__", None) or ()]
    inner = (numbers_in(f) for f in held if inspect.isfunction(f))
    return [*found, *(x for numbers in inner for x in numbers)]


def lines_reading(function: Any, attribute: str) -> Iterator[str]:
    """The lines of a function, as they are written, that read an attribute of this name."""
    code = code_of(function)
    for part in codes(code) if code is not None else ():
        for step in dis.get_instructions(part):
            line = step.positions and step.positions.lineno
            if line and step.opname in ("LOAD_ATTR", "LOAD_METHOD") and step.argval == attribute:
                yield linecache.getline(part.co_filename, line).strip()
