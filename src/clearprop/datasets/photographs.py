"""The digit in a picture that may be a photograph: which of what is on the paper is meant."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clearprop.datasets.components import components
from clearprop.datasets.paper import box_mean, ink_on_paper, sheet_in, smaller, without_lines
from clearprop.errors import DataError

_SHORTEST = 0.08
"""A digit is as high or wide as this share of the picture's shorter side, or more."""


class Digit(NamedTuple):
    """The largest digit in a picture."""

    ink: np.ndarray
    """(H, W), float32: 1 where it is darkest, 0 on the paper and on all that is not this digit."""
    doubts: tuple[str, ...]
    """What speaks against reading it, in words; empty as a rule."""


class _Parts(NamedTuple):
    """The connected parts of a mask; the other arrays have a row for each part."""

    numbers: np.ndarray
    boxes: np.ndarray
    area: np.ndarray
    fits: np.ndarray
    frames: np.ndarray
    cut_off: np.ndarray


def find_digit(pixels: np.ndarray) -> Digit:
    """Find the largest thing on the paper that a digit can be, in a picture (H, W, colours).

    1. A sheet on a table is cut out.
    2. The ink is told from the paper (`ink_on_paper`) and from its texture: it is what is darker
       than half of the usual ink.
    3. Frames, and lines of squared or ruled paper, which are thinner than strokes, are taken away.
    4. Of the connected parts, the largest is taken that is no speck, no frame and no strip along
       the edge, with the parts that belong to it, such as those of a broken stroke.

    `pixels` are floats from 0 to 1. Errors: `DataError` if there is nothing that fits.
    """
    pixels = smaller(pixels)
    sheet = sheet_in(pixels)
    if sheet is not None:
        try:
            return _find(pixels[sheet])
        except DataError:
            pass  # nothing is written on it, so it was no sheet
    return _find(pixels)


def _find(pixels: np.ndarray) -> Digit:
    ink, faintest = ink_on_paper(pixels)
    smooth = _smooth(ink)
    parts = _connected(smooth > _cut(smooth))
    if parts.frames.any():
        ink = np.where(_grown(np.insert(parts.frames, 0, False)[parts.numbers], 2), 0, ink)
    ink = without_lines(ink)
    smooth = _smooth(ink)
    median = np.median(smooth)
    ink, smooth = ink - median, smooth - median
    least = max(faintest / 2, np.median(abs(smooth)))
    for _ in range(3):
        cut = _cut(smooth)
        if cut < least:
            break
        high = smooth > 1.4 * cut  # the edge of a shadow is fainter than ink
        thick = 1 + min(ink.shape) // 60
        for mask in (smooth > cut, high & _grown(_grown(high, -thick), thick + 1)):
            parts = _parts(mask)
            if parts.fits.any():
                return _chosen(parts, ink, smooth)
        # All of it was frame, edge and specks, next to which the digit may be faint.
        smooth = np.where(_grown(smooth > cut, 2), 0, smooth)
    raise DataError(
        "the picture is empty, or nothing in it is as large as a digit; "
        "cut it out so that the digit fills a third of the picture"
    )


def _smooth(ink: np.ndarray) -> np.ndarray:
    return box_mean(ink, 1) if max(ink.shape) > 100 else ink


def _cut(ink: np.ndarray) -> float:
    """Half of what the ink above it is on the average."""
    cut = max(ink.max(), 0) / 2  # nothing is left where all is less than 0
    for _ in range(10 if cut else 0):
        cut = ink[ink >= cut].mean() / 2
    return cut


def _parts(mask: np.ndarray) -> _Parts:
    """The connected parts of the mask, or of what is left of it without thin lines.

    What is thinner and thinner is left out, until little more would go: lines vanish all at once,
    and strokes, which are thicker, stay. What was left is restored where it was.
    """
    whole, thick, best, most = mask, mask, None, 0.0
    for r in range(1, 2 + min(mask.shape) // 60):
        parts = _connected(mask)
        thick = whole & _grown(_grown(whole, -r), r + 1)
        stays = np.count_nonzero(mask & thick) / max(1, np.count_nonzero(mask))
        if best is None or (parts.fits.any() and stays > most):
            best, most = parts, stays if parts.fits.any() else 0.0
        if most > 0.85:
            break
        mask = thick
    assert best is not None
    return best


def _connected(mask: np.ndarray) -> _Parts:
    numbers, boxes = components(mask)
    shape = np.array(mask.shape)
    sides, area = boxes[:, 2:] - boxes[:, :2], np.bincount(numbers.ravel(), minlength=1)[1:]
    first, last = boxes[:, :2] == 0, boxes[:, 2:] == shape
    spans = np.any(first & last, axis=1)
    strip = np.any((first | last) & (sides < 0.1 * shape), axis=1)
    cut_off = np.logical_or.reduce(first | last, axis=1)
    large, frames = sides.max(axis=1) >= _SHORTEST * shape.min(), np.zeros(len(boxes), bool)
    for i in np.flatnonzero(large & (area < sides.prod(axis=1) / 3)):
        inside = (boxes[:, :2] > boxes[i, :2]) & (boxes[:, 2:] < boxes[i, 2:])
        inside = inside.all(axis=1) & large & (sides[:, 0] > sides[i, 0] / 4)
        top, left, bottom, right = boxes[i]
        part = numbers[top:bottom, left:right] == i + 1
        edges = (*first[i], *last[i])
        if inside.any() or (sides[i] > 0.6 * shape).all():
            frames[i] = _is_frame(part, edges if inside.any() else (False,) * 4)
    return _Parts(numbers, boxes, area, large & ~spans & ~strip & ~frames, frames, cut_off)


def _is_frame(part: np.ndarray, edges: Sequence[bool]) -> bool:
    """Whether a part runs along the sides of its box and is hollow, as no digit is.

    `edges` are the sides (top, left, bottom, right) at an edge of the picture: two may be missing.
    """
    band = max(1, min(part.shape) // 5)
    sides = part[:band], part[:, :band].T, part[-band:], part[:, -band:].T
    runs = [side.any(axis=0).mean() > 0.8 for side in sides]
    hollow = not np.any(part[2 * band : -2 * band, 2 * band : -2 * band])
    return hollow and sum(runs) >= 2 and all(np.logical_or(runs, edges))


def _chosen(parts: _Parts, ink: np.ndarray, smooth: np.ndarray) -> Digit:
    """The largest part, with what belongs to it; what is cut off at the edge is hardly meant."""
    main = np.where(parts.fits, parts.area * np.where(parts.cut_off, 0.3, 1), 0).argmax()
    lower, upper = parts.boxes[:, :2], parts.boxes[:, 2:]
    size = upper[main] - lower[main]
    # How far the boxes overlap, (n, 2): less than 0 is a gap.
    overlap = np.minimum(upper, upper[main]) - np.maximum(lower, lower[main])
    beside = overlap[:, 1] < 0.2 * np.minimum(upper - lower, size)[:, 1]
    near = ((overlap > -0.15 * size.max()) & (upper - lower < 1.3 * size.max())).all(axis=1)
    high = (upper - lower)[:, 0] > 0.5 * size[0]
    others = parts.fits & high & beside & ~parts.cut_off
    # Specks are small on all sides; what broke off a stroke is longer.
    long = (upper - lower).max(axis=1) > 0.2 * size.max()
    belongs = near & long & ~others & ~parts.cut_off & (parts.area > 0.02 * parts.area[main])
    belongs[main], others[main] = True, False
    mask = np.insert(belongs, 0, False)[parts.numbers]
    strongest = np.percentile(smooth[mask], 90)
    alone = np.where(_grown(mask, 2), np.clip(ink / strongest, 0, 1), 0)
    doubts = []
    if others.any():
        doubts.append("two digits in the picture" if others.sum() == 1 else "several digits")
    if parts.cut_off[main]:
        doubts.append("cut off at the edge of the picture")
    return Digit(alone.astype(np.float32), tuple(doubts))


def _grown(mask: np.ndarray, r: int) -> np.ndarray:
    """The mask with r pixels more on all sides, or with −r less."""
    share = box_mean(mask, abs(r))
    return share > 1e-9 if r > 0 else share > 1 - 1e-9
