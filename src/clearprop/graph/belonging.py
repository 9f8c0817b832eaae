"""Which derivatives belong to the results that are shown.

`grad` holds what the last `backward` left, be it that of another result: after `y.backward()`, the
graph of `z = 5 * x` has no derivative yet, whatever stands in `x.grad`.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.graph.backward import reach
from clearprop.graph.node import NOTHING, Recorded, data_of, mark_of


def starts(outputs: Iterable[Recorded]) -> dict[Recorded, Any]:
    """The results from which `backward` was called, each with the derivative that it started with.

    One that another of the results was computed from is not told apart from what lies between. Of
    one without any finite number, such as log(−1), no derivative means anything.
    """
    return {
        v: data_of(v.grad)
        for v in last(outputs)
        if v.grad is not None and v.grad_of == {mark_of(v)} and np.isfinite(v.data).any()
    }


def last(outputs: Iterable[Recorded]) -> list[Recorded]:
    """The results that were computed, and that no other result was computed from, each once."""
    outputs = tuple(outputs)
    nodes, _ = reach(outputs)
    inner = {mark_of(x) for n in nodes for x in n.inputs if isinstance(x, Recorded)}
    once = {mark_of(v): v for v in outputs if v.node is not None}
    return [v for mark, v in once.items() if mark not in inner]


def belonging(outputs: Iterable[Recorded]) -> dict[Recorded, Any]:
    """The derivatives of results by what they were computed from, as far as `backward` left them.

    A `grad` belongs to them if it is from the `backward` of those results, of all that were
    started from, which depend on the Variable.

    >>> from clearprop.graph.variable import Variable
    >>> x = Variable(3.0)
    >>> y, z = x * x, 5 * x
    >>> y.backward()
    >>> belonging([y])[x], x in belonging([z])
    (np.float64(6.0), False)
    """
    begun = starts(outputs)
    nodes, made = reach(begun)
    above = {mark_of(v): v.grad_of for v in begun}
    for node in nodes:
        marks = NOTHING.union(*(above.get(mark_of(v), NOTHING) for v in made[node]))
        for x in node.inputs:
            if isinstance(x, Recorded):
                above[mark_of(x)] = above.get(mark_of(x), NOTHING) | marks
    return {
        v: data_of(v.grad)
        for variables in made.values()
        for v in variables
        if v.grad is not None and v.grad_of == above[mark_of(v)]
    }
