"""What could have been meant in brackets: another index, other ends, another order."""

import ast
from collections.abc import Iterable, Iterator
from typing import Any

from clearprop.checking.findings import Kind
from clearprop.checking.slips import LOAD, Entries, exchanged, number


def subscripted(node: ast.Subscript) -> Entries:
    """What may have been meant with other brackets behind it, or none."""
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    named = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
    if isinstance(node.ctx, ast.Load) and not named:
        of_one = isinstance(node.slice, ast.Constant)
        yield node.value, Kind.WRONG_VALUE if of_one else Kind.WRONG_PLACE
    for i, part in enumerate(parts):
        alike = [j for j, other in enumerate(parts) if ast.dump(other) == ast.dump(part)]
        if i != alike[0]:
            continue
        for other in _indices(part):
            for places in ([i], alike)[: len(alike)]:
                made = [other if j in places else p for j, p in enumerate(parts)]
                index = ast.Tuple(made, LOAD) if isinstance(node.slice, ast.Tuple) else other
                yield ast.Subscript(node.value, index, node.ctx), Kind.WRONG_PLACE
    for _, _, order in exchanged(parts):
        yield ast.Subscript(node.value, ast.Tuple(order, LOAD), node.ctx), Kind.WRONG_PLACE


def _indices(part: Any) -> Iterator[Any]:
    """Other ends of a slice; the numbers and names in it are edited by themselves."""
    if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add | ast.Sub):
        yield part.left
    if not isinstance(part, ast.Slice):
        return
    start, stop, step = part.lower, part.upper, part.step
    one = ast.Constant(1)
    if start is not None or stop is not None or step is not None:
        yield ast.Slice(None, None, None)
    if step is None:
        yield ast.Slice(start, stop, number(-1))
    if start is None and stop is None:
        return
    if isinstance(stop, ast.UnaryOp):
        yield ast.Slice(stop.operand, None, step)
        yield ast.Slice(stop.operand, stop, step)
    if start is None:
        yield ast.Slice(one, None, step)
        yield ast.Slice(stop, None, step)
        yield from (ast.Slice(None, end, step) for end in _beside(stop))
    elif stop is None:
        yield ast.Slice(None, number(-1), step)
        yield ast.Slice(None, start, step)
        yield ast.Slice(None, ast.UnaryOp(ast.USub(), start), step)
        yield from (ast.Slice(begin, None, step) for begin in _beside(start))
    else:
        ends = list(zip(_beside(start), _beside(stop), strict=True))
        yield from (ast.Slice(begin, end, step) for begin, end in ends)
        yield from (ast.Slice(begin, stop, step) for begin, _ in ends)
        yield from (ast.Slice(start, end, step) for _, end in ends)


def _beside(node: Any) -> Iterator[ast.expr]:
    """One more, and one less."""
    for op in (ast.Add(), ast.Sub()):
        yield ast.BinOp(node, op, ast.Constant(1))


def _may_be_elsewhere(part: Any) -> bool:
    if isinstance(part, ast.Slice):
        return bool(part.lower or part.upper)
    return isinstance(part, ast.Attribute | ast.Name)


MOST_LISTS = 6
"""So many lists are tried in place of another."""


def is_counted(index: Any) -> bool:
    """Whether an index is made of the number of a round, and of nothing else."""
    nodes = [*ast.walk(index)]
    plain = ast.Name | ast.Constant | ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop
    plain |= ast.expr_context
    return any(isinstance(n, ast.Name) for n in nodes) and all(isinstance(n, plain) for n in nodes)


def lists_in(tree: Any) -> list[Any]:
    """What a function takes entries from by such an index, or appends to."""
    found = {}
    for node in ast.walk(tree):
        of_round = isinstance(node, ast.Subscript) and is_counted(node.slice)
        if of_round or getattr(node, "attr", "") == "append":
            taken: Any = node
            found[ast.unparse(taken.value)] = taken.value
    return [*found.values()][:MOST_LISTS]


def slices_of(trees: Iterable[Any]) -> dict[str, Any]:
    """The indices with slices in them, and names of indices, which may belong elsewhere."""
    found = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript):
                parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                if any(_may_be_elsewhere(p) for p in parts):
                    found[ast.unparse(node.slice)] = node.slice
    return found
