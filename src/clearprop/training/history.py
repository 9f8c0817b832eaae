"""What happened during training: the loss of every iteration, the scores of every epoch."""

import math
from array import array
from collections.abc import Iterator
from html import escape
from typing import Any, NamedTuple, Self

import numpy as np

from clearprop.files import FilePath, atomic_write
from clearprop.graph.display import table
from clearprop.training.history_file import lines_of, read_into
from clearprop.training.plotting import plot


class Scores(NamedTuple):
    """How well a network did at one point of a training, on training and test data."""

    iteration: int
    epoch: float
    train_score: float
    test_score: float
    test_loss: float = math.nan


def score_text(name: str | None, score: float, digits: int = 2) -> str:
    """A score for people: a share in percent, others by their name.

    >>> score_text("accuracy", 0.985), score_text("R²", 0.9852)
    ('98.50%', 'R² 0.9852')
    """
    return f"{score:.{digits}%}" if name == "accuracy" else f"{name} {score:.4f}"


class History:
    """The course of a training, as arrays.

    - `loss`: the loss of each iteration's mini-batch, before that iteration's update;
    - `score_name`: what the loss layer gives as score, such as accuracy; `None` where it gives
      none;
    - `evaluated_at`: the iterations after which the network was evaluated, counted from 1;
    - `epoch`: the same points in epochs;
    - `train_score`, `test_score`: the scores there (NaN without test data, or without scores);
      where they are accuracies, also as `train_accuracy`, `test_accuracy`;
    - `test_loss`: the loss on all test data there, at prediction (NaN without test data);
    - `held_out`: what these two were taken on, "test" or "validation" data;
    - `seconds`: how long the training took. It is not written to files, so that the same seed
      writes the same file; after `read` it is NaN.

    Every array is a copy. Two histories are equal if all but `seconds` is, bit for bit.

    As a file it is JSON lines, one object a line in the order of events:

        {"iteration": 1, "loss": 2.302}
        {"iteration": 1, "epoch": 1.0, "train_accuracy": 0.5, "test_accuracy": null}

    With test data there is `test_loss`, too, and without scores it is alone. Other scores than
    accuracies are `train_score` and `test_score`, and the first such line ends with the name:
    `"score": "R²"`. On validation data they are `validation_accuracy` or `validation_score`, and
    `validation_loss`. JSON has no NaN or infinity; they are written as "nan", "inf" and "-inf".

    >>> history = History()
    >>> history.add_loss(2.302)
    >>> evaluation = history.add_evaluation(epoch=1.0, train_score=0.5)
    >>> history.loss, history.evaluated_at, history.train_accuracy
    (array([2.302]), array([1]), array([0.5]))
    >>> print("".join(history.lines()), end="")
    {"iteration": 1, "loss": 2.302}
    {"iteration": 1, "epoch": 1.0, "train_accuracy": 0.5, "test_accuracy": null}
    """

    def __init__(self, score_name: str | None = "accuracy", held_out: str = "test") -> None:
        self.score_name = score_name
        self.held_out = held_out
        self._loss = array("d")
        self._evaluations: list[Scores] = []
        self.seconds: float = 0.0

    @classmethod
    def of(cls, score_name: str | None, loss: np.ndarray, evaluations: np.ndarray) -> Self:
        """Make the history of this `loss` and `evaluations`. Errors: `TypeError`, `ValueError`."""
        history = cls(score_name)
        history._loss = array("d", loss.tolist())
        history._evaluations = [Scores(int(i), *rest) for i, *rest in evaluations.tolist()]
        return history

    @property
    def loss(self) -> np.ndarray:
        return np.array(self._loss, dtype=np.float64)

    @property
    def evaluated_at(self) -> np.ndarray:
        return np.array([e.iteration for e in self._evaluations], dtype=np.int64)

    @property
    def epoch(self) -> np.ndarray:
        return self._column("epoch")

    @property
    def evaluations(self) -> np.ndarray:
        """All of them as rows: iteration, epoch, score on training and test data, loss."""
        return np.array(self._evaluations, dtype=np.float64).reshape(-1, len(Scores._fields))

    @property
    def train_score(self) -> np.ndarray:
        return self._column("train_score")

    @property
    def test_score(self) -> np.ndarray:
        return self._column("test_score")

    @property
    def test_loss(self) -> np.ndarray:
        return self._column("test_loss")

    @property
    def train_accuracy(self) -> np.ndarray:
        return self._accuracy("train_score")

    @property
    def test_accuracy(self) -> np.ndarray:
        return self._accuracy("test_score")

    @property
    def last_loss(self) -> float:
        """The latest loss; NaN before the first iteration."""
        return self._loss[-1] if self._loss else math.nan

    def recent_loss(self, iterations: int = 50) -> float:
        """The mean of the latest losses, without their jitter; NaN before the first iteration."""
        recent = self._loss[-iterations:]
        return sum(recent) / len(recent) if recent else math.nan

    @property
    def last_evaluation(self) -> Scores | None:
        """The latest one; `None` before the first."""
        return self._evaluations[-1] if self._evaluations else None

    @property
    def axis(self) -> tuple[float, str]:
        """Epochs an iteration, and the name of that axis; iterations where no epoch is known."""
        last = self.last_evaluation
        if last is None or not last.iteration or not last.epoch:
            return 1.0, "iteration"
        return last.epoch / last.iteration, "epoch"

    def add_loss(self, loss: float) -> None:
        """Note the loss of the next iteration."""
        self._loss.append(loss)

    def add_evaluation(
        self,
        *,
        epoch: float,
        train_score: float = math.nan,
        test_score: float = math.nan,
        test_loss: float = math.nan,
        iteration: int | None = None,
    ) -> Scores:
        """Note what was found after `iteration`, or after the iterations so far."""
        iteration = len(self) if iteration is None else iteration
        evaluation = Scores(iteration, epoch, train_score, test_score, test_loss)
        self._evaluations.append(evaluation)
        return evaluation

    def lines(self, losses: int = 0, evaluations: int = 0) -> Iterator[str]:
        """Yield the history as JSON lines, in the order of events.

        So many losses and evaluations at its beginning are left out.
        """
        return lines_of(self, losses, evaluations)

    def write(self, path: FilePath) -> None:
        """Write the history to a JSON-lines file, atomically.

        Errors: `OutputError` if the file cannot be written.
        """
        atomic_write(path, "".join(self.lines()).encode())

    @classmethod
    def read(cls, path: FilePath) -> Self:
        """Read a history from a JSON-lines file.

        A last line that breaks off, as it does when a training is killed, is left out.

        Errors: `FileFormatError` names the file and the line that is not as described above,
        `FileNotFoundError` if there is none.
        """
        history = cls()
        history.seconds = math.nan
        read_into(history, path)
        return history

    def plot(self, axes: Any = None) -> Any:
        """Plot the scores and the loss by Matplotlib, and return the axes.

        `axes` are two to plot into, or one where there are no scores; by default a new figure.

        Errors: `MissingPackageError` if Matplotlib is not installed.
        """
        return plot(self, axes)

    def __len__(self) -> int:
        """The number of iterations."""
        return len(self._loss)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        # As text, NaN equals NaN, and every other number its own bits.
        return list(self.lines()) == list(other.lines())

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __repr__(self) -> str:
        parts = [f"{len(self)} iterations"]
        if len(self):
            parts.append(f"last loss {self.last_loss:.4g}")
        if (last := self.last_evaluation) is not None:
            if last.test_loss == last.test_loss:
                parts.append(f"{self.held_out} loss {last.test_loss:.4g}")
            scores = {"training": last.train_score, self.held_out: last.test_score}
            parts += [f"{data} {score:.4f}" for data, score in scores.items() if score == score]
        return f"History({', '.join(parts)})"

    def _repr_html_(self) -> str:
        """The evaluations as a table: of many the first and the last."""
        rows, name = self._evaluations, self.score_name
        if not rows:
            return f"<p>{escape(repr(self))}</p>"
        head = {"training": "train_score", self.held_out: "test_score"}
        head[f"{self.held_out} loss"] = "test_loss"
        head = {data: field for data, field in head.items() if self._has(field)}
        lines = [
            [f"{e.epoch:.4g}", e.iteration]
            + [
                f"{e.test_loss:.4g}" if f == "test_loss" else score_text(name, getattr(e, f))
                for f in head.values()
            ]
            for e in (rows if len(rows) <= 8 else [*rows[:2], *rows[-6:]])
        ]
        return f"<p>{escape(repr(self))}</p>{table(['epoch', 'iteration', *head], lines)}"

    def _has(self, name: str) -> bool:
        return bool((~np.isnan(self._column(name))).any())

    def _column(self, name: str) -> np.ndarray:
        return np.array([getattr(e, name) for e in self._evaluations], dtype=np.float64)

    def _accuracy(self, name: str) -> np.ndarray:
        if self.score_name != "accuracy":
            raise AttributeError(
                f"the score of this training is {self.score_name or 'not known'}, not accuracy; "
                "see train_score, test_score and score_name"
            )
        return self._column(name)
