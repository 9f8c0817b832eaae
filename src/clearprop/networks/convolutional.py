"""Convolution layers from a plan, and the book's two networks of them."""

from collections.abc import Sequence
from numbers import Integral
from typing import Unpack

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ConfigError
from clearprop.layers import Convolution, Dropout, Layer, Pooling
from clearprop.layers.columns import Pair
from clearprop.layers.initialisation import generator
from clearprop.networks.dense import How, activated, check_activation, dense_layers
from clearprop.networks.network import Network

Shape = tuple[int, int, int]
"""Of one image: channels, height and width."""


def conv_layers(
    channels: int,
    plan: Sequence[int | str],
    *,
    size: Pair = 3,
    stride: Pair = 1,
    pad: Pair | list[Pair] = 1,
    activation: str = "relu",
    init: str | float = "he",
    batch_norm: bool = False,
    rng: "np.random.Generator | None" = None,
    dtype: DTypeLike = np.float32,
) -> list[Layer]:
    """Make convolutions, an activation behind each, and poolings where the plan says `"pool"`.

    A number in `plan` is that of the filters of a convolution; `"pool"` is the maximum of 2 × 2.
    `size`, `stride` and `pad` are those of all filters; a list of pads has one for each
    convolution. The other settings are those of `dense_layers`.

    Errors: `ConfigError` for an entry of `plan` that is neither, for more or fewer pads than
    convolutions, and as in `dense_layers`; those of `Convolution`.

    >>> for layer in conv_layers(1, [16, "pool"], rng=np.random.default_rng(0)):
    ...     print(layer)
    Convolution(W: (16, 1, 3, 3), b: (16,))
    Relu()
    Pooling(2, 2, stride=(2, 2), kind='max')
    """
    check_activation(activation)
    filters = [entry for entry in plan if entry != "pool"]
    for n in filters:
        if isinstance(n, str) or not isinstance(n, Integral) or n < 1:
            raise ConfigError(f"plan: {n!r} is neither a number of filters nor 'pool'")
    pads = iter(pad if isinstance(pad, list) else [pad] * len(filters))
    if isinstance(pad, list) and len(pad) != len(filters):
        raise ConfigError(
            f"there are {len(pad)} pads for {len(filters)} convolutions; give each one"
        )
    rng = generator(rng)
    layers: list[Layer] = []
    for n in plan:
        if isinstance(n, str):
            layers.append(Pooling(2, 2))
            continue
        how = {"stride": stride, "pad": next(pads), "init": init, "rng": rng, "dtype": dtype}
        layers.append(Convolution.from_sizes(channels, n, size, **how))  # type: ignore[arg-type]
        layers += activated(n, activation, batch_norm, dtype)
        channels = n
    return layers


def features(layers: Sequence[Layer], shape: Sequence[int]) -> int:
    """How many values one sample of a shape has behind these layers: it is run through them.

    Errors: those of the layers, such as a filter that is larger than the image.

    >>> features(conv_layers(1, [16, 16, "pool"]), (1, 28, 28)) == 16 * 14 * 14
    True
    """
    x = np.zeros((1, *shape), np.float32)
    for layer in layers:
        x = layer.infer(x)
    return x.size


def conv_net(
    shape: Shape = (1, 28, 28),
    classes: int = 10,
    *,
    filters: int = 30,
    size: Pair = 5,
    pad: Pair = 0,
    hidden: int = 100,
    dropout: float = 0.0,
    rng: "np.random.Generator | None" = None,
    **how: Unpack[How],
) -> Network:
    """Make the book's `SimpleConvNet`: convolution, ReLU, pooling, affine, ReLU, affine.

    `how` and `dropout` are the settings of `dense_layers`. Errors: as there and in `conv_layers`.

    Source: *Deep Learning from Scratch*, section 7.5.

    >>> [f"{name} {W.shape}" for name, W in conv_net().params.items() if W.ndim > 1]
    ['W1 (30, 1, 5, 5)', 'W2 (4320, 100)', 'W3 (100, 10)']
    """
    rng = generator(rng)
    layers = conv_layers(shape[0], [filters, "pool"], size=size, pad=pad, rng=rng, **how)
    sizes = [features(layers, shape), hidden, classes]
    return Network([*layers, *dense_layers(sizes, dropout=dropout, rng=rng, **how)], rng=rng)


def deep_conv_net(
    shape: Shape = (1, 28, 28),
    classes: int = 10,
    *,
    hidden: int = 50,
    dropout: float = 0.5,
    rng: "np.random.Generator | None" = None,
    **how: Unpack[How],
) -> Network:
    """Make the book's `DeepConvNet`: three times two convolutions and a pooling, then two affine.

    Each affine layer is followed by `dropout`, the scores too. The settings are those of
    `dense_layers`. Errors: as there and in `conv_layers`.

    Source: *Deep Learning from Scratch*, section 8.1.

    >>> [f"{name} {W.shape}" for name, W in deep_conv_net().params.items() if name in ("W6", "W7")]
    ['W6 (64, 64, 3, 3)', 'W7 (1024, 50)']
    """
    rng = generator(rng)
    plan = [16, 16, "pool", 32, 32, "pool", 64, 64, "pool"]
    layers = conv_layers(shape[0], plan, pad=[1, 1, 1, 2, 1, 1], rng=rng, **how)
    sizes = [features(layers, shape), hidden, classes]
    layers += dense_layers(sizes, dropout=dropout, rng=rng, **how)
    return Network([*layers, *([Dropout(dropout)] if dropout else [])], rng=rng)
