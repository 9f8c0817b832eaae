"""Arrays of several axes as matrices: rows of their last axis, for which there are kernels."""

import math
from typing import Any

import numpy as np

from clearprop.compiler.engines.c import images
from clearprop.compiler.engines.c.rows import REDUCTIONS
from clearprop.compiler.rewriting import (
    fact,
    function_of,
    is_number,
    is_recorded,
    maker,
    origin,
    rebuild,
    reduces_only,
    simplifies,
)
from clearprop.compiler.simplify import common_subexpressions, without_identities
from clearprop.compiler.tensor_products import reshapes
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node, data_of
from clearprop.graph.recording import attach


def stacks_as_rows(trace: Trace) -> Trace:
    """Compute on the rows of a stack of matrices as on those of one.

    Before: `exp(x − max(x, axis=-1))`, x of (N, H, T, T). After: the same of `reshape(x, (N·H·T,
    T))`, and the result reshaped back. Images are left as they are.
    """
    of_images = any(function_of(node) in images.ROWS for node in trace.nodes)

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        if isinstance(node.out, tuple) or not inputs or node.out.dtype.kind not in "fb":
            return None
        reduces = function_of(node) in REDUCTIONS
        shape = np.shape(inputs[0]) if reduces else node.out.shape
        if len(shape) < 3 or 0 in shape or (of_images and len(shape) > 3):
            return None
        if reduces:
            return _reduced(node, inputs, shape)
        if node.params or not (fact(node, "elementwise") or function_of(node) is np.where):
            return None
        operands = [_rows(x, shape) for x in inputs]
        if any(x is None for x in operands):
            return None
        values = tuple(map(data_of, operands))
        length = max((np.shape(v)[-1] for v in values if np.ndim(v)), default=1)
        whole = node.out[..., :length]  # of what is the same along rows, one number
        flat = np.ascontiguousarray(np.reshape(whole, (-1, length)))
        out = attach(node.operation, tuple(operands), values, {}, flat)
        return np.broadcast_to(np.reshape(out, whole.shape), shape)

    return without_identities(common_subexpressions(_seen_once(rebuild(trace, rule))))


@simplifies(np.reshape)
def _seen_once(node: Node, inputs: tuple[Any, ...]) -> Any:
    """A view of a view is one."""
    below = origin(inputs[0])
    if below is None or not reshapes(below) or not reshapes(node):
        return None
    x = below.inputs[0]
    return x if x.shape == node.out.shape else np.reshape(x, node.out.shape)


def _reduced(node: Node, inputs: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """A row becomes one number, or all rows become one."""
    axis, keeps = node.params.get("axis"), node.params.get("keepdims", False)
    axes = tuple(sorted(i % len(shape) for i in np.atleast_1d(axis))) if axis is not None else ()
    x = _rows(inputs[0], shape)
    if x is None or not reduces_only(node):
        return None
    if axes == (len(shape) - 1,):
        params: dict[str, Any] = {"axis": 1, "keepdims": True}
        flat = np.reshape(node.out, (-1, 1))
    elif axes == tuple(range(len(shape) - 1)) and not keeps and function_of(node) is np.sum:
        params, flat = {"axis": 0}, node.out
    else:
        return None
    out = attach(node.operation, (x,), (x.data,), params, flat)
    return out if out.shape == node.out.shape else np.reshape(out, node.out.shape)


def _rows(x: Any, shape: tuple[int, ...]) -> Any:
    """An operand of what has this shape as rows, as one number for each, or as one row for all."""
    if is_number(x):
        return x
    own, (*stack, length) = np.shape(x), shape
    if own == shape and (spread := maker(x, np.broadcast_to)):
        x = spread.inputs[0]
        own = np.shape(x)
    if own in (shape, (*stack, 1)):
        laid_out = is_recorded(x) and x.data.flags.c_contiguous
        return np.reshape(x, (-1, own[-1])) if laid_out else None
    if own[-1:] == (length,) and math.prod(own) == length:
        return np.reshape(x, (length,))
    return None
