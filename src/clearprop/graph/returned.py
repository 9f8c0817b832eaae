"""What a layer's own `backward` gives: a derivative that fits each input and each parameter."""

from typing import Any

import numpy as np

from clearprop.errors import ClearpropError, ShapeError, UnsupportedError
from clearprop.graph.node import Recorded, parts
from clearprop.graph.parameters import Path, at_path, dotted


def by_input(
    operation: Any, found: Any, values: tuple[Any, ...], wanted: tuple[int, ...]
) -> dict[int, Any]:
    """What `backward` returned, by the number of the input; `operation` is that of the layer."""
    given, fixed = parts(found), getattr(operation.layer, "constants", ())
    places = [*range(operation.n_inputs)]
    if fixed:
        places = [i for i in places if operation.inputs[i] not in fixed]
    if not places and all(d is None for d in given):
        return {}
    if given and all(i in places[: len(given)] for i in wanted if i < operation.n_inputs):
        # Of what nobody asks for, such as labels, it may be silent.
        places = places[: len(given)]
    if len(given) != len(places):
        raise ShapeError(
            f"{operation.name}.backward returned {len(given)} derivatives for {len(places)} "
            "inputs; return one for each argument of forward, in order, and name arguments that "
            f'have none, such as labels, in constants = ("{operation.inputs[-1]}",)'
        )
    return {
        i: checked(operation, d, values[i], i)
        for i, d in zip(places, given, strict=True)
        if d is not None or i in wanted
    }


def by_parameter(
    operation: Any,
    layer: Any,
    i: int,
    values: tuple[Any, ...],
    copies: dict[int, Any] | None = None,
) -> Any:
    """The derivative that `backward` set, summed over the layers that share the parameter.

    `copies` has what ran in place of the layers inside, by their ids.
    """
    terms = []
    for path in operation.places[i - operation.n_inputs]:
        held = at_path(layer, path[:-1])
        held = held if copies is None else copies[id(held)]
        d = getattr(held, f"d{path[-1]}", None)
        terms.append(checked(operation, d, values[i], path))
    return sum(terms[1:], start=terms[0]) if len(terms) > 1 else terms[0]


def checked(operation: Any, d: Any, value: Any, place: int | Path) -> Any:
    """A derivative that `backward` gave for an input, or set for the parameter at a path."""
    if d is None or np.shape(d) != np.shape(value):
        raise _unfit(operation, d, value, place)
    if isinstance(d, Recorded):
        return d
    d = np.array(d) if isinstance(d, np.ndarray) and not d.flags.writeable else np.asarray(d)
    d = d[()]
    if d.dtype.kind not in "fiub":
        raise _unfit(operation, d, value, place)
    return d


def _unfit(operation: Any, d: Any, value: Any, place: int | Path) -> ClearpropError:
    """The error for a derivative that is missing, or does not fit what it belongs to."""
    name = operation.inputs[place] if isinstance(place, int) else dotted(place)
    if d is None:
        within = () if isinstance(place, int) else place[:-1]
        attribute = dotted((*within, f"d{name.rpartition('.')[2]}"))
        return UnsupportedError(
            f"{operation.name}.backward gives no derivative by {name}; return it, "
            f"or set self.{attribute} if {name} is a parameter"
        )
    if np.shape(d) != np.shape(value):
        return ShapeError(
            f"{operation.name}.backward: the derivative by {name} has shape {np.shape(d)}, "
            f"but {name} has shape {np.shape(value)}; they must be the same"
        )
    return UnsupportedError(
        f"{operation.name}.backward: the derivative by {name} has dtype {np.asarray(d).dtype}; "
        "it must be real numbers"
    )
