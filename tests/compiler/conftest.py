"""Helpers of other folders of tests, which are used here too."""

import sys
from pathlib import Path

for folder in ("primitives", "training"):
    sys.path.append(str(Path(__file__).parents[1] / folder))
