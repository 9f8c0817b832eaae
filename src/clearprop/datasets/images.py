"""Pictures of digits, from files and arrays, brought into the form of MNIST's own."""

from pathlib import Path
from typing import Any

import numpy as np

from clearprop.datasets.decoding import MAX_PIXELS, decode
from clearprop.datasets.paper import resampling
from clearprop.datasets.photographs import find_digit
from clearprop.errors import DataError, ShapeError

__all__ = ["BOX", "MAX_PIXELS", "SIDE", "mnist_form", "read_digit", "read_with_doubts"]

SIDE = 28
"""Height and width of an MNIST image."""

BOX = 20
"""The digit itself fits into a box of this height and width."""

_EDGE = 0.15
"""The box round the digit ends where ink is fainter than this share of the strongest."""


def read_digit(path: str | Path) -> np.ndarray:
    """Read a picture of one digit as MNIST would have had it: (28, 28), float32, 0 to 1.

    It is a file of PNG, JPEG, WebP, BMP, GIF or TIFF, of 28×28 pixels or larger, dark on light or
    light on dark: drawn, scanned or photographed. What it shows is made like MNIST by `mnist_form`.
    Transparent parts count as white paper, or as black where white shows nothing.

    Errors: `FileFormatError` for a file that is missing or not a picture, `DataError` for a
    picture that is too small, too large or empty, `MissingPackageError` without Pillow.
    """
    return read_with_doubts(path)[0]


def read_with_doubts(path: str | Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read a picture as `read_digit`, and with it what speaks against reading it, in words."""
    pixels = decode(Path(path))
    try:
        return _formed(pixels)
    except (DataError, ShapeError) as error:
        raise type(error)(f"{path}: {error}") from None


def mnist_form(pixels: Any) -> np.ndarray:
    """Bring a picture (H, W) or (H, W, colours) into the form of MNIST: (28, 28), float32, 0 to 1.

    `pixels` are floats from 0 to 1, or unsigned integers from 0 to the largest of their dtype.

    1. The ink is told from the paper, and the largest digit from all else (`find_digit`), so that
       dark on light and light on dark, drawings and photographs come out the same: ink 1, paper 0.
    2. The inked part is scaled, with its proportions kept, to fit a box of 20×20.
    3. It is placed so that its centre of mass is in the middle of 28×28.

    Errors: `ShapeError` for an array that is not a picture, `DataError` for one that is smaller
    than 28×28, has values out of range, or shows nothing.

    Source: LeCun, Bottou, Bengio, Haffner 1998, section III.A, on how MNIST was made.

    >>> page = np.ones((100, 60))
    >>> page[20:80, 28:32] = 0
    >>> digit = mnist_form(page)
    >>> digit.shape, digit.dtype, np.flatnonzero(digit.any(axis=1))[[0, -1]]
    ((28, 28), dtype('float32'), array([ 4, 23]))
    """
    return _formed(pixels)[0]


def _formed(pixels: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    pixels = np.asarray(pixels)
    if pixels.ndim not in (2, 3) or not pixels.size:
        raise ShapeError(f"a picture has shape (H, W) or (H, W, colours), got {pixels.shape}")
    if min(pixels.shape[:2]) < SIDE:
        height, width = pixels.shape[:2]
        raise DataError(
            f"the picture is {width}×{height} pixels; it must be {SIDE}×{SIDE} or larger"
        )
    white = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    pixels = np.divide(pixels, white, dtype=np.float32)
    if not ((pixels >= 0) & (pixels <= 1)).all():  # NaN fails too
        raise DataError(
            "the pixels must be numbers from 0 to 1, or unsigned integers such as uint8"
        )
    digit = find_digit(pixels.reshape(*pixels.shape[:2], -1))
    ink = _crop(digit.ink)
    # The longer side becomes 20, the other keeps the proportion.
    height, width = (max(1, round(BOX * side / max(ink.shape))) for side in ink.shape)
    small = resampling(ink.shape[0], height) @ ink @ resampling(ink.shape[1], width).T
    return _place(small / small.max()), digit.doubts


def _crop(ink: np.ndarray) -> np.ndarray:
    """Cut the paper away on all four sides."""
    seen = ink > _EDGE
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _place(small: np.ndarray) -> np.ndarray:
    """Put the scaled digit on the 28×28 sheet, its centre of mass in the middle."""
    sheet = np.zeros((SIDE, SIDE), dtype=np.float32)
    corner = []
    for axis, side in enumerate(small.shape):
        mass = small.sum(axis=1 - axis)
        centre = float(mass @ np.arange(side) / mass.sum())
        corner.append(min(max(round(SIDE / 2 - centre), 0), SIDE - side))
    top, left = corner
    sheet[top : top + small.shape[0], left : left + small.shape[1]] = small
    return sheet
