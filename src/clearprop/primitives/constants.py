"""Functions without a derivative: steps, comparisons, indices. Their derivative is zero.

They stand on the graph, so that it can be evaluated again with other inputs, and stop the backward
pass.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

CONSTANT: dict[Callable[..., Any], str] = {
    np.equal: "1 where x = y",
    np.not_equal: "1 where x ≠ y",
    np.less: "1 where x < y",
    np.less_equal: "1 where x ≤ y",
    np.greater: "1 where x > y",
    np.greater_equal: "1 where x ≥ y",
    np.argmax: "the index of the largest element",
    np.floor: "the integer below",
    np.sign: "the sign",
}
"""Recorded as a node with derivative zero; the text is the formula."""

STATIC: frozenset[Callable[..., Any]] = frozenset(
    {np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj}
)
"""Answers about shape and dtype: the same for all values, so plain answers and no nodes."""
