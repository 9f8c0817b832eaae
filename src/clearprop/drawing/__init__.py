"""Pictures of graphs, in the book's notation.

An arrow forward with its value above, an arrow backward with its derivative below; round nodes for
operations, boxes for layers, frames around the inside of what was opened.

How a picture comes about, each step in files of its own that know nothing of the next:

    graph → outline (building, opening)                    what is shown, and what flows where
          → places (arranging, shapes, faces, layout)      sizes, columns, order, heights
          → Scene (compose, routes, scene)                 every part with coordinates and an id
          → SVG (svg, theme), PNG (png)                    text and bytes

`picture` goes the whole way, to a file of any format too. `diagrams` starts from the outline, since
other programs do their own layout.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from clearprop.graph.display import Displayed

if TYPE_CHECKING:
    from clearprop.drawing.picture import html_of, save, scene_of, svg_of

__all__ = ["html_of", "save", "scene_of", "svg_of"]


def __getattr__(name: str) -> Any:
    """Load what draws when something is drawn."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("clearprop.drawing.picture"), name)


Displayed.drawing = sys.modules[__name__]  # type: ignore[assignment]
