"""The hyperbolic tangent."""

from typing import Any

import numpy as np

from clearprop.layers.arguments import real, upstream
from clearprop.layers.base import Layer, Samples


class Tanh(Layer):
    """Squeeze any number into the range from −1 to 1.

    **Forward**: `out = tanh(x)`

    **Backward**: `dx = dout · (1 − out²)`: only the output needs keeping, and where it is near ±1
    little of the derivative passes.

    **Shapes**: any; `out` and `dx` have the shape of `x`.

    Errors: `ShapeError` if `dout` has not the shape of `x`, `DTypeError` if one is not real.

    Source: LeCun, Bottou, Orr and Müller 1998, *Efficient BackProp*, section 4.4.

    >>> tanh = Tanh()
    >>> tanh.forward(np.array([0.0, 0.5, -1000.0])).round(6)
    array([ 0.      ,  0.462117, -1.      ])
    >>> tanh.backward(np.array([1.0, 1.0, 1.0])).round(6)
    array([1.      , 0.786448, 0.      ])
    """

    out: Any = None

    def forward(self, x: Any) -> Any:
        self.out = np.tanh(real(x, "Tanh"))
        self.out_shape = np.shape(self.out)
        return self.out

    def backward(self, dout: Any) -> Any:
        dout = upstream(dout, self.out_shape, "Tanh")
        return dout * (1 - self.out * self.out)

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        yield cls(), (rng.standard_normal((4, 5)),)
        yield cls(), (3 * rng.standard_normal((1, 3)),)
        yield cls(), (rng.standard_normal((2, 3, 2)),)
        yield cls(), (rng.standard_normal(),)
