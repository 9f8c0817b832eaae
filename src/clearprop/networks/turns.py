"""Steps of learning in several threads: those that share a layer take turns.

`forward` leaves on a layer what its `backward` needs, so that two steps at once would mix up their
batches. Steps of networks that have no layer in common go on beside each other.
"""

import os
from collections.abc import KeysView
from threading import Condition, get_ident
from typing import Any

Layers = KeysView[int]
"""The layers of a network, the network itself among them, by their id."""


class _Turns:
    """The steps that have begun: in which thread, and the layers that it runs."""

    def __init__(self) -> None:
        self.learning: list[tuple[int, Layers]] = []
        self.change = Condition()

    def forked(self) -> None:
        """In a child process the other threads are gone, and would never end their steps."""
        self.learning = [one for one in self.learning if one[0] == get_ident()]
        self.change = Condition()


_turns = _Turns()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_turns.forked)


class Turn:
    """While it is entered no other thread is in a step with one of these layers."""

    __slots__ = ("_mine",)

    def __init__(self, layers: Layers) -> None:
        self._mine = get_ident(), layers

    def __enter__(self) -> None:
        with _turns.change:
            while any(map(self._is_before, _turns.learning)):
                _turns.change.wait()
            _turns.learning.append(self._mine)

    def _is_before(self, other: tuple[int, Layers]) -> bool:
        (thread, mine), (another, theirs) = self._mine, other
        return thread != another and not mine.isdisjoint(theirs)

    def __exit__(self, *error: Any) -> None:
        with _turns.change:
            _turns.learning.remove(self._mine)
            _turns.change.notify_all()
