"""Simplifications of the rectifier."""

from typing import Any

import numpy as np

from clearprop.compiler.rewriting import function_of, is_constant, is_recorded, maker, rebuild
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node


def rectified(trace: Trace) -> Trace:
    """Compute ReLU by a maximum, and its mask from its output, so that the input can be let go.

    Before: `m = x ≤ 0`, `h = where(m, 0, x)`, `dx = where(m, 0, dout)`.
    After: `h = max(x, 0)`, `dx = dout · sign(h)`; the sign of what is never negative is 0 or 1, and
    as a float it needs no conversion.

    The same to the last bit for finite numbers. (A derivative that is infinite already becomes NaN
    where the mask would have stopped it; training ends at the first such value in any case.)
    """
    rectifiers: dict[Any, Any] = {}

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        if function_of(node) is not np.where or len(inputs) != 3:
            return None
        condition, zero, x = inputs
        mask = maker(condition, np.less_equal)
        if not mask or not is_constant(mask.inputs[1], 0) or not is_constant(zero, 0):
            return None
        source = mask.inputs[0]
        if not is_recorded(x) or x.shape != source.shape:
            return None
        if x is source:
            return rectifiers.setdefault(source, np.maximum(x, 0))
        if source in rectifiers:
            return x * np.sign(rectifiers[source])
        return None

    return rebuild(trace, rule)
