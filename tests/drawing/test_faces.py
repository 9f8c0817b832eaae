"""Numbers, arrays and names as they are written into a picture."""

import numpy as np
import pytest
from geometry import text_box
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clearprop.drawing.digest import facts, number, sentence
from clearprop.drawing.faces import name_block, value_block
from clearprop.drawing.measure import clean, text_width, wrapped
from clearprop.drawing.thumbnails import CELLS, bars, cells_of, heat_map


def texts(block):
    return [mark.content for mark in block.marks if mark.kind == "text"]


def kinds(block):
    return {mark.kind for mark in block.marks}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_short_and_close(x):
    text = number(x)
    assert len(text) <= 13
    back = float(text.replace("−", "-"))
    assert back == pytest.approx(x, rel=1e-5, abs=0)


@given(st.integers(-(10**9) + 1, 10**9 - 1))
def test_whole_numbers_are_written_out(x):
    for value in (x, np.int64(x), float(x)):
        assert number(value) == str(x).replace("-", "−")


def test_numbers_of_other_kinds():
    assert number(np.float32(0.1)) == "0.1"
    assert number(np.float16(np.inf)) == "∞"
    assert number(True) == "True"
    assert number(10**400) == "∞"
    assert number(-5e-324) == "−4.94066e−324"


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        (220.00000000000003, ["220"]),
        (np.array([1, 2, 3]), ["[1, 2, 3]"]),
        (np.array([[1.5, -2], [0, 4]]), ["1.5", "0", "−2", "4"]),
        (np.zeros((0, 3)), ["(0, 3)", "empty"]),
        (np.arange(100.0), ["(100,)", "0 … 99", "mean 49.5"]),
        (np.maximum(np.arange(-50.0, 50.0), 0), ["(100,)", "0 … 49", "51% zeros"]),
        (np.full((20, 20), 3.0), ["(20, 20)", "all 3"]),
        (np.array([np.nan] + [1.0] * 9 + [np.inf]), ["(11,)", "1", "1 NaN", "1 infinite"]),
        (np.arange(10) < 3, ["(10,)", "30% true"]),
        (np.array([True, False]), ["[True, False]"]),
        (np.ones((2, 3, 4)), ["(2, 3, 4)", "all 1"]),
    ],
)
def test_what_is_shown_of_a_value(value, lines):
    assert texts(value_block(value)) == lines


def test_a_share_that_is_not_all_is_not_shown_as_all():
    almost = np.append(np.zeros(9999), 1.0)
    assert facts(almost)[-1] == "99% zeros"
    assert facts(np.append(np.ones(9999, bool), False)) == ["99% true"]


def test_what_rounding_leaves_of_a_mean_is_0():
    y = np.linspace(-0.3, 0.3, 100)
    assert abs(y.mean()) < 1e-12
    assert facts(y + 1e-17)[1] == "mean 0"


def test_a_vector_gets_bars_and_a_matrix_a_heat_map():
    assert kinds(value_block(np.arange(100.0))) == {"text", "path"}
    assert kinds(value_block(np.arange(100.0).reshape(10, 10))) == {"text", "path", "image"}
    assert kinds(value_block(np.arange(5.0))) == {"text"}


def test_an_image_of_mnist_is_shown_as_it_is():
    x = np.arange(784.0)
    for shape in ((784,), (1, 784), (28, 28)):
        np.testing.assert_array_equal(cells_of(x.reshape(shape)), x.reshape(28, 28))


def test_of_a_large_matrix_nothing_large_is_lost():
    x = np.zeros((784, 50))
    x[401, 33] = -5.0
    cells = cells_of(x)
    assert cells.shape == (CELLS, CELLS)
    assert cells.min() == -5.0
    assert np.count_nonzero(cells) == 1


def test_heat_maps_are_png_and_say_sign_and_strength():
    import base64
    import io

    from PIL import Image

    address = heat_map(np.array([[1.0, -1.0], [0.0, np.nan]]))
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
    orange, blue, clear, black = pixels.reshape(4, 4).tolist()
    assert orange[0] > 200 > blue[0]
    assert blue[2] > 150
    assert (orange[3], blue[3], clear[3]) == (255, 255, 0)
    assert black == [0, 0, 0, 255]


@given(
    hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int64, np.bool_]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=40),
    )
)
def test_every_array_has_a_face_and_all_of_it_is_inside(array):
    with np.errstate(all="ignore"):
        block = value_block(array)
        assert sentence(array)
    for mark in block.marks:
        if mark.kind == "text":
            left, top, right, bottom = text_box(mark)
            assert left >= -0.01
            assert right <= block.width + 0.01
            assert top >= -2
            assert bottom <= block.height + 2
        else:
            assert mark.x >= 0
            assert mark.x + mark.width <= block.width + 0.01


def test_bars_of_nothing_are_none():
    assert bars(np.zeros(20), 40, 20) is None
    assert bars(np.full(20, np.nan), 40, 20) is None


def test_the_widths_are_those_of_a_wide_font():
    """No text is wider in DejaVu Sans, the widest of the usual fonts, than it was measured."""
    font = pytest.importorskip("matplotlib.font_manager")
    truetype = pytest.importorskip("PIL.ImageFont")
    for bold in (False, True):
        weight = "bold" if bold else "regular"
        path = font.findfont(font.FontProperties(family="DejaVu Sans", weight=weight))
        face = truetype.truetype(path, 100)
        for text in ("apple_num", "(100, 784)", "−0.000759 … 0.00104", "SoftmaxWithLoss", "价格"):
            if text.isascii():
                assert face.getlength(text) <= text_width(text, 100, bold) * 1.02


@given(st.text(max_size=200))
def test_names_are_broken_into_lines_that_fit(name):
    text = clean(name) or "?"
    lines = wrapped(text, 15.0, 190.0)
    assert 1 <= len(lines) <= 3
    assert all(text_width(line, 15.0) <= 190.0 or len(line) == 1 for line in lines)
    kept = "".join(lines).replace(" ", "")
    if "…" not in kept:
        assert kept == text.replace(" ", "")


@given(st.text(max_size=60))
def test_clean_names_can_stand_in_xml(name):
    import xml.etree.ElementTree as ET
    from html import escape

    text = clean(name)
    assert ET.fromstring(f"<t>{escape(text)}</t>").text in (text, None)
    assert "\n" not in text


def test_long_names_keep_both_ends():
    lines = texts(name_block("first" + "x" * 500 + "last"))
    assert len(lines) == 3
    assert lines[0].startswith("first")
    assert lines[-1].endswith("last")
    assert sum("…" in line for line in lines) == 1


def test_chinese_names_are_measured_wide_and_broken_between_characters():
    assert text_width("苹果的单价", 10) == 50
    lines = wrapped("苹果的单价乘以数量再乘以消费税", 15.0, 120.0)
    assert lines == ["苹果的单价乘以数", "量再乘以消费税"]
