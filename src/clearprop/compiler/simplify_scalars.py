"""Simplification: scalars sink to the smallest operand."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compiler.at_labels import SUBTRACT_AT, subtract_at
from clearprop.compiler.rewriting import is_number, rebuild
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node, Recorded
from clearprop.graph.recording import record
from clearprop.primitives.indexing import getitem

_VIEWS = (np.reshape, np.ravel, np.transpose, np.swapaxes, np.expand_dims, np.squeeze, getitem)


def sunk_scalars(trace: Trace) -> Trace:
    """Multiply by a scalar where that touches the fewest elements.

    Before: `lr · (xᵀ dout)`, a multiplication of 784 × 50 elements. After: `xᵀ (lr · dout)`, or
    deeper still: learning rate and 1/N end up on the derivative of the loss, 100 × 10, as one
    number.
    """

    labels: dict[Node, str] = {}

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        if getattr(node.operation, "function", None) is not np.multiply:
            return None
        s, x = inputs if is_number(inputs[0]) else inputs[::-1]
        if not is_number(s) or is_number(x) or not isinstance(x, Recorded):
            return None
        if _dtype(s, x) != x.data.dtype or cost(x) >= x.size:
            return None
        return scaled(x, s, labels)

    return rebuild(trace, rule, labels)


def cost(x: Any) -> int:
    """How many elements a multiplication by a scalar would touch at the best place behind `x`."""
    size = int(np.size(x))
    node = x.node if isinstance(x, Recorded) else None
    if node is None or size <= 1:
        return size
    function = getattr(node.operation, "function", None)
    inputs = node.inputs
    if function is np.multiply and any(map(is_number, inputs)):
        return 0  # it merges with the scalar that is there
    if function is np.multiply:
        return min(cost(i) for i in inputs if _is_float(i))
    if function is np.divide and is_number(inputs[0]):
        return 0
    if function is np.divide:
        return min(cost(inputs[0]), int(np.size(inputs[1])))
    if function is np.matmul:
        return min(map(cost, inputs))
    if function is np.sum and "where" not in node.params:
        return min(size, cost(inputs[0]))
    if function in _VIEWS or function is np.negative or function is subtract_at:
        return cost(inputs[0])
    if function is np.concatenate:
        return sum(map(cost, inputs))
    return size


def scaled(x: Any, s: Any, labels: dict[Node, str]) -> Any:
    """`s · x`, with the multiplication at the place that `cost` has found.

    What is made anew on the way there keeps its label in `labels`.
    """
    node = x.node if isinstance(x, Recorded) else None
    size = int(np.size(x))
    if node is None or size <= 1 or cost(x) >= size:
        return s * x
    out = _pushed(node, s, lambda part, factor: scaled(part, factor, labels))
    if isinstance(out, Recorded) and out.node is not None:
        labels.setdefault(out.node, labels.get(node, ""))
    return out


def _pushed(node: Node, s: Any, scaled: Callable[[Any, Any], Any]) -> Any:
    """Push the scalar one node further back."""
    function = getattr(node.operation, "function", None)
    a, *rest = node.inputs
    if function is np.multiply:
        (b,) = rest
        if is_number(a):
            return scaled(b, _product(s, a))
        if is_number(b):
            return scaled(a, _product(s, b))
        return scaled(a, s) * b if not _is_float(b) or _no_dearer(a, b) else a * scaled(b, s)
    if function is np.divide:
        (b,) = rest
        if is_number(a):
            return _product(s, a) / b
        return scaled(a, s) / b if cost(a) <= np.size(b) else a * (s / b)
    if function is np.matmul:
        (b,) = rest
        return scaled(a, s) @ b if _no_dearer(a, b) else a @ scaled(b, s)
    if function is np.concatenate:
        return np.concatenate([scaled(part, s) for part in node.inputs], **node.params)
    if function is subtract_at:
        t, c = rest
        return record(SUBTRACT_AT, (scaled(a, s), t, _product(s, c)), {})
    return record(node.operation, (scaled(a, s), *rest), node.params)


def _no_dearer(a: Any, b: Any) -> bool:
    return cost(a) <= cost(b)


def _product(a: Any, b: Any) -> Any:
    if isinstance(a, Recorded) or isinstance(b, Recorded):
        return a * b
    product = float(a) * float(b)
    return product if math.isfinite(product) else a * b


def _dtype(s: Any, x: Any) -> np.dtype:
    return s.data.dtype if isinstance(s, Recorded) else np.result_type(s, x.data)


def _is_float(x: Any) -> bool:
    return not isinstance(x, Recorded) or x.data.dtype.kind == "f"
