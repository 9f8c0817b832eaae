"""The rectified linear unit."""

from typing import Any

import numpy as np

from clearprop.layers.arguments import real, upstream
from clearprop.layers.base import Layer, Samples


class Relu(Layer):
    """Let positive values pass and stop the others, like a switch in a circuit.

    **Forward**: `out = x` where `x > 0`, else `0`

    **Backward**: `dx = dout` where `x > 0`, else `0`. The derivative at exactly 0 is taken as 0.
    `mask` remembers which elements were stopped forward, because those same elements stop the
    derivative backward.

    **Shapes**: any; `out` and `dx` have the shape of `x`. NaN passes through, so that it is seen.

    Errors: `ShapeError` if `dout` has not the shape of `x`, `DTypeError` if one is not real.

    Source: *Deep Learning from Scratch*, section 5.5.1.

    >>> relu = Relu()
    >>> relu.forward(np.array([[1.0, -0.5], [-2.0, 3.0]]))
    array([[1., 0.],
           [0., 3.]])
    >>> relu.backward(np.array([[10.0, 20.0], [30.0, 40.0]]))
    array([[10.,  0.],
           [ 0., 40.]])
    """

    mask: Any = None

    def forward(self, x: Any) -> Any:
        x = real(x, "Relu")
        self.out_shape = np.shape(x)
        self.mask = x <= 0
        return np.where(self.mask, 0, x)

    def backward(self, dout: Any) -> Any:
        return np.where(self.mask, 0, upstream(dout, self.out_shape, "Relu"))

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        for shape in ((4, 5), (1, 3), (2, 3, 4, 2), (7,)):
            yield cls(), (rng.standard_normal(shape),)
