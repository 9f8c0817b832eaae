"""Whether code that was written for arrays does the same on Variables.

It can ask what it is given, as in `isinstance(x, np.ndarray)` or `type(x)`, and go another way for
a Variable, which nothing on the graph shows. So what both gave is compared, once.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clearprop.graph.node import data_of

ASKS = (
    "it asks of what type something is (isinstance, type, np.isscalar), and goes another way for a "
    "Variable than for an array; ask for x.ndim or x.dtype instead, and convert lists and numbers "
    "before the call"
)
"""What is most likely wrong, and what to do."""


def disagrees(recorded: Any, on_arrays: Callable[[], Any]) -> bool:
    """Whether what was recorded has other values than what is computed with arrays.

    What is not the same when it is done once more, such as random numbers, tells nothing.
    """
    with np.errstate(all="ignore"):
        plain = on_arrays()
        return not _alike(recorded, plain) and _alike(plain, on_arrays(), exactly=True)


def _alike(x: Any, y: Any, exactly: bool = False) -> bool:
    """Whether two results are the same up to rounding, measured by the largest of each array.

    Or `exactly`: numbers drawn anew each time may differ by little.
    """
    if isinstance(x, Mapping) and isinstance(y, Mapping):
        return x.keys() == y.keys() and all(_alike(x[key], y[key], exactly) for key in x)
    if isinstance(x, list | tuple) and isinstance(y, list | tuple):
        return len(x) == len(y) and all(_alike(a, b, exactly) for a, b in zip(x, y, strict=True))
    a, b = np.asarray(data_of(x)), np.asarray(data_of(y))
    if a.shape != b.shape or not {a.dtype.kind, b.dtype.kind} <= {*"fiub"}:
        return a.shape == b.shape and a.dtype == b.dtype
    kinds = [v.dtype for v in (a, b) if v.dtype.kind == "f"]
    eps = max((np.finfo(kind).eps for kind in kinds), default=0)
    a, b = a.astype(np.float64), b.astype(np.float64)
    within = (not exactly) * np.sqrt(float(eps)) * np.abs(b[np.isfinite(b)]).max(initial=0)
    return bool(np.allclose(a, b, rtol=0, atol=within, equal_nan=True))
