"""What several options have in common."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, get_origin

from cyclopts import Parameter, Token
from cyclopts.validators import Number

RUN = Parameter(help="The folder that `clearprop train` left.")
EXPRESSION = Parameter(help='What to compute, in quotes: `"apple * apple_num * tax"`.')
VALUES = Parameter(help="The value of each name: `apple=100`, `x=[[1,2],[3,4]]`.", negative="")


def whole(kind: Any, tokens: Sequence[Token]) -> int | tuple[int, ...]:
    """Read whole numbers; 1e4 is one, and 2.5 is refused where cyclopts would round it.

    >>> whole(int, [Token(value="1e4")])
    10000
    """
    numbers = tuple(_whole(token.value) for token in tokens)
    return numbers if get_origin(kind) is tuple else numbers[0]


def _whole(text: str) -> int:
    with suppress(ValueError):
        return int(text)
    with suppress(ValueError):
        if (number := float(text)).is_integer():
            return int(number)
    raise ValueError(f"{text!r} is not a whole number")


def count_option(text: str, **settings: Any) -> Parameter:
    """An option that counts something, from 1 on; `text` is its help."""
    return Parameter(help=text, converter=whole, validator=Number(gte=1), **settings)


def flag_option(text: str, **settings: Any) -> Parameter:
    """An option that is there or not; `text` is its help."""
    return Parameter(help=text, negative="", show_default=False, **settings)


def seed_option(text: str) -> Parameter:
    """An option for a random seed, from 0 on; `text` is its help."""
    return Parameter(help=text, converter=whole, validator=Number(gte=0))
