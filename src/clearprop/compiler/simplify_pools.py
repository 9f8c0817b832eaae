"""Simplifications: the largest of each window by comparing its elements pair by pair."""

from functools import reduce
from operator import mul
from typing import Any

import numpy as np

from clearprop.compiler.rewriting import (
    fact,
    function_of,
    is_constant,
    is_number,
    is_recorded,
    maker,
    origin,
    simplifies,
)
from clearprop.graph.node import Node
from clearprop.primitives.broadcasting import normal_axes
from clearprop.primitives.indexing import getitem

Labels = dict[Node, str]

MOST = 32
"""Elements of a window up to which each is looked at in a statement of its own."""


@simplifies(np.take_along_axis, getitem)
def largest_by_place(node: Node, inputs: tuple[Any, ...]) -> Any:
    """The element at the place of the largest is the largest.

    Before: `take_along_axis(x, argmax(x)[..., None])[..., 0]`. After: `max(x)`.
    """
    if function_of(node) is getitem:
        column = maker(inputs[0], np.expand_dims)
        first = node.params["form"] == (Ellipsis, 0) and len(inputs) == 1
        last = column is not None and column.params.get("axis") in (-1, np.ndim(column.out) - 1)
        return column.inputs[0] if column is not None and first and last else None
    x, places = inputs
    if node.params.get("axis") not in (-1, np.ndim(x) - 1) or places_of_largest(places) is not x:
        return None
    return np.expand_dims(np.max(x, axis=-1), -1)


def places_of_largest(column: Any) -> Any:
    """Of what `argmax(x, axis=-1)[..., None]` is: x, or `None`."""
    node = maker(column, getitem, np.expand_dims)
    if node is None:
        return None
    if function_of(node) is getitem:
        last = node.params["form"] == (Ellipsis, None)
    else:
        last = node.params.get("axis") in (-1, np.ndim(node.out) - 1)
    found = maker(node.inputs[0], np.argmax) if last else None
    if found is None or found.params.keys() - {"axis"}:
        return None
    (x,) = found.inputs
    return x if found.params.get("axis") in (-1, np.ndim(x) - 1) else None


@simplifies(np.max, labelling=True)
def largest_first(node: Node, inputs: tuple[Any, ...], labels: Labels, other: Labels) -> Any:
    """Take the largest before what keeps their order, which then has less to do, and by pairs.

    Before: `max_k(max(x_k + b, 0))`. After: `max(max_k(x_k) + b, 0)`, the same to the last bit, and
    in it `max(max(x_0, x_1), max(x_2, x_3))`.
    """
    (row,) = inputs
    found = elements(row) if node.params == {"axis": -1} else None
    if found is None:
        return None
    x, n = found
    kept = _order_kept(x, n)
    if kept is not None:
        u, again = kept
        top = np.max(_in_a_row(u, n), axis=-1)
        out = again(top)
        other[out.node] = labels[x.node]
        return out
    parts = _parts(x, n)
    return _rounds(parts)[0] if parts else None


def elements(v: Any) -> tuple[Any, int] | None:
    """The array of which `v` shows the last so many axes as one."""
    node = maker(v, np.reshape)
    if node is None or not is_recorded(node.inputs[0]) or node.params.get("order", "C") != "C":
        return None
    x = node.inputs[0]
    n = x.ndim - v.ndim + 1
    return (x, n) if n > 1 and x.shape[:-n] == v.shape[:-1] else None


def _in_a_row(x: Any, n: int) -> Any:
    """The last n axes as one."""
    return np.reshape(x, (*x.shape[:-n], reduce(mul, x.shape[-n:], 1)))


def _order_kept(x: Any, n: int) -> tuple[Any, Any] | None:
    """Split `f(u, c)` that keeps the order of u, with the same c in all of a window.

    Gives u, and what makes of the largest u of each window the largest x.
    """
    node = maker(x, np.add, np.subtract, np.maximum, np.minimum)
    if node is None or node.params or x.dtype.kind != "f":
        return None
    function = function_of(node)
    turned = node.inputs[::-1] if function is not np.subtract else ()
    for u, c in (node.inputs, *([turned] if turned else [])):
        if is_recorded(u) and u.shape == x.shape and u.dtype == x.dtype and _same(c, n, x.ndim):
            c = c[(..., *[0] * n)] if np.ndim(c) else c
            return u, lambda top, c=c: function(top, c)
    return None


def _same(c: Any, n: int, ndim: int) -> bool:
    """Whether a value is one and the same in all of a window."""
    return is_number(c) or (np.ndim(c) == ndim and all(k == 1 for k in np.shape(c)[-n:]))


def _parts(x: Any, n: int) -> list[Any]:
    """What stands at each place of the windows, row by row; nothing if they are large."""
    if reduce(mul, x.shape[-n:], 1) > MOST:
        return []
    return [x[(..., *place)] for place in np.ndindex(x.shape[-n:])]


def _rounds(parts: list[Any]) -> tuple[Any, list[list[Any]]]:
    """The largest, by rounds of a tournament, and for each round who won: the first of a pair?

    Of equal ones the first wins, as for `argmax`.
    """
    rounds = []
    while len(parts) > 1:
        pairs = list(zip(parts[::2], parts[1::2], strict=False))
        rounds.append([np.greater_equal(a, b) for a, b in pairs])
        parts = [np.maximum(a, b) for a, b in pairs] + parts[2 * len(pairs) :]
    return parts[0], rounds


def _shares(dout: Any, rounds: list[list[Any]]) -> list[Any]:
    """`dout` for the winner of a tournament and 0 for the others."""
    shares = [dout]
    for won in reversed(rounds):
        split = []
        for share, first in zip(shares, won, strict=False):
            mine = share * first
            split += [mine, share - mine]
        shares = split + shares[len(won) :]
    return shares


@simplifies(np.multiply, labelling=True)
def scaled_before_routing(
    node: Node, inputs: tuple[Any, ...], labels: Labels, other: Labels
) -> Any:
    """Scale a derivative by what depends on the largest of a window before it is sent there.

    Before: `where(places == argmax(x), dout, 0) · sign(x)`.
    After: `where(places == argmax(x), dout · sign(max(x)), 0)`.
    """
    if node.params:
        return None
    for d, s in (inputs, inputs[::-1]):
        out = _scaled_after(d, s)
        if out is not None:
            other[out.node] = other[out.node.inputs[0].node] = labels[d.node]
            return out
    return None


@simplifies(np.sum)
def sums_before_routing(node: Node, inputs: tuple[Any, ...]) -> Any:
    """Sum a derivative before it is sent to places in windows, of which all are summed.

    Before: `Σ where(places == argmax(x), dout, 0)`. After: `Σ dout`.
    """
    shaped = maker(inputs[0], np.reshape)
    where = maker(shaped.inputs[0], np.where) if shaped else None
    route = routed(where, where.inputs) if where else None
    if route is None or node.params.keys() != {"axis"} or node.params["axis"] is None:
        return None
    dout, x = route[1], inputs[0]
    axes = normal_axes(node.params["axis"], x.ndim)
    if x.shape[: dout.ndim] != dout.shape or not set(range(dout.ndim, x.ndim)) <= set(axes):
        return None
    return np.sum(dout, axis=tuple(axis for axis in axes if axis < dout.ndim))


@simplifies(np.multiply)
def signs_as_masks(node: Node, inputs: tuple[Any, ...]) -> Any:
    """Multiply large arrays by a mask instead of the sign of what is never negative.

    Before: `dout · sign(max(x, 0))`. After: `dout · (max(x, 0) > 0)`: NumPy compares in vectors,
    and its sign goes number by number (for 432,000 elements 0.12 ms for both against 0.3 to 1).
    """
    if node.params or np.size(node.out) < LARGE:
        return None
    for d, s in (inputs, inputs[::-1]):
        sign = maker(s, np.sign)
        largest = maker(sign.inputs[0], np.maximum) if sign else None
        never_negative = largest and any(is_constant(c, 0) for c in largest.inputs)
        if sign and never_negative and is_recorded(d) and d.dtype == node.out.dtype:
            return d * (sign.inputs[0] > 0)
    return None


LARGE = 2**15
"""Elements from which that pays."""


@simplifies(np.where, labelling=True)
def routed_by_masks(node: Node, inputs: tuple[Any, ...], labels: Labels, other: Labels) -> Any:
    """Send a derivative to the largest of each window by who was larger in each pair.

    Before: `where([0, …, K−1] == argmax(x)[..., None], dout[..., None], 0)`. After: `dout · m`,
    `dout − dout · m`, and so on, where `m` is `x_0 ≥ x_1` for the first pair.
    """
    route = routed(node, inputs)
    if route is None:
        return None
    row, dout = route
    found = elements(row)
    if found is None:
        return None
    parts = _parts(_behind(*found, dout, row), found[1])
    if len(parts) < 2:
        return None
    rounds = _rounds(parts)[1]
    forward = labels[inputs[0].node.inputs[1].node.inputs[0].node]  # where the largest was sought
    for won in rounds:
        other.update((v.node, forward) for mask in won for v in (mask, *mask.node.inputs))
    return np.stack(_shares(dout, rounds), axis=-1)


def routed(node: Node, inputs: tuple[Any, ...]) -> tuple[Any, Any] | None:
    """Of `where(places == argmax(x)[..., None], dout[..., None], 0)`: x and dout."""
    if len(inputs) != 3 or not is_constant(inputs[2], 0):
        return None
    equal, column = maker(inputs[0], np.equal), maker(inputs[1], getitem, np.expand_dims)
    if equal is None or column is None or np.shape(inputs[1])[-1:] != (1,):
        return None
    places, found = equal.inputs if is_recorded(equal.inputs[1]) else equal.inputs[::-1]
    row, dout = places_of_largest(found), column.inputs[0]
    if row is None or not is_recorded(dout) or dout.shape != row.shape[:-1]:
        return None
    if dout.shape != np.shape(inputs[1])[:-1] or is_recorded(places):
        return None
    same = np.array_equal(places, np.arange(row.shape[-1])) and node.out.dtype == dout.dtype
    return (row, dout) if same else None


def _scaled_after(d: Any, s: Any) -> Any:
    """`d · f(x)` for a derivative on its way to the largest of x: scaled before it goes there."""
    shaped = maker(d, np.reshape)
    where = maker(shaped.inputs[0], np.where) if shaped else None
    factor = origin(s)
    route = routed(where, where.inputs) if where else None
    if route is None or factor is None or not fact(factor, "elementwise") or factor.params:
        return None
    row, dout = route
    found = elements(row)
    variables = [x for x in factor.inputs if is_recorded(x)]
    if found is None or len(variables) != 1 or variables[0] is not found[0]:
        return None
    if not all(map(is_number, (x for x in factor.inputs if not is_recorded(x)))):
        return None
    top = np.max(row, axis=-1)
    local = function_of(factor)(*(top if x is variables[0] else x for x in factor.inputs))
    condition, _, zero = where.inputs  # type: ignore[union-attr]
    scaled = np.expand_dims(dout * local, -1)
    return np.reshape(np.where(condition, scaled, zero), d.shape)


def _behind(x: Any, n: int, dout: Any, row: Any) -> Any:
    """What has its largest at the same place as x, and needs less to compute.

    A constant in all of a window does not matter; nor does a maximum with it if `dout` is 0
    wherever it is the largest, as behind ReLU.
    """
    while True:
        kept = _order_kept(x, n)
        node = x.node if kept else None
        if kept is None or node is None or function_of(node) is np.minimum:
            return x
        if function_of(node) is np.maximum and not _stopped(node, dout, row):
            return x
        x = kept[0]


def _stopped(node: Node, dout: Any, row: Any) -> bool:
    """Whether `dout` is a product with the sign of the largest, which is never below 0."""
    if not any(is_constant(c, 0) for c in node.inputs):
        return False
    product = maker(dout, np.multiply)
    signs = [maker(x, np.sign) for x in product.inputs] if product else []
    for sign in filter(None, signs):
        largest = maker(sign.inputs[0], np.max)
        if largest and largest.inputs[0] is row and largest.params == {"axis": -1}:
            return True
    return False
