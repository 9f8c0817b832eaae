"""Formulas as JSON: what never changes as text, with slots where there are numbers that do."""

from typing import Any

from clearprop.explaining import expressions as ex
from clearprop.explaining.expressions import Expression, parts
from clearprop.explaining.in_text import in_text, level


def changes(expression: Expression) -> bool:
    """Whether a number in it may change."""
    return any(isinstance(e, ex.Number) and e.source is not None for e in parts(expression))


def tree(e: Expression) -> Any:
    """An expression as lists: its kind, and what it is made of.

    A number that may change is `["#", slot, eps]`. What stays is `[text, level, kind]`: how closely
    it binds, and whether it is a number ("1") or a partial derivative ("d").
    """
    if isinstance(e, ex.Number) and e.source is not None:
        return ["#", e.source, e.eps]
    if not changes(e):
        kind = {ex.Number: "1", ex.Partial: "d"}.get(type(e), "")
        value = [e.value, e.eps] if isinstance(e, ex.Number) else []
        return [in_text(e), level(e), kind, *value]
    match e:
        case ex.Equation():
            return ["=", *map(tree, e.given)]
        case ex.Sum(terms):
            return ["+", *map(_signed, terms)]
        case ex.Product(factors):
            return ["*", *map(tree, factors)]
        case ex.MatrixProduct(factors):
            return ["@", *map(tree, factors)]
        case ex.Quotient(above, below):
            return ["/", tree(above), tree(below)]
        case ex.Negative(inner):
            return ["-", tree(inner)]
        case ex.Power(base, exponent):
            return ["^", tree(base), _signed(exponent)]
        case ex.Root(inner, degree):
            return ["√" if degree == 2 else "∛", tree(inner)]
        case ex.Call(function, arguments):
            return ["()", function, *map(tree, arguments)]
        case ex.Fenced(inner, fence):
            return ["|", fence, tree(inner)]
        case ex.Comparison(left, sign, right):
            return ["<", sign, tree(left), tree(right)]
        case ex.Total(inner, index):
            return ["Σ", index, tree(inner)]
        case ex.Transposed(inner):
            return ["T", tree(inner)]
        case ex.Indexed(inner, index):
            return ["_", index, tree(inner)]
    raise TypeError(f"{e!r} cannot change")


def _signed(e: Expression) -> Any:
    """A minus sign before a term or in an exponent stays one."""
    return ["-", tree(e.inner)] if isinstance(e, ex.Negative) else tree(e)
