"""What could have been meant in place of an expression: the small slips of one line."""

import ast
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from clearprop.checking.findings import Kind


class Change(NamedTuple):
    """What stands there instead, and the kind of mistake that was made then.

    Changes with the same `key` are also made everywhere at once: somebody who takes one axis for
    another does so twice. Of statements, it is in place of so many `lines`.
    """

    new: Any
    kind: Kind
    key: Any = None
    rank: int = 0
    lines: int = 1


Entries = Iterator[tuple[Any, ...]]
"""The fields of changes."""
LOAD = ast.Load()
OPERATORS: dict[type, tuple[tuple[type, Kind], ...]] = {
    ast.Add: ((ast.Sub, Kind.SIGN), (ast.Mult, Kind.WRONG_VALUE)),
    ast.Sub: ((ast.Add, Kind.SIGN),),
    ast.Mult: ((ast.Div, Kind.FACTOR), (ast.Add, Kind.WRONG_VALUE)),
    ast.Div: ((ast.Mult, Kind.FACTOR),),
    ast.FloorDiv: ((ast.Div, Kind.INTEGER), (ast.Mod, Kind.WRONG_PLACE)),
    ast.Mod: ((ast.FloorDiv, Kind.WRONG_PLACE),),
    ast.BitAnd: ((ast.BitOr, Kind.MASK_INVERTED),),
    ast.BitOr: ((ast.BitAnd, Kind.MASK_INVERTED),),
}
COMPARISONS = (ast.Gt, ast.GtE, ast.Lt, ast.LtE, ast.Eq, ast.NotEq)


def _binary(node: ast.BinOp) -> Entries:
    a, op, b = node.left, node.op, node.right
    over_one = isinstance(op, ast.Div) and getattr(a, "value", None) == 1
    counts = isinstance(a, ast.Constant) or isinstance(b, ast.Constant)
    for other, kind in () if over_one else OPERATORS.get(type(op), ()):
        if other is not ast.Mult or not counts:  # nobody takes i + 1 for i * 1
            yield ast.BinOp(a, other(), b), kind
    if isinstance(op, ast.Mult | ast.Div):
        yield a, Kind.FACTOR
        if not over_one:  # nobody takes 1 / b for b
            yield (b if isinstance(op, ast.Mult) else ast.BinOp(b, op, a)), Kind.FACTOR
        is_power = isinstance(b, ast.BinOp) and isinstance(b.op, ast.Pow)
        if isinstance(op, ast.Div) and not (isinstance(b, ast.Constant) or is_power):
            # The slope of a quotient has the square of what divides.
            yield ast.BinOp(a, op, ast.BinOp(b, ast.Pow(), ast.Constant(2))), Kind.DROPPED_TERM
        yield from _shared_out_otherwise(node)
    elif isinstance(op, ast.Add | ast.Sub):
        yield a, Kind.EXTRA_TERM
        yield (b if isinstance(op, ast.Add) else ast.UnaryOp(ast.USub(), b)), Kind.EXTRA_TERM
        if isinstance(op, ast.Sub):
            yield ast.BinOp(b, op, a), Kind.SIGN
            if isinstance(a, ast.Constant):
                yield b, Kind.WRONG_VALUE
    elif isinstance(op, ast.MatMult):
        yield ast.BinOp(b, op, a), Kind.TRANSPOSED
        yield from _in_other_order(node)
    elif isinstance(op, ast.Pow):
        yield a, Kind.WRONG_VALUE
    yield from _brackets(node)


def _in_other_order(node: ast.BinOp) -> Entries:
    """A product of several matrices, two of them in each other's place."""
    factors: list[ast.expr] = [node.right]
    left: Any = node.left
    while isinstance(left, ast.BinOp) and isinstance(left.op, ast.MatMult):
        factors.insert(0, left.right)
        left = left.left
    for _, _, order in exchanged([left, *factors], 5) if len(factors) > 1 else ():
        first, *others = order
        for other in others:
            first = ast.BinOp(first, ast.MatMult(), other)
        yield first, Kind.TRANSPOSED


def _factors(node: ast.expr) -> list[ast.expr]:
    """What is multiplied, in its order."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors(node.left), *_factors(node.right)]
    return [node]


def _shared_out_otherwise(node: ast.BinOp) -> Entries:
    """A product with (1 - a) * b for a * (1 - b): shares of two directions, or of two gates."""
    *others, last = _factors(node)
    for i, other in enumerate(others):
        (one, is_rest), (two, is_rest_too) = map(_share, (other, last))
        if one is None or two is None or is_rest == is_rest_too:
            continue
        kept = [*others, last]
        kept[i], kept[-1] = (
            _rest_of(x) if rest else x for x, rest in ((one, is_rest_too), (two, is_rest))
        )
        product = kept[0]
        for factor in kept[1:]:
            product = ast.BinOp(product, ast.Mult(), factor)
        yield product, Kind.WRONG_VALUE


def _share(node: ast.expr) -> tuple[ast.expr | None, bool]:
    """The name in `a` or `1 - a`, and whether it is the rest."""
    rest = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)
    own: Any = node
    if rest:
        own = own.right if getattr(own.left, "value", None) == 1 else None
    return (own if isinstance(own, ast.Name | ast.Attribute) else None), rest


def _rest_of(node: ast.expr) -> ast.expr:
    return ast.BinOp(ast.Constant(1), ast.Sub(), node)


def _brackets(node: ast.BinOp) -> Entries:
    """The same signs with the brackets elsewhere."""
    a, op, b = node.left, node.op, node.right
    strong, weak = ast.Mult | ast.Div, ast.Add | ast.Sub
    for inner, outer in ((strong, weak), (weak, strong), (strong, strong), (weak, weak)):
        if not isinstance(op, outer):
            continue
        same = outer is inner
        if isinstance(a, ast.BinOp) and isinstance(a.op, inner) and not _agree(a.op, same):
            yield (
                ast.BinOp(a.left, a.op, ast.BinOp(a.right, op, b)),
                Kind.WRONG_VALUE,
            )
        if isinstance(b, ast.BinOp) and isinstance(b.op, inner) and not _agree(op, same):
            yield ast.BinOp(ast.BinOp(a, op, b.left), b.op, b.right), Kind.WRONG_VALUE


def _agree(first: ast.operator, same: bool) -> bool:
    """Whether brackets make no difference."""
    return same and isinstance(first, ast.Mult | ast.Add)


def _unary(node: ast.UnaryOp) -> Entries:
    kind = Kind.SIGN if isinstance(node.op, ast.USub) else Kind.MASK_INVERTED
    yield node.operand, kind


def _compare(node: ast.Compare) -> Entries:
    if len(node.ops) == 1 and not _asks_a_setting(node):
        for other in COMPARISONS:
            if not isinstance(node.ops[0], other):
                yield ast.Compare(node.left, [other()], node.comparators), Kind.MASK_INVERTED


def _asks_a_setting(node: Any) -> bool:
    """Whether something is compared with a word: what a setting is called is no slip."""
    sides = (node.left, *node.comparators) if isinstance(node, ast.Compare) else ()
    return any(isinstance(s, ast.Constant) and isinstance(s.value, str) for s in sides)


def _constant(node: ast.Constant) -> Entries:
    v = node.value
    if isinstance(v, bool):
        yield ast.Constant(not v), Kind.WRONG_VALUE
    elif isinstance(v, int | float):
        near: tuple[float, ...] = (v + 1, v - 1, -v)
        far: tuple[float, ...] = (2 * v, 0, 1, 3, 10 * v)
        if isinstance(v, float):
            halves = (v + 1, v - 1) if v % 1 == 0.5 else ()  # powers: -0.5 for -1.5
            near, far = (
                (-v, *halves),
                (2 * v, v / 2, 1 / v if v else 1.0, v * v, 1 - v, 10 * v, v / 10, 0.0, 1.0),
            )
        for other in dict.fromkeys((*near, *far)):
            if other != v:
                rank = 0 if other in near else 3
                kind = Kind.SIGN if other == -v else Kind.WRONG_VALUE
                yield number(other), kind, (v, other), rank
    elif isinstance(v, str) and "->" in v:
        for other in _einsums(v):
            yield ast.Constant(other), Kind.WRONG_AXIS


def number(v: Any) -> ast.expr:
    """A number as it is written: a minus is a sign before it."""
    if isinstance(v, tuple):
        return ast.Tuple([number(i) for i in v], LOAD)
    if v is not None and v < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-v))
    return ast.Constant(v)


def _einsums(text: str) -> Iterator[str]:
    """Subscripts with two letters exchanged in one of their words."""
    words = text.replace("->", ",").split(",")
    for i, word in enumerate(words):
        for one, two, letters in exchanged(word):
            if one.isalpha() and two.isalpha() and one != two:
                made = [*words[:i], "".join(letters), *words[i + 1 :]]
                yield f"{','.join(made[:-1])}->{made[-1]}"


def _attribute(node: ast.Attribute) -> Entries:
    if node.attr == "T":
        yield node.value, Kind.TRANSPOSED


def listed_otherwise(node: ast.Tuple | ast.List) -> Entries:
    """The same entries in another order."""
    for _, _, order in exchanged(node.elts, 5):
        yield type(node)(order, LOAD), Kind.SWAPPED


def exchanged(
    entries: Sequence[Any], most: int | None = None
) -> Iterator[tuple[Any, Any, list[Any]]]:
    """Each two of the first entries, and all with these two in each other's place."""
    for i, j in itertools.combinations(range(len(entries[:most])), 2):
        order = list(entries)
        order[i], order[j] = entries[j], entries[i]
        yield entries[i], entries[j], order


def _either(node: ast.IfExp) -> Entries:
    if _asks_a_setting(node.test):
        return
    yield ast.IfExp(node.test, node.orelse, node.body), Kind.MASK_INVERTED
    yield node.body, Kind.WRONG_VALUE
    yield node.orelse, Kind.WRONG_VALUE


SMALL: dict[type, Any] = {
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.Compare: _compare,
    ast.Constant: _constant,
    ast.Attribute: _attribute,
    ast.Tuple: listed_otherwise,
    ast.List: listed_otherwise,
    ast.IfExp: _either,
}
"""What makes the changes of each kind of expression."""
