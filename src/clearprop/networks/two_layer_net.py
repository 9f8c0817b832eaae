"""The chapter's network."""

import numpy as np
from numpy.typing import DTypeLike

from clearprop.networks.dense import dense_layers
from clearprop.networks.network import Network


class TwoLayerNet(Network):
    """The book's network of two layers: affine, ReLU, affine, softmax with loss.

    `weight_init_std` is the standard deviation of the first weights (or `"he"`, `"xavier"`);
    `W1` is drawn before `W2` from `rng`. The parameters are float64 as in the book, so that its
    gradient check holds to nine digits; give `dtype=np.float32` to train faster.

    Source: *Deep Learning from Scratch*, section 5.7.2.

    >>> network = TwoLayerNet(input_size=784, hidden_size=50, output_size=10)
    >>> network.params["W1"].shape, network.layers["Affine1"].W is network.params["W1"]
    ((784, 50), True)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        weight_init_std: str | float = 0.01,
        *,
        rng: "np.random.Generator | None" = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        sizes = [input_size, hidden_size, output_size]
        layers = dense_layers(sizes, init=weight_init_std, rng=rng, dtype=dtype)
        super().__init__(layers, rng=rng)
