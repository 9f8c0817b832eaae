"""`clearprop explain`: the backward pass of an expression, in words."""

from typing import Annotated, Literal

from cyclopts import Parameter

from clearprop.cli.options import EXPRESSION, VALUES
from clearprop.speech import spoken


def explain(
    expression: Annotated[str, EXPRESSION],
    values: Annotated[list[str] | None, VALUES] = None,
    /,
    *,
    by: Annotated[
        tuple[str, ...],
        Parameter(
            help="By which names the derivatives are told. [default: all]",
            consume_multiple=1,
            negative="",
            show_default=False,
        ),
    ] = (),
    format: Annotated[
        Literal["text", "markdown", "latex", "html"],
        Parameter(help="Plain text, Markdown for notebooks, or LaTeX for papers."),
    ] = "text",
) -> None:
    """Tell how the derivatives of an expression come about, with its own numbers.

    For example:

        clearprop explain "price = (apple*apple_num + orange*orange_num)*tax" apple=100 apple_num=2 orange=150 orange_num=3 tax=1.1
        clearprop explain "1 / (1 + exp(-x))" x=0.5 --language zh
        clearprop explain "x**2 + 3*x*y" x=2 y=1 --by x --format markdown

    The forward pass and the backward pass step by step, the chain rule with symbols and with
    numbers, sums where a value goes several ways, and what it would have cost otherwise. An
    expression is written as for `clearprop draw`; where its result is an array, the derivatives are
    those of its sum.
    """  # noqa: E501  # a command to be copied is one line
    from clearprop.cli.expression import evaluate
    from clearprop.explaining import explain

    result = evaluate(expression, values or ())
    if result.data.size != 1:
        result = result.sum()
    print(explain(result, by=list(by) or None, language=spoken(), format=format), end="")
