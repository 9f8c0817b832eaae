"""The backward pass that a page steps through: run beside the graph, which stays as it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.explaining.story import key
from clearprop.graph.backward import derivatives, reach
from clearprop.graph.belonging import last, starts
from clearprop.graph.graph import Graph
from clearprop.graph.node import Recorded


@dataclass(frozen=True)
class BackwardPass:
    """Derivatives of a graph's outputs by everything they were computed from."""

    seeds: tuple[tuple[Any, Any], ...]
    """The outputs from which it started, each with the derivative that it started with."""
    found: dict[Any, Any]

    @property
    def starts_at_one(self) -> bool:
        """Whether it is simply the derivative of one number."""
        return len(self.seeds) == 1 and np.size(self.seeds[0][1]) == 1 and self.seeds[0][1] == 1

    def start_at(self, v: Recorded) -> Any:
        """What the pass started with at an output, `None` if it did not start there."""
        return next((seed for start, seed in self.seeds if key(start) == key(v)), None)

    def derivative(self, v: Recorded) -> Any:
        """The derivative by a Variable, `None` where there is none."""
        return self.found.get(key(v))


def run_backward(graph: Graph) -> BackwardPass:
    """Run the backward pass with the engine's own rules, without touching any `grad`.

    It starts as the `backward` of the outputs did. Where there was none yet, it starts with 1 at
    every output that is one number. An output that another output was computed from starts nothing.
    If nothing is left to start from, there is no backward pass.

    >>> from clearprop.graph.graph import graph
    >>> from clearprop.graph.variable import Variable
    >>> x = Variable(3.0)
    >>> float(run_backward(graph(x * x)).derivative(x)), x.grad
    (6.0, None)
    """
    seeds = list(starts(graph.outputs).items())
    if not seeds:
        seeds = [(v, _filled(np.ones, v)) for v in last(graph.outputs) if v.data.size == 1]
    with np.errstate(all="ignore"):
        found = derivatives(seeds) if seeds else {}
    by_key = {key(v): dx for v, dx in found.items()}
    # What is computed from an input without a derivative, as in x > 0, is not walked back to. The
    # input itself has one: 0.
    for v in reach(v for v, _ in seeds)[1]:
        if isinstance(v, Recorded):
            by_key.setdefault(v, _filled(np.zeros, v))
    return BackwardPass(tuple(seeds), by_key)


def _filled(make: Any, v: Any) -> Any:
    dtype = v.data.dtype if v.data.dtype.kind == "f" else np.dtype(np.float64)
    return make(v.data.shape, dtype)[()]
