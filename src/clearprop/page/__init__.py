"""The page that steps through both passes: `Graph.explore`, and what `.html` files hold.

    graph → outlines (views)          one for each depth that can be looked at
          → order, names, facts       when what appears, what it is called, what happened there
          → painting, steps           the picture with its parts marked, and what is said of them
          → writing                   one file, with a script that shows and hides

The pictures are those of `drawing`, the words and formulas those of `explaining`.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from clearprop.graph.display import Displayed

if TYPE_CHECKING:
    from clearprop.page.writing import explore, write_page

__all__ = ["explore", "write_page"]


def __getattr__(name: str) -> Any:
    """Load what writes pages when one is written."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("clearprop.page.writing"), name)


Displayed.page = sys.modules[__name__]  # type: ignore[assignment]
