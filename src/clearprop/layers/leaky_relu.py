"""The rectified linear unit that lets a little through."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from clearprop.layers.arguments import number, real, upstream
from clearprop.layers.base import Layer


class LeakyRelu(Layer):
    """Let positive values pass, and a small share of the others, so that no neuron falls silent.

    **Forward**: `out = x` where `x > 0`, else `slope · x`

    **Backward**: `dx = dout` where `x > 0`, else `slope · dout`. The derivative at exactly 0 is
    taken as `slope`.

    **Shapes**: any; `out` and `dx` have the shape of `x`. `slope` may be changed.

    Errors: `ShapeError` if `dout` has not the shape of `x`, `DTypeError` if one is not real,
    `ConfigError` for a `slope` that is no finite number.

    Source: Maas, Hannun and Ng 2013, *Rectifier Nonlinearities Improve Neural Network Acoustic
    Models*, section 2.

    >>> relu = LeakyRelu(slope=0.1)
    >>> relu.forward(np.array([2.0, -3.0]))
    array([ 2. , -0.3])
    >>> relu.backward(np.array([10.0, 10.0]))
    array([10.,  1.])
    """

    mask: Any = None

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = number(slope, "LeakyRelu", "slope")

    def forward(self, x: Any) -> Any:
        x = real(x, "LeakyRelu")
        self.out_shape = np.shape(x)
        self.mask = x <= 0
        return np.where(self.mask, self.slope * x, x)

    def backward(self, dout: Any) -> Any:
        dout = upstream(dout, self.out_shape, "LeakyRelu")
        return np.where(self.mask, self.slope * dout, dout)

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Iterator[tuple[Self, tuple[Any, ...]]]:
        yield cls(0.2), (rng.standard_normal((4, 5)),)
        yield cls(), (rng.standard_normal((1, 3, 2)),)
        yield cls(1.5), (rng.standard_normal(7),)
