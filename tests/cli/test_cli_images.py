"""Pictures: whatever the file looks like, the digit in it comes out as MNIST would have it."""

import os
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from clearprop.datasets.images import MAX_PIXELS, mnist_form, read_digit
from clearprop.errors import DataError, FileFormatError, MissingPackageError, ShapeError


def digit_seven(side=120):
    """(side, side) uint8, a dark 7 on white, off centre."""
    page = np.full((side, side), 255, np.uint8)
    u = side // 12
    page[u : 2 * u, u : 7 * u] = 0
    for i in range(8 * u):
        page[2 * u + i, 5 * u - i // 2 : 7 * u - i // 2] = 0
    return page


@pytest.fixture(scope="module")
def expected():
    return mnist_form(digit_seven())


def save(tmp_path, image, **kwargs):
    path = tmp_path / "digit.png"
    image.save(path, **kwargs)
    return path


def test_the_digit_fills_the_box_and_its_centre_of_mass_is_the_middle(expected):
    rows, columns = (np.flatnonzero(expected.any(axis=a)) for a in (1, 0))
    assert rows[-1] - rows[0] + 1 == 20
    assert columns[-1] - columns[0] + 1 < 20
    assert expected.max() == 1
    for axis in 0, 1:
        mass = expected.sum(axis=1 - axis)
        assert abs(mass @ np.arange(28) / mass.sum() - 14) <= 0.5


def test_an_mnist_image_comes_out_as_it_is():
    from clearprop.datasets import load_mnist

    _, (x, _) = load_mnist(normalize=False)
    images = x[:200].reshape(-1, 28, 28)
    same = [np.allclose(mnist_form(a), a / a.max(), atol=0.15) for a in images]
    assert np.mean(same) > 0.98  # but for an edge so faint that it is taken for paper


@pytest.mark.parametrize("factor", [2, 3, 10])
def test_size_does_not_matter(factor):
    small = digit_seven(60)
    large = np.kron(small, np.ones((factor, factor), np.uint8))
    np.testing.assert_allclose(mnist_form(large), mnist_form(small), atol=0.15)


def test_the_place_on_the_page_does_not_matter(expected):
    page = np.full((300, 500), 255, np.uint8)
    page[150:270, 350:470] = digit_seven()
    np.testing.assert_array_equal(mnist_form(page), expected)


def _rgb(grey):
    """Blue ink on yellow paper."""
    return np.where(grey[..., np.newaxis] == 0, [0, 0, 160], [255, 250, 150]).astype(np.uint8)


def _on_nothing(grey, ink):
    """Ink of one colour, the paper transparent and of a hidden colour that must not matter."""
    rgba = np.zeros((*grey.shape, 4), np.uint8)
    rgba[..., :3] = np.where(grey[..., np.newaxis] == 0, ink, [90, 10, 200])
    rgba[..., 3] = np.where(grey == 0, 255, 0)
    return Image.fromarray(rgba)


KINDS = {
    "dark on light": lambda a: Image.fromarray(a),
    "light on dark": lambda a: Image.fromarray(255 - a),
    "one bit": lambda a: Image.fromarray(a).convert("1"),
    "grey with alpha": lambda a: Image.fromarray(a).convert("LA"),
    "RGB": lambda a: Image.fromarray(_rgb(a)),
    "colours of equal brightness": lambda a: Image.fromarray(
        np.where(a[..., np.newaxis] == 0, [255, 0, 0], [0, 130, 0]).astype(np.uint8)
    ),
    "palette": lambda a: Image.fromarray(_rgb(a)).quantize(8),
    "16 bits": lambda a: Image.fromarray(a.astype(np.uint16) * 257),
    "16 bits, all in the upper half": lambda a: Image.fromarray(40000 + a.astype(np.uint16) * 80),
    "black on nothing": lambda a: _on_nothing(a, 0),
    "white on nothing": lambda a: _on_nothing(a, 255),
    "red on nothing": lambda a: _on_nothing(a, [250, 20, 20]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_png_gives_the_same_digit(kind, tmp_path, expected):
    path = save(tmp_path, KINDS[kind](digit_seven()))
    np.testing.assert_allclose(read_digit(path), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_other_formats_give_the_same_digit(kind, tmp_path, expected):
    path = tmp_path / "digit"  # the name says nothing
    Image.fromarray(digit_seven()).save(path, kind, quality=95)
    np.testing.assert_allclose(read_digit(path), expected, atol=0.2)


@pytest.mark.parametrize("mode", ["L", "P", "I;16"])
def test_a_colour_that_is_declared_transparent(mode, tmp_path, expected):
    seven = digit_seven()
    image = Image.fromarray(np.where(seven == 0, 3, 0).astype(np.uint8))
    if mode == "P":
        image.putpalette([0, 0, 0] * 256)  # black ink, and the see-through paper is black as well
    elif mode == "I;16":
        image = Image.fromarray(np.where(seven == 0, 300, 0).astype(np.uint16))
    path = save(tmp_path, image, transparency=0)
    np.testing.assert_allclose(read_digit(path), expected, atol=1e-5)


@pytest.mark.parametrize(("kind", "atol"), [("PNG", 1e-5), ("JPEG", 0.2)])
def test_a_picture_that_says_it_lies_on_its_side_is_turned(tmp_path, expected, kind, atol):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    image = Image.fromarray(digit_seven()).rotate(90)
    path = save(tmp_path, image, format=kind, exif=exif, quality=95)
    np.testing.assert_allclose(read_digit(path), expected, atol=atol)


def test_faint_ink_and_grainy_paper(expected):
    rng = np.random.default_rng(0)
    page = 200.0 - 90 * (digit_seven() == 0) + rng.normal(0, 2, (120, 120))
    np.testing.assert_allclose(mnist_form(page.astype(np.uint8)), expected, atol=0.12)


def bad(tmp_path, content):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    return path


def good_bytes(tmp_path):
    return save(tmp_path, Image.fromarray(digit_seven())).read_bytes()


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def huge_png(width, height):
    """A PNG file whose header promises a picture of any size; its pixels are missing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xd8\xff\xe0 jpeg", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_not_a_picture_is_named(tmp_path, content):
    with pytest.raises(FileFormatError, match=r"bad\.png: .*not a picture.*save it as PNG"):
        read_digit(bad(tmp_path, content))


@pytest.mark.parametrize("keep", [60, 120, 0.5, 0.9])
def test_a_truncated_png_is_named(tmp_path, keep):
    whole = good_bytes(tmp_path)
    part = whole[: keep if keep > 1 else int(len(whole) * keep)]
    with pytest.raises(FileFormatError, match=r"bad\.png: the PNG image is truncated or corrupt"):
        read_digit(bad(tmp_path, part))


def test_a_corrupt_png_is_named(tmp_path):
    whole = bytearray(good_bytes(tmp_path))
    for i in range(60, 80):
        whole[i] ^= 0xFF
    with pytest.raises(FileFormatError, match=r"bad\.png: the PNG image is truncated or corrupt"):
        read_digit(bad(tmp_path, bytes(whole)))


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(FileFormatError, match=r"nowhere\.png: there is no such file"):
        read_digit(tmp_path / "nowhere.png")
    with pytest.raises(FileFormatError, match="cannot be read"):
        read_digit(tmp_path)


@pytest.mark.parametrize("size", [(10_000, MAX_PIXELS // 10_000 + 1), (2**31 - 1, 2**31 - 1)])
def test_an_absurdly_large_picture_is_refused_unread(tmp_path, size):
    with pytest.raises(DataError, match=r"bad\.png: the picture.* is too large"):
        read_digit(bad(tmp_path, huge_png(*size)))


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture_is_refused(tmp_path, level):
    with pytest.raises(DataError, match=r"digit\.png: the picture is empty"):
        read_digit(save(tmp_path, Image.new("L", (50, 50), level)))


def test_a_wholly_transparent_picture_is_empty(tmp_path):
    with pytest.raises(DataError, match="the picture is empty"):
        read_digit(save(tmp_path, Image.new("RGBA", (50, 50), (200, 100, 0, 0))))


def test_grain_alone_is_empty():
    page = np.random.default_rng(0).normal(200, 1, (100, 100)).astype(np.uint8)
    with pytest.raises(DataError, match="the picture is empty"):
        mnist_form(page)


def test_a_small_picture_is_refused(tmp_path):
    with pytest.raises(DataError, match="is 27×40 pixels; it must be 28×28 or larger"):
        read_digit(save(tmp_path, Image.new("L", (27, 40))))


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.1])
def test_pixels_out_of_range_are_refused(value):
    page = np.ones((30, 30))
    page[10, 10] = value
    with pytest.raises(DataError, match="numbers from 0 to 1"):
        mnist_form(page)


def test_an_array_that_is_no_picture_is_refused():
    with pytest.raises(ShapeError, match=r"got \(784,\)"):
        mnist_form(np.zeros(784))


def test_without_pillow_the_remedy_is_named(tmp_path, monkeypatch):
    path = save(tmp_path, Image.fromarray(digit_seven()))
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingPackageError, match=r'pip install "clearprop\[pictures\]"'):
        read_digit(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_pipes_and_devices_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in tmp_path / "pipe", "/dev/zero":
        with pytest.raises(FileFormatError, match="it is a pipe or a device"):
            read_digit(path)
    for path in "a\0b", "a\ud800b/\0":
        with pytest.raises(FileFormatError, match="cannot be read as a picture"):
            read_digit(path)


WHITE = {"L": 255, "RGBA": (255, 255, 255, 255), "P": 1, "1": 1, "I;16": 65535}


@pytest.mark.parametrize("mode", WHITE)
def test_the_largest_pictures_are_read(mode, tmp_path):
    image = Image.new(mode, (5000, 3900), WHITE[mode])
    image.paste({"RGBA": (0, 0, 0, 255)}.get(mode, 0), (2000, 1000, 2300, 3000))
    if mode == "P":
        image.putpalette([0, 0, 0, 255, 255, 255])
    path = save(tmp_path, image)
    assert read_digit(path).max() == 1
