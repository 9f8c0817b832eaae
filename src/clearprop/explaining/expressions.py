"""Mathematics as a small tree: what is said about a graph before it is written down."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, dataclass_transform


@dataclass_transform(frozen_default=True)
class Expression:
    """A piece of mathematics. Equal trees are equal; nothing in them is ever changed.

    Each kind of expression is a frozen dataclass.
    """

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True)(cls)


class Name(Expression):
    """What a person calls a value. It may be any text at all."""

    text: str


class Symbol(Expression):
    """A sign of the notation itself, such as π or N."""

    text: str


class Number(Expression):
    """A number, with the spacing of its dtype, which says how many of its digits mean anything."""

    value: float
    eps: float = 2.0**-52
    source: Any = field(default=None, compare=False, repr=False)
    """What the number is, where it may change: see `numbers.number`."""


class Partial(Expression):
    """The derivative `∂of/∂by`."""

    of: Expression
    by: Expression


class Sum(Expression):
    """Terms that are added; a `Negative` among them is subtracted."""

    terms: tuple[Expression, ...]


class Product(Expression):
    """Factors that are multiplied, number by number: `a · b`."""

    factors: tuple[Expression, ...]


class MatrixProduct(Expression):
    """Factors side by side: `x W`."""

    factors: tuple[Expression, ...]


class Quotient(Expression):
    """`above / below`."""

    above: Expression
    below: Expression


class Negative(Expression):
    """`−inner`."""

    inner: Expression


class Power(Expression):
    """`base` to the `exponent`."""

    base: Expression
    exponent: Expression


class Root(Expression):
    """The square root, or with `degree` 3 the cube root."""

    inner: Expression
    degree: int = 2


class Call(Expression):
    """A function of its arguments."""

    function: str
    arguments: tuple[Expression, ...]


class Picked(Expression):
    """Elements of an array: `x[0, 1:]`, the index as it is written in Python."""

    inner: Expression
    index: str


class Fenced(Expression):
    """Something between bars: `|x|`, or `⌊x⌋` for the integer below."""

    inner: Expression
    fence: str


class Transposed(Expression):
    """`innerᵀ`."""

    inner: Expression


class Indexed(Expression):
    """`inner` with an index below: `x_n`."""

    inner: Expression
    index: str


class Total(Expression):
    """`Σ inner`, over an index or over everything."""

    inner: Expression
    index: str = ""


class Comparison(Expression):
    """`left > right`, with any of > ≥ < ≤ = ≠."""

    left: Expression
    sign: str
    right: Expression


class Cases(Expression):
    """One value where its condition holds, another where it does not."""

    cases: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None


class Folded(Expression):
    """`…`, for what would be too long."""


class Equation(Expression):
    """Sides that are equal one after the other; the signs are = or ≈."""

    sides: tuple[Expression, ...]
    signs: tuple[str, ...]
    given: tuple[Expression, ...] = field(default=(), compare=False, repr=False)
    """All sides, with those that are left out since they are the same as the one before."""


def shortened(parts: Sequence[Expression], most: int = 10) -> tuple[Expression, ...]:
    """Of many parts, those at the start and at the end."""
    half = most // 2
    return tuple(parts if len(parts) <= most else (*parts[:half], Folded(), *parts[-half:]))


def transform(expression: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """Make a tree anew, from the leaves up, each node changed by `change`."""

    def anew(value: Any) -> Any:
        if isinstance(value, Expression):
            return transform(value, change)
        return tuple(map(anew, value)) if isinstance(value, tuple) else value

    return change(type(expression)(*map(anew, vars(expression).values())))


def parts(value: Any) -> Iterator[Expression]:
    """An expression and all that stands in it."""
    if isinstance(value, Expression):
        yield value
        value = tuple(vars(value).values())
    if isinstance(value, tuple):
        for inner in value:
            yield from parts(inner)


def substitute(expression: Expression, known: Mapping[str, Expression]) -> Expression:
    """Put expressions in the place of names, all at once.

    >>> from clearprop.explaining.in_text import in_text
    >>> from clearprop.explaining.reading import read
    >>> in_text(simplify(substitute(read("y · xʸ⁻¹"), {"x": Name("apple"), "y": Number(3)})))
    '3 · apple²'
    """

    def change(e: Expression) -> Expression:
        return known.get(e.text, e) if isinstance(e, Name) else e

    return transform(expression, change)


def simplify(expression: Expression) -> Expression:
    """Drop factors of 1 and powers of 1, compute sums of plain numbers, and lose double signs."""
    return transform(expression, _simpler)


def _simpler(e: Expression) -> Expression:
    if isinstance(e, Product):
        return _product(e)
    if isinstance(e, Sum) and all(isinstance(_positive(t), Number) for t in e.terms):
        numbers: list[Any] = [_positive(t) for t in e.terms]
        signs = [-1 if isinstance(t, Negative) else 1 for t in e.terms]
        total = sum(s * n.value for s, n in zip(signs, numbers, strict=True))
        return Number(total, max(n.eps for n in numbers))
    if isinstance(e, Power) and isinstance(e.exponent, Number) and e.exponent.value in (0, 1):
        return e.base if e.exponent.value else Number(1.0)
    if isinstance(e, Quotient) and e.below == Number(1.0):
        return e.above
    if isinstance(e, Negative) and isinstance(e.inner, Negative):
        return e.inner.inner
    if isinstance(e, Negative) and isinstance(e.inner, Number):
        return Number(-e.inner.value, e.inner.eps)
    return e


def _product(e: Product) -> Expression:
    factors: list[Expression] = []
    negative = False
    for factor in e.factors:
        if isinstance(factor, Negative):
            negative, factor = not negative, factor.inner
        inner = factor.factors if isinstance(factor, Product) else (factor,)
        factors.extend(f for f in inner if f != Number(1.0))
    if not factors:
        made: Expression = Number(1.0)
    else:
        made = factors[0] if len(factors) == 1 else Product(tuple(factors))
    return _simpler(Negative(made)) if negative else made


def _positive(e: Expression) -> Expression:
    return e.inner if isinstance(e, Negative) else e
