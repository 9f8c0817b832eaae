"""One dictionary for all parameters of a network, live: what it holds is what the layers hold."""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np

from clearprop.errors import ShapeError


class Parameters(MutableMapping[str, Any]):
    """The parameters of a network by name, read from and written to the layers themselves.

    `params["W1"] -= lr * grads["W1"]` changes the layer's own array in place, and assigning a new
    array reaches the layer too: there is no second copy that could fall behind.

    Errors: `KeyError` for a name the network does not have (names are fixed by its layers),
    `ShapeError` for an array of another shape.
    """

    def __init__(self, owners: Mapping[str, tuple[tuple[Any, str], ...]]) -> None:
        self.owners = dict(owners)
        """Who holds each parameter: (layer, attribute), several where layers share an array."""

    def __getitem__(self, name: str) -> Any:
        layer, attribute = self._find(name)[0]
        return getattr(layer, attribute)

    def __setitem__(self, name: str, value: Any) -> None:
        owners = self._find(name)
        expected = np.shape(self[name])
        if np.shape(value) != expected:
            raise ShapeError(
                f"parameter {name} has shape {expected}; an array of shape {np.shape(value)} "
                "cannot take its place"
            )
        for layer, attribute in owners:
            setattr(layer, attribute, value)

    def __delitem__(self, name: str) -> None:
        raise KeyError(f"parameter {name} belongs to a layer and cannot be removed")

    def __iter__(self) -> Iterator[str]:
        return iter(self.owners)

    def __len__(self) -> int:
        return len(self.owners)

    def __repr__(self) -> str:
        parts = (f"{n}: {np.shape(v)} {np.asarray(v).dtype}" for n, v in self.items())
        return f"Parameters({', '.join(parts)})"

    def _find(self, name: str) -> tuple[tuple[Any, str], ...]:
        try:
            return self.owners[name]
        except KeyError:
            known = ", ".join(self.owners) or "none"
            raise KeyError(f"no parameter {name!r}; this network has: {known}") from None
