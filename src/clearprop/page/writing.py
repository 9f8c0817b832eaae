"""The page: both passes of a graph, to step through, in one file that needs nothing else.

All pictures stand in the page as SVG, all steps as data; a script shows and hides. Where numbers
can be changed, it runs the graph as a program, and writes anew what depends on them; it lays out
nothing. The page's own policy (Content-Security-Policy) forbids it to load or send anything and
lets nothing run but this one script. Whatever comes from the graph is escaped, and the script puts
it in as text.
"""

import hashlib
import json
from base64 import b64encode
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from clearprop.drawing.building import LIMIT
from clearprop.drawing.measure import clean
from clearprop.drawing.opening import Open
from clearprop.drawing.theme import COLOURS, FONT, Theme, style
from clearprop.errors import ConfigError
from clearprop.graph.display import Framed
from clearprop.graph.graph import Graph
from clearprop.page.values import Json
from clearprop.page.views import Views, views_of
from clearprop.page.words import LANGUAGE_NAMES, WORDS

_LIT = ("#ffe9b8", "#5a4a1a")
"""The fill of the node at which a step takes place, light and dark."""


def write_page(
    graph: Graph,
    *,
    open: Open | None = None,
    theme: Theme = None,
    limit: int = LIMIT,
    language: str = "en",
) -> str:
    """Write the page of a graph.

    It steps through a forward and a backward pass, which is run beside the graph: no `grad` is set
    or changed. It starts with the `grad` of the outputs, where there is one, and otherwise with 1.

    `open` says how deep the page looks at first (see `Open`), by default to the layers of a
    network; it can be changed in the page. `limit` is how many items a picture shows at most,
    `language` the one that the page begins with.

    Errors: `ConfigError` for a language, theme, limit or depth that makes no sense, `GraphError`
    for an `open` that names what is not there.

    >>> from clearprop.graph.graph import graph
    >>> from clearprop.graph.variable import Variable
    >>> page = write_page(graph(Variable(100, "apple") * 2))
    >>> page.startswith("<!doctype html>")
    True
    """
    if language not in WORDS:
        known = ", ".join(map(repr, WORDS))
        raise ConfigError(f"language={language!r}: a page can speak {known}")
    css = _css(theme)
    views = views_of(graph, open, limit)
    return _html(views, language, css)


class Explorer(Framed):
    """The page of a graph as a notebook shows it, made by `Graph.explore()`."""

    def __repr__(self) -> str:
        return f'{super().__repr__()[:-1]}; elsewhere save it with graph.save("graph.html")>'


def explore(graph: Graph, *, height: int = 640, **options: Any) -> Explorer:
    """Make what `Graph.explore` gives; `options` are those of `write_page`."""
    if not isinstance(height, int) or height < 100:
        raise ConfigError(f"height={height!r}: a frame is so many pixels high, 100 or more")
    return Explorer(write_page(graph, **options), height, "Computational graph")


def _html(views: Views, language: str, css: str) -> str:
    words = WORDS[language]
    script = _script(views.program)
    results, leaves = _listed(views.results, words), _listed(views.leaves, words)
    title = words["title"].format(y=results, xs=leaves)
    policy = (
        f"default-src 'none'; script-src '{hash_of(script)}'; style-src '{hash_of(css)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    shown = "\n".join(
        f'<div data-view-no="{i}"{"" if i == views.start else " hidden"}>{view.picture.svg}'
        f"{view.narrow and f'<template>{view.narrow}</template>'}</div>"
        for i, view in enumerate(views.views)
    )
    return f"""<!doctype html>
<html lang="{"zh-Hans" if language == "zh" else language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{escape(title)}</title>
<style>{css}</style>
</head>
<body>
<header><h1 id="title">{escape(title)}</h1></header>
{_CONTROLS}
<main id="main">
<div class="sight">
<div class="frame" id="frame">
<div class="stage" id="stage" role="region" tabindex="0" data-label="picture">
{shown}
</div>
<div class="map" id="map" aria-hidden="true" hidden></div>
</div>
<p class="legend" id="legend"></p>
<div class="live" id="live" hidden></div>
</div>
<section class="said" id="said" aria-live="polite" aria-atomic="true" data-label="said"></section>
</main>
<section class="all" id="all" hidden>
<button type="button" id="show" aria-expanded="false" aria-controls="steps"
 data-word="all_steps"></button>
<ol id="steps"></ol>
</section>
<footer><p id="keys" data-word="keys" hidden></p></footer>
<div class="peek" id="peek" role="tooltip" hidden></div>
<script type="application/json" id="data">{_data(views, language)}</script>
<script>{script}</script>
</body>
</html>
"""


_CONTROLS = """<div class="controls" id="controls" hidden>
<div class="row">
<button type="button" id="first" data-label="first"><span aria-hidden="true">|◀</span></button>
<button type="button" id="back" data-label="back"><span aria-hidden="true">◀</span>
<span class="word" data-word="back"></span></button>
<button type="button" id="next" class="main" data-label="next"><span class="word"
 data-word="next"></span> <span aria-hidden="true">▶</span></button>
<button type="button" id="last" data-label="last"><span aria-hidden="true">▶|</span></button>
<button type="button" id="play"><span aria-hidden="true">▶</span> <span></span></button>
<div class="slider"><input type="range" id="slider" min="0" max="1" value="0" step="1"
 data-label="slider"><span class="count" id="count"></span></div>
</div>
</div>
<div class="tools row small" id="tools" hidden>
<label><span class="word" data-word="depth"></span><select id="depth"></select></label>
<label class="push"><span class="sr" data-word="language"></span><select
 id="language"></select></label>
<span class="row"><button type="button" id="smaller" data-label="zoom_out">−</button>
<button type="button" id="fit" data-word="zoom_fit"></button>
<button type="button" id="larger" data-label="zoom_in">+</button></span>
</div>"""


def _data(views: Views, language: str) -> str:
    """Everything that the script shows, as JSON that cannot end its element."""
    data = {
        "language": language,
        "languages": LANGUAGE_NAMES,
        "words": WORDS,
        "remarks": views.remarks,
        "values": views.values.list,
        "start": views.start,
        "result": views.result,
        "results": views.results,
        "leaves": views.leaves,
        "live": views.live,
        "views": [view.data for view in views.views],
    }
    # ASCII alone: no character that ends a line in a script, and no half of a pair.
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _listed(names: list[Json], words: dict[str, str]) -> str:
    return words["comma"].join(clean(name["m"]) for name in names)


def _css(theme: Theme) -> str:
    """The page's own style, with the colours and the style of the pictures."""
    picture = style(theme)
    if theme is not None:
        scheme = f":root {{ color-scheme: {theme}; {_colours(theme == 'dark')} }}"
    else:
        scheme = (
            f":root {{ color-scheme: light dark; {_colours(False)} }}\n"
            f"@media (prefers-color-scheme: dark) {{ :root {{ {_colours(True)} }} }}"
        )
    # Paper is white, whatever the screen was.
    paper = f"@media print {{ :root {{ {_colours(False)} }}\n{style('light')} }}"
    return "\n".join(("", scheme, picture, asset("page.css"), paper, ""))


def _colours(dark: bool) -> str:
    pairs = {**COLOURS, "lit": _LIT}
    roles = " ".join(f"--{role}: {pair[dark]};" for role, pair in pairs.items())
    return f"--font: {FONT}; {roles}"


def _script(program: str) -> str:
    """The script, its parts in a block of their own that leaves no name behind; and the program
    that it runs when a number is changed."""
    names = ("text", "numbers", "formulas", "labels", "live", "peek", "overview", "page")
    parts = (asset(f"{name}.js") for name in names)
    return "\n".join(('"use strict";', "{", f"const program = {program};", *parts, "}"))


@cache
def asset(name: str) -> str:
    """A file of this package: a script or a style."""
    return files("clearprop.page").joinpath(name).read_text("utf-8")


def hash_of(text: str) -> str:
    """What the policy knows a script or a style by."""
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
