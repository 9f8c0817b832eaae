"""Formulas as LaTeX, for notebooks and papers."""

from collections.abc import Mapping

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
from clearprop.explaining.in_text import ATOM, POWER, PRODUCT, SUM, level
from clearprop.explaining.names import name_in_latex
from clearprop.explaining.numbers import shorten
from clearprop.explaining.words.en import WORDS

_OWN = "exp log sin cos tan arcsin arccos arctan sinh cosh tanh max min"
_COMMANDS = frozenset(_OWN.split())
_LOGARITHMS = {"log₂": r"\log_{2}", "log₁₀": r"\log_{10}"}
_SIGNS = {
    "<": r"\lt",
    ">": r"\gt",
    "≤": r"\le",
    "≥": r"\ge",
    "=": "=",
    "≠": r"\ne",
    "≈": r"\approx",
}


def in_latex(expression: Expression, words: Mapping[str, str] = WORDS) -> str:
    """Write an expression as LaTeX for math mode, with commands of LaTeX and amsmath only.

    `\\lt` and `\\gt` stand for the two signs that HTML would take for markup; MathJax and KaTeX
    know them, and the document that `explain` writes for LaTeX itself defines them.

    >>> print(in_latex(Partial(Name("price"), Name("apple"))))
    \\frac{\\partial \\mathrm{price}}{\\partial \\mathrm{apple}}
    """
    return _Writer(words).write(expression)


class _Writer:
    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = words

    def write(self, e: Expression) -> str:
        return getattr(self, f"_{type(e).__name__.lower()}")(e)

    def at(self, e: Expression, least: int) -> str:
        text = self.write(e)
        return text if level(e) >= least else f"\\left({text}\\right)"

    def _name(self, e: Name) -> str:
        return name_in_latex(e.text)

    def _symbol(self, e: Symbol) -> str:
        return r"\pi" if e.text == "π" else e.text

    def _folded(self, e: Folded) -> str:
        return r"\cdots"

    def _number(self, e: Number) -> str:
        digits, exponent, _ = shorten(e)
        digits = digits.replace("−", "-").replace("∞", r"\infty").replace("NaN", r"\mathrm{NaN}")
        return digits if exponent is None else rf"{digits} \times 10^{{{exponent}}}"

    def _partial(self, e: Partial) -> str:
        return rf"\frac{{\partial {self.at(e.of, ATOM)}}}{{\partial {self.at(e.by, ATOM)}}}"

    def _sum(self, e: Sum) -> str:
        text = self.at(e.terms[0], SUM)
        for term in e.terms[1:]:
            if isinstance(term, Negative):
                text += f" - {self.at(term.inner, PRODUCT)}"
            else:
                text += f" + {self.at(term, PRODUCT)}"
        return text

    def _negative(self, e: Negative) -> str:
        return f"-{self.at(e.inner, PRODUCT)}"

    def _product(self, e: Product) -> str:
        return r" \cdot ".join(self._factor(f, first=i == 0) for i, f in enumerate(e.factors))

    def _factor(self, f: Expression, first: bool) -> str:
        if isinstance(f, Partial | Quotient) or (first and isinstance(f, Number)):
            return self.write(f)
        return self.at(f, POWER)

    def _matrixproduct(self, e: MatrixProduct) -> str:
        return r" \, ".join(
            self.write(f) if isinstance(f, Partial) else self.at(f, POWER) for f in e.factors
        )

    def _quotient(self, e: Quotient) -> str:
        return rf"\frac{{{self.write(e.above)}}}{{{self.write(e.below)}}}"

    def _power(self, e: Power) -> str:
        return f"{self._base(e.base)}^{{{self.write(e.exponent)}}}"

    def _base(self, e: Expression) -> str:
        text = self.at(e, ATOM)
        # W_{1}^{2} may be written, but a second index or exponent on the same letter may not.
        return f"{{{text}}}" if isinstance(e, Name) else text

    def _root(self, e: Root) -> str:
        return rf"\sqrt{'' if e.degree == 2 else f'[{e.degree}]'}{{{self.write(e.inner)}}}"

    def _call(self, e: Call) -> str:
        if e.function in _COMMANDS:
            function = f"\\{e.function}"
        else:
            function = _LOGARITHMS.get(e.function, rf"\operatorname{{{e.function}}}")
        return rf"{function}\left({', '.join(map(self.write, e.arguments))}\right)"

    def _fenced(self, e: Fenced) -> str:
        left, right = (r"\vert", r"\vert") if e.fence == "|" else (r"\lfloor", r"\rfloor")
        return rf"\left{left} {self.write(e.inner)} \right{right}"

    def _transposed(self, e: Transposed) -> str:
        return rf"{self._base(e.inner)}^{{\mathsf{{T}}}}"

    def _indexed(self, e: Indexed) -> str:
        return f"{self._base(e.inner)}_{{{e.index}}}"

    def _total(self, e: Total) -> str:
        return rf"\sum{f'_{{{e.index}}}' if e.index else ''} {self.at(e.inner, PRODUCT)}"

    def _comparison(self, e: Comparison) -> str:
        return f"{self.write(e.left)} {_SIGNS[e.sign]} {self.write(e.right)}"

    def _cases(self, e: Cases) -> str:
        rows = [rf"{self.write(value)} & {self.write(condition)}" for value, condition in e.cases]
        if e.otherwise is not None:
            rows.append(rf"{self.write(e.otherwise)} & \text{{{self.words['else']}}}")
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"

    def _equation(self, e: Equation) -> str:
        text = self.write(e.sides[0])
        for sign, side in zip(e.signs, e.sides[1:], strict=True):
            text += f" {_SIGNS[sign]} {self.write(side)}"
        return text
