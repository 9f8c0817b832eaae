"""Patterns that run the backward pass again with one mistake in it, at one place of the source."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.checking.automatic import open_forward
from clearprop.checking.case import Case, Guesses, in_words
from clearprop.checking.findings import Kind
from clearprop.checking.slopes import slopes
from clearprop.checking.tape import Group, Placed, Tape, Wide, local
from clearprop.graph.node import Node, Recorded

SECONDS = 1.0
"""So long are mistakes tried at one layer."""

Trials = Iterator[tuple[Kind, str, dict[Node, Any], dict[Any, Any] | None]]
"""Kind, message, the operations that are differentiated otherwise, and values seen otherwise."""


def mistaken(case: Case) -> Guesses:
    """Would one mistake, made wherever the same line is run, give this derivative?"""
    e = case.e
    if not e.opened or case.dout is not e.dout:
        return
    if e.mistakes is None:
        opened = open_forward(e.trial, kind=Placed)
        tape = Tape(opened, e.dout)  # where it cannot be opened, this is no pattern
        e.loops, e.mistakes = any(len(g.nodes) > 1 for g in tape.groups), _run(tape)
    for kind, message, found in e.tried:
        yield kind, message, found[case.name]
    for entry in e.mistakes:
        e.tried.append(entry)
        yield entry[0], entry[1], entry[2][case.name]


def _run(tape: Tape) -> Iterator[tuple[Kind, str, dict[str, np.ndarray]]]:
    stop = time.monotonic() + SECONDS
    makers = (
        _slopes_missing,
        _ways,
        _factors,
        _uses,
        _turned_products,
        _other_steps,
        _other_slopes,
        _reductions,
    )
    for kind, message, changes, values in itertools.chain(*(make(tape) for make in makers)):
        if time.monotonic() > stop:
            return
        try:
            yield kind, message, tape.pull(changes, values)
        except (ValueError, TypeError, IndexError, FloatingPointError):
            continue  # shapes for which this mistake cannot be made


def _chains(tape: Tape) -> Iterator[tuple[Group, list[list[Node]]]]:
    """Elementwise steps one after the other, from a value to what is made of it alone.

    For each group, the chains that end in it: long ones first, each for every run of the line.
    """
    for group in reversed(tape.groups):
        chains, found = [[node] for node in group.nodes], []
        for _ in range(8):
            if not all(_single(chain[-1]) is not None for chain in chains):
                break
            found.append(chains)
            makers = [_single(chain[-1]).node for chain in chains]
            if any(node is None for node in makers):
                break
            chains = [[*chain, node] for chain, node in zip(chains, makers, strict=True)]
        yield from ((group, chains) for chains in reversed(found))


def _single(node: Node) -> Any:
    """The only Variable that goes into an elementwise operation, if it keeps the shape."""
    inputs = {id(x): x for x in node.inputs if isinstance(x, Recorded)}
    if len(inputs) != 1 or not node.operation.elementwise:
        return None
    (x,) = inputs.values()
    return x if np.shape(x.data) == np.shape(node.out) else None


def _through(chain: list[Node], slope: Any) -> dict[Node, Any]:
    """Let a chain give dout times another slope to the value that it begins with."""

    def hand_on(node: Node, dout: Any, out: Any, values: Any, found: Any) -> Any:
        first = next(i for i, dx in enumerate(found) if dx is not None)
        return [dout if i == first else None for i in range(len(found))]

    def last(node: Node, dout: Any, out: Any, values: Any, found: Any) -> Any:
        return hand_on(node, dout * slope, out, values, found)

    return {**dict.fromkeys(chain, hand_on), chain[-1]: last}


def _ends(chain: list[Node]) -> bool:
    """Whether what goes into a chain is not made by another elementwise step of one value."""
    start = _single(chain[-1])
    return start.node is None or _single(start.node) is None


def _slope(chain: list[Node], x: Any) -> Any:
    """The slope of a chain where the value that it begins with is another one."""
    whole = 1.0
    for node in reversed(chain):
        places = [i for i, v in enumerate(node.inputs) if isinstance(v, Recorded)]
        values = [x if i in places else v for i, v in enumerate(node.values)]
        out = node.operation.evaluate(*values, **node.params)
        found = local(node, np.ones(np.shape(out)), out, values)
        whole = whole * sum(found[i] for i in places if found[i] is not None)
        x = out
    return whole


def _name(group: Group, chains: list[list[Node]]) -> str:
    ops = [node.operation.name for node in chains[0]]
    if "np.exp" in ops and ops[0] in ("np.divide", "np.reciprocal"):
        return str(group).replace(ops[0], "the sigmoid", 1)
    return str(group)


def _parts_of(chains: list[list[Node]]) -> Iterator[tuple[list[list[Node]], str]]:
    """All runs of a line; and where one line serves several, such as the gates, each of them."""
    yield chains, ""
    for count in (2, 3, 4):
        if len(chains) % count == 0:
            for i in range(count):
                yield chains[i::count], f" (each {i + 1}. of {count} runs of it)"


def _slopes_missing(tape: Tape) -> Trials:
    for group, chains in _chains(tape):
        if chains[0][-1].operation.chooses and len(chains[0]) == 1:
            continue
        for some, which in _parts_of(chains):
            changes: dict[Node, Any] = {}
            for chain in some:
                changes |= _through(chain, 1.0)
            message = f"the local derivative of {_name(group, chains)}{which} is missing"
            yield Kind.DROPPED_TERM, message, changes, None


def _other_slopes(tape: Tape) -> Trials:
    """Slopes at the output in place of the input, and of another time step."""
    for group, chains in _chains(tape):
        name = _name(group, chains)
        starts = [_single(chain[-1]).data for chain in chains]
        changes: dict[Node, Any] = {}
        for chain in chains:
            changes |= _through(chain, _slope(chain, chain[0].out))
        message = f"the slope of {name} is taken at its output in place of its input: f′(f(x))"
        yield Kind.WRONG_VALUE, message, changes, None
        shapes = {np.shape(x) for x in starts}
        longest = len(chains[0]) == 1 or _ends(chains[0])
        for word, _ in [*slopes(starts[0], "out")] if longest else ():
            changes = {}
            for chain in chains:
                changes |= _through(chain, dict(slopes(chain[0].out, "out"))[word])
            kind, message = Kind.WRONG_VALUE, f"{name} is differentiated to {word}"
            true, given = _slope(chains[0], starts[0]), dict(slopes(chains[0][0].out, "out"))[word]
            for lacks, factor in itertools.islice(slopes(chains[0][0].out, "out"), 2):
                if np.allclose(given * factor, true, rtol=1e-9):
                    kind, message = Kind.DROPPED_TERM, f"the factor ({lacks}) is missing: {message}"
            yield kind, message, changes, None
        for shift, when in ((-1, "before"), (1, "after")) if len(shapes) == 1 < len(starts) else ():
            changes = {}
            for k, chain in enumerate(chains):
                there = 0 <= k + shift < len(chains)
                x = starts[k + shift] if there else np.zeros_like(starts[k])
                changes |= _through(chain, _slope(chain, x))
            message = f"the slope of {name} is that of the time step {when}"
            yield Kind.WRONG_VALUE, message, changes, None


def _other_steps(tape: Tape) -> Trials:
    """Values that an operation keeps, taken from the time step before or after."""
    for group in tape.groups:
        nodes = group.nodes
        outs = {np.shape(node.out) for node in nodes if not isinstance(node.out, tuple)}
        if len(nodes) < 2 or len(outs) != 1:
            continue
        for shift, when in ((1, "after"), (-1, "before")):
            for slot in range(len(nodes[0].inputs)):
                changes = {n: _with_slot(slot, _moved(tape, nodes, k, slot, shift)) for k, n in enumerate(nodes)}
                message = f"for {group} the value of the time step {when} is used"
                yield Kind.WRONG_VALUE, message, changes, None
            moved = [_out(nodes, k + shift) for k in range(len(nodes))]
            seen = {(node, None): out for node, out in zip(nodes, moved, strict=True)}
            own = {n: _with_out(nodes, k + shift) for k, n in enumerate(nodes)}
            message = f"what {group} gives is taken from the time step {when}"
            yield Kind.WRONG_VALUE, message, own, None
            yield Kind.WRONG_VALUE, message, {}, seen
            yield Kind.WRONG_VALUE, message, own, seen


def _out(nodes: list[Node], k: int) -> Any:
    return nodes[k].out if 0 <= k < len(nodes) else np.zeros_like(nodes[0].out)


def _moved(tape: Tape, nodes: list[Node], k: int, slot: int, shift: int) -> Any:
    """The value at a slot in the run before or after; what would be next where that was the last."""
    if 0 <= k + shift < len(nodes):
        return nodes[k + shift].values[slot]
    x = nodes[k].inputs[slot]
    if k + shift < 0 or not isinstance(x, Recorded) or x.node is None:
        return np.zeros_like(nodes[k].values[slot])
    makers = tape.group_of[x.node].nodes
    later = makers.index(x.node) + 1
    return makers[later].out if later < len(makers) else None


def _with_slot(slot: int, value: Any) -> Any:
    def change(node: Node, dout: Any, out: Any, values: Any, found: Any) -> Any:
        seen = [value if i == slot else v for i, v in enumerate(values)]
        return local(node, dout, out, seen)

    return change


def _with_out(nodes: list[Node], k: int) -> Any:
    def change(node: Node, dout: Any, out: Any, values: Any, found: Any) -> Any:
        if 0 <= k < len(nodes):
            return local(node, dout, nodes[k].out, nodes[k].values)
        zero = [np.zeros_like(v) if isinstance(v, np.ndarray) else v for v in values]
        return local(node, dout, node.operation.evaluate(*zero, **node.params), zero)

    return change


def _turned_products(tape: Tape) -> Trials:
    """A factor of a product that should be transposed, or should not."""
    for group in tape.groups:
        if group.nodes[0].operation.name not in ("np.matmul", "np.dot"):
            continue
        for slot in (0, 1):
            shape = np.shape(group.nodes[0].values[1 - slot])
            if len(shape) < 2 or shape[-1] != shape[-2]:
                continue

            def change(node: Node, dout: Any, out: Any, values: Any, found: Any, slot: int = slot) -> Any:
                other = np.swapaxes(values[1 - slot], -1, -2)
                dx = dout @ np.swapaxes(other, -1, -2) if slot == 0 else np.swapaxes(other, -1, -2) @ dout
                return [dx if i == slot else d for i, d in enumerate(found)]

            which = ("first", "second")[slot]
            message = f"in the derivative by the {which} factor of {group} the other is to be transposed"
            yield Kind.TRANSPOSED, message, dict.fromkeys(group.nodes, change), None
        for slot in (0, 1):

            def turned(node: Node, dout: Any, out: Any, values: Any, found: Any, slot: int = slot) -> Any:
                other = local(node, np.swapaxes(dout, -1, -2), out, values)
                return [other[i] if i == slot else d for i, d in enumerate(found)]

            which = ("first", "second")[slot]
            message = f"in the derivative by the {which} factor of {group} what comes back is to be transposed"
            yield Kind.TRANSPOSED, message, dict.fromkeys(group.nodes, turned), None


def _reductions(tape: Tape) -> Trials:
    """A maximum that is shared out; a sum that is differentiated as over other axes."""
    for group in tape.groups:
        node, operation = group.nodes[0], group.nodes[0].operation
        x = np.asarray(node.values[0]) if node.values else np.zeros(())
        if not x.ndim or len([v for v in node.inputs if isinstance(v, Recorded)]) != 1:
            continue
        axis = node.params.get("axis")
        axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(i % x.ndim for i in axes if isinstance(i, int | np.integer))
        if operation.name in ("np.max", "np.min", "np.amax", "np.amin"):
            count = int(np.prod([x.shape[i] for i in axes]))
            for share, words in ((1 / count, "shared out among all"), (1.0, "given to all")):

                def shared(node: Node, dout: Any, out: Any, values: Any, found: Any, share: float = share) -> Any:
                    wide = dout if node.params.get("keepdims") else np.expand_dims(dout, axes)
                    return [np.broadcast_to(share * wide, np.shape(values[0])), *found[1:]]

                message = f"the derivative of {group} is {words} of the compared elements, as in a mean"
                yield Kind.MASK_MISSING, message, dict.fromkeys(group.nodes, shared), None
        elif operation.name in ("np.sum", "np.mean"):
            yield from _other_axes(tape, group, x, axes)


def _other_axes(tape: Tape, group: Group, x: np.ndarray, axes: tuple[int, ...]) -> Trials:
    """Is a sum over some axes differentiated as if it were over others?

    The share of each element goes back through the sum of its own line, row or batch.
    """
    mean = group.nodes[0].operation.name == "np.mean"
    for count in range(1, x.ndim):
        for other in itertools.combinations(range(x.ndim), count):
            if other == axes:
                continue
            changes: dict[Node, Any] = {}
            for node in group.nodes:
                for user in tape.nodes:
                    places = [i for i, v in enumerate(user.inputs) if isinstance(v, Recorded) and v.node is node]
                    if places and user.operation.elementwise and np.shape(user.out) == x.shape:
                        changes[user] = _summed_over(places, other)
                        share = np.prod([x.shape[i] for i in other]) if mean else 1
                        changes[node] = _given_wide(x.shape, 1 / float(share))
            if changes:
                name = group.nodes[0].operation.name
                message = (
                    f"{name} in forward runs over {in_words(axes, x.ndim)} of {x.shape}, and backward "
                    f"reads as if it ran over {in_words(other, x.ndim)}: {group}"
                )
                yield Kind.WRONG_AXIS, message, changes, None


def _summed_over(places: list[int], axes: tuple[int, ...]) -> Any:
    def change(node: Node, dout: Any, out: Any, values: Any, found: Any) -> Any:
        return [
            np.sum(d, axis=axes, keepdims=True).view(Wide) if i in places and d is not None else d
            for i, d in enumerate(found)
        ]

    return change


def _given_wide(shape: tuple[int, ...], share: float) -> Any:
    def change(node: Node, dout: Any, out: Any, values: Any, found: Any) -> Any:
        return [np.broadcast_to(share * np.asarray(dout), shape), *found[1:]]

    return change


def _factors(tape: Tape) -> Trials:
    """A product that gives back dout without the other factor."""
    for group in tape.groups:
        if group.nodes[0].operation.name != "np.multiply":
            continue
        for slot in (0, 1):

            def bare(node: Node, dout: Any, out: Any, values: Any, found: Any, slot: int = slot) -> Any:
                return [dout if i == slot and d is not None else d for i, d in enumerate(found)]

            message = f"the other factor of {group} is missing in what goes back to its input {slot + 1}"
            yield Kind.DROPPED_TERM, message, dict.fromkeys(group.nodes, bare), None


def _uses(tape: Tape) -> Trials:
    """What is used at every time step keeps the share of the first or of the last alone."""
    for group in tape.groups:
        for slot, x in enumerate(group.nodes[0].inputs):
            one = isinstance(x, Recorded) and all(node.inputs[slot] is x for node in group.nodes)
            if not one or len(group.nodes) < 2:
                continue
            for kept, words in ((0, "first"), (-1, "last")):
                others = [node for node in group.nodes if node is not group.nodes[kept]]

                def nothing(node: Node, dout: Any, out: Any, values: Any, found: Any, slot: int = slot) -> Any:
                    return [None if i == slot else d for i, d in enumerate(found)]

                message = (
                    f"of {len(group.nodes)} uses only the share of the {words} is kept, those of all must "
                    f"be added (+=): {group}"
                )
                yield Kind.NOT_SUMMED, message, dict.fromkeys(others, nothing), None


def _ways(tape: Tape) -> Trials:
    """A way back that is left out, or has the opposite sign, wherever the line is run."""
    for group in tape.groups:
        for slot in range(len(group.nodes[0].inputs)):
            same = [i for i, x in enumerate(group.nodes[0].inputs) if x is group.nodes[0].inputs[slot]]
            for factor, kind, words in ((0, Kind.DROPPED_TERM, "is missing"), (-1, Kind.SIGN, "has the opposite sign")):

                def change(
                    node: Node, dout: Any, out: Any, values: Any, found: Any, slot: Any = same, factor: int = factor
                ) -> Any:
                    return [d if i not in slot or d is None else factor * d for i, d in enumerate(found)]

                message = f"what goes back through {group}, its input {slot + 1}, {words}"
                yield kind, message, dict.fromkeys(group.nodes, change), None

