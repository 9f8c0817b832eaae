"""Small images in pages: PNG written with the standard library."""

import math

import numpy as np

from clearprop.drawing.thumbnails import data_address, png

POSITIVE, NEGATIVE = (226, 106, 44), (59, 125, 221)
"""Orange and blue, to be told apart also by who sees no red or no green."""


def ink(values: np.ndarray) -> str:
    """Make a data URI of an image (H, W) with values from 0 to 1: black ink, none where it is 0.

    The paper shows through, so that a page can be light or dark.

    >>> ink(np.eye(2)).startswith("data:image/png;base64,iVBOR")
    True
    """
    alpha = _bytes(values)
    pixels = np.stack([np.zeros_like(alpha), alpha], axis=-1)
    return data_address(png(pixels, colour_type=4))


def signed(values: np.ndarray) -> str:
    """Make a data URI of an image (H, W) with values from −1 to 1: orange above 0, blue below.

    The nearer to 0, the more the paper shows through.
    """
    colours = np.where((values > 0)[..., np.newaxis], POSITIVE, NEGATIVE).astype(np.uint8)
    pixels = np.concatenate([colours, _bytes(np.abs(values))[..., np.newaxis]], axis=-1)
    return data_address(png(pixels, colour_type=6))


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.rint(255 * np.clip(np.nan_to_num(values), 0, 1)).astype(np.uint8)


def strongest(values: np.ndarray) -> float:
    """The magnitude that is painted in full, 1 where all are 0.

    It is not the largest, for a single outlier would make all else pale: of 1000 values 5 are
    larger.

    >>> strongest(np.array([-3.0, *range(1, 1000)]))
    995.0
    """
    magnitudes = np.sort(np.abs(values), axis=None)  # np.quantile imports all of numpy.ma
    return float(magnitudes[math.ceil(0.995 * (magnitudes.size - 1))]) or 1.0
