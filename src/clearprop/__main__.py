"""`python -m clearprop`: the command line."""

import sys

from clearprop.cli import main

if __name__ == "__main__":
    sys.exit(main())
