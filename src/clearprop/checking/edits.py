"""What could have been meant in place of each expression, and each line, of a source."""

import ast
import copy
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from clearprop.checking.codes import with_parts
from clearprop.checking.findings import Kind
from clearprop.checking.slips import (
    LOAD,
    OPERATORS,
    SMALL,
    Change,
    Entries,
)
from clearprop.checking.slips_in_calls import called
from clearprop.checking.slips_in_places import subscripted

_MAKERS: dict[type, Any] = {**SMALL, ast.Call: called, ast.Subscript: subscripted}


def edits(node: ast.expr) -> Iterator[Change]:
    """The expressions that may have been meant where this one stands."""
    maker = _MAKERS.get(type(node))
    for entry in maker(node) if maker else ():
        yield Change(*entry)


def statements(node: ast.stmt, following: Sequence[ast.stmt]) -> Iterator[Change]:
    """The statements that may have been meant in place of this one, or of it and the next ones."""
    for body, kind in (*_statement(node), *_counted(node)):
        yield Change(body, kind, rank=0 if len(body) == 1 else 4)
    yield from _in_other_order(node, following)


def _statement(node: ast.stmt) -> Entries:
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        (target,) = node.targets
        if isinstance(target, ast.Name | ast.Subscript | ast.Attribute):
            yield [ast.AugAssign(target, ast.Add(), node.value)], Kind.NOT_SUMMED
        if isinstance(target, ast.Name):  # where the other writes to dout
            whole = ast.BinOp(ast.Name(target.id, LOAD), ast.Add(), node.value)
            yield [ast.Assign([target], whole)], Kind.NOT_SUMMED
        if isinstance(target, ast.Subscript):
            yield [_at_each(ast.Add, target, node.value)], Kind.NOT_SUMMED
        value: Any = node.value
        adds = isinstance(target, ast.Subscript) and isinstance(value, ast.BinOp)
        if adds and type(value.op) in AT and ast.unparse(value.left) == ast.unparse(target):
            yield [_at_each(type(value.op), target, value.right)], Kind.NOT_SUMMED
        for other in () if isinstance(node.value, ast.Tuple) else _targets(target):
            kind = Kind.SWAPPED if isinstance(other, ast.Tuple) else Kind.WRONG_PLACE
            yield [ast.Assign([other], node.value)], kind
        for other, value in _exchanged(target, node.value):
            yield [ast.Assign([other], value)], Kind.WRONG_PLACE
    elif isinstance(node, ast.AugAssign):
        target, op = node.target, type(node.op)
        if op in (ast.Add, ast.Sub):
            yield [ast.Assign([target], node.value)], Kind.NOT_SUMMED
            yield [ast.AugAssign(target, OPERATORS[op][0][0](), node.value)], Kind.SIGN
        if op in AT and isinstance(target, ast.Subscript):
            yield [_at_each(op, target, node.value)], Kind.NOT_SUMMED
        yield [], Kind.EXTRA_TERM if op in (ast.Add, ast.Sub) else Kind.FACTOR
        for other in _targets(target):
            yield [ast.AugAssign(other, node.op, node.value)], Kind.WRONG_PLACE
        for other, value in _exchanged(target, node.value):
            yield [ast.AugAssign(other, node.op, value)], Kind.WRONG_PLACE
    elif isinstance(node, ast.If):
        yield node.body, Kind.WRONG_VALUE
        yield node.orelse, Kind.WRONG_VALUE
    if isinstance(node, ast.Assign | ast.Expr):
        yield [], Kind.EXTRA_TERM


def _counted(node: Any) -> Entries:
    """How often a row counts, where a place of it is set to -1, or has 1 taken off."""
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    value: Any = getattr(node, "value", None)
    negative = isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub)
    number = value.operand if negative else value
    if not isinstance(target, ast.Subscript) or getattr(number, "value", None) != 1:
        return
    for axis in (1, 0):
        total: ast.expr = ast.parse(f"{ast.unparse(target.value)}.sum(axis={axis})").body[0].value  # type: ignore[attr-defined]
        total = ast.UnaryOp(value.op, total) if negative else total
        if isinstance(node, ast.AugAssign):
            yield [ast.AugAssign(target, node.op, total)], Kind.NOT_SUMMED
        else:
            yield [ast.Assign([target], total)], Kind.NOT_SUMMED


def _in_other_order(node: ast.stmt, following: Sequence[ast.stmt]) -> Iterator[Change]:
    """This statement and the next ones one after the other otherwise, or all at the same time."""
    run = [node, *itertools.takewhile(lambda s: isinstance(s, MOVED), following[: NEAR - 1])]
    for count, last in enumerate(run[1:], 2):
        if not _names(node).isdisjoint(_names(last)):  # else it may as well stay before the last
            again = isinstance(node, ast.Assign) and _targets_of(node) == _targets_of(last)
            kind = Kind.WRONG_PLACE if again else Kind.STALE
            between = run[1 : count - 1]
            yield Change([*between, last, node], kind, rank=2, lines=count)
            if between:
                yield Change([last, node, *between], kind, rank=2, lines=count)
        if at_once := _at_once(run[:count]):
            yield Change([at_once], Kind.STALE, lines=count)


MOVED = ast.Assign | ast.AugAssign | ast.Expr
"""The statements that may have been meant to come earlier."""
NEAR = 3
"""So many lines are looked at for another order of them."""


def _names(node: ast.stmt) -> set[str]:
    """What a statement reads or sets, as it is written: names, and what hangs on `self`."""
    return {
        ast.unparse(part) for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute)
    } - NOBODYS


NOBODYS = {"self", "np", "numpy"}


AT = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}
"""The functions whose `at` takes an index that comes several times as often as it comes."""


def _at_each(op: type, target: Any, value: ast.expr) -> ast.stmt:
    numpy, index = ast.Name("np", LOAD), target.slice
    at = ast.Attribute(ast.Attribute(numpy, AT[op], LOAD), "at", LOAD)
    if any(isinstance(part, ast.Slice) for part in ast.walk(index)):
        index = ast.Subscript(ast.Attribute(numpy, "s_", LOAD), index, LOAD)
    return ast.Expr(ast.Call(at, [target.value, index, value], []))


def _targets_of(node: Any) -> list[str]:
    """What a statement assigns to, as it is written."""
    targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
    return [ast.unparse(target) for target in targets if target is not None]


def _at_once(run: Sequence[Any]) -> ast.Assign | None:
    """Assignments the last of which reads what the first has set, done at the same time."""
    targets: list[ast.expr] = []
    values: list[ast.expr] = []
    for node in run:
        if not isinstance(node, ast.Assign | ast.AugAssign):
            return None
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if not isinstance(target, ast.Name | ast.Subscript):
            return None
        value = node.value
        if isinstance(node, ast.AugAssign):
            read: Any = copy.copy(target)
            read.ctx = LOAD
            value = ast.BinOp(read, node.op, value)
        targets.append(target)
        values.append(value)
    if ast.unparse(targets[0]) not in map(ast.unparse, _places(values[-1])):
        return None
    return ast.Assign([ast.Tuple(targets, ast.Store())], ast.Tuple(values, LOAD))


def _places(value: ast.expr) -> Iterator[ast.expr]:
    """The names and elements that an expression reads."""
    return (node for node in ast.walk(value) if isinstance(node, ast.Name | ast.Subscript))


def _targets(target: Any) -> Iterator[Any]:
    """Other places for what is assigned: other indices, names in another order."""
    for other in _MAKERS.get(type(target), lambda _: ())(target):
        if isinstance(other[0], ast.Subscript | ast.Tuple):
            made = other[0]
            yield type(made)(**{**dict(ast.iter_fields(made)), "ctx": ast.Store()})


def _exchanged(target: Any, value: Any) -> Iterator[tuple[Any, Any]]:
    """The index of what is assigned to and that of what is assigned, exchanged: all or an axis."""
    if isinstance(target, ast.Subscript):
        for node in ast.walk(value):
            for mine, other in _pairs(target, node) if isinstance(node, ast.Subscript) else ():
                if ast.dump(mine) != ast.dump(other):
                    yield (
                        ast.Subscript(
                            target.value, swapped(target.slice, mine, other), ast.Store()
                        ),
                        swapped(value, other, mine),
                    )


def _pairs(target: ast.Subscript, node: ast.Subscript) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The indices of two, and what is cut along their first axes where only one has several."""
    yield target.slice, node.slice
    mine, other = (getattr(each.slice, "elts", [each.slice])[0] for each in (target, node))
    several = isinstance(target.slice, ast.Tuple) != isinstance(node.slice, ast.Tuple)
    if several and isinstance(mine, ast.Slice) and isinstance(other, ast.Slice):
        yield mine, other


def swapped(tree: Any, old: Any, new: Any) -> Any:
    """A tree with one node replaced; the others are shared, or the same."""
    return new if tree is old else with_parts(tree, lambda part: swapped(part, old, new))
