"""Functions without a derivative: steps, comparisons, indices. Their derivative is zero.

They stand on the graph, so that it can be evaluated again with other inputs, and stop the backward
pass.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.primitives.cumulative import running_argmax
from clearprop.primitives.labels import read_labels, read_numbers
from clearprop.primitives.stopping import ROW as STOPS
from clearprop.primitives.stopping import stopped
from clearprop.primitives.table import Primitive, constant

_FORMULAS: dict[Callable[..., Any], str] = {
    # comparisons
    np.equal: "1 where x = y",
    np.not_equal: "1 where x ≠ y",
    np.less: "1 where x < y",
    np.less_equal: "1 where x ≤ y",
    np.greater: "1 where x > y",
    np.greater_equal: "1 where x ≥ y",
    np.isclose: "1 where |x − y| ≤ atol + rtol · |y|",
    np.allclose: "whether all are close",
    np.array_equal: "whether shape and all elements agree",
    np.array_equiv: "whether all elements agree once broadcast",
    np.isin: "1 where x is among the others",
    # logic
    np.logical_and: "1 where x and y",
    np.logical_or: "1 where x or y",
    np.logical_xor: "1 where x or y, not both",
    np.logical_not: "1 where not x",
    np.all: "whether all hold",
    np.any: "whether one holds",
    np.isfinite: "1 where x is finite",
    np.isinf: "1 where x is ±∞",
    np.isnan: "1 where x is NaN",
    np.isneginf: "1 where x is −∞",
    np.isposinf: "1 where x is ∞",
    np.isreal: "1 where x is real",
    np.iscomplex: "1 where x is not real",
    np.signbit: "1 where the sign of x is −",
    # steps
    np.sign: "the sign",
    np.floor: "the integer below",
    np.ceil: "the integer above",
    np.trunc: "the integer towards 0",
    np.fix: "the integer towards 0",
    np.rint: "the nearest integer",
    np.round: "the nearest decimal",
    np.around: "the nearest decimal",
    np.floor_divide: "⌊x / y⌋",
    np.spacing: "the distance to the next number",
    np.digitize: "the number of the bin",
    np.searchsorted: "the place in a sorted array",
    np.count_nonzero: "how many are not 0",
    np.linalg.matrix_rank: "how many singular values are not 0",
    # whole numbers
    np.bitwise_and: "x and y, bit by bit",
    np.bitwise_or: "x or y, bit by bit",
    np.bitwise_xor: "x or y, not both, bit by bit",
    np.bitwise_count: "how many bits are set",
    np.invert: "not x, bit by bit",
    np.left_shift: "x · 2ʸ in whole numbers",
    np.right_shift: "⌊x / 2ʸ⌋ in whole numbers",
    np.gcd: "the greatest common divisor",
    np.lcm: "the least common multiple",
    np.packbits: "bits in bytes",
    np.unpackbits: "bytes in bits",
    # indices
    np.argmax: "the index of the largest element",
    np.argmin: "the index of the smallest element",
    np.nanargmax: "the index of the largest element, NaN passed over",
    np.nanargmin: "the index of the smallest element, NaN passed over",
    running_argmax: "the index of the largest element so far",
    np.argsort: "the order of the elements",
    np.argpartition: "an order by parts",
    np.lexsort: "the order by several keys",
    np.nonzero: "the indices of what is not 0",
    np.flatnonzero: "the flat indices of what is not 0",
    np.argwhere: "the indices of what is not 0, as rows",
    np.ravel_multi_index: "flat indices",
    np.unravel_index: "indices by axis",
    read_labels: "labels as a share for each class, one-hot for class numbers",
    read_numbers: "the numbers, once they are seen to be finite and in range",
}

if hasattr(np, "in1d"):  # until NumPy 2.3
    _FORMULAS[getattr(np, "in1d")] = _FORMULAS[np.isin]  # noqa: B009
_WITH_OUT = frozenset({np.argmax, np.argmin, np.round, np.around, np.all, np.any})

_COUNT = frozenset({np.nonzero, np.flatnonzero, np.argwhere})


def _row(f: Callable[..., Any], formula: str) -> Primitive:
    takes_out = isinstance(f, np.ufunc) or f in _WITH_OUT
    return constant(f, formula, takes_out=takes_out, sized_by=_all if f in _COUNT else None)


def _all(*operands: Any) -> tuple[Any, ...]:
    return operands


CONSTANT: dict[Callable[..., Any], Primitive] = {
    **{f: _row(f, t) for f, t in _FORMULAS.items()},
    stopped: STOPS,
}
"""Recorded as a node with derivative zero."""

STATIC: frozenset[Callable[..., Any]] = frozenset(
    {
        # shape and dtype
        *(np.shape, np.ndim, np.size, np.result_type, np.common_type, np.min_scalar_type),
        *(np.can_cast, np.iscomplexobj, np.isrealobj, np.may_share_memory, np.shares_memory),
        # new arrays of a shape
        *(np.zeros_like, np.ones_like, np.empty_like),
        # indices by shape alone
        *(np.diag_indices_from, np.tril_indices_from, np.triu_indices_from, np.einsum_path),
        # text for people
        *(np.array_repr, np.array_str, np.array2string),
    }
)
"""Answers about shape and dtype: the same for all values, so plain answers and no nodes."""
