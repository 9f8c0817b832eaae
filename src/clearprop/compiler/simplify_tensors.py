"""Simplifications: products and sums over several axes at once, without the views around them."""

from typing import Any

import numpy as np

from clearprop.compiler.rewriting import (
    consumers_of,
    fact,
    function_of,
    is_number,
    is_recorded,
    maker,
    origin,
    rebuild,
    simplifies,
)
from clearprop.compiler.tensor_products import (
    axes_order,
    compact,
    contract,
    contracted,
    letters,
    merged,
    reshapes,
    terms,
)
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node, data_of
from clearprop.graph.recording import attach, record
from clearprop.primitives.broadcasting import normal_axes
from clearprop.primitives.einsum import spelt_out
from clearprop.primitives.products import contracted_axes


@simplifies(np.matmul)
def stacks_as_matrices(node: Node, inputs: tuple[Any, ...]) -> Any:
    """Multiply a stack of matrices by one matrix at once, as the single matrix of all their rows.

    Before: `x @ W`, with x of (N, T, D). After: `reshape(reshape(x, (N·T, D)) @ W, (N, T, …))`:
    NumPy multiplies one matrix of a stack after the other (512 rows in 16 parts: 0.45 ms against
    0.17).
    """
    if len(inputs) != 2 or node.params or not all(map(is_recorded, inputs)):
        return None
    x, W = inputs
    if x.ndim < 3 or W.ndim != 2 or not x.size or not x.data.flags.c_contiguous:
        return None
    flat, out = np.reshape(x, (-1, x.shape[-1])), np.reshape(node.out, (-1, W.shape[1]))
    product = attach(node.operation, (flat, W), (flat.data, W.data), {}, out)
    return np.reshape(product, node.out.shape)


@simplifies(np.matmul, np.tensordot, np.einsum)
def products_over_axes(node: Node, inputs: tuple[Any, ...]) -> Any:
    """Multiply over the axes that were merged for a matrix product.

    Before: `reshape(x, (N, C·K)) @ reshape(W, (M, C·K)).T`, and `tensordot` and `einsum` of two.
    After: `contract(x, W, "nck,mck->nm")`, reshaped. Windows are laid out in memory first.
    """
    out, function = node.out, function_of(node)
    if len(inputs) != 2 or not all(map(is_recorded, inputs)) or not np.ndim(out):
        return None
    if any(x.dtype != out.dtype or not x.ndim for x in inputs) or out.dtype.kind != "f":
        return None
    if function is np.matmul:
        return _of_matrices(node, *inputs)
    x, y = inputs
    if function is np.einsum:
        if node.params.keys() - {"subscripts", "optimize"}:
            return None
        (a, b), out_term, _ = spelt_out(node.params["subscripts"], [x.shape, y.shape])
        found = (a, b, out_term)
    else:
        left, right, *_ = contracted_axes(x, y, node.params.get("axes", 2))
        a = letters(x.ndim)
        theirs = list(letters(y.ndim, without=a))
        for i, j in zip(left, right, strict=True):
            theirs[j] = a[i]
        b = "".join(theirs)
        found = (a, b, "".join(c for c in a + b if (c in a) != (c in b)))
    if not _is_contraction(*found) or _broadcasts(found, (x.shape, y.shape)):
        return None
    return contracted(compact(x), compact(y), "{},{}->{}".format(*found), out)


def _is_contraction(x: str, y: str, out: str) -> bool:
    """Whether every letter stands in two of three terms, and the operands share one."""
    once = all(len(set(term)) == len(term) for term in (x, y, out))
    pairs = all((x + y + out).count(letter) == 2 for letter in x + y + out)
    return once and pairs and bool(set(x) & set(y))


def _broadcasts(found: Any, shapes: Any) -> bool:
    """Whether an axis of length 1 meets a longer one."""
    sizes: dict[str, int] = {}
    pairs = [
        p for term, shape in zip(found, shapes, strict=False) for p in zip(term, shape, strict=True)
    ]
    return any(sizes.setdefault(letter, n) != n for letter, n in pairs)


def _of_matrices(node: Node, x: Any, y: Any) -> Any:
    if x.ndim != 2 or y.ndim != 2 or node.params:
        return None
    (a, (rows, inner)), (b, (other, columns)) = merged(x), merged(y)
    merges = [
        any(len(group) > 1 for group in groups) for groups in ((rows, inner), (other, columns))
    ]
    if not all(merges) or [a.shape[i] for i in inner] != [b.shape[i] for i in other]:
        return None
    own = letters(a.ndim)
    theirs = list(letters(b.ndim, without=own))
    for i, j in zip(inner, other, strict=True):
        theirs[j] = own[i]
    out = "".join([*(own[i] for i in rows), *(theirs[j] for j in columns)])
    if not out:
        return None
    shape = (*(a.shape[i] for i in rows), *(b.shape[j] for j in columns))
    subscripts = f"{own},{''.join(theirs)}->{out}"
    product = contracted(compact(a), compact(b), subscripts, np.reshape(node.out, shape))
    return np.reshape(product, node.out.shape)


def scalars_before_views(trace: Trace) -> Trace:
    """Scale a factor of a product before it is shown under other axes, which the product undoes.

    Before: `x @ (0.5 · reshape(W, (M, C·K)).T)`. After: `x @ reshape(0.5 · W, (M, C·K)).T`.
    """
    consumers = consumers_of(trace)

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        users = consumers[node]
        if function_of(node) is not np.multiply or node.params or None in users:
            return None
        if not all(user and function_of(user) is np.matmul for user in users):
            return None
        for s, v in (inputs, inputs[::-1]):
            views, x = _views_of(v)
            if is_number(s) and views and v.dtype == node.out.dtype:
                x = s * x
                for view in views:
                    x = record(view.operation, (x,), view.params)
                return x
        return None

    return rebuild(trace, rule)


@simplifies(np.matmul, np.sum)
def sums_over_axes(node: Node, inputs: tuple[Any, ...]) -> Any:
    """Sum over the axes themselves that were merged for a sum.

    Before: `1ᵀ reshape(x, (N·H·W, C))`. After: `Σ x` over the axes of N, H and W.
    """
    *_, x = inputs
    if function_of(node) is np.matmul:
        ones, x = inputs
        if is_recorded(ones) or np.ndim(ones) != 1 or not (ones == 1).all() or x.ndim != 2:
            return None
        axis = (0,)
    elif node.params.keys() == {"axis"} and is_recorded(x):
        axis = normal_axes(node.params["axis"], x.ndim)
    else:
        return None
    source, groups = merged(x)
    if source is x or all(len(group) == 1 for group in groups):
        return None
    summed = [groups[i] for i in axis]
    kept = [group for i, group in enumerate(groups) if i not in axis]
    if [i for group in kept for i in group] != sorted(i for group in kept for i in group):
        return None
    out = np.sum(source, axis=tuple(sorted(i for group in summed for i in group)))
    return np.reshape(out, np.shape(node.out)) if out.shape != np.shape(node.out) else out


def exchanged_products(trace: Trace) -> Trace:
    """Let a product give its axes in the order that is asked for.

    Before: `transpose(contract(x, W, "nijk,mk->nijm"))`. After: `contract(x, W, "nijk,mk->nmij")`.
    """
    consumers = consumers_of(trace)

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        order = axes_order(node)
        product = maker(inputs[0], contract) if order is not None else None
        if product is None or len(consumers[node.inputs[0].node]) > 1:
            return None
        (x, y), (a, b, c) = product.inputs, terms(product.params["subscripts"])
        return contracted(x, y, f"{a},{b}->{''.join(c[axis] for axis in order or ())}", node.out)

    return rebuild(trace, rule)


def risen_views(trace: Trace) -> Trace:
    """Take views before element-wise operations, where a view before them is undone by that.

    Before: `reshape(reshape(x) + b)`. After: `reshape(reshape(x)) + b'`, which is `x + b'`.
    """
    consumers = consumers_of(trace)
    labels: dict[Node, str] = {}
    other: dict[Node, str] = {}

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        below = origin(inputs[0]) if _moves(node) else None
        if below is None or isinstance(below.out, tuple):
            return None
        if reshapes(node) and reshapes(below):
            x = below.inputs[0]
            return x if x.shape == node.out.shape else None
        if not fact(below, "elementwise") or below.params or node.inputs[0].node is None:
            return None
        if len(consumers[node.inputs[0].node]) > 1:
            return None
        shape = below.out.shape
        if not any(_is_moved(x) for x in below.inputs if np.shape(x) == shape):
            return None
        operands = [_seen(x, node, shape) for x in below.inputs]
        if any(x is None for x in operands):
            return None
        values = tuple(map(data_of, operands))
        out = attach(below.operation, tuple(operands), values, {}, node.out)
        other[out.node] = labels[below]
        return out

    return rebuild(trace, rule, labels, other=other)


def _views_of(v: Any) -> tuple[list[Node], Any]:
    """The views by which a value is shown, the first first, and what they show."""
    views: list[Node] = []
    while (view := origin(v)) and _moves(view) and is_recorded(view.inputs[0]):
        views.insert(0, view)
        v = view.inputs[0]
    return views, v


def _moves(node: Node) -> bool:
    """Whether a node shows its operand under other axes."""
    return reshapes(node) or axes_order(node) is not None


def _is_moved(x: Any) -> bool:
    node = origin(x)
    return node is not None and (_moves(node) or function_of(node) is contract)


def _seen(x: Any, view: Node, shape: tuple[int, ...]) -> Any:
    """An operand of what has this shape, broadcast perhaps, through a view; `None` if it cannot."""
    if not np.ndim(x):
        return x
    if np.shape(x) == shape:
        if not is_recorded(x):
            return view.operation.evaluate(x, **view.params)
        out = view.operation.evaluate(x.data, **view.params)
        return attach(view.operation, (x,), (x.data,), view.params, out)
    lengths = (1,) * (len(shape) - np.ndim(x)) + np.shape(x)
    order = axes_order(view)
    if order is not None:
        return np.transpose(np.reshape(x, lengths), order)
    # Each axis goes over into one or several, or into none.
    found: list[int] = []
    out = list(view.out.shape)
    for n, length in zip(shape, lengths, strict=True):
        part: list[int] = []
        total = 1
        while out and total < n:
            part.append(out.pop(0))
            total *= part[-1]
        if total != n:
            return None
        found += part if length == n else [1] * len(part)
    return None if any(n != 1 for n in out) else np.reshape(x, (*found, *[1] * len(out)))
