"""Mistakes in the ways back: left out, turned around, without a factor, with another value."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from clearprop.checking.case import broadcasts, in_words
from clearprop.checking.findings import Kind
from clearprop.checking.places_in_source import Group
from clearprop.checking.tape import (
    At,
    Formula,
    Mistake,
    Mistakes,
    Tape,
    Wide,
    everywhere,
    local,
    nothing,
)
from clearprop.graph.node import Node, Recorded

PRODUCTS = ("np.matmul", "np.dot", "np.einsum")
ORDINALS = ("first", "second", "third", "fourth")


def left_out(tape: Tape) -> Mistakes:
    """A way back that is left out: what explains it so plainly needs nothing more particular."""
    for group, slots, where in _places(tape):
        changes = _of(group.nodes, slots, lambda i: nothing)
        yield Mistake(Kind.DROPPED_TERM, f"{where} is missing", changes)


def ways(tape: Tape) -> Mistakes:
    """A way back that is left out by half, or has the opposite sign, or comes from one run alone.

    What is done by half or twice is done in a line that runs once.
    """
    for group, slots, where in _places(tape):
        if len(group.nodes) == 1:
            changes = _of(group.nodes, slots, lambda i: nothing)
            yield Mistake(Kind.DROPPED_TERM, f"{where} is missing", changes, scales=True)
            continue
        changes = _of(group.nodes, slots, _opposite)
        yield Mistake(Kind.SIGN, f"{where} has the opposite sign", changes)
        changes = _of(group.nodes[1:], slots, lambda i: nothing)
        message = f"{where} is missing in all runs of it but the first"
        yield Mistake(Kind.DROPPED_TERM, message, changes)


def _places(tape: Tape) -> Iterator[tuple[Group, list[int], str]]:
    """The ways back of each line that is run: slots of one input, in words; each alone first."""
    for group in tape.groups:
        node = group.nodes[-1]  # the first may begin with a constant
        for slot, x in enumerate(node.inputs):
            same = [i for i, y in enumerate(node.inputs) if y is x]
            if not isinstance(x, Recorded) or slot != same[0]:
                continue
            alone = len(same) > 1 and not node.operation.elementwise
            for slots in (*([i] for i in same if alone), same):
                yield group, slots, f"what goes back through {group}, its input {slots[0] + 1},"


def _of(
    nodes: list[Node], slots: list[int], formula: Callable[[int], Formula]
) -> dict[tuple[Node, int], Formula]:
    return {key: f for i in slots for key, f in everywhere(nodes, i, formula(i)).items()}


def _opposite(slot: int) -> Formula:
    return lambda at: -at.found[slot]


def uses(tape: Tape) -> Mistakes:
    """What is used at every time step keeps the share of the first or of the last alone."""
    for group in tape.groups:
        for slot, x in enumerate(group.nodes[0].inputs):
            one = isinstance(x, Recorded) and all(node.inputs[slot] is x for node in group.nodes)
            if not one or len(group.nodes) < 2:
                continue
            for others, words in ((group.nodes[1:], "first"), (group.nodes[:-1], "last")):
                message = (
                    f"of {len(group.nodes)} uses only the share of the {words} is kept, those of "
                    f"all must be added (+=): {group}"
                )
                yield Mistake(Kind.NOT_SUMMED, message, everywhere(others, slot, nothing))


def factors_missing(tape: Tape) -> Mistakes:
    """A product that gives back dout without the other factor, or a variance without x − mean."""
    for group in tape.groups:
        node = group.nodes[0]
        if node.operation.name in ("np.var", "np.std"):
            message = f"the factor x − mean(x) is missing in what goes back through {group}"
            yield Mistake(Kind.DROPPED_TERM, message, everywhere(group.nodes, 0, _not_centred))
        square = node.operation.name in PRODUCTS and np.shape(node.values[0]) == np.shape(node.out)
        for slot in (0, 1) if node.operation.name == "np.multiply" else (0,) * square:
            message = (
                f"the other factor of {group} is missing in what goes back to its input {slot + 1}"
            )
            yield Mistake(
                Kind.DROPPED_TERM, message, everywhere(group.nodes, slot, lambda at: at.dout)
            )


def _not_centred(at: At) -> Any:
    x, axis = at.values[0], at.node.params.get("axis")
    return at.found[0] / (x - np.mean(x, axis=axis, keepdims=True))


def factors(tape: Tape) -> Mistakes:
    """A product that gives back dout times another value than the other factor."""
    for group in tape.groups:
        name, node = group.nodes[0].operation.name, group.nodes[0]
        if name not in ("np.multiply", *PRODUCTS) or len(node.inputs) != 2:
            continue
        for slot in (0, 1):
            if name in PRODUCTS:
                yield from _turned(group, slot)
            for words, values in others(tape, [node.values[1 - slot] for node in group.nodes]):
                changes = {
                    (node, slot): with_value(slot, 1 - slot, value)
                    for node, value in zip(group.nodes, values, strict=True)
                }
                message = (
                    f"what goes back to input {slot + 1} of {group} is made with {words} in place "
                    "of its other factor"
                )
                yield Mistake(Kind.WRONG_VALUE, message, changes)


def others(tape: Tape, due: list[Any], inner: bool = True) -> Iterator[tuple[str, list[Any]]]:
    """Values that could be mistaken for others of their shape, one for each run of a line.

    Inputs and kept values, which have names, and `inner` ones.
    """
    shape, seen = np.shape(due[0]), [due]
    if not shape:
        return
    found = [(f"input {name}", [v.data] * len(due)) for name, v in tape.variables.items()]
    found += ((name, [z] * len(due)) for name, z in tape.kept)
    for other in tape.groups if inner else ():
        if len(other.nodes) == len(due) and not isinstance(other.nodes[0].out, tuple):
            found.append((f"what {other} gives", [node.out for node in other.nodes]))
            found += (
                (f"what goes into {other}", [node.values[i] for node in other.nodes])
                for i in range(len(other.nodes[0].values))
            )
    for words, values in found:
        fits = np.ndim(values[0]) > 0 and broadcasts(np.shape(values[0]), shape)
        if fits and not any(
            all(a is b or np.array_equal(a, b) for a, b in zip(values, known, strict=True))
            for known in seen
        ):
            seen.append(values)
            yield words, values


def with_value(slot: int, other: int, value: Any) -> Formula:
    """The derivative by one input where another has another value."""

    def formula(at: At) -> Any:
        values = [value if i == other else v for i, v in enumerate(at.values)]
        return local(at.node, at.dout, at.out, values)[slot]

    return formula


def _turned(group: Group, slot: int) -> Mistakes:
    """A factor of a product that should be transposed, or should not."""
    shape = np.shape(group.nodes[0].values[1 - slot])
    which = f"in the derivative by the {ORDINALS[slot]} factor of {group}"

    def other(at: At) -> Any:
        y = np.swapaxes(at.values[1 - slot], -1, -2)
        values = [y if i == 1 - slot else v for i, v in enumerate(at.values)]
        return local(at.node, at.dout, at.out, values)[slot]

    def dout(at: At) -> Any:
        return local(at.node, np.swapaxes(at.dout, -1, -2), at.out, at.values)[slot]

    if len(shape) >= 2 and shape[-1] == shape[-2]:
        changes = everywhere(group.nodes, slot, other)
        yield Mistake(Kind.TRANSPOSED, f"{which} the other is to be transposed", changes)
    if np.ndim(group.nodes[0].out) >= 2:
        changes = everywhere(group.nodes, slot, dout)
        yield Mistake(Kind.TRANSPOSED, f"{which} dout is to be transposed", changes)


def reductions(tape: Tape) -> Mistakes:
    """A maximum that is shared out; a sum that is differentiated as over other axes."""
    for group in tape.groups:
        node, operation = group.nodes[0], group.nodes[0].operation
        x = np.asarray(node.values[0]) if node.values else np.zeros(())
        if not x.ndim or len([v for v in node.inputs if isinstance(v, Recorded)]) != 1:
            continue
        axis = node.params.get("axis")
        axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(int(i) % x.ndim for i in axes)
        if operation.name in ("np.max", "np.min", "np.amax", "np.amin"):
            count = int(np.prod([x.shape[i] for i in axes]))
            for share, words in ((1 / count, "shared out among all"), (1.0, "given to all")):
                message = (
                    f"the derivative of {group} is {words} of the compared elements, as in a mean"
                )
                changes = everywhere(group.nodes, 0, _shared(share, axes))
                yield Mistake(Kind.MASK_MISSING, message, changes)
        elif operation.name in ("np.sum", "np.mean"):
            yield from _other_axes(tape, group, x, axes)


def means(tape: Tape) -> Mistakes:
    """All that goes back through the sums and means over the same axes, at once."""
    by_axes: dict[Any, list[Group]] = {}
    for group in tape.groups:
        node = group.nodes[0]
        if node.operation.name in ("np.sum", "np.mean", "np.var", "np.std"):
            key = (repr(node.params.get("axis")), np.shape(node.values[0]))
            by_axes.setdefault(key, []).append(group)
    for groups in by_axes.values():
        changes = {k: f for g in groups for k, f in everywhere(g.nodes, 0, nothing).items()}
        if len(groups) > 1:
            message = f"what goes back through {' and '.join(map(str, groups))}, is missing"
            yield Mistake(Kind.DROPPED_TERM, message, changes, scales=True)


def _shared(share: float, axes: tuple[int, ...]) -> Formula:
    def formula(at: At) -> Any:
        wide = at.dout if at.node.params.get("keepdims") else np.expand_dims(at.dout, axes)
        return np.broadcast_to(share * wide, np.shape(at.values[0]))

    return formula


def _other_axes(tape: Tape, group: Group, x: np.ndarray, axes: tuple[int, ...]) -> Mistakes:
    """Is a sum over some axes differentiated as if it were over others?

    The share of each element goes back through the sum of its own line, row or batch. A divisor
    may have been divided by before that, as softmax does; a maximum that was subtracted is then
    left out.
    """
    name = group.nodes[0].operation.name
    users = [
        (node, user, i)
        for node in group.nodes
        for user in dict.fromkeys(tape.users.get((node, None), ()))
        for i, v in enumerate(user.inputs)
        if isinstance(v, Recorded) and v.node is node
        if user.operation.elementwise and np.shape(user.out) == x.shape
    ]
    divides = bool(users) and users[0][1].operation.name == "np.divide"
    highest = [g for g in tape.groups if g.nodes[0].operation.name == "np.max"]
    idle = {key: f for g in highest for key, f in everywhere(g.nodes, 0, nothing).items()}
    for count in range(1, x.ndim) if users else ():
        for other in itertools.combinations(range(x.ndim), count):
            share = float(np.prod([x.shape[i] for i in other])) if name == "np.mean" else 1.0
            message = (
                f"{name} in forward runs over {in_words(axes, x.ndim)} of {x.shape}, and "
                f"backward reads as if it ran over {in_words(other, x.ndim)}: {group}"
            )
            for divided in (False, True) if divides else (False,):
                changes: dict[tuple[Node, int], Formula] = {**idle} if divides else {}
                for node, user, i in users:
                    changes[user, i] = _summed_over(i, other, divided)
                    changes[node, 0] = _given_wide(x.shape, 1 / share)
                if other != axes:
                    yield Mistake(Kind.WRONG_AXIS, message, changes)


def _summed_over(slot: int, axes: tuple[int, ...], divided: bool) -> Formula:
    def formula(at: At) -> Any:
        by = at.values[slot] if divided else 1.0
        return (np.sum(at.found[slot] * by, axis=axes, keepdims=True) / by).view(Wide)

    return formula


def _given_wide(shape: tuple[int, ...], share: float) -> Formula:
    return lambda at: np.broadcast_to(share * np.asarray(at.dout), shape)
