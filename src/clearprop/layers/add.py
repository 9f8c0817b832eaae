"""The addition node of the chapter's fruit shop."""

from typing import Any

import numpy as np

from clearprop.layers.arguments import real, upstream
from clearprop.layers.base import Layer, Samples
from clearprop.primitives.broadcasting import broadcast_shape, sum_to


class AddLayer(Layer):
    """Add two values.

    **Forward**: `out = x + y`

    **Backward**: `dx = dout`, `dy = dout`: the derivative is handed on unchanged, for if a
    summand grows by 1, so does the sum. Nothing of the values is kept, only their shapes.

    **Shapes**: `x` and `y` broadcast against each other; `dx` has the shape of `x`, `dy` of `y`.
    Python numbers stay Python numbers.

    Errors: `ShapeError` if `x`, `y` or `dout` do not fit, `DTypeError` if one is not real.

    Source: *Deep Learning from Scratch*, section 5.4.2.

    >>> add = AddLayer()
    >>> add.forward(200, 450)
    650
    >>> add.backward(1.1)
    (1.1, 1.1)
    """

    x_shape: tuple[int, ...] = ()
    y_shape: tuple[int, ...] = ()
    out_shape = ()

    def forward(self, x: Any, y: Any) -> Any:
        x, y = real(x, "AddLayer"), real(y, "AddLayer", "y")
        self.x_shape, self.y_shape = np.shape(x), np.shape(y)
        self.out_shape = broadcast_shape(self.x_shape, self.y_shape, "AddLayer")
        return x + y

    def backward(self, dout: Any) -> tuple[Any, Any]:
        dout = upstream(dout, self.out_shape, "AddLayer")
        dx = sum_to(dout, self.x_shape)
        dy = sum_to(dout, self.y_shape)
        return dx, dy

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        yield cls(), (200.0, 450.0)
        yield cls(), (rng.standard_normal((4, 3)), rng.standard_normal((4, 3)))
        yield cls(), (rng.standard_normal((1, 5)), rng.standard_normal((5,)))
        yield cls(), (rng.standard_normal((2, 1, 3)), rng.standard_normal((4, 1)))
