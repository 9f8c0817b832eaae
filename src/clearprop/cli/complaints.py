"""What the reader of the command line, cyclopts, does not understand, in words that help."""

import shlex
from difflib import get_close_matches

from cyclopts import CycloptsError
from cyclopts.exceptions import UnknownOptionError, UnusedCliTokensError

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


def told(error: CycloptsError) -> str:
    """Say what was not understood, and what was perhaps meant."""
    command = " ".join(("clearprop", *(error.command_chain or ())))
    if isinstance(error, UnusedCliTokensError):
        extra = shlex.join(error.unused_tokens or ())
        return f"{command} does not know what to do with {extra}; see {command} --help"
    if isinstance(error, UnknownOptionError):
        option = error.token.keyword or error.token.value
        options = {name for a in error.argument_collection for name in a.names if name[:1] == "-"}
        meant = ELSEWHERE.get(option)
        near = [meant] if meant in options else get_close_matches(option, options, 1, 0.7)
        hint = f"did you mean {near[0]}? See" if near else "see"
        return f"{command} has no option {option}; {hint} {command} --help"
    return str(error)
