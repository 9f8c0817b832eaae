"""Softmax and cross entropy in one layer."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ShapeError
from clearprop.layers.arguments import real
from clearprop.layers.base import Samples
from clearprop.layers.classifier_loss import ClassifierLoss
from clearprop.primitives.labels import read_labels


class SoftmaxWithLoss(ClassifierLoss):
    """Measure how surprised the network is by the right answers.

    **Forward**: `y = softmax(x)`, `loss = −(1/N) Σ_n Σ_k t_nk log y_nk`, computed as
    `log y_k = x_k − max x − log Σ_j exp(x_j − max x)`, so that no logarithm ever meets 0.

    **Backward**: `dx = dout · (y − t) / N`: softmax and loss together collapse into the plain
    difference between what was said and what was right. For the loss of a sample is `log Σ exp` of
    its scores less the score of the right class: the first part has the derivative `exp / Σ exp`,
    which is `y`, and the second `t`, 1 for the right class and 0 for the others. The division by N
    comes from the mean.

    **Shapes**: `x` (N, C) or one sample (C,), also (…, C); `t` class numbers (N,), or one-hot or
    soft labels of the shape of `x`; weights `w` (N,) if any; `loss` is a scalar. Labels and weights
    have no derivative.

    **Score**: the accuracy: the highest score is at the label; the first of several that are equal.

    After `forward`, `y` are the probabilities, `t` the labels, `loss` the loss.

    Errors: `LabelError` for labels that do not fit, `DataError` for an empty batch, `ShapeError`
    for scores without classes or a `dout` that is not one number, `DTypeError` for scores that are
    not real.

    Source: *Deep Learning from Scratch*, section 5.6.3 and appendix A.

    >>> loss_layer = SoftmaxWithLoss()
    >>> x, t = np.array([[0.3, 2.9, 4.0]]), np.array([2])
    >>> round(float(loss_layer.forward(x, t)), 6)
    0.305714
    >>> loss_layer.backward().round(6)
    array([[ 0.018211,  0.245192, -0.263403]])
    >>> bool(loss_layer.forward(np.array([40.0, 0.0, 0.0]), 1) == 40)
    True
    """

    y: Any = None

    def forward(self, x: Any, t: Any, w: Any = None) -> Any:
        shape = np.shape(real(x, "SoftmaxWithLoss"))
        if not shape or shape[-1] == 0:
            raise ShapeError(f"SoftmaxWithLoss: x {shape} holds no scores; it must be (N, C)")
        # 1. class numbers (N,), or one-hot and soft labels (N, C)
        x = self.begin(x, t, w)
        # 2. (N, C): the largest score becomes 0
        shifted = x - x.max(axis=-1, keepdims=True)
        # 3. (N, C) − (N, 1): log-softmax
        log_y = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        self.y = np.exp(log_y)
        # 4. the mean over the batch of −log of the probability given to the right answer
        #    (0 − …, not −…: a sure right answer costs 0, not −0)
        self.loss = 0 - self.mean(self._right_answers(log_y))
        return self.loss

    def backward(self, dout: Any = 1) -> Any:
        # 4. each sample has the share dout / N in the mean
        share = self.share(dout)
        # 4. to 2. together; class numbers as one-hot labels
        soft = self.t.ndim == self.y.ndim
        t = self.t if soft else self.t[..., np.newaxis] == np.arange(self.y.shape[-1])
        return (self.y - t) * share

    def read(self, t: Any, shape: tuple[int, ...], dtype: DTypeLike) -> Any:
        """Read class numbers (…), or one-hot or soft labels (…, C). Errors: `LabelError`."""
        return read_labels(t, shape, dtype)

    def answers(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """One answer for each row of scores."""
        return shape[:-1]

    def right(self, y: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Whether the highest score is at the label; −∞ rules a class out."""
        said = y.argmax(axis=-1)  # a NaN, where there is one
        self.check_finite(np.take_along_axis(y, said[..., np.newaxis], axis=-1))
        return said == (t.argmax(axis=-1) if t.shape == y.shape else t)

    def _right_answers(self, log_y: Any) -> Any:
        if self.t.ndim == log_y.ndim:
            # What is not expected costs nothing, even at a score of −∞: 0 · log 0 is 0 here.
            return self.t * np.where(self.t > 0, log_y, 0)
        return np.take_along_axis(log_y, self.t[..., np.newaxis], axis=-1)

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        yield cls(), (rng.standard_normal((4, 5)), rng.integers(5, size=4))
        yield cls(), (rng.standard_normal((1, 3)), np.array([2]))
        yield cls(), (rng.standard_normal(6), np.array(3))
        yield cls(), (rng.standard_normal((3, 4)), np.eye(4)[rng.integers(4, size=3)])
        yield cls(), (10 * rng.standard_normal((5, 3)), rng.dirichlet(np.ones(3), size=5))
        yield cls(), (rng.standard_normal((2, 3, 4)), rng.integers(4, size=(2, 3)))
        yield cls(), (rng.standard_normal((3, 4)), rng.integers(4, size=3), rng.uniform(0, 2, 3))
        t = rng.dirichlet(np.ones(4), size=(2, 3))
        yield cls(), (rng.standard_normal((2, 3, 4)), t, rng.uniform(0, 2, 2))
