"""The pictures of the book's chapters 6 and 7, each by its name, as SVG; one is a page."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from clearprop.drawing.windows import windows_svg
from clearprop.layers import Convolution
from clearprop.networks import Network, conv_net
from clearprop.page.windows import windows_page
from clearprop.reporting.at_work import Sheet, filters, one_image
from clearprop.reporting.experiments import (
    activations,
    batch_norm,
    optimizers,
    overfitting,
    valley,
)
from clearprop.reporting.markup import Markup, element
from clearprop.reporting.picture import MARGIN, panels_svg, plain_style
from clearprop.training import Adam, Trainer

Data = Callable[[], Any]
"""Gives a data set with images in rows, floats from 0 to 1."""


def _windows(data: Data) -> str:
    return windows_svg(4, 4, 3, 3)


def _padded(data: Data) -> str:
    return windows_svg(4, 4, 3, 3, stride=2, pad=1)


def _convolution(data: Data) -> str:
    """A page: an edge between dark and light, and a filter that answers to it."""
    image = np.array([[0, 0, 2, 2, 1], [0, 1, 2, 2, 1], [0, 0, 2, 1, 0], [1, 0, 2, 2, 0]])
    W = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    return windows_page(Convolution(W[None, None], np.array([0.5]), pad=1), image)


def _valley(data: Data) -> str:
    return panels_svg(list(valley()), "Down a valley: x² / 20 + y²", 2)


def _activations(data: Data) -> str:
    title = "Activations of five layers by their first weights"
    return panels_svg(list(activations()), title, 3)


def _optimizers(data: Data) -> str:
    d = data()
    return panels_svg(list(optimizers(d.x_train, d.t_train)), "How the loss falls on MNIST")


def _batch_norm(data: Data) -> str:
    d = data()
    panels = list(batch_norm(d.x_train, d.t_train))
    return panels_svg(panels, "Batch normalisation, by the standard deviation of the weights", 3)


def _overfitting(data: Data) -> str:
    d = data()
    test = d.x_test[:2000], d.t_test[:2000]
    panels = list(overfitting(d.x_train, d.t_train, *test))
    return panels_svg(panels, "300 images learned by heart, and what helps")


def _filters(data: Data) -> str:
    network, images = _conv_net(), _images(data)
    before = [s._replace(text=f"{s.text}, at random") for s in filters(network)]
    _train(network, *images[:2])
    after = [s._replace(text=f"{s.text}, when they have learned") for s in filters(network)]
    return sheets_svg([*before, *after], "Filters before and after learning")


def _layers(data: Data) -> str:
    network, (x, t, x_test) = _conv_net(), _images(data)
    _train(network, x, t)
    return sheets_svg(one_image(network, x_test[:1]), "What each layer makes of an image")


FIGURES: dict[str, Callable[[Data], str]] = {
    "valley": _valley,
    "activations": _activations,
    "optimizers": _optimizers,
    "batch-norm": _batch_norm,
    "overfitting": _overfitting,
    "im2col": _windows,
    "im2col-padded": _padded,
    "convolution": _convolution,
    "filters": _filters,
    "layers": _layers,
}
"""What draws each figure."""


def sheets_svg(sheets: Iterable[Sheet], title: str) -> Markup:
    """Sheets of images under one another, each with its text, as a picture for itself."""
    parts, y, widest = [element("text", title, x=MARGIN, y=32, class_="title")], 46, 440
    for each in sheets:
        address, width, height = each.drawn()
        parts.append(element("text", each.text, x=MARGIN, y=y + 20, class_="head"))
        parts.append(
            element(
                "image", href=address, x=MARGIN, y=y + 30, width=width, height=height,
                style="image-rendering: pixelated",
            )
        )  # fmt: skip
        y, widest = y + height + 42, max(widest, width)
    width = widest + 2 * MARGIN
    return element(
        "svg",
        element("style", Markup(plain_style())),
        element("rect", width=width, height=y + MARGIN, class_="paper"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        view_box=f"0 0 {width} {y + MARGIN}",
        width=width,
        height=y + MARGIN,
    )


def _conv_net() -> Network:
    return conv_net(init=0.01, rng=np.random.default_rng(0))  # as in the book


def _images(data: Data) -> tuple[Any, Any, Any]:
    d = data()
    return d.x_train.reshape(-1, 1, 28, 28), d.t_train, d.x_test.reshape(-1, 1, 28, 28)


def _train(network: Network, x: Any, t: Any, iterations: int = 300) -> None:
    how = {"batch_size": min(100, len(x)), "score_training": False}
    Trainer(network, x, t, **how, optimizer=Adam(), rng=0, on_progress=False).train(
        iterations=iterations
    )
