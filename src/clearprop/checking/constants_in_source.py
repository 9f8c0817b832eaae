"""Small constants of a forward that cannot be opened: it is run with whole numbers in their place.

They stand in its code, as a default of an argument, as a number of its module, or on the layer.
"""

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any

from clearprop.checking.codes import replaced
from clearprop.checking.evidence import Evidence
from clearprop.checking.nests import hanging, set_at
from clearprop.checking.sources import functions_of

SMALL = 2e-5
"""What is so near a whole number, and is none, was put there to keep away from it."""


def beside(value: float) -> float:
    """By how much a number is beside a whole one, where that is a small constant; else 0."""
    gap = value - round(value) if abs(value) < 1e6 else 0.0
    return gap if abs(gap) <= SMALL else 0.0


def constants_of(e: Evidence) -> dict[float, str]:
    """These constants of forward, each with the name of the function, or of what holds it."""
    found: dict[float, str] = {}
    for function in functions_of(e.trial.run)[0]:
        used = (
            *function.__code__.co_consts,
            *(function.__defaults__ or ()),
            *_globals(function).values(),
        )
        for value in used:
            if is_small(value):
                found.setdefault(abs(beside(value)), function.__name__)
    for path, value in hanging(e.trial.layer).items():
        if is_small(value):
            found.setdefault(abs(beside(value)), f"self.{path[-1]}")
    return found


@contextmanager
def bare(e: Evidence) -> Iterator[Evidence]:
    """The same evidence, whose forward has whole numbers in place of such constants meanwhile."""
    twin = copy.copy(e)
    twin.trial, twin._worker = e.trial.variant(e.trial.inputs), None
    for path, value in hanging(twin.trial.layer).items():
        if is_small(value):
            set_at(twin.trial.layer, path, float(round(value)))
    functions = functions_of(e.trial.run)[0]
    with replaced({f: _rounded(f.__code__) for f in functions}), _numbers_rounded(functions):
        twin.out = twin.trial.run().vector
        yield twin


@contextmanager
def _numbers_rounded(functions: Iterable[FunctionType]) -> Iterator[None]:
    """Let the defaults of functions, and the numbers of their modules, be whole for a while."""
    defaults = {f: f.__defaults__ for f in functions}
    numbers = [(f.__globals__, n, x) for f in functions for n, x in _globals(f).items()]
    try:
        for f, given in defaults.items():
            f.__defaults__ = given and tuple(map(_rounded, given))
        for room, name, x in numbers:
            room[name] = _rounded(x)
        yield
    finally:
        for f, given in defaults.items():
            f.__defaults__ = given
        for room, name, x in numbers:
            room[name] = x


def is_small(value: Any) -> bool:
    """Whether a number is nearly a whole one, and none."""
    return isinstance(value, float) and beside(value) != 0


def _rounded(value: Any) -> Any:
    """A number, or a code with all its numbers, without such constants."""
    if isinstance(value, CodeType):
        return value.replace(co_consts=tuple(map(_rounded, value.co_consts)))
    return float(round(value)) if is_small(value) else value


def _globals(function: FunctionType) -> dict[str, float]:
    """The numbers of its module that a function names, if they are such constants."""
    names, held = function.__code__.co_names, function.__globals__
    return {name: held[name] for name in names if is_small(held.get(name))}
