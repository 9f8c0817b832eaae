"""The short way through a chain: layers that only follow one another need no nodes of their own.

What a chain does in between is known: nothing. So it runs on arrays, each layer on its copy, and
back through the same layers. Whatever does not fit is left to the usual way, by a node for each
layer, which says what is wrong and where.
"""

from typing import Any

import numpy as np

from clearprop.graph.backward import cast
from clearprop.graph.parameters import bind, has_backward
from clearprop.graph.passing import Pass, run, running
from clearprop.graph.returned import by_parameter, checked
from clearprop.graph.twins import twins


def is_straight(layer: Any) -> bool:
    """Whether a layer is a chain of different layers, each with a `backward` of its own."""
    row = getattr(layer, "in_a_row", tuple)()
    return bool(row) and all(map(has_backward, row))


def there(operation: Any, values: tuple[Any, ...], passing: Pass) -> Any:
    """Run the chain of an operation on arrays; gives its output, `None` if it does not fit."""
    operation.inner, operation.calls = None, []
    if type(values[0]) is not np.ndarray or operation.n_inputs != 1:
        return None
    layer, calls = operation.layer, []
    inside = Pass(operation.mode, outer=passing, plain=True, calls=calls)
    bind(layer, operation.places, values[1:])
    try:
        with running(inside):
            out = run(layer, "forward", values[:1])
    except Exception:
        return None
    if len(calls) != len(layer.in_a_row()) or not all(type(o) is np.ndarray for *_, o in calls):
        return None
    operation.calls, operation.drawn = calls, inside.drawn
    return out


def back(operation: Any, wanted: tuple[int, ...], dout: Any, values: tuple[Any, ...]) -> Any:
    """The derivatives by the wanted inputs, through the layers that ran; `None` if one is odd."""
    _, copies = twins([layer for layer, *_ in operation.calls], views=True)
    try:
        for layer, _, out in reversed(operation.calls):
            dout = cast(checked(operation, dout, out, 0), out)
            # A copy, since the derivative may have gone to other nodes too, or be kept.
            dout = copies[id(layer)].backward(np.array(dout)[()])
        return [
            checked(operation, dout, values[0], 0)
            if i == 0
            else by_parameter(operation, operation.layer, i, values, copies)
            for i in wanted
        ]
    except Exception:
        return None
