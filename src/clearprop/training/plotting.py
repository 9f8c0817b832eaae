"""The course of a training as a figure of Matplotlib's."""

from typing import Any

import numpy as np

from clearprop.errors import MissingPackageError


def plot(history: Any, axes: Any = None) -> Any:
    """Plot scores and loss into axes, or into those of a new figure; see `History.plot`."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise MissingPackageError(
            'plotting needs the package matplotlib: pip install "clearprop[pictures]"'
        ) from None
    name = history.score_name
    panels = ["loss"] if name is None else [name, "loss"]
    if axes is None:
        _, axes = pyplot.subplots(1, len(panels), figsize=(5 * len(panels), 3.5), squeeze=False)
    flat = np.ravel(axes)
    scale, unit = history.axis
    for ax, panel in zip(flat, panels, strict=True):
        ax.set_title(panel)
        ax.set_xlabel(unit)
        if panel == "loss":
            loss = history.loss
            ax.plot(np.arange(1, len(loss) + 1) * scale, loss, linewidth=0.5, label="training")
            if not np.isnan(history.test_loss).all():
                at, held = history.evaluated_at * scale, history.held_out
                ax.plot(at, history.test_loss, label=held, marker=".")
                ax.legend()
        else:
            scores = {"training": history.train_score, history.held_out: history.test_score}
            for data, score in scores.items():
                if not np.isnan(score).all():
                    ax.plot(history.evaluated_at * scale, score, label=data, marker=".")
            ax.legend()
    return flat
