"""A graph as a text tree: results at the top, what they were made from below."""

from typing import Any

import numpy as np

from clearprop.graph.belonging import belonging
from clearprop.graph.node import Recorded


def tree(graph: Any, limit: int = 400) -> str:
    """Draw a Graph with lines of text, at most `limit` of them.

    A value that went into several nodes is drawn once and referred to after that.

    >>> from clearprop.graph.graph import graph
    >>> from clearprop.graph.variable import Variable
    >>> apple, tax = Variable(100.0, "apple"), Variable(1.1, "tax")
    >>> price = apple * 2 * tax
    >>> price.backward()
    >>> print(graph(price))
    × = 220.00000000000003   ∂ 1.0
    ├─ × = 200.0   ∂ 1.1
    │  ├─ apple = 100.0   ∂ 2.2
    │  └─ 2
    └─ tax = 1.1   ∂ 200.0
    """
    derivatives = belonging(graph.outputs)
    lines: list[str] = []
    shown: dict[Any, str] = {}
    # (what, first line's prefix, prefix of what hangs below); a stack, not recursion
    stack: list[tuple[Any, str, str]] = [(v, "", "") for v in reversed(graph.outputs)]
    while stack:
        x, head, below = stack.pop()
        if len(lines) == limit:
            lines.append(f"… and more: {len(graph.nodes)} nodes in all")
            break
        key = (x.node, x.index) if isinstance(x, Recorded) and x.node else x
        if not isinstance(x, Recorded):
            lines.append(head + digest(x))
            continue
        if key in shown:
            lines.append(f"{head}{shown[key]} ↑ as above")
            continue
        lines.append(head + _described(x, derivatives.get(x)))
        if x.node is None:
            shown[key] = _name(x) or "leaf"
            continue
        shown[key] = f"{_name(x) or x.node.operation.symbol} = {digest(x.data)}"
        last = len(x.node.inputs) - 1
        for i in range(last, -1, -1):
            branch, bar = ("└─ ", "   ") if i == last else ("├─ ", "│  ")
            stack.append((x.node.inputs[i], below + branch, below + bar))
    return "\n".join(lines)


def _described(x: Recorded, derivative: Any) -> str:
    """One line: what made it, its value, and its derivative if that is known."""
    made = x.node.operation.symbol if x.node else None
    label = " ".join(
        part for part in (_name(x), made and (f"({made})" if x.name else made)) if part
    )
    text = f"{label or 'input'} = {digest(x.data)}"
    return text if derivative is None else f"{text}   ∂ {digest(derivative)}"


def _name(x: Recorded) -> str:
    """A name on one line, whatever stands in it."""
    return "".join(c if c.isprintable() else " " for c in x.name or "")


def digest(value: Any) -> str:
    """A value in a few characters: numbers as they are, small arrays in full, others by shape."""
    array = np.asarray(value)
    if not array.ndim:
        return str(value)
    if array.size <= 6:
        text = np.array2string(array, precision=4, separator=", ")
        return " ".join(text.split())
    if array.dtype.kind == "b":
        return f"{array.shape} {array.mean():.0%} true"
    return f"{array.shape} {array.dtype} from {array.min():.4g} to {array.max():.4g}"
