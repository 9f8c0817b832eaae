"""The global sources of random numbers, which a library leaves alone."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import numpy as np


@contextmanager
def undrawn(generators: Iterable[Any] = ()) -> Iterator[None]:
    """Put the global random states of NumPy and Python back at the end, and those of generators."""
    legacy = np.random.get_state(legacy=False)  # noqa: NPY002
    python = sys.modules.get("random")  # where nobody has loaded it, no state of it is known yet
    state = python.getstate() if python else None
    states = [(g, g.bit_generator.state) for g in generators]
    try:
        yield
    finally:
        np.random.set_state(legacy)  # noqa: NPY002
        if python:
            python.setstate(state)
        for g, state in states:
            g.bit_generator.state = state


def with_own_generators(layers: Iterable[Any]) -> None:
    """Let copies of layers draw from copies of their generators: the layers may be at work."""
    own: dict[int, np.random.Generator] = {}
    for held in [vars(layer) for layer in layers if hasattr(layer, "__dict__")]:
        for name, value in held.items():
            if isinstance(value, np.random.Generator):
                if id(value) not in own:
                    own[id(value)] = deepcopy(value)
                held[name] = own[id(value)]


def generators_in(layers: Iterable[Any]) -> "list[np.random.Generator]":
    """The generators among the attributes of layers."""
    held = (value for layer in layers for value in getattr(layer, "__dict__", {}).values())
    return [value for value in held if isinstance(value, np.random.Generator)]
