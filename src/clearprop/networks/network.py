"""Layers assembled into a network."""

import copy
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ConfigError, DataError, NonFiniteError
from clearprop.graph.layer_call import call
from clearprop.layers import SoftmaxWithLoss
from clearprop.layers.arguments import real
from clearprop.networks.assembly import check_layer, find_owners, named_layers, one_object_a_place
from clearprop.networks.parameters import Parameters, derivative_of
from clearprop.networks.summary import LayerSummary, NetworkSummary, multiply_adds
from clearprop.primitives.labels import read_labels
from clearprop.primitives.numerical import numerical_gradient


class Network:
    """Layers in order, by name, with a loss layer at the end.

    `layers` is a mapping from names to layers, or a sequence of layers, which are then named after
    their class and counted: `Affine1`, `Relu1`, `Affine2`. A layer is anything with `forward(x)`
    and `backward(dout)`.

    Parameters are named after their attribute and counted in the order of the layers: `W1`, `b1`,
    `W2`, `b2`. Layers that share an array share a parameter, and its derivative is the sum of
    theirs; one and the same layer may stand at several places. The layers are fixed from then on:
    for other layers, make another network.

    Errors: `ConfigError` for something that is not a layer, or layers that were exchanged later.

    >>> from clearprop.layers import Affine, Relu
    >>> rng = np.random.default_rng(0)
    >>> net = Network([Affine.from_sizes(4, 3, rng=rng), Relu(), Affine.from_sizes(3, 2, rng=rng)])
    >>> list(net.layers), list(net.params)
    (['Affine1', 'Relu1', 'Affine2'], ['W1', 'b1', 'W2', 'b2'])
    >>> x, t = np.ones((5, 4)), np.array([0, 1, 0, 1, 0])
    >>> net.predict(x).shape
    (5, 2)
    >>> {name: d.shape for name, d in net.gradient(x, t).items()}
    {'W1': (4, 3), 'b1': (3,), 'W2': (3, 2), 'b2': (2,)}
    """

    def __init__(self, layers: Mapping[str, Any] | Iterable[Any], loss: Any = None) -> None:
        named = layers.items() if isinstance(layers, Mapping) else named_layers(layers)
        self.layers: OrderedDict[str, Any] = OrderedDict(one_object_a_place(named))
        self.lastLayer: Any = SoftmaxWithLoss() if loss is None else loss
        check_layer("lastLayer", self.lastLayer, inputs=("x", "t"))
        self._places = (*self.layers.items(), ("lastLayer", self.lastLayer))
        self.params = Parameters(find_owners(self._places))

    def __call__(self, x: Any) -> Any:
        """Compute the scores of a batch; one node, which opens into the layers, for a Variable."""
        return call(self, x)

    def forward(self, x: Any) -> Any:
        """Run `x` through the layers one by one, each a node of the graph for a Variable."""
        self.check_places()
        for name, layer in self.layers.items():
            x = call(layer, x, name=name)
        return x

    def predict(self, x: Any) -> Any:
        """Compute the scores of a batch: `x` through all layers, without the loss layer."""
        return self(x)

    def loss(self, x: Any, t: Any) -> Any:
        """Compute the loss of a batch `x` with its labels `t`."""
        return call(self.lastLayer, self.predict(x), t)

    def accuracy(self, x: Any, t: Any) -> float:
        """Compute the share of samples whose highest score is at the label.

        `t` holds class numbers (N,) or one-hot or soft labels (N, C).

        Errors: `LabelError` for labels that do not fit, `DataError` for an empty batch,
        `NonFiniteError` for scores that are NaN, of which none is the highest.
        """
        y = self.predict(x)
        t = read_labels(t, y.shape)
        if not t.size:
            raise DataError("accuracy: the batch is empty; give one sample at least")
        if np.isnan(y).any():
            raise NonFiniteError(
                "accuracy: some scores are NaN; look for NaN or infinity in x and in the parameters"
            )
        right = t.argmax(axis=-1) if t.shape == y.shape else t
        return float(np.mean(y.argmax(axis=-1) == right))

    def gradient(self, x: Any, t: Any) -> dict[str, Any]:
        """Compute the derivative of the loss by every parameter, by backpropagation."""
        return self.loss_and_gradient(x, t)[1]

    def loss_and_gradient(self, x: Any, t: Any) -> tuple[Any, dict[str, Any]]:
        """Compute the loss and its derivative by every parameter in one forward and backward."""
        loss = self.loss(x, t)
        dout = self.lastLayer.backward(1)
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        return loss, self._derivatives()

    def numerical_gradient(self, x: Any, t: Any) -> dict[str, np.ndarray]:
        """Compute the same derivatives by central differences: slow, and independent of `backward`.

        The work is done on a float64 copy of the network; the network stays as it is.
        """
        twin = self.astype(np.float64)
        x = np.asarray(real(x, type(self).__name__), dtype=np.float64)
        return {
            name: numerical_gradient(lambda _: twin.loss(x, t), array)
            for name, array in twin.params.items()
        }

    def astype(self, dtype: DTypeLike) -> Self:
        """Copy the network with parameters of another dtype; nothing is shared with the copy.

        Errors: `ConfigError` for a dtype that would cut off the fractions.
        """
        if np.dtype(dtype).kind != "f":
            raise ConfigError(
                f"parameters cannot be of dtype {np.dtype(dtype)}; use float32 or float64"
            )
        twin = copy.deepcopy(self)
        for name, array in twin.params.items():
            twin.params[name] = np.array(array, dtype=dtype)
        return twin

    def summary(self, x: Any) -> NetworkSummary:
        """Summarise the layers as a table, run on a batch `x` or on one sample's shape.

        >>> from clearprop.networks import TwoLayerNet
        >>> print(TwoLayerNet(784, 50, 10).summary((784,)))
        layer    kind    output shape  parameters  multiply-adds
        ───────  ──────  ────────────  ──────────  ─────────────
        Affine1  Affine  (N, 50)           39,250         39,200
        Relu1    Relu    (N, 50)                0              0
        Affine2  Affine  (N, 10)              510            500
        ───────  ──────  ────────────  ──────────  ─────────────
        total                              39,760         39,700
        """
        if isinstance(x, tuple):
            x = np.zeros((1, *x), dtype=np.float32)
        elif np.ndim(x) == 1:
            x = np.reshape(x, (1, -1))
        rows, seen = [], set()
        for name, layer in copy.deepcopy(self.layers).items():
            x = layer.forward(x)
            shape = np.shape(x)[1:]
            arrays = [getattr(layer, p) for p in getattr(layer, "params", ())]
            count = sum(int(np.size(a)) for a in arrays if id(a) not in seen)
            seen.update(map(id, arrays))
            macs = multiply_adds(layer, shape)
            rows.append(LayerSummary(name, type(layer).__name__, shape, count, macs))
        return NetworkSummary(tuple(rows))

    def __copy__(self) -> Self:
        """Copy the layers but not their arrays: a second network on the same parameters."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        copies = {id(layer): copy.copy(layer) for _, layer in self._places}
        twin.layers = OrderedDict((n, copies[id(layer)]) for n, layer in self.layers.items())
        twin.lastLayer = copies[id(self.lastLayer)]
        twin._places = tuple((n, copies[id(layer)]) for n, layer in self._places)
        owners = self.params.owners.items()
        twin.params = Parameters(
            {n: tuple((copies[id(layer)], a) for layer, a in held) for n, held in owners}
        )
        return twin

    def __repr__(self) -> str:
        lines = [f"  {name}: {layer!r}" for name, layer in self.layers.items()]
        return "\n".join([f"{type(self).__name__}(", *lines, f"  loss: {self.lastLayer!r}", ")"])

    def _derivatives(self) -> dict[str, Any]:
        gradient = {}
        for name, owners in self.params.owners.items():
            parts = [derivative_of(layer, attribute) for layer, attribute in owners]
            gradient[name] = sum(parts[1:], start=parts[0])
        return gradient

    def check_places(self) -> None:
        """Refuse a network whose layers were exchanged. Errors: `ConfigError`."""
        now = (*self.layers.items(), ("lastLayer", self.lastLayer))
        if now != self._places:
            raise ConfigError(
                "the layers of this network were exchanged after it was made, and its params would "
                "fall behind; make another one: Network(network.layers, network.lastLayer)"
            )
        self.params.check_shared()
