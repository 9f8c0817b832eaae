"""Simplification: what is computed twice is computed once."""

from typing import Any

import numpy as np

from clearprop.compiler.as_written import AsWrittenBackward, AsWrittenForward
from clearprop.compiler.rewriting import is_recorded, kept, rebuild
from clearprop.compiler.tracing import Trace
from clearprop.graph.backward import reach
from clearprop.graph.node import Node


def common_subexpressions(trace: Trace) -> Trace:
    """Compute each value once.

    Before: `exp(x) / Σ exp(x)`, the exponential taken twice. After: `e = exp(x)`, `e / Σ e`.
    """
    _, made = reach(trace.outputs)
    seen: dict[Any, Any] = {}

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        if isinstance(node.operation, AsWrittenForward | AsWrittenBackward):
            return None  # runs code of the user's, which may do more than compute
        key = (node.operation, _names(inputs), _names(tuple(sorted(node.params.items()))))
        if key not in seen:
            seen[key] = kept(node, inputs, made[node])
        return seen[key]

    return rebuild(trace, rule)


def _names(x: Any) -> Any:
    """Something hashable that is equal exactly for equal arguments."""
    if isinstance(x, tuple | list):
        return (type(x).__name__, *map(_names, x))
    if is_recorded(x):
        return ("variable", id(x))
    if isinstance(x, np.ndarray):
        return ("array", x.dtype.str, x.shape, x.tobytes())
    if isinstance(x, slice):
        return ("slice", x.start, x.stop, x.step)
    return (type(x).__name__, repr(x))
