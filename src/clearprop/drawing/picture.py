"""From a graph to its picture, the whole way, and to a file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clearprop.drawing.building import LIMIT, outline
from clearprop.drawing.compose import compose
from clearprop.drawing.diagrams import write_dot, write_mermaid
from clearprop.drawing.folding import folded
from clearprop.drawing.measure import clean
from clearprop.drawing.opening import Open
from clearprop.drawing.png import write_png
from clearprop.drawing.scene import Scene
from clearprop.drawing.svg import write_svg
from clearprop.drawing.theme import COLOURS, Theme
from clearprop.errors import ConfigError
from clearprop.files import atomic_write
from clearprop.graph.display import NOTEBOOK
from clearprop.graph.graph import Graph


def scene_of(graph: Any, open: Open = 0, limit: int = LIMIT, width: float | None = None) -> Scene:
    """Lay a graph out, or that of a Variable; `open`, `limit` and `width` as for `Graph.save`.

    Errors: `ConfigError` for a width that holds nothing.

    >>> from clearprop import Variable, graph
    >>> picture = scene_of(graph(Variable(100, "apple") * 2))
    >>> [(shape.id, shape.kind) for shape in picture.shapes]
    [('n0', 'operation'), ('x0', 'input'), ('n0.1', 'constant'), ('out0', 'output')]
    """
    if not isinstance(graph, Graph):
        graph = Graph((graph,))
    scene = compose(outline(graph, open, limit), title_of(graph))
    if width is None:
        return scene
    if not isinstance(width, int | float) or not width >= 200:
        raise ConfigError(f"width={width!r}: rows are so many units wide, 200 or more")
    return folded(scene, width)


def svg_of(
    graph: Any,
    *,
    open: Open = 0,
    theme: Theme = None,
    limit: int = LIMIT,
    width: float | None = None,
) -> str:
    """Draw a graph as SVG; see `Graph.svg`."""
    return write_svg(scene_of(graph, open, limit, width), theme)


def html_of(graph: Any) -> str:
    """Draw a graph for a notebook: the picture itself, which can be scrolled if it is wide.

    It stands on paper of its own: a notebook may be dark where the system is light.
    """
    light, dark = COLOURS["paper"]
    paper = f"color-scheme: light dark; background: light-dark({light}, {dark})"
    return f'<div style="overflow-x: auto; {paper}">{svg_of(graph, width=NOTEBOOK)}</div>'


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


def _png(
    graph: Graph,
    *,
    open: Any = 0,
    theme: Any = None,
    limit: int = LIMIT,
    scale: Any = None,
    width: Any = None,
) -> bytes:
    return write_png(scene_of(graph, open, limit, width), theme or "light", scale)


def _html(
    graph: Graph, *, open: Any = None, theme: Any = None, limit: int = LIMIT, language: str = "en"
) -> str:
    # Pages are made on a higher floor, which has put itself there.
    return graph.page.write_page(graph, open=open, theme=theme, limit=limit, language=language)


WRITERS: dict[str, Callable[..., str | bytes]] = {
    ".svg": svg_of,
    ".png": _png,
    ".txt": lambda graph: f"{graph}\n",
    ".json": lambda graph: graph.to_json(indent=1) + "\n",
    ".dot": write_dot,
    ".mmd": write_mermaid,
    ".html": _html,
}
"""Suffix → what makes the content of such a file from a graph and the options it takes."""


def save(graph: Graph, path: str | os.PathLike[str], **options: Any) -> None:
    """Write a graph to a file, wholly or not at all; see `Graph.save`.

    Errors: `ConfigError` for a suffix that is not known, or an option that the format does not
    have; those of the format.
    """
    suffix = Path(path).suffix.lower()
    writer = WRITERS.get(suffix)
    if writer is None:
        what = f"{suffix} is none" if suffix else "it has none"
        raise ConfigError(
            f"{os.fspath(path)}: the suffix says what to write, and {what} of {', '.join(WRITERS)}"
        )
    known = writer.__kwdefaults__ or {}
    for option in options:
        if option not in known:
            names = ", ".join(known) or "none"
            raise ConfigError(f"{option}= is no option of {suffix} files; they have: {names}")
    content = writer(graph, **options)
    atomic_write(path, content.encode() if isinstance(content, str) else content)
