"""What people do to a network and its optimiser between two steps."""

from typing import Any

import numpy as np

from clearprop.graph.parameters import layers_of, names_of


def settings(net: Any, opt: Any, rng: Any) -> None:
    """Change what layers read as plain numbers, whole numbers and lists."""
    for _, layer in layers_of(net):
        for name in ("slope", "temperature", "ratio", "momentum"):
            if hasattr(layer, name):
                setattr(layer, name, getattr(layer, name) * 0.9)
        if hasattr(layer, "scales"):
            layer.scales[0] *= 1.1
            layer.which = 1 - layer.which


def assigned(net: Any, opt: Any, rng: Any) -> None:
    """Another array for a parameter."""
    name = str(rng.choice([*net.params]))
    net.params[name] = net.params[name] * 0.9


def in_place(net: Any, opt: Any, rng: Any) -> None:
    """Other numbers in the array of a parameter."""
    net.params[str(rng.choice([*net.params]))] *= 1.1


def frozen(net: Any, opt: Any, rng: Any) -> None:
    """Freeze a parameter more, or thaw all."""
    if net.frozen:
        net.unfreeze()
    elif len(net.params) > 2:
        net.freeze([*net.params][1])


def reset(net: Any, opt: Any, rng: Any) -> None:
    """Let what is carried start at zero."""
    net.reset()


def state(net: Any, opt: Any, rng: Any) -> None:
    """Other arrays for the state of the layers."""
    for _, layer in layers_of(net):
        for name in (*names_of(layer, "state"), *names_of(layer, "carried")):
            value = getattr(layer, name)
            if value is not None:
                setattr(layer, name, value * 0.5)


def state_in_place(net: Any, opt: Any, rng: Any) -> None:
    """Other numbers in the state of the layers."""
    for _, layer in layers_of(net):
        for name in names_of(layer, "state"):
            value = getattr(layer, name)
            if isinstance(value, np.ndarray):
                value *= 0.5


def slower(net: Any, opt: Any, rng: Any) -> None:
    """Another learning rate."""
    opt.lr = 0.01


def clipped(net: Any, opt: Any, rng: Any) -> None:
    """Another limit of the derivatives."""
    opt.clip_norm = 0.5


def reseeded(net: Any, opt: Any, rng: Any) -> None:
    """Another generator."""
    net.rng = np.random.default_rng(12)


EVENTS = (
    *(settings, assigned, in_place, frozen, reset, state, state_in_place, slower, clipped),
    reseeded,
)
