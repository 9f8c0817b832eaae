"""The settings that a program was recorded with: another value selects another program."""

from typing import Any

import numpy as np

from clearprop.compiler.tracing import names
from clearprop.graph.parameters import KINDS, names_of
from clearprop.networks.learning import state_names

_PLAIN = (bool, int, float, str, type(None), np.generic, np.dtype, type)


class Watch:
    """Looks whether the layers still hold what a program was recorded with.

    Watched are plain values, containers of them and whole-number arrays, on the layers and on their
    classes, that `forward` did not write itself; and which arrays stand at certain places.
    """

    def __init__(self, recorder: Any, places: list[tuple[Any, str]]) -> None:
        self._places = [(layer, name, _value(layer, name)) for layer, name in places]
        self._settings: list[tuple[Any, str, Any]] = []
        self._contents: list[tuple[Any, str, Any]] = []
        arguments = {(id(layer), name) for layer, name in recorder.settings.values()}
        arguments -= recorder.frozen_settings
        for name, layer in recorder.members.layers.items():
            if name in recorder.as_written:
                continue
            known = {n for kind in KINDS for n in names_of(layer, kind)} | {"params", "frozen"}
            # State that is not made yet selects a program, too.
            known -= {n for n in state_names(layer) if not isinstance(_value(layer, n), np.ndarray)}
            known |= {f"d{n}" for n in known} | recorder.written.get(name, set())
            for attribute, value in _attributes(layer):
                if attribute in known or (id(layer), attribute) in arguments:
                    continue
                if isinstance(value, _PLAIN) or (type(value) is tuple and _is_plain(value)):
                    self._settings.append((layer, attribute, value))
                elif _is_plain(value):
                    self._contents.append((layer, attribute, names(value)))

    def __bool__(self) -> bool:
        """Whether anything is watched."""
        return bool(self._places or self._settings or self._contents)

    def holds(self) -> bool:
        """Whether nothing has changed."""
        for layer, name, array in self._places:
            if _value(layer, name) is not array:
                return False
        for layer, name, value in self._settings:
            now = getattr(layer, name, None)
            if now is not value and (type(now) is not type(value) or now != value):
                return False
        for layer, name, content in self._contents:
            if names(getattr(layer, name, None)) != content:
                return False
        return True


def _value(layer: Any, name: str) -> Any:
    return layer[name] if isinstance(layer, dict) else getattr(layer, name, None)


def _attributes(layer: Any) -> list[tuple[str, Any]]:
    """The attributes of a layer and those of its classes, without methods."""
    found: dict[str, Any] = {}
    for cls in type(layer).__mro__:
        if cls is object or cls.__module__.partition(".")[0] == "clearprop":
            break
        for name, value in vars(cls).items():
            if not name.startswith("__") and _is_plain(value):
                found.setdefault(name, value)
    found.update(getattr(layer, "__dict__", {}))
    return [(n, v) for n, v in found.items() if n not in ("_given", "_members", "_learning")]


def _is_plain(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "iub"
    if isinstance(value, dict):
        value = tuple(value.values())
    within = isinstance(value, list | tuple | set | frozenset) and all(map(_is_plain, value))
    return within or isinstance(value, _PLAIN)
