"""Images and the like as one row of numbers each."""

import math
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from clearprop.errors import ShapeError
from clearprop.layers.arguments import real, upstream
from clearprop.layers.base import Layer


class Flatten(Layer):
    """Lay all values of a sample side by side.

    **Forward**: `out = x.reshape(N, D)` with `D = C · H · W`

    **Backward**: `dx = dout.reshape(N, C, H, W)`: each derivative back to its place.

    **Shapes**: `x` (N, …), `out` (N, D).

    Errors: `ShapeError` for an `x` without a batch axis, or if `dout` has not the shape of `out`.

    Source: *Deep Learning from Scratch*, section 7.5, where `Affine` does it.

    >>> flatten = Flatten()
    >>> flatten.forward(np.ones((2, 3, 4, 4))).shape
    (2, 48)
    >>> flatten.backward(np.ones((2, 48))).shape
    (2, 3, 4, 4)
    """

    x_shape: tuple[int, ...] = ()

    def forward(self, x: Any) -> Any:
        x = real(x, "Flatten")
        self.x_shape = np.shape(x)
        if not self.x_shape:
            raise ShapeError("Flatten: x is a single number; it must be a batch (N, …)")
        self.out_shape = (self.x_shape[0], math.prod(self.x_shape[1:]))
        return x.reshape(self.out_shape)

    def backward(self, dout: Any) -> Any:
        return upstream(dout, self.out_shape, "Flatten").reshape(self.x_shape)

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Iterator[tuple[Self, tuple[Any, ...]]]:
        yield cls(), (rng.standard_normal((2, 3, 4, 5)),)
        yield cls(), (rng.standard_normal((1, 2)),)
        yield cls(), (rng.standard_normal(4),)
