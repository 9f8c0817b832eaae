"""A classifier."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from clearprop.errors import ConfigError, LabelError
from clearprop.layers import SoftmaxWithLoss
from clearprop.sklearn.base import ClearpropEstimator


@dataclass(eq=False, repr=False, kw_only=True)
class ClearpropClassifier(ClassifierMixin, ClearpropEstimator):
    """A network that tells classes apart, as a scikit-learn estimator.

    The parameters of `MLPClassifier` mean what they mean there: `hidden_layer_sizes`, `activation`
    (identity, logistic, tanh, relu), `alpha`, `batch_size`, `learning_rate` and `power_t` (for
    `"sgd"`), `learning_rate_init`, `max_iter`, `shuffle`, `random_state`, `tol`, `warm_start`,
    `momentum`, `nesterovs_momentum`, `early_stopping`, `validation_fraction`, `beta_1`, `beta_2`,
    `epsilon`, `n_iter_no_change`. Beside them:

    - `network`: a function `f(n_features, n_outputs, rng)` that makes a `Network`, in place of
      affine layers by `hidden_layer_sizes` and `activation`. It gives a score for each class;
    - `solver`: `"adam"`, `"sgd"`, or an optimiser of `clearprop.training`, of which a copy is used:
      then it, and not the parameters above, says rate and penalty;
    - `class_weight`: `None`, `"balanced"`, or a mapping from classes to weights;
    - `dtype`: `"float32"` or `"float64"`, in which the usual network computes; by default float64
      for less than 1,000 samples of float64, where speed does not matter, else float32;
    - `learning_rate="cosine"`: the rate falls from `learning_rate_init` towards 0 over `max_iter`
      epochs, and fitting ends there: as accurate in a third of the epochs, see the benchmarks;
    - `verbose`: a bar or lines on the progress.

    After `fit`: `classes_`, `network_`, `optimizer_`, `n_iter_`, `loss_`, `loss_curve_`,
    `best_loss_`, `validation_scores_`, `best_validation_score_`, `t_`, `n_outputs_`,
    `n_features_in_`, `feature_names_in_`. The loss is the cross entropy, without the penalty.

    The same `random_state` gives the same network, bit for bit.

    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> y = ["same", "other", "other", "same"]
    >>> model = ClearpropClassifier(learning_rate_init=0.1, max_iter=500, random_state=0).fit(X, y)
    >>> model.predict(X).tolist() == y, model.classes_.tolist()
    (True, ['other', 'same'])
    """

    class_weight: Any = None

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Go on with one epoch over this data; the first call is told all `classes`."""
        known = None if classes is None else np.unique(classes)
        if not hasattr(self, "network_"):
            if known is None:
                raise ConfigError("the first partial_fit must be told all classes=")
        elif known is not None and not np.array_equal(known, self.classes_):
            raise LabelError(f"classes={classes} are not those of before, {self.classes_.tolist()}")
        return self._partial_fit(X, y, sample_weight, known)

    def predict(self, X: Any) -> np.ndarray:
        """The class of each sample (N,): that with the highest score."""
        check_is_fitted(self)
        return self.classes_[self._outputs(X).argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class (N, classes), in the order of `classes_`."""
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of `predict_proba`, which is finite also where that is 0."""
        x = self._outputs(X)
        x = x - x.max(axis=1, keepdims=True)
        return x - np.log(np.exp(x).sum(axis=1, keepdims=True))

    def _loss(self) -> Any:
        return SoftmaxWithLoss()

    def _targets(self, y: Any, w: Any, anew: bool, known: Any) -> tuple[Any, Any, int]:
        check_classification_targets(y)
        found = np.unique(y)
        classes = (found if known is None else known) if anew else self.classes_
        if strange := sorted(set(found.tolist()) - set(classes.tolist())):
            raise LabelError(f"y has classes {strange}, which are not among {classes.tolist()}")
        self.classes_ = classes
        t = np.searchsorted(classes, y)
        if self.class_weight is not None:
            weighed = found if self.class_weight == "balanced" else classes
            each = compute_class_weight(self.class_weight, classes=weighed, y=y, sample_weight=w)
            if not (each > 0).all():
                raise ConfigError(f"class_weight={self.class_weight}: weights must be above 0")
            w = each[np.searchsorted(weighed, y)] * (1 if w is None else w)
        return t, w, len(classes)

    def _strata(self, t: Any) -> Any:
        return t
