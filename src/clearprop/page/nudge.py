"""A derivative put to the test: what becomes of the result when one number is changed a little."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.errors import ClearpropError
from clearprop.explaining.in_text import in_text
from clearprop.explaining.numbers import number
from clearprop.graph.graph import Graph
from clearprop.graph.node import parts
from clearprop.graph.rounding import SAME, up
from clearprop.page.values import Json

Seeds = Iterable[tuple[Any, Any]]
"""Outputs, each with the derivative that it starts with."""


MOST = 60
"""A graph of more nodes is not computed once more for each of its inputs."""

DIGITS = 3
"""So many digits of a change are shown, and hold."""


def nudged(graph: Graph, leaf: Any, derivative: Any, seeds: Seeds) -> Json | None:
    """Change an input by 1, or by less where that is too much, and compute the result again.

    Of an array that element is changed on which most depends. Where the backward pass started from
    arrays, the result is their sum, each number times the derivative that it started with.

    Gives the numbers of one sentence as text, `None` where nothing plain can be said: the change
    of the result shall be the derivative times that of the input, to `DIGITS` digits.

    >>> from clearprop.graph.graph import graph
    >>> from clearprop.graph.variable import Variable
    >>> apple = Variable(100, "apple")
    >>> price = apple * 2 * 1.1
    >>> found = nudged(graph(price), apple, 2.2, [(price, 1.0)])
    >>> found["to"], found["before"], found["after"], found["dy"]
    ('101', '220', '222.2', '2.2')
    """
    if len(graph.nodes) > MOST or not np.size(derivative):
        return None
    place = _most(derivative)
    slope = np.asarray(derivative)[place]
    if not np.isfinite(slope) or not slope:
        return None
    start, before = float(leaf.data[place]), _total(graph, {}, seeds)
    for power in range(6):
        step = 10.0**-power
        data = np.array(leaf.data, np.result_type(leaf.data, np.float32 if leaf.ndim else float))
        data[place] = start + step
        try:
            after = _total(graph, {leaf: data[()]}, seeds)
        except ClearpropError:
            return None
        change, wanted = after - before, float(slope) * step
        off = abs(change - wanted) / abs(wanted)
        if off <= 0.5 * 10.0**-DIGITS:
            places = max(DIGITS - 1 - math.floor(math.log10(abs(up(change)))), 0)
            return {
                "from": _number(start),
                "to": _number(start + step),
                "before": _fixed(before, places),
                "after": _fixed(after, places),
                "dy": _number(float(f"{up(change):.{DIGITS - 1}e}")),
                "sign": "=" if off < 1e-12 else "≈",
                "d": in_text(number(slope)),
                "dx": _number(step),
                **({"place": f"[{', '.join(map(str, place))}]"} if place else {}),
            }
    return None


def _most(derivative: Any) -> tuple[int, ...]:
    """Where a derivative is largest; the first of those that are the same but for rounding."""
    size = np.abs(np.asarray(derivative))
    most = np.flatnonzero(size >= size.max() * (1 - SAME))
    return tuple(map(int, np.unravel_index(most[0], size.shape))) if most.size else (0,) * size.ndim


def _total(graph: Graph, values: Any, seeds: Seeds) -> float:
    with np.errstate(all="ignore"):
        outputs = dict(zip(graph.outputs, parts(graph.evaluate(values)), strict=True))
        return sum(float(np.sum(outputs[v] * seed)) for v, seed in seeds)


def _number(x: float) -> str:
    return in_text(number(np.float64(x)))


def _fixed(x: float, places: int) -> str:
    """With so many places that the change of a result can be seen."""
    text = f"{x + math.copysign(10.0 ** -(places + 3), x):.{places}f}"  # ties go up
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")
