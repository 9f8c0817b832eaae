"""Exponentials, logarithms, trigonometric and hyperbolic functions, elementwise.

The formulas are the textbook's, arranged so that neither a large nor a tiny x overflows, and so
that they may be differentiated again.
"""

import math

import numpy as np

from clearprop.primitives.decorators import quiet
from clearprop.primitives.table import elementwise

LOG2 = math.log(2)
LOG10 = math.log(10)
DEGREE = math.pi / 180


def _by_radius_squared(a, x, y):
    """a / (x² + y²), and 0 at the origin; the squares alone may overflow or vanish.

    Nothing is chosen at the origin, so that a derivative of this is not finite there.
    """
    radius = np.hypot(x, y)
    radius = radius + (radius == 0)
    return a / radius / radius


def _share(x, y):
    """exp(x) / (exp(x) + exp(y)); neither power is computed, as either may overflow."""
    return np.exp(-np.logaddexp(0, y - x))


def _share2(x, y):
    return np.exp2(-np.logaddexp2(0, y - x))


ROWS = (
    # exponentials and logarithms
    elementwise(np.exp, "exp(x)", ("out", lambda out, x: out)),
    elementwise(np.exp2, "2ˣ", ("log(2) · out", lambda out, x: LOG2 * out), symbol="2ˣ"),
    elementwise(
        # Not out + 1, which is 0 where exp(x) is merely small.
        np.expm1,
        "exp(x) − 1",
        ("exp(x)", lambda out, x: np.exp(x)),
    ),
    elementwise(np.log, "log(x)", ("1 / x", quiet(lambda out, x: 1 / x)), domain=("positive",)),
    elementwise(
        np.log2,
        "log₂(x)",
        ("1 / (x log(2))", quiet(lambda out, x: 1 / (x * LOG2))),
        symbol="log₂",
        domain=("positive",),
    ),
    elementwise(
        np.log10,
        "log₁₀(x)",
        ("1 / (x log(10))", quiet(lambda out, x: 1 / (x * LOG10))),
        symbol="log₁₀",
        domain=("positive",),
    ),
    elementwise(
        np.log1p,
        "log(1 + x)",
        ("1 / (1 + x)", quiet(lambda out, x: 1 / (1 + x))),
        domain=("positive",),
    ),
    elementwise(
        np.logaddexp,
        "log(exp(x) + exp(y))",
        ("exp(x − out)", quiet(lambda out, x, y: _share(x, y))),
        ("exp(y − out)", quiet(lambda out, x, y: _share(y, x))),
    ),
    elementwise(
        np.logaddexp2,
        "log₂(2ˣ + 2ʸ)",
        ("2ˣ⁻ᵒᵘᵗ", quiet(lambda out, x, y: _share2(x, y))),
        ("2ʸ⁻ᵒᵘᵗ", quiet(lambda out, x, y: _share2(y, x))),
    ),
    # angles
    elementwise(np.sin, "sin(x)", ("cos(x)", lambda out, x: np.cos(x))),
    elementwise(np.cos, "cos(x)", ("−sin(x)", lambda out, x: -np.sin(x))),
    elementwise(np.tan, "tan(x)", ("1 + out²", lambda out, x: 1 + out * out), domain=("unit",)),
    elementwise(
        np.arcsin,
        "arcsin(x)",
        ("1 / √(1 − x²)", quiet(lambda out, x: 1 / np.sqrt((1 - x) * (1 + x)))),
        domain=("unit",),
    ),
    elementwise(
        np.arccos,
        "arccos(x)",
        ("−1 / √(1 − x²)", quiet(lambda out, x: -1 / np.sqrt((1 - x) * (1 + x)))),
        domain=("unit",),
    ),
    elementwise(np.arctan, "arctan(x)", ("1 / (1 + x²)", quiet(lambda out, x: 1 / (1 + x * x)))),
    elementwise(
        np.arctan2,
        "arctan(x / y), in all four quadrants",
        ("y / (x² + y²)", lambda out, x, y: _by_radius_squared(y, x, y)),
        ("−x / (x² + y²)", lambda out, x, y: _by_radius_squared(-x, x, y)),
        domain=("nonzero", "nonzero"),
    ),
    *(
        elementwise(function, "x · π / 180", ("π / 180", lambda out, x: DEGREE), symbol="rad")
        for function in (np.deg2rad, np.radians)
    ),
    *(
        elementwise(function, "x · 180 / π", ("180 / π", lambda out, x: 1 / DEGREE), symbol="°")
        for function in (np.rad2deg, np.degrees)
    ),
    # hyperbolic functions
    elementwise(np.sinh, "sinh(x)", ("cosh(x)", lambda out, x: np.cosh(x))),
    elementwise(np.cosh, "cosh(x)", ("sinh(x)", lambda out, x: np.sinh(x))),
    elementwise(np.tanh, "tanh(x)", ("1 − out²", lambda out, x: 1 - out * out)),
    elementwise(
        np.arcsinh,
        "arsinh(x)",
        ("1 / √(x² + 1)", lambda out, x: 1 / np.hypot(x, 1)),
        symbol="arsinh",
    ),
    elementwise(
        np.arccosh,
        "arcosh(x)",
        ("1 / √(x² − 1)", quiet(lambda out, x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)))),
        symbol="arcosh",
        domain=("above one",),
    ),
    elementwise(
        np.arctanh,
        "artanh(x)",
        ("1 / (1 − x²)", quiet(lambda out, x: 1 / ((1 - x) * (1 + x)))),
        symbol="artanh",
        domain=("unit",),
    ),
)
