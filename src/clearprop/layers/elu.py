"""The exponential linear unit."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from clearprop.layers.arguments import number, real, upstream
from clearprop.layers.base import Layer


class Elu(Layer):
    """Let positive values pass; negative ones come to rest at −alpha.

    **Forward**: `out = x` where `x > 0`, else `alpha · (exp(x) − 1)`

    **Backward**: `dx = dout` where `x > 0`, else `dout · (out + alpha)`, which is
    `dout · alpha · exp(x)`.

    **Shapes**: any; `out` and `dx` have the shape of `x`. `alpha` may be changed. Where `x > 0` no
    exponential is taken, so that none overflows.

    Errors: `ShapeError` if `dout` has not the shape of `x`, `DTypeError` if one is not real,
    `ConfigError` for an `alpha` that is no finite number.

    Source: Clevert, Unterthiner and Hochreiter 2016, *Fast and Accurate Deep Network Learning by
    Exponential Linear Units*, equation 15.

    >>> elu = Elu()
    >>> elu.forward(np.array([2.0, 0.0, -1.0])).round(6)
    array([ 2.      ,  0.      , -0.632121])
    >>> elu.backward(np.array([1.0, 1.0, 1.0])).round(6)
    array([1.      , 1.      , 0.367879])
    """

    mask: Any = None
    out: Any = None

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = number(alpha, "Elu", "alpha")

    def forward(self, x: Any) -> Any:
        x = real(x, "Elu")
        self.out_shape = np.shape(x)
        self.mask = x > 0
        self.out = np.where(self.mask, x, self.alpha * np.expm1(np.minimum(x, 0)))
        return self.out

    def backward(self, dout: Any) -> Any:
        dout = upstream(dout, self.out_shape, "Elu")
        return np.where(self.mask, dout, dout * (self.out + self.alpha))

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Iterator[tuple[Self, tuple[Any, ...]]]:
        yield cls(), (rng.standard_normal((4, 5)),)
        yield cls(0.5), (3 * rng.standard_normal((1, 3, 2)),)
        yield cls(), (rng.standard_normal(7),)
