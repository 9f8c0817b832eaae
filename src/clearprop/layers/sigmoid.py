"""The logistic sigmoid."""

from typing import Any

import numpy as np

from clearprop.layers.arguments import real, upstream
from clearprop.layers.base import Layer, Samples


class Sigmoid(Layer):
    """Squeeze any number into the range from 0 to 1.

    **Forward**: `out = 1 / (1 + exp(−x))`

    **Backward**: `dx = dout · out · (1 − out)`: four steps of the chain rule (÷, +, exp, ×)
    give `dout · out² · exp(−x)`, where `x` came in and `out` went out, and `out · exp(−x)` is
    `1 − out`; so only the output needs keeping. This is the slope of the curve: steepest, 1/4, in
    the middle, and flat near 0 and 1.

    **Shapes**: any; `out` and `dx` have the shape of `x`.

    `exp(−x)` would overflow for large negative `x`; there `x` is held at the last value for which
    it does not (−709 in float64, −88 in float32, −11 in float16), where the result is 0 but for an
    error far below the dtype's precision.

    Errors: `ShapeError` if `dout` has not the shape of `x`, `DTypeError` if one is not real.

    Source: *Deep Learning from Scratch*, section 5.5.2.

    >>> sigmoid = Sigmoid()
    >>> sigmoid.forward(np.array([0.0, 1000.0, -1000.0])).round(9)
    array([0.5, 1. , 0. ])
    >>> sigmoid.backward(np.array([1.0, 1.0, 1.0])).round(9)
    array([0.25, 0.  , 0.  ])
    """

    out: Any = None

    def forward(self, x: Any) -> Any:
        x = real(x, "Sigmoid")
        self.out_shape = np.shape(x)
        self.out = 1 / (1 + np.exp(-np.maximum(x, _lowest(x))))
        return self.out

    def backward(self, dout: Any) -> Any:
        dout = upstream(dout, self.out_shape, "Sigmoid")
        return dout * self.out * (1 - self.out)

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        yield cls(), (rng.standard_normal((4, 5)),)
        yield cls(), (3 * rng.standard_normal((1, 3)),)
        yield cls(), (rng.standard_normal((2, 3, 2)),)
        yield cls(), (0.5,)


def _lowest(x: Any) -> float:
    """The lowest x for which exp(−x) is finite in the dtype of x."""
    dtype = np.result_type(x)
    return -float(np.floor(np.log(np.finfo(dtype if dtype.kind == "f" else np.float64).max)))
