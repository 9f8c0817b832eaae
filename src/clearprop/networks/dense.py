"""Fully connected layers from a list of sizes."""

import itertools
from collections.abc import Iterator, Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ConfigError
from clearprop.layers import (
    Affine,
    BatchNormalization,
    Dropout,
    Elu,
    Gelu,
    Layer,
    LeakyRelu,
    Relu,
    Sigmoid,
    Softplus,
    Tanh,
)
from clearprop.layers.initialisation import generator

ACTIVATIONS: dict[str, type[Layer]] = {
    "relu": Relu,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "leaky-relu": LeakyRelu,
    "elu": Elu,
    "gelu": Gelu,
    "softplus": Softplus,
}
"""The activations that can be asked for by name."""


class How(TypedDict, total=False):
    """How layers are made, whatever their sizes; see `dense_layers`."""

    activation: str
    init: str | float
    batch_norm: bool
    dtype: DTypeLike


def dense_layers(
    sizes: Sequence[int],
    *,
    activation: str = "relu",
    init: str | float = "he",
    batch_norm: bool = False,
    dropout: float = 0.0,
    rng: "np.random.Generator | None" = None,
    dtype: DTypeLike = np.float32,
) -> list[Layer]:
    """Make affine layers of the given sizes, with an activation between each two.

    `sizes` runs from the input to the output, so `[784, 50, 10]` gives two affine layers.
    `activation` is one of `ACTIVATIONS`; `init` is `"he"`, `"xavier"` or a standard deviation.
    `batch_norm` puts a batch normalisation before each activation, a `dropout` above 0 such a
    `Dropout` behind it. The weights are drawn from `rng` in the order of the layers.

    Errors: `ConfigError` for fewer than two sizes, an unknown activation or initialisation, a
    dropout of 1 or more, or a seed in place of a generator; `ShapeError` for a size below 1.

    Source: *Deep Learning from Scratch*, chapter 6, whose `MultiLayerNet` and
    `MultiLayerNetExtend` are a `Network` of these.

    >>> dense_layers([784, 50, 10], rng=np.random.default_rng(0))
    [Affine(W: (784, 50), b: (50,)), Relu(), Affine(W: (50, 10), b: (10,))]
    >>> dense_layers([4, 3, 2], activation="tanh", init="xavier", batch_norm=True, dropout=0.2)[1:4]
    [BatchNormalization(gamma: (3,), beta: (3,)), Tanh(), Dropout(ratio=0.2)]
    """
    if len(sizes) < 2:
        raise ConfigError(f"a network needs an input and an output size, got {list(sizes)}")
    check_activation(activation)
    rng = generator(rng)
    affine = [
        Affine.from_sizes(n_in, n_out, init=init, rng=rng, dtype=dtype)
        for n_in, n_out in itertools.pairwise(sizes)
    ]
    layers: list[Layer] = []
    for layer, n in zip(affine[:-1], sizes[1:], strict=False):
        layers += [layer, *activated(n, activation, batch_norm, dtype)]
        layers += [Dropout(dropout)] if dropout else []
    return [*layers, affine[-1]]


def activated(n: int, activation: str, batch_norm: bool, dtype: DTypeLike) -> Iterator[Layer]:
    """What follows a layer of `n` features or channels: an activation, normalised before."""
    if batch_norm:
        yield BatchNormalization.from_size(n, dtype=dtype)
    yield ACTIVATIONS[activation]()


def check_activation(name: str) -> None:
    """Refuse what is not one of `ACTIVATIONS`. Errors: `ConfigError`."""
    if name not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ConfigError(f"activation {name!r} is unknown; use one of: {known}")
