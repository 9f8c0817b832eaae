"""What a network of convolutions looks for, and what each layer makes of one image."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from clearprop.networks import Network
from clearprop.reporting.markup import Markup, element
from clearprop.reporting.png import signed, strongest
from clearprop.speech import say

GAP = 1
"""Pixels between the images on a sheet."""
CHANNELS = 64
"""So many channels of what a layer makes are shown."""
FILTERS = 16
"""So many filters of a later layer are shown, and so many channels of each."""
WIDTH = 700
"""A sheet is so many pixels wide at most, unless its own pixels are more."""


class Sheet(NamedTuple):
    """Images (N, H, W) on one sheet, `columns` in a row: orange above 0, blue below."""

    images: np.ndarray
    text: str
    columns: int

    @property
    def figure(self) -> Markup:
        """The sheet as part of a page."""
        address, width, height = self.drawn()
        image = element(
            "img", src=address, alt=self.text, width=width, height=height, class_="sheet"
        )
        return element("figure", element("figcaption", self.text, class_="faint"), image)

    def drawn(self) -> tuple[str, int, int]:
        """The sheet as an address that pages can show, its width and its height in pixels."""
        laid = sheet(self.images, self.columns)
        zoom = max(1, min(12 if self.images.shape[1] < 12 else 2, WIDTH // laid.shape[1]))
        return signed(laid), laid.shape[1] * zoom, laid.shape[0] * zoom


def filters(network: Network) -> Iterator[Sheet]:
    """The filters of each layer that has such, as images: nothing for a network without.

    The filters of the first layer stand one after the other, with the channels of each side by
    side; of later layers each row is a filter, and the first of them are shown.
    """
    for name, layer in network.layers.items():
        W = np.asarray(getattr(layer, "W", 0), np.float64)
        if W.ndim != 4:
            continue
        M, C = W.shape[:2]
        rows, columns = (min(M, FILTERS), min(C, FILTERS)) if C > 3 else (M, C)
        shown = W[:rows, :columns]
        across = columns if C > 3 else columns * max(1, min(M * C, 16) // columns)
        size = f"{C} × {W.shape[2]} × {W.shape[3]}"
        text = say("{layer}: {n} filters of {size}", layer=name, n=M, size=size)
        text += say(", a filter in each row") if C > 3 else ""
        if (rows, columns) != (M, C):
            text += say(
                ", the first {n} with {channels} channels of each", n=rows, channels=columns
            )
        yield Sheet(shown.reshape(-1, *W.shape[2:]), text, across)


def one_image(network: Network, x: Any) -> Iterator[Sheet]:
    """What each layer makes of one sample `x` (1, …), channel by channel, at prediction.

    Channels (H, W) are images, single numbers are cells of a row.
    """
    walk = network.walk("infer", x)
    walk.predict(x)
    yield from _made(say("the image"), np.asarray(x))
    for use in walk.uses:
        if not use.opened:
            kind = type(use.layer).__name__
            name = use.name or kind
            yield from _made(name if kind in name else f"{name} ({kind})", use.outputs[0])


def _made(name: str, out: Any) -> Iterator[Sheet]:
    values = np.asarray(out, np.float64)
    shape = values.shape[1:]
    shown = f"{name}: {' × '.join(map(str, shape))}"
    if len(shape) == 3:
        images = values[0, :CHANNELS]
        if len(images) < shape[0]:
            shown += say(", the first {n} channels", n=len(images))
        yield Sheet(images, shown, 16)
    elif shape:
        yield Sheet(values.reshape(-1, 1, 1), shown, 50)


def sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """Lay images (N, H, W) out on one, row by row, with values from −1 to 1.

    >>> sheet(np.array([[[1.0]], [[2.0]], [[-2.0]]]), columns=2)
    array([[ 0.5,  0. ,  1. ],
           [ 0. ,  0. ,  0. ],
           [-1. ,  0. ,  0. ]])
    """
    n, h, w = images.shape
    columns = min(n, columns)
    rows = math.ceil(n / columns)
    laid = np.zeros((rows * (h + GAP), columns * (w + GAP)))
    top = strongest(images)
    for i, image in enumerate(images):
        y, x = (i // columns) * (h + GAP), (i % columns) * (w + GAP)
        laid[y : y + h, x : x + w] = image / top
    return laid[:-GAP, :-GAP]
