"""Formulas as LaTeX, for notebooks and papers."""

from collections.abc import Mapping

from clearprop.explaining import expressions as ex
from clearprop.explaining.expressions import Expression
from clearprop.explaining.in_text import ATOM, POWER, PRODUCT, Writer
from clearprop.explaining.names import name_in_latex
from clearprop.explaining.numbers import shorten
from clearprop.explaining.words.en import WORDS

_OWN = "exp log sin cos tan arcsin arccos arctan sinh cosh tanh max min"
_COMMANDS = frozenset(_OWN.split())
_LOGARITHMS = {"log₂": r"\log_{2}", "log₁₀": r"\log_{10}"}
_SIGNS = {"<": r"\lt", ">": r"\gt", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx"}


def in_latex(expression: Expression, words: Mapping[str, str] = WORDS) -> str:
    """Write an expression as LaTeX for math mode, with commands of LaTeX and amsmath only.

    `\\lt` and `\\gt` stand for the two signs that HTML would take for markup; MathJax and KaTeX
    know them, and the document that `explain` writes for LaTeX itself defines them.

    >>> print(in_latex(ex.Partial(ex.Name("price"), ex.Name("apple"))))
    \\frac{\\partial \\mathrm{price}}{\\partial \\mathrm{apple}}
    """
    return _Writer(words).write(expression)


class _Writer(Writer):
    minus, times, brackets = "-", r" \cdot ", r"\left({}\right)"
    signs = _SIGNS
    bare = (ex.Partial, ex.Quotient)

    def _name(self, e: ex.Name) -> str:
        return name_in_latex(e.text)

    def _symbol(self, e: ex.Symbol) -> str:
        return r"\pi" if e.text == "π" else e.text

    def _folded(self, e: ex.Folded) -> str:
        return r"\cdots"

    def _number(self, e: ex.Number) -> str:
        digits, exponent, _ = shorten(e)
        digits = digits.replace("−", "-").replace("∞", r"\infty").replace("NaN", r"\mathrm{NaN}")
        return digits if exponent is None else rf"{digits} \times 10^{{{exponent}}}"

    def _partial(self, e: ex.Partial) -> str:
        return rf"\frac{{\partial {self.at(e.of, ATOM)}}}{{\partial {self.at(e.by, ATOM)}}}"

    def _matrixproduct(self, e: ex.MatrixProduct) -> str:
        return r" \, ".join(
            self.write(f) if isinstance(f, ex.Partial) else self.at(f, POWER) for f in e.factors
        )

    def _quotient(self, e: ex.Quotient) -> str:
        return rf"\frac{{{self.write(e.above)}}}{{{self.write(e.below)}}}"

    def _power(self, e: ex.Power) -> str:
        return f"{self._base(e.base)}^{{{self.write(e.exponent)}}}"

    def _base(self, e: Expression) -> str:
        text = self.at(e, ATOM)
        # W_{1}^{2} may be written, but a second index or exponent on the same letter may not.
        return f"{{{text}}}" if isinstance(e, ex.Name) else text

    def _root(self, e: ex.Root) -> str:
        return rf"\sqrt{'' if e.degree == 2 else f'[{e.degree}]'}{{{self.write(e.inner)}}}"

    def _call(self, e: ex.Call) -> str:
        if e.function in _COMMANDS:
            function = f"\\{e.function}"
        else:
            function = _LOGARITHMS.get(e.function, rf"\operatorname{{{e.function}}}")
        return rf"{function}\left({', '.join(map(self.write, e.arguments))}\right)"

    def _fenced(self, e: ex.Fenced) -> str:
        left, right = (r"\vert", r"\vert") if e.fence == "|" else (r"\lfloor", r"\rfloor")
        return rf"\left{left} {self.write(e.inner)} \right{right}"

    def _transposed(self, e: ex.Transposed) -> str:
        return rf"{self._base(e.inner)}^{{\mathsf{{T}}}}"

    def _indexed(self, e: ex.Indexed) -> str:
        return f"{self._base(e.inner)}_{{{e.index}}}"

    def _total(self, e: ex.Total) -> str:
        return rf"\sum{f'_{{{e.index}}}' if e.index else ''} {self.at(e.inner, PRODUCT)}"

    def _cases(self, e: ex.Cases) -> str:
        rows = [rf"{self.write(value)} & {self.write(condition)}" for value, condition in e.cases]
        if e.otherwise is not None:
            rows.append(rf"{self.write(e.otherwise)} & \text{{{self.words['else']}}}")
        return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"
