"""Small images in pages: PNG written with the standard library."""

import base64
import struct
import zlib

import numpy as np

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
    return _data_uri(pixels, colour_type=4)


def signed(values: np.ndarray) -> str:
    """Make a data URI of an image (H, W) with values from −1 to 1: orange above 0, blue below.

    The nearer to 0, the more the paper shows through.
    """
    colours = np.where((values > 0)[..., np.newaxis], POSITIVE, NEGATIVE).astype(np.uint8)
    pixels = np.concatenate([colours, _bytes(np.abs(values))[..., np.newaxis]], axis=-1)
    return _data_uri(pixels, colour_type=6)


def write_png(pixels: np.ndarray, colour_type: int) -> bytes:
    """Write bytes (H, W, channels) as a PNG file; grey with alpha is type 4, RGB with alpha 6.

    Source: Portable Network Graphics, W3C Recommendation, sections 5 and 11.
    """
    height, width = pixels.shape[:2]
    # Each row begins with its filter: 0, none.
    rows = np.zeros((height, 1 + pixels[0].size), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    body = zlib.compress(rows.tobytes())
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.rint(255 * np.clip(np.nan_to_num(values), 0, 1)).astype(np.uint8)


def _data_uri(pixels: np.ndarray, colour_type: int) -> str:
    return "data:image/png;base64," + base64.b64encode(write_png(pixels, colour_type)).decode()
