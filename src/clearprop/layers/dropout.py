"""Dropout: in training some values are left out at random."""

from numbers import Real
from typing import Any, ClassVar

import numpy as np

from clearprop.errors import ConfigError
from clearprop.layers.arguments import real, upstream
from clearprop.layers.base import Layer, Samples


class Dropout(Layer):
    """Leave out each value with a probability, `ratio`, and make up for it by the others.

    **Forward**: `out = x · keep / (1 − ratio)`, where `keep` is 1 at `u ≥ ratio` and else 0, for
    random numbers `u` from 0 to 1. So the mean of `out` is `x`, and at prediction `out = x`.

    **Backward**: `dx = dout · keep / (1 − ratio)`: what was left out has no influence.

    **Shapes**: any; `u`, `out` and `dx` have the shape of `x`.

    Parameters: `ratio`, which may be changed at any time; `rng`, the generator that a layer alone
    draws from. In a network the network's draws.

    Errors: `ConfigError` for a `ratio` that is not from 0 to below 1, `ShapeError` if `dout` has
    not the shape of `x`, `DTypeError` if one is not real.

    Source: *Deep Learning from Scratch*, section 6.4.3, which scales at prediction instead;
    Srivastava et al. 2014, *Dropout*, section 10.

    >>> dropout = Dropout(0.5, rng=np.random.default_rng(0))
    >>> dropout.forward(np.array([1.0, 2.0, 3.0, 4.0]))
    array([2., 0., 0., 0.])
    >>> dropout.backward(np.array([1.0, 1.0, 1.0, 1.0]))
    array([2., 0., 0., 0.])
    >>> dropout.infer(np.array([1.0, 2.0, 3.0, 4.0]))
    array([1., 2., 3., 4.])
    """

    noise: ClassVar[tuple[str, ...]] = ("u",)

    def __init__(self, ratio: float = 0.5, rng: "np.random.Generator | None" = None) -> None:
        self.ratio = ratio
        self._check_ratio()
        self.rng = np.random.default_rng(0) if rng is None else rng
        self.u: Any = None
        self.keep: Any = None

    def draw(self, rng: "np.random.Generator", x: Any) -> Any:
        self._check_ratio()
        single = getattr(x, "dtype", None) == np.float32
        return rng.random(np.shape(x), np.float32 if single else np.float64)

    def forward(self, x: Any) -> Any:
        x = real(x, "Dropout")
        self.out_shape = np.shape(x)
        # 1. who stays
        self.keep = self.u >= self.ratio
        # 2. those count for the others too
        return x * self.keep / (1 - self.ratio)

    def backward(self, dout: Any) -> Any:
        dout = upstream(dout, self.out_shape, "Dropout")
        # 2. times the factor of each value
        return dout * self.keep / (1 - self.ratio)

    def infer(self, x: Any) -> Any:
        return real(x, "Dropout")

    def _check_ratio(self) -> None:
        if not (isinstance(self.ratio, Real) and 0 <= self.ratio < 1):
            raise ConfigError(f"Dropout: ratio is {self.ratio}; it must be from 0 to below 1")

    def __repr__(self) -> str:
        return f"Dropout(ratio={self.ratio})"

    @classmethod
    def samples(cls, rng: "np.random.Generator") -> Samples:
        yield cls(), (rng.standard_normal((4, 5)),)
        yield cls(0.2), (rng.standard_normal((1, 6)),)
        yield cls(0.0), (rng.standard_normal((2, 3, 2)),)
        yield cls(0.7), (rng.standard_normal(9),)
