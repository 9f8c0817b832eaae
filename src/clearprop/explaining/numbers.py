"""Numbers for people: as short as they can be, and no shorter than they are exact."""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from clearprop.explaining.expressions import Equation, Expression, Number, parts
from clearprop.graph.rounding import SAME, up

EXACT = 8
"""Up to so many digits a number is written out; a longer one is rounded."""
ROUNDED = 6
"""How many digits of a longer number are shown."""


def number(value: Any) -> Number:
    """Read a number off the graph; its dtype says how exact it is, and its `slot` what it is.

    >>> number(np.float32(0.1)).eps > number(0.1).eps
    True
    """
    dtype = np.asarray(value).dtype
    eps = float(np.finfo(dtype).eps) if dtype.kind == "f" else 2.0**-52
    return Number(float(value), eps, getattr(value, "slot", None))


@lru_cache(maxsize=4096)
def shorten(n: Number) -> tuple[str, int | None, bool]:
    """Give a number's digits, its power of ten where it needs one, and whether that is all of it.

    The shortest digits are taken that differ from the number by no more than rounding errors do.

    >>> shorten(Number(220.00000000000003)), shorten(Number(1 / 3)), shorten(Number(-2.5e-9))
    (('220', None, True), ('0.333333', None, False), ('−2.5', -9, True))
    """
    value = float(n.value)
    if not math.isfinite(value):
        return ("NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"), None, True
    if value == 0:
        return "0", None, True
    near = max(8 * n.eps, SAME) * abs(value)
    digits = next((d for d in range(1, 17) if abs(float(f"{value:.{d - 1}e}") - value) <= near), 17)
    whole = value.is_integer() and abs(value) < 1e15
    exact = digits <= EXACT or whole
    if not exact:
        digits, value = ROUNDED, up(value)  # ties are ties but for their last digits
    mantissa, _, power = f"{abs(value):.{digits - 1}e}".partition("e")
    exponent = int(power)
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
        digits = max(len(mantissa) - 1, 1)
    sign = "−" if value < 0 else ""
    if whole or -5 < exponent < max(digits, 7):
        places = max(digits - 1 - exponent, 0)
        return f"{sign}{abs(value):.{places}f}", None, exact
    return sign + mantissa, exponent, exact


def equation(*sides: Expression | None) -> Equation:
    """Join sides with =, and with ≈ before the first that is a rounded number, and after.

    Sides that are missing, or the same as the one before, are left out.
    """
    given = tuple(side for side in sides if side is not None)
    kept: list[Expression] = []
    for side in given:
        if not kept or side != kept[-1]:
            kept.append(side)
    signs, sign = [], "="
    for side in kept[1:]:
        if any(isinstance(e, Number) and not shorten(e)[2] for e in parts(side)):
            sign = "≈"
        signs.append(sign)
    return Equation(tuple(kept), tuple(signs), given)
