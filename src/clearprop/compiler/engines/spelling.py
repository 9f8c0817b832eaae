"""What NumPy source says otherwise than by calling a function by its name."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compiler.at_labels import pick_at, subtract_at
from clearprop.compiler.engines import labels, tensors, text
from clearprop.compiler.engines.sheet import Sheet
from clearprop.compiler.rewriting import is_recorded
from clearprop.compiler.tensor_products import contract, laid_out
from clearprop.graph.node import Node
from clearprop.primitives.indexing import getitem, put_at
from clearprop.primitives.labels import read_labels, read_numbers
from clearprop.primitives.windows import add_windows

SMALL = 2**15
"""Elements up to which a constant array is read from the cache as fast as a number."""


def _matmul(sheet: Sheet, time: int, node: Node) -> None:
    """A matrix product. `np.dot` is called 0.5 µs sooner where it does the same.

    With a 1 × 1 matrix it does not: it passes over 0 · ∞.
    """
    out = sheet.result(time, node)
    a, b = node.inputs
    exact = (
        not node.params
        and out.order is None
        and all(x.dtype == out.dtype for x in (a, b))
        and np.ndim(b) == 2
        and np.size(a) != 1 != np.size(b)
    )
    call = "np.dot" if exact and np.ndim(a) <= 2 else "np.matmul"
    sheet.say(node, f"{call}({sheet.operands(node)}{sheet.keywords(node)}, out={out.name})")


def _extreme(sheet: Sheet, time: int, node: Node) -> None:
    """The larger or smaller of two; the number in a small one is spread out.

    NumPy's maximum is vectorised for two arrays and not for an array and a number: 0.9 µs
    against 2.7 for 100 × 50.
    """
    out = sheet.result(time, node, may_replace=True)
    shape = node.out.shape
    into, operands = out.name, list(map(sheet.operand, node.inputs))
    numbers = [i for i, x in enumerate(node.inputs) if not is_recorded(x) and not np.ndim(x)]
    if numbers and np.size(node.out) > SMALL and is_recorded(x := node.inputs[1 - numbers[0]]):
        rows = [sheet.in_rows(cell, SMALL) for cell in (sheet.cell(x), out)]
        if rows[0] and rows[1] and rows[0].shape == rows[1].shape:
            operands, into, shape = [rows[0].name] * 2, rows[1].name, rows[1].shape[1:]
    if np.prod(shape) <= SMALL:
        for i in numbers:
            spread = np.full(shape, node.inputs[i], node.out.dtype)
            operands[i] = sheet.constant(spread, "all")
    options = sheet.keywords(node)
    sheet.say(node, f"{node.operation.name}({', '.join(operands)}{options}, out={into})")


def _where(sheet: Sheet, time: int, node: Node) -> None:
    condition, a, b = node.inputs
    out = sheet.result(time, node, may_replace=True, only=b)
    if not (is_recorded(b) and b.node and sheet.cell(b).name == out.name):
        sheet.say(node, f"np.copyto({out.name}, {sheet.operand(b)})")
    where = sheet.operand(condition)
    sheet.say(node, f"np.copyto({out.name}, {sheet.operand(a)}, where={where})")


def _astype_into(sheet: Sheet, time: int, node: Node) -> None:
    out = sheet.result(time, node)
    sheet.say(node, f'np.copyto({out.name}, {sheet.operands(node)}, casting="unsafe")')


def _put_at(sheet: Sheet, time: int, node: Node) -> None:
    """Zeros, with something at an index, or added there where that may name an element twice."""
    dout, *arrays = node.inputs
    out, names = sheet.result(time, node).name, [*map(sheet.operand, arrays)]
    index = text.index(node.params["form"], tuple(names))
    sheet.say(node, f"{out}.fill(0)")
    if any(np.ndim(x) and x.dtype != bool for x in arrays):
        index = index if [index] == names else f"np.s_[{index}]"
        sheet.say(node, f"np.add.at({out}, {index}, {sheet.operand(dout)})")
    else:
        sheet.say(node, f"{out}[{index}] = {sheet.operand(dout)}")


STATEMENTS: dict[Callable[..., Any], Callable[[Sheet, int, Node], Any]] = {
    np.matmul: _matmul,
    np.maximum: _extreme,
    np.minimum: _extreme,
    np.where: _where,
    np.astype: _astype_into,
    put_at: _put_at,
    read_labels: labels.read,
    read_numbers: labels.numbers,
    pick_at: labels.pick,
    subtract_at: labels.subtract,
    contract: tensors.product,
    laid_out: tensors.copy,
    add_windows: tensors.added_windows,
    np.pad: tensors.padded,
    np.stack: tensors.stacked,
}
"""How a result is written into its buffer; `NotImplemented` where it cannot be."""


def _getitem(node: Node, names: list[str]) -> str:
    return f"{names[0]}[{text.index(node.params['form'], tuple(names[1:]))}]"


def _astype(node: Node, names: list[str]) -> str:
    x = node.inputs[0]
    given = not np.ndim(x) and not (is_recorded(x) and x.node)  # perhaps as a number of Python
    array = f"np.asarray({names[0]})" if given else names[0]
    return f"{array}.astype({text.literal(node.params['dtype'])})"


def _reshape(node: Node, names: list[str]) -> str | None:
    if not node.params.keys() <= {"shape", "order"}:
        return None
    order = text.keywords({k: v for k, v in node.params.items() if (k, v) == ("order", "F")})
    return f"{names[0]}.reshape({text.literal(node.out.shape)}{order})"


def _transpose(node: Node, names: list[str]) -> str | None:
    return None if node.params.get("axes") else f"{names[0]}.T"


def _einsum(node: Node, names: list[str]) -> str:
    params = dict(node.params)
    subscripts = text.literal(params.pop("subscripts"))
    return f"np.einsum({', '.join([subscripts, *names])}{text.keywords(params)})"


EXPRESSIONS: dict[Callable[..., Any], Callable[[Node, list[str]], str | None]] = {
    getitem: _getitem,
    np.astype: _astype,
    np.reshape: _reshape,
    np.ravel: _reshape,
    np.transpose: _transpose,
    np.einsum: _einsum,
}
"""How a result is said that is a name of its own; `None` leaves it to the name."""
