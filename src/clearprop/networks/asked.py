"""What a method asks for, by what is written in it."""

import inspect
from collections.abc import Iterator
from types import CodeType
from typing import Any


def names_asked_for(method: Any) -> set[str]:
    """The names of attributes and functions that a method asks for, none for what is no function.

    >>> sorted(names_asked_for(lambda self, x: [self.fc(np.tanh(part)) for part in x]))
    ['fc', 'np', 'tanh']
    """
    code = getattr(inspect.unwrap(method), "__code__", None) if callable(method) else None
    return set() if code is None else set(_names(code))


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:  # functions inside it
        if isinstance(inner, CodeType):
            yield from _names(inner)
