"""The rows of a batch, fetched from the data set by the phase that reads them first.

Each half fetches its own samples, which are then in the cache of the processor that needs them.
"""

from typing import Any, NamedTuple

import numpy as np

from clearprop.compiler.engines.c.lines import Lines
from clearprop.compiler.engines.c.memory import Home, has_name
from clearprop.compiler.engines.c.phases import Phase, Schedule, needs_whole
from clearprop.compiler.engines.c.vectors import C_TYPES
from clearprop.compiler.engines.strided import row_by_row
from clearprop.compiler.rewriting import function_of, is_recorded
from clearprop.graph.node import Node


class Fetch(NamedTuple):
    """Rows that a phase fetches."""

    key: Any
    """The leaf, or the node that makes the floats of the program of its numbers."""
    phase: Phase
    readers: list[Node]
    """What reads them in this phase."""
    data: Home
    """Where they are fetched from."""


def fetched(schedule: Schedule, leaf: Any, name: str, data: np.ndarray) -> Fetch | None:
    """How the rows of a batch, which NumPy's program calls `name`, can be fetched in a phase.

    `None` where something else reads them, or something that does not go sample by sample.
    """
    choice = schedule.choice
    key, users = leaf, _users(schedule, leaf)
    if len(users) == 1 and function_of(users[0]) is np.astype:
        key = users[0]
        users = [n for n in choice.consumers[key] if n is not None]
    x = key.out if isinstance(key, Node) else key
    if x.dtype != choice.dtype or not data.flags.c_contiguous or not has_name(data.dtype):
        return None
    users = [n for user in users for n in _through_transposes(schedule, user)]
    phases = [p for p in schedule.phases if any(n in users for n in p.nodes)]
    within = {n for phase in phases for n in phase.nodes}
    if not users or not within.issuperset(users):
        return None
    first = phases[0]
    readers = [n for n in first.nodes if n in users]
    for node in readers:
        for v in node.inputs:
            whole = is_recorded(v) and (v is key or v.node is key)
            if whole and needs_whole(node, choice.kinds[node], v):
                return None
    if x.shape[0] != first.n:
        return None
    other = data.dtype in C_TYPES and data.dtype != choice.dtype
    shape = len(data), *x.shape[1:]
    home = Home(name, shape, row_by_row(data.shape), data.dtype, is_other=other)
    return Fetch(key, first, readers, home)


def _users(schedule: Schedule, leaf: Any) -> list[Node]:
    return [n for n in schedule.choice.trace.nodes if any(x is leaf for x in n.inputs)]


def _through_transposes(schedule: Schedule, node: Node) -> list[Node]:
    """The products that read a matrix transposed: they read it sample by sample."""
    users = schedule.choice.consumers[node]
    kinds = [schedule.choice.kinds.get(n) if n is not None else None for n in users]
    turned = function_of(node) is np.transpose and kinds and set(kinds) == {"matmul_W"}
    return [n for n in users if n is not None] if turned else [node]


def lines_of(fetch: Fetch, to: Home, rows: Home) -> Lines:
    """The lines that fetch the rows of a half."""
    lines, size = Lines(), int(np.prod(to.shape[1:]))
    lines("// the rows of the batch")
    with lines.loop("n", "n0", "n1"):
        at = f"{fetch.data.name} + *({rows.at('n')}) * {size}"
        if fetch.data.dtype == to.dtype:
            lines(f"memcpy({to.name} + n * {size}, {at}, {size} * sizeof(f));")
        else:
            lines(f"const {fetch.data.ctype} *at = {at};")
            with lines.loop("k", 0, size):
                lines(f"{to.name}[n * {size} + k] = at[k];")
    return lines
