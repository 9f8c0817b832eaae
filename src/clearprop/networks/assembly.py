"""Putting layers together: their names and their places."""

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from clearprop.errors import ClearpropError, ConfigError
from clearprop.graph.parameters import arrays_of
from clearprop.graph.twins import twin


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


def one_object_a_place(
    named: Iterable[tuple[str, Any]], chain: bool = True
) -> Iterator[tuple[str, Any]]:
    """Give a layer at several places a copy for each, to keep its own; parameters are shared."""
    names, placed = set(), set()
    for name, layer in named:
        if not isinstance(name, str):
            raise ConfigError(f"the name of a layer is text such as 'Affine1', got {name!r}")
        if name in names:
            raise ConfigError(f"two layers are named {name!r}; each layer needs a name of its own")
        check_layer(name, layer, ("x",) if chain else None)
        yield name, twin(layer, arrays_of(layer)) if id(layer) in placed else layer
        names.add(name)
        placed.add(id(layer))
    if not names:
        raise ConfigError(
            "a network needs one layer at least, got none; give a list of layers, or write def "
            "forward(self, x), which predict runs, also where loss is one's own"
        )


def check_layer(name: str, layer: Any, inputs: tuple[str, ...] | None = ("x",)) -> None:
    """Refuse what is no layer, or does not take `inputs` (`None`: any). Errors: `ConfigError`."""
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
    if inputs is None:
        return
    try:
        inspect.signature(layer.forward).bind(*inputs)
    except TypeError:
        raise ConfigError(
            f"layer {name!r} is a {kind} whose forward does not take ({', '.join(inputs)}); in a "
            "network each layer takes x alone, and the loss layer, given as loss=…, takes x and t"
        ) from None


def name_layer(error: Exception, name: str) -> None:
    """Let an error say in which layer of a network it arose.

    >>> error = ConfigError("Affine: x (2, 3) does not fit")
    >>> name_layer(error, "Affine2")
    >>> print(error)
    Affine2: x (2, 3) does not fit
    """
    if not isinstance(error, ClearpropError):
        error.add_note(f"in layer {name}")
    elif len(error.args) == 1 and name not in str(error):
        kind, colon, rest = str(error).partition(": ")
        error.args = (f"{name}: {rest if colon and name.startswith(kind) else error}",)
