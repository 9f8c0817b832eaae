"""Functions that cannot be recorded, and what to write instead."""

from collections.abc import Callable
from typing import Any

import numpy as np

UNSUPPORTED: dict[Callable[..., Any], str] = {
    np.copyto: "it writes into an array in place; choose elements with np.where",
}
"""Function → what to do instead; ends the sentence 'np.copyto cannot be recorded: …'."""
