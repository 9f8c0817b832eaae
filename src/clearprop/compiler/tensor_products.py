"""Products of arrays of several axes, and copies in an order that suits them: functions of ours."""

from string import ascii_letters
from typing import Any

import numpy as np

from clearprop.compiler.rewriting import fact, function_of, is_recorded, origin
from clearprop.graph.node import Node
from clearprop.graph.recording import attach
from clearprop.primitives.decorators import dispatched
from clearprop.primitives.table import Primitive, as_given, primitive


@dispatched
def contract(x: Any, y: Any, *, subscripts: str) -> Any:
    """A matrix product over several axes at once: `np.einsum` of two arrays.

    Every letter stands in exactly two of the three terms: it is summed over, or it comes from one
    of the arrays and goes into the result.

    >>> contract(np.ones((2, 3, 4)), np.ones((3, 4)), subscripts="abc,bc->a")
    array([12., 12.])
    """
    return np.einsum(subscripts, x, y, optimize=True)


@dispatched
def laid_out(x: Any) -> Any:
    """A copy of `x`; an engine chooses the order in which the elements lie in memory.

    >>> laid_out(np.array([1.0, 2.0]))
    array([1., 2.])
    """
    return x.copy()


def _contract_x(dout: Any, out: Any, x: Any, y: Any, *, subscripts: str) -> Any:
    a, b, c = terms(subscripts)
    return contract(dout, y, subscripts=f"{c},{b}->{a}")


def _contract_y(dout: Any, out: Any, x: Any, y: Any, *, subscripts: str) -> Any:
    a, b, c = terms(subscripts)
    return contract(dout, x, subscripts=f"{c},{a}->{b}")


def terms(subscripts: str) -> tuple[str, str, str]:
    """The letters of both operands and of the result.

    >>> terms("ab,bc->ac")
    ('ab', 'bc', 'ac')
    """
    operands, _, out = subscripts.partition("->")
    x, _, y = operands.partition(",")
    return x, y, out


CONTRACT: Primitive = primitive(
    contract,
    "Σ x y, over the axes that both have",
    ("Σ dout y, over the axes of y that x has not", _contract_x),
    ("Σ dout x, over the axes of x that y has not", _contract_y),
    bind=as_given,
)
LAID_OUT: Primitive = primitive(laid_out, "x", ("dout", lambda dout, out, x: dout), bind=as_given)


def contracted(x: Any, y: Any, subscripts: str, out: Any) -> Any:
    """The node of a product whose value is known already."""
    return attach(CONTRACT, (x, y), (x.data, y.data), {"subscripts": subscripts}, out)


def compact(v: Any) -> Any:
    """What lies in memory as windows do, overlapping, laid out one after the other."""
    node = origin(v)
    while node is not None and fact(node, "view"):
        if fact(node, "view") == "windows":
            return attach(LAID_OUT, (v,), (v.data,), {}, v.data)
        node = node.inputs[0].node
    return v


def letters(n: int, without: str = "") -> str:
    """So many letters that are not taken yet."""
    return "".join(c for c in ascii_letters if c not in without)[:n]


def merged(v: Any) -> tuple[Any, list[list[int]]]:
    """The array that `v` shows under other axes, and through which of its axes each of `v` runs.

    Only whole axes, exchanged and merged, the slower first: where one was split, the array is the
    one after that.
    """
    node = origin(v)
    plain = [[axis] for axis in range(v.ndim)]
    if node is None or not is_recorded(node.inputs[0]) or not fact(node, "view"):
        return v, plain
    source, groups = merged(node.inputs[0])
    order = axes_order(node)
    if order is not None:
        return source, [groups[axis] for axis in order]
    if reshapes(node):
        found = _regrouped([a for group in groups for a in group], source.shape, v.shape)
        if found is not None:
            return source, found
    return v, plain


def reshapes(node: Node) -> bool:
    """Whether a node shows the same elements, in the same order, in another shape."""
    shown = function_of(node) in (np.reshape, np.ravel, np.expand_dims, np.squeeze)
    return shown and node.params.get("order", "C") == "C"


def axes_order(node: Node) -> list[int] | None:
    """The old number of each axis, for a node that exchanges axes."""
    if function_of(node) not in (np.transpose, np.swapaxes, np.moveaxis, np.matrix_transpose):
        return None
    # Every axis is known by its length.
    trial = np.broadcast_to(np.zeros(()), range(np.ndim(node.inputs[0])))
    return list(np.shape(node.operation.evaluate(trial, **node.params)))


def _regrouped(
    axes: list[int], sizes: tuple[int, ...], shape: tuple[int, ...]
) -> list[list[int]] | None:
    """Merge axes, in this order, to those of a shape; `None` if one is split, or new."""
    groups: list[list[int]] = []
    rest = list(axes)
    for length in shape:
        group: list[int] = []
        total = 1
        while rest and (total < length or (sizes[rest[0]] == 1 and not group)):
            total *= sizes[rest[0]]
            group.append(rest.pop(0))
        if total != length or not group:
            return None
        groups.append(group)
    if any(sizes[axis] != 1 for axis in rest) or not groups:
        return None
    groups[-1] += rest
    return groups
