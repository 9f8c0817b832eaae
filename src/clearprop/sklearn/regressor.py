"""A regressor."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d

from clearprop.layers import MeanSquaredError
from clearprop.sklearn.base import ClearpropEstimator


@dataclass(eq=False, repr=False, kw_only=True)
class ClearpropRegressor(RegressorMixin, ClearpropEstimator):
    """A network that gives numbers, as a scikit-learn estimator.

    Parameters and what is there after `fit` are those of `ClearpropClassifier`, without
    `class_weight` and `classes_`. Beside them:

    - `standardize_target`: whether the network learns `(y − mean) / deviation`, by mean and
      deviation of the first targets that it is fitted to. `predict` gives `y` itself. Targets far
      from the order of 1 are hardly learned without.

    `network` is a function `f(n_features, n_outputs, rng)` that makes a `Network` with a loss for
    numbers, such as `MeanSquaredError()`; it gives (N, n_outputs). The loss of the usual network is
    the mean squared error, twice that of `MLPRegressor`; `alpha` counts beside it.

    With `learning_rate="cosine"` the rate falls from `learning_rate_init` towards 0 over `max_iter`
    epochs, and fitting ends there.

    `y` is (N,), or (N, outputs) for several at once.

    >>> X = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> model = ClearpropRegressor(learning_rate_init=0.01, max_iter=500, random_state=0)
    >>> bool(model.fit(X, 1000 + 100 * X[:, 0] ** 2).score(X, 1000 + 100 * X[:, 0] ** 2) > 0.95)
    True
    """

    standardize_target: bool = True

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go on with one epoch over this data."""
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """The number, or numbers, of each sample: (N,), or (N, outputs) for several."""
        y = self._outputs(X)
        y = y.reshape(len(y), -1) * self.target_scale_ + self.target_mean_
        return y.ravel() if self.n_outputs_ == 1 else y

    _read_y: ClassVar[dict[str, Any]] = {"multi_output": True, "y_numeric": True}

    def _loss(self) -> Any:
        return MeanSquaredError()

    def _targets(self, y: Any, w: Any, anew: bool, known: Any) -> tuple[Any, Any, int]:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        y = y.reshape(len(y), -1).astype(np.float64)
        if anew:
            self.target_mean_, self.target_scale_ = np.zeros(y.shape[1]), np.ones(y.shape[1])
            if self.standardize_target:
                # Squares of very large or small numbers leave the range of floats; of these, of the
                # order of 1, they do not. Powers of two change no other digit.
                exponent = np.frexp(np.abs(y).max(axis=0))[1]
                z = np.ldexp(y, -exponent)
                mean = np.average(z, axis=0, weights=w)
                variance = np.average((z - mean) ** 2, axis=0, weights=w)
                self.target_mean_ = np.ldexp(mean, exponent)
                deviation = np.ldexp(variance**0.5, exponent)
                self.target_scale_ = np.where(variance > 0, deviation, 1.0)
        return (y - self.target_mean_) / self.target_scale_, w, y.shape[1]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
