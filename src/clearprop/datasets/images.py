"""Pictures of digits from PNG files, brought into the form of MNIST's own."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.datasets.paper import FAINTEST, resampling
from clearprop.datasets.photographs import find_digit
from clearprop.errors import DataError, FileFormatError, MissingPackageError, ShapeError

SIDE = 28
"""Height and width of an MNIST image."""

BOX = 20
"""The digit itself fits into a box of this height and width."""

MAX_PIXELS = 20_000_000
"""Larger pictures are refused: a small file can unpack to more than the memory holds."""

_EDGE = 0.15
"""The box round the digit ends where ink is fainter than this share of the strongest."""


def read_digit(path: str | Path) -> np.ndarray:
    """Read a PNG file with one digit as MNIST would have had it: (28, 28), float32, 0 to 1.

    The picture may be grey, coloured, 1 to 16 bits deep, with a palette or partly transparent, of
    28×28 pixels or larger, dark on light or light on dark. What it shows is made like MNIST by
    `mnist_form`. Transparent parts count as white paper, or as black where white shows nothing.

    Errors: `FileFormatError` for a file that is missing or not a PNG image, `DataError` for a
    picture that is too small, too large or empty, `MissingPackageError` without Pillow.
    """
    pixels = _decode(Path(path))
    try:
        return mnist_form(pixels)
    except (DataError, ShapeError) as error:
        raise type(error)(f"{path}: {error}") from None


def mnist_form(pixels: Any) -> np.ndarray:
    """Bring a picture (H, W) or (H, W, colours) into the form of MNIST: (28, 28), float32, 0 to 1.

    `pixels` are floats from 0 to 1, or unsigned integers from 0 to the largest of their dtype.

    1. The background is the median along the border, and ink is the distance from it, so that dark
       on light and light on dark come out the same: ink 1, paper 0.
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
    pixels = np.asarray(pixels)
    if pixels.ndim not in (2, 3):
        raise ShapeError(f"a picture has shape (H, W) or (H, W, colours), got {pixels.shape}")
    if min(pixels.shape[:2]) < SIDE:
        height, width = pixels.shape[:2]
        raise DataError(
            f"the picture is {width}×{height} pixels; it must be {SIDE}×{SIDE} or larger"
        )
    white = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    pixels = np.asarray(pixels / white, dtype=np.float32)
    if not ((pixels >= 0) & (pixels <= 1)).all():  # NaN fails too
        raise DataError(
            "the pixels must be numbers from 0 to 1, or unsigned integers such as uint8"
        )
    ink = _crop(find_digit(pixels.reshape(*pixels.shape[:2], -1)).ink)
    # The longer side becomes 20, the other keeps the proportion.
    height, width = (max(1, round(BOX * side / max(ink.shape))) for side in ink.shape)
    small = resampling(ink.shape[0], height) @ ink @ resampling(ink.shape[1], width).T
    return _place(small / small.max())


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


def _decode(path: Path) -> np.ndarray:
    """Read the pixels of a PNG file: (H, W, colours), float32, 0 to 1, nothing transparent."""
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as error:
        raise MissingPackageError(
            'reading pictures needs Pillow; install it with: pip install "clearprop[pictures]"'
        ) from error
    try:
        with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
            image = Image.open(path, formats=("PNG",))
    except FileNotFoundError:
        raise FileFormatError(f"{path}: there is no such file; check the path") from None
    except UnidentifiedImageError:
        raise FileFormatError(
            f"{path}: this is not a PNG image; open it in a picture program and save it as PNG"
        ) from None
    except Image.DecompressionBombError:
        raise _too_large(path) from None
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror or error}") from error
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise _too_large(path, f" of {image.width}×{image.height} pixels")
        try:
            return _opaque(ImageOps.exif_transpose(image))
        except Exception as error:  # the decoder raises whatever its parser met
            raise FileFormatError(
                f"{path}: the PNG image is truncated or corrupt ({error}); save it anew"
            ) from error


def _too_large(path: Path, size: str = "") -> DataError:
    return DataError(
        f"{path}: the picture{size} is too large: at most {MAX_PIXELS:,} pixels are read; "
        "cut out the digit or scale the picture down"
    )


def _opaque(image: Any) -> np.ndarray:
    """Lay the picture on white paper, or on black where white would show nothing."""
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow's own conversion would clip
        grey = np.asarray(image, dtype=np.float32)
        seen = grey != image.info.get("transparency", -1)
        colour, alpha = grey[..., np.newaxis] / 65535, seen[..., np.newaxis]
    else:
        rgba = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255
        colour, alpha = rgba[..., :3], rgba[..., 3:]
    on_white = colour * alpha + (1 - alpha)
    return on_white if np.ptp(on_white) > FAINTEST else colour * alpha
