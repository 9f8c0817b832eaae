"""Arrays as tiny pictures: a heat map of a matrix, bars for a vector."""

import struct
from base64 import b64encode
from collections.abc import Callable
from zlib import adler32, compress, crc32

import numpy as np

CELLS = 28
"""The most cells along each side of a heat map: an image of MNIST just fits."""

BARS = 42
"""The most bars that stand for a vector."""

POSITIVE, NEGATIVE = (217, 95, 2), (33, 102, 192)


def cells_of(array: np.ndarray) -> np.ndarray | None:
    """Choose the cells that a heat map shows: rows by columns, `None` if it would show nothing.

    A single row of 400 numbers or more, as many as fill a square, is taken for an image. Where
    there are more rows or columns than cells, each cell shows the largest number of its block, by
    amount. Axes after the first are laid out in a row.
    """
    if array.size < 2 or array.dtype.kind not in "fiub":
        return None
    grid = array.reshape(array.shape[0], -1) if array.ndim > 1 else array.reshape(1, -1)
    if grid.shape[0] == 1:
        side = int(array.size**0.5)
        if side < 20 or side * side != array.size:
            return None
        grid = array.reshape(side, side)
    if 1 in grid.shape:
        return None
    high = low = grid.astype(np.float64)
    for axis, n in enumerate(grid.shape):
        if n > CELLS:
            starts = np.arange(CELLS) * n // CELLS
            high = np.maximum.reduceat(high, starts, axis)
            low = np.minimum.reduceat(low, starts, axis)
    return np.where(high >= -low, high, low)


def heat_map(cells: np.ndarray) -> str:
    """Draw cells as a PNG in a `data:` address: orange above zero, blue below, clear at zero.

    The colour says how large a number is beside the largest; NaN and infinity are black.
    """
    finite = np.isfinite(cells)
    size = np.where(finite, abs(cells), 0)
    largest = size.max()
    level = np.rint(size / largest * 63) if largest > 0 else size
    # Palette: 0 … 63 orange by strength, 64 … 127 blue by strength, 128 black.
    index = np.where(cells < 0, 64 + level, level)
    index = np.where(finite, index, 128).astype(np.uint8)
    colours = bytes(POSITIVE) * 64 + bytes(NEGATIVE) * 64 + b"\0\0\0"
    opacity = bytes(round(255 * (i / 63) ** 0.7) for i in range(64)) * 2 + b"\xff"
    return data_address(png(index, 3, _stored, PLTE=colours, tRNS=opacity))


def png(
    pixels: np.ndarray, colour_type: int, pack: Callable[[bytes], bytes] = compress, **chunks: bytes
) -> bytes:
    """Write bytes (H, W) or (H, W, channels) as a PNG file; `chunks` are to come before them.

    An index into a palette is type 3, grey with alpha 4, RGB with alpha 6.

    Source: Portable Network Graphics, W3C Recommendation, sections 5 and 11.
    """
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    # Each row begins with its filter: 0, none.
    rows = np.insert(pixels.reshape(height, -1), 0, 0, axis=1)
    chunks = {"IHDR": header, **chunks, "IDAT": pack(rows.tobytes()), "IEND": b""}
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, data in chunks.items():
        kind = name.encode()
        parts += [struct.pack(">I", len(data)), kind, data, struct.pack(">I", crc32(kind + data))]
    return b"".join(parts)


def data_address(picture: bytes) -> str:
    """A PNG file as an address that pages can show."""
    return f"data:image/png;base64,{b64encode(picture).decode()}"


def _stored(data: bytes) -> bytes:
    """A zlib stream without compression: its bytes do not depend on the version of zlib."""
    head = struct.pack("<BHH", 1, len(data), len(data) ^ 0xFFFF)
    return b"\x78\x01" + head + data + struct.pack(">I", adler32(data))


def bars(array: np.ndarray, width: float, height: float) -> tuple[str, float] | None:
    """Draw a vector as upright bars: their path, and the height of the line from which they rise.

    `None` if there is nothing to see. Of a long vector every k-th number is shown.
    """
    values = array.reshape(-1)
    if values.size > BARS:
        values = values[np.arange(BARS) * values.size // BARS]
    values = values.astype(np.float64)
    values = np.where(np.isfinite(values), values, 0)
    high, low = max(values.max(), 0.0), min(values.min(), 0.0)
    if high == low:
        return None
    scale = height / (high - low)
    zero = round(float(scale * high), 2) + 0.0
    step = width / values.size
    wide = round(step * 0.8, 2)
    tops = np.round(scale * (high - values), 2).tolist()
    path = "".join(
        f"M{i * step:.1f} {zero:g}V{top:g}h{wide:g}V{zero:g}z"
        for i, top in enumerate(tops)
        if top != zero
    )
    return path, zero
