"""What NumPy source says otherwise than by calling a function by its name."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compiler.at_labels import pick_at, subtract_at
from clearprop.compiler.engines import labels, tensors, text
from clearprop.compiler.engines.sheet import Cell, Sheet
from clearprop.compiler.rewriting import is_recorded
from clearprop.compiler.tensor_products import contract, laid_out
from clearprop.graph.node import Node
from clearprop.primitives.indexing import Place, getitem, put_at
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
    """Of two, by a mask.

    NumPy looks at each element of a mask in turn. Bits × 1 are themselves and × 0 they are 0,
    whatever number they stand for, and that goes in vectors: 0.05 ms against 0.9 for 131,000.
    """
    condition, a, b = node.inputs
    bits = BITS.get(node.out.dtype) if _is_mask(condition) else None
    where = sheet.operand(condition)
    if bits and _is_array(a, node) and _is_zero(b):
        out = sheet.result(time, node, may_replace=True, only=a)
        ours, into = (sheet.seen(x, "bits", bits, x.shape).name for x in (sheet.cell(a), out))
        sheet.say(node, f"np.multiply({ours}, {where}, out={into})")
        return
    out = sheet.result(time, node, may_replace=True, only=b)
    if not (is_recorded(b) and b.node and sheet.cell(b).name == out.name):
        sheet.say(node, f"np.copyto({out.name}, {sheet.operand(b)})")
    if not bits or not (_is_array(a, node) or _is_zero(a)):
        sheet.say(node, f"np.copyto({out.name}, {sheet.operand(a)}, where={where})")
        return
    made = sheet.cells["scratch", sheet.scratch(time, node.out, f"{out.name}_apart")]
    into, apart = (sheet.seen(x, "bits", bits, x.shape).name for x in (out, made))
    changed = into
    if not _is_zero(a):
        cell, changed = sheet.cell(a), apart
        ours = sheet.seen(cell, "bits", bits, cell.shape).name
        sheet.say(node, f"np.bitwise_xor({ours}, {into}, out={apart})")
    sheet.say(node, f"np.multiply({changed}, {where}, out={apart})")
    sheet.say(node, f"np.bitwise_xor({into}, {apart}, out={into})")


BITS = {np.dtype(f"f{n}"): f".view(np.uint{8 * n})" for n in (2, 4, 8)}


def _is_mask(x: Any) -> bool:
    return np.ndim(x) > 0 and x.dtype == bool


def _is_array(x: Any, node: Node) -> bool:
    return is_recorded(x) and x.ndim > 0 and x.dtype == node.out.dtype


def _is_zero(x: Any) -> bool:
    return not is_recorded(x) and not np.ndim(x) and x == 0 and not np.signbit(x)


def _astype_into(sheet: Sheet, time: int, node: Node) -> None:
    out = sheet.result(time, node)
    sheet.say(node, f'np.copyto({out.name}, {sheet.operands(node)}, casting="unsafe")')


def _put_at(sheet: Sheet, time: int, node: Node) -> None:
    """Zeros, with something at an index, or added there where that may name an element twice."""
    dout, *arrays = node.inputs
    cell, names = sheet.result(time, node), [*map(sheet.operand, arrays)]
    out, index = cell.name, text.index(node.params["form"], tuple(names))
    sheet.say(node, f"{out}.fill(0)")
    if node.params["form"] == (Place(0),) and _are_rows(node, cell):
        _add_rows(sheet, time, node, cell)
    elif any(np.ndim(x) and x.dtype != bool for x in arrays):
        index = index if [index] == names else f"np.s_[{index}]"
        sheet.say(node, f"np.add.at({out}, {index}, {sheet.operand(dout)})")
    else:
        sheet.say(node, f"{out}[{index}] = {sheet.operand(dout)}")


def _are_rows(node: Node, out: Cell) -> bool:
    """Whether whole rows, such as those of a table of words, are added at their numbers."""
    dout, places = node.inputs
    safe = np.ndim(places) and np.can_cast(places.dtype, np.int64) and places.dtype != bool
    return bool(safe and len(out.shape) > 1 and out.order is None and dout.dtype == out.dtype)


def _add_rows(sheet: Sheet, time: int, node: Node, out: Cell) -> None:
    """Add rows element by element, for which NumPy is quick: 0.12 ms against 0.5 for 512 × 64."""
    dout, places = node.inputs
    length = int(np.prod(out.shape[1:]))
    shape = (*np.shape(places), length)
    each = sheet.scratch(time, np.empty(shape, np.int64), f"{out.name}_places")
    steps = sheet.constant(np.arange(length), "all_places")
    start = f"np.expand_dims({sheet.operand(places)}, -1)"
    sheet.say(node, f"np.multiply({start}, {length}, out={each})")
    sheet.say(node, f"np.add({each}, {steps}, out={each})")
    flat = f"{sheet.flat(out)}, {sheet.flat(sheet.cells['scratch', each])}"
    sheet.say(node, f"np.add.at({flat}, {sheet.operand(dout)}.reshape(-1))")


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
