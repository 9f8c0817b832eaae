"""All tables joined: what is known of each function."""

from clearprop.primitives import elementwise, indexing, products, reductions, shapes
from clearprop.primitives.table import collect

PRIMITIVES = collect(elementwise.ROWS, reductions.ROWS, shapes.ROWS, products.ROWS, indexing.ROWS)
"""Every differentiable function and its row."""
