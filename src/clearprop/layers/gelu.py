"""The Gaussian error linear unit."""

import math
from typing import Any

import numpy as np

from clearprop.layers.arguments import real, upstream
from clearprop.layers.base import Layer, Samples


class Gelu(Layer):
    """Let a value pass by as much as it is larger than others: a ReLU without a kink.

    **Forward**: `out = ½ x (1 + tanh(√(2 / π) (x + 0.044715 x³)))`. This is within 0.0005 of `x`
    times the probability that a normal number is below `x`, which would need `erf`.

    **Backward**: `dx = dout · (½ (1 + h) + ½ x (1 − h²) √(2 / π) (1 + 0.134145 x²))`, with `h` for
    the hyperbolic tangent: the product rule, since `x` stands in both factors.

    **Shapes**: any; `out` and `dx` have the shape of `x`.

    From ±10 on the tangent is ±1 in every dtype; there its `x` is held, so that no `x³` overflows.

    Errors: `ShapeError` if `dout` has not the shape of `x`, `DTypeError` if one is not real.

    Source: Hendrycks and Gimpel 2016, *Gaussian Error Linear Units*, section 2.

    >>> gelu = Gelu()
    >>> gelu.forward(np.array([-1.0, 0.0, 1.0])).round(6)
    array([-0.158808,  0.      ,  0.841192])
    >>> gelu.backward(np.array([1.0, 1.0, 1.0])).round(6)
    array([-0.082964,  0.5     ,  1.082964])
    """

    h: Any = None
    bent: Any = None

    def forward(self, x: Any) -> Any:
        x = real(x, "Gelu")
        self.out_shape = np.shape(x)
        # 1. the bend, which all lies within ±10
        self.bent = np.clip(x, -10, 10)
        self.h = np.tanh(_SCALE * self.bent * (1 + 0.044715 * self.bent * self.bent))
        # 2. the share of x that passes
        return 0.5 * x * (1 + self.h)

    def backward(self, dout: Any) -> Any:
        dout = upstream(dout, self.out_shape, "Gelu")
        # 2. out = ½ x (1 + h): by the factor x, and by h
        # 1. h = tanh(u): (1 − h²) du/dx
        du = _SCALE * (1 + 3 * 0.044715 * self.bent * self.bent)
        slope = 0.5 * (1 + self.h) + 0.5 * self.bent * (1 - self.h * self.h) * du
        return dout * slope

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        yield cls(), (rng.standard_normal((4, 5)),)
        yield cls(), (20 * rng.standard_normal((1, 3)),)
        yield cls(), (rng.standard_normal((2, 3, 2)),)
        yield cls(), (rng.standard_normal(),)


_SCALE = math.sqrt(2 / math.pi)
