"""What a loss layer is: how it reads targets, weighs samples, and says how well an answer did."""

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import DataError, NonFiniteError, ShapeError
from clearprop.layers.arguments import parameter, real, upstream
from clearprop.layers.base import Layer
from clearprop.primitives.labels import read_numbers


class Loss(Layer):
    """The end of a network: answers `x` and targets `t` in, one number out.

    A loss of one's own gives `forward(x, t, w=None)` and `backward(dout=1)`:

    - `x = self.begin(x, t, w)` reads the three, and leaves `self.t` and `self.sample_weights`;
    - `self.mean(l)` is the mean of what each answer costs: `Σ l / N` over the `N` answers, or with
      weights `Σ w l / Σ w`, so that a sample of weight 2 counts as if it were there twice;
    - `self.share(dout)` is what of `dout` goes back to each: `dout / N`, or `dout · w / Σ w`.

    Targets `t` are numbers of the shape of `x` unless `read` says otherwise. Weights `w` are 0 or
    more, one for each sample (N,), or for more of the leading axes of the answers. Targets and
    weights have no derivative.

    How well answers did is asked in two steps, so that many samples can be scored in chunks:
    `score(tally(y1, t1) + tally(y2, t2))`. A larger score is better. A loss without `score_name`
    has none; see `RegressionLoss` and `ClassifierLoss` for two that are ready.
    """

    constants: ClassVar[tuple[str, ...]] = ("t", "w")

    target_range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    """The smallest and the largest target."""

    score_name: ClassVar[str] = ""
    """What `score` computes, such as accuracy."""

    loss: Any = None
    t: Any = None
    sample_weights: Any = None
    total: Any = None
    """How many answers the last mean was over, or the sum of their weights."""

    def read(self, t: Any, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
        """Read targets for answers of this shape, and give them in this dtype.

        Errors: `ShapeError` for another shape, `DTypeError` for what is not real, `LabelError` for
        numbers that are not finite or out of `target_range`; each says which and where.

        >>> from clearprop.layers import MeanSquaredError
        >>> MeanSquaredError().read([1, 2], (2,), np.float32)
        array([1., 2.], dtype=float32)
        """
        name = type(self).__name__
        t = parameter(t, name, "t")
        found = np.shape(t)
        if found != shape:
            fits = math.prod(found) == math.prod(shape)
            remedy = f"use t.reshape{shape}" if fits else "give one target for each output"
            raise ShapeError(f"{name}: t {found} does not have the shape of x {shape}; {remedy}")
        t = read_numbers(t, f"{name}: t", *self.target_range)
        return t if t.dtype == dtype else t.astype(dtype)

    def answers(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The axes of `x` along which one answer stands after another: by default all."""
        return shape

    def begin(self, x: Any, t: Any, w: Any = None) -> Any:
        """Read what `forward` is given: gives `x` back, and keeps targets and weights.

        Errors: those of `read`; `DataError` for an empty batch or weights that are all 0,
        `ShapeError`, `DTypeError` and `LabelError` for weights that do not fit.
        """
        name = type(self).__name__
        x = real(x, name)
        x = x if hasattr(x, "dtype") else np.float64(x)
        shape = np.shape(x)
        if 0 in shape:
            raise DataError(f"{name}: the batch is empty, x {shape}; give one sample")
        dtype = np.result_type(x, np.float16)
        self.t = self.read(t, shape, dtype)
        answers = self.answers(shape)
        self.sample_weights, self.total = None, math.prod(answers)
        if w is not None:
            w = self._read_weights(w, shape, dtype)
            if isinstance(w, np.ndarray) and not w.any():
                raise DataError(f"{name}: all weights w are 0, so that no sample is left")
            self.total = w.sum() * math.prod(answers[w.ndim :])
            self.sample_weights = w.reshape((*w.shape, *[1] * (len(shape) - w.ndim)))
        return x

    def mean(self, terms: Any) -> Any:
        """The mean of what each answer costs, by weight."""
        return self._weighted(terms).sum() / self.total

    def share(self, dout: Any) -> Any:
        """What goes back to each answer of the derivative from upstream, which is one number."""
        dout = upstream(dout, None if self.loss is None else (), type(self).__name__)
        return self._weighted(dout / self.total)

    def tally(self, y: Any, t: Any, w: Any = None) -> np.ndarray:
        """Sums over samples (float64) of which `score` is made; those of chunks are added."""
        raise NotImplementedError(f"{type(self).__name__} has no tally(); write one, and score()")

    def score(self, tally: np.ndarray) -> float:
        """How well the answers did that were tallied; larger is better."""
        raise NotImplementedError(f"{type(self).__name__} has no score(); write one, and tally()")

    def read_scored(self, y: Any, t: Any, w: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Read what `tally` is given; the weights come in the shape of the answers."""
        y = np.asarray(real(y, type(self).__name__, "y"))
        answers, weights = self.answers(y.shape), np.array(1.0)
        t = self.read(t, y.shape, np.result_type(y, np.float16))
        if w is not None:
            weights = self._read_weights(w, y.shape, np.float64)
            weights = weights.reshape((*weights.shape, *[1] * (len(answers) - weights.ndim)))
        return y, t, np.broadcast_to(weights, answers)

    def check_finite(self, y: np.ndarray) -> None:
        """Refuse to score answers that mean nothing. Errors: `NonFiniteError`."""
        if not np.isfinite(y).all():
            found = "NaN" if np.isnan(y).any() else "infinite"
            raise NonFiniteError(
                f"{self.score_name}: some scores are {found}; look for NaN or infinity in x and in "
                "the parameters"
            )

    def check_counted(self, counted: float) -> None:
        """Refuse a score of nothing. Errors: `DataError`."""
        if not counted > 0:
            raise DataError(
                f"{self.score_name}: the batch is empty; give one sample at least, of a weight "
                "above 0"
            )

    def _weighted(self, terms: Any) -> Any:
        return terms if self.sample_weights is None else terms * self.sample_weights

    def _read_weights(self, w: Any, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
        name, answers = type(self).__name__, self.answers(shape)
        w = parameter(w, name, "w")
        if np.shape(w) != answers[: np.ndim(w)] or (answers and not np.ndim(w)):
            raise ShapeError(
                f"{name}: weights w {np.shape(w)} do not fit x {shape}; "
                f"give one for each sample, {answers[:1]}"
            )
        w = read_numbers(w, f"{name}: w", 0.0, math.inf)
        return w if w.dtype == dtype else w.astype(dtype)


def score_of(layer: Any) -> str | None:
    """The name of the score that a loss layer gives; `None` where it gives none.

    >>> from clearprop.layers import Huber, SoftmaxWithLoss
    >>> score_of(SoftmaxWithLoss()), score_of(Huber()), score_of(object())
    ('accuracy', 'R²', None)
    """
    able = callable(getattr(layer, "tally", None)) and callable(getattr(layer, "score", None))
    return (getattr(layer, "score_name", "") or None) if able else None
