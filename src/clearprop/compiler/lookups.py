"""Places that are looked up by whole numbers, for engines that answer for those out of range.

NumPy and C raise `IndexError`; JAX gives NaN, or the last entry. Places that are known before the
program runs, since they come with the batch, are looked at beside it.
"""

from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from clearprop.compiler.at_labels import pick_at
from clearprop.compiler.rewriting import function_of, is_recorded, value_in
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node
from clearprop.primitives.indexing import Place, getitem


def lookups(trace: Trace, given: Set[Any]) -> list[Node]:
    """The nodes that look up places which are computed from these leaves alone, as integers."""
    known: dict[Any, bool] = {}

    def is_known(v: Any) -> bool:
        if not is_recorded(v):
            return True
        if v not in known:
            inputs = v.node.inputs if v.node is not None else ()
            leads = all(map(is_known, inputs)) if inputs else v in given
            known[v] = v.dtype.kind in "iu" and leads
        return known[v]

    def varies(v: Any) -> bool:
        return is_recorded(v) and v.dtype.kind in "iu"

    return [
        node
        for node in trace.nodes
        if function_of(node) in (getitem, np.take, np.take_along_axis, pick_at)
        and any(map(varies, node.inputs[1:]))
        and all(map(is_known, node.inputs[1:]))
    ]


def look_up(nodes: list[Node], values: Mapping[Any, Any]) -> None:
    """Look at the places of these nodes. Errors: `IndexError`, as NumPy's."""
    for node in nodes:
        x, *places = node.inputs
        shape, places = np.shape(x), [value_in(v, values) for v in places]
        if function_of(node) is getitem and node.params["form"] == (Place(0),):
            shape = shape[:1]  # of a table, no row is copied
        node.operation.evaluate(np.broadcast_to(False, shape), *places, **node.params)


def look_up_all(nodes: list[Node], gathered: Mapping[Any, np.ndarray]) -> None:
    """Look at the places of all rows of a data set, by batches. Errors: `IndexError`."""
    if not nodes:
        return
    leaf, whole = next(iter(gathered.items()))
    rows, last = len(leaf.data), len(whole) - len(leaf.data)
    for start in (*range(0, last, rows), last):
        look_up(nodes, {v: array[start : start + rows] for v, array in gathered.items()})
