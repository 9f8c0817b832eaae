"""A derivative put to the test: what becomes of the result when one input is changed a little."""

import math
from typing import Any

import numpy as np

from clearprop.errors import ClearpropError
from clearprop.explaining.in_text import in_text
from clearprop.explaining.numbers import number
from clearprop.graph.graph import Graph
from clearprop.graph.rounding import up

MOST = 60
"""A graph of more nodes is not computed once more for each of its inputs."""

DIGITS = 3
"""So many digits of a change are shown, and hold."""


def nudged(graph: Graph, leaf: Any, derivative: Any) -> dict[str, str] | None:
    """Change an input by 1, or by less where that is too much, and compute the result again.

    Gives the numbers of one sentence as text, `None` where nothing plain can be said: the change
    of the result shall be the derivative times that of the input, to `DIGITS` digits.

    >>> from clearprop.graph.graph import graph
    >>> from clearprop.graph.variable import Variable
    >>> apple = Variable(100, "apple")
    >>> found = nudged(graph(apple * 2 * 1.1), apple, 2.2)
    >>> found["to"], found["before"], found["after"], found["dy"]
    ('101', '220', '222.2', '2.2')
    """
    slope = float(derivative)
    if len(graph.nodes) > MOST or len(graph.outputs) > 1 or not np.isfinite(slope) or not slope:
        return None
    start, before = float(leaf.data), float(next(iter(graph.outputs)).data)
    for power in range(6):
        step = 10.0**-power
        try:
            with np.errstate(all="ignore"):
                after = float(graph.evaluate({leaf: start + step}))
        except ClearpropError:
            return None
        change, wanted = after - before, slope * step
        off = abs(change - wanted) / abs(wanted)
        if off <= 0.5 * 10.0**-DIGITS:
            places = max(DIGITS - 1 - math.floor(math.log10(abs(change))), 0)
            return {
                "from": _number(start),
                "to": _number(start + step),
                "before": _fixed(before, places),
                "after": _fixed(after, places),
                "dy": _number(float(f"{up(change):.{DIGITS - 1}e}")),
                "sign": "=" if off < 1e-12 else "≈",
                "d": in_text(number(derivative)),
                "dx": _number(step),
            }
    return None


def _number(x: float) -> str:
    return in_text(number(np.float64(x)))


def _fixed(x: float, places: int) -> str:
    """With so many places that the change of a result can be seen."""
    text = f"{x + math.copysign(10.0 ** -(places + 3), x):.{places}f}"  # ties go up
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")
