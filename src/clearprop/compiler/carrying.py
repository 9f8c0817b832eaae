"""What the code between the layers carries on from pass to pass, and a program would lose.

A network's own `forward` and `loss`, or the `forward` of a layer that holds layers, may count its
steps, keep a running mean, or make something at its first pass. It is run twice, the second time
after a pass with other values: what is left must be the same.
"""

import copy
from typing import Any

import numpy as np

from clearprop.graph.passing import Pass, running
from clearprop.graph.randomness import generators_in, undrawn
from clearprop.networks.members import own_values


def carried_on(network: Any, x: Any, t: Any, *w: Any) -> str:
    """The attribute, if any, that depends on the pass before, such as `Annealed.steps`."""
    glue = network.glue()
    if not glue:
        return ""
    try:
        alone = _after(network, (x,), t, w)
        again = _after(network, (_varied(x), x), t, w)
        for layer in glue:
            own, other = own_values(alone[id(layer)]), own_values(again[id(layer)])
            for name in {**own, **other}:
                if name not in own or name not in other or not _same(own[name], other[name]):
                    return f"{type(layer).__name__}.{name}"
    except Exception:  # it comes again where the step is recorded, and is told from there
        pass
    return ""


def _after(network: Any, batches: tuple[Any, ...], t: Any, w: tuple[Any, ...]) -> dict[int, Any]:
    """Copies of the layers after these batches; each sees the same noise."""
    twin, copies = network.looking_copy("forward", batches[0])
    generators = generators_in(network.members.layers.values())
    for x in batches:
        rng = copy.deepcopy(network.rng)
        with undrawn(generators), running(Pass("forward", rng, plain=True)):
            twin.loss(x, t, *w)
    return copies


def _varied(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(map(_varied, x))
    return x * x.dtype.type(1 + 2**-7) if x.dtype.kind == "f" else x


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same, up to rounding."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray | np.generic | float):
        a, b = np.asarray(one), np.asarray(other)
        if a.dtype.kind != "f" or a.shape != b.shape:
            return np.array_equal(a, b)
        return bool(np.allclose(a, b, rtol=1e-5, equal_nan=True))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return _same(vars(one), vars(other)) if hasattr(one, "__dict__") else bool(one == other)
