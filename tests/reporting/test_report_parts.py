"""PNG, scales and charts of the report."""

import io
import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from clearprop.drawing.thumbnails import png
from clearprop.reporting.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Band,
    Line,
    chart,
)
from clearprop.reporting.scales import label, log_ticks, ticks


@pytest.mark.parametrize(("colour_type", "mode", "channels"), [(4, "LA", 2), (6, "RGBA", 4)])
def test_another_program_reads_the_same_pixels(colour_type, mode, channels):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (5, 7, channels), dtype=np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        image = Image.open(io.BytesIO(png(pixels, colour_type)))
        assert image.mode == mode
        np.testing.assert_array_equal(np.asarray(image), pixels)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_round_and_within(low, width):
    high = low + width
    if high <= low or width < 1e-6 * abs(low):
        return
    found = ticks(low, high)
    assert 2 <= len(found) <= 8
    margin = 1e-6 * width
    assert all(low - margin <= v <= high + margin for v in found)
    steps = np.diff(found)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6, atol=1e-9 * width)


@given(st.floats(1e-12, 1e6), st.floats(1.5, 1e12))
def test_logarithmic_ticks_are_few_and_within(low, ratio):
    found = log_ticks(low, low * ratio)
    assert 1 <= len(found) <= 9
    assert all(low * 0.999 <= v <= low * ratio * 1.001 for v in found)


def test_labels_of_different_ticks_differ():
    for low, high in ((0, 1), (0.96, 0.97), (0, 60000), (0, 1e-4)):
        texts = [label(v) for v in ticks(low, high)]
        assert len(set(texts)) == len(texts)


def numbers(markup):
    """All places of points in a chart."""
    points = " ".join(re.findall(r'points="([^"]*)"', markup))
    return np.array([pair.split(",") for pair in points.split()], float)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=50))
def test_a_chart_stays_in_its_frame(values):
    y = np.array(values)
    x = np.arange(len(y), dtype=float)
    for log in (False, True):
        with np.errstate(all="raise", under="ignore"):
            made = chart([Line("a", x, y)], title="t", x_label="x", log=log)
        good = np.isfinite(y) & ((y > 0) if log else True)
        if not good.any():
            assert "Nothing to draw." in made
            continue
        places = numbers(made)
        assert len(places) == good.sum()
        assert (places[:, 0] >= LEFT - 0.1).all()
        assert (places[:, 0] <= WIDTH - RIGHT + 0.1).all()
        assert (places[:, 1] >= TOP - 0.1).all()
        assert (places[:, 1] <= HEIGHT - BOTTOM + 0.1).all()


def test_points_lie_where_the_values_are():
    made = chart([Line("a", np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 2.0]))], title="t",
                 x_label="x")  # fmt: skip
    x, y = numbers(made).T
    assert x.tolist() == [LEFT, (LEFT + WIDTH - RIGHT) / 2, WIDTH - RIGHT]
    assert y[1] < y[2] < y[0]
    assert y[2] == pytest.approx((y[0] + y[1]) / 2, abs=0.1)


def test_no_peak_is_lost_in_a_long_curve():
    y = np.zeros(20_000)
    y[12_345], y[777] = 5.0, -3.0
    made = chart([Line("a", np.arange(20_000.0), y, "a thin")], title="t", x_label="x")
    places = numbers(made)
    assert len(places) <= 1000
    levels = sorted(set(places[:, 1]))
    assert len(levels) == 3
    assert levels[0] == pytest.approx(TOP + 0.04 / 1.08 * (HEIGHT - BOTTOM - TOP), abs=0.1)


def test_a_moment_alone_is_seen():
    one = np.array([1.0])
    made = chart([Band("b", one, one, one * 3), Line("m", one, one * 2)], title="t", x_label="x")
    assert np.ptp(numbers(made)[:4, 0]) > 4
    assert "<circle" in made


def test_names_in_a_chart_are_text():
    hostile = "</svg><script>"
    made = chart([Line(hostile, np.arange(3.0), np.arange(3.0))], title=hostile, x_label=hostile)
    assert "<script" not in made
    assert "&lt;/svg&gt;&lt;script&gt;" in made
