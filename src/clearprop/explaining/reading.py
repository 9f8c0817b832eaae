"""Reading formulas as the tables of primitives and the docstrings of layers write them."""

import re
from collections.abc import Iterable

from clearprop.explaining import expressions as ex
from clearprop.explaining.expressions import Expression

_FUNCTIONS = (
    "exp log log₂ log₁₀ sin cos tan arcsin arccos arctan sinh cosh tanh arsinh arcosh artanh "
    "max min trunc softmax"
)
FUNCTIONS = frozenset(_FUNCTIONS.split())
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ʸˣᵒᵘᵗ", "0123456789−+yxout")
_LETTER = "A-Za-zΑ-ΡΤ-Ωα-ω"  # without Σ, which is a sum
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?|½)"
    rf"|(?P<name>[{_LETTER}][{_LETTER}0-9₀-₉]*)(?:_(?P<index>[{_LETTER}0-9]+))?"
    r"|(?P<power>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ʸˣᵒᵘᵗ]+)"
    r"|(?P<total>Σ)(?:_(?P<over>[a-z]+))?"
    r"|(?P<sign>[-+−·/()|⌊⌋√∛ᵀ,]))"
)
Token = tuple[str, str, str]
"""What kind it is, its text, and its index."""


class _UnreadableError(Exception):
    """This is not a formula, but prose."""


def read(text: str, known: Iterable[str] | None = None) -> Expression | None:
    """Read a formula; `None` for what is prose.

    Side by side means a product: of matrices where both are names, of numbers elsewhere; it binds
    closer than `/`, so that `1 / 2√x` is 1 divided by 2√x. With `known`, a name that is not among
    them makes it prose.

    >>> read("1 / 2√x")
    Quotient(above=Number(value=1.0, ...), below=Product(factors=(Number(value=2.0, ...), Root(...
    >>> read("dout in the shape of x", known=("dout", "x")) is None
    True
    """
    names = None if known is None else frozenset(known)
    try:
        if " where " in text:
            return _cases(text, names)
        return _formula(text, names)
    except _UnreadableError:
        return None


def _formula(text: str, names: frozenset[str] | None) -> Expression:
    reader = _Reader(_tokens(text), names)
    made = reader.sum()
    if reader.at < len(reader.tokens):
        raise _UnreadableError
    return made


def _cases(text: str, names: frozenset[str] | None) -> Expression:
    """`1 where x > 0, −1 where x < 0, 0 at 0` and the like."""
    cases, otherwise = [], None
    for part in re.split(r",\s+", text):
        value, where, condition = part.partition(" where ")
        if where:
            cases.append((_formula(value, names), _condition(condition, names)))
        elif part.startswith("else "):
            otherwise = _formula(part.removeprefix("else "), names)
        elif " at " in part and cases:
            value, _, place = part.partition(" at ")
            at = ex.Comparison(cases[0][1].left, "=", _formula(place, names))
            cases.append((_formula(value, names), at))
        else:
            raise _UnreadableError
    return ex.Cases(tuple(cases), otherwise)


def _condition(text: str, names: frozenset[str] | None) -> ex.Comparison:
    left, *rest = re.split(r"\s([<>=≤≥≠])\s", text)
    if len(rest) != 2:
        raise _UnreadableError
    return ex.Comparison(_formula(left, names), rest[0], _formula(rest[1], names))


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    text = text.strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _UnreadableError
        at = found.end()
        kind = found.lastgroup or ""
        if found["name"]:
            tokens.append(("name", found["name"], found["index"] or ""))
        elif found["total"]:
            tokens.append(("total", "Σ", found["over"] or ""))
        else:
            tokens.append((kind, found[kind], ""))
    return tokens


class _Reader:
    """Descends from sums to products to powers."""

    def __init__(self, tokens: list[Token], names: frozenset[str] | None) -> None:
        self.tokens, self.names, self.at, self.fences = tokens, names, 0, ""

    def peek(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "", "")

    def take(self, text: str) -> bool:
        if self.peek()[1] != text or self.peek()[0] != "sign":
            return False
        self.at += 1
        return True

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise _UnreadableError

    def sum(self) -> Expression:
        terms: list[Expression] = []
        while (minus := self.take("−")) or not terms or self.take("+"):
            term = self.product()
            terms.append(ex.Negative(term) if minus else term)
        return terms[0] if len(terms) == 1 else ex.Sum(tuple(terms))

    def product(self) -> Expression:
        made = self.side_by_side()
        while (divided := self.take("/")) or self.take("·"):
            factor = self.side_by_side()
            if divided:
                made = ex.Quotient(made, factor)
            else:
                before = made.factors if isinstance(made, ex.Product) else (made,)
                made = ex.Product((*before, factor))
        return made

    def side_by_side(self) -> Expression:
        factors = [self.power()]
        while self.starts_atom():
            factors.append(self.power())
        if len(factors) == 1:
            return factors[0]
        matrices = all(isinstance(f, ex.Name | ex.Transposed | ex.Power | ex.Sum) for f in factors)
        return ex.MatrixProduct(tuple(factors)) if matrices else ex.Product(tuple(factors))

    def starts_atom(self) -> bool:
        kind, text, _ = self.peek()
        if kind in ("number", "name", "total"):
            return True
        opening = text in ("(", "√", "∛", "⌊") or (text == "|" and "|" not in self.fences)
        return kind == "sign" and opening

    def power(self) -> Expression:
        made = self.atom()
        while True:
            kind, text, _ = self.peek()
            if kind == "power":
                self.at += 1
                made = ex.Power(made, _formula(text.translate(_SUPERSCRIPTS), self.names))
            elif self.take("ᵀ"):
                made = ex.Transposed(made)
            else:
                return made

    def atom(self) -> Expression:
        kind, text, index = self.peek()
        self.at += 1
        if kind == "number":
            return ex.Number(0.5 if text == "½" else float(text))
        if kind == "total":
            return ex.Total(self.side_by_side(), index)
        if kind == "name":
            return self.function(text) if text in FUNCTIONS else self.name(text, index)
        if text in ("√", "∛"):
            return ex.Root(self.atom(), 2 if text == "√" else 3)
        if text == "(":
            made = self.sum()
            self.expect(")")
            return made
        if text in ("|", "⌊"):
            self.fences += text
            made = self.sum()
            self.expect("|" if text == "|" else "⌋")
            self.fences = self.fences[:-1]
            return ex.Fenced(made, text)
        raise _UnreadableError

    def function(self, name: str) -> Expression:
        if not self.take("("):
            return ex.Call(name, (self.power(),))
        arguments = [self.sum()]
        while self.take(","):
            arguments.append(self.sum())
        self.expect(")")
        return ex.Call(name, tuple(arguments))

    def name(self, text: str, index: str) -> Expression:
        if text == "π":
            return ex.Symbol("π")
        if self.names is not None and text not in self.names:
            raise _UnreadableError
        return ex.Indexed(ex.Name(text), index) if index else ex.Name(text)
