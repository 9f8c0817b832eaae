"""What a layer's derivatives are taken by: its inputs and its parameters, wherever it keeps them.

The house writes `params = ("W", "b")` and sets `dW`, `db`. Layers that people bring from books
keep them in other ways, all of which are understood:

- a list `params` of arrays beside a list `grads`;
- a mapping `params` beside a mapping `grads`, or with `dW` set for `W`;
- attributes `W` and `dW` without further notice.
"""

import inspect
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clearprop.checking.copies import held_by
from clearprop.graph.parameters import Path, at_path, layers_of, parameter_name
from clearprop.layers import Layer

LABEL_NAMES = ("t", "target", "targets", "label", "labels", "y_true", "mask", "token", "tokens")
INDEX_NAMES = ("idx", "index", "indices", "ids")
CONSTANT_NAMES = frozenset((*LABEL_NAMES, *INDEX_NAMES))
"""Names under which inputs without a derivative are usually passed."""

PARAMETER_NAME = re.compile(r"(W\w{0,3}|w\d?|b\d?|bias\w{0,3}|weights?\w{0,3}|gamma|beta|alpha)")
"""Names under which parameters are usually kept."""


@dataclass(frozen=True)
class Slot:
    """Where a layer keeps a parameter and its derivative."""

    name: str
    holder: str = ""
    """The list or mapping that holds it, "" for an attribute of the layer."""
    key: Any = None
    path: Path = ()
    """The way to the layer inside that has it."""
    attribute: str = ""
    shared: "tuple[Slot, ...]" = ()
    """Where else it is: their derivatives are added."""

    def get(self, layer: Any) -> Any:
        owner = at_path(layer, self.path)
        if self.holder:
            return getattr(owner, self.holder)[self.key]
        return getattr(owner, self.attribute, None)

    def put(self, layer: Any, value: Any) -> None:
        """Write numbers into the layer's own array, so that every name and view of it sees them."""
        array = self.get(layer)
        arrays = isinstance(array, np.ndarray) and isinstance(value, np.ndarray)
        if (
            arrays
            and (array.shape, array.dtype) == (value.shape, value.dtype)
            and array.flags.writeable
        ):
            array[...] = value
        else:
            self.replace(layer, value)

    def replace(self, layer: Any, value: Any) -> None:
        """Put another object in its place, a Variable for example, under each of its names."""
        old = self.get(layer)
        for holder in list(held_by(layer)) if isinstance(old, np.ndarray) else ():
            places = holder if isinstance(holder, dict) else getattr(holder, "__dict__", {})
            for key in [key for key, item in places.items() if item is old]:
                places[key] = value
            for i, item in enumerate(holder if isinstance(holder, list) else ()):
                if item is old:
                    holder[i] = value  # the list may be shared with a layer inside
        owner = at_path(layer, self.path)
        holder = getattr(owner, self.holder, None)
        if not self.holder:
            setattr(owner, self.attribute, value)
        elif isinstance(holder, MutableMapping):
            holder[self.key] = value
        elif isinstance(holder, tuple):
            setattr(owner, self.holder, tuple(value if i is old else i for i in holder))

    def derivative(self, layer: Any) -> Any:
        """What `backward` left as the derivative, `None` if nothing."""
        owner = at_path(layer, self.path)
        if self.holder:
            grads = getattr(owner, "grads", None)
            try:
                return grads[self.key]  # type: ignore[index]
            except (TypeError, KeyError, IndexError):
                pass
        found: list[Any] = [getattr(owner, f"d{self.attribute}", None)]
        found += [slot.derivative(layer) for slot in self.shared]
        return None if any(d is None for d in found) else sum(found[1:], start=found[0])


def declares_parameters(layer: Any) -> bool:
    """Whether the layer, or its class, says what its parameters are."""
    holders = (layer, *(cls for cls in type(layer).__mro__ if cls is not Layer))
    return any("params" in getattr(holder, "__dict__", {}) for holder in holders)


def declared_slots(layer: Any) -> list[Slot]:
    """The parameters that a layer and those inside it declare, each once."""
    found: dict[Any, Slot] = {}
    for path, held in [((), layer)] if runs_alone(layer) else layers_of(layer):
        for slot in _own_slots(held):
            array = slot.get(held)
            key = id(array) if isinstance(array, np.ndarray) else (path, slot.name)
            name = parameter_name(layer, (*path, slot.name)) if path else slot.name
            slot, first = replace(slot, name=name, path=path), found.get(key)
            if first is None:
                found[key] = slot
            elif not first.holder:  # what gathers the arrays of others sums for itself
                found[key] = replace(first, shared=(*first.shared, slot))
    return list(found.values())


def runs_alone(layer: Any) -> bool:
    """Whether what is checked is no layer, but a function or a whole network in its clothes."""
    return getattr(layer, "runs_alone", False)


def _own_slots(layer: Any) -> list[Slot]:
    params = layer.own_params if hasattr(layer, "own_params") else getattr(layer, "params", ())
    if isinstance(params, Mapping):
        return [Slot(str(key), "params", key) for key in params]
    if isinstance(params, str):
        return []
    slots = []
    for i, entry in enumerate(params if isinstance(params, list | tuple) else ()):
        if isinstance(entry, str):
            slots.append(Slot(entry, attribute=entry))
        elif isinstance(entry, np.ndarray):
            names = (n for n, v in getattr(layer, "__dict__", {}).items() if v is entry)
            slots.append(Slot(next(names, f"params[{i}]"), "params", i))
    return slots


def inferred_slots(before: Any, after: Any) -> list[Slot]:
    """The parameters that an undeclaring layer seems to have.

    `before` and `after` are the layer before `forward` and after `backward`: a parameter was there
    before, and either has a derivative `dW` now, or one of the usual names.
    """
    later = getattr(after, "__dict__", {})
    return [
        Slot(name, attribute=name)
        for name, value in getattr(before, "__dict__", {}).items()
        if isinstance(value, np.ndarray)
        and value.dtype.kind == "f"
        and not name.startswith("d")
        and (f"d{name}" in later or PARAMETER_NAME.fullmatch(name))
    ]


def positional(function: Any) -> list[inspect.Parameter]:
    """The arguments that a function takes by their place; none where nobody can tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def input_names(forward: Any, n: int) -> list[str]:
    """The names of the first `n` arguments of `forward`; numbered where it does not name them."""
    names = [p.name for p in positional(forward)]
    return [names[i] if i < len(names) else f"x{i + 1}" for i in range(n)]


def constant_names(layer: Any) -> frozenset[str] | None:
    """The inputs that a layer declares to have no derivative; `None` if it says nothing."""
    for cls in type(layer).__mro__:
        if "constants" in vars(cls) and cls is not Layer:
            return frozenset(vars(cls)["constants"])
    return None
