"""A short document of headings, paragraphs and steps, and its three forms."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.explaining.expressions import Equation, Expression
from clearprop.explaining.in_latex import in_latex
from clearprop.explaining.in_text import in_text
from clearprop.explaining.names import clean


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
Words = Mapping[str, str]

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
    line.append(template[at:])
    return _closed(line)


def _closed(line: list[Piece]) -> Line:
    """Leave out what is empty, and the space after a Chinese bracket, which is wide enough."""
    kept: list[Piece] = []
    for piece in line:
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


def as_text(blocks: Iterable[Block], words: Words) -> str:
    """Write plain text."""

    def flat(line: Line) -> str:
        return "".join(
            in_text(p, words) if isinstance(p, Expression) else clean_text(_plain(p)) for p in line
        )

    return _written(blocks, flat, _text_block)


def as_markdown(blocks: Iterable[Block], words: Words) -> str:
    """Write Markdown, with formulas between dollars as notebooks and GitHub show them."""

    def flat(line: Line) -> str:
        return "".join(
            f"${in_latex(p, words)}$"
            if isinstance(p, Expression)
            else _markdown_code(p.text)
            if isinstance(p, Code)
            else escape_markdown(clean_text(p))
            for p in line
        )

    def block(b: Block, flat: Callable[[Line], str]) -> str:
        if isinstance(b, Formulas):
            return f"$$\n{_aligned(b, words)}\n$$"
        return _markdown_block(b, flat)

    return _written(blocks, flat, block)


def as_latex(blocks: Iterable[Block], words: Words) -> str:
    """Write a piece of LaTeX for an article that loads amsmath."""

    def flat(line: Line) -> str:
        return "".join(
            f"${in_latex(p, words)}$"
            if isinstance(p, Expression)
            else rf"\texttt{{{escape_latex(clean_text(p.text))}}}"
            if isinstance(p, Code)
            else escape_latex(clean_text(p))
            for p in line
        )

    def block(b: Block, flat: Callable[[Line], str]) -> str:
        if isinstance(b, Formulas):
            return f"\\[\n{_aligned(b, words)}\n\\]"
        return _latex_block(b, flat)

    return f"% {words['latex']}\n{_LATEX_SIGNS}\n{_written(blocks, flat, block)}"


_LATEX_SIGNS = r"\providecommand{\lt}{<}\providecommand{\gt}{>}"


def clean_text(text: str) -> str:
    """Spell out what controls a terminal, at any length."""
    return "".join(clean(text[i : i + 30]) for i in range(0, len(text), 30))


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


def _markdown_code(text: str) -> str:
    text = clean_text(text)
    return escape_markdown(text) if set("`<>&") & set(text) else f"`{text}`"


def _plain(piece: Any) -> str:
    return piece.text if isinstance(piece, Code) else piece


def _written(blocks: Iterable[Block], flat: Callable[[Line], str], write: Any) -> str:
    return "\n\n".join(write(block, flat) for block in blocks) + "\n"


def _text_block(block: Block, flat: Callable[[Line], str]) -> str:
    match block:
        case Heading(level, line):
            text = flat(line)
            return f"{text}\n{'=-'[level - 1] * _width(text)}"
        case Paragraph(line):
            return flat(line)
        case Formulas(equations):
            return "\n".join(f"    {flat((e,))}" for e in equations)
        case Points(lines):
            return "\n".join(f"- {flat(line)}" for line in lines)
        case Step(number, lines, points):
            head = f"{number}. "
            texts = [*map(flat, lines), *(f"- {flat(point)}" for point in points)]
            indent = " " * len(head)
            return head + f"\n{indent}".join(texts)


def _markdown_block(block: Any, flat: Callable[[Line], str]) -> str:
    match block:
        case Heading(level, line):
            return f"{'#' * (level + 1)} {flat(line)}"
        case Paragraph(line):
            return flat(line)
        case Points(lines):
            return "\n".join(f"- {flat(line)}" for line in lines)
        case Step(number, lines, points):
            indent = " " * (len(str(number)) + 2)
            text = f"{number}. " + f"  \n{indent}".join(map(flat, lines))
            return text + "".join(f"\n{indent}- {flat(point)}" for point in points)
    raise AssertionError(block)


def _latex_block(block: Any, flat: Callable[[Line], str]) -> str:
    match block:
        case Heading(level, line):
            command = ("section", "subsection")[level - 1]
            return f"\\{command}*{{{flat(line)}}}"
        case Paragraph(line):
            return flat(line)
        case Points(lines):
            return _itemize(map(flat, lines))
        case Step(number, lines, points):
            text = f"\\noindent\\textbf{{{number}.}} " + "\\\\\n".join(map(flat, lines))
            return f"{text}\n{_itemize(map(flat, points))}" if points else text
    raise AssertionError(block)


def _itemize(lines: Iterable[str]) -> str:
    items = "\n".join(f"  \\item {line}" for line in lines)
    return f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"


def _aligned(block: Formulas, words: Words) -> str:
    rows = []
    for e in block.equations:
        left, *rest = e.sides
        row = in_latex(left, words)
        for i, side in enumerate(rest):
            sign = "=" if e.signs[i] == "=" else r"\approx"
            row += f" {'&' if i == 0 else ''}{sign} {in_latex(side, words)}"
        rows.append(row)
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _width(text: str) -> int:
    """Columns of a terminal; Chinese and Japanese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
