"""A picture of a training: two accuracy curves and the loss."""

import contextlib
import io
import logging
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.errors import MissingPackageError
from clearprop.files import atomic_write
from clearprop.training.history import History

TRAINING, TEST, GREY = "#2f6fb3", "#d1602a", "#6b7280"


def draw_curves(history: History, path: str | os.PathLike[str]) -> None:
    """Draw the accuracies and the smoothed loss over the epochs, as a PNG file.

    The loss of each mini-batch is drawn faintly, and its mean over the batches around it strongly.

    Errors: `MissingPackageError` if Matplotlib is not installed, `OutputError` if the file cannot
    be written; it is written wholly or not at all.
    """
    with _quiet_matplotlib():
        figure = _figure()
        accuracies, losses = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        scale, unit = _scale(history)
        _draw_accuracies(accuracies, history, scale)
        _draw_loss(losses, history, scale)
        losses.set_xlabel(unit, color=GREY)
        end = max(len(history), 1) * scale
        losses.set_xlim(0, 1.01 * end)  # a little room for the last point
        for axes in (accuracies, losses):
            _tidy(axes)
        buffer = io.BytesIO()
        # Without Matplotlib's version in it, the same history gives the same file.
        figure.savefig(buffer, format="png", metadata={"Software": None})
    atomic_write(path, buffer.getvalue())


def smooth(values: np.ndarray, width: int) -> np.ndarray:
    """Compute the mean over the `width` (odd) values around each one.

    The first value stands for itself and the window widens from there, so that a steep beginning
    is kept; at the end it holds the values there are.

    >>> smooth(np.array([8.0, 4.0, 0.0, 2.0]), 3)
    array([8., 4., 2., 1.])
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values))
    half = np.minimum(place, width // 2)
    first, last = place - half, np.minimum(place + half + 1, len(values))
    return (sums[last] - sums[first]) / (last - first)


def _figure() -> Any:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise MissingPackageError(
            'the picture of the curves needs Matplotlib: pip install "clearprop[pictures]"'
        ) from error
    layout = ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.12)  # inches of margin
    # A figure of its own, not one of pyplot's: no window, and nothing left behind.
    figure = Figure(figsize=(8, 6.4), dpi=150, facecolor="white", layout=layout)
    FigureCanvasAgg(figure)
    return figure


def _scale(history: History) -> tuple[float, str]:
    """Epochs an iteration, and the name of that axis; iterations where no epoch is known."""
    last = history.last_evaluation
    if last is None or last.iteration == 0 or last.epoch == 0:
        return 1.0, "iteration"
    return last.epoch / last.iteration, "epoch"


def _draw_accuracies(axes: Any, history: History, scale: float) -> None:
    axes.set_title(_title(history), loc="left", fontsize=12, color="#111827", pad=10)
    axes.set_ylabel("accuracy", color=GREY)
    x = history.evaluated_at * scale
    curves = [
        ("training", history.train_accuracy, TRAINING, "-"),
        ("test", history.test_accuracy, TEST, "--"),
    ]
    for label, values, colour, style in curves:
        if np.isfinite(values).any():
            marker = "o" if len(x) <= 40 else ""
            axes.plot(
                x, values, style, color=colour, label=label, linewidth=2, marker=marker,
                markersize=4.5, clip_on=False,
            )  # fmt: skip
    if axes.lines:
        axes.legend(loc="best", frameon=False, labelcolor="linecolor", fontsize=11)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value * 100:.4g}%")


def _draw_loss(axes: Any, history: History, scale: float) -> None:
    loss = history.loss
    iterations = np.arange(1, len(loss) + 1)
    finite = np.isfinite(loss)
    loss, x = loss[finite], iterations[finite] * scale
    axes.set_ylabel("loss", color=GREY)
    if not loss.size:
        return
    if (loss > 0).all() and loss.max() > 50 * loss.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: "")
    axes.plot(x, loss, color=TRAINING, linewidth=0.6, alpha=0.25)
    width = len(loss) // 100 | 1  # odd, so that it has a middle
    marker = "o" if len(loss) == 1 else ""
    axes.plot(x, smooth(loss, width), color=TRAINING, linewidth=2, marker=marker, markersize=4.5)
    if width > 1:
        axes.text(
            0.99, 0.95, f"mini-batch loss, and its mean over {width} batches",
            transform=axes.transAxes, ha="right", va="top", fontsize=9.5, color=GREY,
        )  # fmt: skip


def _title(history: History) -> str:
    last = history.last_evaluation
    if last is None:
        return "No evaluation yet"
    parts = [f"training {last.train_accuracy:.2%}"]
    if np.isfinite(last.test_accuracy):
        parts.append(f"test {last.test_accuracy:.2%}")
    return f"{' · '.join(parts)} after {last.iteration:,} iterations"


def _tidy(axes: Any) -> None:
    axes.grid(axis="y", color="#e5e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=GREY, which="both", length=0, labelsize=10)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#d1d5db")


@contextlib.contextmanager
def _quiet_matplotlib() -> Iterator[None]:
    """Keep back Matplotlib's log messages, such as that it is building its font cache."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
