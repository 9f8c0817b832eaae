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
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.checking.copies import held_by
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

    def get(self, layer: Any) -> Any:
        if self.holder:
            return getattr(layer, self.holder)[self.key]
        return getattr(layer, self.name, None)

    def put(self, layer: Any, value: Any) -> None:
        """Write numbers into the layer's own array, so that every name and view of it sees them."""
        array = self.get(layer)
        if (
            isinstance(array, np.ndarray)
            and isinstance(value, np.ndarray)
            and array.shape == value.shape
            and array.dtype == value.dtype
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
        if not self.holder:
            setattr(layer, self.name, value)
        elif isinstance(getattr(layer, self.holder), MutableMapping):
            getattr(layer, self.holder)[self.key] = value
        elif isinstance(getattr(layer, self.holder), tuple):
            items = tuple(value if i is old else i for i in getattr(layer, self.holder))
            setattr(layer, self.holder, items)

    def derivative(self, layer: Any) -> Any:
        """What `backward` left as the derivative, `None` if nothing."""
        if self.holder:
            grads = getattr(layer, "grads", None)
            try:
                return grads[self.key]  # type: ignore[index]
            except (TypeError, KeyError, IndexError):
                pass
        return getattr(layer, f"d{self.name}", None)


def declares_parameters(layer: Any) -> bool:
    """Whether the layer, or its class, says what its parameters are."""
    if "params" in getattr(layer, "__dict__", {}):
        return True
    classes = type(layer).__mro__
    return any("params" in vars(cls) for cls in classes if cls is not Layer)


def declared_slots(layer: Any) -> list[Slot]:
    """The parameters that a layer declares."""
    params = getattr(layer, "params", ())
    if isinstance(params, Mapping):
        return [Slot(str(key), "params", key) for key in params]
    if isinstance(params, str):
        return []
    slots = []
    for i, entry in enumerate(params if isinstance(params, list | tuple) else ()):
        if isinstance(entry, str):
            slots.append(Slot(entry))
        elif isinstance(entry, np.ndarray):
            slots.append(Slot(_alias(layer, entry) or f"params[{i}]", "params", i))
    return slots


def inferred_slots(before: Any, after: Any) -> list[Slot]:
    """The parameters that an undeclaring layer seems to have.

    `before` and `after` are the layer before `forward` and after `backward`: a parameter was there
    before, and either has a derivative `dW` now, or one of the usual names.
    """
    attributes = getattr(before, "__dict__", {})
    later = getattr(after, "__dict__", {})
    return [
        Slot(name)
        for name, value in attributes.items()
        if _is_float_array(value)
        and not name.startswith("d")
        and (f"d{name}" in later or PARAMETER_NAME.fullmatch(name))
    ]


def _alias(layer: Any, array: np.ndarray) -> str | None:
    for name, value in getattr(layer, "__dict__", {}).items():
        if value is array:
            return name
    return None


def _is_float_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def input_names(forward: Any, n: int) -> list[str]:
    """The names of the first `n` arguments of `forward`; numbered where it does not name them."""
    try:
        parameters = inspect.signature(forward).parameters.values()
    except (TypeError, ValueError):
        parameters = ()
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [names[i] if i < len(names) else f"x{i + 1}" for i in range(n)]


def constant_names(layer: Any) -> frozenset[str] | None:
    """The inputs that a layer declares to have no derivative; `None` if it says nothing."""
    for cls in type(layer).__mro__:
        if "constants" in vars(cls) and cls is not Layer:
            return frozenset(vars(cls)["constants"])
    return None
