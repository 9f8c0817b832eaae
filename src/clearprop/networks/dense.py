"""Fully connected layers from a list of sizes."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ConfigError
from clearprop.layers import Affine, Layer, Relu, Sigmoid
from clearprop.layers.initialisation import generator

ACTIVATIONS: dict[str, type[Layer]] = {"relu": Relu, "sigmoid": Sigmoid}
"""The activations that can be asked for by name."""


def dense_layers(
    sizes: Sequence[int],
    *,
    activation: str = "relu",
    init: str | float = "he",
    rng: np.random.Generator | None = None,
    dtype: DTypeLike = np.float32,
) -> list[Layer]:
    """Make affine layers of the given sizes, with an activation between each two.

    `sizes` runs from the input to the output, so `[784, 50, 10]` gives two affine layers.
    `activation` is one of `ACTIVATIONS`; `init` is `"he"`, `"xavier"` or a standard deviation.
    The weights are drawn from `rng` in the order of the layers.

    Errors: `ConfigError` for fewer than two sizes, an unknown activation or initialisation, or a
    seed in place of a generator; `ShapeError` for a size below 1.

    >>> dense_layers([784, 50, 10], rng=np.random.default_rng(0))
    [Affine(W: (784, 50), b: (50,)), Relu(), Affine(W: (50, 10), b: (10,))]
    """
    if len(sizes) < 2:
        raise ConfigError(f"a network needs an input and an output size, got {list(sizes)}")
    if activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ConfigError(f"activation {activation!r} is unknown; use one of: {known}")
    rng = generator(rng)
    layers: list[Layer] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers.append(Affine.from_sizes(n_in, n_out, init=init, rng=rng, dtype=dtype))
        layers.append(ACTIVATIONS[activation]())
    return layers[:-1]
