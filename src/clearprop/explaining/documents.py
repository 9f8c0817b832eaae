"""A short document of headings, paragraphs and steps, and its three forms."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from clearprop.explaining.expressions import Equation, Expression
from clearprop.explaining.in_latex import in_latex
from clearprop.explaining.in_mathml import in_mathml
from clearprop.explaining.in_text import in_text
from clearprop.explaining.language import Words
from clearprop.explaining.names import spelled_out


@dataclass(frozen=True)
class Code:
    """Text that is written as in a program."""

    text: str


Piece = str | Code | Expression
Line = tuple[Piece, ...]
"""A line of prose with formulas in it."""


@dataclass(frozen=True)
class Heading:
    """A title, level 1, or a heading below it."""

    level: int
    line: Line


@dataclass(frozen=True)
class Paragraph:
    """A line of prose by itself."""

    line: Line


@dataclass(frozen=True)
class Formulas:
    """Equations that stand by themselves, one below the other."""

    equations: tuple[Equation, ...]


@dataclass(frozen=True)
class Step:
    """A numbered step: lines, and points below them."""

    number: int
    lines: tuple[Line, ...]
    points: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Points:
    """A list without numbers."""

    lines: tuple[Line, ...]


Block = Heading | Paragraph | Formulas | Step | Points

_PLACEHOLDER = re.compile(r"\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}")


def fill(template: str, **values: Any) -> Line:
    """Fill a template: `{x}` with text, a number, a formula or a line, `{n|one|many}` by number.

    >>> fill("{n} {n|pass|passes}", n=2)
    ('2', ' ', 'passes')
    """
    line: list[Piece] = []
    at = 0
    for found in _PLACEHOLDER.finditer(template):
        line.append(template[at : found.start()])
        name, one, many = found.groups()
        value = values[name]
        if one is not None:
            line.append(one if value == 1 else many)
        elif isinstance(value, tuple):
            line.extend(value)
        else:
            line.append(value if isinstance(value, Expression | Code) else str(value))
        at = found.end()
    kept: list[Piece] = []
    for piece in (*line, template[at:]):
        # The space after a Chinese bracket, which is wide enough, is left out, and what is empty.
        before = kept[-1] if kept else ""
        if isinstance(piece, str) and isinstance(before, str) and before.endswith("）"):
            piece = piece.removeprefix(" ")
        if piece != "":
            kept.append(piece)
    return tuple(kept)


def listed(pieces: Iterable[Any], words: Words) -> Line:
    """`a, b and c` in the words of a language."""
    items = [p if isinstance(p, tuple) else (p,) for p in pieces]
    line: list[Piece] = []
    for i, item in enumerate(items):
        if i:
            line.append(words["and"] if i == len(items) - 1 else words["comma"])
        line.extend(item)
    return tuple(line)


def written(blocks: Iterable[Block], words: Words, format: str) -> str:
    """Write a document as plain `text`, as `markdown` or as `latex`.

    Markdown has its formulas between dollars, as notebooks and GitHub show them; LaTeX is a piece
    for an article that loads amsmath; `html` needs nothing that is not in it.
    """
    writer = FORMATS[format](words)
    head = f"% {words['latex']}\n{_LATEX_SIGNS}\n" if format == "latex" else ""
    return head + "\n\n".join(map(writer.block, blocks)) + "\n"


class _Text:
    """Writes each kind of block; other forms write some in their own way."""

    def __init__(self, words: Words) -> None:
        self.words = words

    def block(self, block: Block) -> str:
        match block:
            case Heading(level, line):
                return self.heading(level, self.line(line))
            case Paragraph(line):
                return self.line(line)
            case Formulas(equations):
                return self.formulas(equations)
            case Points(lines):
                return self.points(map(self.line, lines))
            case Step(number, lines, points):
                return self.step(number, map(self.line, lines), list(map(self.line, points)))

    def line(self, line: Line) -> str:
        return "".join(
            self.formula(p)
            if isinstance(p, Expression)
            else self.code(p.text)
            if isinstance(p, Code)
            else self.plain(p)
            for p in line
        )

    def formula(self, e: Expression) -> str:
        return in_text(e, self.words)

    def plain(self, text: str) -> str:
        return spelled_out(text)

    code = plain

    def heading(self, level: int, text: str) -> str:
        # Chinese and Japanese characters take two columns of a terminal.
        width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
        return f"{text}\n{'=-'[level - 1] * width}"

    def formulas(self, equations: Iterable[Equation]) -> str:
        return "\n".join(f"    {self.formula(e)}" for e in equations)

    def points(self, points: Iterable[str]) -> str:
        return "\n".join(f"- {point}" for point in points)

    def step(self, number: int, lines: Iterable[str], points: list[str]) -> str:
        head = f"{number}. "
        return head + f"\n{' ' * len(head)}".join([*lines, *(f"- {p}" for p in points)])


class _Markdown(_Text):
    def formula(self, e: Expression) -> str:
        return f"${in_latex(e, self.words)}$"

    def plain(self, text: str) -> str:
        return escape_markdown(spelled_out(text))

    def code(self, text: str) -> str:
        text = spelled_out(text)
        return escape_markdown(text) if set("`<>&") & set(text) else f"`{text}`"

    def heading(self, level: int, text: str) -> str:
        return f"{'#' * (level + 1)} {text}"

    def formulas(self, equations: Iterable[Equation]) -> str:
        return f"$$\n{_aligned(equations, self.words)}\n$$"

    def step(self, number: int, lines: Iterable[str], points: list[str]) -> str:
        indent = " " * (len(str(number)) + 2)
        text = f"{number}. " + f"  \n{indent}".join(lines)
        return text + "".join(f"\n{indent}- {point}" for point in points)


class _Latex(_Markdown):
    def plain(self, text: str) -> str:
        return escape_latex(spelled_out(text))

    def code(self, text: str) -> str:
        return rf"\texttt{{{self.plain(text)}}}"

    def heading(self, level: int, text: str) -> str:
        return f"\\{('section', 'subsection')[level - 1]}*{{{text}}}"

    def formulas(self, equations: Iterable[Equation]) -> str:
        return f"\\[\n{_aligned(equations, self.words)}\n\\]"

    def points(self, points: Iterable[str]) -> str:
        items = "\n".join(f"  \\item {point}" for point in points)
        return f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"

    def step(self, number: int, lines: Iterable[str], points: list[str]) -> str:
        text = f"\\noindent\\textbf{{{number}.}} " + "\\\\\n".join(lines)
        return f"{text}\n{self.points(points)}" if points else text


class _Html(_Text):
    """For notebooks: nothing has to be fetched, also for formulas."""

    def formula(self, e: Expression) -> str:
        return in_mathml(e, self.words)

    def plain(self, text: str) -> str:
        return escape(spelled_out(text))

    def code(self, text: str) -> str:
        return f"<code>{self.plain(text)}</code>"

    def block(self, block: Block) -> str:
        made = super().block(block)
        return f"<p>{made}</p>" if isinstance(block, Paragraph) else made

    def heading(self, level: int, text: str) -> str:
        return f"<h{level + 2}>{text}</h{level + 2}>"

    def formulas(self, equations: Iterable[Equation]) -> str:
        rows = "".join(f"<div>{self.formula(e)}</div>" for e in equations)
        return f'<div style="margin: 0 0 1em 2em">{rows}</div>'

    def points(self, points: Iterable[str]) -> str:
        return f"<ul>{''.join(f'<li>{point}</li>' for point in points)}</ul>"

    def step(self, number: int, lines: Iterable[str], points: list[str]) -> str:
        return f'<ol start="{number}"><li>{"<br>".join(lines)}{self.points(points)}</li></ol>'


FORMATS = {"text": _Text, "markdown": _Markdown, "latex": _Latex, "html": _Html}

_LATEX_SIGNS = r"\providecommand{\lt}{<}\providecommand{\gt}{>}"


def escape_markdown(text: str) -> str:
    """Make text stand in Markdown as it is, HTML included.

    >>> print(escape_markdown("<b>*x*_1"))
    &lt;b&gt;\\*x\\*\\_1
    """
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]#|~$!])", r"\\\1", text)


def escape_latex(text: str) -> str:
    """Make text stand in LaTeX as it is.

    >>> print(escape_latex("50 % of {x_1}"))
    50 \\% of \\{x\\_1\\}
    """
    return "".join(_LATEX.get(c, c) for c in text)


_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "_": r"\_", "%": r"\%", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "−": "$-$", "·": r"$\cdot$", "×": r"$\times$", "÷": r"$\div$", "Σ": r"$\Sigma$",
    "→": r"$\to$", "ᵀ": r"$^{\mathsf{T}}$", "≤": r"$\le$", "≥": r"$\ge$", "√": r"$\surd$",
    "∞": r"$\infty$", "½": r"$\frac12$", "∂": r"$\partial$",
}  # fmt: skip


def _aligned(equations: Iterable[Equation], words: Words) -> str:
    rows = []
    for e in equations:
        left, *rest = e.sides
        row = in_latex(left, words)
        for i, side in enumerate(rest):
            sign = "=" if e.signs[i] == "=" else r"\approx"
            row += f" {'&' if i == 0 else ''}{sign} {in_latex(side, words)}"
        rows.append(row)
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"
