"""Simplification: what is computed twice is computed once."""

from typing import Any

from clearprop.compiler.as_written import AsWritten
from clearprop.compiler.rewriting import kept, rebuild
from clearprop.compiler.sameness import names
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
        if isinstance(node.operation, AsWritten):
            return None
        key = (node.operation, names(inputs), names(tuple(sorted(node.params.items()))))
        if key not in seen:
            seen[key] = kept(node, inputs, made[node])
        return seen[key]

    return rebuild(trace, rule)
