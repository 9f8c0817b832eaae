"""The curves of a training as one picture."""

import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.drawing.png import paint
from clearprop.files import atomic_write
from clearprop.reporting.charts import HEIGHT, WIDTH, drawable, plot
from clearprop.reporting.curves import STYLES, comparison_panels, training_panels
from clearprop.reporting.markup import Markup, element
from clearprop.reporting.style import STYLE
from clearprop.speech import speaking
from clearprop.training.history import History, score_text

MARGIN, HEAD, CAPTION = 20, 46, 36
ZOOM = 1.75


def draw_curves(history: History, path: str | os.PathLike[str]) -> None:
    """Draw the scores and the loss of a training side by side, as a PNG file.

    The loss of each mini-batch is drawn faintly, and its mean over the batches around it strongly.

    Errors: `MissingPackageError` if the package resvg-py is not installed, `OutputError` if the
    file cannot be written; it is written wholly or not at all.
    """
    with speaking("en"):  # whose letters every machine can draw
        atomic_write(path, paint(curves_svg(history), ZOOM))


def curves_svg(history: History) -> Markup:
    """Draw the same as SVG that stands for itself, in light colours.

    >>> history = History()
    >>> history.add_loss(2.3)
    >>> curves_svg(history).count("<polyline")
    1
    """
    return panels_svg(list(training_panels(history)), _title(history))


def draw_comparison(histories: Mapping[str, History], path: str | os.PathLike[str]) -> None:
    """Draw scores on test data and mean losses of several trainings, by name, as a PNG file.

    Errors: those of `draw_curves`.
    """
    with speaking("en"):
        panels = list(comparison_panels(histories))
    atomic_write(path, paint(panels_svg(panels, " · ".join(histories)), ZOOM))


def panels_svg(panels: list[dict[str, Any]], title: str, columns: int | None = None) -> Markup:
    """Draw panels, the arguments of `chart`, as one picture with a title: `columns` in a row."""
    columns = len(panels) if columns is None else min(columns, len(panels))
    each = CAPTION + HEIGHT
    width = MARGIN + columns * (WIDTH + MARGIN)
    height = HEAD + -(-len(panels) // columns) * each + MARGIN // 2
    parts = [
        element("style", Markup(plain_style())),
        element("rect", width=width, height=height, class_="paper"),
        element("text", title, x=MARGIN, y=32, class_="title"),
    ]
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        x, y = MARGIN + column * (WIDTH + MARGIN), HEAD + CAPTION + row * each
        panel["marks"] = marks = drawable(panel["marks"], panel.get("log", False))
        legend = [element("tspan", m.name, dx=14, class_=f"dot {m.style}") for m in marks if m.name]
        legend += [] if marks else [element("tspan", "nothing to draw", dx=14)]
        parts.append(element("text", panel["title"], *legend, x=x, y=y - 10, class_="head"))
        if marks:
            parts.append(plot(**panel, x=x, y=y, width=WIDTH, height=HEIGHT, overflow="visible"))
    return element(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        view_box=f"0 0 {width} {height}",
        width=width,
        height=height,
    )


def _title(history: History) -> str:
    last = history.last_evaluation
    if last is None:
        return "No evaluation yet" if history.score_name else "Loss"
    scores = {"training": last.train_score, history.held_out: last.test_score}
    parts = [
        f"{data} {score_text(history.score_name, score)}"
        for data, score in scores.items()
        if np.isfinite(score)
    ] or [f"{history.held_out} loss {last.test_loss:.4g}"]
    return f"{' · '.join(parts)} after {last.iteration:,} iterations"


def plain_style() -> str:
    """The report's style sheet with the light colours put in, which not every program looks up."""
    light = {}
    for name, colour in re.findall(r"--(\w+): (#\w+)", STYLE):
        light.setdefault(name, colour)
    rules = [line for line in STYLE.splitlines() if line.startswith(".chart ")]
    own = """
        text { font-family: Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif; }
        .paper { fill: var(--paper); }
        .title { font-size: 19px; fill: var(--ink); }
        .head { font-size: 13.5px; font-weight: bold; fill: var(--ink); }
        .head tspan { font-weight: normal; }
        .head .thin { fill-opacity: .65; }
    """
    own += "".join(f".dot.{c} {{ fill: var(--{c}); }}\n" for c in STYLES)
    return re.sub(r"var\(--(\w+)\)", lambda found: light[found[1]], own + "\n".join(rules))
