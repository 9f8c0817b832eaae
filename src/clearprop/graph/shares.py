"""What one node sends back, by itself."""

from collections.abc import Sequence
from typing import Any

from clearprop.graph.backward import derivatives
from clearprop.graph.node import Node, Recorded, parts, variable
from clearprop.graph.recording import attach


def shares(node: Node, douts: Sequence[Any]) -> list[Any]:
    """What one node sends back to each of its operands: upstream times local derivative.

    `douts` are the derivatives of the node's outputs, `None` where there is none. An operand that
    has no derivative gets `None`. Where a value is used several times, the backward pass sums these
    shares; here each stands alone.

    >>> import numpy as np
    >>> from clearprop.graph.variable import Variable
    >>> x = Variable(3.0)
    >>> print(*shares((x * x).node, (np.float64(1.0),)))
    3.0 3.0
    """
    if all(dout is None for dout in douts):
        return [None] * len(node.inputs)
    fresh = tuple(
        variable(Recorded.made_as, value) if isinstance(x, Recorded) else x
        for x, value in zip(node.inputs, node.values, strict=True)
    )
    made = attach(node.operation, fresh, node.values, node.params, node.out)
    pairs = zip(parts(made), douts, strict=True)
    found = derivatives((v, dout) for v, dout in pairs if dout is not None)
    return [found.get(x) if isinstance(x, Recorded) else None for x in fresh]
