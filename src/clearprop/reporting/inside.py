"""What the network is made of: its first weights as images, its layers, its graph, its settings."""

import math
import re
from collections.abc import Iterator
from dataclasses import asdict
from html import escape
from typing import Any

import numpy as np

from clearprop.drawing import svg_of
from clearprop.errors import ClearpropError
from clearprop.graph import Variable, graph
from clearprop.networks import Network
from clearprop.reporting.answers import scrollable
from clearprop.reporting.evidence import Evidence
from clearprop.reporting.markup import Markup, element
from clearprop.reporting.png import signed, strongest
from clearprop.speech import say, spoken
from clearprop.training.run_config import RunConfig

NEURONS = 100
GAP = 2
PICTURE = {
    "(→) value": "{x} value",
    "← derivative of (loss)": "← derivative of {x}",
    "mean ([^<]*)": "mean {x}",
    "all ([^<]*)": "all {x}",
    r"(\d+%) zeros": "{x} zeros",
}
"""What stands in pictures, as patterns, and how it is said."""


def first_weights(network: Network, evidence: Evidence) -> Markup:
    """The weights of each neuron of the first layer, laid out as the pixels they belong to."""
    W = np.asarray(getattr(next(iter(network.layers.values())), "W", 0), np.float64)
    if evidence.side is None or W.ndim != 2 or len(W) != evidence.side**2:
        return element(
            "p", say("The samples are no square images, so the weights are no images either.")
        )
    shown = min(W.shape[1], NEURONS)
    sheet, columns = _sheet(W[:, :shown].T.reshape(shown, evidence.side, evidence.side))
    image = element(
        "img",
        src=signed(sheet),
        alt=say(
            "The weights of {n} neurons of the first layer, {columns} in a row: orange for weights "
            "above 0, blue for weights below",
            n=shown,
            columns=columns,
        ),
        width=sheet.shape[1] * 2,
        height=sheet.shape[0] * 2,
        class_="sheet",
    )
    text = say(
        "One image a neuron: it answers to ink where its weights are orange, and is held back by "
        "ink where they are blue. The paler, the nearer to 0."
    )
    if W.shape[1] > NEURONS:
        text += " " + say("The first {n} of {of} neurons.", n=NEURONS, of=W.shape[1])
    return element("div", element("p", text), element("figure", image))


def _sheet(images: np.ndarray) -> tuple[np.ndarray, int]:
    """Lay images (N, H, W) out on one, row by row, with values from −1 to 1."""
    n, side = len(images), images.shape[1]
    columns = min(n, max(10, math.isqrt(n)))
    rows = -(-n // columns)
    step = side + GAP
    sheet = np.zeros((rows * step - GAP, columns * step - GAP))
    top = strongest(images)
    for i, image in enumerate(images):
        y, x = divmod(i, columns)
        sheet[y * step : y * step + side, x * step : x * step + side] = image / top
    return sheet, columns


def layers_table(network: Network, evidence: Evidence) -> Markup:
    """The layers with shapes and sizes."""
    summary = network.summary(evidence.samples.batch(slice(2))[0])
    head = ("layer", "kind", "output shape", "parameters", "multiply-adds")
    heads = [element("th", say(h), scope="col") for h in head]
    rows = [_layer_row(row.name, row.kind, row.output, row) for row in summary.rows]
    total = _layer_row(say("total"), None, None, summary)
    table = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
        element("tfoot", total),
    )
    return scrollable(table, say("The layers of the network"))


def _layer_row(name: str, kind: str | None, shape: str | None, sizes: Any) -> Markup:
    return element(
        "tr",
        element("th", name, scope="row"),
        element("td", kind),
        element("td", shape),
        element("td", f"{sizes.parameters:,}", class_="number"),
        element("td", f"{sizes.multiply_adds:,}", class_="number"),
    )


def network_graph(network: Network, evidence: Evidence) -> Iterator[Markup]:
    """The graph of the loss of one test sample, forward and backward."""
    x, t = evidence.samples.batch(slice(0, 1))
    try:
        loss = network.loss(Variable(x, "x"), t)
        loss.name = "loss"
        loss.backward()
        picture = _in_words(svg_of(graph(loss), open="layers", width=1100))
    except ClearpropError as error:
        yield element("p", say("The graph cannot be drawn: {why}", why=error), class_="faint")
        return
    yield element(
        "p",
        say(
            "The loss of the first test sample: values above the arrows forward, derivatives below "
            "those backward."
        ),
    )
    yield scrollable(Markup(picture), say("Graph of the network"))


def _in_words(picture: str) -> str:
    """The few words in a picture, in the language that is spoken; tooltips are in English only."""
    if spoken() == "en":
        return picture
    picture = re.sub("<title>.*?</title>", "", picture, flags=re.DOTALL)
    name = escape(say("Graph of the network"))
    picture = re.sub('aria-label="[^"]*"', f'aria-label="{name}"', picture, count=1)
    for pattern, text in PICTURE.items():
        picture = re.sub(
            rf">{pattern}</text>", lambda m, text=text: f">{say(text, x=m[1])}</text>", picture
        )
    return picture


def settings(config: RunConfig) -> Markup:
    """All settings of the run."""
    rows = [
        element("tr", element("th", name, scope="row"), element("td", _text(value)))
        for name, value in asdict(config).items()
        if name != "form"
    ]
    return element("table", element("tbody", *rows), class_="settings")


def _text(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
