"""Batch normalisation: each feature with mean 0 and variance 1 over the batch."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ShapeError
from clearprop.layers.arguments import check_sizes, number, parameter, real, upstream
from clearprop.layers.base import Layer, Samples


class BatchNormalization(Layer):
    """Give each feature mean 0 and variance 1 over the batch, then a scale and shift it learns.

    **Forward**: `out = gamma · xn + beta` with `xn = (x − mean) / std`, where
    `std = √(var + eps)`; `mean` and `var` are those of the batch, for each feature, and `var` is
    the mean of the squares (divided by `N`, not `N − 1`). At prediction `running_mean` and
    `running_var` stand in their place.

    **Backward**: `dx = gamma · (dout − Σ_n dout_n / N − xn · Σ_n (dout_n · xn_n) / N) / std`,
    `dgamma = Σ_n (dout_n · xn_n)`, `dbeta = Σ_n dout_n`. Mean and variance depend on every sample,
    so that what would move them all together, or stretch them, is taken out of the derivative.

    **Shapes**: `x` (N, D), `gamma` and `beta` (D,). For an `x` of more axes, such as images
    (N, C, H, W), the features are the C channels: sums run over samples and pixels, and there are
    `N · H · W` of them in place of `N`.

    State: each step leaves `momentum · running_mean + (1 − momentum) · mean`, and the same of
    `var`. So `momentum` is the weight of the past: 0.9 here is 0.1 in PyTorch, which also divides
    the variance that it keeps by `N − 1`.

    Parameters: the arrays `gamma` and `beta`, used as they are and shared, not copied;
    `BatchNormalization.from_size` makes ones and zeros. `momentum` and `eps` may be changed.

    Errors: `ShapeError` if `gamma`, `beta`, `x` and `dout` do not fit each other, or a batch has
    one value for each feature only, whose variance is 0; `DTypeError` for what is not real;
    `ConfigError` for a `momentum` that is not from 0 to 1, or an `eps` below 0.

    Source: Ioffe and Szegedy 2015, *Batch Normalization*; *Deep Learning from Scratch*, section
    6.3.

    >>> norm = BatchNormalization(gamma=np.array([1.0, 2.0]), beta=np.array([0.0, 5.0]), eps=0.0)
    >>> norm.forward(np.array([[1.0, 10.0], [3.0, 30.0]]))
    array([[-1.,  3.],
           [ 1.,  7.]])
    >>> norm.backward(np.array([[1.0, 0.0], [0.0, 0.0]]))
    array([[0., 0.],
           [0., 0.]])
    >>> norm.dgamma, norm.dbeta
    (array([-1.,  0.]), array([1., 0.]))
    >>> norm.next_state()
    (array([0.2, 2. ]), array([ 1. , 10.9]))
    """

    params: ClassVar[tuple[str, ...]] = ("gamma", "beta")
    state: ClassVar[tuple[str, ...]] = ("running_mean", "running_var")

    fewest: ClassVar[int] = 2
    """How many values of a feature a batch must have for a variance."""

    def __init__(self, gamma: Any, beta: Any, momentum: float = 0.9, eps: float = 1e-5) -> None:
        kind = type(self).__name__
        self.gamma, self.beta = parameter(gamma, kind, "gamma"), parameter(beta, kind, "beta")
        self._check_parameters()
        dtype = self.gamma.dtype if self.gamma.dtype.kind == "f" else np.float64
        self.running_mean = np.zeros(self.gamma.shape, dtype)
        self.running_var = np.ones(self.gamma.shape, dtype)
        self.momentum = number(momentum, kind, "momentum", 0, 1)
        self.eps = number(eps, kind, "eps", 0)
        self.dgamma: Any = None
        self.dbeta: Any = None
        self.mean: Any = None
        self.var: Any = None
        self.std: Any = None
        self.xn: Any = None

    @classmethod
    def from_size(
        cls, n: int, momentum: float = 0.9, eps: float = 1e-5, *, dtype: DTypeLike = np.float32
    ) -> Self:
        """Make a layer for `n` features or channels, with `gamma` 1 and `beta` 0.

        >>> BatchNormalization.from_size(50)
        BatchNormalization(gamma: (50,), beta: (50,))
        """
        check_sizes("BatchNormalization", n)
        return cls(np.ones(n, dtype), np.zeros(n, dtype), momentum, eps)

    def forward(self, x: Any) -> Any:
        x = self._read(x)
        axes = _axes(x)
        count = x.size // x.shape[1]
        if count < self.fewest:
            raise ShapeError(
                f"BatchNormalization: x {x.shape} has one value for each feature, so that their "
                "variance is 0 and all become beta; train on batches of 2 samples at least"
            )
        self.out_shape = x.shape
        # 1. (N, D) → (D,); (N, C, H, W) → (C,)
        self.mean = x.sum(axis=axes) / count
        centred = x - _beside(self.mean, x)
        self.var = (centred * centred).sum(axis=axes) / count
        # 2. mean 0 and variance 1
        self.std = np.sqrt(self.var + self.eps)
        self.xn = centred / _beside(self.std, x)
        # 3. the scale and shift that are learned
        return _beside(self.gamma, x) * self.xn + _beside(self.beta, x)

    def backward(self, dout: Any) -> Any:
        dout = upstream(dout, self.out_shape, "BatchNormalization")
        axes = _axes(dout)
        count = dout.size // dout.shape[1]
        # 3. scale and shift
        self.dgamma = (dout * self.xn).sum(axis=axes)
        self.dbeta = dout.sum(axis=axes)
        # 2. and 1. directly, and by mean and variance, which all samples share
        shared = (_beside(self.dbeta, dout) + self.xn * _beside(self.dgamma, dout)) / count
        return _beside(self.gamma / self.std, dout) * (dout - shared)

    def infer(self, x: Any) -> Any:
        x = self._read(x)
        std = np.sqrt(self.running_var + self.eps)
        xn = (x - _beside(self.running_mean, x)) / _beside(std, x)
        return _beside(self.gamma, x) * xn + _beside(self.beta, x)

    def next_state(self) -> tuple[Any, Any]:
        new = 1 - self.momentum
        return (
            self.momentum * self.running_mean + new * self.mean,
            self.momentum * self.running_var + new * self.var,
        )

    def _check_parameters(self) -> None:
        gamma, beta = np.shape(self.gamma), np.shape(self.beta)
        if len(gamma) != 1 or beta != gamma:
            raise ShapeError(
                "BatchNormalization: gamma and beta must be vectors (D,) of one length, "
                f"got {gamma} and {beta}"
            )

    def _read(self, x: Any) -> Any:
        x = real(x, "BatchNormalization")
        self._check_parameters()
        n, shape = np.shape(self.gamma)[0], np.shape(x)
        if len(shape) < 2 or shape[1] != n:
            raise ShapeError(
                f"BatchNormalization: x {shape} does not fit gamma ({n},): it must be "
                f"(N, {n}), or (N, {n}, H, W)"
            )
        return x

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        def layer(n: int) -> Self:
            return cls(1 + 0.2 * rng.standard_normal(n), rng.standard_normal(n))

        yield layer(3), (rng.standard_normal((5, 3)),)
        yield layer(2), (3 + rng.standard_normal((1, 2, 3, 4)),)
        yield layer(1), (rng.standard_normal((4, 1)),)
        yield layer(3), (2 * rng.standard_normal((3, 3, 2, 2)),)


def _axes(x: Any) -> Any:
    """The axes that are summed over: all but the features'."""
    return 0 if len(np.shape(x)) == 2 else (0, *range(2, len(np.shape(x))))


def _beside(v: Any, x: Any) -> Any:
    """A vector of the features, as it goes with `x`: (C,) → (C, 1, 1) for images."""
    more = len(np.shape(x)) - 2
    return v.reshape(-1, *(1,) * more) if more else v
