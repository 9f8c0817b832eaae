"""Pictures of one's own: what becomes of the pixels of any usual file."""

import numpy as np
import pytest
from PIL import Image

from clearprop.datasets import read_pictures
from clearprop.datasets.pictures import PictureForm
from clearprop.errors import DataError, FileFormatError

GREY = PictureForm(classes=("a", "b"), side=4)
COLOURS = PictureForm(classes=("a", "b"), side=4, colours=3)


def saved(path, image, **options):
    image.save(path, **options)
    return path


@pytest.mark.parametrize("end", ["png", "jpg", "webp", "bmp", "gif", "tif"])
def test_every_usual_format(tmp_path, end):
    image = Image.new("RGB", (40, 20), (200, 100, 50))
    image.paste((10, 20, 30), (0, 0, 20, 20))
    x = COLOURS.read(saved(tmp_path / f"a.{end}", image))
    assert x.dtype == np.uint8
    np.testing.assert_allclose(x[:, 3], np.full((4, 3), [200, 100, 50]), atol=12)
    np.testing.assert_allclose(x[:, 0], np.full((4, 3), [10, 20, 30]), atol=12)


def test_as_large_as_the_side_it_stays_bit_for_bit(tmp_path):
    pixels = np.random.default_rng(0).integers(256, size=(4, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(
        COLOURS.read(saved(tmp_path / "a.png", Image.fromarray(pixels))), pixels
    )
    grey = saved(tmp_path / "grey.png", Image.fromarray(pixels[..., 0]))
    np.testing.assert_array_equal(GREY.read(grey)[..., 0], pixels[..., 0])
    np.testing.assert_array_equal(COLOURS.read(grey), pixels[..., :1].repeat(3, axis=2))


def test_colours_become_as_bright_as_they_look(tmp_path):
    green = saved(tmp_path / "a.png", Image.new("RGB", (9, 9), (0, 255, 0)))
    assert np.all(GREY.read(green) == round(0.587 * 255))


def test_what_is_transparent_is_white_and_sixteen_bits_are_read(tmp_path):
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((90, 90, 90, 255), (4, 0, 8, 8))
    x = GREY.read(saved(tmp_path / "a.png", image))[..., 0]
    np.testing.assert_array_equal(x[:, [0, 3]], [[255, 90]] * 4)
    deep = Image.fromarray(np.full((8, 8), 257 * 90, np.uint16))
    assert np.all(GREY.read(saved(tmp_path / "deep.png", deep)) == 90)


def test_a_picture_on_its_side_is_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    image = Image.new("L", (20, 20), 0)
    image.paste(255, (0, 0, 10, 20))
    x = GREY.read(saved(tmp_path / "a.jpg", image, exif=exif))[..., 0]
    assert x[0].min() > 240
    assert x[3].max() < 15


def test_numbers_without_a_scale_are_refused(tmp_path):
    values = (0.5, np.float32), (1 << 20, np.int32), (200, np.int32)
    for pixels in (np.full((9, 9), *value) for value in values):
        with pytest.raises(DataError, match="whose scale is not known"):
            GREY.read(saved(tmp_path / "a.tif", Image.fromarray(pixels)))


def test_a_damaged_picture_is_named(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for n in range(3):
            saved(tmp_path / name / f"{n}.png", Image.new("L", (30, 30), n))
    assert read_pictures(tmp_path, side=4).form.colours == 1
    path = tmp_path / "b" / "1.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(FileFormatError, match=r"1\.png: the PNG image is truncated or corrupt"):
        read_pictures(tmp_path)
    saved(path, Image.new("RGB", (30, 30)))
    assert read_pictures(tmp_path, side=4).form.colours == 3
