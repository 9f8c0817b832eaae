"""Where a compiled step keeps what it changes: the parameters and the optimiser's state."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.errors import ConfigError, DTypeError
from clearprop.graph.parameters import array_at, set_array


class Layout:
    """One vector for the parameters of each group, and one for each of its states.

    The layers hold the pieces of the former, and the optimiser those of the latter, so that an
    update is a few operations on whole vectors and still everybody's.
    """

    def __init__(self, network: Any, optimizer: Any) -> None:
        self.network = network
        self.optimizer = optimizer
        self.structure = structure(network, optimizer)
        self._seen = _seen(network, optimizer)
        self.groups = optimizer.partition(network.params)
        dtypes = {np.asarray(network.params[n]).dtype for g in self.groups for n in g.names}
        if len(dtypes) > 1 or any(d.kind != "f" for d in dtypes):
            found = ", ".join(sorted(map(str, dtypes)))
            raise DTypeError(
                f"compile: the parameters have the dtypes {found}; they must share one floating "
                "dtype, see network.astype(np.float32)"
            )
        self.dtype = dtypes.pop() if dtypes else np.dtype(np.float32)
        optimizer.prepare(network.params)
        self.vectors: list[dict[str, np.ndarray]] = []
        """For each group the vector of parameters, `""`, and those of the state by name."""
        self.held: list[tuple[Any, str, np.ndarray]] = []
        self.pieces: list[tuple[str, np.ndarray]] = []
        self.lent: Any = None
        """The program that keeps what it changes elsewhere, until `fetch`."""
        self._locked: list[np.ndarray] = []
        self._originals: list[np.ndarray] = []
        self._quick = True
        """Whether all layers have a dictionary to look their arrays up in."""
        for group in self.groups:
            sizes = [int(np.size(network.params[name])) for name in group.names]
            kinds = ("", *optimizer.state)
            vectors = {kind: np.empty(sum(sizes), self.dtype) for kind in kinds}
            start = 0
            for name, size in zip(group.names, sizes, strict=True):
                self._gather(name, {k: v[start : start + size] for k, v in vectors.items()})
                start += size
            self.vectors.append(vectors)

    def _gather(self, name: str, stretches: dict[str, np.ndarray]) -> None:
        """Move one parameter and its state into the vectors."""
        array = self.network.params[name]
        for kind, stretch in stretches.items():
            piece = stretch.reshape(np.shape(array))
            if kind:
                piece[...] = self.optimizer.arrays[f"{kind}.{name}"]
                self.optimizer.arrays[f"{kind}.{name}"] = piece
                self.pieces.append((f"{kind}.{name}", piece))
                continue
            piece[...] = array
            for layer, attribute in self.network.params.owners[name]:
                set_array(layer, attribute, piece)
                self.held.append((layer, attribute, piece))
                self._originals.append(array)
                self._quick = self._quick and hasattr(layer, "__dict__")

    def adopt(self) -> None:
        """See to it that layers and optimiser hold the pieces; take over what was assigned since.

        Errors: `ConfigError` for an array of another shape or dtype, or a parameter that was
        exchanged in one of its layers only.
        """
        others = self.held
        if self._quick:  # for this is asked in every step
            others = [
                (layer, attribute, piece)
                for layer, attribute, piece in others
                if layer.__dict__.get(attribute) is not piece
            ]
        if others:
            others = [held for held in others if array_at(*held[:2]) is not held[2]]
        if others:
            self.fetch()
            self.network.params.check_shared()
            for other in others:
                self._take_over(*other)
        arrays = self.optimizer.arrays
        for name, piece in self.pieces:
            if arrays.get(name) is not piece:
                self.fetch()
                piece[...] = arrays.get(name, 0)
                arrays[name] = piece

    def _take_over(self, layer: Any, attribute: str, piece: np.ndarray) -> None:
        array = array_at(layer, attribute)
        if np.shape(array) != piece.shape or np.asarray(array).dtype != piece.dtype:
            raise ConfigError(
                f"{type(layer).__name__}.{attribute} was {piece.dtype} {piece.shape} when "
                f"it was compiled and is {np.asarray(array).dtype} {np.shape(array)} now; "
                "compile the network again"
            )
        piece[...] = array
        set_array(layer, attribute, piece)

    def lend(self, program: Any, arrays: Iterable[np.ndarray]) -> None:
        """Let a program keep these arrays elsewhere: the vectors, and others that it reads.

        Nothing can be written into the arrays then. Whatever looks at `network.params` fetches them
        first; a step lends them again.
        """
        self.fetch()
        self.lent = program
        pieces = (piece for *_, piece in (*self.held, *self.pieces))
        self._locked = [array for array in (*arrays, *pieces) if array.flags.writeable]
        for array in self._locked:
            array.flags.writeable = False
        self.network.params.fetch = self.fetch

    def fetch(self) -> None:
        """Bring the arrays up to date that a program keeps elsewhere."""
        if self.lent is not None:
            program, self.lent, self.network.params.fetch = self.lent, None, None
            for array in self._locked:
                array.flags.writeable = True
            program.fetch()

    def release(self) -> None:
        """Give the layers their own arrays back, with what was learned in them."""
        self.fetch()
        for (layer, attribute, piece), original in zip(self.held, self._originals, strict=True):
            if array_at(layer, attribute) is piece and original.flags.writeable:
                original[...] = piece
                set_array(layer, attribute, original)

    def is_current(self) -> bool:
        """Whether groups, frozen parameters and operations are still those that it was made for."""
        o, (groups, decay, weight_decay, value, norm, frozen) = self.optimizer, self._seen
        if (  # the quick way, for it is asked in every step
            o.groups is groups
            and not groups  # which may be changed in place
            and o.decay is decay
            and o.weight_decay is weight_decay
            and o.clip_value is value
            and o.clip_norm is norm
            and self.network.frozen == frozen
        ):
            return True
        return structure(self.network, o) == self.structure


def structure(network: Any, optimizer: Any) -> Any:
    """What decides which vectors there are, and which operations change them."""
    return optimizer.structure(), frozenset(network.frozen)


def _seen(network: Any, optimizer: Any) -> tuple[Any, ...]:
    """The very objects that `structure` looks at; they are exchanged, not changed."""
    o = optimizer
    return o.groups, o.decay, o.weight_decay, o.clip_value, o.clip_norm, frozenset(network.frozen)
