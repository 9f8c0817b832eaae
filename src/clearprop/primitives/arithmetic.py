"""Elementwise arithmetic, powers and choices: one local derivative for each operand.

Where a function has a kink the derivative is the one that other libraries for differentiation
take, so that results can be compared: 0 for |x| at 0, ½ each for a tie of `maximum`, the first
operand at a tie of `fmax`.
"""

import math

import numpy as np

from clearprop.primitives.decorators import quiet
from clearprop.primitives.table import elementwise


def _power_x(out, x, y):
    if isinstance(y, int | float) and y >= 1:
        return y * x ** (y - 1)  # x², x³: no pole, nothing to guard against
    return _power_x_anywhere(out, x, y)


@quiet
def _power_x_anywhere(out, x, y):
    """y · xʸ⁻¹, and 0 (not 0 · ∞) where both are zero: x⁰ is 1 for every x."""
    tiny = float(np.finfo(np.result_type(x, 1.0)).tiny)
    flat = (y == 0) & (x < tiny) & (x > -tiny)
    return y * x ** np.where(flat, 0.0, y - 1)


@quiet
def _power_y(out, x, y):
    """log(x) · xʸ, and 0 (not −∞ · 0) where x is zero: 0ʸ is 0 for every positive y."""
    if isinstance(x, int | float) and x > 0:
        return math.log(x) * out
    return np.log(np.where((x == 0) & (y >= 0), 1.0, x)) * out


def _inverse(out, x, y):
    if y.__class__ in (int, float) and y == 0:  # where Python raises, NumPy divides
        return math.copysign(math.inf, y)
    return 1 / y


def _share(x, y):
    """1 where x is above y, ½ at a tie: the mean of the two one-sided derivatives.

    Written with <, so that a NaN, which makes the result NaN, takes its derivative along.
    """
    half = np.result_type(x, y).type(0.5)
    return ~(y > x) - half * (x == y)


_POWER = (("y · xʸ⁻¹", _power_x), ("log(x) · xʸ", _power_y))
_ONE = ("1", lambda out, x, y=None: 1)
_SIGN = ("1 where x > 0, −1 where x < 0, 0 at 0", lambda out, x: np.sign(x))

ROWS = (
    elementwise(np.add, "x + y", _ONE, _ONE, symbol="+", operator="+"),
    elementwise(np.subtract, "x − y", _ONE, ("−1", lambda out, x, y: -1), symbol="−", operator="-"),
    elementwise(
        np.multiply,
        "x · y",
        ("y", lambda out, x, y: y),
        ("x", lambda out, x, y: x),
        symbol="×",
        operator="*",
    ),
    elementwise(
        np.divide,
        "x / y",
        ("1 / y", _inverse),
        ("−x / y²", lambda out, x, y: -out / y),
        symbol="/",
        domain=("real", "nonzero"),
        operator="/",
    ),
    elementwise(np.negative, "−x", ("−1", lambda out, x: -1), symbol="−"),
    elementwise(np.positive, "x", _ONE, symbol="+", keeps=True),
    elementwise(np.conjugate, "x (real)", _ONE, symbol="x̄", keeps=True),
    elementwise(
        np.remainder,
        "x − ⌊x / y⌋ · y",
        _ONE,
        ("−⌊x / y⌋", lambda out, x, y: -np.floor_divide(x, y)),
        symbol="mod",
        domain=("real", "nonzero"),
    ),
    elementwise(
        np.fmod,
        "x − trunc(x / y) · y",
        _ONE,
        # Not trunc(x / y): x / y may round up to the next integer, out knows which one it was.
        ("−trunc(x / y)", lambda out, x, y: -np.rint((x - out) / y)),
        symbol="mod",
        domain=("real", "nonzero"),
    ),
    # powers
    elementwise(np.square, "x²", ("2x", lambda out, x: 2 * x), symbol="x²"),
    elementwise(
        np.sqrt,
        "√x",
        ("1 / 2√x", quiet(lambda out, x: 0.5 / out)),
        symbol="√",
        domain=("positive",),
    ),
    elementwise(
        np.cbrt,
        "∛x",
        ("1 / 3(∛x)²", quiet(lambda out, x: 1 / (3 * out * out))),
        symbol="∛",
        domain=("nonzero",),
    ),
    elementwise(
        np.reciprocal,
        "1 / x",
        ("−1 / x²", lambda out, x: -out * out),
        symbol="1/x",
        domain=("nonzero",),
    ),
    elementwise(np.power, "xʸ", *_POWER, symbol="^", domain=("positive", "real"), operator="**"),
    elementwise(np.float_power, "xʸ", *_POWER, symbol="^", domain=("positive", "real")),
    elementwise(
        np.hypot,
        "√(x² + y²)",
        ("x / out", quiet(lambda out, x, y: x / out)),
        ("y / out", quiet(lambda out, x, y: y / out)),
    ),
    elementwise(
        np.ldexp,
        "x · 2ʸ",
        ("2ʸ", quiet(lambda out, x, y: np.exp2(y))),
        ("log(2) · out", lambda out, x, y: math.log(2) * out),
        symbol="x·2ʸ",
    ),
    # choices
    elementwise(np.absolute, "|x|", _SIGN, symbol="|x|"),
    elementwise(np.fabs, "|x|", _SIGN, symbol="|x|"),
    elementwise(
        np.maximum,
        "max(x, y)",
        ("1 where x > y, ½ where x = y, else 0", lambda out, x, y: _share(x, y)),
        ("1 where y > x, ½ where x = y, else 0", lambda out, x, y: _share(y, x)),
        symbol="max",
        chooses=True,
    ),
    elementwise(
        np.minimum,
        "min(x, y)",
        ("1 where x < y, ½ where x = y, else 0", lambda out, x, y: _share(y, x)),
        ("1 where y < x, ½ where x = y, else 0", lambda out, x, y: _share(x, y)),
        symbol="min",
        chooses=True,
    ),
    elementwise(
        np.fmax,
        "max(x, y), NaN passed over",
        ("1 where x ≥ y or y is NaN, else 0", lambda out, x, y: (x >= y) | np.isnan(y)),
        ("0 where x ≥ y or y is NaN, else 1", lambda out, x, y: ~((x >= y) | np.isnan(y))),
        symbol="max",
        chooses=True,
    ),
    elementwise(
        np.fmin,
        "min(x, y), NaN passed over",
        ("1 where x ≤ y or y is NaN, else 0", lambda out, x, y: (x <= y) | np.isnan(y)),
        ("0 where x ≤ y or y is NaN, else 1", lambda out, x, y: ~((x <= y) | np.isnan(y))),
        symbol="min",
        chooses=True,
    ),
    elementwise(
        np.copysign,
        "|x| with the sign of y",
        ("1 where the signs agree, −1 where not", lambda out, x, y: np.sign(x) * np.copysign(1, y)),
        ("0", None),
        domain=("nonzero", "nonzero"),
    ),
    elementwise(
        np.heaviside,
        "0 where x < 0, y where x = 0, 1 where x > 0",
        ("0", None),
        ("1 where x = 0, else 0", lambda out, x, y: x == 0),
        symbol="step",
        domain=("nonzero", "real"),
    ),
)
