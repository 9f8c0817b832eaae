"""Layers assembled into a network."""

import copy
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from clearprop.errors import ConfigError, DataError
from clearprop.layers import SoftmaxWithLoss
from clearprop.layers.labels import read_labels
from clearprop.networks.parameters import Parameters
from clearprop.networks.summary import LayerSummary, NetworkSummary, multiply_adds
from clearprop.primitives.numerical import numerical_gradient


class Network:
    """Layers in order, by name, with a loss layer at the end.

    `layers` is a mapping from names to layers, or a sequence of layers, which are then named after
    their class and counted: `Affine1`, `Relu1`, `Affine2`. A layer is anything with `forward(x)`
    and `backward(dout)`.

    Parameters are named after their attribute and counted in the order of the layers: `W1`, `b1`,
    `W2`, `b2`. Layers that share an array share a parameter, and its derivative is the sum of
    theirs; one and the same layer may stand at several places.

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
        named = layers.items() if isinstance(layers, Mapping) else _named(layers)
        self.layers: OrderedDict[str, Any] = OrderedDict(_one_object_a_place(named))
        self.lastLayer: Any = SoftmaxWithLoss() if loss is None else loss
        self.params = Parameters(_owners([*self.layers.values(), self.lastLayer]))

    def predict(self, x: Any) -> Any:
        """Compute the scores of a batch: `x` through all layers, without the loss layer."""
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x: Any, t: Any) -> Any:
        """Compute the loss of a batch `x` with its labels `t`."""
        return self.lastLayer.forward(self.predict(x), t)

    def accuracy(self, x: Any, t: Any) -> float:
        """Compute the share of samples whose highest score is at the label.

        `t` holds class numbers (N,) or one-hot or soft labels (N, C).
        """
        y = self.predict(x)
        t = read_labels(t, y.shape)
        if not t.size:
            raise DataError("accuracy: the batch is empty; give one sample at least")
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
        x = np.asarray(x, dtype=np.float64)
        return {
            name: numerical_gradient(lambda _: twin.loss(x, t), array)
            for name, array in twin.params.items()
        }

    def astype(self, dtype: DTypeLike) -> Self:
        """Copy the network with parameters of another dtype; nothing is shared with the copy."""
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

    def __repr__(self) -> str:
        lines = [f"  {name}: {layer!r}" for name, layer in self.layers.items()]
        return "\n".join([f"{type(self).__name__}(", *lines, f"  loss: {self.lastLayer!r}", ")"])

    def _derivatives(self) -> dict[str, Any]:
        gradient = {}
        for name, owners in self.params.owners.items():
            parts = [getattr(layer, f"d{attribute}") for layer, attribute in owners]
            gradient[name] = sum(parts[1:], start=parts[0])
        return gradient


def _named(layers: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Name layers after their class and count them; pairs (name, layer) keep their name."""
    count: Counter[str] = Counter()
    for entry in layers:
        if isinstance(entry, tuple):
            yield entry
        else:
            kind = type(entry).__name__
            count[kind] += 1
            yield f"{kind}{count[kind]}", entry


def _one_object_a_place(named: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Give a layer that stands at several places a shallow copy for each further one.

    What `forward` keeps then belongs to the place; the parameters stay shared.
    """
    names, placed = set(), set()
    for name, layer in named:
        if name in names:
            raise ConfigError(f"two layers are named {name!r}; each layer needs a name of its own")
        for method in ("forward", "backward"):
            if not callable(getattr(layer, method, None)):
                raise ConfigError(
                    f"layer {name!r} is a {type(layer).__name__} without {method}(); "
                    "a layer has forward(x) and backward(dout)"
                )
        yield name, copy.copy(layer) if id(layer) in placed else layer
        names.add(name)
        placed.add(id(layer))


def _owners(layers: Iterable[Any]) -> dict[str, tuple[tuple[Any, str], ...]]:
    """Find the parameters of all layers: name → the (layer, attribute) pairs that hold it."""
    count: Counter[str] = Counter()
    name_of: dict[int, str] = {}
    owners: dict[str, tuple[tuple[Any, str], ...]] = {}
    for layer in layers:
        for attribute in getattr(layer, "params", ()):
            array = getattr(layer, attribute)
            if id(array) not in name_of:
                count[attribute] += 1
                name_of[id(array)] = f"{attribute}{count[attribute]}"
            name = name_of[id(array)]
            owners[name] = (*owners.get(name, ()), (layer, attribute))
    return owners
