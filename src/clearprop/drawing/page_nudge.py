"""A derivative put to the test: what becomes of the result when one input is changed a little."""

from typing import Any

import numpy as np

from clearprop.errors import ClearpropError
from clearprop.explaining.expressions import Number
from clearprop.explaining.in_text import in_text
from clearprop.explaining.numbers import number
from clearprop.graph.graph import Graph

MOST = 60
"""A graph of more nodes is not computed once more for each of its inputs."""

DIGITS = 4
"""How many digits of a change are shown."""


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
    before = number(next(iter(graph.outputs)).data)
    start = number(leaf.data)
    for power in range(5):
        step = Number(10.0**-power)
        to = number(np.float64(start.value + step.value))
        try:
            with np.errstate(all="ignore"):
                after = number(graph.evaluate({leaf: to.value}))
        except ClearpropError:
            return None
        change, wanted = after.value - before.value, slope * step.value
        if abs(change - wanted) <= 0.5 * 10.0**-DIGITS * abs(wanted):
            return _sentence(start, to, before, after, number(derivative), step)
    return None


def _sentence(
    start: Number, to: Number, before: Number, after: Number, slope: Number, step: Number
) -> dict[str, str]:
    change = Number(float(f"{after.value - before.value:.{DIGITS - 1}e}"))
    texts = {
        "from": start,
        "to": to,
        "before": before,
        "after": after,
        "dy": change,
        "d": slope,
        "dx": step,
    }
    return {key: in_text(n) for key, n in texts.items()}
