"""What several options have in common."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, get_origin

from cyclopts import Parameter, Token
from cyclopts.validators import Number

from clearprop.errors import ConfigError

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


KEPT = ("config.json", "weights.safetensors", "best.safetensors", "history.jsonl", "signals.jsonl")
"""What a command reads of a run."""


def check_output(output: Path | None, *inputs: Path | str | None, end: str = "") -> None:
    """Refuse a file to write, if it is one that the command reads, or has another `end`.

    `inputs` are files, folders of runs, and networks of one's own, `FILE.py:FUNCTION`.

    Errors: `ConfigError`.
    """
    if output is None:
        return
    if end and output.suffix.lower() != end:
        raise ConfigError(f"{output} must end with {end}, for that is what is written")
    for given in inputs:
        path = Path(given.rpartition(":")[0]) if isinstance(given, str) else given
        for read in () if path is None else (path, *(path / name for name in KEPT)):
            if output.is_file() and read.is_file() and output.samefile(read):
                raise ConfigError(f"{output} is read by this command; write to another file")
