"""What a trained network says of the test data."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from clearprop.errors import DataError
from clearprop.layers import Softmax
from clearprop.networks import Network
from clearprop.training.data import Samples, read_samples
from clearprop.training.evaluation import chunk_size
from clearprop.training.history import History

TOLERANCE = 0.002
"""The test accuracy may differ by so much from that of the training: by rounding, not by data."""


@dataclass(frozen=True)
class Evidence:
    """The network's answers on the test data."""

    samples: Samples
    right: np.ndarray
    """The class of each sample (N,)."""
    y: np.ndarray
    """How probable the network finds each class, for each sample (N, C)."""

    @cached_property
    def said(self) -> np.ndarray:
        """The most probable class of each sample."""
        return self.y.argmax(axis=1)

    @property
    def accuracy(self) -> float:
        return float(np.mean(self.said == self.right))

    @cached_property
    def confusion(self) -> np.ndarray:
        """How often a sample of class i was taken for class j (C, C)."""
        classes = self.y.shape[1]
        pairs = self.right * classes + self.said
        return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)

    @cached_property
    def worst(self) -> np.ndarray:
        """The mistakes, those first of which the network was surest."""
        wrong = np.flatnonzero(self.said != self.right)
        return wrong[np.argsort(-self.y[wrong].max(axis=1, initial=0), kind="stable")]

    @property
    def side(self) -> int | None:
        """The side of the images, if the samples may be square images."""
        size = self.samples.x[0].size
        side = math.isqrt(size)
        return side if side * side == size and side >= 4 else None

    def image(self, row: int) -> np.ndarray:
        """A sample as an image with values from 0 to 1."""
        side, (low, width) = self.side or 1, self._range
        return (self.samples.x[row].reshape(side, side).astype(np.float64) - low) / width

    @cached_property
    def _range(self) -> tuple[float, float]:
        """The lowest value, or 0, and how far the highest may be from it."""
        x = self.samples.x
        low, top = min(float(x.min()), 0.0), 255.0 if x.dtype == np.uint8 else float(x.max())
        return low, max(top - low, 1e-12)


def ask(network: Network, x_test: Any, t_test: Any, scale: float | None) -> Evidence:
    """Let a network answer the test data.

    Errors: those of `read_samples` for data that does not fit the network.
    """
    samples = read_samples(network, x_test, t_test, ("x_test", "t_test"), scale)
    size = chunk_size(samples)
    answers = []
    for start in range(0, samples.number, size):
        x, _ = samples.batch(slice(start, start + size))
        with np.errstate(all="ignore"):
            answers.append(Softmax().forward(np.asarray(network.predict(x), np.float64)))
    t = samples.t
    right = t.argmax(axis=-1) if t.ndim > 1 else t
    return Evidence(samples, right, np.concatenate(answers))


def check_same_data(evidence: Evidence, history: History, iteration: int | None) -> None:
    """Refuse test data that cannot be those of the training, by its score after `iteration`.

    Errors: `DataError` if the accuracy on them is not the one that the training found.
    """
    iteration = len(history) if iteration is None else iteration
    score = dict(zip(history.evaluated_at, history.test_score, strict=True)).get(iteration)
    if score is None or math.isnan(score):
        return
    if abs(evidence.accuracy - score) > TOLERANCE + 1 / len(evidence.right):
        raise DataError(
            f"these are not the test data of this run: its network had a test accuracy of "
            f"{score:.2%}, and on these data it has {evidence.accuracy:.2%}; "
            "give the folder that it was trained on with --data"
        )
