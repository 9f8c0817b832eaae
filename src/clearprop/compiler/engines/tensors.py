"""What NumPy source says of arrays of several axes: products, copies, windows, borders, stacks."""

from typing import Any

import numpy as np

from clearprop.compiler.engines import text
from clearprop.compiler.engines.sheet import Cell, Sheet
from clearprop.compiler.orders import empty, order_of
from clearprop.compiler.rewriting import is_recorded
from clearprop.compiler.tensor_products import terms
from clearprop.graph.node import Node


def product(sheet: Sheet, time: int, node: Node) -> None:
    """A product over several axes as one matrix product, of matrices that are views."""
    x, y = node.inputs
    a, b, c = terms(node.params["subscripts"])
    out = sheet.result(time, node)
    made = empty(out.shape, out.dtype, out.order)
    # The result says in which order the free axes come, the larger factor those summed over.
    left, right = (_ordered([v for v in term if v in c], c, made) for term in (a, b))
    large, term = (x, a) if np.size(x) >= np.size(y) else (y, b)
    inner = _ordered([v for v in a if v in b], term, sheet.lives.trial(large))
    factors = [((x, a), left), ((y, b), right)]
    (first, rows), (second, columns) = factors if _inside(right, c, made) else factors[::-1]
    sides = _Sides(sheet, time, node)
    into = sides.result(out, made, c, rows, columns)
    one, two = sides.matrix(*first, rows, inner), sides.matrix(*second, inner, columns)
    _in_pieces(sheet, time, node, one, two, into)
    sides.finish(out)


def _in_pieces(sheet: Sheet, time: int, node: Node, one: Cell, two: Cell, into: Cell) -> None:
    """The product of two matrices; a small one over a long axis is the sum of many products.

    Libraries have quick ways for small products, and copy the factors of large ones first: 30 ×
    57,600 times 57,600 × 25 takes 1.0 ms in 90 pieces, and 2.4 in one.
    """
    (n, k), m = one.shape, two.shape[1]
    count = next((d for d in range(1, k // 64) if k % d == 0 and n * k * m // d <= PIECE), 1)
    if n * m > NARROW or count == 1:
        sheet.say(node, f"np.matmul({one.name}, {two.name}, out={into.name})")
        return
    one, two = _split(sheet, one, 1, count), _split(sheet, two, 0, count)
    pieces = sheet.scratch(time, np.empty((count, n, m), into.dtype), f"{into.name}_pieces")
    sheet.say(node, f"np.matmul({one.name}, {two.name}, out={pieces})")
    sheet.say(node, f"np.add.reduce({pieces}, axis=0, out={into.name})")


NARROW = 2**10
"""Elements of a small product."""

PIECE = 2**19
"""Multiply-adds of a piece; OpenBLAS has its quick way up to a million."""


def _split(sheet: Sheet, x: Cell, axis: int, count: int) -> Cell:
    """A matrix as so many, side by side along an axis."""
    n, m = x.shape
    shape = (count, n // count, m) if axis == 0 else (n, count, m // count)
    turned = "" if axis == 0 else ".transpose((1, 0, 2))"
    pieces = (count, n // count, m) if axis == 0 else (count, n, m // count)
    return sheet.seen(x, "pieces", f".reshape({text.literal(shape)}){turned}", pieces)


def _ordered(letters: list[str], term: str, like: np.ndarray) -> list[str]:
    """Letters in the order in which their axes lie in memory."""
    order = [term[axis] for axis in order_of(like)]
    return sorted(letters, key=order.index)


def _inside(letters: list[str], term: str, like: np.ndarray) -> bool:
    """Whether these axes are the inner ones in memory."""
    order = [term[axis] for axis in order_of(like) if like.shape[axis] > 1]
    return not order or order[-1] in letters


class _Sides:
    """The matrices of one product: views where the axes allow it, copies where not."""

    def __init__(self, sheet: Sheet, time: int, node: Node) -> None:
        self.sheet, self.time, self.node = sheet, time, node
        self._late = ""

    def matrix(self, v: Any, term: str, rows: list[str], columns: list[str]) -> Cell:
        """A factor as a matrix with these axes along rows and columns."""
        sheet = self.sheet
        axes, shape = _axes(term, rows, columns), _shape(v.shape, term, rows, columns)
        cell, trial = sheet.cell(v), sheet.lives.trial(v)
        if _is_matrix(trial, axes, shape):
            return self._view(cell, axes, shape)
        copied = np.empty(tuple(v.shape[axis] for axis in axes), v.dtype)
        name = sheet.scratch(self.time, copied, f"{cell.name}_in_order")
        sheet.say(self.node, f"np.copyto({name}, {cell.name}.transpose({text.literal(axes)}))")
        key = ("scratch", name)
        return self._view(sheet.cells[key], tuple(range(len(axes))), shape)

    def result(
        self, out: Cell, made: np.ndarray, term: str, rows: list[str], columns: list[str]
    ) -> Cell:
        """The matrix that the product is written into."""
        axes, shape = _axes(term, rows, columns), _shape(out.shape, term, rows, columns)
        if _is_matrix(made, axes, shape):
            return self._view(out, axes, shape)
        sheet = self.sheet
        name = sheet.scratch(self.time, np.empty(shape, out.dtype), f"{out.name}_matrix")
        whole = text.literal(tuple(out.shape[axis] for axis in axes))
        back = text.literal(tuple(np.argsort(axes).tolist()))
        self._late = f"{name}.reshape({whole}).transpose({back})"
        return sheet.cells["scratch", name]

    def finish(self, out: Cell) -> None:
        """Put the result into its place, if it could not be written there."""
        if self._late:
            self.sheet.say(self.node, f"np.copyto({out.name}, {self._late})")

    def _view(self, cell: Cell, axes: tuple[int, ...], shape: tuple[int, int]) -> Cell:
        turned = axes != tuple(range(len(axes)))
        exchanged = f".transpose({text.literal(axes)})" if turned else ""
        how = f"{exchanged}.reshape({text.literal(shape)})"
        return self.sheet.seen(cell, "matrix", how, shape)


def _axes(term: str, rows: list[str], columns: list[str]) -> tuple[int, ...]:
    return tuple(term.index(letter) for letter in (*rows, *columns))


def _shape(
    sizes: tuple[int, ...], term: str, rows: list[str], columns: list[str]
) -> tuple[int, int]:
    n, m = (int(np.prod([sizes[term.index(v)] for v in part])) for part in (rows, columns))
    return n, m


def _is_matrix(trial: np.ndarray, axes: tuple[int, ...], shape: tuple[int, int]) -> bool:
    """Whether axes merge to a matrix that lies in memory as BLAS expects it."""
    found = trial.transpose(axes).reshape(shape)
    if not trial.size:
        return True
    steps = [s for s, n in zip(found.strides, found.shape, strict=True) if n > 1]
    dense = not steps or min(steps) == trial.itemsize
    return bool(np.shares_memory(found, trial)) and dense


def copy(sheet: Sheet, time: int, node: Node) -> None:
    """A copy in an order of its own."""
    out = sheet.result(time, node)
    sheet.say(node, f"np.copyto({out.name}, {sheet.operands(node)})")


def added_windows(sheet: Sheet, time: int, node: Node) -> None:
    """Windows added up: for each place in a window all windows at once."""
    out, d = sheet.result(time, node), sheet.cell(node.inputs[0])
    axes, n = node.params["axes"], node.out.ndim
    steps = dict(zip(axes, node.params.get("steps") or (1,) * len(axes), strict=True))
    counts, lengths = d.shape[:n], dict(zip(axes, d.shape[n:], strict=True))
    apart = all(steps[axis] >= lengths[axis] for axis in axes)
    filled = apart and all(
        lengths[a] == steps[a] and counts[a] * steps[a] == out.shape[a] for a in axes
    )
    offsets = "klmnopqrs"[: len(axes)]
    offset = dict(zip(axes, offsets, strict=True))
    entries = []
    for axis in range(n):
        if axis in offset:
            span = steps[axis] * (counts[axis] - 1) + 1
            step = f" : {steps[axis]}" if steps[axis] > 1 else ""
            entries.append(f"{offset[axis]} : {offset[axis]} + {span}{step}")
        else:
            entries.append(":")
    loops = " ".join(f"for {offset[a]} in range({lengths[a]})" for a in axes)
    places = sheet.name(f"{out.name}_places")
    pair = f"({out.name}[{', '.join(entries)}], {d.name}[..., {', '.join(offsets)}])"
    sheet.define(places, f"[{pair} {loops}]", d.varies or out.varies)
    if not filled:
        sheet.say(node, f"{out.name}.fill(0)")
    how = "np.copyto(place, part)" if apart else "np.add(place, part, out=place)"
    sheet.say(node, f"for place, part in {places}: {how}")


def padded(sheet: Sheet, time: int, node: Node) -> Any:
    """A border of a constant, which is made once, and the inside, which is copied."""
    x, params = node.inputs[0], node.params
    constant = params.get("mode", "constant") == "constant" and is_recorded(x)
    value = params.get("constant_values", 0)
    if not constant or np.ndim(value) or sheet.is_returned(node):
        return NotImplemented
    order = sheet.lives.orders.get(node) or tuple(range(x.ndim))
    stored = tuple(node.out.shape[axis] for axis in order)
    turned = order != tuple(range(x.ndim))
    back = f".transpose({text.literal(tuple(np.argsort(order).tolist()))})" if turned else ""
    full = f"np.full({text.literal(stored)}, {text.literal(value)}, {text.literal(node.out.dtype)})"
    cell = sheet.put(node, sheet.fresh_name(node), node.out, value=f"{full}{back}")
    before = np.broadcast_to(params["pad_width"], (x.ndim, 2))[:, 0].tolist()
    inside = tuple(slice(b, b + n) for b, n in zip(before, x.shape, strict=True))
    name = sheet.seen(cell, "inside", f"[{text.index(inside, ())}]", x.shape).name
    sheet.say(node, f"np.copyto({name}, {sheet.operand(x)})")
    return None


def stacked(sheet: Sheet, time: int, node: Node) -> Any:
    """The parts stand in their places already; those that do not are copied."""
    if sheet.is_returned(node) or node.out.ndim < 2 or node.params.keys() != {"axis"}:
        return NotImplemented
    whole = sheet.stacked(time, node)
    before = (slice(None),) * (node.params["axis"] % node.out.ndim)
    for i, x in enumerate(node.inputs):
        if not is_recorded(x) or sheet.lives.slots.get(x.node) != (node, i):
            place = f"{whole.name}[{text.index((*before, i), ())}]"
            sheet.say(node, f"np.copyto({place}, {sheet.operand(x)})")
    return None
