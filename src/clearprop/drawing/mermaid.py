"""An outline in the language of Mermaid, which Markdown viewers draw."""

from collections.abc import Iterator

from clearprop.drawing.links import links, said
from clearprop.drawing.outline import Item, Scope

_SHAPES = {
    "operation": ("((", "))"),
    "layer": ("[", "]"),
    "fold": ("[", "]"),
    "parameter": ("(", ")"),
}


def write_mermaid(scope: Scope) -> str:
    """Write an outline as a Mermaid flow chart; opened layers and networks are subgraphs.

    >>> from clearprop import Variable, graph
    >>> from clearprop.drawing.building import outline
    >>> print(write_mermaid(outline(graph(Variable(100, "apple") * 2))).rstrip())
    flowchart LR
      i0(("×"))
      i1["apple"]
      i2["2"]
      i3[" "]
      i1 -->|"100"| i0
      i2 --> i0
      i0 -->|"200"| i3
    """
    number = {item: f"i{n}" for n, item in enumerate(scope.all_items())}
    lines = ["flowchart LR", *_items(scope, number, "  ")]
    for link in links(scope):
        text = "<br/>".join(map(_escaped, link.said))
        label = f'|"{text}"|' if text else ""
        lines.append(f"  {number[link.source]} -->{label} {number[link.target]}")
    return "\n".join(lines) + "\n"


def _items(scope: Scope, number: dict[Item, str], indent: str) -> Iterator[str]:
    for item in scope.items:
        label = f'"{_escaped(said(item)) or " "}"'
        if item.inside is None:
            left, right = _SHAPES.get(item.kind, ("[", "]"))
            yield f"{indent}{number[item]}{left}{label}{right}"
            continue
        yield f"{indent}subgraph {number[item]}[{label}]"
        yield from _items(item.inside, number, indent + "  ")
        yield f"{indent}end"


def _escaped(text: str) -> str:
    """Every character that Mermaid or HTML could take for its own, by number."""
    return "".join(c if c.isalnum() or c in " .,−…×∂+_()" else f"#{ord(c)};" for c in text)
