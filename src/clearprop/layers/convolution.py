"""The convolution: one filter over all places of an image."""

from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ShapeError
from clearprop.layers.arguments import check_sizes, parameter, real, upstream
from clearprop.layers.base import Layer
from clearprop.layers.columns import Pair, col2im, im2col, out_sizes
from clearprop.layers.initialisation import initial_weights


class Convolution(Layer):
    """Slide filters over images: at each place the sum of what the filter and the window share.

    **Forward**: `out = b[m] + Σ_{c, k, l} W[m, c, k, l] · x[n, c, i s + k, j s + l]`,
    with the stride `s`, over images with `pad` zeros around. As one product, `out = col Wᵀ + b`,
    where each row of `col` is a window (see `im2col`) and each row of `W` a filter.

    **Backward**: `dx = col2im(dout W)`, `dW = doutᵀ col`, `db = Σ_{n, i, j} dout[n, m, i, j]`.
    A pixel gets the sum over all windows that it was in.

    **Shapes**: `x` (N, C, H, W), `W` (M, C, FH, FW), `b` (M,), `out` (N, M, OH, OW) with
    `OH = ⌊(H + 2 pad − FH) / stride⌋ + 1`. `stride` and `pad` are numbers, or pairs for rows and
    columns.

    Parameters: the arrays `W` and `b`, used as they are and shared, not copied; without `b` there
    is no bias. `Convolution.from_sizes` draws them. (The filter is not turned round, as in all such
    libraries; in mathematics this is a cross-correlation.)

    Errors: `ShapeError` if `W`, `b`, `x` and `dout` do not fit each other, or a filter is larger
    than the image; `ConfigError` for a stride below 1 or a negative pad; `DTypeError` for what is
    not real.

    Source: *Deep Learning from Scratch*, sections 7.2 and 7.4.

    >>> conv = Convolution(W=np.array([[[[1.0, -1.0]]]]), b=np.array([0.5]))
    >>> conv.forward(np.array([[[[1.0, 4.0, 9.0]]]]))
    array([[[[-2.5, -4.5]]]])
    >>> conv.backward(np.array([[[[1.0, 10.0]]]]))
    array([[[[  1.,   9., -10.]]]])
    >>> conv.dW, conv.db
    (array([[[[41., 94.]]]]), array([11.]))
    """

    params: ClassVar[tuple[str, ...]] = ("W", "b")

    col: Any = None
    x_shape: tuple[int, ...] = ()

    def __init__(self, W: Any, b: Any = None, stride: Pair = 1, pad: Pair = 0) -> None:
        kind = type(self).__name__
        self.W = parameter(W, kind, "W")
        if b is None:
            self.params = ("W",)  # type: ignore[misc]
            self.b = None
        else:
            self.b = parameter(b, kind, "b")
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
        """Make a layer of `n_out` filters of a size for images of `n_in` channels.

        Weights are drawn from `rng` as for `Affine`, where a filter has `n_in · FH · FW` inputs;
        the bias is 0.

        >>> Convolution.from_sizes(1, 30, 5, rng=np.random.default_rng(0))
        Convolution(W: (30, 1, 5, 5), b: (30,))
        """
        fh, fw = size if isinstance(size, tuple) else (size, size)
        check_sizes("Convolution", n_in, n_out, fh, fw)
        drawn = initial_weights((n_in * fh * fw, n_out), init, rng, dtype)
        W = np.ascontiguousarray(drawn.T).reshape(n_out, n_in, fh, fw)
        return cls(W, np.zeros(n_out, dtype) if bias else None, stride, pad)

    def forward(self, x: Any) -> Any:
        x = self._read(x)
        self.x_shape = np.shape(x)
        M, C, FH, FW = np.shape(self.W)
        # 1. (N, C, H, W) → a row for each window, (N·OH·OW, C·FH·FW)
        self.col = im2col(x, FH, FW, self.stride, self.pad)
        # 2. (N·OH·OW, C·FH·FW) (C·FH·FW, M) + (M,) → (N·OH·OW, M)
        out = self.col @ self.W.reshape(M, C * FH * FW).T
        if self.b is not None:
            out = out + self.b
        # 3. → (N, M, OH, OW)
        OH, OW = out_sizes(self.x_shape[2:], (FH, FW), self.stride, self.pad)
        out = out.reshape(self.x_shape[0], OH, OW, M).transpose(0, 3, 1, 2)
        self.out_shape = np.shape(out)
        return out

    def backward(self, dout: Any) -> Any:
        dout = upstream(dout, self.out_shape, "Convolution")
        M, C, FH, FW = np.shape(self.W)
        # 3. (N, M, OH, OW) → (N·OH·OW, M)
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, M)
        # 2. the three derivatives of col Wᵀ + b
        if self.b is not None:
            self.db = dout.sum(axis=0)  # (N·OH·OW, M) → (M,)
        self.dW = (dout.T @ self.col).reshape(M, C, FH, FW)
        dcol = dout @ self.W.reshape(M, C * FH * FW)  # → (N·OH·OW, C·FH·FW)
        # 1. each window back to where it was taken from
        return col2im(dcol, self.x_shape, FH, FW, self.stride, self.pad)  # type: ignore[arg-type]

    def _check_parameters(self) -> None:
        # Also at every forward: an array of another shape may have been assigned.
        W, b = np.shape(self.W), None if self.b is None else np.shape(self.b)
        if len(W) != 4 or b not in (None, W[:1]):
            raise ShapeError(
                "Convolution: W must be filters (M, C, FH, FW) and b a vector (M,) or None, got "
                f"W {W} and b {b}"
            )

    def _read(self, x: Any) -> Any:
        x = real(x, "Convolution")
        self._check_parameters()
        shape, C = np.shape(x), np.shape(self.W)[1]
        if len(shape) != 4 or shape[1] != C:
            raise ShapeError(
                f"Convolution: x {shape} does not fit W {np.shape(self.W)}: it must be images "
                f"(N, {C}, H, W); one image alone is x[np.newaxis]"
            )
        out_sizes(shape[2:], np.shape(self.W)[2:], self.stride, self.pad, "Convolution")
        return x

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Iterator[tuple[Self, tuple[Any, ...]]]:
        def layer(m: int, c: int, fh: int, fw: int, **how: Any) -> Self:
            return cls(rng.standard_normal((m, c, fh, fw)), rng.standard_normal(m), **how)

        yield layer(3, 2, 2, 3), (rng.standard_normal((2, 2, 5, 7)),)
        yield layer(2, 1, 3, 3, stride=2, pad=1), (rng.standard_normal((2, 1, 6, 5)),)
        yield layer(1, 3, 1, 1), (rng.standard_normal((1, 3, 2, 3)),)
        yield layer(2, 2, 3, 2), (rng.standard_normal((1, 2, 3, 2)),)
        yield layer(2, 1, 2, 3, stride=(3, 1), pad=(0, 2)), (rng.standard_normal((1, 1, 7, 3)),)
        yield cls(rng.standard_normal((2, 2, 2, 2))), (rng.standard_normal((2, 2, 3, 3)),)
