"""The paper of a picture, and the ink on it: uneven light, vignettes and texture taken away."""

import math

import numpy as np

from clearprop.datasets.components import components
from clearprop.errors import DataError

FAINTEST = 0.04
"""The least contrast, of 1 between black and white, that can be told from the paper's grain."""

LONGEST = 512
"""A larger picture is worked on at a smaller size: strokes stay several pixels wide."""

SHORTEST = 28
"""No side is made smaller than that, unless the other is of a length beyond all measure."""

GRAINY = 0.015
"""Where neighbouring pixels differ by more, as a rule, the picture is smoothed."""

STEEPEST = 0.18
"""The lines of the paper may rise or fall by this much to a side."""


def ink_on_paper(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """(H, W, K), 0 to 1 → (H, W): how far each pixel is from the paper behind it.

    With it comes the faintest ink that can be told from the paper's grain. Where the rim of the
    picture is of one colour, that is the paper's. In other pictures:

    1. A surface of fourth degree is laid through most of the pixels.
    2. The colour of the ink is the direction in which the pixels that stand out differ from it.
    3. The paper is the tone, along this colour, that a fifth of the neighbourhood lies beyond.
    4. Dark ink is measured in parts of the light that falls on the paper there.

    Errors: `DataError` if there is nothing but paper.
    """
    rim = rim_of(pixels)
    paper = np.median(rim, axis=0)
    if np.mean(abs(rim - paper).max(axis=1) < FAINTEST) > 0.9:
        ink, faintest = abs(pixels - paper).max(axis=2), FAINTEST
    else:
        faintest = 2 * FAINTEST
        tone = np.log(np.maximum(pixels, 0.1))
        even = tone
        if pixels.shape[1] > 1 and np.median(abs(np.diff(pixels, axis=1))) > GRAINY:
            tone, even = (np.stack([box_mean(c, r) for c in tone.T]).T for r in (1, 3))
        inks = (_narrow(tone, even, max(2, min(tone.shape[:2]) // share)) for share in (9, 16, 30))
        ink = next(inks)
        numbers = components(ink > 0.6 * ink.max())[0].ravel()
        parts = np.bincount(numbers)[1:]
        for finer in inks:
            # Each part must stay: a frame may have more pixels than the digit in it.
            kept = np.bincount(numbers, finer.ravel() > 0.6 * ink.max())[1:]
            if np.any((kept < 0.9 * parts) & (parts > 0.1 * parts.max(initial=0))):
                break
            ink = finer
    if ink.max() < faintest:
        raise DataError("the picture is empty: all its pixels have (nearly) the same colour")
    return ink, faintest


def sheet_in(pixels: np.ndarray) -> tuple[slice, slice] | None:
    """Where a sheet of paper lies on another background, if one does.

    It is a large and solid part of the picture that begins with a sharp edge: a bright middle of a
    darker picture has pixels of all tones between.
    """
    distance = box_mean(abs(pixels - np.median(rim_of(pixels), axis=0)).max(axis=2), 1)
    cut = max(np.quantile(distance, 0.9) / 2, distance.max() / 4, FAINTEST)
    numbers, boxes = components(distance > cut)
    if not len(boxes):
        return None
    which = np.bincount(numbers.ravel())[1:].argmax()
    top, left, bottom, right = boxes[which]
    solid, size = numbers == which + 1, (bottom - top) * (right - left)
    usual = np.median(distance[solid])
    between = np.count_nonzero((distance > 0.2 * usual) & (distance < 0.6 * usual))
    area = np.count_nonzero(solid)
    # What reaches three edges is rather the lit part of a sheet, beside a shadow.
    edges = sum(
        map(int, (top == 0, left == 0, bottom == len(distance), right == distance.shape[1]))
    )
    slim = min(bottom - top, right - left) < 0.4 * max(bottom - top, right - left)
    if edges > 1 or size < distance.size / 60 or slim or area < 0.7 * size or between > 0.2 * area:
        return None
    inset = 1 + min(bottom - top, right - left) // 40
    return slice(top + inset, bottom - inset), slice(left + inset, right - inset)


def rim_of(pixels: np.ndarray) -> np.ndarray:
    """The outermost pixels, (n, K)."""
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def thinnest(height: int, width: int) -> int:
    """By how much a picture can be scaled down until its shorter side is of `SHORTEST` pixels.

    >>> thinnest(28, 3000), thinnest(300, 3000)
    (1, 10)
    """
    beyond = math.ceil(math.sqrt(height * width) / (4 * LONGEST))
    return max(beyond, min(height, width) // SHORTEST)


def smaller(pixels: np.ndarray) -> np.ndarray:
    """Means of square blocks of pixels, so that no side is longer than `LONGEST`; float32.

    Strips are longer: see `thinnest`.
    """
    k = min(-(-max(pixels.shape[:2]) // LONGEST), thinnest(*pixels.shape[:2]))
    height, width = (n // k * k for n in pixels.shape[:2])
    parts = (pixels[i:height:k, j:width:k] for i in range(k) for j in range(k))
    return np.asarray(sum(parts, np.float32(0)), np.float32) / np.float32(k**2)


def resampling(n: int, m: int) -> np.ndarray:
    """(m, n): the matrix that turns n pixels in a row into m, each a weighted mean of its share.

    The weights are a triangle as wide as a new pixel and its two neighbours, or as an old pixel
    and its two where the picture grows; with m = n it is the unit matrix.
    """
    step = n / m
    new, old = (np.arange(m) + 0.5) * step, np.arange(n) + 0.5
    weights = np.maximum(0, 1 - abs(new[:, np.newaxis] - old) / max(step, 1))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def box_mean(a: np.ndarray, r: int) -> np.ndarray:
    """The mean of the (2r + 1)² pixels round each of (H, W), fewer at the edges: float64.

    It is the difference of sums up to a pixel, so that it takes the same time for every r.
    """
    counts = []
    for axis, n in enumerate(a.shape):
        shape = list(a.shape)
        shape[axis] += 1
        sums = np.zeros(shape, np.int32 if a.dtype.kind in "bi" else np.float64)
        np.cumsum(a, axis, out=sums[1:] if axis == 0 else sums[:, 1:])
        first, last = np.maximum(np.arange(n) - r, 0), np.minimum(np.arange(n) + r + 1, n)
        counts.append(last - first)
        a = sums.take(last, axis) - sums.take(first, axis)
    return a / np.multiply.outer(*counts)


def _narrow(tone: np.ndarray, even: np.ndarray, r: int) -> np.ndarray:
    """(H, W, K) → (H, W): how far what is narrower than 2r + 1 pixels is from what is behind it.

    Tones are logarithms; `even` are those without grain.
    """
    above, below = -_opened(-even, r), _opened(even, r)
    off = abs(even - np.median(even, axis=(0, 1)))
    if (off * (even - below)).max() < 2 * (off * (above - even)).max():
        # Dark ink is measured in parts of the light that falls on the paper there.
        ink, clear = 1 - np.exp(tone - above), 1 - np.exp(even - above)
    else:
        ink, clear = np.exp(tone) - np.exp(below), np.exp(even) - np.exp(below)
    colour = (clear**4).sum(axis=(0, 1))
    return (ink @ (colour / max(colour.sum(), 1e-30))).astype(np.float32)


def without_lines(ink: np.ndarray) -> np.ndarray:
    """(H, W) without the lines of ruled or squared paper, which go from edge to edge."""
    for _ in range(2):  # along the rows, then along the columns
        ink = ink.T
        line = _lines(ink)
        k = max(2, min(ink.shape) // 90)
        left = np.maximum(1 - (1 - ink) / np.maximum(1 - line, 0.1), 0)
        padded = np.pad(left, ((k, k), (0, 0)))
        rows = [padded[i : i + len(ink)] for i in range(2 * k + 1)]
        between = np.minimum(np.max(rows[: k + 1], axis=0), np.max(rows[k:], axis=0))
        ink = np.where(line > 0.03, between, left)
    return ink


def _lines(ink: np.ndarray) -> np.ndarray:
    """(H, W) → (H, W): the tone of lines that cross it from left to right, all at one slope.

    Along a line nearly all is at least as dark as the line; along no other row is it so.
    """
    height, width = ink.shape
    reach = int(STEEPEST * width / 2) + 1
    grown = np.max([np.pad(ink, ((i, 2 - i), (0, 0)))[1:-1] for i in range(3)], axis=0)
    padded = np.pad(grown, ((2 * reach, 2 * reach), (0, 0)), constant_values=np.inf)
    x = np.linspace(0, width - 1, 40).astype(int)
    rows = np.arange(height + 2 * reach)[:, np.newaxis]
    most, best, slope = 0.0, np.zeros(len(rows)), 0.0
    for trial in np.arange(-STEEPEST, STEEPEST, 1.5 / width):
        along = padded[rows + reach + np.rint(trial * (x - width / 2)).astype(int), x]
        tone = np.partition(along, 6, axis=1)[:, 6]
        tone[np.isinf(along).sum(axis=1) > 28] = 0
        tone = np.maximum(tone - np.median(tone[reach:-reach]), 0)
        if (tone**2).sum() > most:
            most, best, slope = (tone**2).sum(), tone, trial
    rise = np.rint(slope * (np.arange(width) - width / 2)).astype(int)
    return best[np.arange(height)[:, np.newaxis] + reach - rise]


def _opened(a: np.ndarray, r: int) -> np.ndarray:
    """(H, W, K) without what is greater than round it and narrower than 2r + 1 pixels."""
    for choose in np.minimum, np.maximum:
        for _ in range(2):
            a = np.pad(a.swapaxes(0, 1), ((r, r), (0, 0), (0, 0)), mode="edge")
            width = 1
            while width < 2 * r + 1:
                more = min(width, 2 * r + 1 - width)
                a, width = choose(a[:-more], a[more:]), width + more
    return a
