"""Losses of regression: their score is R², the share of the variance that is explained."""

import math
from typing import Any, ClassVar

import numpy as np

from clearprop.layers.loss import Loss


class RegressionLoss(Loss):
    """A loss whose targets are real numbers, one for each output.

    **Score**: `R² = 1 − Σ w (t − y)² / Σ w (t − t̄)²`, where `t̄` is the mean of each output's
    targets, and both sums go over all samples and outputs. It is 1 for answers without a fault, 0
    for answers that are the mean throughout, and below 0 for worse ones. Targets that are all the
    same, to within 10⁻⁶ of their size, leave nothing to explain: R² is 1 if all are met, else 0.

    Source: Draper and Smith, *Applied Regression Analysis*, section 1.3; scikit-learn's `r2_score`
    with `variance_weighted` gives the same.
    """

    score_name: ClassVar[str] = "R²"

    def tally(self, y: Any, t: Any, w: Any = None) -> np.ndarray:
        """`Σ w (t − y)²`, `Σ w t²`, and for each output `Σ w` and `Σ w t`.

        Errors: `NonFiniteError` for answers that are NaN or infinite; those of `read`.
        """
        y, t, weights = self.read_scored(y, t, w)
        self.check_finite(y)
        rows = (y.shape[0] if y.ndim else 1, math.prod(y.shape[1:]))
        y, t, weights = (np.reshape(a, rows).astype(np.float64) for a in (y, t, weights))
        sums = [(weights * (t - y) ** 2).sum(), (weights * t**2).sum()]
        return np.concatenate([sums, weights.sum(axis=0), (weights * t).sum(axis=0)])

    def score(self, tally: np.ndarray) -> float:
        """R². Errors: `DataError` where nothing was tallied."""
        (unexplained, squares), (counts, sums) = tally[:2], np.split(tally[2:], 2)
        self.check_counted(counts.sum())
        counted = counts > 0
        variation = squares - (sums[counted] ** 2 / counts[counted]).sum()
        if variation <= 1e-12 * squares:  # what is left is rounding
            return float(unexplained == 0)
        return float(1 - unexplained / variation)
