"""The backward pass: derivatives from right to left, each node knowing only its own."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.graph.node import Node, Recorded, variable
from clearprop.primitives.broadcasting import sum_to

_FLOAT_SCALARS = (np.float64, float, np.float32)


def reach(variables: Iterable[Recorded]) -> tuple[set[Recorded], list[Node]]:
    """Find all Variables and nodes that the given Variables were computed from.

    The nodes come in reverse topological order: the last made first. Since a node is always made
    after those it depends on, sorting by serial number is enough, and no recursion is needed.
    """
    found = set(variables)
    nodes: set[Node] = set()
    stack = list(found)
    while stack:
        node = stack.pop().node
        if node is None or node in nodes:
            continue
        nodes.add(node)
        for x in node.inputs:
            if isinstance(x, Recorded) and x not in found:
                found.add(x)
                stack.append(x)
    return found, sorted(nodes, key=lambda node: node.serial, reverse=True)


def derivatives(
    outputs: Iterable[tuple[Recorded, Any]],
    *,
    targets: Iterable[Recorded] | None = None,
    record: bool = False,
) -> dict[Recorded, Any]:
    """Run the backward pass and give the derivative of every Variable that was reached.

    `outputs` pairs each output with the derivative that arrives at it from upstream. With
    `targets`, only what lies between them and the outputs is computed. With `record`, the pass
    itself is carried out on Variables, so that it stands on a graph and can be differentiated.

    **Formula**: `dx = Σ over the nodes that x went into of dout · ∂out/∂x`.
    """
    outputs = list(outputs)
    found, nodes = reach(v for v, _ in outputs)
    needed = None if targets is None else _between(set(targets), nodes)
    arrived: dict[Any, Any] = {}
    for v, dout in outputs:
        _arrive(arrived, _key(v), dout)
    outs = _recorded_outputs(found) if record else None
    for node in nodes:
        if needed is not None and node not in needed:
            continue
        dout = _upstream(node, arrived, record)
        if dout is None:
            continue
        if outs is None:
            values, out = node.values, node.out
        else:
            values, out = node.inputs, outs[node]
        if node.operation.elementwise:
            _elementwise(node, dout, out, values, arrived, needed)
        else:
            _products(node, dout, out, values, arrived, needed)
    return {v: d for v in found if (d := arrived.get(_key(v))) is not None}


def _elementwise(node: Node, dout: Any, out: Any, values: Any, arrived: Any, needed: Any) -> None:
    """Multiply dout by each local derivative, and sum over what was broadcast."""
    rules = node.operation.rules
    if not rules:
        return
    values = _as_floats(values)
    for x, rule in zip(node.inputs, rules, strict=False):
        if rule is None or not isinstance(x, Recorded) or not _is_needed(x, needed):
            continue
        local = rule(out, *values)
        if local.__class__ is int and local in (1, -1):  # no multiplication
            dx = dout if local == 1 else -dout
        else:
            dx = dout * local
        data = x.data
        if dx.shape != data.shape:
            dx = sum_to(_broadcast(dx, node.out), data.shape)
        _arrive(arrived, _key(x), _cast(dx, data))


def _products(node: Node, dout: Any, out: Any, values: Any, arrived: Any, needed: Any) -> None:
    """Ask the operation for its vector-Jacobian products."""
    inputs = node.inputs
    wanted = [i for i, x in enumerate(inputs) if isinstance(x, Recorded) and _is_needed(x, needed)]
    if not wanted:
        return
    products = node.operation.vjp(wanted, dout, out, values, node.params)
    for i, dx in zip(wanted, products, strict=True):
        if dx is not None:
            _arrive(arrived, _key(inputs[i]), _cast(dx, inputs[i].data))


def _arrive(arrived: dict[Any, Any], key: Any, dx: Any) -> None:
    """At a fan-out, the derivatives from all branches are summed."""
    before = arrived.get(key)
    arrived[key] = dx if before is None else before + dx


def _key(v: Recorded) -> Any:
    """Derivatives are gathered by output of a node, so that two Variables for one output agree."""
    if v.node is None:
        return v
    return v.node if v.index is None else (v.node, v.index)


def _upstream(node: Node, arrived: dict[Any, Any], record: bool) -> Any:
    """What arrived at a node: one derivative, or one for each output, 0 for unused ones."""
    if not isinstance(node.out, tuple):
        return arrived.get(node)
    parts = [arrived.get((node, i)) for i in range(len(node.out))]
    if all(part is None for part in parts):
        return None
    return tuple(
        _cast(np.zeros_like(o), o) if part is None else part
        for part, o in zip(parts, node.out, strict=True)
    )


def _recorded_outputs(found: set[Recorded]) -> dict[Node, Any]:
    """The Variables that nodes made, for rules that use `out` while they are recorded."""
    outs: dict[Node, Any] = {}
    for v in found:
        node = v.node
        if node is None:
            continue
        if v.index is None:
            outs[node] = v
        elif node not in outs:
            outs[node] = tuple(variable(v.made_as, o, node, i) for i, o in enumerate(node.out))
    return outs


def _between(targets: set[Recorded], nodes: list[Node]) -> set[Any]:
    """The nodes and Variables through which a target reaches the outputs."""
    needed: set[Any] = set(targets) | {_key(t) for t in targets}
    for node in reversed(nodes):
        for x in node.inputs:
            if isinstance(x, Recorded) and (x in needed or x.node in needed):
                needed.add(node)
                break
    return needed


def _is_needed(x: Recorded, needed: set[Any] | None) -> bool:
    return needed is None or x in needed or x.node in needed


def _cast(dx: Any, data: Any) -> Any:
    """Derivatives keep their variable's dtype; those of integers are float64."""
    dtype = data.dtype if data.dtype.kind == "f" else np.dtype(np.float64)
    return dx if dx.dtype is dtype or dx.dtype == dtype else dx.astype(dtype)


def _broadcast(dx: Any, out: Any) -> Any:
    return dx if dx.shape == np.shape(out) else np.broadcast_to(dx, np.shape(out))


def _as_floats(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Integers are differentiated as floats."""
    for x in values:
        if type(x) not in _FLOAT_SCALARS and getattr(x, "dtype", np.dtype(float)).kind in "iub":
            return tuple(
                x.astype(np.float64) if getattr(x, "dtype", None) and x.dtype.kind in "iub" else x
                for x in values
            )
    return values
