"""Losses of classifiers: their score is the accuracy."""

from typing import Any, ClassVar

import numpy as np

from clearprop.layers.loss import Loss


class ClassifierLoss(Loss):
    """A loss whose answers are right or wrong, as `right(y, t)` says.

    **Score**: the accuracy, `Σ w right / Σ w`: the share of answers that are right.
    """

    score_name: ClassVar[str] = "accuracy"

    def right(self, y: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Which answers are right, given scores and the targets as `read` gives them.

        Errors: `NonFiniteError` for scores of which none is the highest.
        """
        raise NotImplementedError(f"{type(self).__name__} has no right(y, t); write one")

    def tally(self, y: Any, t: Any, w: Any = None) -> np.ndarray:
        """How many answers are right, of how many; by weight.

        Errors: `NonFiniteError` for scores that are NaN or infinite; those of `read`.
        """
        y, t, weights = self.read_scored(y, t, w)
        right = self.right(y, t)
        if w is None:
            return np.array([np.count_nonzero(right), right.size], np.float64)
        return np.array([(weights * right).sum(), weights.sum()])

    def score(self, tally: np.ndarray) -> float:
        """The accuracy. Errors: `DataError` where nothing was tallied."""
        right, answers = tally
        self.check_counted(answers)
        return float(right / answers)
