"""The end of a step, `P − G`: each processor changes the half whose derivatives it has summed.

It goes as the phase before it went, in one thread or in two, so that what one processor has in its
cache needs not go to the other and back.
"""

from typing import Any

import numpy as np

from clearprop.compiler.engines.c.lines import Lines
from clearprop.compiler.rewriting import function_of, is_recorded
from clearprop.graph.node import Node

LEAST = 2**13
"""Numbers from which two threads are worth the call."""

_SIGNS = {np.add: "+", np.subtract: "-"}


def operands(printer: Any, node: Node, leaf: Any) -> tuple[str, list[str]] | None:
    """The sign and the two operands of a step that C can take; `None` for others."""
    sign = _SIGNS.get(function_of(node))
    stored, dtype = printer.job.stored[leaf], printer.schedule.choice.dtype
    plain = stored.flags.c_contiguous and stored.ndim == 1 and stored.size >= LEAST
    if sign is None or node.params or not plain or not printer.schedule.phases:
        return None
    if any(not is_recorded(x) or x.shape != stored.shape or x.dtype != dtype for x in node.inputs):
        return None
    cells = [printer.cell(x) for x in node.inputs]
    if any(cell.order or cell.varies for cell in cells):
        return None
    return sign, [cell.name for cell in cells]


def function(name: str, sign: str, lanes: int) -> str:
    """The step as a function of C."""
    lines = Lines()
    lines("// the update")
    with lines.block(f"void {name}(void **p, long n0, long n1, long half)"):
        lines("f *to = (f *)p[0];")
        lines("const f *a = (f *)p[1], *b = (f *)p[2];")
        lines("long k = n0;")
        with lines.block(f"for (; k + {lanes} <= n1; k += {lanes})"):
            a, b = (f"*(const v{lanes} *)({x} + k)" for x in "ab")
            lines(f"*(v{lanes} *)(to + k) = {a} {sign} {b};")
        with lines.block("for (; k < n1; k++)"):
            lines(f"to[k] = a[k] {sign} b[k];")
    return str(lines)
