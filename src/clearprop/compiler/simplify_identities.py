"""Simplification: operations that change nothing are left out."""

from typing import Any

import numpy as np

from clearprop.compiler.rewriting import fact, function_of, is_constant, is_recorded, maker, rebuild
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node


def without_identities(trace: Trace) -> Trace:
    """Leave out what gives back its input.

    Before: `reshape(x, shape of x)`, `x · 1`, `x + 0`, `(xᵀ)ᵀ`, `astype` to the same dtype.
    After: `x`.
    """

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        function, x = function_of(node), inputs[0]
        if fact(node, "keeps") and _is_like(x, node):
            return x
        if function in _NEUTRAL:
            y, neutral = inputs[1], _NEUTRAL[function]
            if is_constant(y, neutral) and _is_like(x, node):
                return x
            turned = function in (np.multiply, np.add) and is_constant(x, neutral)
            return y if turned and _is_like(y, node) else None
        before = maker(x, np.transpose)
        if function is np.transpose and before and not node.params and not before.params:
            return before.inputs[0]
        return None

    return rebuild(trace, rule)


_NEUTRAL = {np.multiply: 1, np.divide: 1, np.add: 0, np.subtract: 0}
"""The second operand that changes nothing."""


def _is_like(x: Any, node: Node) -> bool:
    """Whether a value has the shape and dtype of what a node gives."""
    if not is_recorded(x) or isinstance(node.out, tuple):
        return False
    return x.data.shape == node.out.shape and x.data.dtype == node.out.dtype
