"""Numbers in a few characters, exact enough to read."""

import math
from typing import Any

import numpy as np

from clearprop.graph.rounding import rest_of_mean, up


def number(x: Any, digits: int = 6) -> str:
    """Write a number short: up to so many significant digits, without the noise of rounding.

    Whole numbers below a thousand million are written out. A minus sign is a minus sign.

    >>> [number(x) for x in (220.00000000000003, 1.1, -0.5, 1e-7, 123456789, 2**70)]
    ['220', '1.1', '−0.5', '1e−7', '123456789', '1.18059e21']
    >>> number(float("nan")), number(float("-inf")), number(np.True_), number(-0.0)
    ('NaN', '−∞', 'True', '0')
    >>> number(1.005, 3), number(1.1 * 1.15, 3)  # not 1 and 1.26, though both are stored too small
    ('1.01', '1.27')
    """
    if isinstance(x, bool | np.bool_):
        return str(bool(x))
    if isinstance(x, int | np.integer):
        x = int(x)
        if abs(x) < 10**9:
            return str(x).replace("-", "−")
        x = float(x) if abs(x) < 1 << 1000 else math.inf if x > 0 else -math.inf
    x = float(x)
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    if x == round(x) and abs(x) < 1e9:
        return str(int(x)).replace("-", "−")
    mantissa, _, exponent = f"{up(x):.{digits}g}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    text = f"{mantissa}e{int(exponent)}" if exponent else mantissa
    return "0" if text == "-0" else text.replace("-", "−")


def sentence(value: Any, exact: bool = False) -> str:
    """Say in one line what an array holds: for other programs' pictures, exactly for tooltips.

    >>> sentence(np.array([0.0, 0.0, 3.0, 1.0] * 10))
    '(40,) float64: 0 … 3, mean 1, 50% zeros'
    >>> sentence(220.00000000000003), sentence(220.00000000000003, exact=True)
    ('220', '220.00000000000003')
    >>> sentence(np.array([1, 2]))
    '[1, 2]'
    """
    try:
        array = np.asarray(value)
    except ValueError:  # lists of several lengths
        return str(value)
    if array.dtype.kind not in "fiub":
        return str(value)
    if not array.ndim:
        return str(array[()]).replace("-", "−") if exact else number(array[()])
    if array.size <= 9:
        return _nested(array.tolist())
    return f"{array.shape} {array.dtype}: {', '.join(facts(array))}"


def rest(left: float) -> str:
    """How much rounding has left where 0 is shown.

    >>> rest(5.55e-17), rest(0.0)
    (' (rounding leaves up to 5.6e−17 of 0)', '')
    """
    return f" (rounding leaves up to {number(left, 2)} of 0)" if left else ""


def facts(array: np.ndarray) -> list[str]:
    """What is worth saying of many numbers: range, mean, share of zeros, what is not finite.

    >>> facts(np.array([0.5, np.nan, -1.5]))
    ['−1.5 … 0.5', 'mean −0.5', '1 NaN']
    >>> facts(np.array([True, False, True, True]))
    ['75% true']
    """
    if not array.size:
        return ["empty"]
    if array.dtype.kind == "b":
        return [f"{_percent(array.mean())} true"]
    found = []
    finite = array
    if array.dtype.kind == "f":
        mask = np.isfinite(array)
        if not mask.all():
            finite = array[mask]
    if finite.size:
        low, high = finite.min(), finite.max()
        if low == high:
            found.append(f"all {number(low, 4)}" if finite is array else number(low, 4))
        else:
            mean = finite.mean(dtype=np.float64)
            if abs(mean) < rest_of_mean(array) * max(abs(low), abs(high)):
                mean = 0.0  # what is left of rounding
            found += [f"{number(low, 3)} … {number(high, 3)}", f"mean {number(mean, 3)}"]
            zeros = finite.size - np.count_nonzero(finite)
            if 100 * zeros >= finite.size:
                found.append(f"{_percent(zeros / array.size)} zeros")
    if finite is not array:
        nan = int(np.isnan(array).sum())
        infinite = array.size - finite.size - nan
        found += [f"{nan} NaN"] if nan else []
        found += [f"{infinite} infinite"] if infinite else []
    return found


def _percent(share: float) -> str:
    """A share that is not all is not shown as all."""
    percent = round(100 * share)
    if percent == 100 and share < 1:
        return "99%"
    return f"{percent}%"


def _nested(values: Any) -> str:
    if isinstance(values, list):
        return f"[{', '.join(map(_nested, values))}]"
    return number(values)
