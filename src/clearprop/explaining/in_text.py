"""Formulas as plain text, as one writes them in a letter."""

from collections.abc import Mapping
from typing import Any

from clearprop.explaining.expressions import (
    Call,
    Cases,
    Comparison,
    Equation,
    Expression,
    Fenced,
    Folded,
    Indexed,
    MatrixProduct,
    Name,
    Negative,
    Number,
    Partial,
    Power,
    Product,
    Quotient,
    Root,
    Sum,
    Symbol,
    Total,
    Transposed,
)
from clearprop.explaining.names import name_in_text
from clearprop.explaining.numbers import shorten
from clearprop.explaining.words.en import WORDS

LOW, SUM, PRODUCT, POWER, ATOM = range(5)
"""How closely things bind; what binds less closely than its place asks for gets brackets."""
_LEVELS: dict[type, int] = {
    Cases: LOW, Comparison: LOW, Equation: LOW,
    Sum: SUM, Negative: SUM,
    Product: PRODUCT, MatrixProduct: PRODUCT, Quotient: PRODUCT, Partial: PRODUCT, Total: PRODUCT,
    Power: POWER, Transposed: POWER, Indexed: POWER, Root: POWER,
}  # fmt: skip
_RAISED = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def in_text(expression: Expression, words: Mapping[str, str] = WORDS) -> str:
    """Write an expression as text.

    >>> print(in_text(Product((Name("tax"), Sum((Name("a"), Negative(Name("b"))))))))
    tax · (a − b)
    >>> print(in_text(Partial(Name("price"), Name("apple"))))
    ∂price/∂apple
    """
    return _Writer(words).write(expression)


def level(e: Expression) -> int:
    """How closely an expression binds."""
    if isinstance(e, Number):
        return SUM if shorten(e)[0].startswith("−") else ATOM
    return _LEVELS.get(type(e), ATOM)


class _Writer:
    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = words

    def write(self, e: Expression) -> str:
        return getattr(self, f"_{type(e).__name__.lower()}")(e)

    def at(self, e: Expression, least: int) -> str:
        text = self.write(e)
        return text if level(e) >= least else f"({text})"

    def _name(self, e: Name) -> str:
        return name_in_text(e.text)

    def _symbol(self, e: Symbol) -> str:
        return e.text

    def _folded(self, e: Folded) -> str:
        return "…"

    def _number(self, e: Number) -> str:
        digits, exponent, _ = shorten(e)
        if exponent is None:
            return digits
        return f"{digits}×10{_raised(exponent)}"

    def _partial(self, e: Partial) -> str:
        return f"∂{self.at(e.of, ATOM)}/∂{self.at(e.by, ATOM)}"

    def _sum(self, e: Sum) -> str:
        text = self.write(e.terms[0]) if level(e.terms[0]) >= SUM else self.at(e.terms[0], PRODUCT)
        for term in e.terms[1:]:
            if isinstance(term, Negative):
                text += f" − {self.at(term.inner, PRODUCT)}"
            else:
                text += f" + {self.at(term, PRODUCT)}"
        return text

    def _negative(self, e: Negative) -> str:
        return f"−{self.at(e.inner, PRODUCT)}"

    def _product(self, e: Product) -> str:
        return " · ".join(self._factor(f, first=i == 0) for i, f in enumerate(e.factors))

    def _factor(self, f: Expression, first: bool) -> str:
        if isinstance(f, Partial) or (first and isinstance(f, Number)):
            return self.write(f)
        return self.at(f, POWER)

    def _matrixproduct(self, e: MatrixProduct) -> str:
        return " ".join(self.at(f, POWER) for f in e.factors)

    def _quotient(self, e: Quotient) -> str:
        above = self.at(e.above, POWER if isinstance(e.above, Partial) else PRODUCT)
        return f"{above} / {self.at(e.below, POWER)}"

    def _power(self, e: Power) -> str:
        base, exponent = self.at(e.base, ATOM), e.exponent
        sign = -1 if isinstance(exponent, Negative) else 1
        inner: Any = exponent.inner if isinstance(exponent, Negative) else exponent
        if isinstance(inner, Number) and inner.value.is_integer() and abs(inner.value) < 1e6:
            return base + _raised(sign * int(inner.value))
        return f"{base}^{self.at(exponent, ATOM)}"

    def _root(self, e: Root) -> str:
        return ("√" if e.degree == 2 else "∛") + self.at(e.inner, ATOM)

    def _call(self, e: Call) -> str:
        return f"{e.function}({', '.join(map(self.write, e.arguments))})"

    def _fenced(self, e: Fenced) -> str:
        left, right = ("|", "|") if e.fence == "|" else ("⌊", "⌋")
        return f"{left}{self.write(e.inner)}{right}"

    def _transposed(self, e: Transposed) -> str:
        return f"{self.at(e.inner, ATOM)}ᵀ"

    def _indexed(self, e: Indexed) -> str:
        return f"{self.at(e.inner, ATOM)}_{e.index}"

    def _total(self, e: Total) -> str:
        return f"Σ{f'_{e.index}' if e.index else ''} {self.at(e.inner, PRODUCT)}"

    def _comparison(self, e: Comparison) -> str:
        return f"{self.write(e.left)} {e.sign} {self.write(e.right)}"

    def _cases(self, e: Cases) -> str:
        parts = [
            self.words["case"].format(value=self.write(value), condition=self.write(condition))
            for value, condition in e.cases
        ]
        if e.otherwise is not None:
            parts.append(self.words["otherwise"].format(value=self.write(e.otherwise)))
        return self.words["between_cases"].join(parts)

    def _equation(self, e: Equation) -> str:
        text = self.write(e.sides[0])
        for sign, side in zip(e.signs, e.sides[1:], strict=True):
            text += f" {sign} {self.write(side)}"
        return text


def _raised(exponent: int) -> str:
    return str(exponent).replace("-", "−").translate(_RAISED)
