"""The page that steps through both passes: `Graph.explore`, and what `.html` files hold.

    graph → outlines (views)          one for each depth that can be looked at
          → order, names, facts       when what appears, what it is called, what happened there
          → painting, steps           the picture with its parts marked, and what is said of them
          → writing                   one file, with a script that shows and hides

The pictures are those of `drawing`, the words and formulas those of `explaining`.
"""

import sys
from typing import TYPE_CHECKING, Any

from clearprop.drawing.saving import WRITERS
from clearprop.graph.display import Displayed

if TYPE_CHECKING:
    from clearprop.page.writing import Explorer

__all__ = ["explore", "write_page"]


def write_page(
    graph: Any, *, open: Any = None, theme: Any = None, limit: int = 300, language: str = "en"
) -> str:
    """Write the page of a graph as HTML; options as for `Graph.save`."""
    from clearprop.page.writing import write_page

    return write_page(graph, open=open, theme=theme, limit=limit, language=language)


def explore(graph: Any, **options: Any) -> "Explorer":
    """Make the page for a notebook; see `Graph.explore`."""
    from clearprop.page.writing import explore

    return explore(graph, **options)


WRITERS[".html"] = write_page
Displayed.page = sys.modules[__name__]  # type: ignore[assignment]
