"""What a network keeps about its layers: their names, and who holds which array."""

import dis
from collections import Counter
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from clearprop.errors import ConfigError
from clearprop.graph.initialised import check_initialised, check_not_frozen
from clearprop.graph.overriding import is_outdated
from clearprop.graph.parameters import (
    KINDS,
    Path,
    array_at,
    at_path,
    dotted,
    inner_layers,
    is_layer,
    layers_of,
    names_of,
)
from clearprop.layers import Layer
from clearprop.networks.parameters import Owners, Parameters


class Members:
    """The layers of a network to any depth, by name, and their arrays.

    Layers given as a list have their own names, `Affine1`; what is held by attributes, or further
    inside, has a dotted path, `block.fc`. Parameters of the former are counted, `W1`, `b1`, and
    those of the latter are called `block.fc.W`.
    """

    def __init__(self, network: Any) -> None:
        self.network = network
        self.layers: dict[str, Any] = {}
        """Name → layer; the network itself is the empty name."""
        self.names: dict[int, str] = {}
        self._named: dict[Path, str] = {}
        """What has been asked of `name_at`."""
        self.paths: dict[str, Path] = {}
        counted = {id(layer) for layer in (*network.layers.values(), *network.losses)}
        for path, layer in layers_of(network):
            name = _name(network, path)
            check_not_frozen(layer)
            check_methods(name, layer)
            check_params(name, layer)
            self.layers[name] = layer
            self.names[id(layer)] = name
            self.paths[name] = path
        self._is_chain = network.is_chain() and len(network.losses) <= 1
        self._direct = self._now()
        held = sum(1 for layer in self.layers.values() for _ in inner_layers(layer))
        self.repeated = held > len(self.layers) - 1
        """Whether a layer is held at several places, so that its runs need copies of it."""
        self.params = Parameters(self._owners("params", counted), network.frozen)
        self.states = Parameters(self._owners("state", set()))
        self.noisy = [n for n, layer in self.layers.items() if names_of(layer, "noise")]
        self.stateful = [
            (name, layer, attribute, kind == "carried")
            for name, layer in self.layers.items()
            for kind in ("state", "carried")
            for attribute in names_of(layer, kind)
        ]
        """All state: the name of its layer, the layer, its own name, whether it has rows."""

    def check(self) -> None:
        """Refuse a network whose layers were exchanged. Errors: `ConfigError`."""
        if self._now() != self._direct:
            raise ConfigError(
                "the layers of this network were exchanged after it was made, and its params would "
                "fall behind; make another one: Network(network.layers, network.lastLayer)"
            )
        self.params.check_shared()

    def name_at(self, path: Path) -> str:
        """The name of the parameter at a path."""
        found = self._named.get(path)
        if found is None:
            holder, attribute = at_path(self.network, path[:-1]), path[-1]
            names = (
                name
                for name, owners in self.params.owners.items()
                if any(held is holder and attribute == own for held, own in owners)
            )
            found = self._named[path] = next(names, dotted(path))
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy of a network, also one from a file, finds its own."""
        return type(None), ()

    def _now(self) -> list[int]:
        network = self.network
        if self._is_chain:  # the quick way, for it is asked in every step
            return [*map(id, network.layers.values()), id(network.lastLayer)]
        return [id(layer) for _, layer in inner_layers(network)]

    def _owners(self, kind: str, counted: set[int]) -> Owners:
        """Who holds each array of one kind; layers that hold the same array share one name."""
        count: Counter[str] = Counter()
        name_of: dict[int, str] = {}
        owners: Owners = {}
        for holder, layer in self.layers.items():
            for attribute in names_of(layer, kind):
                array = array_at(layer, attribute)
                if not hasattr(array, "dtype"):
                    if kind != "params":
                        continue  # not made yet
                    raise ConfigError(
                        f"parameter {attribute} of {type(layer).__name__} is {array!r}; only an "
                        "array can be learned in place, use np.asarray"
                    )
                if id(array) not in name_of:
                    if id(layer) in counted:
                        count[attribute] += 1
                        name = f"{attribute}{count[attribute]}"
                    else:
                        name = self._called((*self.paths[holder], attribute))
                    name_of[id(array)] = name
                owners.setdefault(name_of[id(array)], []).append((layer, attribute))
        return owners

    def _called(self, path: Path) -> str:
        """The name of an array by its path; a network on the way names its own."""
        for i in range(1, len(path)):
            held = at_path(self.network, path[:i])
            if hasattr(held, "name_at"):
                return dotted((_name(self.network, path[:i]), held.name_at(path[i:])))
        return dotted((*filter(None, [_name(self.network, path[:-1])]), path[-1]))


def _name(network: Any, path: Path) -> str:
    """A path as the name of a layer: the mapping `layers` of a network goes without saying."""
    steps, held = [], network
    for step in path:
        if not (step == "layers" and hasattr(held, "own_params")):
            steps.append(step)
        held = at_path(held, (step,))
    return dotted(tuple(steps))


def check_methods(name: str, layer: Any) -> None:
    """Refuse a layer that holds something else under the name of a formula. Errors: `ConfigError`.

    It would be called in place of the formula. Functions may be, and `None` is a missing one.
    """
    check_initialised(layer)
    held = getattr(layer, "__dict__", {})
    for method in ("forward", "backward", "infer", "draw", "next_state"):
        value = held.get(method)
        if value is None or is_function(value):
            continue
        unused = {"draw": ("noise",), "next_state": ("state", "carried")}.get(method, ())
        if not unused or isinstance(layer, Layer) or any(names_of(layer, k) for k in unused):
            raise taken(method, f"layer {name!r}, a {type(layer).__name__}", value)
    if is_outdated(layer, "infer"):
        kind = type(layer).__name__
        raise ConfigError(
            f"layer {name!r} is a {kind} that writes forward anew, and its infer, the formula at "
            "prediction, is that of a base class; write infer in the class, too (infer = "
            "Base.infer keeps it)"
        )


def is_function(value: Any) -> bool:
    """Whether a value may stand in place of a method: not a layer or a class, which can be called,
    too."""
    return callable(value) and not isinstance(value, type) and not is_layer(value)


def taken(name: str, of: str, value: Any, kind: str = "method") -> ConfigError:
    """The error for something that is held under a name that has a meaning already."""
    other = f"{name}_layer" if is_layer(value) else f"own_{name}"
    return ConfigError(
        f"{name!r} is a {kind} of {of}, and self.{name} would take its place; call "
        f"the {type(value).__name__} otherwise, for instance self.{other}"
    )


def check_params(name: str, layer: Any) -> None:
    """Refuse a layer that is silent or wrong about its parameters. Errors: `ConfigError`."""
    kind = type(layer).__name__
    params = layer.own_params if hasattr(layer, "own_params") else getattr(layer, "params", None)
    if params is None:
        silent = tuple(_float_arrays(layer))
        if silent:
            beside = f"d{silent[0]}"
            found = f"{silent[0]} and {beside}" if beside in vars(layer) else " and ".join(silent)
            raise ConfigError(
                f"layer {name!r} is a {kind} with {found} but without params; write params = "
                f"{silent} in its class, or params = () if it learns nothing"
            )
        return
    for role in ("params", "state", "carried", "fixed", "noise"):
        named = params if role == "params" else getattr(type(layer), role, ())
        for attribute in (named,) if isinstance(named, str) else names_of(layer, role):
            missing = role != "noise" and not hasattr(layer, attribute)
            if isinstance(named, str) or (missing and not isinstance(named, Mapping)):
                raise ConfigError(
                    f"layer {name!r} is a {kind} whose {role} is {named!r}; it must be a tuple of "
                    "names of attributes that hold arrays, such as ('W', 'b')"
                )


def _float_arrays(layer: Any) -> Iterator[str]:
    """The attributes of an object that hold float arrays and are not written by its `forward`.

    An attribute beside its derivative, `W` and `dW`, counts whatever it holds.
    """
    held = getattr(layer, "__dict__", {})
    known = _written(getattr(type(layer), "forward", None))
    known |= {name for kind in KINDS for name in names_of(layer, kind)}
    for name, value in held.items():
        if name in known or (name[:1] == "d" and name[1:] in held):
            continue
        if f"d{name}" in held or any(_is_float(array) for _, array in hanging(value)):
            yield name


def _written(forward: Any) -> set[str]:
    """The attributes that a `forward` assigns: what it keeps for `backward`."""
    if not hasattr(forward, "__code__"):
        return set()
    return {i.argval for i in dis.get_instructions(forward) if i.opname == "STORE_ATTR"}


def hanging(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The arrays in a value, its lists, mappings and plain objects; what layers hold is theirs."""
    stack, seen = [(path, value)], set()
    while stack:
        path, found = stack.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, np.ndarray):
            yield path, found
        elif isinstance(found, Mapping):
            stack += [((*path, key), entry) for key, entry in found.items()]
        elif isinstance(found, list | tuple):
            stack += [((*path, i), entry) for i, entry in enumerate(found)]
        elif hasattr(found, "__dict__") and not (is_layer(found) or callable(found)):
            stack += [((*path, key), entry) for key, entry in vars(found).items()]


def _is_float(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" and array.size > 0


def own_values(layer: Any) -> dict[str, Any]:
    """What a layer holds beside layers, and arrays that others look after: plain values, lists."""
    kinds = ("params", "state", "carried")
    known = {n for kind in kinds for n in names_of(layer, kind)}
    if isinstance(layer, Layer):
        known |= _OURS if hasattr(layer, "own_params") else {"_given"}
    return {
        name: value
        for name, value in getattr(layer, "__dict__", {}).items()
        if name not in known
        if not inner_layers(SimpleNamespace(v=value)) and getattr(value, "__self__", 0) is not layer
    }


def undeclared(layer: Any) -> Iterator[tuple[Path, np.ndarray]]:
    """The float arrays that hang on a layer and that none of its tuples names."""
    named = (name for kind in KINDS for name in names_of(layer, kind))
    declared = {name for name in named if isinstance(name, str)}  # elsewhere, perhaps the arrays
    declared |= {f"d{name}" for name in declared} | {"_given", "_members", "params"}
    for name, value in getattr(layer, "__dict__", {}).items():
        if name not in declared and not (isinstance(layer, Layer) and name in _BOOK):
            yield from ((p, a) for p, a in hanging(value, (name,)) if _is_float(a))


_BOOK = ("layers", "lastLayer", "rng", "_audited", "_learning")
_OURS = {*_BOOK, "frozen", "_given", "_members", "_writes"}
