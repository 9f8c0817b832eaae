"""Outline: which nodes of a graph a picture shows, and what flows between them.

An outline knows nothing of places and pixels. It is a tree of scopes: the graph itself, and inside
it the inside of every layer or network that was opened. In each scope there are items (what is
drawn) and flows (a value, from the item that makes it to the items that use it). Where a flow comes
from outside, through an opened frame's border, it has no source; where it leaves, its end has no
item.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "input", "parameter", "constant", "operation", "layer", "fold", "output", "fork", "frame"
]
LEAVES = ("input", "parameter", "constant")


@dataclass(eq=False, slots=True)
class Item:
    """Something that is drawn."""

    id: str
    kind: Kind
    name: str = ""
    node: Any = None
    """The `Node` of an operation or a layer."""
    variable: Any = None
    value: Any = None
    """What a constant is."""
    inside: "Scope | None" = None
    """The opened inside of a frame."""
    why_closed: str = ""
    """Why a layer that was to be opened is not."""


@dataclass(eq=False, slots=True)
class End:
    """Where a flow is used: operand `operand` of `item`, or output `operand` of the scope."""

    item: Item | None
    operand: int
    derivative: Any = None
    """The share of the derivative that comes back from here, if the flow has several ends."""
    left: float = 0.0
    """How much rounding has left in the share where it stands for 0."""


@dataclass(eq=False, slots=True)
class Flow:
    """A value between its source and its users."""

    id: str
    source: Item | None
    value: Any
    derivative: Any = None
    variable: Any = None
    ends: list[End] = field(default_factory=list)
    origin: str = ""
    """The flow outside that this one goes on from; itself, if it starts here."""
    output: int = 0
    """Which of its source's results this is."""
    named: str = ""
    """The name that the value goes by, if its source does not say it."""
    left: tuple[float, float] = (0.0, 0.0)
    """How much rounding has left in the value, and in the derivative, where they stand for 0."""

    def __post_init__(self) -> None:
        self.origin = self.origin or self.id


@dataclass(eq=False, slots=True)
class Scope:
    """One level of a picture: the graph, or the inside of an opened node."""

    items: list[Item] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    ports: list[Flow] = field(default_factory=list)
    """The flows that come from outside, by operand of the opened node."""

    def walk(self) -> Iterator["Scope"]:
        """This scope and all inside it."""
        yield self
        for item in self.items:
            if item.inside is not None:
                yield from item.inside.walk()

    def all_items(self) -> Iterator[Item]:
        """What is drawn here and, all the way down, inside it."""
        for scope in self.walk():
            yield from scope.items
