"""All tables joined: what is known of each function."""

from clearprop.primitives import (
    cumulative,
    decompositions,
    einsum,
    elementwise,
    indexing,
    joining,
    linalg,
    norms,
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
    linalg.ROWS,
    norms.ROWS,
    decompositions.ROWS,
    indexing.ROWS,
)
"""Every differentiable function and its row."""
