"""Sigmoid and binary cross entropy in one layer."""

from typing import Any, ClassVar

import numpy as np

from clearprop.layers.base import Samples
from clearprop.layers.classifier_loss import ClassifierLoss


class SigmoidWithLoss(ClassifierLoss):
    """Measure how surprised the network is by the right answers to questions of yes or no.

    **Forward**: `y = 1 / (1 + exp(−x))`,
    `loss = −(1/total) Σ_i (t_i log y_i + (1 − t_i) log(1 − y_i))`, the mean over all scores,
    computed as `log y = −log(1 + exp(−x))` and `log(1 − y) = −log(1 + exp(x))` without overflow, so
    that no logarithm ever meets 0.

    **Backward**: `dx = dout · (y − t) / total`: as with softmax, the two steps collapse into the
    plain difference between what was said and what was right.

    **Shapes**: `x` any, such as (N,), (N, 1) or (N, K) for K questions about each sample; `t` has
    the shape of `x` and holds 0, 1 or probabilities between; weights `w` (N,) if any; `loss` is a
    scalar. Targets and weights have no derivative.

    **Score**: the accuracy: `x > 0` where `t > 0.5`, over all scores.

    After `forward`, `y` are the probabilities, `t` the targets, `loss` the loss.

    Errors: `ShapeError` if `t` has not the shape of `x`, or `dout` is not one number; `LabelError`
    for targets outside 0 to 1, `DataError` for an empty batch, `DTypeError` for what is not real.

    Source: Bishop, *Pattern Recognition and Machine Learning*, section 4.3.2.

    >>> loss_layer = SigmoidWithLoss()
    >>> x, t = np.array([[0.0], [1000.0]]), np.array([[1], [1]])
    >>> round(float(loss_layer.forward(x, t)), 6)
    0.346574
    >>> loss_layer.backward()
    array([[-0.25],
           [ 0.  ]])
    """

    target_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    y: Any = None

    def forward(self, x: Any, t: Any, w: Any = None) -> Any:
        # 1. targets of the shape of x
        x = self.begin(x, t, w)
        # 2. log(1 + exp(±x)) is ±x where that is large
        log_y, log_not_y = -np.logaddexp(0, -x), -np.logaddexp(0, x)
        self.y = np.exp(log_y)
        # 3. the mean of −log of the probability given to the right answer
        self.loss = 0 - self.mean(self.t * log_y + (1 - self.t) * log_not_y)
        return self.loss

    def backward(self, dout: Any = 1) -> Any:
        # 3. each score has the share dout / n in the mean
        share = self.share(dout)
        # 3. and 2. together
        return (self.y - self.t) * share

    def right(self, y: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Whether a score is above 0 just where the target is above ½."""
        self.check_finite(y)
        return (y > 0) == (t > 0.5)

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        yield cls(), (rng.standard_normal((4, 1)), rng.integers(2, size=(4, 1)))
        yield cls(), (rng.standard_normal((1, 3)), rng.uniform(size=(1, 3)))
        yield cls(), (10 * rng.standard_normal(5), rng.integers(2, size=5) > 0)
        yield cls(), (np.zeros((2, 2)), rng.integers(2, size=(2, 2)))
        yield cls(), (rng.standard_normal((3, 2)), rng.uniform(size=(3, 2)), rng.uniform(0, 2, 3))
