"""How a Graph shows itself: in a file, as an SVG picture, in a notebook.

Pictures are made on a higher floor, by `clearprop.drawing`, and pages by `clearprop.page`, which
put themselves into `Displayed` when they are imported; `import clearprop` does that.
"""

import os
from collections.abc import Iterable
from typing import Any, ClassVar

NOTEBOOK = 1000
"""How wide a picture in a notebook is at most, in its own units; what is wider is folded."""


def escape(text: str) -> str:
    """A text as it is shown, whatever stands in it."""
    import html  # with a long table of names, which only those load who show something

    return html.escape(text)


def table(head: Iterable[Any], rows: Iterable[Iterable[Any]]) -> str:
    """A table for a notebook; whatever stands in it is shown as text.

    >>> table(["layer"], [["<Affine>"]]).count("&lt;Affine&gt;")
    1
    """

    def row(kind: str, cells: Iterable[Any]) -> str:
        style = "text-align: left"
        return "".join(f'<{kind} style="{style}">{escape(str(c))}</{kind}>' for c in cells)

    body = "".join(f"<tr>{row('td', cells)}</tr>" for cells in rows)
    return f"<table><thead><tr>{row('th', head)}</tr></thead><tbody>{body}</tbody></table>"


def folded(title: str, html: str) -> str:
    """Something that opens at a click."""
    return f"<details><summary>{escape(title)}</summary>{html}</details>"


def as_html(x: Any) -> str:
    """What a notebook shows of a thing."""
    shown = getattr(x, "_repr_html_", None)
    return shown() if shown is not None else f"<pre>{escape(repr(x))}</pre>"


class Framed:
    """A page as the result of a cell: a notebook shows it in a frame of its own. `html` is it."""

    def __init__(self, html: str, height: int, title: str) -> None:
        self.html, self.height, self.title = html, height, title

    def _repr_html_(self) -> str:
        # The page has no rights but to run its script: it cannot reach the notebook around it.
        return (
            f'<iframe srcdoc="{escape(self.html)}" width="100%" '
            f'height="{self.height}" style="border: 0; width: 100%" sandbox="allow-scripts" '
            f'title="{escape(self.title)}"></iframe>'
        )

    def __repr__(self) -> str:
        kind = type(self).__name__
        return f"<{kind}: a page of {len(self.html):,} characters, which a notebook shows>"


class Displayed:
    """What a Graph can show of itself."""

    __slots__ = ()

    drawing: ClassVar[Any]
    """What draws a graph, or that of a Variable: `save`, `svg_of`, `html_of`."""
    page: ClassVar[Any]
    """What makes the page to step through: `explore`."""

    def save(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write the graph to a file: a picture, or text for other programs.

        The suffix says what: `.svg` and `.png` are pictures (PNG needs the package resvg-py),
        `.html` is a page that steps through both passes (see `explore`), `.txt` is a tree of text,
        `.json` holds structure and values, `.dot` is for Graphviz and `.mmd` for Mermaid. Options
        for pictures:

        - `open`: how deep to look. 0 or `"network"`: nothing is opened; `"layers"`: networks are;
          `"primitives"`: layers too; a number: so many levels; names: these layers;
        - `theme`: `"light"` or `"dark"`; for SVG `None`, as the reader has it;
        - `limit`: how many nodes are shown at most; the middle of a larger graph is folded;
        - `width`: a picture that is wider is folded into rows, as text is;
        - `scale`: of a PNG, how many pixels a unit of the picture gets;
        - `language`: of a page, `"en"`, `"zh"` or `"ja"`, in which it begins.

        Errors: `ConfigError` for a suffix or an option that makes no sense, `GraphError` for an
        `open` that names what is not there, `OutputError` if the file cannot be written,
        `MissingPackageError` for PNG without resvg-py.

        >>> import tempfile
        >>> from clearprop import Variable, graph
        >>> apple = Variable(100, "apple")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     graph(apple * 2).save(f"{folder}/price.svg")
        """
        self.drawing.save(self, path, **options)

    def svg(self, **options: Any) -> str:
        """Draw the graph; options as for `save`.

        >>> from clearprop import Variable, graph
        >>> graph(Variable(100, "apple") * 2).svg().startswith("<svg")
        True
        """
        return self.drawing.svg_of(self, **options)

    def explore(self, **options: Any) -> Any:
        """Show the page that steps through both passes in a notebook: Jupyter, VS Code, Colab.

        It is the page that `save("graph.html")` writes. Back and forth by keys and buttons, one
        node at a time: values above the arrows, then derivatives below them, the node's formula,
        *upstream × local = downstream* with the real numbers; layers can be opened. The backward
        pass is run beside the graph: no `grad` is set or changed.

        Options: `open`, `theme` and `limit` as for `save`; `language`: `"en"`, `"zh"` or `"ja"`, in
        which the page begins; `height`: that of the frame in pixels, 640 by default.

        Errors: `ConfigError` for an option that makes no sense, `GraphError` for an `open` that
        names what is not there.

        >>> from clearprop import Variable, graph
        >>> page = graph(Variable(100, "apple") * 2).explore()
        >>> page._repr_html_().startswith("<iframe srcdoc=")
        True
        """
        return self.page.explore(self, **options)

    def _repr_svg_(self) -> str:
        return self.drawing.svg_of(self, width=NOTEBOOK)

    def _repr_html_(self) -> str:
        return self.drawing.html_of(self)
