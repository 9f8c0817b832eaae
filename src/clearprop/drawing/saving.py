"""A graph as a file: the formats by suffix."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clearprop.drawing.building import LIMIT
from clearprop.drawing.diagrams import write_dot, write_mermaid
from clearprop.drawing.picture import scene_of, svg_of
from clearprop.drawing.png import write_png
from clearprop.errors import ConfigError
from clearprop.files import atomic_write
from clearprop.graph.graph import Graph


def _png(
    graph: Graph, *, open: Any = 0, theme: Any = None, limit: int = LIMIT, scale: Any = None
) -> bytes:
    return write_png(scene_of(graph, open, limit), theme or "light", scale)


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
