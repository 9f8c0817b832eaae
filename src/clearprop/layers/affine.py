"""The affine layer: a matrix product and a bias."""

import math
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ShapeError
from clearprop.layers.arguments import check_sizes, parameter, real, upstream
from clearprop.layers.base import Layer, Samples
from clearprop.layers.initialisation import initial_weights


class Affine(Layer):
    """Multiply by a weight matrix and add a bias.

    **Forward**: `out = x W + b`

    **Backward**: `dx = dout Wᵀ`, `dW = xᵀ dout`, `db = Σ_n dout_n`. Forward, a weight
    leads from an input to an output; backward, the same weight leads the other way. So inputs and
    outputs change places, which is what a transpose does, and no other arrangement has shapes that
    fit. The bias was copied to every row of the batch, so its derivative is the sum over the rows:
    all its effects add up.

    **Shapes**: `x` (N, D) or one sample (D,), `W` (D, M), `b` (M,), `out` (N, M) or (M,). An `x`
    of more axes, such as images (N, C, H, W), is flattened to (N, D), and `dx` is folded back.

    Parameters: the arrays `W` and `b`, used as they are and shared, not copied.
    `Affine.from_sizes` draws them.

    Errors: `ShapeError` if `W`, `b`, `x` and `dout` do not fit each other, `DTypeError` if one of
    them is not real.

    Source: *Deep Learning from Scratch*, section 5.6.

    >>> affine = Affine(W=np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), b=np.array([1.0, 1.0, 1.0]))
    >>> affine.forward(np.array([[1.0, 0.0], [0.0, 1.0]]))
    array([[2., 3., 4.],
           [5., 6., 7.]])
    >>> affine.backward(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    array([[1., 4.],
           [2., 5.]])
    >>> affine.dW
    array([[1., 0., 0.],
           [0., 1., 0.]])
    >>> affine.db
    array([1., 1., 0.])
    """

    params: ClassVar[tuple[str, ...]] = ("W", "b")

    def __init__(self, W: Any, b: Any) -> None:
        self.W, self.b = parameter(W, "Affine", "W"), parameter(b, "Affine", "b")
        self._check_parameters()
        self.dW: Any = None
        self.db: Any = None
        self.x: Any = None
        self.x_shape: tuple[int, ...] = ()

    @classmethod
    def from_sizes(
        cls,
        n_in: int,
        n_out: int,
        *,
        init: str | float = "he",
        rng: "np.random.Generator | None" = None,
        dtype: DTypeLike = np.float32,
    ) -> Self:
        """Make a layer from its sizes: weights drawn from `rng`, bias 0.

        `init` is `"he"` (for ReLU), `"xavier"` (for sigmoid) or a standard deviation.

        >>> Affine.from_sizes(784, 50, init="he", rng=np.random.default_rng(0))
        Affine(W: (784, 50), b: (50,))
        """
        check_sizes("Affine", n_in, n_out)
        W = initial_weights((n_in, n_out), init, rng, dtype)
        return cls(W, np.zeros(n_out, dtype))

    def forward(self, x: Any) -> Any:
        # 1. (N, …) → (N, D); one sample (D,) → (1, D)
        x = real(x, "Affine")
        self._check_parameters()
        self.x_shape = np.shape(x)
        self.x = self._rows(x)
        # 2. (N, D) (D, M) + (M,) → (N, M)
        out = self.x @ self.W + self.b
        # 3. one sample comes out as one sample: (1, M) → (M,)
        out = out if len(self.x_shape) > 1 else out.reshape(-1)
        self.out_shape = np.shape(out)
        return out

    def backward(self, dout: Any) -> Any:
        dout = upstream(dout, self.out_shape, "Affine")
        # 3. (M,) → (1, M)
        dout = dout if len(self.x_shape) > 1 else dout.reshape(1, -1)
        # 2. the three derivatives of x W + b
        dx = dout @ self.W.T  # (N, M) (M, D) → (N, D)
        self.dW = self.x.T @ dout  # (D, N) (N, M) → (D, M)
        self.db = dout.sum(axis=0)  # (N, M) → (M,)
        # 1. (N, D) → the shape that came in
        return dx.reshape(self.x_shape)

    def _check_parameters(self) -> None:
        # Also at every forward: `layer.b = …` of another shape would broadcast without a word.
        W, b = np.shape(self.W), np.shape(self.b)
        if len(W) != 2 or b != W[1:]:
            raise ShapeError(
                f"Affine: W must be a matrix (D, M) and b a vector (M,), got W {W} and b {b}"
            )

    def _rows(self, x: Any) -> Any:
        n_in = np.shape(self.W)[0]
        shape = self.x_shape
        batch = shape[0] if len(shape) > 1 else 1
        if not shape or math.prod(shape[1:] if len(shape) > 1 else shape) != n_in:
            steps = f"; it takes all of a sample, and steps one by one as x.reshape(-1, {n_in})"
            raise ShapeError(
                f"Affine: x {shape} does not fit W {self.W.shape}: each sample must have "
                f"{n_in} values, so x must be ({n_in},), (N, {n_in}) or (N, …) of that many"
                + (steps if len(shape) > 2 and shape[-1] == n_in else "")
            )
        return x if len(shape) == 2 else x.reshape(batch, n_in)

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        def layer(n_in: int, n_out: int) -> Self:
            return cls(rng.standard_normal((n_in, n_out)), rng.standard_normal(n_out))

        yield layer(5, 3), (rng.standard_normal((4, 5)),)
        yield layer(3, 4), (rng.standard_normal((1, 3)),)
        yield layer(1, 1), (rng.standard_normal((2, 1)),)
        yield layer(6, 2), (rng.standard_normal(6),)
        yield layer(24, 2), (rng.standard_normal((3, 2, 3, 4)),)
