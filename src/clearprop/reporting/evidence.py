"""What a trained network says of the test data."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from clearprop.errors import DataError
from clearprop.layers import MeanSquaredError, Softmax
from clearprop.networks import Network
from clearprop.training.data import Samples, read_samples
from clearprop.training.evaluation import chunk_size
from clearprop.training.history import History, score_text

TOLERANCE = 0.002
"""The score may differ by so much from that of the training: by rounding, not by data."""


@dataclass(frozen=True)
class Evidence:
    """The network's answers on the test data."""

    samples: Samples
    right: np.ndarray
    """The class of each sample (N,); in a regression the right answers (N, K)."""
    y: np.ndarray
    """How probable the network finds each class, for each sample (N, C); or its answers (N, K)."""
    score_name: str = "accuracy"
    """Or "R²": a regression."""
    form: Any = None
    """What the data call classes and columns, if they say so: `classes`, `inputs`, `target`."""

    @cached_property
    def said(self) -> np.ndarray:
        """The most probable class of each sample."""
        return self.y.argmax(axis=1)

    @property
    def accuracy(self) -> float:
        return float(np.mean(self.said == self.right))

    @property
    def score(self) -> float:
        """The accuracy, or R²."""
        if self.score_name == "accuracy":
            return self.accuracy
        loss = MeanSquaredError()
        return loss.score(loss.tally(self.y, self.right))

    @property
    def in_unit(self) -> tuple[np.ndarray, np.ndarray]:
        """Right answers and those given, as numbers in the unit of the target."""
        turned = self.form.in_unit if self.form else np.ravel
        return turned(self.right), turned(self.y)

    @property
    def target(self) -> str:
        """What the answers are called."""
        return self.form.target.name if self.form else "target"

    @property
    def inputs(self) -> dict[str, slice]:
        """Where the numbers of each column of a table stand in a row; none for images."""
        return self.form.inputs if self.form else {}

    def name(self, number: int) -> str:
        """The name of a class."""
        return self.form.classes[number] if self.form else str(number)

    def first(self, rows: int) -> "Evidence":
        """The same of the first samples only."""
        samples = self.samples.first(rows)
        return replace(self, samples=samples, right=self.right[:rows], y=self.y[:rows])

    def answered(self, network: Network, x: np.ndarray) -> "Evidence":
        """The answers to other inputs."""
        return replace(self, y=_answers(network, x))

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
        if self.inputs:
            return None
        size = self.samples.data.x[0].size
        side = math.isqrt(size)
        return side if side * side == size and side >= 4 else None

    def image(self, row: int) -> np.ndarray:
        """A sample as an image with values from 0 to 1."""
        side, (low, width) = self.side or 1, self._range
        return (self.samples.data.x[row].reshape(side, side).astype(np.float64) - low) / width

    @cached_property
    def _range(self) -> tuple[float, float]:
        """The lowest value, or 0, and how far the highest may be from it."""
        x = self.samples.data.x
        low, top = min(float(x.min()), 0.0), 255.0 if x.dtype == np.uint8 else float(x.max())
        return low, max(top - low, 1e-12)


def ask(
    network: Network, x_test: Any, t_test: Any, scale: float | None, form: Any = None
) -> Evidence:
    """Let a network answer the test data.

    Errors: those of `read_samples` for data that does not fit the network.
    """
    samples = read_samples(network, x_test, t_test, ("x_test", "t_test"), scale)
    size = chunk_size(samples)
    starts = range(0, samples.number, size)
    batches = (samples.batch(slice(start, start + size))[0] for start in starts)
    y, t, name = (
        np.concatenate([_answers(network, x) for x in batches]),
        samples.targets(slice(None))[0],
        "R²",
    )
    if network.score_name != "R²":
        name, t = "accuracy", t.argmax(axis=-1) if t.ndim > 1 else t
    return Evidence(samples, t, y, name, form)


def _answers(network: Network, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        y = np.asarray(network._scores(x), np.float64)
        return y if network.score_name == "R²" else Softmax().forward(y)


def check_same_data(evidence: Evidence, history: History, iteration: int | None) -> None:
    """Refuse test data that cannot be those of the training, by its score after `iteration`.

    A training with validation data has not seen any.

    Errors: `DataError` if the score on them is not the one that the training found.
    """
    iteration = len(history) if iteration is None else iteration
    score = dict(zip(history.evaluated_at, history.test_score, strict=True)).get(iteration)
    if score is None or math.isnan(score) or history.held_out != "test":
        return
    tolerance = TOLERANCE + (1 / len(evidence.right) if evidence.score_name == "accuracy" else 0)
    if abs(evidence.score - score) > tolerance * max(1, abs(score)):
        then, now = (score_text(evidence.score_name, s) for s in (score, evidence.score))
        raise DataError(
            f"these are not the test data of this run: its network had a test {_named(then)}, and "
            f"on these data it has {_named(now)}; give those that it was trained on with --data"
        )


def _named(score: str) -> str:
    return score if score[0] == "R" else f"accuracy of {score}"
