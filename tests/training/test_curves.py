import io
import logging
import sys

import numpy as np
import pytest

from clearprop.errors import OutputError
from clearprop.training import History
from clearprop.training.curves import draw_curves, smooth

image = pytest.importorskip("PIL.Image")


def history(iterations: int, evaluations: int, *, test: bool = True) -> History:
    made, rng = History(), np.random.default_rng(0)
    every = iterations // evaluations if evaluations else iterations + 1
    for i in range(1, iterations + 1):
        made.add_loss(2.3 / i + 0.1 * rng.random())
        if i % every == 0:
            made.add_evaluation(
                epoch=i / every, train_accuracy=1 - 1 / i, test_accuracy=0.9 if test else np.nan
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
        assert picture.size == (1200, 960)
        colours = {c for _, c in picture.convert("RGB").getcolors(1 << 20)}
    # the training curve and the test curve are there if there is something to draw
    assert ((0x2F, 0x6F, 0xB3) in colours) == (len(course) > 0)
    assert ((0xD1, 0x60, 0x2A) in colours) == bool(np.isfinite(course.test_accuracy).any())


def test_the_same_history_is_the_same_picture(tmp_path):
    for name in ("a.png", "b.png"):
        draw_curves(history(100, 5), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_it_leaves_no_state_behind(tmp_path):
    level = logging.getLogger("matplotlib").level
    draw_curves(history(10, 1), tmp_path / "a.png")
    assert logging.getLogger("matplotlib").level == level
    assert "matplotlib.pyplot" not in sys.modules


def test_a_folder_that_is_missing(tmp_path):
    with pytest.raises(OutputError, match=r"a\.png cannot be written"):
        draw_curves(history(10, 1), tmp_path / "missing" / "a.png")


def test_smooth_is_the_mean_of_the_neighbours():
    values = np.random.default_rng(0).random(50)
    smoothed = smooth(values, 5)
    assert smoothed[0] == values[0]
    np.testing.assert_allclose(smoothed[1], values[:3].mean())
    np.testing.assert_allclose(smoothed[20], values[18:23].mean())
    np.testing.assert_allclose(smoothed[-1], values[-3:].mean())
    np.testing.assert_allclose(smooth(values, 1), values)
