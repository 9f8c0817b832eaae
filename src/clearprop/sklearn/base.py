"""What both estimators share: parameters, and how a network is fitted."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from clearprop.errors import ConfigError, DataError
from clearprop.networks import Network
from clearprop.sklearn.settings import check_settings, made_by, make_network, make_optimizer
from clearprop.training import Cosine, Moment, Optimizer, Trainer, rich_progress
from clearprop.training.batches import MiniBatches, check_single, without_single
from clearprop.training.data import parameter_dtype
from clearprop.training.step import batch_step

FLOATS = (np.float64, np.float32)
"""What features are read as: what they are, or the first of these."""

MANY = 1000
"""From so many samples on a network computes in float32, in half the time; before that the time
goes into setting up, and float64 costs nothing."""

CHUNK = 2**19
"""Features that go through the network at once in a prediction."""


@dataclass(eq=False, repr=False)
class ClearpropEstimator(BaseEstimator):
    """The base of `ClearpropClassifier` and `ClearpropRegressor`, which tell of the parameters."""

    hidden_layer_sizes: int | Sequence[int] = (100,)
    activation: str = "relu"
    _: KW_ONLY
    network: Callable[[int, int, np.random.Generator], Network] | None = None
    solver: str | Optimizer = "adam"
    alpha: float = 0.0001
    batch_size: int | str = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    dtype: Any = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit a new network to `X` (N, features) and `y`, or go on with the last by `warm_start`.

        `sample_weight` (N,): a sample of weight 2 counts as if it were there twice, one of weight 0
        as if it were not there.

        Errors: `ConfigError` for parameters out of range, `ValueError` for data that does not fit,
        `NonFiniteError` where NaN or infinity turns up in training.
        """
        X, t, w, rng = self._begin(X, y, sample_weight, anew=not self.warm_start)
        self._start()
        x_test = t_test = w_test = None
        if self.early_stopping:
            X, x_test, t, t_test, w, w_test = self._split(X, t, w, rng)
        size = self._batch_size(len(X), w)
        planned = self.learning_rate == "cosine"
        if planned and not isinstance(self.solver, Optimizer):
            steps = self.max_iter * -(-len(X) // size)
            self.optimizer_.lr = Cosine(float(self.learning_rate_init), steps)
        trainer = Trainer(
            *(self.network_, X, t, x_test, t_test),
            w_train=w,
            w_test=w_test,
            batch_size=size,
            optimizer=self.optimizer_,
            shuffle=bool(self.shuffle),
            score_training=False,
            rng=rng,
            on_progress=rich_progress() if self.verbose else False,
            callbacks=[lambda moment: self._is_enough(trainer, moment, sizes)],
            patience=self.max_iter if self.early_stopping else None,  # keeps the best network
        )
        sizes = np.full(trainer.iterations_per_epoch, size)
        sizes[-1] = len(X) - size * (len(sizes) - 1)
        self.n_iter_ = 0
        trainer.train(epochs=self.max_iter)
        if trainer.interrupted:
            warnings.warn("training was interrupted; what was learned is kept", stacklevel=2)
        elif self._no_improvement <= self.n_iter_no_change and not planned:
            warnings.warn(
                f"{type(self).__name__} has not converged in max_iter={self.max_iter} epochs; "
                "allow more, or scale the features",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, known: Any = None) -> Self:
        """One epoch over this data, with the optimiser as it stands."""
        if self.early_stopping:
            raise ConfigError(f"{type(self).__name__}: partial_fit knows no early_stopping")
        if self.learning_rate == "cosine":
            raise ConfigError('learning_rate="cosine" ends with fit, and partial_fit has no end')
        X, t, w, rng = self._begin(X, y, sample_weight, anew=False, known=known)
        if not self.t_:
            self._start()
        if self._step is None:
            self._step = batch_step(self.network_, self.optimizer_)
        size = self._batch_size(len(X), w)
        parts = [X.astype(parameter_dtype(self.network_), copy=False), t]
        parts += [] if w is None else [w / w.mean()]
        check_single(self.network_, len(X), size, tuple(part[:1] for part in parts))
        batches = MiniBatches(len(X), size, rng, in_order=not self.shuffle)
        total = 0.0
        for _ in range(-(-len(X) // size)):
            rows = next(batches)
            total += len(rows) * self._step(*(part[rows] for part in parts))
        self.n_iter_ = 1
        self._note(total / len(X), math.nan, len(X))
        return self

    def _begin(
        self, X: Any, y: Any, sample_weight: Any, anew: bool, known: Any = None
    ) -> tuple[Any, ...]:
        """Read the data, and make a network where there is none or `anew`.

        Gives features, targets, weights if any, and a generator. `known` are all classes.
        """
        check_settings(self)
        anew, form = anew or not hasattr(self, "network_"), made_by(self)
        before = form if anew else getattr(self, "_made_by", form)
        if changed := [name for name in form if form[name] != before[name]]:
            raise ConfigError(
                f"{changed[0]} was {before[changed[0]]!r} when the network was made, and is "
                f"{form[changed[0]]!r} now; set it back, or fit with warm_start=False"
            )
        X, y = validate_data(self, X, y, dtype=FLOATS, reset=anew, **self._read_y)
        w = None
        if sample_weight is not None:
            w = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
            if not w.any():  # which scikit-learn looks for from 1.9 on
                raise DataError("sample_weight is zero for all samples, so that none is left")
            X, y, w = X[w > 0], y[w > 0], w[w > 0]
        t, w, self.n_outputs_ = self._targets(y, w, anew, known)
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        if anew:
            dtype = self.dtype or (np.float32 if len(X) >= MANY else X.dtype)
            made = make_network(self, self.n_outputs_, self._loss(), dtype, rng.spawn(1)[0])
            if self.early_stopping and made.score_name is None:
                raise ConfigError("early_stopping needs a network whose loss gives a score")
            self.network_, self._made_by = made, form
            self.loss_curve_, self.validation_scores_, self.t_ = [], [], 0
        return X, t, w, rng

    def _start(self) -> None:
        """A new optimiser, and nothing yet that was better."""
        self.optimizer_: Any = make_optimizer(self)
        self._step: Any = None
        self._no_improvement = 0
        self.best_loss_ = self.best_validation_score_ = None
        if not self.early_stopping:
            self.validation_scores_ = None

    def _split(self, X: Any, t: Any, w: Any, rng: np.random.Generator) -> list[Any]:
        """Set aside samples for validation."""
        split = train_test_split(
            *([X, t] if w is None else [X, t, w]),
            test_size=self.validation_fraction,
            random_state=int(rng.integers(2**31)),
            stratify=self._strata(t),
        )
        if len(split[1]) < 2:
            raise DataError(
                f"validation_fraction={self.validation_fraction} sets aside {len(split[1])} of "
                f"{len(X)} samples; give more data, or a larger one"
            )
        return split if w is not None else [*split, None, None]

    def _batch_size(self, samples: int, w: Any) -> int:
        """The size of a batch; the penalty of the optimiser is set to it."""
        size = min(200, samples) if self.batch_size == "auto" else int(self.batch_size)
        if self.batch_size == "auto" and self.network is not None:
            size = without_single(samples, size)  # it may normalise batches
        if size > samples:
            warnings.warn(
                f"batch_size={size} is more than the {samples} samples; all are taken",
                stacklevel=3,
            )
            size = samples
        if not isinstance(self.solver, Optimizer):
            self.optimizer_.weight_decay = self.alpha / (size * (1 if w is None else w.mean()))
        return size

    def _is_enough(self, trainer: Trainer, moment: Moment, sizes: np.ndarray) -> bool:
        """After an epoch: note it, and say whether training has come to its end."""
        self.n_iter_ += 1
        loss = trainer.history.loss[-len(sizes) :] @ sizes / sizes.sum()
        self._note(float(loss), moment.test_score, int(sizes.sum()))
        if self._no_improvement <= self.n_iter_no_change or self.learning_rate == "cosine":
            return False
        if self.solver != "sgd" or self.learning_rate != "adaptive" or self.optimizer_.lr <= 1e-6:
            return True
        self.optimizer_.lr /= 5
        self._no_improvement = 0
        return False

    def _note(self, loss: float, score: float, samples: int) -> None:
        """Note loss and validation score of an epoch, and since when they are no better."""
        self.loss_ = loss
        self.loss_curve_.append(loss)
        self.t_ += samples
        if self.early_stopping:
            self.validation_scores_ = [*(self.validation_scores_ or []), score]
            best = -math.inf if self.best_validation_score_ is None else self.best_validation_score_
            better = score >= best + self.tol
            self.best_validation_score_ = max(best, score)
        else:
            best = math.inf if self.best_loss_ is None else self.best_loss_
            better = loss <= best - self.tol
            self.best_loss_ = min(best, loss)
        self._no_improvement = 0 if better else self._no_improvement + 1
        if self.solver == "sgd" and self.learning_rate == "invscaling":
            self.optimizer_.lr = self.learning_rate_init / (self.t_ + 1) ** self.power_t

    def _outputs(self, X: Any) -> np.ndarray:
        """What the network says of each sample, in the dtype of the features."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=FLOATS, reset=False)
        x = X.astype(parameter_dtype(self.network_), copy=False)
        rows = max(1, CHUNK // x.shape[1])
        chunks = [self.network_.predict(x[i : i + rows]) for i in range(0, len(x), rows)]
        return np.concatenate(chunks).astype(X.dtype, copy=False)

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled and copied: the compiled step is made anew."""
        state: Any = super().__getstate__()
        return {**state, "_step": None} if "_step" in state else state

    # What the two differ in

    _read_y: ClassVar[dict[str, Any]] = {}
    """How `validate_data` reads `y`."""

    def _loss(self) -> Any:
        raise NotImplementedError

    def _targets(self, y: Any, w: Any, anew: bool, known: Any) -> tuple[Any, Any, int]:
        """Targets as the loss layer reads them, weights of the samples if any, and how many numbers
        the network is to give for each."""
        raise NotImplementedError

    def _strata(self, t: Any) -> Any:
        """What the validation data must be a fair share of, if anything."""
        return None
