"""An outline for programs that do their own layout: plain links, and two languages for them."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from clearprop.drawing.building import LIMIT, outline
from clearprop.drawing.digest import sentence
from clearprop.drawing.measure import clean
from clearprop.drawing.opening import Open
from clearprop.drawing.outline import Flow, Item, Scope

_SHAPES = {
    "operation": ("circle", "((", "))"),
    "layer": ("box", "[", "]"),
    "fold": ("box", "[", "]"),
    "parameter": ("box", "(", ")"),
}
"""How Graphviz names the shape of an item, and the brackets that Mermaid puts it in."""
_PLAIN = ("plaintext", "[", "]")


class Link(NamedTuple):
    """A value on its way from the item that makes it to one that uses it."""

    source: Item
    target: Item
    said: list[str]
    """What is written at it: the value, and after `∂` the derivative that comes back."""


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


def write_dot(graph: Any, *, open: Open = 0, limit: int = LIMIT) -> str:
    """Write a graph for Graphviz (`dot -Tsvg`); opened layers and networks are clusters.

    An edge says the value that goes along it and, after `∂`, the derivative that comes back.

    >>> from clearprop import Variable, graph
    >>> print(write_dot(graph(Variable(100, "apple") * 2)).rstrip())
    digraph {
      rankdir=LR
      "n0" [shape=circle, label="×"]
      "x0" [shape=plaintext, label="apple"]
      "n0.1" [shape=plaintext, label="2"]
      "out0" [shape=plaintext, label=""]
      "x0" -> "n0" [label="100"]
      "n0.1" -> "n0"
      "n0" -> "out0" [label="200"]
    }
    """

    def leaf(item: Item) -> str:
        shape = _SHAPES.get(item.kind, _PLAIN)[0]
        return f"{_quoted(item.id)} [shape={shape}, label={_quoted(_said(item))}]"

    def frame(item: Item) -> str:
        cluster = _quoted(f"cluster {item.id}")
        return f"subgraph {cluster} {{\n  label={_quoted(_said(item))}"

    scope = outline(graph, open, limit)
    lines = ["digraph {", "  rankdir=LR", *_items(scope, leaf, frame, "}")]
    for link in links(scope):
        label = f" [label={_quoted(*link.said)}]" if link.said else ""
        lines.append(f"  {_quoted(link.source.id)} -> {_quoted(link.target.id)}{label}")
    return "\n".join([*lines, "}"]) + "\n"


def write_mermaid(graph: Any, *, open: Open = 0, limit: int = LIMIT) -> str:
    """Write a graph as a Mermaid flow chart; opened layers and networks are subgraphs.

    >>> from clearprop import Variable, graph
    >>> print(write_mermaid(graph(Variable(100, "apple") * 2)).rstrip())
    flowchart LR
      i0(("×"))
      i1["apple"]
      i2["2"]
      i3[" "]
      i1 -->|"100"| i0
      i2 --> i0
      i0 -->|"200"| i3
    """
    scope = outline(graph, open, limit)
    number = {item: f"i{n}" for n, item in enumerate(scope.all_items())}

    def label(item: Item) -> str:
        return f'"{_escaped(_said(item)) or " "}"'

    def leaf(item: Item) -> str:
        return number[item] + label(item).join(_SHAPES.get(item.kind, _PLAIN)[1:])

    def frame(item: Item) -> str:
        return f"subgraph {number[item]}[{label(item)}]"

    lines = ["flowchart LR", *_items(scope, leaf, frame, "end")]
    for link in links(scope):
        text = "<br/>".join(map(_escaped, link.said))
        at = f'|"{text}"|' if text else ""
        lines.append(f"  {number[link.source]} -->{at} {number[link.target]}")
    return "\n".join(lines) + "\n"


Written = Callable[[Item], str]


def _items(scope: Scope, leaf: Written, frame: Written, end: str) -> Iterator[str]:
    """The lines of all items, those inside a frame between its head and its end."""
    for item in scope.items:
        if item.inside is None:
            yield f"  {leaf(item)}"
            continue
        inside = _items(item.inside, leaf, frame, end)
        for line in (*frame(item).split("\n"), *inside, end):
            yield f"  {line}"


def _said(item: Item) -> str:
    """What is written into an item."""
    return sentence(item.value) if item.kind == "constant" else clean(item.name)


def _quoted(*lines: str) -> str:
    """A string of the language; a backslash or a quotation mark in a name means itself."""
    text = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return f'"{text}"'


def _escaped(text: str) -> str:
    """Every character that Mermaid or HTML could take for its own, by number."""
    return "".join(c if c.isalnum() or c in " .,−…×∂+_()" else f"#{ord(c)};" for c in text)
