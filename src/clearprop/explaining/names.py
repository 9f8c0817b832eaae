"""Names in formulas. A name is whatever text somebody gave: none of it may act as markup."""

import re

LONGEST = 60

_PLAIN = re.compile(r"[^\W\d][\w.']*\Z")
_SIMPLE = re.compile(r"([A-Za-z])(\d+)?\Z")
_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau"
_MARKS = {
    " ": r"\ ", "\\": r"\backslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "%": r"\%", "#": r"\#",
    "&": r"\&{}", "_": r"\_", "^": r"\wedge{}", "~": r"\sim{}", "`": r"\grave{\ }", "<": r"\lt{}",
    ">": r"\gt{}", "*": r"\ast{}", "|": r"\vert{}", "-": r"\text{-}",
}  # fmt: skip


def clean(name: str) -> str:
    """Make a name safe to print: what controls a terminal or turns text round is spelled out.

    >>> clean("a\\x1b[31m\\u202eb"), len(clean("x" * 1000))
    ('a\\\\x1b[31m\\\\u202eb', 60)
    """
    spelled = spelled_out(name[: LONGEST + 1])
    return spelled if len(spelled) <= LONGEST else f"{spelled[: LONGEST - 1]}…"


def name_in_text(name: str) -> str:
    """Write a name into a formula; one that could be taken for a formula is put in quotes.

    >>> name_in_text("apple_num"), name_in_text("苹果"), name_in_text("a + b")
    ('apple_num', '苹果', '“a + b”')
    """
    shown = clean(name)
    return shown if _PLAIN.match(shown) else f"“{shown}”"


def name_in_latex(name: str) -> str:
    """Write a name as LaTeX for use within a formula.

    >>> print(name_in_latex("W1"), name_in_latex("apple_num"), name_in_latex("<b>"))
    W_{1} \\mathrm{apple\\_num} \\mathrm{\\lt{}b\\gt{}}
    """
    shown = clean(name)
    if simple := _SIMPLE.match(shown):
        letter, number = simple.groups()
        return f"{letter}_{{{number}}}" if number else letter
    if shown in _GREEK.split():
        return f"\\{shown}"
    return f"\\mathrm{{{''.join(map(_mark, shown))}}}"


def spelled_out(text: str) -> str:
    """Spell out what controls a terminal, at any length."""
    escaped = (c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return "".join(c if c.isprintable() else e for c, e in zip(text, escaped, strict=True))


def _mark(c: str) -> str:
    if c in _MARKS:
        return _MARKS[c]
    if c.isascii():
        return c if c.isalnum() else f"{{{c}}}"
    return f"\\text{{{c}}}"
