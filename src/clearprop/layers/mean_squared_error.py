"""The mean squared error."""

from typing import Any

import numpy as np

from clearprop.layers.base import Samples
from clearprop.layers.regression_loss import RegressionLoss


class MeanSquaredError(RegressionLoss):
    """Measure how far answers are from targets by the square of the distance.

    **Forward**: `loss = (1/total) Σ_i (x_i − t_i)²`, the mean over all outputs of all samples. The
    book's `sum_squared_error` is half the sum, without the mean.

    **Backward**: `dx = dout · 2 (x − t) / total`: what is twice as far off is pulled twice as hard.

    **Shapes**: `x` any, such as (N,), (N, 1) or (N, K); `t` has the shape of `x`; weights `w` (N,)
    if any; `loss` is a scalar. Targets and weights have no derivative.

    **Score**: R², as `RegressionLoss` defines it.

    Errors: `ShapeError` if `t` has not the shape of `x`, or `dout` is not one number; `LabelError`
    for targets that are not finite, `DataError` for an empty batch, `DTypeError` for what is not
    real.

    Source: *Deep Learning from Scratch*, section 4.2.1, for the idea.

    >>> loss_layer = MeanSquaredError()
    >>> loss_layer.forward(np.array([[1.0], [4.0]]), np.array([[1.0], [2.0]]))
    np.float64(2.0)
    >>> loss_layer.backward()
    array([[0.],
           [2.]])
    """

    difference: Any = None

    def forward(self, x: Any, t: Any, w: Any = None) -> Any:
        # 1. targets of the shape of x
        x = self.begin(x, t, w)
        # 2. how far off each output is
        self.difference = x - self.t
        # 3. the mean of the squares
        self.loss = self.mean(self.difference**2)
        return self.loss

    def backward(self, dout: Any = 1) -> Any:
        # 3. each output has the share dout / n in the mean, and the square gives 2
        return 2 * self.share(dout) * self.difference

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        yield cls(), (rng.standard_normal((4, 1)), rng.standard_normal((4, 1)))
        yield cls(), (rng.standard_normal((1, 3)), rng.integers(5, size=(1, 3)))
        yield cls(), (rng.standard_normal(6), rng.standard_normal(6))
        yield cls(), (rng.standard_normal((2, 3, 2)), rng.standard_normal((2, 3, 2)))
        x, t = rng.standard_normal((2, 3, 2))
        yield cls(), (x, t, rng.uniform(0, 2, 3))
