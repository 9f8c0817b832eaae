"""The softplus: a ReLU without a kink."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from clearprop.layers.arguments import real, upstream
from clearprop.layers.base import Layer


class Softplus(Layer):
    """Make any number positive: near `x` where it is large, near 0 where it is very negative.

    **Forward**: `out = log(1 + exp(x))`

    **Backward**: `dx = dout · (1 − exp(−out))`, which is `dout` times the sigmoid of `x`.

    **Shapes**: any; `out` and `dx` have the shape of `x`. The logarithm of the sum is taken without
    an exponential that could overflow.

    Errors: `ShapeError` if `dout` has not the shape of `x`, `DTypeError` if one is not real.

    Source: Dugas et al. 2001, *Incorporating Second-Order Functional Knowledge for Better Option
    Pricing*, section 3.

    >>> softplus = Softplus()
    >>> softplus.forward(np.array([0.0, 1.0, -1.0])).round(6)
    array([0.693147, 1.313262, 0.313262])
    >>> softplus.backward(np.array([1.0, 1.0, 1.0])).round(6)
    array([0.5     , 0.731059, 0.268941])
    """

    out: Any = None

    def forward(self, x: Any) -> Any:
        self.out = np.logaddexp(real(x, "Softplus"), 0)
        self.out_shape = np.shape(self.out)
        return self.out

    def backward(self, dout: Any) -> Any:
        dout = upstream(dout, self.out_shape, "Softplus")
        return -dout * np.expm1(-self.out)

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Iterator[tuple[Self, tuple[Any, ...]]]:
        yield cls(), (rng.standard_normal((4, 5)),)
        yield cls(), (10 * rng.standard_normal((1, 3, 2)),)
        yield cls(), (rng.standard_normal(7),)
