"""IDX files: what is read, what is refused, and what writing leaves behind."""

import gzip
import os
import re
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clearprop.datasets import read_idx, write_idx
from clearprop.errors import DTypeError, FileFormatError, OutputError, ShapeError

DTYPES = [np.uint8, np.int8, np.int16, np.int32, np.float32, np.float64]

# Two rows of three, written by hand from the description of the format.
SHORTS = bytes.fromhex("00000b02 00000002 00000003 0001 fffe 0003 0004 7fff 8000")
SHORTS_ARRAY = np.array([[1, -2, 3], [4, 32767, -32768]], np.int16)


def header(code: int, *shape: int) -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.idx"


def refused(path: Path, *words: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        read_idx(path)
    message = str(caught.value)
    for word in (str(path), "expected", "found", *words):
        assert word in message


# Reading


def test_reads_a_file_written_by_hand(path: Path) -> None:
    path.write_bytes(SHORTS)
    array = read_idx(path)
    assert array.dtype == np.int16
    np.testing.assert_array_equal(array, SHORTS_ARRAY)


@pytest.mark.parametrize(
    ("code", "item", "expected"),
    [
        (0x08, "ff", np.uint8(255)),
        (0x09, "ff", np.int8(-1)),
        (0x0B, "0102", np.int16(258)),
        (0x0C, "01020304", np.int32(16909060)),
        (0x0D, "3fc00000", np.float32(1.5)),
        (0x0E, "bff8000000000000", np.float64(-1.5)),
    ],
)
def test_every_type_is_native_writable_and_contiguous(
    path: Path, code: int, item: str, expected: np.generic
) -> None:
    path.write_bytes(header(code, 1) + bytes.fromhex(item))
    array = read_idx(path)
    assert array.dtype == expected.dtype
    assert array.dtype.isnative
    assert array.flags.writeable
    assert array.flags.c_contiguous
    assert array.tolist() == [expected]
    array[0] = 7
    assert read_idx(path).tolist() == [expected]


@pytest.mark.parametrize("name", ["a.idx", "a.idx.gz", "a"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_content_and_not_name_tells_whether_it_is_gzipped(tmp_path: Path, name: str, pack) -> None:
    path = tmp_path / name
    path.write_bytes(pack(SHORTS))
    np.testing.assert_array_equal(read_idx(str(path)), SHORTS_ARRAY)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3, 0, 2), (1, 1, 1, 1, 2), (1,) * 64])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_any_number_of_dimensions(path: Path, shape: tuple[int, ...], pack) -> None:
    count = int(np.prod(shape))
    path.write_bytes(pack(header(0x0B, *shape) + b"\0\5" * count))
    array = read_idx(path)
    assert array.shape == shape
    assert (array == 5).all()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(FileFormatError, match="it is a pipe or a device"):
        read_idx(path)


def test_missing_file(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such IDX file") as caught:
        read_idx(path)
    assert caught.value.filename == str(path)


# Refusing


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"\0\0\x08", "00 00 08"),
        (b"\x89PNG\r\n\x1a\n", "89 50 4e 47"),
        (b"\0\1\x08\1\0\0\0\0", "00 01 08 01"),
        (b"\1\0\x08\1\0\0\0\0", "01 00 08 01"),
        (b"\0\0\x0a\1\0\0\0\0", "00 00 0a 01"),
        (b"\1\x08\0\0\1\0\0\0\7", "01 08 00 00"),  # little-endian
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_wrong_magic(path: Path, content: bytes, found: str, pack) -> None:
    path.write_bytes(pack(content))
    refused(path, f"found {found};", "08 09 0b 0c 0d 0e")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_truncated_anywhere(path: Path, pack) -> None:
    for length in range(len(SHORTS)):
        path.write_bytes(pack(SHORTS[:length]))
        refused(path)
    path.write_bytes(pack(SHORTS[:-1]))
    refused(path, "12 bytes", "int16, shape (2, 3)", "11", "truncated", "again")


def test_gzip_truncated_or_damaged_anywhere(path: Path) -> None:
    packed = gzip.compress(SHORTS, mtime=0)
    for length in range(2, len(packed)):
        path.write_bytes(packed[:length])
        refused(path, "gzip", "again")
    for i in (2, *range(10, len(packed))):  # bytes 3 to 9 are flags, time and system
        path.write_bytes(packed[:i] + bytes([packed[i] ^ 0xFF]) + packed[i + 1 :])
        refused(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("extra", [b"\0", SHORTS])
def test_trailing_bytes(path: Path, pack, extra: bytes) -> None:
    path.write_bytes(pack(SHORTS + extra))
    refused(path, "12 bytes", "more after them")


def test_rubbish_after_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(SHORTS) + b"rubbish")
    refused(path, "gzip")


@pytest.mark.parametrize(
    "shape",
    [
        (0xFFFFFFFF,),
        (0xFFFFFFFF,) * 3,
        (0xFFFFFFFF,) * 64,
        (60_000, 28, 28),
        (0, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        (1,) * 65,
        (1,) * 255,
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_absurd_dimensions_allocate_nothing(path: Path, shape: tuple[int, ...], pack) -> None:
    path.write_bytes(pack(header(0x0E, *shape) + b"\0" * 40))
    tracemalloc.start()
    try:
        refused(path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_bomb_is_not_unpacked(path: Path) -> None:
    """A small gzip file of 100 MB, whose header announces ten bytes."""
    path.write_bytes(gzip.compress(header(0x08, 10) + bytes(100_000_000), compresslevel=1))
    assert path.stat().st_size < 500_000
    tracemalloc.start()
    try:
        refused(path, "10 bytes", "more after them")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


# Writing


@pytest.mark.parametrize("suffix", ["", ".gz", ".GZ"])
@settings(deadline=None)  # a busy machine is no failure
@given(
    array=st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(
            dtype, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)
        )
    ),
    data=st.data(),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, array: np.ndarray, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / f"round-trip{suffix}"
    big = data.draw(st.booleans())
    given_array = np.asfortranarray(array.astype(array.dtype.newbyteorder(">" if big else "<")))
    given_array = given_array.reshape(array.shape)  # asfortranarray makes one axis out of none
    write_idx(path, given_array)
    result = read_idx(path)
    assert result.dtype == array.dtype
    assert result.dtype.isnative
    assert result.shape == array.shape
    assert result.tobytes() == array.tobytes()  # bit for bit, NaN and -0.0 as well


def test_bytes_written_are_the_format(path: Path) -> None:
    write_idx(path, SHORTS_ARRAY)
    assert path.read_bytes() == SHORTS
    packed = path.with_suffix(".gz")
    write_idx(packed, SHORTS_ARRAY)
    first = packed.read_bytes()
    assert gzip.decompress(first) == SHORTS
    write_idx(packed, SHORTS_ARRAY)
    assert packed.read_bytes() == first


@pytest.mark.parametrize(
    ("array", "found", "remedy"),
    [
        (np.zeros(2, np.int64), "int64", "int32"),
        (np.zeros(2, np.uint16), "uint16", "int32"),
        (np.zeros(2, np.bool_), "bool", "uint8"),
        (np.zeros(2, np.float16), "float16", "float32"),
        (np.array(["a"]), "<U1", "int32"),
        (np.array([None]), "object", "int32"),
    ],
)
def test_types_that_idx_lacks_are_refused(
    path: Path, array: np.ndarray, found: str, remedy: str
) -> None:
    path.write_bytes(b"before")
    with pytest.raises(DTypeError, match=rf"found {re.escape(found)}; .*np\.{remedy}\)$"):
        write_idx(path, array)
    assert path.read_bytes() == b"before"


def test_a_dimension_too_long_is_refused(path: Path) -> None:
    array = np.broadcast_to(np.uint8(0), (0, 1 << 32))
    with pytest.raises(ShapeError, match=re.escape("(0, 4294967296)")):
        write_idx(path, array)
    assert not path.exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, step: str
) -> None:
    write_idx(path, SHORTS_ARRAY)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, step, fail)
    expected = OutputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        write_idx(path, np.zeros(3, np.uint8))
    if expected is OutputError:
        assert str(path) in str(caught.value)
        assert "No space left" in str(caught.value)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == SHORTS


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "a.idx"
    with pytest.raises(OutputError, match=re.escape(str(path))):
        write_idx(path, SHORTS_ARRAY)
    assert not path.parent.exists()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"before")
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("links are not allowed here")
    write_idx(link, SHORTS_ARRAY)
    assert link.is_symlink()
    assert target.read_bytes() == SHORTS
