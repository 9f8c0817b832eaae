"""Simplification: parts of an array are put side by side, and not added up, each in zeros."""

from functools import reduce
from typing import Any

import numpy as np

from clearprop.compiler.rewriting import (
    consumers_of,
    function_of,
    is_recorded,
    maker,
    origin,
    rebuild,
)
from clearprop.compiler.tensor_products import axes_order
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node
from clearprop.primitives.indexing import put_at


def parts_side_by_side(trace: Trace) -> Trace:
    """Join what is added at places that lie side by side.

    Before: `put_at(a, [:, :2]) + put_at(b, [:, 2:])`, each in zeros of the whole size: what comes
    back through the parts of an array, such as the gates of an LSTM or the steps of a sequence.
    After: `concatenate([a, b], axis=1)`, or `stack` where the places are single numbers.

    So are the factors of products that are added up: the derivative by a matrix that every step of
    a sequence uses. Before: `aᵀ @ c + bᵀ @ d + …`. After: `[a, b, …]ᵀ @ [c, d, …]`.
    """
    consumers = consumers_of(trace)
    done: dict[Node, Any] = {}

    def is_term(node: Node) -> bool:
        """Whether a sum is but a term of another one."""
        users = consumers[node]
        return len(users) == 1 and users[0] is not None and _adds(users[0], node)

    def now(x: Any) -> Any:
        """What has become of a value by now."""
        if not is_recorded(x) or x.node is None:
            return x
        return done[x.node] if x.index is None else done[x.node][x.index]

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        if not _adds(node, node) or is_term(node):
            return None
        terms, rest = [], [node]
        while rest:
            for x in rest.pop().inputs:
                inner = maker(x, np.add)
                if inner is not None and _adds(inner, node) and is_term(inner):
                    rest.append(inner)
                else:
                    terms.append(x)
        rows: dict[Any, dict[int, Any]] = {}
        for x in terms:
            put = maker(x, put_at)
            if put is not None and len(consumers[put]) == 1 and _is_like(put, node):
                axis, start, how = _place(put)
                rows.setdefault((axis, how), {})[start] = x
        joined = []
        for (axis, join), row in rows.items():
            parts = [(start, row[start].node.inputs[0]) for start in sorted(row)]
            if axis is None or not _fill(parts, axis, join, node.out.shape):
                continue
            joined.append(join([now(x) for _, x in parts], axis=axis))
            terms = [x for x in terms if all(x is not part for part in row.values())]
        products = [
            x
            for x in terms
            if _is_of_rows(maker(x, np.matmul), node) and len(consumers[x.node]) == 1
        ]
        pairs = [(x.node.inputs[0].node.inputs[0], x.node.inputs[1]) for x in products]
        if (
            len(pairs) >= MANY
            and sum(a.size + b.size for a, b in pairs) < len(pairs) * node.out.size
        ):
            left, right = (np.concatenate([now(x) for x in xs]) for xs in zip(*pairs, strict=True))
            joined.append(np.transpose(left) @ right)
            terms = [x for x in terms if all(x is not product for product in products)]
        return reduce(np.add, [*map(now, terms), *joined]) if joined else None

    return rebuild(trace, rule, done=done)


MANY = 4
"""Products from which one over all their rows is worth the copies of their factors."""


def _is_of_rows(product: Node | None, whole: Node) -> bool:
    """Whether a product is `aᵀ @ b`, of two matrices, and like the sum that it is a term of."""
    if product is None or product.params or any(np.ndim(x) != 2 for x in product.inputs):
        return False
    if not _is_like(product, whole):  # rows of several lengths cannot be put together
        return False
    turned = origin(product.inputs[0])
    return turned is not None and axes_order(turned) == [1, 0] and is_recorded(product.inputs[1])


def _adds(node: Node, like: Node) -> bool:
    """Whether a node adds arrays of this shape and dtype."""
    return function_of(node) is np.add and not node.params and _is_like(node, like)


def _is_like(node: Node, other: Node) -> bool:
    return (np.shape(node.out), node.out.dtype) == (np.shape(other.out), other.out.dtype)


def _place(put: Node) -> tuple[int | None, int, Any]:
    """The axis of which something is put at a part, where that begins, and how parts are joined."""
    form, shape = put.params["form"], put.params["shape"]
    if len(put.inputs) > 1 or None in form:
        return None, 0, None
    if Ellipsis in form:
        at = form.index(Ellipsis)
        form = (*form[:at], *[slice(None)] * (len(shape) - len(form) + 1), *form[at + 1 :])
    found = None, 0, None
    for axis, (entry, n) in enumerate(zip(form, shape, strict=False)):
        start, stop, step = entry.indices(n) if isinstance(entry, slice) else (entry % n, -1, 1)
        if (start, stop, step) == (0, n, 1):
            continue
        if found[0] is not None or step != 1:
            return None, 0, None
        found = axis, start, np.stack if stop == -1 else np.concatenate
    return found


def _fill(parts: list[tuple[int, Any]], axis: int, join: Any, shape: tuple[int, ...]) -> bool:
    """Whether parts that begin at these places fill the axis without a gap."""
    end = 0
    for start, x in parts:
        if start != end:
            return False
        end += 1 if join is np.stack else x.shape[axis]
    return end == shape[axis]
