"""The paper of a picture, and the ink on it: uneven light, vignettes and texture taken away."""

import numpy as np

from clearprop.datasets.components import components
from clearprop.errors import DataError

FAINTEST = 0.04
"""The least contrast, of 1 between black and white, that can be told from the paper's grain."""

LONGEST = 512
"""A larger picture is worked on at a smaller size: strokes stay several pixels wide."""

_COARSE = 40  # light changes slowly: it is looked at in so many places along the longer side
_POWERS = [(i, j) for i in range(5) for j in range(5 - i)]


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
        faintest = 3 * FAINTEST
        height, width, _ = pixels.shape
        h, w = (-(-n // -(-max(height, width) // _COARSE)) for n in (height, width))
        rows = (resampling(height, h) @ pixels.reshape(height, -1)).reshape(h, width, -1)
        coarse = resampling(width, w) @ rows
        level = _terms(h, w) @ _surface(coarse)
        detail = coarse - level
        colour = (detail * (detail**2).sum(axis=2, keepdims=True) ** 2).sum(axis=(0, 1))
        colour /= max(np.sqrt((colour**2).sum()), 1e-30)
        low = (level @ colour + _low(detail @ colour)).astype(np.float32)
        behind = resampling(h, height) @ low @ resampling(w, width).T
        ink = pixels @ colour.astype(np.float32) - behind
        if colour.sum() < 0:
            ink /= np.maximum(-behind, 0.1)
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
    edges = (top == 0) + (left == 0) + (bottom == len(distance)) + (right == distance.shape[1])
    if edges > 1 or size < distance.size / 4 or area < 0.7 * size or between > 0.2 * area:
        return None
    inset = 1 + min(bottom - top, right - left) // 40
    return slice(top + inset, bottom - inset), slice(left + inset, right - inset)


def rim_of(pixels: np.ndarray) -> np.ndarray:
    """The outermost pixels, (n, K)."""
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def smaller(pixels: np.ndarray) -> np.ndarray:
    """Means of square blocks of pixels, so that no side is longer than `LONGEST`; float32."""
    k = -(-max(pixels.shape[:2]) // LONGEST)
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


def _surface(coarse: np.ndarray) -> np.ndarray:
    """The coefficients (15, K) of a surface through most of the pixels, whatever the others are.

    Least absolute differences: least squares, in which each pixel weighs the less the further it
    was off the time before.
    """
    A = _terms(*coarse.shape[:2]).reshape(-1, len(_POWERS))
    b = coarse.reshape(len(A), -1)
    surface, weights = np.empty(0), np.ones(len(A))
    for _ in range(12):
        AtW = A.T * weights
        square = AtW @ A
        surface = np.linalg.solve(square + 1e-6 * np.trace(square) * np.eye(len(square)), AtW @ b)
        weights = 1 / (abs(b - A @ surface).max(axis=1) + 0.01)
    return surface


def _terms(height: int, width: int) -> np.ndarray:
    """(H, W, 15): the products of powers of the coordinates, which go from −1 to 1."""
    y, x = np.linspace(-1, 1, height)[:, np.newaxis], np.linspace(-1, 1, width)
    return np.stack([y**i * x**j for i, j in _POWERS], axis=2)


def _low(tone: np.ndarray) -> np.ndarray:
    """(h, w) → (h, w): what a fifth of the tones in a third of the picture lies below."""
    r = max(3, max(tone.shape) // 6)
    padded = np.pad(tone, r, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * r + 1, 2 * r + 1))
    windows = windows.reshape(*tone.shape, -1)
    fifth = windows.shape[-1] // 5
    return np.partition(windows, fifth, axis=-1)[..., fifth].astype(np.float32)
