"""What a layer draws at random, recorded as a program that makes it of plain random numbers."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.compiler.leaf import Traced, traced
from clearprop.compiler.noise import Draw
from clearprop.compiler.rewriting import is_recorded
from clearprop.compiler.tracing import label
from clearprop.errors import UnsupportedError


class _Hand:
    """In place of a generator: its numbers are leaves, whatever they will be."""

    def __init__(self) -> None:
        self.drawn: dict[Any, str] = {}
        """Leaf → the method of a generator that fills it."""

    def _leaf(self, method: str, size: Any, dtype: Any) -> Traced:
        leaf = traced(np.full(() if size is None else size, 0.5, dtype), method)
        self.drawn[leaf] = method
        return leaf

    def random(self, size: Any = None, dtype: Any = np.float64) -> Traced:
        return self._leaf("random", size, dtype)

    def standard_normal(self, size: Any = None, dtype: Any = np.float64) -> Traced:
        return self._leaf("standard_normal", size, dtype)

    def standard_exponential(self, size: Any = None, dtype: Any = np.float64) -> Traced:
        return self._leaf("standard_exponential", size, dtype)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        return low + (high - low) * self.random(size)

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        return loc + scale * self.standard_normal(size)


def recorded(
    draws: Iterable[Draw], names: dict[int, str]
) -> tuple[list[Any], dict[Any, str], dict[Any, str]]:
    """What layers draw, in order, on leaves of plain random numbers; these; and labels.

    Errors: `UnsupportedError` names a layer that draws otherwise than with NumPy functions of what
    `rng.random`, `uniform`, `standard_normal`, `normal` and `standard_exponential` give.
    """
    hand, outputs = _Hand(), []
    labels: dict[Any, str] = {}
    for draw in draws:
        name = names[id(draw.layer)]
        try:
            found = draw(hand)  # type: ignore[arg-type]
            pairs = zip(found, draw.leaves, strict=True)
            if not all(is_recorded(u) and u.shape == v.shape for u, v in pairs):
                raise UnsupportedError("what it gives does not come from rng")
        except Exception as error:
            raise UnsupportedError(
                f"play: what {name}.draw does cannot be said in JavaScript: {error}; let it "
                "compute with NumPy functions from rng.random, uniform, standard_normal or normal"
            ) from None
        outputs += found
        label(labels, found, f"{name}.draw")
    return outputs, hand.drawn, labels
