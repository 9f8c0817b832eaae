"""All tables joined: what is known of each function."""

from clearprop.primitives import (
    cumulative,
    einsum,
    elementwise,
    indexing,
    joining,
    padding,
    products,
    reductions,
    selection,
    shapes,
    transcendental,
    windows,
)
from clearprop.primitives.table import collect

PRIMITIVES = collect(
    elementwise.ROWS,
    transcendental.ROWS,
    reductions.ROWS,
    cumulative.ROWS,
    selection.ROWS,
    windows.ROWS,
    shapes.ROWS,
    joining.ROWS,
    padding.ROWS,
    products.ROWS,
    einsum.ROWS,
    indexing.ROWS,
)
"""Every differentiable function and its row."""
