"""The mean of each channel."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from clearprop.errors import ShapeError
from clearprop.layers.arguments import real, upstream
from clearprop.layers.base import Layer


class GlobalAveragePooling(Layer):
    """Take the mean of each channel over the whole image.

    **Forward**: `out = Σ_{i, j} x[n, c, i, j] / (H · W)`

    **Backward**: `dx = dout / (H · W)` at every pixel: each had an equal share.

    **Shapes**: `x` (N, C, H, W), `out` (N, C).

    Errors: `ShapeError` for an `x` that is no batch of images, or if `dout` has not the shape of
    `out`; `DTypeError` for what is not real.

    Source: Lin, Chen and Yan 2013, *Network In Network*, section 3.2.

    >>> pool = GlobalAveragePooling()
    >>> pool.forward(np.array([[[[1.0, 3.0], [0.0, 2.0]]]]))
    array([[1.5]])
    >>> pool.backward(np.array([[4.0]]))
    array([[[[1., 1.],
             [1., 1.]]]])
    """

    x_shape: tuple[int, ...] = ()

    def forward(self, x: Any) -> Any:
        x = real(x, "GlobalAveragePooling")
        self.x_shape = np.shape(x)
        if len(self.x_shape) != 4 or 0 in self.x_shape[2:]:
            raise ShapeError(
                f"GlobalAveragePooling: x {self.x_shape} must be a batch of images (N, C, H, W)"
            )
        self.out_shape = self.x_shape[:2]
        return x.mean(axis=(2, 3))

    def backward(self, dout: Any) -> Any:
        dout = upstream(dout, self.out_shape, "GlobalAveragePooling")
        H, W = self.x_shape[2:]
        return np.broadcast_to(dout[:, :, np.newaxis, np.newaxis] / (H * W), self.x_shape)

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Iterator[tuple[Self, tuple[Any, ...]]]:
        yield cls(), (rng.standard_normal((2, 3, 4, 5)),)
        yield cls(), (rng.standard_normal((1, 1, 1, 1)),)
        yield cls(), (rng.standard_normal((3, 2, 1, 3)),)
