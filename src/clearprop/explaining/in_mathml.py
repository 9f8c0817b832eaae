"""Formulas as MathML, which browsers show by themselves: nothing has to be fetched for it."""

from collections.abc import Mapping
from html import escape

from clearprop.explaining import expressions as ex
from clearprop.explaining.expressions import Expression
from clearprop.explaining.in_text import ATOM, POWER, PRODUCT, Writer
from clearprop.explaining.names import clean
from clearprop.explaining.numbers import shorten
from clearprop.explaining.words.en import WORDS


def in_mathml(expression: Expression, words: Mapping[str, str] = WORDS) -> str:
    """Write an expression as an element `math`; names in it are text, whatever they contain.

    >>> in_mathml(ex.Name("<b>"))
    '<math displaystyle="true"><mi>&lt;b&gt;</mi></math>'
    """
    return f'<math displaystyle="true">{_Writer(words).write(expression)}</math>'


def _mo(sign: str) -> str:
    return f"<mo>{escape(sign)}</mo>"


class _Writer(Writer):
    minus, times, brackets = _mo("−"), _mo("·"), f"<mrow>{_mo('(')}{{}}{_mo(')')}</mrow>"
    signs: Mapping[str, str] = {s: _mo(s) for s in "=≈<>≤≥≠"}
    bare = (ex.Partial, ex.Quotient)

    def write(self, e: Expression) -> str:
        at, write = self.at, self.write
        match e:
            case ex.Name(text):
                return f"<mi>{escape(clean(text))}</mi>"
            case ex.Symbol(text):
                return f"<mi>{escape(text)}</mi>"
            case ex.Folded():
                return _mo("…")
            case ex.Number():
                digits, exponent, _ = shorten(e)
                power = f"<msup><mn>10</mn><mn>{exponent}</mn></msup>".replace("-", "−")
                return f"<mn>{digits}</mn>" + (f"{_mo('×')}{power}" if exponent is not None else "")
            case ex.Partial(of, by):
                up, down = (f"<mrow>{_mo('∂')}{at(part, ATOM)}</mrow>" for part in (of, by))
                return f"<mfrac>{up}{down}</mfrac>"
            case ex.MatrixProduct(factors):
                written = (write(f) if isinstance(f, ex.Partial) else at(f, POWER) for f in factors)
                return '<mspace width="0.17em"/>'.join(written)
            case ex.Quotient(above, below):
                return f"<mfrac><mrow>{write(above)}</mrow><mrow>{write(below)}</mrow></mfrac>"
            case ex.Power(base, exponent):
                return self.raised(base, write(exponent))
            case ex.Root(inner, degree):
                root = f"<mrow>{write(inner)}</mrow>"
                return (
                    f"<msqrt>{root}</msqrt>" if degree == 2 else f"<mroot>{root}<mn>3</mn></mroot>"
                )
            case ex.Call(function, arguments):
                inside = _mo(",").join(map(write, arguments))
                return f"<mi>{escape(function)}</mi>{self.brackets.format(inside)}"
            case ex.Picked(inner, index):
                return f"{self.at(inner, ATOM)}<mtext>[{escape(index)}]</mtext>"
            case ex.Fenced(inner, fence):
                right = "|" if fence == "|" else "⌋"
                return f"<mrow>{_mo(fence)}{write(inner)}{_mo(right)}</mrow>"
            case ex.Transposed(inner):
                return self.raised(inner, "<mi>T</mi>")
            case ex.Indexed(inner, index):
                return f"<msub><mrow>{at(inner, ATOM)}</mrow><mi>{escape(index)}</mi></msub>"
            case ex.Total(inner, index):
                sign = f"<munder>{_mo('Σ')}<mi>{escape(index)}</mi></munder>" if index else _mo("Σ")
                return sign + at(inner, PRODUCT)
            case ex.Cases(cases, otherwise):
                rows = [f"{self.cell(v)}{self.cell(condition)}" for v, condition in cases]
                if otherwise is not None:
                    said = escape(self.words["else"])
                    rows.append(f"{self.cell(otherwise)}<mtd><mtext>{said}</mtext></mtd>")
                body = "".join(f"<mtr>{row}</mtr>" for row in rows)
                return f"<mrow>{_mo('{')}<mtable>{body}</mtable></mrow>"
        return super().write(e)

    def added(self, term: Expression) -> str:
        sign, of = (self.minus, term.inner) if isinstance(term, ex.Negative) else (_mo("+"), term)
        return sign + self.at(of, PRODUCT)

    def raised(self, base: Expression, exponent: str) -> str:
        return f"<msup><mrow>{self.at(base, ATOM)}</mrow><mrow>{exponent}</mrow></msup>"

    def cell(self, e: Expression) -> str:
        return f"<mtd>{self.write(e)}</mtd>"
