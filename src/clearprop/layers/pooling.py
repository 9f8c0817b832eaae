"""Pooling: one value for each window of an image."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from clearprop.errors import ConfigError, ShapeError
from clearprop.layers.arguments import real, upstream
from clearprop.layers.base import Layer
from clearprop.layers.columns import Pair, add_up, out_sizes, pair, windows


class Pooling(Layer):
    """Take the largest value, or the mean, of each window: a smaller image of each channel.

    **Forward**: `out = max_{k, l} x[n, c, i s + k, j s + l]`, or the mean, with the stride `s`.

    **Backward**: `dx = Σ_windows share · dout`: a pixel gets the sum over all windows that it was
    in. Its share is 1 where it was the largest (of equal ones the first, going through the window
    row by row) and 0 elsewhere; for the mean, `1 / (pool_h · pool_w)`.

    **Shapes**: `x` (N, C, H, W), `out` (N, C, OH, OW) with
    `OH = ⌊(H + 2 pad − pool_h) / stride⌋ + 1`; rows and columns that fill no window are left out.

    `stride` is the size of the window unless it is given; `kind` is `"max"` or `"average"`. Padding
    is never the largest, and counts as 0 in a mean.

    Errors: `ShapeError` for an `x` that is no batch of images, or a window larger than the image;
    `ConfigError` for a stride below 1, an unknown kind, or a pad of more than half a window.

    Source: *Deep Learning from Scratch*, section 7.3.

    >>> pool = Pooling(2, 2)
    >>> pool.forward(np.array([[[[1.0, 3.0, 2.0, 2.0], [0.0, 2.0, 1.0, 0.0]]]]))
    array([[[[3., 2.]]]])
    >>> pool.backward(np.array([[[[10.0, 20.0]]]]))
    array([[[[ 0., 10., 20.,  0.],
             [ 0.,  0.,  0.,  0.]]]])
    >>> Pooling(2, 2, kind="average").forward(np.array([[[[1.0, 3.0], [0.0, 2.0]]]]))
    array([[[[1.5]]]])
    """

    x_shape: tuple[int, ...] = ()
    largest: Any = None

    def __init__(
        self,
        pool_h: int,
        pool_w: int,
        stride: Pair | None = None,
        pad: Pair = 0,
        kind: str = "max",
    ) -> None:
        if kind not in ("max", "average"):
            raise ConfigError(f"Pooling: the kind must be 'max' or 'average', got {kind!r}")
        self.pool_h, self.pool_w = pool_h, pool_w
        self.stride = (pool_h, pool_w) if stride is None else stride
        self.pad, self.kind = pad, kind
        size = pool_h, pool_w
        out_sizes(size, size, self.stride, pad, "Pooling")  # what is wrong is said now
        if any(2 * p > n for p, n in zip(pair(pad), size, strict=True)):
            raise ConfigError(
                f"Pooling: pad {pad} is more than half of the window {pool_h} × {pool_w}, so that "
                "some windows would hold nothing but padding"
            )

    def forward(self, x: Any) -> Any:
        x = real(x, "Pooling")
        self.x_shape = np.shape(x)
        if len(self.x_shape) != 4:
            raise ShapeError(f"Pooling: x {self.x_shape} must be a batch of images (N, C, H, W)")
        # 1. (N, C, H, W) → (N, C, OH, OW, pool_h · pool_w)
        size = self.pool_h, self.pool_w
        out_sizes(self.x_shape[2:], size, self.stride, self.pad, "Pooling")
        fill = -np.inf if self.kind == "max" else 0
        found = windows(x, size, self.stride, self.pad, fill)
        self.out_shape = shape = np.shape(found)[:4]
        found = found.reshape(*shape, self.pool_h * self.pool_w)
        # 2. the mean, or the first of the largest
        if self.kind == "average":
            return found.mean(axis=-1)
        self.largest = np.argmax(found, axis=-1)[..., np.newaxis]
        return np.take_along_axis(found, self.largest, axis=-1)[..., 0]

    def backward(self, dout: Any) -> Any:
        dout = upstream(dout, self.out_shape, "Pooling")[..., np.newaxis]
        # 2. to all places of the window in equal shares, or to one
        places = np.arange(self.pool_h * self.pool_w)
        if self.kind == "average":
            shares = dout / places.size + np.zeros(places.size, dout.dtype)
        else:
            shares = np.where(places == self.largest, dout, 0)
        # 1. each window back to where it was taken from
        shares = shares.reshape(*dout.shape[:4], self.pool_h, self.pool_w)
        return add_up(shares, self.x_shape, self.stride, self.pad)

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Iterator[tuple[Self, tuple[Any, ...]]]:
        yield cls(2, 2), (rng.standard_normal((2, 3, 4, 6)),)
        yield cls(2, 3, stride=1), (rng.standard_normal((1, 2, 3, 5)),)
        yield cls(3, 3, stride=2, pad=1), (rng.standard_normal((2, 1, 5, 4)),)
        yield cls(1, 1), (rng.standard_normal((1, 1, 2, 3)),)
        yield cls(3, 2), (rng.standard_normal((1, 2, 3, 2)),)
        yield cls(2, 2, kind="average"), (rng.standard_normal((2, 2, 5, 4)),)
        yield cls(3, 2, stride=(1, 2), pad=1, kind="average"), (rng.standard_normal((1, 1, 4, 5)),)

    def __repr__(self) -> str:
        return f"Pooling({self.pool_h}, {self.pool_w}, stride={self.stride}, kind={self.kind!r})"
