"""Mistakes in where things go back to: order, index, offset, and the place of another."""

from typing import Any

import numpy as np

from clearprop.checking.findings import Kind
from clearprop.checking.tape import At, Mistake, Mistakes, Tape, everywhere, local

LINEAR_MAPS = ("np.cumsum", "np.roll")
GETITEM = "clearprop.getitem"
MOVES = (GETITEM, "np.transpose", "np.swapaxes", "np.moveaxis", "np.flip", "np.roll")


def unordered(tape: Tape) -> Mistakes:
    """What forward turned around, moved or took by an index is not brought back into its order."""
    for group in tape.groups:
        node = group.nodes[0]
        x, name = np.asarray(node.values[0]) if node.values else np.zeros(()), node.operation.name
        if name in MOVES and x.size == np.size(node.out) and x.ndim:
            changes = everywhere(group.nodes, 0, _as_it_comes)
            message = f"what goes back through {group} is not brought back into its order"
            yield Mistake(Kind.WRONG_PLACE, message, changes)

        if name in LINEAR_MAPS and np.shape(node.out) == x.shape:
            message = f"dout goes through {group} once more, and not back through it"
            yield Mistake(Kind.WRONG_PLACE, message, everywhere(group.nodes, 0, _forward_again))
        arrays = len(node.inputs) - 1
        if name == GETITEM and arrays > 1 and len(set(x.shape[:arrays])) == 1:
            message = f"the indices of {group} stand in another order when it is added back"
            yield Mistake(Kind.TRANSPOSED, message, everywhere(group.nodes, 0, _indices_turned))


def _as_it_comes(at: At) -> Any:
    return np.reshape(at.dout, np.shape(at.values[0]))


def _forward_again(at: At) -> Any:
    return at.node.operation.evaluate(at.dout, *at.values[1:], **at.node.params)


def _indices_turned(at: At) -> Any:
    values = [at.values[0], *at.values[:0:-1]]
    return local(at.node, at.dout, at.out, values)[0]
