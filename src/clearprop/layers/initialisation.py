"""Named initialisations: how wide the first random weights are spread."""

from numbers import Real

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ConfigError


def initial_weights(
    shape: tuple[int, int],
    init: str | float,
    rng: "np.random.Generator | None",
    dtype: DTypeLike = np.float32,
) -> np.ndarray:
    """Draw the weights of a layer from a normal distribution around 0.

    `init` is `"he"` (standard deviation √(2/n), for ReLU), `"xavier"` (√(1/n), for sigmoid and
    tanh) or the standard deviation itself; `n` is the number of inputs, `shape[0]`.

    The numbers are drawn in float64 and then cast, so that one seed gives the same weights in
    every dtype, to rounding.

    Errors: `ConfigError` if `init` is not one of these, `rng` is not a generator, or `dtype` is not
    of floating-point numbers.

    Source: He et al. 2015, section 2.2; Glorot and Bengio 2010 (the forward half).

    >>> W = initial_weights((400, 100), "he", np.random.default_rng(0))
    >>> W.shape, W.dtype, round(float(W.std() * np.sqrt(400 / 2)), 2)
    ((400, 100), dtype('float32'), 1.0)
    """
    if np.dtype(dtype).kind != "f":
        raise ConfigError(f"weights cannot be of dtype {np.dtype(dtype)}; use float32 or float64")
    return (spread(init, shape[0]) * generator(rng).standard_normal(shape)).astype(dtype)


def generator(rng: "np.random.Generator | None") -> "np.random.Generator":
    """Return `rng`, or a fresh unseeded generator where there is none.

    Errors: `ConfigError` for a seed in place of a generator: two layers made from the same seed
    would start with the same numbers.
    """
    if rng is None:
        return np.random.default_rng()
    if not hasattr(rng, "standard_normal"):
        raise ConfigError(f"rng is {rng!r}, not a generator; use np.random.default_rng(seed)")
    return rng


def spread(init: str | float, n_in: float) -> float:
    """The standard deviation of first weights by which `n_in` inputs are summed."""
    if isinstance(init, str):
        names = {"he": 2.0, "relu": 2.0, "xavier": 1.0, "sigmoid": 1.0}
        if init.lower() not in names:
            raise ConfigError(
                f"initialisation {init!r} is unknown; "
                "use 'he', 'xavier' or a standard deviation such as 0.01"
            )
        return float(np.sqrt(names[init.lower()] / n_in))
    if not (isinstance(init, Real) and np.isfinite(init) and init >= 0):
        raise ConfigError(
            f"the standard deviation of the weights must be a finite number ≥ 0, got {init!r}"
        )
    return float(init)
