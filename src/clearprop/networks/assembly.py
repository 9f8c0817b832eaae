"""Putting layers together: their names, their places, and who holds which parameter."""

import copy
import inspect
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from clearprop.errors import ConfigError

Owners = dict[str, tuple[tuple[Any, str], ...]]
"""Parameter name → the (layer, attribute) pairs that hold it."""


def named_layers(layers: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Name layers after their class and count them; pairs (name, layer) keep their name."""
    if not isinstance(layers, Iterable):
        raise ConfigError(f"a network is made of a list or mapping of layers, got {layers!r}")
    count: Counter[str] = Counter()
    for entry in layers:
        if isinstance(entry, tuple):
            if len(entry) != 2:
                raise ConfigError(f"a named layer is a pair (name, layer), got {entry!r}")
            yield entry
        else:
            kind = type(entry).__name__
            count[kind] += 1
            yield f"{kind}{count[kind]}", entry


def one_object_a_place(named: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Give a layer that stands at several places a shallow copy for each further one.

    What `forward` keeps then belongs to the place; the parameters stay shared.
    """
    names, placed = set(), set()
    for name, layer in named:
        if not isinstance(name, str):
            raise ConfigError(f"the name of a layer is text such as 'Affine1', got {name!r}")
        if name in names:
            raise ConfigError(f"two layers are named {name!r}; each layer needs a name of its own")
        check_layer(name, layer)
        yield name, copy.copy(layer) if id(layer) in placed else layer
        names.add(name)
        placed.add(id(layer))
    if not names:
        raise ConfigError("a network needs one layer at least, got none")


def check_layer(name: str, layer: Any, inputs: tuple[str, ...] = ("x",)) -> None:
    """Refuse by name what is not a layer.

    Errors: `ConfigError` for a class in place of a layer, for methods that are missing or do not
    take `inputs`, and for parameters that are not where `params` says, or that `params` is silent
    about.
    """
    kind = type(layer).__name__
    if isinstance(layer, type):
        raise ConfigError(
            f"layer {name!r} is the class {layer.__name__}, not a layer; call it: "
            f"{layer.__name__}(…)"
        )
    for method in ("forward", "backward"):
        if not callable(getattr(layer, method, None)):
            raise ConfigError(
                f"layer {name!r} is a {kind} without {method}(); "
                "a layer has forward(x) and backward(dout)"
            )
    try:
        inspect.signature(layer.forward).bind(*inputs)
    except TypeError:
        raise ConfigError(
            f"layer {name!r} is a {kind} whose forward does not take ({', '.join(inputs)}); in a "
            "network each layer takes x alone, and the loss layer, given as loss=…, takes x and t"
        ) from None
    _check_params(name, layer)


def _check_params(name: str, layer: Any) -> None:
    kind = type(layer).__name__
    params = getattr(layer, "params", None)
    if params is None:
        attributes = vars(layer) if hasattr(layer, "__dict__") else ()
        learned = tuple(a for a in attributes if f"d{a}" in attributes)
        if learned:
            raise ConfigError(
                f"layer {name!r} is a {kind} with {learned[0]} and d{learned[0]} but without "
                f"params; write params = {learned} in its class, or params = () if it "
                "learns nothing"
            )
        return
    for attribute in (params,) if isinstance(params, str) else params:
        if not hasattr(layer, attribute) or isinstance(params, str):
            raise ConfigError(
                f"layer {name!r} is a {kind} whose params is {params!r}; it must be a tuple of "
                "names of attributes that hold arrays, such as ('W', 'b')"
            )


def find_owners(places: Iterable[tuple[str, Any]]) -> Owners:
    """Find the parameters of all layers, named after their attribute and counted.

    Layers that hold the same array share one parameter.
    """
    count: Counter[str] = Counter()
    name_of: dict[int, str] = {}
    owners: Owners = {}
    for _, layer in places:
        for attribute in getattr(layer, "params", ()):
            array = getattr(layer, attribute)
            if not hasattr(array, "dtype"):
                raise ConfigError(
                    f"parameter {attribute} of {type(layer).__name__} is {array!r}; only an array "
                    "can be learned in place, use np.asarray"
                )
            if id(array) not in name_of:
                count[attribute] += 1
                name_of[id(array)] = f"{attribute}{count[attribute]}"
            name = name_of[id(array)]
            owners[name] = (*owners.get(name, ()), (layer, attribute))
    return owners
