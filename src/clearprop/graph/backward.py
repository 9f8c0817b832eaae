"""The backward pass: derivatives from right to left, each node knowing only its own."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import numpy as np

from clearprop.graph.constants import check_marks
from clearprop.graph.node import Node, Recorded, variable
from clearprop.primitives.broadcasting import sum_to

_NUMBERS = frozenset({np.float64, float, int})
_PYTHON = frozenset({float, int})
_FLOAT64 = np.dtype(np.float64)


def reach(
    variables: Iterable[Recorded], since: int = 0
) -> tuple[list[Node], dict[Any, list[Recorded]]]:
    """Find all nodes and Variables that the given Variables were computed from.

    Nodes that were made earlier than the one of the serial number `since` are left out.

    The nodes come in reverse topological order: the last made first. Since a node is always made
    after those it depends on, sorting by serial number is enough, and no recursion is needed.

    The Variables come by what made them: node → the Variables of its outputs (one, as a rule), and
    for a leaf the leaf itself → itself.
    """
    made: dict[Any, list[Recorded]] = {}
    nodes: list[Node] = []
    stack = list(variables)
    while stack:
        v = stack.pop()
        node = v.node
        if node is None:
            made[v] = [v]
            continue
        if node.serial < since:
            continue
        known = made.get(node)
        if known is not None:
            if v is not known[0] and not any(v is other for other in known):
                known.append(v)
            continue
        made[node] = [v]
        nodes.append(node)
        for x in node.inputs:
            if isinstance(x, Recorded):
                stack.append(x)  # noqa: PERF401
    nodes.sort(key=attrgetter("serial"), reverse=True)
    return nodes, made


def derivatives(
    outputs: Iterable[tuple[Recorded, Any]],
    *,
    targets: Iterable[Recorded] | None = None,
    record: bool = False,
    zeros: bool = False,
    afresh: bool = False,
) -> dict[Recorded, Any]:
    """Run the backward pass and give the derivative of every Variable at which one arrived.

    `outputs` pairs each output with the derivative that arrives at it from upstream. With
    `targets`, only what lies between them and the outputs is computed. With `record`, the pass
    itself is carried out on Variables, so that it stands on a graph and can be differentiated.
    With `zeros`, a Variable that was reached, but only through steps such as `floor`, has its
    derivative too: 0. With `afresh`, the `grad` that Variables have is dropped first, so that its
    memory can be used again.

    **Formula**: `dx = Σ dout · ∂out/∂x`, over the nodes that x went into.
    """
    outputs = list(outputs)
    targets = None if targets is None else tuple(targets)
    first = min((v.node.serial if v.node else 0 for v in targets or ()), default=0)
    nodes, made = reach((v for v, _ in outputs), first)  # none before can depend on a target
    needed = None if targets is None else _between(targets, nodes)
    if afresh:
        for variables in made.values():
            for v in variables:
                v.grad = None
    # What has arrived so far, by the key of a Variable: see _key.
    arrived: dict[Any, Any] = {}
    for v, dout in outputs:
        _arrive(arrived, v, dout)
    for node in nodes:
        if needed is not None and node not in needed:
            continue
        out = node.out
        if out.__class__ is tuple:
            dout = _several(node, arrived)
        else:
            dout = arrived.get(node)
        if dout is None:
            continue
        if node.marks is not None:
            check_marks(node)
        values = node.values
        if record:
            values, out = node.inputs, _recorded_output(node, made[node])
        if not node.operation.elementwise:
            _products(node, dout, out, values, arrived, needed)
        elif node.operation.chooses:
            _elementwise(node, dout, out, values, arrived, needed)
        elif out.__class__ is np.float64 and _NUMBERS.issuperset(map(type, values)):
            _numbers(node, dout, out, values, arrived, needed)
        else:
            _elementwise(node, dout, out, values, arrived, needed)
    found = {}
    for variables in made.values():
        for v in variables:
            dx = arrived.get(_key(v))
            if dx is None and zeros:
                dx = cast(np.zeros_like(v.data)[()], v.data)
            if dx is not None:
                found[v] = dx
    return found


def _numbers(node: Node, dout: Any, out: Any, values: Any, arrived: Any, needed: Any) -> None:
    """Multiply dout by each local derivative, where all are single float64 numbers."""
    for x, rule in zip(node.inputs, node.operation.rules, strict=False):
        if rule is not None and isinstance(x, Recorded) and (needed is None or _lies(x, needed)):
            _arrive(arrived, x, dout * rule(out, *values))


def _elementwise(node: Node, dout: Any, out: Any, values: Any, arrived: Any, needed: Any) -> None:
    """Multiply dout by each local derivative, and sum over what was broadcast."""
    rules = node.operation.rules
    if not rules:
        return
    shape, chooses = node.out.shape, node.operation.chooses
    values = [_as_float(x, node.out.dtype) for x in values]
    for x, rule in zip(node.inputs, rules, strict=False):
        if rule is None or not isinstance(x, Recorded):
            continue
        if needed is not None and not _lies(x, needed):
            continue
        local = rule(out, *values)
        if local.__class__ is int and (local == 1 or local == -1):  # no multiplication
            dx = dout if local == 1 else -dout
        elif chooses:  # what was not chosen has nothing to do with dout, be it ∞
            dx = np.where(local != 0, dout, 0) * local
        else:
            dx = dout * local
        data = x.data
        if dx.shape != data.shape:
            if dx.shape != shape:
                dx = np.broadcast_to(dx, shape)
            dx = sum_to(dx, data.shape)
        _arrive(arrived, x, cast(dx, data))


def _products(node: Node, dout: Any, out: Any, values: Any, arrived: Any, needed: Any) -> None:
    """Ask the operation for its vector-Jacobian products."""
    inputs = node.inputs
    wanted = [
        i
        for i, x in enumerate(inputs)
        if isinstance(x, Recorded) and (needed is None or _lies(x, needed))
    ]
    if not wanted:
        return
    products = node.operation.vjp(wanted, dout, out, values, node.params)
    for i, dx in zip(wanted, products, strict=True):
        if dx is not None:
            x = inputs[i]
            _arrive(arrived, x, cast(dx, x.data))


def _key(v: Recorded) -> Any:
    """Derivatives are gathered by output of a node, so that two Variables for one output agree."""
    node = v.node
    if node is None:
        return v
    return node if v.index is None else (node, v.index)


def _arrive(arrived: dict[Any, Any], v: Recorded, dx: Any) -> None:
    """At a fan-out, the derivatives from all branches are summed."""
    node = v.node
    key: Any = v if node is None else node if v.index is None else (node, v.index)  # as in _key
    before = arrived.get(key)
    arrived[key] = dx if before is None else before + dx


def _several(node: Node, arrived: dict[Any, Any]) -> Any:
    """What arrived at a node with several outputs: a tuple, with 0 for the unused ones."""
    parts = [arrived.get((node, i)) for i in range(len(node.out))]
    if all(part is None for part in parts):
        return None
    return tuple(
        cast(np.zeros_like(o)[()], o) if part is None else part
        for part, o in zip(parts, node.out, strict=True)
    )


def _recorded_output(node: Node, made: list[Recorded]) -> Any:
    """What a node made, as Variables, for rules that use `out` while they are recorded."""
    if not isinstance(node.out, tuple):
        return made[0]
    return tuple(variable(made[0].made_as, o, node, i) for i, o in enumerate(node.out))


def _between(targets: Iterable[Recorded], nodes: list[Node]) -> set[Any]:
    """The nodes and leaves through which a target reaches the outputs."""
    needed: set[Any] = {v if v.node is None else v.node for v in targets}
    for node in reversed(nodes):
        if any(isinstance(x, Recorded) and _lies(x, needed) for x in node.inputs):
            needed.add(node)
    return needed


def _lies(x: Recorded, needed: set[Any] | None) -> bool:
    return needed is None or x in needed or x.node in needed


def floating(data: Any) -> np.dtype:
    """The dtype of the derivative by a value: its own, and float64 for integers."""
    return data.dtype if data.dtype.kind == "f" else _FLOAT64


def cast(dx: Any, data: Any) -> Any:
    """Give a derivative the dtype that belongs to its value."""
    dtype = data.dtype
    if dx.dtype is dtype and dtype.kind == "f":
        return dx
    dtype = dtype if dtype.kind == "f" else _FLOAT64
    return dx if dx.dtype == dtype else dx.astype(dtype)


def _as_float(x: Any, result: np.dtype) -> Any:
    """An operand as the local derivatives want it; Python's own numbers adapt by themselves.

    Integers are differentiated as floats, and a derivative is as precise as the result: 1 / y
    of a float16 overflows where the quotient, in float32, does not.
    """
    if x.__class__ in _PYTHON:
        return x
    dtype = getattr(x, "dtype", None)
    if dtype is None or dtype == result:
        return x
    if dtype.kind != "f":
        return x.astype(np.float64)
    return x.astype(result) if dtype.itemsize < result.itemsize and result.kind == "f" else x
