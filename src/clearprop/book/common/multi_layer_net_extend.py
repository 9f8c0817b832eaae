"""The book's `common.multi_layer_net_extend`."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from clearprop.book.common.layers import (
    Affine,
    BatchNormalization,
    Dropout,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
)
from clearprop.primitives.numerical import numerical_gradient

__all__ = ["MultiLayerNetExtend"]

ACTIVATIONS = {"relu": Relu, "sigmoid": Sigmoid}


class MultiLayerNetExtend:
    """Affine layers with activations between them; batch normalisation and dropout if asked for.

    `weight_init_std` is a number, or `"relu"` / `"he"` (√(2/n)), `"sigmoid"` / `"xavier"` (√(1/n)).
    To the loss comes `½ λ Σ W²` over all weights, with `weight_decay_lambda` for λ. Weights and
    dropout draw from NumPy's global generator. (`dropout_ration` is spelt as in the book.)

    For a network of one's own, `clearprop.dense_layers` makes such layers.

    >>> network = MultiLayerNetExtend(4, [3, 3], 2, use_batchnorm=True, use_dropout=True)
    >>> list(network.layers)[:4]
    ['Affine1', 'BatchNorm1', 'Activation_function1', 'Dropout1']
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int],
        output_size: int,
        activation: str = "relu",
        weight_init_std: str | float = "relu",
        weight_decay_lambda: float = 0,
        use_dropout: bool = False,
        dropout_ration: float = 0.5,
        use_batchnorm: bool = False,
    ) -> None:
        self.input_size, self.output_size = input_size, output_size
        self.hidden_size_list = hidden_size_list
        self.hidden_layer_num = len(hidden_size_list)
        self.weight_decay_lambda = weight_decay_lambda
        self.use_dropout, self.use_batchnorm = use_dropout, use_batchnorm
        rng: Any = np.random  # the global generator draws as another would
        how = {"init": weight_init_std, "rng": rng, "dtype": np.float64}
        sizes = pairwise([input_size, *hidden_size_list, output_size])
        affine = [Affine.from_sizes(n_in, n_out, **how) for n_in, n_out in sizes]
        self.params: dict[str, Any] = {}
        for i, layer in enumerate(affine, 1):
            self.params |= {f"W{i}": layer.W, f"b{i}": layer.b}
        self.layers: OrderedDict[str, Any] = OrderedDict()
        for i, n in enumerate(hidden_size_list, 1):
            self.layers[f"Affine{i}"] = affine[i - 1]
            if use_batchnorm:
                gamma, beta = np.ones(n), np.zeros(n)
                self.params |= {f"gamma{i}": gamma, f"beta{i}": beta}
                self.layers[f"BatchNorm{i}"] = BatchNormalization(gamma, beta)
            self.layers[f"Activation_function{i}"] = ACTIVATIONS[activation]()
            if use_dropout:
                self.layers[f"Dropout{i}"] = Dropout(dropout_ration)
        self.layers[f"Affine{len(affine)}"] = affine[-1]
        self.last_layer = SoftmaxWithLoss()

    def predict(self, x: Any, train_flg: bool = False) -> Any:
        """The scores of a batch, at prediction or as in training."""
        for layer in self.layers.values():
            two_ways = isinstance(layer, Dropout | BatchNormalization)
            x = layer.forward(x, train_flg) if two_ways else layer.forward(x)
        return x

    def loss(self, x: Any, t: Any, train_flg: bool = False) -> Any:
        """The loss of a batch, with weight decay."""
        decay = sum(np.sum(W**2) for name, W in self.params.items() if name.startswith("W"))
        y = self.predict(x, train_flg)
        return self.last_layer.forward(y, t) + 0.5 * self.weight_decay_lambda * decay

    def accuracy(self, x: Any, t: Any) -> float:
        """The share of samples whose highest score is at the label: class numbers or one-hot."""
        labels = t if np.ndim(t) == 1 else np.argmax(t, axis=1)
        return np.sum(np.argmax(self.predict(x), axis=1) == labels) / float(len(x))

    def numerical_gradient(self, x: Any, t: Any) -> dict[str, Any]:
        """The derivative of the loss in training by every parameter, by central differences."""

        def loss(_: Any) -> Any:
            return self.loss(x, t, True)

        return {name: numerical_gradient(loss, self.params[name]) for name, *_ in self._learned()}

    def gradient(self, x: Any, t: Any) -> dict[str, Any]:
        """The same by backpropagation."""
        self.loss(x, t, True)
        dout = self.last_layer.backward(1)
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        gradient = {name: getattr(layer, f"d{kind}") for name, layer, kind in self._learned()}
        for name in gradient:
            if name.startswith("W"):
                gradient[name] = gradient[name] + self.weight_decay_lambda * self.params[name]
        return gradient

    def _learned(self) -> Iterator[tuple[str, Any, str]]:
        """Each parameter's name, the layer that has it and its name there, layer by layer."""
        i = 0
        for layer in self.layers.values():
            i += isinstance(layer, Affine)
            for kind in getattr(layer, "params", ()):
                yield f"{kind}{i}", layer, kind
