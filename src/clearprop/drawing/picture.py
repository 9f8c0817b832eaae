"""From a graph to its picture, the whole way."""

from typing import Any

from clearprop.drawing.building import LIMIT, outline
from clearprop.drawing.compose import compose
from clearprop.drawing.measure import clean
from clearprop.drawing.opening import Open
from clearprop.drawing.scene import Scene
from clearprop.drawing.svg import write_svg
from clearprop.drawing.theme import Theme
from clearprop.graph import Graph


def scene_of(graph: Any, open: Open = 0, limit: int = LIMIT) -> Scene:
    """Lay a graph out, or that of a Variable; `open` and `limit` as for `Graph.save`.

    >>> from clearprop import Variable, graph
    >>> picture = scene_of(graph(Variable(100, "apple") * 2))
    >>> [(shape.id, shape.kind) for shape in picture.shapes]
    [('n0', 'operation'), ('x0', 'input'), ('n0.1', 'constant'), ('out0', 'output')]
    """
    if not isinstance(graph, Graph):
        graph = Graph((graph,))
    return compose(outline(graph, open, limit), title_of(graph))


def svg_of(graph: Any, *, open: Open = 0, theme: Theme = None, limit: int = LIMIT) -> str:
    """Draw a graph as SVG; see `Graph.svg`."""
    return write_svg(scene_of(graph, open, limit), theme)


def html_of(graph: Any) -> str:
    """Draw a graph for a notebook: the picture itself, which can be scrolled if it is wide."""
    return f'<div style="overflow-x: auto">{svg_of(graph)}</div>'


def title_of(graph: Any) -> str:
    """What a reader who does not see the picture is told.

    >>> from clearprop import Variable, graph
    >>> title_of(graph(Variable(100, "apple") * 2))
    'Computational graph: 1 node, inputs apple, output without a name'
    """

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
