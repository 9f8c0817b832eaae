"""`explain`: the backward pass of a result, told in words."""

from typing import Any, Literal

from clearprop.errors import ConfigError
from clearprop.explaining.documents import FORMATS, Block, written
from clearprop.explaining.language import language as find_language
from clearprop.explaining.story import tell
from clearprop.explaining.telling import document


class Explanation:
    """A backward pass in words. `str` gives it in the format that was asked for.

    A notebook shows it as HTML, whatever the format; where that is not shown, as Markdown.
    """

    def __init__(self, blocks: list[Block], language: str, format: str) -> None:
        self.blocks, self.language, self.format = blocks, language, format

    def __str__(self) -> str:
        return written(self.blocks, find_language(self.language).words, self.format)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return str(Explanation(self.blocks, self.language, "html"))

    def _repr_markdown_(self) -> str:
        return str(Explanation(self.blocks, self.language, "markdown"))


def explain(
    variable: Any,
    by: Any = None,
    language: Literal["en", "zh", "ja"] = "en",
    format: Literal["text", "markdown", "latex", "html"] = "text",
) -> Explanation:
    """Tell how the derivatives of a result come about, with its own names and numbers.

    The forward pass step by step; the backward pass, at each node *upstream × local = downstream*,
    and sums where a value went several ways; the chain rule for each input, with symbols and then
    with numbers; what was used again; and how many forward passes numerical differentiation would
    have taken. For layers the formulas and the reasons for their transposes and sums are those of
    their docstrings. Networks are opened into their layers.

    `variable` is a result, one number. `by` says by what the derivatives are asked for: Variables
    on its graph or their names, one or a list; all inputs where it is not given. Values without a
    name are called u1, u2 … `language` is `"en"`, `"zh"` (简体中文) or `"ja"` (日本語).

    The derivatives are computed anew, from `∂result/∂result = 1`, whether `backward` was called or
    not; no `grad` is set or changed. Numbers are shown with as many digits as they have beyond
    rounding errors; longer ones are rounded to six, with ≈. Long passes are told from their start
    and their end, with a word on what is left out.

    Errors: `GraphError` for a variable that was not computed from anything, and for a `by` that is
    not on its graph; `ShapeError` for a result that is not one number; `ConfigError` for an unknown
    language or format.

    >>> from clearprop.graph import Variable
    >>> apple, number, tax = Variable(100, "apple"), Variable(2, "number"), Variable(1.1, "tax")
    >>> told = str(explain(apple * number * tax, by=apple))
    >>> print(next(line for line in told.splitlines() if "= 1 · tax" in line).strip())
    ∂y/∂apple = 1 · tax · number = 1 · 1.1 · 2 = 2.2
    """
    spoken = find_language(language)
    if format not in FORMATS:
        raise ConfigError(
            f"explain: format {format!r} is not known; use one of: {', '.join(FORMATS)}"
        )
    return Explanation(document(tell(variable, by), spoken), language, format)
