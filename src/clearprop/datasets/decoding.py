"""Picture files: the pixels of PNG, JPEG and the like, as numbers."""

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.datasets.paper import FAINTEST, LONGEST, smaller, thinnest
from clearprop.errors import ClearpropError, DataError, FileFormatError, MissingPackageError
from clearprop.files import open_file

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
"""What is read, and nothing else: some decoders run programs of their own."""

MAX_PIXELS = 20_000_000
"""Larger pictures are refused: a small file can unpack to more than the memory holds."""

_MOST_BYTES = 8 * MAX_PIXELS


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a picture file with Pillow, whose decoder may fail in the block, too.

    The path `-` stands for the standard input. Of a large JPEG only as much will be worked out as
    `LONGEST` asks for.

    Errors: `FileFormatError` for a file that is missing, damaged or not a picture, `DataError` for
    a picture that is too large, `MissingPackageError` without Pillow.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackageError(
            'reading pictures needs Pillow; install it with: pip install "clearprop[pictures]"'
        ) from error
    with warnings.catch_warnings(action="ignore"), _opened(path) as file:
        try:
            image = Image.open(file, formats=FORMATS)
        except Image.DecompressionBombError:
            raise _too_large(path) from None
        except Exception:  # a parser may raise anything, as a sign that it is something else
            raise FileFormatError(
                f"{path}: this is not a picture in a format that is read ({_KNOWN}); "
                "open it in a picture program and save it as PNG"
            ) from None
        with image:
            kind = "JPEG" if image.format == "MPO" else image.format
            image.draft("RGB", (2 * LONGEST, 2 * LONGEST))
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(path, f" of {image.width}×{image.height} pixels")
            try:
                yield image
            except ClearpropError:
                raise
            except Exception as error:  # the decoder raises whatever its parser met
                raise FileFormatError(
                    f"{path}: the {kind} image is truncated or corrupt ({error}); save it anew"
                ) from error


def decode(path: Path) -> np.ndarray:
    """Read the pixels of a picture file: (H, W, colours), float32, 0 to 1, nothing transparent.

    The first picture of several is taken, and turned as it says. Pictures that are larger than
    `LONGEST` are scaled down to about twice that, but no side to less than `SHORTEST`.

    Errors: those of `opened`.
    """
    with opened(path) as image:
        pixels = _opaque(image)
        whole = image.mode == "I" and image.format != "PNG"  # those of PNG have 16 bits at most
        if image.mode == "F" or whole or pixels.min() < 0 or pixels.max() > 1:
            raise DataError(
                f"{path}: the pixels are numbers of 32 bits, whose scale is not known; save it "
                "with 8 or 16 bits"
            )
        return pixels


_KNOWN = ", ".join(FORMATS)


def _opened(path: Path) -> Any:
    if str(path) == "-":
        data = sys.stdin.buffer.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise DataError(f"-: the picture is too large: at most {_MOST_BYTES:,} bytes are read")
        return io.BytesIO(data)
    try:
        return open_file(path, "picture", "a picture")
    except FileNotFoundError:
        raise FileFormatError(f"{path}: there is no such file; check the path") from None


def _too_large(path: Path, size: str = "") -> DataError:
    return DataError(
        f"{path}: the picture{size} is too large: at most {MAX_PIXELS:,} pixels are read; "
        "cut out the digit or scale the picture down"
    )


def _opaque(image: Any) -> np.ndarray:
    """Lay the picture on white paper, or on black where white would show nothing."""
    from PIL import ImageOps

    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow's own conversion would clip
        grey = np.asarray(image)[..., np.newaxis]
        seen = grey != image.info.get("transparency", -1)
        colour, alpha = smaller(grey) / 65535, smaller(seen)
    else:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        image = image.reduce(max(1, min(max(image.size) // (2 * LONGEST), thinnest(*image.size))))
        rgba = np.asarray(image, dtype=np.float32) / 255
        if image.mode == "RGB":
            return rgba
        colour, alpha = rgba[..., :3], rgba[..., 3:]
    on_white = colour * alpha + (1 - alpha)
    return on_white if np.ptp(on_white) > FAINTEST else colour * alpha
