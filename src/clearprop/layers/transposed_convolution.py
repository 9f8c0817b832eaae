"""The transposed convolution: each value spreads a filter over a larger image."""

from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ShapeError
from clearprop.layers.arguments import check_sizes, parameter, real, upstream
from clearprop.layers.base import Layer
from clearprop.layers.columns import Pair, col2im, im2col, out_sizes, pair
from clearprop.layers.initialisation import initial_weights, spread


class TransposedConvolution(Layer):
    """Spread every value as a filter over a larger image: the way back of a convolution.

    **Forward**: `out = col2im(x W) + b`, what is the derivative of a convolution by its input:
    `out[n, m, i s + k, j s + l] += x[n, c, i, j] · W[c, m, k, l]`, summed over `c` and all places,
    plus `b[m]`; `s` is the stride.

    **Backward**: `dx = im2col(dout) Wᵀ`, `dW = xᵀ im2col(dout)`,
    `db = Σ_{n, i, j} dout[n, m, i, j]`. A value gets what arrives at all places over which its
    filter was laid, which is a convolution.

    **Shapes**: `x` (N, C, H, W), `W` (C, M, FH, FW), `b` (M,), `out` (N, M, OH, OW) with
    `OH = stride (H − 1) + FH − 2 pad`: `pad` rows and columns are cut off around.

    Parameters: the arrays `W` and `b`, used as they are and shared, not copied; without `b` there
    is no bias.

    Errors: `ShapeError` if `W`, `b`, `x` and `dout` do not fit each other or nothing is left of the
    image; `ConfigError` for a stride below 1 or a negative pad; `DTypeError` for what is not real.

    Source: Zeiler et al. 2010, *Deconvolutional Networks*; Dumoulin and Visin 2016, *A guide to
    convolution arithmetic*, chapter 4.

    >>> up = TransposedConvolution(W=np.array([[[[1.0, 10.0]]]]), stride=2)
    >>> up.forward(np.array([[[[1.0, 2.0]]]]))
    array([[[[ 1., 10.,  2., 20.]]]])
    >>> up.backward(np.array([[[[1.0, 0.0, 0.0, 1.0]]]]))
    array([[[[ 1., 10.]]]])
    """

    params: ClassVar[tuple[str, ...]] = ("W", "b")

    rows: Any = None
    x_shape: tuple[int, ...] = ()

    def __init__(self, W: Any, b: Any = None, stride: Pair = 1, pad: Pair = 0) -> None:
        kind = type(self).__name__
        self.W = parameter(W, kind, "W")
        self.b = None if b is None else parameter(b, kind, "b")
        if b is None:
            self.params = ("W",)  # type: ignore[misc]
        self.stride, self.pad = stride, pad
        self.dW: Any = None
        self.db: Any = None
        self._check_parameters()
        size = self.W.shape[2:]
        out_sizes(size, size, stride, pad, kind)  # what is wrong with stride and pad is said now

    @classmethod
    def from_sizes(
        cls,
        n_in: int,
        n_out: int,
        size: Pair,
        *,
        stride: Pair = 1,
        pad: Pair = 0,
        bias: bool = True,
        init: str | float = "he",
        rng: "np.random.Generator | None" = None,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """Make a layer that spreads `n_in` channels by filters of a size over `n_out` channels.

        Weights are drawn from `rng` as for `Affine`, where each value of the output has
        `n_in · FH · FW` inputs, divided by the product of the strides; the bias is 0.

        >>> TransposedConvolution.from_sizes(16, 8, 4, stride=2, pad=1)
        TransposedConvolution(W: (16, 8, 4, 4), b: (8,))
        """
        (fh, fw), (sh, sw) = pair(size), pair(stride)
        check_sizes("TransposedConvolution", n_in, n_out, fh, fw, sh, sw)
        std = spread(init, n_in * fh * fw / (sh * sw))
        W = initial_weights((n_in, n_out * fh * fw), std, rng, dtype)
        b = np.zeros(n_out, dtype) if bias else None
        return cls(W.reshape(n_in, n_out, fh, fw), b, stride, pad)

    def forward(self, x: Any) -> Any:
        x = self._read(x)
        self.x_shape = N, C, H, W = np.shape(x)
        M, FH, FW = np.shape(self.W)[1:]
        self.out_shape = (N, M, *self._out_size(H, W, FH, FW))
        # 1. (N, C, H, W) → a row for each place, (N·H·W, C)
        self.rows = x.transpose(0, 2, 3, 1).reshape(N * H * W, C)
        # 2. (N·H·W, C) (C, M·FH·FW) → the window that each spreads over
        col = self.rows @ self.W.reshape(C, M * FH * FW)
        # 3. all windows added up where they stand, and the bias
        out = col2im(col, self.out_shape, FH, FW, self.stride, self.pad)
        return out if self.b is None else out + self.b.reshape(1, M, 1, 1)

    def backward(self, dout: Any) -> Any:
        dout = upstream(dout, self.out_shape, "TransposedConvolution")
        N, C, H, W = self.x_shape
        M, FH, FW = np.shape(self.W)[1:]
        # 3. each place gets back the window that it spread over
        if self.b is not None:
            self.db = dout.sum(axis=(0, 2, 3))  # (N, M, OH, OW) → (M,)
        dcol = im2col(dout, FH, FW, self.stride, self.pad)
        # 2. the derivatives of x W
        self.dW = (self.rows.T @ dcol).reshape(C, M, FH, FW)
        dx = dcol @ self.W.reshape(C, M * FH * FW).T
        # 1. (N·H·W, C) → (N, C, H, W)
        return dx.reshape(N, H, W, C).transpose(0, 3, 1, 2)

    def _out_size(self, H: int, W: int, FH: int, FW: int) -> tuple[int, int]:
        (down, across), (rows, columns) = pair(self.stride), pair(self.pad)
        size = down * (H - 1) + FH - 2 * rows, across * (W - 1) + FW - 2 * columns
        if min(size) < 1:
            raise ShapeError(
                f"TransposedConvolution: pad {self.pad} leaves nothing of images ({H}, {W}) spread "
                f"by filters ({FH}, {FW}); use a smaller pad"
            )
        return size

    def _check_parameters(self) -> None:
        W, b = np.shape(self.W), None if self.b is None else np.shape(self.b)
        if len(W) != 4 or b not in (None, W[1:2]):
            raise ShapeError(
                "TransposedConvolution: W must be filters (C, M, FH, FW) and b a vector (M,) or "
                f"None, got W {W} and b {b}"
            )

    def _read(self, x: Any) -> Any:
        x = real(x, "TransposedConvolution")
        self._check_parameters()
        shape, C = np.shape(x), np.shape(self.W)[0]
        if len(shape) != 4 or shape[1] != C:
            raise ShapeError(
                f"TransposedConvolution: x {shape} does not fit W {np.shape(self.W)}: it must be "
                f"images (N, {C}, H, W); one image alone is x[np.newaxis]"
            )
        return x

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Iterator[tuple[Self, tuple[Any, ...]]]:
        def layer(c: int, m: int, fh: int, fw: int, **how: Any) -> Self:
            return cls(rng.standard_normal((c, m, fh, fw)), rng.standard_normal(m), **how)

        yield layer(2, 3, 2, 3), (rng.standard_normal((2, 2, 3, 2)),)
        yield layer(1, 2, 3, 3, stride=2, pad=1), (rng.standard_normal((2, 1, 3, 4)),)
        yield layer(3, 1, 1, 1), (rng.standard_normal((1, 3, 2, 3)),)
        yield layer(1, 1, 2, 3, stride=(3, 1), pad=(0, 1)), (rng.standard_normal((1, 1, 2, 3)),)
        yield cls(rng.standard_normal((2, 2, 2, 2))), (rng.standard_normal((2, 2, 2, 3)),)
