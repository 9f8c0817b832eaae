"""Local derivatives are as precise as the result, whatever dtype each of two operands has."""

import numpy as np
import pytest

from clearprop import compile, grad
from clearprop.primitives.registry import PRIMITIVES, read_optional

pytest.importorskip("scipy.special")

PAIRS = [
    (np.float64, np.float32),
    (np.float32, np.float16),
    (np.float32, np.float64),
    (np.float16, np.float32),
    (np.float16, np.float64),
]


NOT_OF_FLOATS = ("np.ldexp", "scipy.special.zeta")
"""What takes whole numbers, or has no derivative by the first."""


def binary():
    read_optional()
    rows = [row for f, row in PRIMITIVES.items() if isinstance(f, np.ufunc) and f.nin == 2]
    return [row for row in rows if row.elementwise and row.name not in NOT_OF_FLOATS]


@pytest.mark.parametrize("row", binary(), ids=lambda row: row.name)
def test_of_each_row(row):
    rng = np.random.default_rng(0)

    def f(x, y):
        return np.sum(row.function(x, y))

    both = grad(f, argument=(0, 1))
    for one, other in PAIRS:
        x, y = (rng.random(6) * 2 + 0.5).astype(one), (rng.random(6) * 2 + 0.5).astype(other)
        truth = both(x.astype(np.float64), y.astype(np.float64))
        wide = np.finfo(np.promote_types(one, other)).eps
        for found in (both(x, y), compile(both)(x, y)):
            for dx, expected in zip(found, truth, strict=True):
                close = 8 * max(np.finfo(dx.dtype).eps, wide)
                np.testing.assert_allclose(dx, expected.astype(dx.dtype), rtol=float(close))


def test_a_quotient_has_a_slope_where_that_of_the_small_dtype_overflows():
    x, y = np.array([3.0], np.float32), np.array([1e-5], np.float16)
    slope = grad(lambda x, y: np.sum(x / y))
    for found in (slope(x, y), compile(slope)(x, y)):
        np.testing.assert_allclose(found, 1 / y.astype(np.float64), rtol=1e-6)
