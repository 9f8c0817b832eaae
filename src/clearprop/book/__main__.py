"""`python -m clearprop.book SCRIPT [ARGS…]`: run a script of the book."""

import os
import sys

from clearprop.book.running import run

USAGE = """\
usage: python -m clearprop.book SCRIPT [ARGS…]

Run a script of 'Deep Learning from Scratch' as it is, in its chapter's folder. clearprop's layers,
optimisers and digits answer for common, dataset and layer_naive.
"""


def main(arguments: list[str]) -> None:
    """Run the script that the first argument names; the others are the script's."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
    elif arguments and os.path.isfile(arguments[0]):
        run(arguments[0], arguments[1:])
    else:
        missing = f"clearprop.book: there is no script {arguments[0]}\n" if arguments else USAGE
        sys.stderr.write(missing)
        sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
