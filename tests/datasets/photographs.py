"""Synthetic photographs of handwritten digits, each style a way in which photographs go wrong."""

import numpy as np
from PIL import Image


def photograph(digit, style, rng, sides=(150, 420)):
    """A digit (28, 28), 0 to 1, on a sheet of paper, photographed: (H, W, 3) uint8.

    Height and width of the sheet lie between `sides`; the digit fills a third of it or more, and
    the ink is anything from black to a middling grey-blue. `style` is one of `STYLES`.
    """
    height, width = rng.integers(*sides, 2)
    largest = min(height, width) / 28
    side = int(28 * rng.uniform(largest / 2.2, largest / 1.15))
    large = Image.fromarray(np.uint8(255 * digit)).resize((side, side), Image.Resampling.BICUBIC)
    off_centre = 1.0 if style == "off-centre" else 0.4
    ink = np.zeros((height, width))
    # A margin of an MNIST image is empty, so it may hang over the edge of the sheet.
    over = side // 8
    room = np.array([height - side, width - side]) / 2
    top, left = (room + rng.uniform(-off_centre, off_centre, 2) * (room + over)).astype(int)
    rows = slice(max(top, 0), min(top + side, height))
    columns = slice(max(left, 0), min(left + side, width))
    part = np.asarray(large)[rows.start - top : rows.stop - top]
    ink[rows, columns] = part[:, columns.start - left : columns.stop - left] / 255
    paper = rng.uniform(0.8, 0.97) * np.array([1, rng.uniform(0.95, 1), rng.uniform(0.85, 1)])
    colour = rng.uniform(0.05, 0.35) * np.array([1, 1, rng.uniform(1, 1.6)])
    page = np.ones((height, width, 1)) * paper
    page = _before[style](page, rng) if style in _before else page
    page = page + ink[..., np.newaxis] * (colour - page)
    page = _after[style](page, rng) if style in _after else page
    page = page + rng.normal(0, 0.005, page.shape)
    return np.uint8(np.clip(page, 0, 1) * 255)


def _coordinates(page):
    """(H, W) each: from −1 at the top and left to 1 at the bottom and right."""
    height, width = page.shape[:2]
    return np.linspace(-1, 1, height)[:, np.newaxis], np.linspace(-1, 1, width)[np.newaxis]


def _light(page, rng):
    """Light from one side."""
    y, x = _coordinates(page)
    angle = rng.uniform(0, 2 * np.pi)
    across = (x * np.cos(angle) + y * np.sin(angle)) / np.sqrt(2)
    return page * (0.75 + rng.uniform(0.15, 0.25) * across)[..., np.newaxis]


def _shadow(page, rng):
    """The shadow of a hand: a soft edge across the sheet, on top of light from one side."""
    y, x = _coordinates(page)
    angle, place = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)
    across = x * np.cos(angle) + y * np.sin(angle) - place
    depth, width = rng.uniform(0.2, 0.4), rng.uniform(0.03, 0.3)
    return _light(page, rng) * (1 - depth / (1 + np.exp(-across / width)))[..., np.newaxis]


def _vignette(page, rng):
    y, x = _coordinates(page)
    r2 = (x - rng.uniform(-0.2, 0.2)) ** 2 + (y - rng.uniform(-0.2, 0.2)) ** 2
    return page / (1 + rng.uniform(0.3, 0.7) * r2)[..., np.newaxis] ** 2


def _lines(page, rng, axes):
    """Lines of grey or blue, slightly askew, fainter than the ink and thinner than a stroke."""
    height, width = page.shape[:2]
    y, x = np.arange(height)[:, np.newaxis], np.arange(width)[np.newaxis]
    pitch, askew = rng.uniform(14, 40), rng.uniform(-0.05, 0.05)
    strength = rng.uniform(0.2, 0.6) * np.array([1, rng.uniform(0.5, 1), rng.uniform(0.2, 1)])
    phase, thick = rng.uniform(0, pitch, 2), rng.uniform(1, 2.5)
    for axis in axes:
        along = (y + askew * x, x - askew * y)[axis]
        line = np.clip(thick / 2 + 0.5 - abs((along + phase[axis]) % pitch - pitch / 2), 0, 1)
        page = page * (1 - line[..., np.newaxis] * strength)
    return page


def _specks(page, rng):
    """Dots as dark as ink, each smaller than a stroke is wide or little larger."""
    page, largest = page.copy(), max(2.0, min(page.shape[:2]) / 60)
    y, x = np.ogrid[: page.shape[0], : page.shape[1]]
    for _ in range(rng.integers(5, 25)):
        at = rng.uniform(0, 1, 2) * page.shape[:2]
        inside = (y - at[0]) ** 2 + (x - at[1]) ** 2 < rng.uniform(0.7, largest) ** 2
        page[inside] *= rng.uniform(0.1, 0.6)
    return page


def _grain(page, rng):
    """Noise of the sensor, and blotches of the paper."""
    height, width = page.shape[:2]
    blotches = Image.fromarray(np.float32(rng.normal(size=(height // 8, width // 8))))
    blotches = np.asarray(blotches.resize((width, height), Image.Resampling.BICUBIC))
    noise = rng.normal(0, rng.uniform(0.03, 0.1), page.shape)
    return page + noise + rng.uniform(0.01, 0.03) * blotches[..., np.newaxis]


def _frame(page, rng):
    """A box drawn round the digit, as in a form."""
    page, inset = page.copy(), rng.integers(1, max(2, min(page.shape[:2]) // 40), 4)
    top, bottom, left, right = inset[0], -inset[1] - 1, inset[2], -inset[3] - 1
    thick = int(rng.integers(2, 5))
    inner = page[top + thick : bottom - thick, left + thick : right - thick].copy()
    page[top:bottom, left:right] *= rng.uniform(0.1, 0.4)
    page[top + thick : bottom - thick, left + thick : right - thick] = inner
    return page


def _table(page, rng):
    """The sheet lies on a dark table."""
    height, width = page.shape[:2]
    around = rng.integers(5, 60, 4)
    size = (height + around[0] + around[1], width + around[2] + around[3], 3)
    table = np.ones(size) * rng.uniform(0.1, 0.45) * np.array([1, 0.8, 0.6])
    table += rng.normal(0, 0.02, size)
    table[around[0] : around[0] + height, around[2] : around[2] + width] = page
    return _light(table, rng)


def _all_at_once(page, rng):
    return _grain(_specks(_shadow(page, rng), rng), rng)


_before = {
    "squared": lambda page, rng: _lines(page, rng, (0, 1)),
    "ruled": lambda page, rng: _lines(page, rng, (0,)),
    "all at once": lambda page, rng: _lines(page, rng, (0, 1)),
}
_after = {
    "shadow": _shadow,
    "vignette": _vignette,
    "specks": _specks,
    "grain": _grain,
    "frame": _frame,
    "table": _table,
    "negative": lambda page, rng: 1 - page,
    "all at once": _all_at_once,
}
STYLES = ("plain", "off-centre", *dict.fromkeys((*_before, *_after)))
