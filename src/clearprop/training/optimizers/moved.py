"""Whose parameters an optimiser moves: state and schedules of one network are not another's."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from weakref import ref

from clearprop.networks.parameters import Parameters


class Moved:
    """The layers of the network that an optimiser has to do with, none of which it keeps alive.

    A copy knows of none, since it goes with whatever was copied beside it.
    """

    def __init__(self) -> None:
        self._layers: list[ref[Any]] = []

    def __reduce__(self) -> tuple[type["Moved"], tuple[()]]:
        return Moved, ()

    def are_others(self, params: Mapping[str, Any]) -> bool:
        """Whether these parameters are held by none of them; of a plain dictionary nobody knows."""
        if not isinstance(params, Parameters):
            return False
        layers = _holding(params)
        return bool(self._layers) and not any(r() is x for r in self._layers for x in layers)

    def go_with(self, params: Mapping[str, Any]) -> None:
        """From now on it is the network of these parameters."""
        if isinstance(params, Parameters):
            with suppress(TypeError):  # a layer that nobody can refer to weakly
                self._layers = [*map(ref, _holding(params))]


def _holding(params: Parameters) -> list[Any]:
    return [layer for held in params.owners.values() for layer, _ in held]
