"""The noise of a program: drawn in every call, into buffers where that is plain."""

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.compiler.leaf import Traced
from clearprop.compiler.rewriting import is_recorded
from clearprop.graph.node import parts

METHODS = ("random", "standard_normal", "standard_exponential")
"""What a generator can draw into `out=`."""


class Draw:
    """The noise of one layer: leaves, and how to draw for them in every call."""

    def __init__(self, layer: Any, inputs: tuple[Any, ...], leaves: tuple[Traced, ...]) -> None:
        self.layer = layer
        self.leaves = leaves
        self._like = tuple(
            np.broadcast_to(np.zeros((), x.dtype), x.shape) if is_recorded(x) else x for x in inputs
        )

    def __call__(self, rng: np.random.Generator) -> tuple[Any, ...]:
        """Draw for one call; the arrays must have the shapes that they were recorded with."""
        return parts(self.layer.draw(rng, *self._like))


class _Noting(np.random.Generator):
    """A generator that notes which of its methods gave which array."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(copy.deepcopy(rng.bit_generator))
        self.noted: list[tuple[str, Any]] = []


def _noting(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = getattr(np.random.Generator, name)(self, *args, **kwargs)
        self.noted.append((name, made))
        return made

    return method


for _name in METHODS:
    setattr(_Noting, _name, _noting(_name))


def plain_draws(draws: Iterable[Draw], rng: np.random.Generator) -> dict[Traced, str] | None:
    """For each leaf the method of the generator that fills it, if that is all that `draw` does.

    `None` if any layer does more: then all draw as they are written, in the same order.
    """
    noting, again = _Noting(rng), copy.deepcopy(rng)
    methods: dict[Traced, str] = {}
    for draw in draws:
        noting.noted.clear()
        found = draw(noting)
        if len(found) != len(noting.noted):
            return None
        for leaf, array, (method, made) in zip(draw.leaves, found, noting.noted, strict=True):
            if array is not made or not array.ndim:
                return None
            out = np.empty_like(array)
            getattr(again, method)(dtype=array.dtype, out=out)
            if not np.array_equal(out, array):
                return None
            methods[leaf] = method
    same = repr(noting.bit_generator.state) == repr(again.bit_generator.state)
    return methods if same else None
