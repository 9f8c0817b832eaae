"""Mistakes in the slopes of elementwise steps, and in the time step that values are taken from."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.checking.factors import ratio_of
from clearprop.checking.findings import Kind
from clearprop.checking.slopes import slopes
from clearprop.checking.tape import At, Formula, Group, Mistake, Mistakes, Tape, local, nothing
from clearprop.graph.node import Node, Recorded


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
        # All of it, and the last step alone: nobody stops in between.
        yield from ((group, chains) for chains in [*found[:0:-1][:1], *found[:1]])


def _single(node: Node) -> Any:
    """The only Variable that goes into an elementwise operation, if it keeps the shape."""
    inputs = {id(x): x for x in node.inputs if isinstance(x, Recorded)}
    if len(inputs) != 1 or not node.operation.elementwise:
        return None
    (x,) = inputs.values()
    return x if np.shape(x.data) == np.shape(node.out) else None


def _through(chain: list[Node], slope: Any) -> dict[Any, Formula]:
    """Let a chain give dout times another slope to the value that it begins with."""
    changes: dict[Any, Formula] = {}
    for node in chain:
        first, *others = (i for i, x in enumerate(node.inputs) if isinstance(x, Recorded))
        changes |= {(node, i): nothing for i in others}
        changes[node, first] = _dout if node is not chain[-1] else lambda at: at.dout * slope
    return changes


def _dout(at: At) -> Any:
    return at.dout


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


def slopes_missing(tape: Tape) -> Mistakes:
    """Steps, such as an activation, that give back dout as it came."""
    for group, chains in _chains(tape):
        if chains[0][-1].operation.chooses and len(chains[0]) == 1:
            continue
        for some, which in _parts_of(chains) if _ends(chains[0]) else [(chains, "")]:
            changes: dict[Any, Formula] = {}
            for chain in some:
                changes |= _through(chain, 1.0)
            kind, name = Kind.DROPPED_TERM, f"{_name(group, chains)}{which}"
            message = f"the local derivative of {name} is missing"
            slope = np.asarray(_slope(chains[0], _single(chains[0][-1]).data))
            if slope.size and not np.ptp(slope):
                kind = Kind.SIGN if slope.flat[0] == -1 else Kind.FACTOR
                message = f"the factor {slope.flat[0]:.6g} of {name} is missing"
            yield Mistake(kind, message, changes)


def other_slopes(tape: Tape) -> Mistakes:
    """Slopes at the output in place of the input, and of another time step."""
    for group, chains in _chains(tape):
        name = _name(group, chains)
        starts = [_single(chain[-1]).data for chain in chains]
        changes: dict[Any, Formula] = {}
        for chain in chains:
            changes |= _through(chain, _slope(chain, chain[0].out))
        message = f"the slope of {name} is taken at its output in place of its input: f′(f(x))"
        yield Mistake(Kind.WRONG_VALUE, message, changes)
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
            if np.size(true) > 1 and (ratio := ratio_of(given, true)) is not None:
                kind, message = Kind.FACTOR, f"the factor {ratio:.6g} is missing: {message}"
            yield Mistake(kind, message, changes)
        for shift, when in ((-1, "before"), (1, "after")) if len(shapes) == 1 < len(starts) else ():
            changes = {}
            for k, chain in enumerate(chains):
                there = 0 <= k + shift < len(chains)
                x = starts[k + shift] if there else np.zeros_like(starts[k])
                changes |= _through(chain, _slope(chain, x))
            message = f"the slope of {name} is that of the time step {when}"
            yield Mistake(Kind.WRONG_VALUE, message, changes)


def other_steps(tape: Tape) -> Mistakes:
    """Values that an operation keeps, taken from the time step before or after."""
    for group in tape.groups:
        nodes = group.nodes
        outs = {np.shape(node.out) for node in nodes if not isinstance(node.out, tuple)}
        if len(nodes) < 2 or len(outs) != 1:
            continue
        for shift, when in ((1, "after"), (-1, "before")):
            for slot in range(len(nodes[0].inputs)):
                changes: dict[Any, Formula] = {}
                for k, node in enumerate(nodes):
                    changes |= _of_all(node, _with_slot(slot, _moved(tape, nodes, k, slot, shift)))
                message = f"for {group} the value of the time step {when} is used"
                yield Mistake(Kind.WRONG_VALUE, message, changes)
            moved = [_out(nodes, k + shift) for k in range(len(nodes))]
            seen = {(node, None): out for node, out in zip(nodes, moved, strict=True)}
            own: dict[Any, Formula] = {}
            for k, node in enumerate(nodes):
                own |= _of_all(node, _with_out(nodes, k + shift))
            message = f"what {group} gives is taken from the time step {when}"
            for changes, values in ((own, None), ({}, seen), (own, seen)):
                yield Mistake(Kind.WRONG_VALUE, message, changes, values)


def _of_all(node: Node, found: Any) -> dict[Any, Formula]:
    """Another local derivative for all inputs of an operation."""
    return {
        (node, i): lambda at, i=i: found(at)[i]
        for i, x in enumerate(node.inputs)
        if isinstance(x, Recorded)
    }


def _out(nodes: list[Node], k: int) -> Any:
    return nodes[k].out if 0 <= k < len(nodes) else np.zeros_like(nodes[0].out)


def _moved(tape: Tape, nodes: list[Node], k: int, slot: int, shift: int) -> Any:
    """The value at a slot in the run before or after, or what would be next after the last."""
    if 0 <= k + shift < len(nodes):
        return nodes[k + shift].values[slot]
    x = nodes[k].inputs[slot]
    if k + shift < 0 or not isinstance(x, Recorded) or x.node is None:
        return np.zeros_like(nodes[k].values[slot])
    makers = tape.group_of[x.node].nodes
    later = makers.index(x.node) + 1
    return makers[later].out if later < len(makers) else None


def _with_slot(slot: int, value: Any) -> Any:
    def found(at: At) -> list[Any]:
        seen = [value if i == slot else v for i, v in enumerate(at.values)]
        return local(at.node, at.dout, at.out, seen)

    return found


def _with_out(nodes: list[Node], k: int) -> Any:
    def found(at: At) -> list[Any]:
        if 0 <= k < len(nodes):
            return local(at.node, at.dout, nodes[k].out, nodes[k].values)
        zero = [np.zeros_like(v) if isinstance(v, np.ndarray) else v for v in at.values]
        return local(at.node, at.dout, at.node.operation.evaluate(*zero, **at.node.params), zero)

    return found
