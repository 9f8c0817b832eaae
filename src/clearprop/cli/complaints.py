"""What is wrong is said on stderr; what cyclopts does not understand, in words that help."""

import shlex
import sys
from difflib import get_close_matches

from cyclopts import CycloptsError
from cyclopts.exceptions import UnknownOptionError, UnusedCliTokensError

from clearprop.files import shown
from clearprop.speech import retold

ELSEWHERE = {
    "--lr": "--rate",
    "--learning-rate": "--rate",
    "--batch-size": "--batch",
    "--epoch": "--epochs",
    "--steps": "--iterations",
    "--layers": "--hidden",
    "--units": "--hidden",
    "--out": "--output",
    "--lang": "--language",
    "--optim": "--optimizer",
    "--continue": "--resume",
    "--force": "--overwrite",
}
"""What other programs call an option → what it is called here."""


def complain(message: str) -> None:
    """Say on stderr, in the language that is spoken, what is wrong or worth a note."""
    print(f"clearprop: {shown(retold(message))}", file=sys.stderr)


def told(error: CycloptsError) -> str:
    """Say what was not understood, and what was perhaps meant."""
    command = " ".join(("clearprop", *(error.command_chain or ())))
    if isinstance(error, UnusedCliTokensError):
        extra = shlex.join(error.unused_tokens or ())
        return f"{command} does not know what to do with {extra}; see {command} --help"
    if isinstance(error, UnknownOptionError):
        option = error.token.keyword or error.token.value
        options = {name for a in error.argument_collection for name in a.names if name[:1] == "-"}
        return no_option(command, option, options)
    return str(error)


def no_option(command: str, option: str, options: set[str]) -> str:
    """Say that a command has no such option, and which of its own was perhaps meant."""
    options = {*options, "--language"}
    meant = ELSEWHERE.get(option)
    near = [meant] if meant in options else get_close_matches(option, options, 1, 0.7)
    if near:
        return f"{command} has no option {option}; did you mean {near[0]}? See {command} --help"
    return f"{command} has no option {option}; see {command} --help"
