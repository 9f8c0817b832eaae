"""Learning and looking: which state and which noise a pass of a network sees.

A step of learning takes over the state that the step before left, uses noise that no step has
used, and leaves its own state to the next. Everything else looks: it sees the state that the last
step saw, draws again from a copy of the generator as it stood when that step began, and changes
nothing. So a gradient and its differences agree in either order.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from clearprop.errors import DataError, ShapeError
from clearprop.graph.node import parts
from clearprop.graph.parameters import names_of

Key = tuple[str, str]
"""The name of a layer, and the name of its state."""


class Learning:
    """What a network remembers of its last step: `seen` state, `left` state, the generator."""

    def __init__(self) -> None:
        self._seen: dict[Key, Any] = {}
        self._left: dict[Key, Any] = {}
        self._before: Any = None
        self._had: list[tuple[Key, Any, Any]] = []
        """What each layer had when the last step began: its key, the layer, the value."""
        self.ran: list[tuple[str, Any]] = []
        """The layers that ran in this step, by name."""

    def begin(
        self, members: Any, rng: "np.random.Generator", rows: int | None, apart: bool = False
    ) -> None:
        """Begin a step by the state that the last left; `apart`: it will write into the arrays."""
        if members.noisy:
            self._before = rng.bit_generator.state
        self._had = []
        for name, layer, attribute, carried in members.stateful:
            value = getattr(layer, attribute)
            self._had.append(((name, attribute), layer, value))
            if carried:
                value = with_rows(value, rows, f"{name}.{attribute}")
                setattr(layer, attribute, value)
            self._seen[name, attribute] = copy.copy(value) if apart else value
            self._left[name, attribute] = value

    def now(self, members: Any, layer: Any, attribute: str) -> None:
        """Note that what a layer holds was left by a step, and not assigned by somebody."""
        self._left[members.names[id(layer)], attribute] = getattr(layer, attribute)

    def leave(self, members: Any, ran: Iterable[tuple[str, Any]]) -> None:
        """End a step: each layer's own `next_state`, of its last use, is left to the next step."""
        new = {}
        for name, run in ran if members.stateful else ():
            layer = members.layers.get(name)
            if layer is not None and state_names(layer):
                new.update(next_state(name, layer, run))
        for (name, attribute), value in new.items():
            self._left[name, attribute] = value
            setattr(members.layers[name], attribute, value)

    def undo(self, members: Any, rng: "np.random.Generator") -> None:
        """Take back a failed step; looking sees its state and noise, to find what was wrong."""
        if members.noisy:
            rng.bit_generator.state = self._before
        for key, layer, value in self._had:
            self._seen[key] = self._left[key] = value
            setattr(layer, key[1], value)

    def generator(self, rng: "np.random.Generator") -> "np.random.Generator":
        """A copy of the generator, as it stood when the last step began."""
        twin = copy.deepcopy(rng)
        if self._before is not None:
            twin.bit_generator.state = self._before
        return twin

    def memory(self, members: Any) -> tuple[dict[Key, Any], Any]:
        """What looking sees: the state that the last step saw, and its generator before it."""
        seen = {
            (name, attribute): self._last_seen(name, attribute, getattr(layer, attribute))
            for name, layer, attribute, _ in members.stateful
        }
        return seen, self._before

    def recall(self, members: Any, seen: Mapping[Key, Any], before: Any) -> None:
        """Remember what `memory` gave, where the layers have the state that this step left."""
        for name, layer, attribute, _ in members.stateful:
            if (name, attribute) in seen:
                self._seen[name, attribute] = seen[name, attribute]
                self._left[name, attribute] = getattr(layer, attribute)
        self._before = before

    def show(self, members: Any, copies: Mapping[int, Any], formula: str, rows: int | None) -> None:
        """Give copies of the layers the state that looking sees."""
        for name, layer, attribute, carried in members.stateful:
            value = getattr(layer, attribute)
            if formula == "forward":
                value = self._last_seen(name, attribute, value)
            elif carried and value is not None:
                value = np.zeros_like(value)
            if carried:
                value = with_rows(value, rows, f"{name}.{attribute}")
            setattr(copies[id(layer)], attribute, value)

    def astype(self, members: Any, dtype: Any) -> None:
        """Cast the state of the layers, and what the last step saw."""
        for name, layer, attribute, _ in members.stateful:
            value = getattr(layer, attribute)
            if getattr(getattr(value, "dtype", None), "kind", "") == "f":
                seen = self._last_seen(name, attribute, value)
                value = value.astype(dtype)
                self._seen[name, attribute] = None if seen is None else seen.astype(dtype)
                self._left[name, attribute] = value
                setattr(layer, attribute, value)

    def _last_seen(self, name: str, attribute: str, value: Any) -> Any:
        """What the last step saw, unless somebody has assigned another array since."""
        if self._left.get((name, attribute), self) is not value:
            return value
        return self._seen[name, attribute]


def next_state(name: str, layer: Any, run: Any) -> dict[Key, Any]:
    """The new state of a layer, by what the copy that ran has kept. Errors: `ShapeError`."""
    names, found = state_names(layer), parts(run.next_state())
    if len(found) != len(names):
        raise ShapeError(
            f"{name}.next_state gave {len(found)} arrays for the state {', '.join(names)}; "
            "return one new value for each name, in order"
        )
    new = {}
    for attribute, value in zip(names, found, strict=True):
        # A copy, since it may be the batch itself, or an array that cannot be written into.
        old, value = getattr(layer, attribute), np.array(getattr(value, "data", value))
        if isinstance(old, np.ndarray) and attribute in names_of(layer, "state"):
            if old.shape != value.shape:
                raise ShapeError(
                    f"{name}.next_state gave {attribute} the shape {value.shape}, "
                    f"but it has shape {old.shape}; they must be the same"
                )
            value = value.astype(old.dtype, copy=False)
        new[name, attribute] = value
    return new


def state_names(layer: Any) -> tuple[str, ...]:
    """The names of what a layer leaves to the next step, in the order of `next_state`."""
    return names_of(layer, "state") + names_of(layer, "carried")


def with_rows(value: Any, rows: int | None, name: str) -> Any:
    """Carried state for a batch: zeros take its number of rows. Errors: `DataError`."""
    if rows is None or np.ndim(value) < 1 or len(value) == rows:
        return value
    if not np.any(value):
        return value if value.ndim == 1 else np.zeros((rows, *value.shape[1:]), value.dtype)
    raise DataError(
        f"{name} {np.shape(value)} is carried on from a batch of {len(value)} samples, and this "
        f"batch has {rows}; give batches of one size, in order, or call network.reset() first"
    )


def rows_of(x: Any) -> int | None:
    """How many samples a batch has; of several inputs, the first says so."""
    if isinstance(x, tuple):
        x = x[0] if x else None
    shape = x.shape if hasattr(x, "shape") else np.shape(x)
    return shape[0] if shape else None
