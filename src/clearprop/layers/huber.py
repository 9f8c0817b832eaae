"""Huber's loss: a square near the target, a straight line far from it."""

import math
from numbers import Real
from typing import Any

import numpy as np

from clearprop.errors import ConfigError
from clearprop.layers.base import Samples
from clearprop.layers.regression_loss import RegressionLoss


class Huber(RegressionLoss):
    """Measure how far answers are from targets, and do not let a few far ones decide.

    **Forward**: `d = x − t`, `held = max(−delta, min(d, delta))`,
    `loss = (1/total) Σ_i held_i (d_i − ½ held_i)`. That is half the square of `d` up to a distance
    of `delta`, from there on a line with that slope; the mean goes over all outputs of all samples.

    **Backward**: `dx = dout · held / total`: the pull grows with the distance up to `delta`, and no
    further.

    **Shapes**: `x` any, such as (N,), (N, 1) or (N, K); `t` has the shape of `x`; weights `w` (N,)
    if any; `loss` is a scalar. Targets and weights have no derivative.

    **Score**: R², as `RegressionLoss` defines it.

    `delta` is in the units of `t`, and 1 by default.

    Errors: `ConfigError` for a `delta` that is not above 0; `ShapeError` if `t` has not the shape
    of `x`, or `dout` is not one number; `LabelError` for targets that are not finite, `DataError`
    for an empty batch, `DTypeError` for what is not real.

    Source: Huber 1964, *Robust Estimation of a Location Parameter*.

    >>> loss_layer = Huber(delta=1.0)
    >>> loss_layer.forward(np.array([0.5, 9.0]), np.array([0.0, 0.0]))
    np.float64(4.3125)
    >>> loss_layer.backward()
    array([0.25, 0.5 ])
    """

    held: Any = None

    def __init__(self, delta: float = 1.0) -> None:
        if not (isinstance(delta, Real) and math.isfinite(delta) and delta > 0):
            raise ConfigError(f"Huber: delta must be a finite number above 0, got {delta!r}")
        self.delta = float(delta)

    def forward(self, x: Any, t: Any, w: Any = None) -> Any:
        # 1. targets of the shape of x
        x = self.begin(x, t, w)
        # 2. how far off each output is, and that held within ±delta
        difference = x - self.t
        self.held = np.clip(difference, -self.delta, self.delta)
        # 3. the mean of ½ d² near by, and of delta (|d| − ½ delta) far away
        self.loss = self.mean(self.held * (difference - 0.5 * self.held))
        return self.loss

    def backward(self, dout: Any = 1) -> Any:
        # 3. and 2. each output has the share dout / n in the mean
        return self.share(dout) * self.held

    def __repr__(self) -> str:
        return f"Huber(delta={self.delta})"

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        yield cls(), (2 * rng.standard_normal((4, 2)), rng.standard_normal((4, 2)))
        yield cls(0.3), (rng.standard_normal((1, 3)), rng.integers(5, size=(1, 3)))
        yield cls(2), (3 * rng.standard_normal(6), rng.standard_normal(6))
        x, t = rng.standard_normal((2, 3, 2))
        yield cls(), (x, t, rng.uniform(0, 2, 3))
