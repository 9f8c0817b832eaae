"""Masked arrays are refused: what lies under the mask would count like everything else."""

from typing import Any

import numpy as np

from clearprop.errors import DTypeError


def refuse_masked(x: Any, what: str) -> None:
    """Refuse a masked array, also among several; `what` is how the error calls it.

    Errors: `DTypeError`.
    """
    if isinstance(x, tuple):
        for i, part in enumerate(x):
            refuse_masked(part, f"{what}[{i}]")
    elif type(x) is not np.ndarray and isinstance(x, np.ndarray) and hasattr(x, "filled"):
        raise DTypeError(  # known by that method, since np.ma takes long to load
            f"{what} is a {type(x).__name__}, whose masked elements would count like the others; "
            "give masked.filled(value), or leave such samples out"
        )
