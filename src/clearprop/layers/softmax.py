"""Softmax: scores into probabilities."""

from typing import Any

import numpy as np

from clearprop.errors import ShapeError
from clearprop.layers.arguments import real, upstream
from clearprop.layers.base import Layer, Samples


class Softmax(Layer):
    """Turn scores into probabilities, over the last axis.

    **Forward**: `y_k = exp(x_k − max x) / Σ_j exp(x_j − max x)`. Subtracting the maximum changes
    nothing in the quotient and keeps `exp` from overflowing.

    **Backward**: `dx_k = y_k · (dout_k − Σ_j dout_j y_j)`: every score moves every probability,
    because they share one sum.

    **Shapes**: `x` (C,), (N, C) or (…, C); `y` and `dx` the same.

    Errors: `ShapeError` if there is no class to choose from or `dout` has not the shape of `x`,
    `DTypeError` if one is not real.

    Source: *Deep Learning from Scratch*, sections 3.5 and appendix A.

    >>> softmax = Softmax()
    >>> softmax.forward(np.array([0.3, 2.9, 4.0])).round(8)
    array([0.01821127, 0.24519181, 0.73659691])
    >>> abs(softmax.backward(np.ones(3))).max() < 1e-15
    np.True_
    """

    y: Any = None

    def forward(self, x: Any) -> Any:
        x = real(x, "Softmax")
        shape = np.shape(x)
        if not shape or shape[-1] == 0:
            raise ShapeError(f"Softmax: x {shape} holds no scores; it must be (…, C), C ≥ 1")
        self.out_shape = shape
        # 1. (…, C): the largest score becomes 0
        shifted = x - x.max(axis=-1, keepdims=True)
        # 2. (…, C) / (…, 1)
        exp = np.exp(shifted)
        self.y = exp / exp.sum(axis=-1, keepdims=True)
        return self.y

    def backward(self, dout: Any) -> Any:
        dout = upstream(dout, self.out_shape, "Softmax")
        # 2. and 1. together: the maximum's own derivative cancels
        return self.y * (dout - (dout * self.y).sum(axis=-1, keepdims=True))

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        yield cls(), (rng.standard_normal((4, 5)),)
        yield cls(), (rng.standard_normal((1, 3)),)
        yield cls(), (rng.standard_normal(6),)
        yield cls(), (30 * rng.standard_normal((2, 3, 4)),)
        yield cls(), (rng.standard_normal((3, 1)),)
