"""How layers of other hands are kept: see `strangers_elementwise` and its like."""

from collections.abc import Callable
from typing import Any, NamedTuple

FAULTS = []


def h(kinds, arguments):
    """Enter a faulty layer with the kinds of a right diagnosis and the arguments at fault."""

    def enter(cls):
        kinds_of = kinds if isinstance(kinds, tuple) else (kinds,)
        FAULTS.append((cls, kinds_of, set(arguments.split())))
        return cls

    return enter


def collection():
    """A list of layers, and what enters a right one with mistakes to be made in it.

    A mistake is a piece of source, what stands there instead, the arguments whose derivatives it
    spoils, and the kinds of cause that are true of it.
    """
    layers = []

    def layer(name, source, call, *mistakes, compared=True):
        layers.append((name, source, call, mistakes, compared))

    return layers, layer


class Pair(NamedTuple):
    """A function and its backward, or its slope."""

    f: Callable[..., Any]
    df: Callable[..., Any]
