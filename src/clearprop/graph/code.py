"""The code of a function, and that of the functions within it."""

import inspect
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
