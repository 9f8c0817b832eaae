"""One dictionary for all parameters of a network, live: what it holds is what the layers hold."""

from collections.abc import Iterator, MutableMapping, Set
from typing import Any

import numpy as np

from clearprop.errors import ConfigError, ShapeError
from clearprop.graph.away import come_home
from clearprop.graph.parameters import array_at, set_array
from clearprop.layers.arguments import parameter

Owners = dict[str, list[tuple[Any, str]]]
"""Parameter name → the (layer, attribute) pairs that hold it."""


class Parameters(MutableMapping[str, Any]):
    """The parameters of a network by name, read from and written to the layers themselves.

    `params["W1"] -= lr * grads["W1"]` changes the layer's own array in place, and assigning a new
    array reaches the layer too: there is no second copy that could fall behind.

    Errors: `KeyError` for a name the network does not have (names are fixed by its layers),
    `ShapeError` for an array of another shape, `DTypeError` for one that is not real.

    >>> from clearprop.networks import TwoLayerNet
    >>> network = TwoLayerNet(784, 50, 10)
    >>> network.params["b2"] = np.ones(10)
    >>> network.layers["Affine2"].b is network.params["b2"]
    True
    """

    def __init__(self, owners: Owners, frozen: Set[str] = frozenset()) -> None:
        self.owners = owners
        """Who holds each parameter: (layer, attribute), several where layers share an array."""
        self.frozen = frozen
        """The names of those that are not trained for now; see `Network.freeze`."""
        self._shared = {name: held for name, held in owners.items() if len(held) > 1}

    def __getitem__(self, name: str) -> Any:
        layer, attribute = self._find(name)[0]
        come_home(layer)  # a frozen one stays there to be read, but is not to be written into
        return array_at(layer, attribute)

    def __setitem__(self, name: str, value: Any) -> None:
        owners = self._find(name)
        value = parameter(value, "params", name)
        expected = self[name].shape
        if value.shape != expected:
            raise ShapeError(
                f"parameter {name} has shape {expected}; an array of shape {value.shape} "
                "cannot take its place"
            )
        for layer, attribute in owners:
            set_array(layer, attribute, value)

    def check_shared(self) -> None:
        """Refuse a parameter that not all who share it hold. Errors: `ConfigError`."""
        for name, owners in self._shared.items():
            if len({id(array_at(*owner)) for owner in owners}) > 1:
                raise ConfigError(
                    f"parameter {name} is shared by {len(owners)} layers, but they hold different "
                    f"arrays now; assign to params[{name!r}], which reaches them all"
                )

    def __delitem__(self, name: str) -> None:
        raise KeyError(f"parameter {name} belongs to a layer and cannot be removed")

    def __iter__(self) -> Iterator[str]:
        return iter(self.owners)

    def __len__(self) -> int:
        return len(self.owners)

    def __repr__(self) -> str:
        parts = (f"{n}: {np.shape(v)} {np.asarray(v).dtype}" for n, v in self.items())
        return f"Parameters({', '.join(parts)})"

    def _find(self, name: str) -> list[tuple[Any, str]]:
        try:
            return self.owners[name]
        except KeyError:
            known = ", ".join(self.owners) or "none"
            raise KeyError(f"no parameter {name!r}; this network has: {known}") from None


def derivative_of(layer: Any, attribute: str) -> Any:
    """The derivative that `backward` set for a parameter, `dW` for `W`. Errors: `ShapeError`."""
    derivative = getattr(layer, f"d{attribute}", None)
    expected = np.shape(array_at(layer, attribute))
    if derivative is None or np.shape(derivative) != expected:
        found = "nothing" if derivative is None else f"one of shape {np.shape(derivative)}"
        raise ShapeError(
            f"gradient: backward of {type(layer).__name__} must set d{attribute}, the derivative "
            f"of {attribute}, with shape {expected}; it set {found}"
        )
    return derivative
