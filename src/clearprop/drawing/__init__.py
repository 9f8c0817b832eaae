"""Pictures of graphs, in the book's notation.

An arrow forward with its value above, an arrow backward with its derivative below; round nodes for
operations, boxes for layers, frames around the inside of what was opened.

How a picture comes about, each step in files of its own that know nothing of the next:

    graph → outline (building, opening, folding, inside)   what is shown, and what flows where
          → places (arranging, shapes, faces, layout)      sizes, columns, order, heights
          → Scene (compose, routes, scene)                 every part with coordinates and an id
          → SVG (svg, theme), PNG (png)                    text and bytes

`dot` and `mermaid` start from the outline, since other programs do their own layout. The formats
by suffix stand in `saving`.
"""

import os
import sys
from typing import TYPE_CHECKING, Any

from clearprop.graph import Graph
from clearprop.graph.display import Displayed

if TYPE_CHECKING:
    from clearprop.drawing.page import Explorer
    from clearprop.drawing.scene import Scene

__all__ = ["html_of", "page_of", "save", "scene_of", "svg_of"]


def scene_of(graph: Any, open: Any = 0, limit: int = 300) -> "Scene":
    """Lay a graph out, or that of a Variable; `open` and `limit` as for `Graph.save`.

    >>> from clearprop import Variable, graph
    >>> picture = scene_of(graph(Variable(100, "apple") * 2))
    >>> [(shape.id, shape.kind) for shape in picture.shapes]
    [('n0', 'operation'), ('x0', 'input'), ('n0.1', 'constant'), ('out0', 'output')]
    """
    from clearprop.drawing.building import outline
    from clearprop.drawing.compose import compose

    if not isinstance(graph, Graph):
        graph = Graph((graph,))
    return compose(outline(graph, open, limit), title_of(graph))


def svg_of(graph: Any, open: Any = 0, theme: Any = None, limit: int = 300) -> str:
    """Draw a graph as SVG; see `Graph.svg`."""
    from clearprop.drawing.svg import write_svg

    return write_svg(scene_of(graph, open, limit), theme)


def save(graph: Any, path: str | os.PathLike[str], **options: Any) -> None:
    """Write a graph to a file, in the format that the suffix says; see `Graph.save`."""
    from clearprop.drawing.saving import save

    save(graph, path, **options)


def html_of(graph: Any) -> str:
    """Draw a graph for a notebook: the picture itself, which can be scrolled if it is wide."""
    return f'<div style="overflow-x: auto">{svg_of(graph)}</div>'


def page_of(graph: Any, **options: Any) -> "Explorer":
    """Make the page that steps through both passes; see `Graph.explore`."""
    from clearprop.drawing.page import explore

    return explore(graph, **options)


def title_of(graph: Any) -> str:
    """What a reader who does not see the picture is told.

    >>> from clearprop import Variable, graph
    >>> title_of(graph(Variable(100, "apple") * 2))
    'Computational graph: 1 node, inputs apple, output without a name'
    """
    from clearprop.drawing.measure import clean

    def names(variables: Any, what: str) -> str:
        known = [clean(v.name) for v in variables if v.name]
        if not known:
            return f"{what} without a name" if len(variables) == 1 else f"{len(variables)} {what}s"
        more = f" and {len(known) - 8} more" if len(known) > 8 else ""
        return f"{what}{'s' if what == 'input' else ''} {', '.join(known[:8])}{more}"

    n = len(graph.nodes)
    return (
        f"Computational graph: {n:,} node{'s' * (n != 1)}, "
        f"{names(graph.inputs, 'input')}, {names(graph.outputs, 'output')}"
    )


Displayed.drawing = sys.modules[__name__]  # type: ignore[assignment]
