"""Simplification: operations that change nothing are left out."""

from typing import Any

import numpy as np

from clearprop.compiler.rewriting import (
    fact,
    function_of,
    is_constant,
    is_recorded,
    maker,
    rebuild,
)
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node


def without_identities(trace: Trace) -> Trace:
    """Leave out what gives back its input.

    Before: `reshape(x, shape of x)`, `x · 1`, `x + 0`, `(xᵀ)ᵀ`, `astype` to the same dtype.
    After: `x`.
    """

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        x = inputs[0]
        if not is_recorded(x) or isinstance(node.out, tuple):
            return _other_way_round(node, inputs)
        same = x.data.shape == node.out.shape and x.data.dtype == node.out.dtype
        function = function_of(node)
        if same and fact(node, "keeps"):
            return x
        if function in (np.multiply, np.divide) and same and is_constant(inputs[1], 1):
            return x
        if function in (np.add, np.subtract) and same and is_constant(inputs[1], 0):
            return x
        before = maker(x, np.transpose)
        if function is np.transpose and before and not node.params and not before.params:
            return before.inputs[0]
        return _other_way_round(node, inputs)

    return rebuild(trace, rule)


def _other_way_round(node: Node, inputs: tuple[Any, ...]) -> Any:
    """`1 · x` and `0 + x`, where the number stands first."""
    function = function_of(node)
    neutral = {np.multiply: 1, np.add: 0}.get(function)  # type: ignore[call-overload]
    if neutral is None or not is_constant(inputs[0], neutral):
        return None
    x = inputs[1]
    same = x.data.shape == node.out.shape and x.data.dtype == node.out.dtype
    return x if same else None
