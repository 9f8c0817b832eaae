"""Where in the source the operations of a `forward` stand.

Those that stand at the same place are one group: what a loop over time steps does again and again
is done wrongly in all of them, or in none.
"""

import itertools
import linecache
import sys
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.graph.node import Node
from clearprop.graph.variable import Variable

_OURS = tuple(str(Path(__file__).parents[1] / room) for room in ("graph", "primitives", "checking"))
_NUMPY = str(Path(np.__file__).parent)

SPOKEN = {"clearprop.getitem": "indexing", "clearprop.put_at": "writing"}
"""Operations by what they are in the source."""

Calls = tuple[tuple[Any, int, int], ...]
"""The calls that lead to an operation, outermost last: code, offset in it, line."""


class Placed(Variable):
    """A Variable that knows at which place of the source it was made."""

    __slots__ = ("place",)
    place: Calls

    def __new__(cls, *args: Any) -> "Placed":
        made = super().__new__(cls)
        made.place = _place()
        return made


Placed.made_as = Placed


def _place() -> Calls:
    frame, found = sys._getframe(2), []
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((*_OURS, _NUMPY)):
            found.append((frame.f_code, frame.f_lasti, frame.f_lineno))
        elif found and file.startswith(_OURS[2]):
            break
        frame = frame.f_back
    return tuple(found)


class Group:
    """The operations of one place, in the order in which they were carried out."""

    alone = True
    """Whether no other operation of its line has its name."""

    def __init__(self, place: Calls) -> None:
        self.place, self.nodes = place, list[Node]()
        self._words: tuple[bool, str] | None = None

    def __str__(self) -> str:
        """Where it is, in words."""
        if self._words is None or self._words[0] != self.alone:  # told in each mistake
            self._words = self.alone, self._told()
        return self._words[1]

    def _told(self) -> str:
        name = str(self.nodes[0].operation.name)
        name = SPOKEN.get(name, name)
        if not self.place:
            return name
        code, at, line = self.place[0]
        text = linecache.getline(code.co_filename, line)
        first, last, start, stop = next(itertools.islice(code.co_positions(), at // 2, None))
        if (not self.alone or len(text.strip()) >= 90) and first == last:
            text = text.encode()[start:stop].decode()
        text = text.strip()
        return f"{name} in `{text}`" if 0 < len(text) < 90 else f"{name} in line {line}"
