"""The settings that a program was recorded with: another value selects another program."""

import sys
from argparse import Namespace
from collections import deque
from collections.abc import Iterable, Mapping
from types import FunctionType, MemberDescriptorType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from clearprop.compiler.outside import mentioned, methods, read, stored
from clearprop.compiler.tracing import names
from clearprop.graph.constants import is_fixed, is_same
from clearprop.graph.node import Recorded
from clearprop.graph.parameters import KINDS, is_layer, names_of
from clearprop.networks.audit import Hanging
from clearprop.networks.learning import state_names
from clearprop.networks.members import hanging as hanging_on

_PLAIN = (bool, int, float, str, type(None), np.generic, np.dtype, type)
_CONTAINERS = (list, tuple, dict, deque)
_OTHERS = sys.stdlib_module_names | {"clearprop", "numpy"}
"""Whose objects are not looked into."""
_NO_OBJECTS = (*_PLAIN, np.ndarray, list, tuple, set, frozenset, Mapping, Recorded)


class Watch:
    """Looks whether the layers still hold what a program was recorded with.

    Watched are plain values, containers of them and whole-number arrays, on the layers, on their
    classes and on plain objects that they hold, that `forward` did not write itself; of which class
    they are; which functions and objects these are; and which arrays stand at certain places. So
    are the methods of a user's own classes, also those of objects, what these and the functions
    that they call read of their modules and have captured, float arrays among it, the layers that a
    function calls, and whether a layer has got an attribute that they mention and that it had not.
    """

    def __init__(
        self,
        recorder: Any,
        places: Iterable[tuple[Any, str]] = (),
        others: Iterable[Any] = (),
        functions: Iterable[Any] = (),
        hanging: Iterable[Hanging] = (),
    ) -> None:
        self._places = [(layer, name, _value(layer, name)) for layer, name in places]
        self._settings: list[tuple[Any, str, Any]] = []
        self._contents: list[tuple[Any, str, Any]] = []
        self._mixed: list[tuple[Any, str, Any]] = []
        self._arrays: list[tuple[Any, str, Any]] = []
        self._lengths: list[list[Any]] = []
        """What is looked at for attributes that come late: names, how many, and which may not."""
        self._seen: dict[int, Any] = {}
        """What is known by its id, and stays, so that nothing else gets that."""
        if recorder is not None:  # each of these is looked at by itself, below
            self._seen = {id(layer): layer for layer in recorder.members.layers.values()}
        for f in functions:
            f = getattr(f, "__func__", f)
            if isinstance(f, FunctionType):
                self._read(f)
        if recorder is None:
            return
        arguments = {(id(layer), name) for layer, name in recorder.settings.values()}
        arguments -= recorder.frozen_settings
        for name, layer in recorder.members.layers.items():
            if name in recorder.as_written:
                continue
            known = {n for kind in KINDS for n in names_of(layer, kind)} | {"params", "frozen"}
            # State that is not made yet selects a program, too, and what holds fixed arrays.
            unlike = (*state_names(layer), *names_of(layer, "fixed"))
            unlike = [n for n in unlike if not isinstance(_value(layer, n), np.ndarray)]
            known -= {*unlike}
            for n in unlike:
                self._hang((layer, *found) for found in hanging_on(_value(layer, n), (n,)))
            known |= {f"d{n}" for n in known} | recorder.written.get(name, set())
            known |= {n for holder, n in arguments if holder == id(layer)}
            self._look(layer, known)
            self._look_at_methods(layer, known)
        for thing in others:
            self._settings.append((thing, "__class__", type(thing)))
            self._look_at_methods(thing, ())
        self._hang(hanging)

    def _hang(self, hanging: Iterable[Hanging]) -> None:
        """Note arrays at the ends of paths, and what stands on the way."""
        for holder, path, array in hanging:
            for step in path:
                before, holder = holder, _value(holder, step)
                self._places.append((before, step, holder))
            self._arrays.append((before, path[-1], array.copy()))

    def _look(self, holder: Any, known: Iterable[str] = ()) -> None:
        """Note what a layer holds, or an object that a layer holds, and of which class it is: a
        notebook that loads a file again gives what was made before the new class."""
        self._settings.append((holder, "__class__", type(holder)))
        for name, value in _attributes(holder):
            if name not in known:
                self._note(holder, name, value)

    def _note(self, holder: Any, name: str, value: Any) -> None:
        """Note what stands at a place."""
        if isinstance(value, _PLAIN) or (type(value) is tuple and _is_plain(value)):
            self._settings.append((holder, name, value))
        elif _is_plain(value):
            self._contents.append((holder, name, names(value)))
        elif _is_itself(value):
            self._places.append((holder, name, value))
            self._look_into(value)
        elif is_layer(value):
            self._look_at_layer(value)
        elif is_layer(holder) and not isinstance(value, _CONTAINERS):
            return  # what a layer holds besides is found in the graph of the loss
        elif isinstance(value, np.ndarray):
            self._places.append((holder, name, value))
            if not is_fixed(value):
                self._arrays.append((holder, name, value.copy()))
        elif isinstance(value, _CONTAINERS):
            parts = _parts(value)
            if all(_is_plain(part) or _is_itself(part) or _is_array(part) for _, part in parts):
                self._mixed.append((holder, name, _mixed(parts)))
            for key, part in parts:
                if _is_array(part) and not is_layer(holder):
                    self._note(value, key, part)
                elif is_layer(part):
                    self._look_at_layer(part)
                else:
                    self._look_into(part)

    def _look_at_layer(self, layer: Any) -> None:
        """Note what a layer holds that is called without being a network's."""
        if id(layer) not in self._seen:
            self._seen[id(layer)] = layer
            kept = {name for cls in type(layer).__mro__ for name in stored(cls)}
            self._look(layer, kept)
            self._look_at_methods(layer, kept)

    def _look_at_methods(self, thing: Any, known: Iterable[str]) -> None:
        """Note the methods of a user's own classes, what they read outside, and what may come."""
        said: set[str] = set()
        for kind, name, f in methods(_own_classes(type(thing))):
            said |= mentioned(f.__code__)
            if id(f) not in self._seen:
                value = getattr(kind, name)
                if getattr(kind, name) is value:  # a class method is bound anew each time
                    self._places.append((kind, name, value))
                self._read(f)
        for held in (getattr(thing, "__dict__", {}), *map(vars, _own_classes(type(thing)))):
            late = {n for n in said.difference(known) if n not in held}
            # What the class has is looked at, but for methods, in place of which others may come.
            of_class = [n for n in late if hasattr(type(thing), n)]
            late -= {n for n in of_class if not callable(getattr(type(thing), n))}
            if late:
                self._lengths.append([held, len(held), late])

    def _read(self, f: FunctionType) -> None:
        """Note what a function reads outside of itself."""
        if id(f) in self._seen:
            return
        self._seen[id(f)] = f
        # The same function may get another body, by those who load a file again.
        for name in ("__code__", "__defaults__", "__kwdefaults__"):
            value = getattr(f, name)
            self._places.append((f, name, value))
            self._note(f, name, value)
        for holder, name in read(f):
            value = getattr(holder, name, None)  # a cell may still be empty
            if isinstance(value, FunctionType):
                if _is_own(value.__module__):
                    self._places.append((holder, name, value))
                    self._read(value)
            elif not isinstance(value, ModuleType | type | np.ufunc):
                self._note(holder, name, value)

    def _look_into(self, value: Any) -> None:
        inside = getattr(value, "__func__", getattr(value, "func", value))  # bound, or in part
        if isinstance(inside, FunctionType):
            if _is_own(inside.__module__):
                self._read(inside)
        elif id(value) not in self._seen:
            self._seen[id(value)] = value
            if _is_object(value):
                self._look(value)
                self._look_at_methods(value, ())

    def __bool__(self) -> bool:
        """Whether anything is watched."""
        lists = self._places, self._settings, self._contents, self._mixed, self._lengths
        return any(lists)

    def holds(self) -> bool:
        """Whether nothing has changed."""
        for layer, name, array in self._places:
            if _value(layer, name) is not array:
                return False
        for layer, name, value in self._settings:
            now = getattr(layer, name, None)
            if now is not value and (type(now) is not type(value) or now != value):
                return False
        for entry in self._lengths:
            held, length, late = entry
            if len(held) != length:
                if not late.isdisjoint(held):
                    return False
                entry[1] = len(held)
        for layer, name, content in self._contents:
            if names(getattr(layer, name, None)) != content:
                return False
        for layer, name, content in self._mixed:
            now = getattr(layer, name, None)
            if not isinstance(now, _CONTAINERS) or _mixed(_parts(now)) != content:
                return False
        # When it is known that all are still there.
        return all(is_same(array, _value(layer, name)) for layer, name, array in self._arrays)


def _own_classes(kind: type) -> list[type]:
    """The classes of somebody's own that a class is made of."""
    return [cls for cls in kind.__mro__ if cls is not object and _is_own(cls.__module__)]


def _is_own(module: str | None) -> bool:
    return (module or "").partition(".")[0] not in _OTHERS


def _parts(value: Any) -> list[tuple[Any, Any]]:
    return [*(value.items() if isinstance(value, dict) else enumerate(value))]


def _mixed(parts: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Plain values as such, functions and objects as the ones that they are."""
    return [(key, names(part) if _is_plain(part) else id(part)) for key, part in parts]


def _value(layer: Any, name: Any) -> Any:
    if isinstance(layer, Mapping):
        return layer.get(name)
    if isinstance(layer, _CONTAINERS) and isinstance(name, int):
        return layer[name] if name < len(layer) else None
    return getattr(layer, name, None)


def _attributes(holder: Any) -> list[tuple[str, Any]]:
    """The attributes of a layer or an object and those of its classes, without methods."""
    found: dict[str, Any] = {}
    for cls in type(holder).__mro__:
        if cls is object or cls.__module__.partition(".")[0] == "clearprop":
            break
        for name, value in vars(cls).items():
            of_class = _is_plain(value) or isinstance(value, np.ufunc | staticmethod)
            slot = type(value) is MemberDescriptorType and hasattr(holder, name)
            own = _is_object(value) and not hasattr(type(value), "__get__")
            if not name.startswith("__") and (of_class or slot or own):
                found.setdefault(name, getattr(holder, name))
    found.update(getattr(holder, "__dict__", {}))
    return [(n, v) for n, v in found.items() if n not in ("_given", "_members", "_learning")]


def _is_itself(value: Any) -> bool:
    """Whether a value is known by which it is: a function, or an object."""
    if isinstance(value, type | Recorded) or is_layer(value):
        return False
    return callable(value) or _is_object(value)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _is_object(value: Any) -> bool:
    """Whether a value is a plain object: one of a user's own classes, or a namespace."""
    kind = type(value)
    if not _is_own(kind.__module__) or isinstance(value, _NO_OBJECTS) or is_layer(value):
        return kind in (SimpleNamespace, Namespace)
    return hasattr(value, "__dict__") or hasattr(value, "__slots__")


def _is_plain(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "iub"
    if isinstance(value, dict):
        value = tuple(value.values())
    within = isinstance(value, list | tuple | deque | set | frozenset) and all(
        map(_is_plain, value)
    )
    return within or isinstance(value, _PLAIN)
