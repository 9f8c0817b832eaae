"""A graph as a file: the formats by suffix. Each loads what it needs when it is written."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clearprop.errors import ConfigError
from clearprop.graph.graph import Graph


def _svg(graph: Graph, *, open: Any = 0, theme: Any = None, limit: int = 300) -> str:
    from clearprop.drawing.picture import svg_of

    return svg_of(graph, open=open, theme=theme, limit=limit)


def _png(
    graph: Graph, *, open: Any = 0, theme: Any = None, limit: int = 300, scale: float | None = None
) -> bytes:
    from clearprop.drawing.picture import scene_of
    from clearprop.drawing.png import write_png

    return write_png(scene_of(graph, open, limit), theme or "light", scale)


def _dot(graph: Graph, *, open: Any = 0, limit: int = 300) -> str:
    from clearprop.drawing.building import outline
    from clearprop.drawing.dot import write_dot

    return write_dot(outline(graph, open, limit))


def _mermaid(graph: Graph, *, open: Any = 0, limit: int = 300) -> str:
    from clearprop.drawing.building import outline
    from clearprop.drawing.mermaid import write_mermaid

    return write_mermaid(outline(graph, open, limit))


WRITERS: dict[str, Callable[..., str | bytes]] = {
    ".svg": _svg,
    ".png": _png,
    ".txt": lambda graph: f"{graph}\n",
    ".json": lambda graph: graph.to_json(indent=1) + "\n",
    ".dot": _dot,
    ".mmd": _mermaid,
}
"""Suffix → what makes the content of such a file from a graph and the options it takes.

A higher floor may add to it, as `clearprop.page` does."""


def save(graph: Graph, path: str | os.PathLike[str], **options: Any) -> None:
    """Write a graph to a file, wholly or not at all; see `Graph.save`.

    Errors: `ConfigError` for a suffix that is not known, or an option that the format does not
    have; those of the format.
    """
    from clearprop.files import atomic_write

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
