"""Mistakes in the values that are used: of another time step, with the small constant elsewhere."""

from operator import attrgetter
from typing import Any

import numpy as np

from clearprop.checking.findings import Kind
from clearprop.checking.mistakes_in_slopes import LINEAR
from clearprop.checking.tape import At, Formula, Mistake, Mistakes, Tape, local
from clearprop.graph.node import Node, Recorded

PRODUCTS = ("np.matmul", "np.dot", "np.einsum", "np.tensordot", "np.inner", "np.outer")


def small_constants(tape: Tape) -> Mistakes:
    """A small constant that forward adds before a root is left out, or added after it."""
    for group in tape.groups:
        v = group.nodes[0].values
        small = [float(x) for x in v if np.ndim(x) == 0 and 0 < abs(float(x)) <= 0.02]
        if group.nodes[0].operation.name != "np.add" or not small:
            continue
        (eps,) = small[:1]
        for root in tape.groups:
            users = [n for n in root.nodes if n.inputs and _maker(n.inputs[0]) in group.nodes]
            power = _power(users[0]) if users else None
            if power is None:
                continue
            with np.errstate(all="ignore"):
                bare = [(np.asarray(n.values[0]) - eps) ** abs(power) for n in users]
                sign = np.sign(power)
                left_out, outside = [x**sign for x in bare], [(x + eps) ** sign for x in bare]
            for values, message in (
                (left_out, f"{eps:g} is left out in backward, which forward adds before {root}"),
                (
                    outside,
                    f"the small constant {eps:g} stands in another place than in forward: √v + eps "
                    "is not √(v + eps)",
                ),
            ):
                yield from _instead(tape, users, values, message)


def _maker(x: Any) -> Any:
    return x.node if isinstance(x, Recorded) else None


def _power(node: Node) -> float | None:
    if node.operation.name == "np.sqrt":
        return 0.5
    exponent = node.values[1] if node.operation.name == "np.power" else None
    return float(exponent) if exponent is not None and np.ndim(exponent) == 0 else None


def _instead(tape: Tape, nodes: list[Node], outs: list[Any], message: str) -> Mistakes:
    """Other results of some operations, as those after them see them, and for their own slopes."""
    seen = {(node, None): out for node, out in zip(nodes, outs, strict=True)}
    own: dict[Any, Formula] = {}
    for node, out in zip(nodes, outs, strict=True):
        own |= _of_all(node, _slope_to(out))
    anew: dict[Any, Formula] = {}
    for node in (n for n in tape.nodes if any(_maker(x) in nodes for x in n.inputs)):
        anew |= _of_all(node, _evaluated)
    for changes, values in ((own | anew, seen), (own, seen), (anew, seen), ({}, seen), (own, None)):
        yield Mistake(Kind.PRECISION, message, changes, values)


def _evaluated(at: At) -> list[Any]:
    """The local derivative where the result is that of the values seen."""
    out = at.node.operation.evaluate(*at.values, **at.node.params)
    return local(at.node, at.dout, out, at.values)


def _slope_to(out: Any) -> Any:
    """The local derivative of a root or power that has another result."""

    def found(at: At) -> list[Any]:
        power = _power(at.node) or 1.0
        return [at.dout * power * out ** ((power - 1) / power)] + [None] * (len(at.values) - 1)

    return found


def overwritten(tape: Tape) -> Mistakes:
    """Lines that run several times keep their values in one place: those of the last run."""
    lines: dict[Any, list[Node]] = {}
    for group in (g for g in tape.groups if g.place):
        key = group.place[0][:2], group.nodes[0].operation.name
        lines.setdefault(key, []).extend(group.nodes)
    for count in sorted({len(nodes) for nodes in lines.values()} - {1}):
        changes: dict[Any, Formula] = {}
        of_all: dict[Any, Formula] = {}
        for nodes in lines.values():
            if len(nodes) == count and len({np.shape(n.values[0]) for n in nodes}) == 1:
                nodes.sort(key=attrgetter("serial"))
                for node in nodes[:-1]:
                    changes |= _of_all(node, _with_out(nodes, count - 1))
                    of_all |= _of_all(node, _as_at(nodes[-1]))
        message = (
            f"what the last of {count} runs kept is used for all of them: each overwrites what the "
            "one before has kept"
        )
        yield Mistake(Kind.WRONG_VALUE, message, of_all)
        yield Mistake(Kind.WRONG_VALUE, message, changes)


def _as_at(last: Node) -> Any:
    """The local derivatives made of all that the last run kept, its inputs too."""
    return lambda at: local(at.node, at.dout, last.out, last.values)


def other_steps(tape: Tape) -> Mistakes:
    """Values that an operation keeps, taken from the time step before or after."""
    for group in tape.groups:
        nodes = group.nodes
        outs = {np.shape(node.out) for node in nodes if not isinstance(node.out, tuple)}
        if len(nodes) < 2 or len(outs) != 1 or nodes[0].operation.name in LINEAR:
            continue
        if not nodes[0].operation.elementwise and nodes[0].operation.name not in PRODUCTS:
            continue
        for shift, when in ((1, "after"), (-1, "before")):
            for slot in range(len(nodes[0].inputs)):
                # In a product, the derivative by one factor is made of the other one.
                but = slot if len(nodes[0].inputs) == 2 else None
                changes: dict[Any, Formula] = {}
                for k, node in enumerate(nodes):
                    moved = _with_slot(slot, _moved(tape, nodes, k, slot, shift))
                    changes |= _of_all(node, moved, but)
                message = f"for {group} the value of the time step {when} is used"
                yield Mistake(Kind.WRONG_VALUE, message, changes)
            outs = [_out(nodes, k + shift) for k in range(len(nodes))]
            seen = {(node, None): out for node, out in zip(nodes, outs, strict=True)}
            own: dict[Any, Formula] = {}
            for k, node in enumerate(nodes):
                own |= _of_all(node, _with_out(nodes, k + shift))
            message = f"what {group} gives is taken from the time step {when}"
            for changes, values in ((own, None), ({}, seen), (own, seen)):
                yield Mistake(Kind.WRONG_VALUE, message, changes, values)


def _of_all(node: Node, found: Any, but: int | None = None) -> dict[Any, Formula]:
    """Another local derivative for all inputs of an operation, or all but one."""
    return {
        (node, i): lambda at, i=i: found(at)[i]
        for i, x in enumerate(node.inputs)
        if isinstance(x, Recorded) and i != but
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
