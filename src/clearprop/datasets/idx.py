"""IDX files, the format of MNIST and its relatives: arrays in, arrays out.

An IDX file is two zero bytes, one byte for the type, one byte for the number of dimensions, one
big-endian 32-bit length for each dimension, then the items, big-endian, last index fastest
(Y. LeCun, C. Cortes and C. J. C. Burges, 'The MNIST database of handwritten digits', section
'File formats').
"""

import gzip
import io
import math
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop.errors import DTypeError, FileFormatError, ShapeError
from clearprop.files import atomic_write, open_file

# The third byte of the file → the type of its items.
_DTYPES = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_NAMES = ", ".join(dtype.name for dtype in _DTYPES.values())

_GZIP_MAGIC = b"\x1f\x8b"
_DEFLATE_MOST = 1032  # deflate makes at most 1032 bytes out of one: 258 from two bits
_MAX_NDIM = 64  # of NumPy
_CHUNK = 1 << 20

_RENEW = "fetch or copy the file again"


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an IDX file, plain or gzipped, into an array.

    Whether the file is gzipped is seen from its content, whatever its name. No more is unpacked
    than the header announces, plus one byte to see that nothing follows, so a file of a few
    kilobytes cannot fill the memory, whether its header lies or its compressed data run on.

    Args:
        path: the file.

    Returns:
        An array of the file's shape, of uint8, int8, int16, int32, float32 or float64 in the
        machine's byte order, contiguous and writable.

    Raises:
        FileFormatError: the file is not IDX, is truncated or damaged, or something follows the
            data. The message says what was expected, what was found and what to do.
        FileNotFoundError: there is no such file.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "numbers.idx.gz"
        ...     write_idx(path, np.array([[1, 2, 3], [4, 5, 6]], np.int16))
        ...     read_idx(path)
        array([[1, 2, 3], [4, 5, 6]], dtype=int16)
    """
    path = Path(path)
    with open_file(path, "IDX", "IDX") as raw:
        gzipped = raw.peek(2)[:2] == _GZIP_MAGIC
        size = os.fstat(raw.fileno()).st_size
        if not gzipped:
            return _read(path, raw, most=size)
        try:
            with gzip.GzipFile(fileobj=raw) as unpacked:
                return _read(path, unpacked, most=size * _DEFLATE_MOST)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            message = (
                f"{path}: expected a whole gzip file, as its first two bytes announce, "
                f"found damaged or missing data ({error}); {_RENEW}"
            )
            raise FileFormatError(message) from error


def write_idx(path: str | os.PathLike[str], array: ArrayLike) -> None:
    """Write an array as an IDX file, gzipped if the name ends in `.gz`.

    The file is written beside its place and put there whole: when anything fails, what was there
    before is still there. The same array gives the same bytes, also gzipped.

    Args:
        path: the file; its folder must exist.
        array: any shape; uint8, int8, int16, int32, float32 or float64. Other types are refused,
            not converted.

    Raises:
        DTypeError: IDX has no such type.
        ShapeError: a dimension of 2³² or more.
        OutputError: the file cannot be written.

    Example:
        >>> write_idx("labels.idx", [5, 0, 4])
        Traceback (most recent call last):
        clearprop.errors.DTypeError: labels.idx: IDX holds uint8, int8, int16, int32, float32, \
float64, found int64; convert the array first, for example array.astype(np.int32)
    """
    array = np.asarray(array)
    dtype = array.dtype.newbyteorder(">")
    code = next((code for code, known in _DTYPES.items() if known == dtype), None)
    if code is None:
        target = {"b": "uint8", "f": "float32"}.get(array.dtype.kind, "int32")
        raise DTypeError(
            f"{path}: IDX holds {_NAMES}, found {array.dtype}; "
            f"convert the array first, for example array.astype(np.{target})"
        )
    if max(array.shape, default=0) >= 1 << 32:
        raise ShapeError(
            f"{path}: IDX counts at most 2**32 - 1 along a dimension, found shape {array.shape}; "
            f"write it in several files"
        )
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    data = array.astype(dtype, order="C", copy=False).tobytes()
    if Path(path).suffix.lower() == ".gz":
        atomic_write(path, gzip.compress(header + data, compresslevel=6, mtime=0))
    else:
        atomic_write(path, header, data)


def _read(path: Any, file: io.BufferedIOBase, most: int) -> NDArray[Any]:
    """The array in `file`, which can hold at most `most` bytes."""
    dtype, shape = _read_header(path, file)
    count = math.prod(shape) * dtype.itemsize
    header = 4 + 4 * len(shape)
    announced = f"{count:,} bytes of data ({dtype.name}, shape {shape}, as its header announces)"
    # Nothing is allocated on the header's word alone: the file must be able to hold that much,
    # and NumPy the shape (an empty array may still have lengths that overflow).
    if count + header > most:
        raise FileFormatError(
            f"{path}: expected {announced}, found a file that holds at most "
            f"{max(most - header, 0):,}; it is truncated or its header is wrong: {_RENEW}"
        )
    if math.prod(n for n in shape if n) * dtype.itemsize > sys.maxsize:
        raise FileFormatError(
            f"{path}: expected a shape that an array can have, found {shape}; "
            f"its header is wrong: {_RENEW}"
        )
    data = _read_up_to(file, count + 1)
    if len(data) != count:
        found = f"{len(data):,}; it is truncated"
        if len(data) > count:
            found = "more after them; its header is wrong or another file was appended"
        raise FileFormatError(f"{path}: expected {announced}, found {found}: {_RENEW}")
    # A bytearray is writable, so where the byte order is right already no copy is needed.
    return np.ndarray(shape, dtype, data).astype(dtype.newbyteorder("="), copy=False)


def _read_header(path: Any, file: io.BufferedIOBase) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        types = " ".join(f"{code:02x}" for code in _DTYPES)
        raise FileFormatError(
            f"{path}: expected an IDX file, which begins with 00 00, a type (one of {types}) and "
            f"a number of dimensions, found {magic.hex(' ') or 'an empty file'}; "
            f"is it the right file?"
        )
    ndim = magic[3]
    if ndim > _MAX_NDIM:
        raise FileFormatError(
            f"{path}: expected at most {_MAX_NDIM} dimensions, found {ndim}; "
            f"its header is wrong: {_RENEW}"
        )
    lengths = file.read(4 * ndim)
    if len(lengths) < 4 * ndim:
        raise FileFormatError(
            f"{path}: expected the lengths of {ndim} dimensions ({4 * ndim} bytes), "
            f"found {len(lengths)} bytes; it is truncated: {_RENEW}"
        )
    return _DTYPES[magic[2]], struct.unpack(f">{ndim}I", lengths)


def _read_up_to(file: io.BufferedIOBase, count: int) -> bytearray:
    """At most `count` bytes, in pieces, since `read(count)` would allocate them all at once."""
    data = bytearray()
    while len(data) < count and (piece := file.read(min(_CHUNK, count - len(data)))):
        data += piece
    return data
