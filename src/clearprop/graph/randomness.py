"""The global sources of random numbers, which a library leaves alone."""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def undrawn(generators: Iterable[Any] = ()) -> Iterator[None]:
    """Put the global random states of NumPy and Python back at the end, and those of generators."""
    legacy, python = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    states = [(g, g.bit_generator.state) for g in generators]
    try:
        yield
    finally:
        np.random.set_state(legacy)  # noqa: NPY002
        random.setstate(python)
        for g, state in states:
            g.bit_generator.state = state


def generators_in(layers: Iterable[Any]) -> "list[np.random.Generator]":
    """The generators among the attributes of layers."""
    held = (value for layer in layers for value in getattr(layer, "__dict__", {}).values())
    return [value for value in held if isinstance(value, np.random.Generator)]
