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

    def write(self, e: Expression) -> str:
        at, write, base = self.at, self.write, self.base
        match e:
            case ex.Name(text):
                return name_in_latex(text)
            case ex.Symbol("π"):
                return r"\pi"
            case ex.Folded():
                return r"\cdots"
            case ex.Number():
                text, exponent, _ = shorten(e)
                text = (
                    text.replace("−", "-").replace("∞", r"\infty").replace("NaN", r"\mathrm{NaN}")
                )
                return text if exponent is None else rf"{text} \times 10^{{{exponent}}}"
            case ex.Partial(of, by):
                return rf"\frac{{\partial {at(of, ATOM)}}}{{\partial {at(by, ATOM)}}}"
            case ex.MatrixProduct(factors):
                written = (write(f) if isinstance(f, ex.Partial) else at(f, POWER) for f in factors)
                return r" \, ".join(written)
            case ex.Quotient(above, below):
                return rf"\frac{{{write(above)}}}{{{write(below)}}}"
            case ex.Power(inner, exponent):
                return f"{base(inner)}^{{{write(exponent)}}}"
            case ex.Root(inner, degree):
                return rf"\sqrt{'' if degree == 2 else f'[{degree}]'}{{{write(inner)}}}"
            case ex.Call(name, arguments):
                other = _LOGARITHMS.get(name, rf"\operatorname{{{name}}}")
                function = f"\\{name}" if name in _COMMANDS else other
                return rf"{function}\left({', '.join(map(write, arguments))}\right)"
            case ex.Picked(inner, index):
                return rf"{self.at(inner, ATOM)}[\texttt{{{index.replace('…', '...')}}}]"
            case ex.Fenced(inner, fence):
                left, right = (r"\vert",) * 2 if fence == "|" else (r"\lfloor", r"\rfloor")
                return rf"\left{left} {write(inner)} \right{right}"
            case ex.Transposed(inner):
                return rf"{base(inner)}^{{\mathsf{{T}}}}"
            case ex.Indexed(inner, index):
                return f"{base(inner)}_{{{index}}}"
            case ex.Total(inner, index):
                return rf"\sum{index and f'_{{{index}}}'} {at(inner, PRODUCT)}"
            case ex.Cases(cases, otherwise):
                rows = [rf"{write(value)} & {write(condition)}" for value, condition in cases]
                if otherwise is not None:
                    rows.append(rf"{write(otherwise)} & \text{{{self.words['else']}}}")
                return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"
        return super().write(e)

    def base(self, e: Expression) -> str:
        # W_{1}^{2} may be written, but a second index or exponent on the same letter may not.
        return f"{{{self.at(e, ATOM)}}}" if isinstance(e, ex.Name) else self.at(e, ATOM)
