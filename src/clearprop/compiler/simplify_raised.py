"""Simplification: scalars rise from a large operand of a product."""

from typing import Any

import numpy as np

from clearprop.compiler.rewriting import fact, function_of, is_number, is_recorded, maker, rebuild
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node
from clearprop.graph.recording import record


def raised_scalars(trace: Trace) -> Trace:
    """Take a scalar out of the large operand of a matrix product.

    Before: `(x / 255) W`, a multiplication of every pixel. After: `(x W) / 255`, of 50 numbers a
    sample; and `(x / 255)ᵀ dout` becomes `xᵀ (dout / 255)`.
    """

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        if function_of(node) is not np.matmul or node.params:
            return None
        a, b = inputs
        out = np.size(node.out)
        for large, other, product in ((a, b, np.matmul), (b, a, lambda x, y: y @ x)):
            found = _without_scalar(large)
            if found is None or min(np.size(other), out) >= np.size(large):
                continue
            s, rest = found
            if np.size(other) <= out:
                return product(rest, s * other)
            return s * product(rest, other)
        return None

    return rebuild(trace, rule)


def _without_scalar(x: Any) -> tuple[Any, Any] | None:
    """Split `s · a`, or a view of it, into the scalar and the same view of `a`."""
    node = maker(x, np.multiply)
    if node:
        s, a = node.inputs if is_number(node.inputs[0]) else node.inputs[::-1]
        if is_number(s) and is_recorded(a) and a.data.dtype == x.data.dtype:
            return s, a
    view = x.node if is_recorded(x) and x.index is None else None
    if view is not None and fact(view, "view"):
        found = _without_scalar(view.inputs[0])
        if found is not None:
            return found[0], record(view.operation, (found[1], *view.inputs[1:]), view.params)
    return None
