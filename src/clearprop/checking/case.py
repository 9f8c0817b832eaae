"""A wrong derivative, as the patterns see it, and what they say of it."""

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from clearprop.checking.evidence import Evidence, index_at
from clearprop.checking.findings import Kind
from clearprop.checking.run import LayerRaised
from clearprop.graph.node import parts


class Guess(NamedTuple):
    """What may have gone wrong, and what backward would have given then.

    Without a candidate it is known already. What it is held against, if not what backward gave, is
    `target`; `factor` is the factor, if it is one.
    """

    kind: Kind
    message: str
    candidate: Any = None
    target: np.ndarray | None = None
    factor: float | None = None


Guesses = Iterator[tuple[Any, ...]]
"""The fields of the guesses that a pattern makes: the first that holds is taken."""


@dataclass
class Case:
    """A wrong derivative: `a` by backward, `t` the true one (NaN where unknown), under `dout`.

    `skip` marks elements without a derivative.
    """

    e: Evidence
    name: str
    a: np.ndarray
    t: np.ndarray
    dout: np.ndarray
    skip: np.ndarray = field(default_factory=lambda: np.array(False))

    @cached_property
    def known(self) -> np.ndarray:
        return np.isfinite(self.t) & ~self.skip

    def axes(self, axes: tuple[int, ...]) -> str:
        """Axes of the argument in words."""
        return in_words(axes, self.t.ndim, self.e.trial.arguments[self.name].slot is None)

    @cached_property
    def size(self) -> float:
        """The largest true element."""
        return float(np.max(np.abs(self.t), initial=0.0, where=self.known))

    @cached_property
    def apart(self) -> float:
        """How far the two are apart at worst."""
        if self.a.shape != self.t.shape:
            return np.inf
        return float(np.max(np.abs(self.a - self.t), initial=0.0, where=self.known))

    @property
    def tiny(self) -> float:
        """What part of the whole counts as 0: differences are less exact than the opened graph."""
        return 1e-10 if self.e.opened else 1e-6

    def explains(self, candidate: Any, target: np.ndarray | None = None) -> bool:
        """Whether a candidate is what backward gave: to all digits, and so of the difference."""
        candidate = np.asarray(candidate)
        if target is None:
            target, (worst, near) = self.a, self._at_worst
            if candidate.shape == target.shape and abs(candidate[worst] - target[worst]) > near:
                return False
        if candidate.shape != target.shape:
            return False
        known = self.known if target.shape == self.known.shape else np.isfinite(candidate)
        known = known & np.isfinite(candidate)
        if not known.any():
            return False
        whole = float(np.max(np.abs(target), initial=0.0, where=known))
        far = float(np.max(np.abs(candidate - target), initial=0.0, where=known))
        return far <= self._near(whole)

    def _near(self, whole: float) -> float:
        """How far what explains may be off, where the largest element is so large."""
        exact = max(1e-8 if self.e.opened else 1e-4, 30 * self.e.eps)
        return max(min(exact * whole, 1e-2 * self.apart), 1e-13 * max(whole, self.size))

    @cached_property
    def _at_worst(self) -> tuple[tuple[int, ...], float]:
        """The element that is furthest off, and how far what explains may be off there."""
        if self.a.shape != self.t.shape:
            return (0,) * self.a.ndim, np.inf
        worst = np.argmax(np.where(self.known, np.abs(self.a - self.t), -1.0))
        whole = float(np.max(np.abs(self.a), initial=0.0, where=self.known))
        return index_at(worst, self.a.shape), self._near(whole)

    @cached_property
    def wrong(self) -> np.ndarray:
        """The elements that differ; all, where they are too few to show a pattern."""
        far = self.known & (np.abs(self.a - self.t) > 1e-6 * np.abs(self.t))
        return far if np.count_nonzero(far) >= 3 else self.known

    def scope(self) -> Iterator[tuple[str, np.ndarray]]:
        """What a backward could be made of, by name: inputs, outputs, parameters, kept values."""
        trial, run = self.e.trial, self.e.run
        nodes = self.e.opened.graph.nodes if self.e.opened else ()
        several = len(run.outputs) > 1
        found = [
            *zip(trial.input_names, trial.inputs, strict=True),
            *((f"out{i}" if several else "out", out) for i, out in enumerate(run.outputs, 1)),
            *((name, a.value) for name, a in trial.arguments.items() if a.slot),
            *_captured(run.cache),
            *(
                (f"self.{name}[{i}]" if isinstance(value, tuple | list) else f"self.{name}", item)
                for name, value in getattr(run.layer, "__dict__", {}).items()
                if not name.startswith("d") and name not in ("params", "grads")
                for i, item in enumerate(parts(value))
            ),
            *(
                (f"(the result of {node.operation.name})", node.out)
                for node in nodes
                if isinstance(node.out, np.ndarray) and node.out.dtype.kind == "f"
            ),
        ]
        seen: set[int] = set()
        for name, z in found:
            numeric = isinstance(z, np.ndarray | np.generic) and z.dtype.kind in "fiub"
            if numeric and id(z) not in seen:
                seen.add(id(z))
                yield name, np.asarray(z, np.float64)

    def constants(self) -> Iterator[tuple[str, np.ndarray]]:
        """The inputs and kept values that nothing is differentiated by."""
        own = {*self.e.trial.arguments, "out"}
        for name, z in self.scope():
            if name not in own and not name.startswith("("):
                yield name, z

    def fitting(self, shape: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray]]:
        """The values of the scope that broadcast to a shape, in that shape."""
        for name, z in self.scope():
            if broadcasts(z.shape, shape):
                yield name, np.broadcast_to(z, shape)

    @property
    def douts(self) -> list[np.ndarray]:
        return [np.asarray(d) for d in self.e.run.douts(self.dout)]

    def true(self, dout: np.ndarray) -> np.ndarray | None:
        """The true derivative under another `dout`, where it is to be had."""
        found = self.e.true(dout).get(self.name)
        return found if found is not None and np.isfinite(found).all() else None

    def pulled(self, dout: np.ndarray, anew: bool = False) -> np.ndarray | None:
        """What backward gives under another `dout`, if it still has the same shape."""
        try:
            found = self.e.pull(dout, anew).get(self.name)
        except LayerRaised:
            return None
        return found if found is not None and found.shape == self.a.shape else None

    @cached_property
    def by_output(self) -> np.ndarray | None:
        """What backward gives for each element of the output by itself: (outputs, *argument)."""
        rows = [self.pulled(row) for row in np.eye(self.dout.size)]
        return None if any(row is None for row in rows) else np.array(rows)


def _captured(f: Any) -> Iterator[tuple[str, Any]]:
    """What a function that forward has handed out keeps of its variables."""
    if isinstance(f, FunctionType):
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            with suppress(ValueError):  # not set yet
                yield name, cell.cell_contents


def broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether an array of one shape broadcasts to another."""
    backward = zip(reversed(shape), reversed(to), strict=False)
    return len(shape) <= len(to) and all(n in (1, m) for n, m in backward)


def axes_of(n: int) -> Iterator[tuple[int, ...]]:
    """Every choice of some of n axes, the small ones first."""
    for count in range(1, n + 1):
        yield from itertools.combinations(range(n), count)


def in_words(axes: tuple[int, ...], ndim: int, batch: bool = True) -> str:
    """Axes for people; of inputs and outputs, the first is the batch."""
    if len(axes) == ndim:
        return "all axes"
    if axes == (0,) and batch:
        return "the batch (axis 0)"
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
