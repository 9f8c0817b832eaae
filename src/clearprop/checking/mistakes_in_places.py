"""Mistakes in where things go back to: order, index, offset, and the place of another."""

import itertools
from typing import Any

import numpy as np

from clearprop.checking.findings import Kind
from clearprop.checking.mistakes_in_slopes import LINEAR
from clearprop.checking.mistakes_in_ways import with_value
from clearprop.checking.tape import (
    At,
    Formula,
    Mistake,
    Mistakes,
    Tape,
    everywhere,
    local,
)
from clearprop.graph.node import Node, Recorded
from clearprop.primitives.indexing import put_at

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


def windows(tape: Tape) -> Mistakes:
    """The offsets of windows lack their stride or dilation: k in place of k · d."""
    for group in tape.groups:
        if group.nodes[0].operation.name != GETITEM or len(group.nodes) < 2:
            continue
        forms = [node.params["form"] for node in group.nodes]
        for axis in range(len(forms[0])):
            at = [form[axis] for form in forms]
            if not all(isinstance(s, slice) and isinstance(s.start, int) for s in at):
                continue
            starts = sorted({s.start for s in at})
            if len(starts) < 2 or starts[0] != 0 or starts[1] < 2:
                continue
            d = starts[1]
            changes: dict[Any, Formula] = {}
            for node, form in zip(group.nodes, forms, strict=True):
                s = form[axis]
                moved = slice(s.start // d, s.stop and s.stop - s.start + s.start // d, s.step)
                changes[node, 0] = _put_at((*form[:axis], moved, *form[axis + 1 :]))
            message = f"the offset of {group} along axis {axis} is k in backward, and not k · {d}"
            yield Mistake(Kind.WRONG_PLACE, message, changes)


def _put_at(form: Any) -> Formula:
    def formula(at: At) -> Any:
        return put_at(at.dout, *at.values[1:], form=form, shape=np.shape(at.values[0]))

    return formula


def exchanged(tape: Tape) -> Mistakes:
    """Two parts of an array, such as gates, or two factors, each in the place of the other."""
    for one, other in itertools.combinations(tape.groups, 2):
        pairs = list(zip(one.nodes, other.nodes, strict=False))
        a, b = pairs[0]
        if len(one.nodes) != len(other.nodes) or a.operation is not b.operation:
            continue
        kind, changes = Kind.WRONG_PLACE, dict[Any, Formula]()
        message = f"what goes back to {one} and {other} is exchanged"
        if a.operation.name == GETITEM and a.inputs[0] is b.inputs[0] and _alike(a, b):
            for p, q in pairs:
                if not p.values[1:] and not q.values[1:]:
                    changes |= {
                        (p, 0): _put_at(q.params["form"]),
                        (q, 0): _put_at(p.params["form"]),
                    }
        elif a.operation.name == "np.multiply" and _alike(a, b) and _meet(tape, a, b):
            kind, message = (
                Kind.WRONG_VALUE,
                f"the other factors of {one} and {other} are exchanged",
            )
            each = [_with_factors_of(p, q, slot) for p, q in pairs for slot in (0, 1)]
            yield from (Mistake(kind, message, some) for some in each if len(pairs) == 1)
            changes = {key: f for some in each for key, f in some.items()}
        if changes:
            yield Mistake(kind, message, changes)


def _with_factors_of(p: Node, q: Node, slot: int) -> dict[Any, Formula]:
    changes: dict[Any, Formula] = {}
    if isinstance(p.inputs[slot], Recorded) and isinstance(q.inputs[slot], Recorded):
        changes[p, slot] = with_value(slot, 1 - slot, q.values[1 - slot])
        changes[q, slot] = with_value(slot, 1 - slot, p.values[1 - slot])
    return changes


def _alike(a: Node, b: Node) -> bool:
    return [np.shape(x) for x in (a.out, *a.values)] == [np.shape(x) for x in (b.out, *b.values)]


def _meet(tape: Tape, a: Node, b: Node) -> bool:
    """Whether two results are added to each other."""
    (one, other) = (tape.users.get((node, None), ()) for node in (a, b))
    return any(user in other and user.operation.name in LINEAR for user in one)
