"""Formulas as plain text, as one writes them in a letter."""

from collections.abc import Mapping

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
        digits, exponent, _ = shorten(e)
        return SUM if digits.startswith("−") else ATOM if exponent is None else PRODUCT
    return _LEVELS.get(type(e), ATOM)


class Writer:
    """Writes each kind of expression; other notations write some in their own way."""

    minus, times, brackets = "−", " · ", "({})"
    signs: Mapping[str, str] = {}
    bare: tuple[type, ...] = (ex.Partial,)
    """What needs no brackets among factors."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = words

    def write(self, e: Expression) -> str:
        at, write = self.at, self.write
        match e:
            case ex.Name(text):
                return name_in_text(text)
            case ex.Symbol(text):
                return text
            case ex.Folded():
                return "…"
            case ex.Number():
                digits, exponent, _ = shorten(e)
                return digits if exponent is None else f"{digits}×10{_raised(exponent)}"
            case ex.Partial(of, by):
                return f"∂{at(of, ATOM)}/∂{at(by, ATOM)}"
            case ex.Sum((first, *rest)):
                return at(first, SUM) + "".join(map(self.added, rest))
            case ex.Negative(inner):
                return f"{self.minus}{at(inner, PRODUCT)}"
            case ex.Product((first, *rest)):
                before = write(first) if isinstance(first, ex.Number) else self.factor(first)
                return self.times.join([before, *map(self.factor, rest)])
            case ex.MatrixProduct(factors):
                return " ".join(at(f, POWER) for f in factors)
            case ex.Quotient(above, below):
                least = POWER if isinstance(above, ex.Partial) else PRODUCT
                return f"{at(above, least)} / {at(below, POWER)}"
            case ex.Power(base, exponent):
                return at(base, ATOM) + (_as_raised(exponent) or f"^{at(exponent, ATOM)}")
            case ex.Root(inner, degree):
                return ("√" if degree == 2 else "∛") + at(inner, ATOM)
            case ex.Call(function, arguments):
                return f"{function}({', '.join(map(write, arguments))})"
            case ex.Fenced(inner, fence):
                return f"{fence}{write(inner)}{'|' if fence == '|' else '⌋'}"
            case ex.Transposed(inner):
                return f"{at(inner, ATOM)}ᵀ"
            case ex.Indexed(inner, index):
                return f"{at(inner, ATOM)}_{index}"
            case ex.Picked(inner, index):
                return f"{at(inner, ATOM)}[{index}]"
            case ex.Total(inner, index):
                return f"Σ{index and f'_{index}'} {at(inner, PRODUCT)}"
            case ex.Comparison(left, sign, right):
                return self.write(ex.Equation((left, right), (sign,)))
            case ex.Cases(cases, otherwise):
                case = self.words["case"].format
                parts = [case(value=write(v), condition=write(condition)) for v, condition in cases]
                if otherwise is not None:
                    parts.append(self.words["otherwise"].format(value=write(otherwise)))
                return self.words["between_cases"].join(parts)
            case ex.Equation((first, *rest), signs):
                pairs = zip(signs, rest, strict=True)
                return write(first) + "".join(
                    f" {self.signs.get(s, s)} {write(e)}" for s, e in pairs
                )
        raise TypeError(f"{e!r} cannot be written")

    def at(self, e: Expression, least: int) -> str:
        text = self.write(e)
        return text if level(e) >= least else self.brackets.format(text)

    def added(self, term: Expression) -> str:
        sign, of = (self.minus, term.inner) if isinstance(term, ex.Negative) else ("+", term)
        return f" {sign} {self.at(of, PRODUCT)}"

    def factor(self, f: Expression) -> str:
        scientific = isinstance(f, ex.Number) and level(f) == PRODUCT  # its × reads on as ·
        return self.write(f) if scientific or isinstance(f, self.bare) else self.at(f, POWER)


def _as_raised(exponent: Expression) -> str:
    """A whole number as small digits; nothing for what has none."""
    negative = isinstance(exponent, ex.Negative)
    inner = exponent.inner if negative else exponent
    if isinstance(inner, ex.Number) and inner.value.is_integer() and abs(inner.value) < 1e6:
        return _raised(-int(inner.value) if negative else int(inner.value))
    return ""


def _raised(exponent: int) -> str:
    return str(exponent).replace("-", "−").translate(_RAISED)
