"""Pages are tried on the graphs that pictures are tried on, those of `tests/drawing/graphs.py`."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "drawing"))
