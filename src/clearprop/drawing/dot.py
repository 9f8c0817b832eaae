"""An outline in the language of Graphviz."""

from collections.abc import Iterator

from clearprop.drawing.links import links, said
from clearprop.drawing.outline import Scope

_SHAPES = {"operation": "circle", "layer": "box", "fold": "box", "parameter": "box"}


def write_dot(scope: Scope) -> str:
    """Write an outline for Graphviz (`dot -Tsvg`); opened layers and networks are clusters.

    An edge says the value that goes along it and, after `∂`, the derivative that comes back.

    >>> from clearprop import Variable, graph
    >>> from clearprop.drawing.building import outline
    >>> print(write_dot(outline(graph(Variable(100, "apple") * 2))).rstrip())
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
    lines = ["digraph {", "  rankdir=LR", *_items(scope, "  ")]
    for link in links(scope):
        label = f" [label={_quoted(*link.said)}]" if link.said else ""
        lines.append(f"  {_quoted(link.source.id)} -> {_quoted(link.target.id)}{label}")
    return "\n".join([*lines, "}"]) + "\n"


def _items(scope: Scope, indent: str) -> Iterator[str]:
    for item in scope.items:
        if item.inside is None:
            shape = _SHAPES.get(item.kind, "plaintext")
            yield f"{indent}{_quoted(item.id)} [shape={shape}, label={_quoted(said(item))}]"
            continue
        yield f"{indent}subgraph {_quoted(f'cluster {item.id}')} {{"
        yield f"{indent}  label={_quoted(said(item))}"
        yield from _items(item.inside, indent + "  ")
        yield f"{indent}}}"


def _quoted(*lines: str) -> str:
    """A string of the language; a backslash or a quotation mark in a name means itself."""
    text = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return f'"{text}"'
