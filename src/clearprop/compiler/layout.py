"""Where a compiled step keeps what it changes: the parameters and the optimiser's state."""

from collections.abc import Callable, Iterable, Mapping
from threading import RLock
from typing import Any

import numpy as np

from clearprop.errors import ConfigError, DTypeError, UnsupportedError
from clearprop.graph.away import come_home, give_back, lend, may_lend
from clearprop.graph.parameters import (
    KINDS,
    array_at,
    overlapping,
    parameter_name,
    places_of,
    set_array,
)


class Layout:
    """One vector for the parameters of each group, and one for each of its states.

    The layers hold the pieces of the former, and the optimiser those of the latter, so that an
    update is a few operations on whole vectors and still everybody's.

    Errors: `DTypeError` for parameters of several dtypes; `UnsupportedError` for one that shares
    memory with another array of the network.
    """

    def __init__(self, network: Any, optimizer: Any) -> None:
        _check_apart(network)
        self.network = network
        self.optimizer = optimizer
        self.structure = structure(network, optimizer)
        self._frozen = frozenset(network.frozen)
        self._seen_at: int | None = None
        """The `changes` of the optimiser when its structure was last looked at."""
        self.groups = optimizer.partition(network.params)
        arrays = [np.asarray(network.params[n]) for g in self.groups for n in g.names]
        dtypes = {array.dtype.newbyteorder("=") for array in arrays}
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
        self._away: list[tuple[Any, dict[str, Any]]] = []
        """What lends its arrays meanwhile, and these."""
        self._fetching = RLock()
        self._originals: list[np.ndarray] = []
        self._look: Callable[[Any, str], Any] = getattr
        """How layers are asked for their arrays, in every step."""
        for group in self.groups:
            sizes = [int(np.size(network.params[name])) for name in group.names]
            kinds = ("", *optimizer.state)
            vectors = {kind: _aligned(sum(sizes), self.dtype) for kind in kinds}
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
                if isinstance(getattr(layer, "params", None), Mapping):
                    self._look = array_at

    def adopt(self) -> None:
        """See to it that layers and optimiser hold the pieces; take over what was assigned since.

        Errors: `ConfigError` for an array of another shape or dtype, or a parameter that was
        exchanged in one of its layers only; `UnsupportedError` for one that shares memory.
        """
        if self.lent is not None:
            if any(not vars(thing).keys().isdisjoint(lent) for thing, lent in self._away):
                self._adopt()  # what was assigned meanwhile
            else:
                return
        look = self._look
        for layer, attribute, piece in self.held:
            if look(layer, attribute) is not piece or not piece.flags.writeable:
                self._adopt()
                break
        arrays = self.optimizer.arrays
        for name, piece in self.pieces:
            if arrays.get(name) is not piece:
                piece[...] = arrays.get(name, 0)
                arrays[name] = piece

    def _adopt(self) -> None:
        self._come_home()  # also what another step of these layers keeps
        others = [held for held in self.held if array_at(*held[:2]) is not held[2]]
        self.network.params.check_shared()
        _check_apart(self.network)
        for other in others:
            self._take_over(*other)

    def _take_over(self, layer: Any, attribute: str, piece: np.ndarray) -> None:
        array = array_at(layer, attribute)
        dtype = np.asarray(array).dtype.newbyteorder("=")
        if np.shape(array) != piece.shape or dtype != piece.dtype:
            raise ConfigError(
                f"{type(layer).__name__}.{attribute} was {piece.dtype} {piece.shape} when "
                f"it was compiled and is {dtype} {np.shape(array)} now; "
                "compile the network again"
            )
        piece[...] = array
        set_array(layer, attribute, piece)

    def lends(self) -> bool:
        """Whether a program may keep elsewhere what it changes: whoever asks for it is met."""
        return all(may_lend(*lender) for lender in self._lenders())

    def _lenders(self) -> list[tuple[Any, list[str]]]:
        """What holds arrays, and the names of what is trained: layers, and the optimiser."""
        owners = [own for held in self.network.params.owners.values() for own in held]
        found: dict[int, tuple[Any, list[str]]] = {id(layer): (layer, []) for layer, _ in owners}
        for layer, name, _ in self.held:
            found[id(layer)][1].append(name)
        return [*found.values(), *([(self.optimizer, ["arrays"])] if self.pieces else [])]

    def lend(self, program: Any, arrays: Iterable[np.ndarray]) -> None:
        """Let a program keep these arrays elsewhere: the vectors, and others that it reads.

        Nothing can be written into the arrays then. Whoever asks a layer, the network or the
        optimiser for one has all fetched; a step lends them again.
        """
        self._come_home()
        pieces = (piece for *_, piece in (*self.held, *self.pieces))
        self._locked = [array for array in (*arrays, *pieces) if array.flags.writeable]
        for array in self._locked:
            array.flags.writeable = False
        self._away = [(thing, lend(thing, names, self.fetch)) for thing, names in self._lenders()]
        self.lent = program

    def _come_home(self) -> None:
        """Have brought back what any step keeps elsewhere of these layers."""
        for thing, _ in self._lenders():
            come_home(thing)

    def fetch(self) -> None:
        """Bring the arrays up to date that a program keeps elsewhere."""
        with self._fetching:
            if self.lent is not None:
                for array in self._locked:
                    array.flags.writeable = True
                self.lent.fetch()
                self.lent = None
                for thing, lent in self._away:
                    give_back(thing, lent)

    def release(self) -> None:
        """Give the layers their own arrays back, with what was learned in them."""
        self.fetch()
        for (layer, attribute, piece), original in zip(self.held, self._originals, strict=True):
            if array_at(layer, attribute) is piece and original.flags.writeable:
                original[...] = piece
                set_array(layer, attribute, original)

    def is_current(self) -> bool:
        """Whether groups, frozen parameters and operations are still those that it was made for."""
        if self.network.frozen != self._frozen:
            return False
        optimizer = self.optimizer
        grouped = optimizer.groups or any(group.patterns for group in self.groups)
        if optimizer.changes != self._seen_at or grouped:  # groups may change in place
            if structure(self.network, optimizer) != self.structure:
                return False
            self._seen_at = optimizer.changes
        return True


def _check_apart(network: Any) -> None:
    """Refuse a parameter that changes with another array, such as a view: copies would not."""
    kinds = [kind for kind in KINDS if kind != "noise"]
    found = [(paths[0], a) for kind in kinds for paths, a in places_of(network, kind).items()]
    arrays = {parameter_name(network, path): a for path, a in found}
    for pair in overlapping(arrays):
        if not network.params.keys().isdisjoint(pair):
            raise UnsupportedError(
                f"compile: {pair[0]} and {pair[1]} share memory, as a view does with its array, "
                "and a compiled step would part them; let both layers hold one and the same array "
                "(and transpose or cut it in forward), give one of them a copy, or train without "
                "compiling"
            )


def structure(network: Any, optimizer: Any) -> Any:
    """What decides which vectors there are, and which operations change them."""
    return optimizer.structure(), frozenset(network.frozen)


def _aligned(size: int, dtype: np.dtype[Any]) -> np.ndarray:
    """A vector that begins with a cache line, as the buffers of a program do: 1.3 × as quick."""
    nbytes = size * dtype.itemsize
    room = np.empty(nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + nbytes].view(dtype)
