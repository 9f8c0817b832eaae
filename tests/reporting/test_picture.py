"""The picture of the curves."""

import io
import re
import sys

import numpy as np
import pytest

from clearprop.errors import MissingPackageError, OutputError
from clearprop.reporting.curves import smooth
from clearprop.reporting.picture import curves_svg, draw_curves
from clearprop.training import History

image = pytest.importorskip("PIL.Image")
pytest.importorskip("resvg_py")

BLUE, ORANGE = (0x2F, 0x62, 0xAE), (0xC2, 0x41, 0x0C)


def history(iterations: int, evaluations: int, *, test: bool = True) -> History:
    made, rng = History(), np.random.default_rng(0)
    every = iterations // evaluations if evaluations else iterations + 1
    for i in range(1, iterations + 1):
        made.add_loss(2.3 / i + 0.1 * rng.random())
        if i % every == 0:
            made.add_evaluation(
                epoch=i / every, train_score=1 - 1 / i, test_score=0.9 if test else np.nan
            )
    return made


def with_odd_losses() -> History:
    made = history(20, 2)
    for loss in (np.nan, np.inf, 0.0, -1.0):
        made.add_loss(loss)
    return made


@pytest.mark.parametrize(
    "course",
    [
        history(1000, 10),
        history(1000, 100),
        history(300, 3, test=False),
        history(1, 1),
        history(50, 0),
        with_odd_losses(),
        History(),
    ],
    ids=["usual", "long", "no test data", "one", "no evaluation", "odd losses", "empty"],
)
def test_every_history_is_drawn(tmp_path, course):
    path = tmp_path / "curves.png"
    draw_curves(course, path)
    with image.open(io.BytesIO(path.read_bytes())) as picture:
        assert picture.width > 1500
        assert picture.height > 500
        colours = {c for _, c in picture.convert("RGB").getcolors(1 << 20)}
    # the training curve and the test curve are there if there is something to draw
    assert (BLUE in colours) == (len(course) > 0)
    assert (ORANGE in colours) == bool(np.isfinite(course.test_accuracy).any())


def test_it_says_what_there_is_to_see():
    svg = curves_svg(history(1000, 10))
    for words in ("training 99.90% · test 90.00% after 1,000 iterations", "mean over 11 batches"):
        assert words in svg
    assert "No evaluation yet" in curves_svg(History())
    assert curves_svg(History()).count("nothing to draw") == 2


def test_all_colours_are_put_in():
    svg = curves_svg(history(100, 5))
    assert "var(" not in svg
    # light ones, on white paper
    assert re.search(r"\.paper \{ fill: #ffffff; \}", svg)


def test_the_same_history_is_the_same_picture(tmp_path):
    for name in ("a.png", "b.png"):
        draw_curves(history(100, 5), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_folder_that_is_missing(tmp_path):
    with pytest.raises(OutputError, match=r"a\.png cannot be written"):
        draw_curves(history(10, 1), tmp_path / "missing" / "a.png")


def test_without_the_package_that_paints_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingPackageError, match=r'pip install "clearprop\[pictures\]"'):
        draw_curves(history(10, 1), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_smooth_is_the_mean_of_the_neighbours():
    values = np.random.default_rng(0).random(50)
    smoothed = smooth(values, 5)
    assert smoothed[0] == values[0]
    np.testing.assert_allclose(smoothed[1], values[:3].mean())
    np.testing.assert_allclose(smoothed[20], values[18:23].mean())
    np.testing.assert_allclose(smoothed[-1], values[-3:].mean())
    np.testing.assert_allclose(smooth(values, 1), values)
