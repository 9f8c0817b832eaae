"""Elementwise functions: one local derivative for each operand."""

import numpy as np

from clearprop.primitives.table import elementwise

ROWS = (
    elementwise(
        np.add, "x + y", ("1", lambda out, x, y: 1), ("1", lambda out, x, y: 1), symbol="+"
    ),
    elementwise(
        np.subtract, "x − y", ("1", lambda out, x, y: 1), ("−1", lambda out, x, y: -1), symbol="−"
    ),
    elementwise(
        np.multiply, "x · y", ("y", lambda out, x, y: y), ("x", lambda out, x, y: x), symbol="×"
    ),
    elementwise(
        np.divide,
        "x / y",
        ("1 / y", lambda out, x, y: 1 / y),
        ("−x / y²", lambda out, x, y: -out / y),
        symbol="/",
        domain=("real", "nonzero"),
    ),
    elementwise(np.negative, "−x", ("−1", lambda out, x: -1), symbol="−"),
    elementwise(np.positive, "x", ("1", lambda out, x: 1), symbol="+"),
    elementwise(np.exp, "exp(x)", ("out", lambda out, x: out)),
    elementwise(np.log, "log(x)", ("1 / x", lambda out, x: 1 / x), domain=("positive",)),
    elementwise(
        np.maximum,
        "max(x, y)",
        ("1 where x > y, ½ where x = y, else 0", lambda out, x, y: _wins(x, y)),
        ("1 where y > x, ½ where x = y, else 0", lambda out, x, y: _wins(y, x)),
        symbol="max",
    ),
    elementwise(np.sin, "sin(x)", ("cos(x)", lambda out, x: np.cos(x))),
    elementwise(np.cos, "cos(x)", ("−sin(x)", lambda out, x: -np.sin(x))),
    elementwise(np.tanh, "tanh(x)", ("1 − out²", lambda out, x: 1 - out**2)),
    elementwise(
        np.power,
        "xʸ",
        ("y · xʸ⁻¹", lambda out, x, y: y * x ** (y - 1)),
        ("log(x) · out", lambda out, x, y: np.log(x) * out),
        symbol="^",
        domain=("positive", "real"),
    ),
)


def _wins(x, y):
    """1 where x is the greater, ½ at a tie (the mean of the two one-sided derivatives)."""
    return np.where(x == y, 0.5, x > y)
