"""What a function changes outside of itself while it is recorded: it is found, and undone."""

from collections import ChainMap, UserDict, deque
from collections.abc import Iterable, Iterator
from types import CellType, FunctionType, ModuleType
from typing import Any

import numpy as np

from clearprop.compiler.holding import Names, captured, is_object, is_own, is_plain, spelt
from clearprop.compiler.tracing import names
from clearprop.graph.away import come_home
from clearprop.graph.node import Recorded
from clearprop.graph.parameters import is_layer

_NOTHING = object()
_DICTS = (dict, UserDict, ChainMap)
_CONTAINERS = (list, deque, set, *_DICTS, tuple)
_PLACES = (Names, ModuleType, FunctionType, type)


class Outside:
    """What stands in containers, objects, classes, modules and captured variables, as it is now.

    `places` are how they are read, holders and the names there. Of attributes and of the names of a
    module those count that are `said` in the code, and what is recorded: others may do what they
    like to theirs meanwhile. Arrays are not looked into: a write of what is recorded into one is
    refused anyway.
    """

    def __init__(self, places: Iterable[tuple[Any, Any, Any]], said: Iterable[str]) -> None:
        self._said = frozenset(said)
        self._held: dict[int, tuple[Any, str, dict[Any, Any]]] = {}
        """By id what holds something, how it is called, and what it holds."""
        found: list[tuple[Any, str]] = []
        for get, holder, name in places:
            found.append((holder, called := spelt(holder, name)))
            if not isinstance(holder, _CONTAINERS):  # which are looked into as a whole
                found.append((get(holder, name, None), called))
        for thing in found:  # once all are read, which may change something, too
            self._look(*thing)

    def _look(self, thing: Any, called: str) -> None:
        if id(thing) in self._held or (found := self._in(thing)) is None:
            return
        self._held[id(thing)] = thing, called, found
        if isinstance(thing, _CONTAINERS):
            for value in found.values():
                self._look(value, called)

    def now(self) -> "Outside":
        """What the same things hold now."""
        other = Outside((), self._said)
        for thing, called, _ in self._held.values():
            other._look(thing, called)
        return other

    def changed(self, kind: type = object) -> str:
        """What holds something else now, of this kind, as it is called to a reader; or nothing.

        What is kept on layers and objects from one method to the next, and is no plain value, does
        not count.
        """
        for thing, key, _, new in self._changes():
            if isinstance(new, kind) and isinstance(thing, (*_CONTAINERS, CellType)):
                return self._held[id(thing)][1]
            if isinstance(new, kind) and (isinstance(thing, _PLACES) or is_plain(new)):
                return spelt(thing, key)
        return ""

    def keeps(self, kind: type) -> bool:
        """Whether anything of this kind has come to it."""
        return any(isinstance(new, kind) for *_, new in self._changes())

    def restore(self) -> None:
        """Put back what was there."""
        for thing, key, value, _ in [*self._changes()]:
            if isinstance(thing, list | deque | set):
                before = self._held[id(thing)][2]
                thing.clear()
                thing.update(before) if isinstance(thing, set) else thing.extend(before.values())
            elif isinstance(thing, _DICTS):
                thing.pop(key, None) if value is _NOTHING else thing.update({key: value})
            else:
                delattr(thing, key) if value is _NOTHING else setattr(thing, key, value)

    def _changes(self) -> Iterator[tuple[Any, Any, Any, Any]]:
        """What holds something else than it did, where, what it held there, and what it holds."""
        for thing, _, before in self._held.values():
            now = self._in(thing) or {}
            for key in {**before, **now}:
                old, new = before.get(key, _NOTHING), now.get(key, _NOTHING)
                shared = not isinstance(thing, (*_CONTAINERS, CellType)) and key not in self._said
                if not _same(old, new) and (isinstance(new, Recorded) or not shared):
                    yield thing, key, old, new

    def _in(self, thing: Any) -> dict[Any, Any] | None:
        """What stands in something that can be changed; `None` for what is no such thing."""
        if isinstance(thing, list | deque | tuple):
            return dict(enumerate(thing))
        if isinstance(thing, set):
            return dict.fromkeys(thing)
        if isinstance(thing, _DICTS):
            return dict(thing)
        if isinstance(thing, CellType):
            value = captured(thing, "", _NOTHING)
            return {} if value is _NOTHING else {"cell_contents": value}
        kind = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", "")
        own = isinstance(thing, type | ModuleType) and is_own(kind)
        if own or isinstance(thing, Names | FunctionType) or is_layer(thing) or is_object(thing):
            come_home(thing)
            return dict(getattr(thing, "__dict__", {}))
        return None


def _same(old: Any, new: Any) -> bool:
    if old is new or type(old) is not type(new):
        return old is new
    if isinstance(old, np.ndarray):
        return np.array_equal(old, new)
    return is_plain(old) and names(old) == names(new)
