"""How a simplification is written: a rule for single nodes, carried through a whole graph."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from operator import is_
from types import MappingProxyType
from typing import Any, TypeGuard

import numpy as np

from clearprop.compiler.leaf import Setting
from clearprop.compiler.tracing import Trace, label
from clearprop.errors import UnsupportedError
from clearprop.graph.node import Node, Recorded, data_of, parts, variable
from clearprop.graph.recording import attach
from clearprop.primitives.table import WithKeywords

Rule = Callable[[Node, tuple[Any, ...]], Any]
"""Gives for a node and its rebuilt inputs the new outputs, or `None` to keep the node."""

Simplification = Callable[[Trace], Trace]
"""Gives a graph that computes the same."""


def simplifies(
    *functions: Any, labelling: bool = False
) -> Callable[[Callable[..., Any]], Simplification]:
    """Let a rule for the nodes that carry out one of these functions simplify whole graphs.

    With `labelling` the rule is also given the labels so far, and a dictionary for labels of the
    nodes that it makes which are not that of the node they replace.
    """

    def carried(rule: Callable[..., Any]) -> Simplification:
        @wraps(rule)
        def simplify(trace: Trace) -> Trace:
            if not any(function_of(node) in functions for node in trace.nodes):
                return trace
            labels: dict[Node, str] = {}
            other: dict[Node, str] = {}
            more = (labels, other) if labelling else ()

            def chosen(node: Node, inputs: tuple[Any, ...]) -> Any:
                return rule(node, inputs, *more) if function_of(node) in functions else None

            return rebuild(trace, chosen, labels, other=other)

        return simplify

    return carried


def rebuild(
    trace: Trace,
    rule: Rule,
    labels: dict[Node, str] | None = None,
    done: dict[Node, Any] | None = None,
    other: Mapping[Node, str] = MappingProxyType({}),
) -> Trace:
    """Walk a graph from its inputs to its outputs and replace nodes by a rule.

    A node that the rule leaves alone is kept: with the same inputs it stays the very node, with
    other inputs it is made again around the value it has, which the rules do not change. So it is
    where the rule gives another shape or dtype. Where all are left alone, the graph that is given
    is the very one that came.

    The nodes that a rule makes take the label of the node they replace, unless the rule has put
    them into `labels` itself, with all behind them, or into `other`. In `done` it finds what has
    become of the nodes so far.
    """
    labels = {} if labels is None else labels
    done = {} if done is None else done

    def step(node: Node, inputs: tuple[Any, ...]) -> Any:
        out = rule(node, inputs)
        if out is None or not _is_alike(out, node):
            out = kept(node, inputs, trace._made[node])  # of inputs that have their labels
            labels.setdefault(parts(out)[0].node, trace.labels[node])
        else:
            label(labels, parts(out), trace.labels[node], other)
        done[node] = out
        return out

    found = parts(trace._run({v: v for v in trace.leaves}, step))
    return trace if _same(found, trace.outputs) else Trace(found, trace.leaves, labels)


def _is_alike(out: Any, node: Node) -> bool:
    """Whether values have the shapes and dtypes of what a node gives."""
    pairs = zip(parts(out), parts(node.out), strict=True)
    return all(v.shape == np.shape(one) and v.dtype == one.dtype for v, one in pairs)


def _same(found: Iterable[Any], before: Iterable[Any]) -> bool:
    return all(map(is_, found, before))


def kept(node: Node, inputs: tuple[Any, ...], made: list[Recorded]) -> Any:
    """The outputs of a node on rebuilt inputs, without computing them again."""
    if _same(inputs, node.inputs):
        if not isinstance(node.out, tuple):
            return made[0]
        known = {v.index: v for v in made}
        if len(known) == len(node.out):
            return tuple(known[i] for i in range(len(node.out)))
    values = tuple(map(data_of, inputs))
    out = attach(node.operation, inputs, values, node.params, node.out)
    if isinstance(made[0], Setting):  # a plain number stays one
        return variable(Setting, out.data, out.node)
    return out


def maker(v: Any, *functions: Any) -> Node | None:
    """The node that made a value, if it carries out one of these functions."""
    node = origin(v)
    function = function_of(node) if node is not None else None
    return node if function is not None and function in functions else None


def origin(v: Any) -> Node | None:
    """The node that made a value, and nothing else; `None` for what comes from outside."""
    return v.node if is_recorded(v) and v.index is None else None


def key_of(x: Any) -> Any:
    """Under what a Variable is looked up: its node, or itself if it comes from outside."""
    return x if x.node is None else x.node


def consumers_of(trace: Trace) -> dict[Node, list[Node | None]]:
    """For each node the nodes that its outputs go into; an output of the graph counts as `None`."""
    consumers: dict[Node, list[Node | None]] = {node: [] for node in trace.nodes}
    for node in trace.nodes:
        for x in node.inputs:
            if is_recorded(x) and x.node is not None:
                consumers[x.node].append(node)
    for v in trace.outputs:
        if v.node is not None:
            consumers[v.node].append(None)
    return consumers


def function_of(node: Node) -> Any:
    """The function that a node carries out, or `None`.

    With a recorded array by keyword, such as `where=`, it is a function that nobody here knows: who
    looks for sums would take the mask for nothing.
    """
    return None if isinstance(node.operation, WithKeywords) else whole_function_of(node)


def whole_function_of(node: Node) -> Any:
    """The same for who reads all inputs, those by keyword too."""
    return getattr(node.operation, "function", None)


def reduces_only(node: Node) -> bool:
    """Whether a reduction does nothing else: it does not begin at `initial`, nor leave any out."""
    return len(node.inputs) == 1 and node.params.keys() <= {"axis", "keepdims"}


def fact(node: Node, name: str) -> Any:
    """A fact about what a node carries out, see `Primitive`; `None` where it has no row."""
    return getattr(node.operation, name, None)


def value_in(v: Any, values: Mapping[Any, Any]) -> Any:
    """What a node, or a value, is where its leaves have these values; nothing is compiled.

    Errors: `UnsupportedError` for a leaf whose value is not among them.
    """
    if isinstance(v, Node):
        return v.operation.evaluate(*(value_in(x, values) for x in v.inputs), **v.params)
    if not is_recorded(v):
        return v
    if v.node is not None:
        out = value_in(v.node, values)
        return out if v.index is None else out[v.index]
    if v not in values:
        raise UnsupportedError("targets that depend on parameters cannot be checked beforehand")
    return values[v]


def is_recorded(x: Any) -> TypeGuard[Any]:
    """Whether a value is a Variable; for type checkers it stays anything, with its methods."""
    return isinstance(x, Recorded)


def is_number(x: Any) -> bool:
    """Whether a value is a single number: a scalar Variable or a plain one."""
    if is_recorded(x):
        return not x.data.ndim
    return isinstance(x, int | float) or getattr(x, "ndim", 1) == 0


def is_constant(x: Any, number: float) -> bool:
    """Whether a value is the given plain number."""
    return not is_recorded(x) and is_number(x) and x == number
