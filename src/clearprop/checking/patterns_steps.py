"""Patterns that run the backward pass again with one mistake in it, at one place of the source."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.checking.automatic import open_forward
from clearprop.checking.case import Case, Guesses, in_words
from clearprop.checking.findings import Kind
from clearprop.checking.mistakes_in_slopes import other_slopes, other_steps, slopes_missing
from clearprop.checking.tape import Group, Placed, Tape, Trials, Wide, local
from clearprop.graph.node import Node, Recorded

SECONDS = 1.0
"""So long are mistakes tried at one layer."""


def mistaken(case: Case) -> Guesses:
    """Would one mistake, made wherever the same line is run, give this derivative?"""
    e = case.e
    if not e.opened or case.dout is not e.dout:
        return
    if e.mistakes is None:
        opened = open_forward(e.trial, kind=Placed)
        if isinstance(opened, str):
            return
        tape = Tape(opened, e.dout)
        e.loops, e.mistakes = any(len(g.nodes) > 1 for g in tape.groups), _run(tape)
    for kind, message, found in e.tried:
        yield kind, message, found[case.name]
    for entry in e.mistakes:
        e.tried.append(entry)
        yield entry[0], entry[1], entry[2][case.name]


def _run(tape: Tape) -> Iterator[tuple[Kind, str, dict[str, np.ndarray]]]:
    stop = time.monotonic() + SECONDS
    makers = (
        slopes_missing,
        _ways,
        _factors,
        _uses,
        _turned_products,
        other_steps,
        other_slopes,
        _reductions,
    )
    for kind, message, changes, values in itertools.chain(*(make(tape) for make in makers)):
        if time.monotonic() > stop:
            return
        try:
            yield kind, message, tape.pull(changes, values)
        except (ValueError, TypeError, IndexError, FloatingPointError):
            continue  # shapes for which this mistake cannot be made


def _turned_products(tape: Tape) -> Trials:
    """A factor of a product that should be transposed, or should not."""
    for group in tape.groups:
        if group.nodes[0].operation.name not in ("np.matmul", "np.dot"):
            continue
        for slot in (0, 1):
            shape = np.shape(group.nodes[0].values[1 - slot])
            if len(shape) < 2 or shape[-1] != shape[-2]:
                continue

            def change(
                node: Node, dout: Any, out: Any, values: Any, found: Any, slot: int = slot
            ) -> Any:
                other = np.swapaxes(values[1 - slot], -1, -2)
                dx = (
                    dout @ np.swapaxes(other, -1, -2)
                    if slot == 0
                    else np.swapaxes(other, -1, -2) @ dout
                )
                return [dx if i == slot else d for i, d in enumerate(found)]

            which = ("first", "second")[slot]
            message = (
                f"in the derivative by the {which} factor of {group} the other is to be transposed"
            )
            yield Kind.TRANSPOSED, message, dict.fromkeys(group.nodes, change), None
        for slot in (0, 1):

            def turned(
                node: Node, dout: Any, out: Any, values: Any, found: Any, slot: int = slot
            ) -> Any:
                other = local(node, np.swapaxes(dout, -1, -2), out, values)
                return [other[i] if i == slot else d for i, d in enumerate(found)]

            which = ("first", "second")[slot]
            message = f"in the derivative by the {which} factor of {group} dout is to be transposed"
            yield Kind.TRANSPOSED, message, dict.fromkeys(group.nodes, turned), None


def _reductions(tape: Tape) -> Trials:
    """A maximum that is shared out; a sum that is differentiated as over other axes."""
    for group in tape.groups:
        node, operation = group.nodes[0], group.nodes[0].operation
        x = np.asarray(node.values[0]) if node.values else np.zeros(())
        if not x.ndim or len([v for v in node.inputs if isinstance(v, Recorded)]) != 1:
            continue
        axis = node.params.get("axis")
        axes = (
            tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        )
        axes = tuple(int(i) % x.ndim for i in axes)
        if operation.name in ("np.max", "np.min", "np.amax", "np.amin"):
            count = int(np.prod([x.shape[i] for i in axes]))
            for share, words in ((1 / count, "shared out among all"), (1.0, "given to all")):

                def shared(
                    node: Node,
                    dout: Any,
                    out: Any,
                    values: Any,
                    found: Any,
                    share: float = share,
                    axes: Any = axes,
                ) -> Any:
                    wide = dout if node.params.get("keepdims") else np.expand_dims(dout, axes)
                    return [np.broadcast_to(share * wide, np.shape(values[0])), *found[1:]]

                message = (
                    f"the derivative of {group} is {words} of the compared elements, as in a mean"
                )
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
                    places = [
                        i
                        for i, v in enumerate(user.inputs)
                        if isinstance(v, Recorded) and v.node is node
                    ]
                    if places and user.operation.elementwise and np.shape(user.out) == x.shape:
                        changes[user] = _summed_over(places, other)
                        share = np.prod([x.shape[i] for i in other]) if mean else 1
                        changes[node] = _given_wide(x.shape, 1 / float(share))
            if changes:
                name = group.nodes[0].operation.name
                message = (
                    f"{name} in forward runs over {in_words(axes, x.ndim)} of {x.shape}, and "
                    f"backward reads as if it ran over {in_words(other, x.ndim)}: {group}"
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

            def bare(
                node: Node, dout: Any, out: Any, values: Any, found: Any, slot: int = slot
            ) -> Any:
                return [dout if i == slot and d is not None else d for i, d in enumerate(found)]

            message = (
                f"the other factor of {group} is missing in what goes back to its input {slot + 1}"
            )
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

                def nothing(
                    node: Node, dout: Any, out: Any, values: Any, found: Any, slot: int = slot
                ) -> Any:
                    return [None if i == slot else d for i, d in enumerate(found)]

                message = (
                    f"of {len(group.nodes)} uses only the share of the {words} is kept, those of "
                    f"all must be added (+=): {group}"
                )
                yield Kind.NOT_SUMMED, message, dict.fromkeys(others, nothing), None


def _ways(tape: Tape) -> Trials:
    """A way back that is left out, or has the opposite sign, wherever the line is run."""
    for group in tape.groups:
        for slot in range(len(group.nodes[0].inputs)):
            same = [
                i for i, x in enumerate(group.nodes[0].inputs) if x is group.nodes[0].inputs[slot]
            ]
            for factor, kind, words in (
                (0, Kind.DROPPED_TERM, "is missing"),
                (-1, Kind.SIGN, "has the opposite sign"),
            ):

                def change(
                    node: Node,
                    dout: Any,
                    out: Any,
                    values: Any,
                    found: Any,
                    slot: Any = same,
                    factor: int = factor,
                ) -> Any:
                    return [
                        d if i not in slot or d is None else factor * d for i, d in enumerate(found)
                    ]

                message = f"what goes back through {group}, its input {slot + 1}, {words}"
                yield kind, message, dict.fromkeys(group.nodes, change), None
