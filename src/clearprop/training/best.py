"""The best network of a training: what it had learned where its score or its loss was best."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from clearprop.errors import ConfigError
from clearprop.files import FilePath
from clearprop.networks import Network
from clearprop.training.history import History, Scores
from clearprop.training.sets import Sets
from clearprop.training.weights import copied_contents, take_up, write_arrays


class Best:
    """Keeps a copy of parameters and state of the network with the best score so far.

    That is the score on test data, or on training data where there are no others; of equal ones
    the first. Scores that are NaN are no best ones. `by="loss"` goes by the loss on test data: the
    lowest is the best.

    >>> from clearprop.networks import TwoLayerNet
    >>> best, network = Best(), TwoLayerNet(4, 3, 2)
    >>> for iteration, score in (10, 0.5), (20, 0.7), (30, 0.6):
    ...     best.consider(Scores(iteration, 1.0, score, np.nan), network)
    >>> best.iteration, best.score
    (20, 0.7)
    >>> best
    Best(0.7 after iteration 20)
    """

    def __init__(self, by: Literal["score", "loss"] = "score") -> None:
        self.by = by
        self.iteration: int | None = None
        """The iteration after which it was the best; `None` before the first evaluation."""
        self.score, self.loss = -np.inf, np.inf
        """Its score, and its loss on test data."""
        self.arrays: dict[str, np.ndarray] = {}
        """What such a network has learned, as in a weights file."""
        self.start = 0
        """The iteration from which on `since` counts."""
        self._aside: tuple[dict[str, np.ndarray], Any] | None = None
        """What was learned last, while the network is the best one."""

    def __repr__(self) -> str:
        if self.iteration is None:
            return "Best(no evaluation yet)"
        value = f"{self.score:.4g}" if self.by == "score" else f"loss {self.loss:.4g}"
        return f"Best({value} after iteration {self.iteration:,})"

    def consider(self, scores: Scores, network: Network) -> None:
        """Keep this network if it is better than those before."""
        if self._is_better(scores):
            self.arrays = copied_contents(network)

    def _is_better(self, scores: Scores) -> bool:
        """Note these scores if they are better than those before."""
        score = scores.train_score if np.isnan(scores.test_score) else scores.test_score
        better = score > self.score if self.by == "score" else scores.test_loss < self.loss
        if better:
            self.iteration, self.score, self.loss = scores.iteration, score, scores.test_loss
        return bool(better)

    def load(self, arrays: Mapping[str, np.ndarray], history: History) -> None:
        """Take up the best of a training with this history."""
        self.iteration, self.score, self.loss = None, -np.inf, np.inf
        self.arrays = dict(arrays)
        for iteration, *scores in history.evaluations.tolist() if arrays else ():
            self._is_better(Scores(int(iteration), *scores))

    def since(self, history: History) -> int:
        """How many evaluations in a row have not been better."""
        if self.iteration is None:
            return 0
        return int((history.evaluated_at > max(self.iteration, self.start)).sum())

    def show(self, network: Network) -> None:
        """Let the network be the best one, if there is one, until `hide`."""
        if self.arrays and self._aside is None:
            self._aside = copied_contents(network), network.learning.memory(network.members)
            best = {name: array.copy() for name, array in self.arrays.items()}
            take_up("the best network of this training", best, {}, network)

    def hide(self, network: Network) -> bool:
        """Let the network be again what it was last; whether it was the best one."""
        if self._aside is None:
            return False
        arrays, memory = self._aside
        take_up("what was learned last", arrays, {}, network)
        network.learning.recall(network.members, *memory)
        self._aside = None
        return True

    def write(self, path: FilePath) -> None:
        """Write it as a weights file. Errors: `OutputError` if it cannot be written."""
        write_arrays(path, self.arrays, {"iteration": self.iteration})


def best_of(
    by: Literal["score", "loss"] | None, network: Network, sets: Sets, wanted: str | None
) -> Best:
    """Make what finds the best network of a training; `wanted` is the argument that asks for it.

    Errors: `ConfigError` for going by what nobody computes.
    """
    by = by or ("loss" if sets.score_name is None else "score")
    if by not in ("score", "loss"):
        raise ConfigError(f'best_by is "score" or "loss", not {by!r}')
    if by == "score" and sets.score_name is None:
        loss = type(next(iter(network.losses), network)).__name__
        raise ConfigError(f'{loss} gives no score to go by; use best_by="loss"')
    if wanted is not None and by == "score" and not sets.evaluated:
        raise ConfigError(
            f"{wanted} goes by a score, and there is none: give x_test, validation or "
            "score_training=True"
        )
    if wanted is not None and by == "loss" and sets.test is None:
        raise ConfigError(
            f"{wanted} goes by the loss on test data, and there are none: give x_test or validation"
        )
    return Best(by)
