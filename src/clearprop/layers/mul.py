"""The multiplication node of the chapter's apple shop."""

from typing import Any

import numpy as np

from clearprop.layers.arguments import real, upstream
from clearprop.layers.base import Layer, Samples
from clearprop.primitives.broadcasting import broadcast_shape, sum_to


class MulLayer(Layer):
    """Multiply two values.

    **Forward**: `out = x · y`

    **Backward**: `dx = dout · y`, `dy = dout · x`: the factors change places, for if one
    grows by 1, the product grows by the other; so `forward` must keep both.

    **Shapes**: `x` and `y` broadcast against each other; `dx` has the shape of `x`, `dy` of `y`.
    Python numbers stay Python numbers.

    Errors: `ShapeError` if `x`, `y` or `dout` do not fit, `DTypeError` if one is not real.

    Source: *Deep Learning from Scratch*, section 5.4.1.

    >>> mul_apple, mul_tax = MulLayer(), MulLayer()
    >>> apple_price = mul_apple.forward(100, 2)
    >>> mul_tax.forward(apple_price, 1.1)
    220.00000000000003
    >>> dapple_price, dtax = mul_tax.backward(1)
    >>> dapple, dapple_num = mul_apple.backward(dapple_price)
    >>> print(dapple, dapple_num, dtax)
    2.2 110.00000000000001 200
    """

    x: Any = None
    y: Any = None

    def forward(self, x: Any, y: Any) -> Any:
        self.x, self.y = real(x, "MulLayer"), real(y, "MulLayer", "y")
        self.out_shape = broadcast_shape(np.shape(self.x), np.shape(self.y), "MulLayer")
        return self.x * self.y

    def backward(self, dout: Any) -> tuple[Any, Any]:
        dout = upstream(dout, self.out_shape, "MulLayer")
        dx = sum_to(dout * self.y, np.shape(self.x))
        dy = sum_to(dout * self.x, np.shape(self.y))
        return dx, dy

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        yield cls(), (100.0, 2.0)
        yield cls(), (rng.standard_normal((4, 3)), rng.standard_normal((4, 3)))
        yield cls(), (rng.standard_normal((1, 5)), rng.standard_normal((5,)))
        yield cls(), (rng.standard_normal((2, 1, 3)), rng.standard_normal((4, 1)))
