"""A word about NaN that comes out of a branch which `np.where` did not take."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.graph.backward import derivatives, reach
from clearprop.graph.node import Node, Recorded, data_of, parts
from clearprop.graph.shares import shares


def tell_of_branches(outputs: Iterable[tuple[Recorded, Any]], found: Iterable[Any]) -> None:
    """Warn if a derivative is NaN since 0 came from a branch not taken and met an infinite slope.

    `found` are derivatives that a backward pass from `outputs` ends with: what is NaN before comes
    to these, or stands behind another choice. Both sides of `np.where(c, a, b)` are computed, and
    what was not chosen gets the derivative 0; further back that is multiplied by the local
    derivatives, and 0 · ∞ is NaN.
    """
    if not any(_has_nan(dx) for dx in found):
        return
    outputs = list(outputs)
    if any(_has_nan(v.data) or _has_nan(dout) for v, dout in outputs):
        return
    with np.errstate(all="ignore"):
        arrived = derivatives(outputs)
    nodes, made = reach(v for v, _ in outputs)
    chosen: set[Node] = set()
    """Those from which a way leads through a choice."""
    for node in nodes:
        by_output = {v.index or 0: arrived.get(v) for v in made[node]}
        douts = [by_output.get(i) for i in range(len(parts(node.out)))]
        there = [dout for dout in douts if dout is not None]
        if node in chosen and there and not any(map(_has_nan, there)):
            sent = [dx for dx in shares(node, douts) if dx is not None]
            if any(map(_has_nan, sent)) and any((np.asarray(dout) == 0).any() for dout in there):
                warnings.warn(_words(node), RuntimeWarning, stacklevel=4)
                return
        if node in chosen or node.operation.chooses:
            inputs = (x.node for x in node.inputs if isinstance(x, Recorded))
            chosen.update(n for n in inputs if n is not None)


def _has_nan(x: Any) -> bool:
    x = data_of(x)
    if x.ndim and x.size:
        x = np.minimum.reduce(x, axis=None)  # a quarter of the time that all elements take
    return bool(np.size(x) and x != x)


def _words(node: Node) -> str:
    name = node.operation.name
    return (
        f"the derivative of {name} is 0 · ∞ = NaN where np.where, or another choice, did not take "
        f"what it gave. Both branches are computed; keep {name} inside its domain in both, as in "
        "np.where(x > 0, np.sqrt(np.where(x > 0, x, 1)), 0)"
    )
