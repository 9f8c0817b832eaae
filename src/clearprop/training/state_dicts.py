"""Weights by PyTorch's conventions: the arrays of a `state_dict`, under a network's own names.

A module of PyTorch is matched with a layer by what it holds: `torch.nn.Linear` with `Affine`,
`Conv2d` with `Convolution`, and so on. What is laid out otherwise there is turned by the kind of
the layer, never by its shape, which would fit both ways for a square matrix.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.errors import ConfigError, DTypeError, ShapeError
from clearprop.graph.parameters import array_at, at_path, names_of
from clearprop.layers import (
    Affine,
    BatchNormalization,
    Convolution,
    Embedding,
    TransposedConvolution,
)
from clearprop.networks import Network

CONVENTIONS: dict[type, dict[str, str]] = {
    Affine: {"W": "weight", "b": "bias"},
    Convolution: {"W": "weight", "b": "bias"},
    TransposedConvolution: {"W": "weight", "b": "bias"},
    Embedding: {"W": "weight"},
    BatchNormalization: {
        "gamma": "weight",
        "beta": "bias",
        "running_mean": "running_mean",
        "running_var": "running_var",
    },
}
"""What PyTorch calls the arrays of each kind of layer."""
TURNED = (Affine,)
"""The kinds whose matrix PyTorch keeps as (outputs, inputs)."""
COUNT = "num_batches_tracked"
"""What PyTorch's batch normalisation counts besides."""


class Slot(NamedTuple):
    """One array of a layer, and what PyTorch would call it within its module."""

    name: str
    """Its name in weights files of ours, such as `W1`."""
    suffix: str
    array: np.ndarray
    turned: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that it has in PyTorch."""
        return np.shape(self.array)[::-1] if self.turned else np.shape(self.array)


def slots(network: Network) -> dict[str, list[Slot]]:
    """The arrays of each layer that has any, by the layer's name."""
    named = {
        (id(layer), attribute): name
        for name, owners in network.params.owners.items()
        for layer, attribute in owners
    }
    found: dict[str, list[Slot]] = {}
    for name, layer in network.members.layers.items():
        kind = next((k for k in CONVENTIONS if isinstance(layer, k)), None)
        for attribute in (*names_of(layer, "params"), *names_of(layer, "state")):
            array = array_at(layer, attribute)
            if array is None:
                continue
            suffix = CONVENTIONS[kind].get(attribute, attribute) if kind else attribute
            own = named.get((id(layer), attribute)) or _dotted(name, attribute)
            turned = kind in TURNED and attribute == "W"
            found.setdefault(name, []).append(Slot(own, suffix, array, turned))
    return found


def arranged(
    file: str,
    arrays: Mapping[str, np.ndarray],
    network: Network,
    names: Mapping[str, str] | None = None,
) -> dict[str, np.ndarray]:
    """The arrays of a `state_dict` under the network's names, as its layers lay them out.

    A layer takes the module of its own name, if all have one, or of that which `state_dict` would
    give it; otherwise modules and layers are matched by what they hold and by shape, those that
    are alike in the order of the numbers in the modules' names. `names` says which module goes with
    a layer (`{"Affine1": "encoder.fc"}`), or which array with a parameter
    (`{"W1": "encoder.weight"}`). Arrays are cast to the dtype of the network.

    Errors: `ShapeError` shows what was tried, where nothing fits or several things do;
    `ConfigError` for names that are not there, `DTypeError` for numbers that do not fit the dtype.
    """
    wanted, modules = slots(network), _modules(arrays)
    found, left = _as_named(file, arrays, wanted, modules, dict(names or {}))
    places = _places(network)
    fitting = (
        pairs
        for pairs in ({n: n for n in left}, {n: places[n] for n in left})
        if all(m in modules and _fits(left[n], modules[m]) for n, m in pairs.items())
    )
    pairs = next(fitting, None) or _matched(file, left, modules)
    for name, module in pairs.items():
        for slot in left[name]:
            _give(found, slot, modules[module][slot.suffix], f"{module}.{slot.suffix}")
    over = sorted(modules.keys() - pairs.values())
    if over:
        raise ShapeError(
            f"{file} holds more than the network has: {_listed(modules, over)} is left over. "
            f"{_tried(pairs)}Say with names= what goes where"
        )
    return found


def state_dict(network: Network, names: Mapping[str, str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of a network as `torch.nn.Module.load_state_dict` takes them.

    The modules are called by their paths, on which the layers of a chain have their places for
    names, as in `torch.nn.Sequential`. `names` gives others, as it does where such a file is read:
    to a layer's module, `{"Affine1": "encoder.fc"}`, or to an array, `{"ln.g": "ln.weight"}`.

    Errors: `ConfigError` for a layer that is not there, for one of a kind without a convention
    whose arrays have no names, or for two arrays of one name.

    >>> from clearprop.networks import TwoLayerNet
    >>> {name: a.shape for name, a in state_dict(TwoLayerNet(4, 3, 2)).items()}
    {'0.weight': (3, 4), '0.bias': (3,), '2.weight': (2, 3), '2.bias': (2,)}
    """
    wanted, places, names = slots(network), _places(network), dict(names or {})
    own = [slot.name for held in wanted.values() for slot in held]
    if unknown := names.keys() - {*wanted, *own}:
        raise ConfigError(_no_layer(unknown, dict.fromkeys((*wanted, *own))))
    found: dict[str, np.ndarray] = {}
    sources: dict[str, tuple[str, Slot]] = {}
    for name, held in wanted.items():
        layer, there = network.members.layers[name], ""
        is_known = name in names or isinstance(layer, tuple(CONVENTIONS))
        for slot in held:
            if not is_known and slot.name not in names:
                raise ConfigError(
                    f"{name or 'the network itself'} is a {type(layer).__name__}, of which PyTorch "
                    f"knows nothing; say with names={{{slot.name!r}: ...}} what its arrays are "
                    "called there. Names are known for "
                    + ", ".join(kind.__name__ for kind in CONVENTIONS)
                )
            there = names.get(slot.name) or _dotted(names.get(name, places[name]), slot.suffix)
            other, first = sources.setdefault(there, (name, slot))
            if (first.name, first.turned) != (slot.name, slot.turned):
                raise ConfigError(
                    f"{other} and {name} would both be {there}, and one of them would be lost; "
                    f"say with names= what to call one of them: names={{{name!r}: ...}}"
                )
            array = np.asarray(slot.array)
            found[there] = np.ascontiguousarray(array.T if slot.turned else array)
        if isinstance(layer, BatchNormalization):
            found[_dotted(there.rpartition(".")[0], COUNT)] = np.array(0)
    return found


def _dotted(*steps: str) -> str:
    return ".".join(filter(None, steps))


def _places(network: Network) -> dict[str, str]:
    """What PyTorch would call the module of each layer: in a chain its place, as in Sequential."""
    called: dict[str, str] = {}
    held: Any
    for name, path in network.members.paths.items():
        steps, held, in_chain = [], network, False
        for step in path:
            if step == "layers" and isinstance(held, Network):
                in_chain, held = held.is_chain(), held.layers
                continue
            steps.append(str([*held].index(step)) if in_chain else str(step))
            in_chain, held = False, at_path(held, (step,))
        called[name] = ".".join(steps)
    return called


Module = dict[str, np.ndarray]


def _modules(arrays: Mapping[str, np.ndarray]) -> dict[str, Module]:
    """The arrays by their modules, which stand in the order of the numbers in their names."""
    found: dict[str, Module] = {}
    for name in sorted(arrays, key=_in_order):
        module, _, suffix = name.rpartition(".")
        if suffix != COUNT:
            found.setdefault(module, {})[suffix] = arrays[name]
    return found


def _in_order(name: str) -> list[Any]:
    return [int(p) if p.isdecimal() else p for p in re.split(r"(\d+)", name)]


def _as_named(
    file: str,
    arrays: Mapping[str, np.ndarray],
    wanted: dict[str, list[Slot]],
    modules: dict[str, Module],
    names: dict[str, str],
) -> tuple[dict[str, np.ndarray], dict[str, list[Slot]]]:
    """What `names` says, taken out of `modules`; and the layers that are left."""
    found: dict[str, np.ndarray] = {}
    own = {slot.name: slot for held in wanted.values() for slot in held}
    for name, there in names.items():
        if name in wanted:
            if there not in modules:
                raise ConfigError(f"{file} has no module {there!r}; it has {_listed(modules)}")
            if not _fits(wanted[name], modules[there]):
                raise ShapeError(
                    f"{there} in {file} does not fit {name}: it holds {_held(modules[there])}, and "
                    f"{name} needs {_needed(wanted[name])}"
                )
            for slot in wanted[name]:
                _give(found, slot, modules[there][slot.suffix], f"{there}.{slot.suffix}")
            del modules[there]
        elif name in own:
            if there not in arrays:
                raise ConfigError(
                    f"{file} has no array {there!r}; it has {', '.join(sorted(arrays))}"
                )
            if np.shape(arrays[there]) != own[name].shape:
                raise ShapeError(
                    f"{there} {np.shape(arrays[there])} in {file} does not fit {name}, which needs "
                    f"{own[name].shape} there"
                )
            _give(found, own[name], arrays[there], there)
            module, _, suffix = there.rpartition(".")
            modules.get(module, {}).pop(suffix, None)
            if not modules.get(module):
                modules.pop(module, None)
        else:
            raise ConfigError(_no_layer({name}, [*wanted, *own]))
    left = {n: [s for s in held if s.name not in found] for n, held in wanted.items()}
    return found, {n: held for n, held in left.items() if held}


def _matched(file: str, left: dict[str, list[Slot]], modules: dict[str, Module]) -> dict[str, str]:
    """Which module goes with each layer, by what it holds, shapes, and order."""
    groups: dict[frozenset[Any], list[str]] = {}
    for name, held in left.items():
        groups.setdefault(frozenset((s.suffix, s.shape) for s in held), []).append(name)
    pairs: dict[str, str] = {}
    for kinds, layers in groups.items():
        fitting = [m for m, module in modules.items() if _kinds(module) == kinds]
        if len(fitting) != len(layers):
            needed = _needed(left[layers[0]])
            several = f"need {len(layers)} modules with {needed}"
            raise ShapeError(
                f"{file} does not fit the network: {' and '.join(layers)} "
                f"{f'needs a module with {needed}' if len(layers) == 1 else several}, and it has "
                f"{', '.join(fitting) or 'none'}. {_tried(pairs)}It holds {_listed(modules)}; "
                "say with names= what goes where"
            )
        if len(fitting) > 1 and len({re.sub(r"\d+", "#", m) for m in fitting}) > 1:
            raise ShapeError(
                f"{file} can be read in several ways: {', '.join(fitting)} fit "
                f"{', '.join(layers)} alike, and their names tell no order. "
                f"{_tried({**pairs, **dict(zip(layers, fitting, strict=True))})}Say with "
                f"names={{{layers[0]!r}: {fitting[0]!r}, …}} what goes where"
            )
        pairs.update(zip(layers, fitting, strict=True))
    return pairs


def _kinds(module: Module) -> frozenset[Any]:
    return frozenset((suffix, np.shape(array)) for suffix, array in module.items())


def _fits(held: list[Slot], module: Module) -> bool:
    return _kinds(module) == frozenset((slot.suffix, slot.shape) for slot in held)


def _give(found: dict[str, np.ndarray], slot: Slot, array: np.ndarray, there: str) -> None:
    """Put an array under the name that it has here."""
    array = np.asarray(array)
    dtype = np.asarray(slot.array).dtype
    with np.errstate(over="ignore"):
        cast = np.ascontiguousarray((array.T if slot.turned else array).astype(dtype))
    if np.isfinite(array).all() and not np.isfinite(cast).all():
        raise DTypeError(
            f"{there} has numbers of {array.dtype} that {dtype} does not hold; use "
            f"network.astype(np.{array.dtype})"
        )
    if slot.name in found and not np.array_equal(found[slot.name], cast):
        raise ShapeError(
            f"{slot.name} is shared by several layers, and {there} holds another array than the "
            "one before it"
        )
    found[slot.name] = cast


def _needed(held: list[Slot]) -> str:
    return ", ".join(f"{slot.suffix} {slot.shape}" for slot in held)


def _held(module: Module) -> str:
    return ", ".join(f"{suffix} {np.shape(array)}" for suffix, array in module.items())


def _listed(modules: dict[str, Module], names: Any = None) -> str:
    chosen: Iterator[str] = iter(modules if names is None else names)
    return (
        "; ".join(f"{name or 'no module'}: {_held(modules[name])}" for name in chosen) or "nothing"
    )


def _tried(pairs: Mapping[str, str]) -> str:
    found = ", ".join(f"{layer} ← {module}" for layer, module in pairs.items())
    return f"Tried: {found}. " if found else ""


def _no_layer(unknown: Any, known: Any) -> str:
    return f"the network has no {', '.join(sorted(unknown))}; it has {', '.join(known)}"
