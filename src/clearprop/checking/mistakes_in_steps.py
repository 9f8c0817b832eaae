"""Mistakes about several operations at once: left out on one way, or differentiated as one."""

from typing import Any

import numpy as np

from clearprop.checking.findings import Kind
from clearprop.checking.places_in_source import Group
from clearprop.checking.slopes import slopes
from clearprop.checking.tape import Mistake, Mistakes, Tape
from clearprop.graph.node import Node, Recorded

RUNS = 12
"""What is run more often than this, as for each pixel, is no activation."""


def bypassed(tape: Tape) -> Mistakes:
    """Several operations, such as a softmax, are differentiated as one elementwise step."""
    ends = [g for g in tape.groups if not isinstance(g.nodes[0].out, tuple)]
    ends = [g for g in ends if len(g.nodes) <= RUNS]
    for group in ends:
        inside = [tape.enclosed(node) for node in group.nodes]
        starts: list[tuple[list[Any], list[Any]]] = [
            ([(node, None) for node in other.nodes], [node.out for node in other.nodes])
            for other in ends
            if len(other.nodes) == len(group.nodes)
        ]
        starts += [([(v, None)], [v.data]) for v in tape.variables.values()]
        for keys, values in starts:
            if len(keys) != len(inside) or not all(map(set.__contains__, inside, keys)):
                continue
            if np.shape(values[0]) == np.shape(group.nodes[0].out) != ():
                words = ["1"]
                if _mixes(group.nodes[0], inside[0] - {keys[0]}):
                    words += [f for f, _ in (*slopes(0.5, "out"), *slopes(0.5, "x"))]
                yield from _as_one(tape, group, keys, values, words)


def _mixes(last: Node, inside: set[Any]) -> bool:
    """Whether there is more than elementwise steps, whose slopes are tried one by one."""
    makers = [x.node for x in last.inputs if isinstance(x, Recorded) and (x.node, None) in inside]
    return not last.operation.elementwise or any(_mixes(node, inside) for node in makers if node)


def _as_one(
    tape: Tape, group: Group, keys: list[Any], values: list[Any], words: list[str]
) -> Mistakes:
    nodes, name = group.nodes, group.nodes[0].operation.name
    (first, _), *_ = keys
    start = tape.group_of[first] if isinstance(first, Node) else first.name
    into = [x for x in nodes[0].inputs if isinstance(x, Recorded)]
    known = [
        {"1": 1.0, **dict(slopes(node.out, "out")), **dict(slopes(x, "x"))}
        if words[1:]
        else {"1": 1}
        for node, x in zip(nodes, values, strict=True)
    ]
    for word in words:
        past = {
            key: ((node, None), of[word]) for node, key, of in zip(nodes, keys, known, strict=True)
        }
        kind, message = Kind.WRONG_VALUE, f"what ends in {group} is differentiated to {word}"
        if word == "1":
            kind, message = (
                Kind.DROPPED_TERM,
                f"the local derivative between {start} and {group} is missing",
            )
        alone = any(x is keys[0][0] or x.node is keys[0][0] for x in into)
        if word == "1" and alone and name in ("np.where", "np.maximum", "np.minimum", "np.clip"):
            kind, message = Kind.MASK_MISSING, f"it goes on where {group} chose another value"
        if word == "out (1 − out)" and name == "np.divide":
            kind, message = (
                Kind.DROPPED_TERM,
                (
                    f"the softmax that ends in {group} is differentiated element by element, to "
                    "out (1 − out); the cross terms of its sum are missing"
                ),
            )
        yield Mistake(kind, message, {}, past=past)
