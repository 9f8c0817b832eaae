"""The plain numbers of what has code between its layers, as arguments of a program.

The numbers of a layer that is recorded alone are tried where it runs. Those of a network, and of a
layer that holds layers, are read by code that stands between other layers: they are tried with the
whole recording.
"""

from collections.abc import Callable, Sequence
from typing import Any

from clearprop.graph.parameters import has_backward, inner_layers

Held = tuple[Any, str]
"""A layer, and the name of an attribute of it."""


def numbers_between(network: Any, formula: str) -> list[Held]:
    """The plain numbers of the network and of the layers that are run through."""
    layers = [
        layer
        for name, layer in network.members.layers.items()
        if not name or (inner_layers(layer) and (formula == "infer" or not has_backward(layer)))
    ]
    return [
        (layer, name)
        for layer in layers
        for name, value in getattr(layer, "__dict__", {}).items()
        if type(value) is float
    ]


def with_numbers(
    numbers: Sequence[Held], needed: set[tuple[int, str]], record: Callable[[Sequence[Held]], Any]
) -> Any:
    """Record with these numbers as arguments, but for those that are needed as plain ones, as in
    `if self.beta > 0`: such a number selects a program. They are noted in `needed`.

    Errors: those of `record` without any.
    """
    numbers = [(layer, name) for layer, name in numbers if (id(layer), name) not in needed]
    if not numbers:
        return record(())
    try:
        return record(numbers)
    except Exception:
        plain = record(())  # if it is not because of them, it is said here
    good = [held for held in numbers if len(numbers) > 1 and _records(record, [held])]
    if not _records(record, good):
        good = []
    needed.update((id(layer), name) for layer, name in numbers if (layer, name) not in good)
    return record(good) if good else plain


def _records(record: Callable[[Sequence[Held]], Any], numbers: Sequence[Held]) -> bool:
    try:
        record(numbers)
    except Exception:
        return False
    return True
