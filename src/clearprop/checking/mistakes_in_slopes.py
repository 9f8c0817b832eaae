"""Mistakes in the slopes of elementwise steps."""

import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from clearprop.checking.factors import ratio_of
from clearprop.checking.findings import Kind
from clearprop.checking.mistakes_in_ways import others
from clearprop.checking.places_in_source import Group
from clearprop.checking.slopes import slopes
from clearprop.checking.tape import At, Formula, Mistake, Mistakes, Tape, local, nothing
from clearprop.graph.node import Node, Recorded

INNER = ("np.exp", "np.multiply", "np.divide", "np.add", "np.subtract", "np.negative")
"""Of these a sigmoid, say, is made: between others, nobody has a slope for one of them in mind."""
POWERS = ("np.power", "np.square", "np.sqrt", "np.reciprocal", "np.multiply", "np.divide")
LINEAR = ("np.add", "np.subtract", "np.negative", "np.positive")


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


def _goes_on(tape: Tape, node: Node) -> bool:
    """Whether another elementwise step of this value alone follows, and nothing else."""
    users = tape.users.get((node, None), ())
    return len(users) == 1 and _single(users[0]) is not None


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
    """Steps, such as an activation, that give back dout as it came, or where they should not."""
    for group, chains in _chains(tape):
        if chains[0][0].operation.chooses and len(chains[0]) == 1:
            changes: dict[Any, Formula] = {}
            masks: list[Any] = []
            for (node,) in chains:
                slope = _slope([node], _single(node).data)
                masks.append(slope)
                changes |= _through([node], 1 - slope)
            if np.ptp(np.concatenate([np.ravel(mask) for mask in masks])):
                # elsewhere, where it lets all through, nothing tells it from what is left out
                yield Mistake(Kind.MASK_INVERTED, f"the mask of {group} is inverted", changes)
        if chains[0][-1].operation.chooses and len(chains[0]) == 1:
            continue
        for some, which in _parts_of(chains) if _ends(chains[0]) else [(chains, "")]:
            changes = {}
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
        if all(node.operation.name in LINEAR for node in chains[0]):
            continue
        changes: dict[Any, Formula] = {}
        if len(chains[0]) > 1 or chains[0][0].operation.name not in POWERS:
            for chain in chains:
                changes |= _through(chain, _slope(chain, chain[0].out))
            message = f"the slope of {name} is taken at its output in place of its input: f′(f(x))"
            yield Mistake(Kind.WRONG_VALUE, message, changes)
        shapes = {np.shape(x) for x in starts}
        inner = all(c[0].operation.name in INNER and _goes_on(tape, c[0]) for c in chains)
        longest = not inner and (len(chains[0]) == 1 or _ends(chains[0]))
        true, out = _slope(chains[0], starts[0]), chains[0][0].out
        words = [w for at in ("out", "x") for w, _ in slopes(0.5, at)]
        if len(chains[0]) == 1:  # of the input, only the formula that is right for the output
            right = [w for w, s in slopes(out, "out") if np.allclose(s, true, rtol=1e-9)]
            words = words[: len(words) // 2] + [w.replace("out", "x") for w in right]
        known = [
            dict((*slopes(chain[0].out, "out"), *slopes(x, "x")))
            for chain, x in zip(chains if longest else (), starts, strict=False)
        ]
        for word in words if longest else ():
            given_at = [of[word] for of in known]
            changes = {}
            for chain, slope in zip(chains, given_at, strict=True):
                changes |= _through(chain, slope)
            message = f"{name} is differentiated to {word}"
            closer = partial(_closer, message, given_at[0], true, out, starts[0])
            yield Mistake(Kind.WRONG_VALUE, message, changes, closer=closer)
        yield from _of_another(tape, name, chains, true) if longest else ()
        for shift, when in ((-1, "before"), (1, "after")) if len(shapes) == 1 < len(starts) else ():
            changes = {}
            for k, chain in enumerate(chains):
                there = 0 <= k + shift < len(chains)
                x = starts[k + shift] if there else np.zeros_like(starts[k])
                changes |= _through(chain, _slope(chain, x))
            message = f"the slope of {name} is that of the time step {when}"
            yield Mistake(Kind.WRONG_VALUE, message, changes)


def _of_another(tape: Tape, name: str, chains: list[list[Node]], true: Any) -> Mistakes:
    """The right formula, made of the result of something else."""
    outs = [chain[0].out for chain in chains]
    right = [w for w, s in slopes(outs[0], "out") if np.allclose(s, true, rtol=1e-9)]
    for words, values in others(tape, outs, inner=False) if right else ():
        changes: dict[Any, Formula] = {}
        for chain, x in zip(chains, values, strict=True):
            changes |= _through(chain, dict(slopes(x, "out"))[right[0]])
        message = f"{name} is differentiated to {right[0]}, with {words} for out"
        yield Mistake(Kind.WRONG_VALUE, message, changes)


def _closer(message: str, given: Any, true: Any, out: Any, x: Any) -> tuple[Kind, str]:
    """Whether another slope is the right one without a factor."""
    if np.size(true) > 1 and (ratio := ratio_of(given, true)) is not None:
        return Kind.FACTOR, f"the factor {ratio:.6g} is missing: {message}"
    of_x = [*slopes(x, "x")][-2:]
    for lacks, factor in (*itertools.islice(slopes(out, "out"), 2), *of_x):
        if np.allclose(given * factor, true, rtol=1e-9):
            return Kind.DROPPED_TERM, f"the factor ({lacks}) is missing: {message}"
    return Kind.WRONG_VALUE, message
