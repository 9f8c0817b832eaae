"""Formulas: what the tables and docstrings say is read right, and written safely."""

import math
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clearprop import Variable, explain
from clearprop.explaining.documents import escape_latex, escape_markdown
from clearprop.explaining.expressions import (
    Call,
    Cases,
    Fenced,
    Name,
    Negative,
    Number,
    Power,
    Product,
    Quotient,
    Root,
    Sum,
    Symbol,
)
from clearprop.explaining.in_latex import in_latex
from clearprop.explaining.in_text import in_text
from clearprop.explaining.names import LONGEST, clean, name_in_latex, name_in_text
from clearprop.explaining.reading import read
from clearprop.primitives.registry import PRIMITIVES

FUNCTIONS = {
    "log₂": np.log2,
    "log₁₀": np.log10,
    "arsinh": np.arcsinh,
    "arcosh": np.arccosh,
    "artanh": np.arctanh,
    "max": max,
    "min": min,
}
COMPARE = {">": float.__gt__, "<": float.__lt__, "=": float.__eq__}


def value(e, known):
    """The value of a formula with numbers for its names."""

    def of(inner):
        return value(inner, known)

    match e:
        case Name(text):
            return known[text]
        case Number(number):
            return number
        case Symbol():
            return math.pi
        case Sum(terms):
            return sum(map(of, terms))
        case Product(factors):
            return math.prod(map(of, factors))
        case Quotient(above, below):
            return of(above) / of(below)
        case Negative(inner):
            return -of(inner)
        case Power(base, exponent):
            return of(base) ** of(exponent)
        case Root(inner, degree):
            return np.sqrt(of(inner)) if degree == 2 else np.cbrt(of(inner))
        case Fenced(inner, fence):
            return abs(of(inner)) if fence == "|" else math.floor(of(inner))
        case Call(function, arguments):
            return FUNCTIONS.get(function, getattr(np, function, None))(*map(of, arguments))
        case Cases(cases, otherwise):
            for result, condition in cases:
                if COMPARE[condition.sign](float(of(condition.left)), float(of(condition.right))):
                    return of(result)
            return of(otherwise)
    raise AssertionError(e)


ROWS = [row for row in PRIMITIVES.values() if row.elementwise]
POINTS = {
    "real": (-1.7, 0.6),
    "positive": (0.4, 2.3),
    "nonzero": (-1.3, 0.8),
    "unit": (-0.6, 0.45),
    "above one": (1.2, 2.9),
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_formulas_of_the_table_are_those_of_its_rules(row):
    """What people read there is what is computed: an independent check of both."""
    pairs = zip(*(POINTS[domain] for domain in row.domain), strict=True)
    for point in [*pairs, tuple(POINTS[domain][i % 2] for i, domain in enumerate(row.domain))]:
        operands = tuple(map(np.float64, point))
        if row.function is np.ldexp:
            operands = (operands[0], 3)
        out = row.evaluate(*operands)
        known = {**dict(zip(row.operands, operands, strict=True)), "out": out}
        formula = read(row.formula, known)
        if formula is not None:
            np.testing.assert_allclose(value(formula, known), out, rtol=1e-12)
        for text, rule in zip(row.derivatives, row.rules, strict=True):
            derivative = read(text, known)
            if derivative is not None and rule is not None:
                expected = rule(out, *operands)
                np.testing.assert_allclose(value(derivative, known), expected, rtol=1e-12)


def test_nearly_all_of_them_are_read():
    rows = [row for row in ROWS if row.name.startswith("np.")]
    texts = [text for row in rows for text in (row.formula, *row.derivatives)]
    names = ("x", "y", "out")
    assert sum(read(text, names) is None for text in texts) <= 10


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1 / 2√x", "1 / (2 · √x)"),
        ("−x / y²", "−x / y²"),
        ("xʸ⁻¹", "x^(y − 1)"),
        ("(a + b) · c", "(a + b) · c"),
        ("a − (b − c)", "a − (b − c)"),
        ("a / (b / c)", "a / (b / c)"),
        ("(−x)²", "(−x)²"),
        ("dout Wᵀ", "dout Wᵀ"),
        ("(x + y)ᵀ W", "(x + y)ᵀ W"),
        ("Σ_n dout_n", "Σ_n dout_n"),
        ("a⁻¹ b", "a⁻¹ b"),
        ("exp(x_k − max x)", "exp(x_k − max(x))"),
        ("x where x > 0, else 0", "x where x > 0, else 0"),
    ],
)
def test_formulas_are_read_and_written(text, written):
    assert in_text(read(text)) == written


@pytest.mark.parametrize(
    "text", ["dout in the shape of x", "x[index]", "1 +", "(x", "x where the sun shines", "", "ᵀ"]
)
def test_what_is_no_formula_is_not_read(text):
    assert read(text, known=("x", "dout")) is None


@given(st.text(alphabet="xyout 123.+−·/()|⌊⌋√∛Σ_ᵀ²ʸ⁻,½=><", max_size=30))
def test_reading_never_fails(text):
    expression = read(text)
    if expression is not None:
        assert in_text(expression)
        assert in_latex(expression)


# Names are any text.

HOSTILE = [
    "<script>alert(1)</script>",
    "$x$",
    "`rm`",
    "a\\end{aligned}\\input{/etc/passwd}%",
    "](javascript:alert(1))",
    "x\x1b[31m\n\u202ey",
    "苹果的价格",
    "りんご",
    "a_b^c~d#e&f",
    "{name}",
    "&lt;",
    "*bold* _it_",
    "",
    " ",
    "🍎",
    "\ud800",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_cannot_act_as_markup(name):
    x = Variable(2.0, name)
    y = x * x * Variable(3.0, "b")
    y.name = name + "!"
    text = str(explain(y))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e\ud800]", text)
    markdown = str(explain(y, format="markdown"))
    assert "<" not in markdown
    assert "`" not in markdown
    latex = str(explain(y, format="latex"))
    latex.encode()
    assert re.findall(r"\\end\{(\w+)\}", latex) == [
        m for m in re.findall(r"\\end\{(\w+)\}", latex) if m in ("aligned", "itemize", "cases")
    ]
    assert "\\input" not in latex
    for form in (markdown, latex):
        unescaped = re.sub(r"\\.", "", form)
        assert unescaped.count("{") == unescaped.count("}")
        assert unescaped.replace("$$", "").count("$") % 2 == 0


@given(st.text(max_size=100))
@example("\\" * 50)
def test_names_are_short_printable_and_balanced(name):
    shown = clean(name)
    assert len(shown) <= LONGEST
    assert shown.isprintable()
    assert name_in_text(name)
    latex = re.sub(r"\\[\\{}$%#&_ ]", "", name_in_latex(name))
    depth = 0
    for c in latex:
        depth += (c == "{") - (c == "}")
        assert depth >= 0
    assert depth == 0
    assert not set("$%#&~^<>`") & set(latex)


def test_different_names_of_one_length_stay_different():
    assert name_in_latex("a_b") != name_in_latex("a b")
    assert name_in_text("a + b") == "“a + b”"
    assert name_in_text("a.b'") == "a.b'"


def test_prose_is_escaped():
    assert escape_markdown("a*b_c`<i>`") == "a\\*b\\_c\\`&lt;i&gt;\\`"
    assert escape_latex("100 % & \\x^2") == "100 \\% \\& \\textbackslash{}x\\textasciicircum{}2"


LATEX = [text for row in ROWS for text in (row.formula, *row.derivatives) if " where " not in text]


@pytest.mark.parametrize("text", sorted(set(LATEX)))
def test_latex_is_latex(text):
    """Matplotlib reads a good part of LaTeX's mathematics, strictly."""
    mathtext = pytest.importorskip("matplotlib.mathtext")
    formula = read(text, known=("x", "y", "out"))
    if formula is not None:
        latex = in_latex(formula).replace(r"\lt", "<").replace(r"\gt", ">")
        mathtext.MathTextParser("agg").parse(f"${latex}$")


@pytest.mark.parametrize(
    ("f", "text", "latex"),
    [
        (lambda c: c**3, "y = c³ = (1×10⁻⁶)³ = 1×10⁻¹⁸", r"\left(1 \times 10^{-6}\right)^{3}"),
        (lambda c: c**-2, "(1×10⁻⁶)⁻² = 1×10¹²", r"\left(1 \times 10^{-6}\right)^{-2}"),
        (lambda c: 2.0**c, "2^(1×10⁻⁶)", r"2^{1 \times 10^{-6}}"),
        (np.sqrt, "√(1×10⁻⁶) = 0.001", r"\sqrt{1 \times 10^{-6}}"),
        (np.cbrt, "∛(1×10⁻⁶) = 0.01", r"\sqrt[3]{1 \times 10^{-6}}"),
        (lambda c: 1 / c, "1 / (1×10⁻⁶) = 1000000", r"\frac{1}{1 \times 10^{-6}}"),
        (lambda c: c / 4, "1×10⁻⁶ / 4", r"\frac{1 \times 10^{-6}}{4}"),
        (lambda c: 3 * c, "3 · 1×10⁻⁶ = 3×10⁻⁶", r"3 \cdot 1 \times 10^{-6}"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh", "ja"])
def test_a_number_with_a_power_of_ten_binds_as_a_product_does(f, text, latex, language):
    y = f(Variable(1e-6, "c"))
    assert text in str(explain(y, language=language))
    assert latex in str(explain(y, language=language, format="latex"))
