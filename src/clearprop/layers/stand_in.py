"""A `backward` for layers that have none yet: it works until the author writes one.

Automatic differentiation of `forward`; where that cannot be recorded on a graph, because it writes
into arrays, central differences.
"""

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import numpy as np

from clearprop.errors import GraphError, ShapeError, UnsupportedError
from clearprop.graph.backward import derivatives, floating
from clearprop.graph.initialised import check_not_frozen
from clearprop.graph.layer_call import call
from clearprop.graph.node import Recorded, parts
from clearprop.graph.parameters import at_path, bind, places_of
from clearprop.graph.passing import Pass, current, run, running
from clearprop.graph.twins import twin
from clearprop.graph.variable import Variable
from clearprop.primitives.numerical import numerical_gradient

KEPT = "_given"
"""The attribute under which a layer without `backward` keeps the inputs of its last `forward`."""


def remembering(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Let a `forward` keep its inputs on the layer, for the stand-in to come back to."""

    @wraps(forward)
    def kept(self: Any, *inputs: Any, **flags: Any) -> Any:
        out = forward(self, *inputs, **flags)
        if not any(isinstance(x, Recorded) for x in inputs):
            try:
                setattr(self, KEPT, inputs)
            except AttributeError:
                check_not_frozen(self)
                raise
        return out

    return kept


def stand_in(layer: Any, dout: Any) -> Any:
    """Compute what `backward` should: the derivatives of the inputs, and `dW` for each `W`.

    Gives one derivative, or a tuple in the order of `forward`'s arguments without the constants;
    `None` for an input that is not made of floating-point numbers.

    Errors: `GraphError` before `forward`, `ShapeError` for a `dout` of another shape than the
    output.
    """
    inputs = getattr(layer, KEPT, None)
    if inputs is None:
        raise GraphError(f"{type(layer).__name__}: backward was called before forward")
    names = list(inspect.signature(layer.forward).parameters)
    places = [i for i in range(len(inputs)) if i >= len(names) or names[i] not in layer.constants]
    wanted = [i for i in places if type(x := inputs[i]) is int or np.asarray(x).dtype.kind == "f"]
    try:
        if hasattr(layer, "cannot_be_opened"):  # known from a node that has it
            raise UnsupportedError
        found = _automatic(layer, inputs, wanted, dout)
    except Exception:  # forward runs on arrays, but not on Variables: whatever the reason is
        found = _numerical(layer, inputs, wanted, dout)
    for paths in places_of(layer):
        for path in paths:
            setattr(at_path(layer, path[:-1]), f"d{path[-1]}", found[paths])
    answer = tuple(found.get(i) for i in places)
    return answer[0] if len(answer) == 1 else answer


def _automatic(layer: Any, inputs: Any, wanted: list[int], dout: Any) -> dict[Any, Any]:
    given = [Variable(x) if i in wanted else x for i, x in enumerate(inputs)]
    with running(Pass(current().formula, bound=True)):  # the noise of that forward
        out = call(layer, *given)
    outs = parts(out)
    douts = _like([v.data for v in outs], dout, type(layer).__name__)
    targets: dict[Any, Any] = {i: given[i] for i in wanted}
    own = places_of(layer)
    targets.update(zip(own, outs[0].node.inputs[len(inputs) : len(inputs) + len(own)], strict=True))
    found = derivatives(zip(outs, douts, strict=True), targets=targets.values())
    return {key: _or_zero(found.get(v), v.data) for key, v in targets.items()}


def _numerical(layer: Any, inputs: Any, wanted: list[int], dout: Any) -> dict[Any, Any]:
    outs = _run(twin(layer), inputs)
    douts = _like(outs, dout, type(layer).__name__)
    own = places_of(layer)

    def total(changed: Any, value: Any) -> float:
        copy = twin(layer)
        bind(copy, own, ({**own, changed: value}[places] for places in own))
        given = [value if i == changed else x for i, x in enumerate(inputs)]
        pairs = zip(_run(copy, given), douts, strict=True)
        return float(sum(np.sum(np.asarray(d) * part) for part, d in pairs))

    values = {**{i: inputs[i] for i in wanted}, **own}
    return {
        # A copy, for the array itself is changed step by step.
        key: _or_zero(numerical_gradient(partial(total, key), np.array(value)), value)
        for key, value in values.items()
    }


def _run(layer: Any, inputs: Any) -> list[Any]:
    """Run `forward` on copies, for it may write into what it is given."""
    copies = tuple(np.array(x)[()] if isinstance(x, np.ndarray) else x for x in inputs)
    with running(Pass(bound=True)):
        return list(parts(run(layer, "forward", copies)))


def _like(outs: list[Any], dout: Any, name: str) -> tuple[Any, ...]:
    """The derivatives from upstream, one for each output and of its shape."""
    douts = dout if isinstance(dout, tuple | list) and len(outs) > 1 else (dout,)
    shapes = [np.shape(d) for d in douts]
    if shapes != [np.shape(out) for out in outs]:
        due = ", ".join(str(np.shape(out)) for out in outs)
        raise ShapeError(
            f"{name}: dout has shape {', '.join(map(str, shapes))}, but it must have the shape "
            f"{due} of the output"
        )
    pairs = zip(douts, outs, strict=True)
    return tuple(np.asarray(d, floating(np.asarray(out)))[()] for d, out in pairs)


def _or_zero(dx: Any, x: Any) -> Any:
    dtype = floating(np.asarray(x))
    return np.zeros(np.shape(x), dtype)[()] if dx is None else np.asarray(dx, dtype)[()]
