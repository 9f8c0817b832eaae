"""The settings that a program was recorded with: another value selects another program."""

from collections.abc import Callable, Iterable
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from clearprop.compiler.holding import (
    CONTAINERS,
    PLAIN,
    Names,
    attributes,
    behind,
    bound,
    cells,
    classes_in,
    content,
    entries,
    is_foreign_code,
    is_foreign_descriptor,
    is_object,
    is_of_library,
    is_own,
    is_plain,
    itself,
    own_classes,
    reader,
    spelt,
)
from clearprop.compiler.outside import METHODS, mentioned, methods, named, read, stored
from clearprop.compiler.side_effects import Outside
from clearprop.compiler.tracing import BUFFERS, names
from clearprop.graph.constants import is_fixed, is_same
from clearprop.graph.node import Recorded
from clearprop.graph.parameters import KINDS, is_layer, names_of
from clearprop.networks.audit import Hanging
from clearprop.networks.learning import state_names
from clearprop.networks.members import hanging as hanging_on

Noted = tuple[Callable[..., Any], Any, Any, Any]
"""How a place is read, what holds it, its name or key there, and what was found."""


_BY_VALUE = (*PLAIN, *CONTAINERS, *BUFFERS, np.ndarray)


class Watch:
    """Looks whether the layers still hold what a program was recorded with.

    Watched are plain values, containers of them and whole-number arrays, on the layers, on their
    classes and on plain objects that they hold, that `forward` did not write itself; of which class
    they are; which functions and objects these are, and what those hold, are bound to and made of;
    and which arrays stand at certain places. So are the methods of a user's own classes, also those
    of objects, what these and the functions that they call read of their modules and have captured,
    float arrays among it, what all these mention of modules and classes, and of functions and other
    objects, the layers that a function calls, and whether a layer or a function has got an
    attribute that they mention and that it had not.
    """

    def __init__(
        self,
        recorder: Any,
        places: Iterable[tuple[Any, str]] = (),
        others: Iterable[Any] = (),
        functions: Iterable[Any] = (),
        hanging: Iterable[Hanging] = (),
    ) -> None:
        self._places: list[Noted] = []
        self._settings: list[Noted] = []
        self._contents: list[Noted] = []
        self._mixed: list[Noted] = []
        self._arrays: list[Noted] = []
        self._lengths: list[list[Any]] = []
        """What is looked at for attributes that come late: names, how many, and which may not."""
        self._kept: list[Any] = []
        self._seen: dict[int, Any] = {}
        """What is known by its id, and stays, so that nothing else gets that."""
        self._entered: set[tuple[int, bool]] = set()
        """The containers that have been looked into, and whether for float arrays, too."""
        self._spaces: list[Any] = []
        """Modules, classes, functions and objects that are none of somebody's own, of which is
        noted what is mentioned in the code that is run."""
        self._said: set[str] = set()
        """All that is mentioned there."""
        self._audited: set[int] = set()
        """The layers of the network: it checks which these are, and audits their float arrays."""
        for layer, name in places:
            self._places.append((getattr, layer, name, getattr(layer, name, None)))
        if recorder is not None:  # each of these is looked at by itself
            self._seen = {id(layer): layer for layer in recorder.members.layers.values()}
            self._audited = {*self._seen}
            self._look_at_members(recorder)
        for i, f in enumerate(held := [*functions]):
            self._note(held, i, f)
        for thing in others:
            self._settings.append((getattr, thing, "__class__", type(thing)))
            self._look_at_methods(thing, ())
        self._hang(hanging)
        self._look_into_spaces()

    def _look_into_spaces(self) -> None:
        """Note what the code mentions of modules and classes; that may lead to other code."""
        known: set[tuple[int, str]] = set()
        while found := [
            noted
            for space in self._spaces
            for noted in named(space, self._said)
            if (id(space), noted[1]) not in known
        ]:
            for holder, name, value in found:
                known.add((id(holder), name))
                self._note(holder, name, value, get=getattr)
        for space in self._spaces:
            held = getattr(space, "__dict__", None)
            if held is not None and not isinstance(space, type | ModuleType):
                self._lengths.append([held, len(held), self._said.difference(held)])

    def _look_at_members(self, recorder: Any) -> None:
        arguments = {(id(layer), name) for layer, name in recorder.settings.values()}
        arguments -= recorder.frozen_settings
        for name, layer in recorder.members.layers.items():
            if name in recorder.as_written:
                continue
            known = {n for kind in KINDS for n in names_of(layer, kind)} | {"params", "frozen"}
            # State that is not made yet selects a program, too, and what holds fixed arrays.
            unlike = {n: getattr(layer, n, None) for n in state_names(layer)}
            unlike |= {n: getattr(layer, n) for n in names_of(layer, "fixed")}
            unlike = {n: v for n, v in unlike.items() if not isinstance(v, np.ndarray)}
            known -= unlike.keys()
            for n, value in unlike.items():
                self._hang((layer, *found) for found in hanging_on(value, (n,)))
            known |= {f"d{n}" for n in known} | recorder.written.get(name, set())
            known |= {n for holder, n in arguments if holder == id(layer)}
            self._look(layer, known)
            self._look_at_methods(layer, known)

    def _hang(self, hanging: Iterable[Hanging]) -> None:
        """Note arrays at the ends of paths, and what stands on the way."""
        for holder, path, array in hanging:
            for step in path:
                get = reader(holder)
                value = get(holder, step, None)
                self._places.append((get, holder, step, value))
                if value is array:
                    self._arrays.append((get, holder, step, array.copy()))
                holder = value

    def _look(self, holder: Any, known: Iterable[str] = ()) -> None:
        """Note what a layer holds, or an object that a layer holds, and of which class it is: a
        notebook that loads a file again gives what was made before the new class."""
        self._settings.append((getattr, holder, "__class__", type(holder)))
        for name, value in attributes(holder).items():
            if name not in known:
                self._note(holder, name, value, id(holder) not in self._audited, getattr)

    def _note(
        self, holder: Any, name: Any, value: Any, floats: bool = True, get: Any = None
    ) -> None:
        """Note what stands at a place, and is read so; without `floats`, no float arrays, alone or
        in a row."""
        place = get or reader(holder), holder, name
        if isinstance(value, np.ndarray) and not is_plain(value):
            if floats:
                self._places.append((*place, value))
                if not is_fixed(value):
                    self._arrays.append((*place, np.array(value)))  # masked ones, too
        elif isinstance(value, PLAIN) or (
            type(value) is tuple and all(isinstance(part, PLAIN) for part in value)
        ):
            self._settings.append((*place, value))
        elif is_plain(value):
            self._contents.append((*place, names(value)))
        elif isinstance(value, CONTAINERS):
            parts = [(key, part) for key, part in entries(value) if not is_plain(part)]
            if floats or not all(is_layer(part) for _, part in parts):
                self._mixed.append((*place, content(value)))
            if (id(value), floats) not in self._entered:
                self._entered.add((id(value), floats))
                self._kept.append(value)
                for key, part in parts:
                    self._note(value, key, part, floats)
        elif isinstance(value, MethodType):  # bound anew each time that it is read, and then equal
            self._settings.append((*place, value))
        elif floats or not is_layer(value):
            self._places.append((*place, value))
        self._look_into(value)

    def _look_into(self, value: Any) -> None:
        """Note what a thing that is known by which it is holds, is bound to, or made of."""
        value = itself(value)
        if isinstance(value, CONTAINERS) and is_plain(value):
            for kind in classes_in(value):
                self._look_into(kind)
        by_value = isinstance(value, _BY_VALUE) and not isinstance(value, type)
        if by_value and not hasattr(value, "__dict__"):
            return
        if id(value) in self._seen or is_foreign_code(value):
            return
        self._seen[id(value)] = value
        for name, part in behind(value):
            self._note(value, name, part)
        if isinstance(value, type):
            self._spaces.append(value)
            self._look_at_class(value)
            self._look_into(type(value))
        elif is_layer(value):
            kept = {name for cls in type(value).__mro__ for name in stored(cls)}
            self._look(value, kept)
            self._look_at_methods(value, kept)
        elif isinstance(value, FunctionType):
            self._read(value)
        elif is_object(value) or (by_value and is_own(type(value).__module__)):
            self._look(value)
            self._look_at_methods(value, ())
        elif callable(value):
            self._look_at_bound(value)
        elif not isinstance(value, Recorded):
            self._spaces.append(value)

    def _look_at_bound(self, value: Any) -> None:
        for name, part in bound(value).items():
            self._note(value, name, part, get=getattr)

    def _look_at_class(self, kind: type) -> set[str]:
        """Note the methods of a class, and what they mention of it; gives all that they mention."""
        said: set[str] = set()
        own = [cls for cls in own_classes(kind) if not is_of_library(cls.__module__)]
        for cls in own:
            for value in [*vars(cls).values()]:
                if is_object(value):
                    self._look_into(value)
                elif is_foreign_descriptor(value):
                    self._look_at_bound(value)
        for cls, name, f in methods(own):
            if is_own(f.__globals__.get("__name__")):  # no wrapper of ours
                said |= mentioned(f.__code__)
            if id(f) not in self._seen:
                self._seen[id(f)] = f
                value = getattr(cls, name)
                if not isinstance(value, MethodType):  # a class method is bound anew each time
                    self._places.append((getattr, cls, name, value))
                self._read(f)
        return said

    def _look_at_methods(self, thing: Any, known: Iterable[str]) -> None:
        """Note the methods of a user's own classes, what they read outside, and what may come."""
        said = self._look_at_class(type(thing))
        if not is_object(thing):  # of a layer, or an optimizer
            said |= {*METHODS}
        for held in (getattr(thing, "__dict__", {}), *map(vars, own_classes(type(thing)))):
            late = {n for n in said.difference(known) if n not in held}
            # What the class has is looked at, but for methods, in place of which others may come.
            of_class = [n for n in late if hasattr(type(thing), n)]
            late -= {n for n in of_class if not callable(getattr(type(thing), n))}
            if late:
                self._lengths.append([held, len(held), late])

    def _read(self, f: FunctionType) -> None:
        """Note what a function reads outside of itself."""
        self._spaces.append(f)
        for cell in cells(f):
            self._note(*cell)
        module = f.__globals__.get("__name__")
        if is_own(module) and not is_of_library(module):
            self._said |= mentioned(f.__code__)
            # The same function may get another body, by those who load a file again.
            self._places.append((getattr, f, "__code__", f.__code__))
            for name in ("__defaults__", "__kwdefaults__"):
                self._note(f, name, getattr(f, name))
            for noted in read(f):
                self._note(*noted)

    def outside(self) -> Outside:
        """What stands now at these places, and in what is there and in the modules of the code."""
        noted = (self._places, self._settings, self._contents, self._mixed)
        places = [(get, holder, name) for notes in noted for get, holder, name, _ in notes]
        functions = [f for f in self._seen.values() if isinstance(f, FunctionType)]
        of_modules = [(getattr, Names(f.__globals__), "") for f in functions]
        return Outside([*places, *of_modules], self._said)

    def changed(self) -> str:
        """What has changed, as it is called to a reader; empty if nothing has."""
        for get, holder, name, value in self._places:
            if get(holder, name, None) is not value:
                return spelt(holder, name)
        for get, holder, name, value in self._settings:
            now = get(holder, name, None)
            if now is not value and (type(now) is not type(value) or now != value):
                return spelt(holder, name)
        for noted in self._lengths:
            held, length, late = noted
            if len(held) != length:
                if not late.isdisjoint(held):
                    return f"the attribute {min(late.intersection(held))}"
                noted[1] = len(held)
        for get, holder, name, value in self._contents:
            if names(get(holder, name, None)) != value:
                return spelt(holder, name)
        for get, holder, name, value in self._mixed:
            if content(get(holder, name, None)) != value:
                return spelt(holder, name)
        for get, holder, name, value in self._arrays:  # when it is known that all are still there
            if not is_same(value, get(holder, name, None)):
                return spelt(holder, name)
        return ""
