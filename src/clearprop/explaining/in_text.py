"""Formulas as plain text, as one writes them in a letter."""

from collections.abc import Mapping
from typing import Any

from clearprop.explaining import expressions as ex
from clearprop.explaining.expressions import Expression
from clearprop.explaining.names import name_in_text
from clearprop.explaining.numbers import shorten
from clearprop.explaining.words.en import WORDS

LOW, SUM, PRODUCT, POWER, ATOM = range(5)
"""How closely things bind; what binds less closely than its place asks for gets brackets."""
_LEVELS: dict[type, int] = {
    ex.Cases: LOW, ex.Comparison: LOW, ex.Equation: LOW,
    ex.Sum: SUM, ex.Negative: SUM,
    ex.Product: PRODUCT, ex.MatrixProduct: PRODUCT, ex.Quotient: PRODUCT,
    ex.Partial: PRODUCT, ex.Total: PRODUCT,
    ex.Power: POWER, ex.Transposed: POWER, ex.Indexed: POWER, ex.Root: POWER,
}  # fmt: skip
_RAISED = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def in_text(expression: Expression, words: Mapping[str, str] = WORDS) -> str:
    """Write an expression as text.

    >>> tax, a, b = map(ex.Name, ("tax", "a", "b"))
    >>> in_text(ex.Product((tax, ex.Sum((a, ex.Negative(b)))))), in_text(ex.Partial(a, b))
    ('tax · (a − b)', '∂a/∂b')
    """
    return Writer(words).write(expression)


def level(e: Expression) -> int:
    """How closely an expression binds."""
    if isinstance(e, ex.Number):
        return SUM if shorten(e)[0].startswith("−") else ATOM
    return _LEVELS.get(type(e), ATOM)


class Writer:
    """Writes each kind of expression by a method of its name; other notations change some."""

    minus, times, brackets = "−", " · ", "({})"
    signs: Mapping[str, str] = {}
    bare: tuple[type, ...] = (ex.Partial,)
    """What needs no brackets among factors."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = words

    def write(self, e: Expression) -> str:
        return getattr(self, f"_{type(e).__name__.lower()}")(e)

    def at(self, e: Expression, least: int) -> str:
        text = self.write(e)
        return text if level(e) >= least else self.brackets.format(text)

    def _name(self, e: ex.Name) -> str:
        return name_in_text(e.text)

    def _symbol(self, e: ex.Symbol) -> str:
        return e.text

    def _folded(self, e: ex.Folded) -> str:
        return "…"

    def _number(self, e: ex.Number) -> str:
        digits, exponent, _ = shorten(e)
        if exponent is None:
            return digits
        return f"{digits}×10{_raised(exponent)}"

    def _partial(self, e: ex.Partial) -> str:
        return f"∂{self.at(e.of, ATOM)}/∂{self.at(e.by, ATOM)}"

    def _sum(self, e: ex.Sum) -> str:
        text = self.at(e.terms[0], SUM)
        for term in e.terms[1:]:
            less = isinstance(term, ex.Negative)
            text += (
                f" {self.minus if less else '+'} {self.at(term.inner if less else term, PRODUCT)}"
            )
        return text

    def _negative(self, e: ex.Negative) -> str:
        return f"{self.minus}{self.at(e.inner, PRODUCT)}"

    def _product(self, e: ex.Product) -> str:
        return self.times.join(self._factor(f, first=i == 0) for i, f in enumerate(e.factors))

    def _factor(self, f: Expression, first: bool) -> str:
        if isinstance(f, self.bare) or (first and isinstance(f, ex.Number)):
            return self.write(f)
        return self.at(f, POWER)

    def _matrixproduct(self, e: ex.MatrixProduct) -> str:
        return " ".join(self.at(f, POWER) for f in e.factors)

    def _quotient(self, e: ex.Quotient) -> str:
        above = self.at(e.above, POWER if isinstance(e.above, ex.Partial) else PRODUCT)
        return f"{above} / {self.at(e.below, POWER)}"

    def _power(self, e: ex.Power) -> str:
        base, exponent = self.at(e.base, ATOM), e.exponent
        sign = -1 if isinstance(exponent, ex.Negative) else 1
        inner: Any = exponent.inner if isinstance(exponent, ex.Negative) else exponent
        if isinstance(inner, ex.Number) and inner.value.is_integer() and abs(inner.value) < 1e6:
            return base + _raised(sign * int(inner.value))
        return f"{base}^{self.at(exponent, ATOM)}"

    def _root(self, e: ex.Root) -> str:
        return ("√" if e.degree == 2 else "∛") + self.at(e.inner, ATOM)

    def _call(self, e: ex.Call) -> str:
        return f"{e.function}({', '.join(map(self.write, e.arguments))})"

    def _fenced(self, e: ex.Fenced) -> str:
        left, right = ("|", "|") if e.fence == "|" else ("⌊", "⌋")
        return f"{left}{self.write(e.inner)}{right}"

    def _transposed(self, e: ex.Transposed) -> str:
        return f"{self.at(e.inner, ATOM)}ᵀ"

    def _indexed(self, e: ex.Indexed) -> str:
        return f"{self.at(e.inner, ATOM)}_{e.index}"

    def _total(self, e: ex.Total) -> str:
        return f"Σ{f'_{e.index}' if e.index else ''} {self.at(e.inner, PRODUCT)}"

    def _comparison(self, e: ex.Comparison) -> str:
        return f"{self.write(e.left)} {self.signs.get(e.sign, e.sign)} {self.write(e.right)}"

    def _cases(self, e: ex.Cases) -> str:
        parts = [
            self.words["case"].format(value=self.write(value), condition=self.write(condition))
            for value, condition in e.cases
        ]
        if e.otherwise is not None:
            parts.append(self.words["otherwise"].format(value=self.write(e.otherwise)))
        return self.words["between_cases"].join(parts)

    def _equation(self, e: ex.Equation) -> str:
        text = self.write(e.sides[0])
        for sign, side in zip(e.signs, e.sides[1:], strict=True):
            text += f" {self.signs.get(sign, sign)} {self.write(side)}"
        return text


def _raised(exponent: int) -> str:
    return str(exponent).replace("-", "−").translate(_RAISED)
