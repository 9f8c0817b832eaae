"""An outline as plain links from item to item, for programs that do their own layout."""

from collections.abc import Iterator
from typing import NamedTuple

from clearprop.drawing.digest import sentence
from clearprop.drawing.measure import clean
from clearprop.drawing.outline import Flow, Item, Scope


class Link(NamedTuple):
    """A value on its way from the item that makes it to one that uses it."""

    source: Item
    target: Item
    said: list[str]
    """What is written at it: the value, and after `∂` the derivative that comes back."""


def said(item: Item) -> str:
    """What is written into an item."""
    return sentence(item.value) if item.kind == "constant" else clean(item.name)


def links(scope: Scope) -> Iterator[Link]:
    """Follow every flow from its source, through the borders of frames, to its ends."""
    outer = {item.inside: (s, item) for s in scope.walk() for item in s.items if item.inside}

    def follow(source: Item, flow: Flow, here: Scope) -> Iterator[Link]:
        for end in flow.ends:
            if end.item is None:
                around, frame = outer[here]
                for further in around.flows:
                    if further.source is frame and further.output == end.operand:
                        yield from follow(source, further, around)
            elif end.item.inside is not None:
                yield from follow(source, end.item.inside.ports[end.operand], end.item.inside)
            else:
                value = [sentence(flow.value)] if source.kind != "constant" else []
                back = [f"∂ {sentence(end.derivative)}"] if end.derivative is not None else []
                yield Link(source, end.item, value + back)

    for s in scope.walk():
        for flow in s.flows:
            if flow.source is not None and flow.source.inside is None:
                yield from follow(flow.source, flow, s)
