"""The backward pass of an opened `forward`, to be run again with one mistake made in it."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop.checking.automatic import Opened
from clearprop.checking.findings import Kind
from clearprop.checking.places_in_source import Group
from clearprop.graph.backward import reach
from clearprop.graph.node import Node, Recorded
from clearprop.primitives.broadcasting import sum_to


class At(NamedTuple):
    """An operation as the backward pass comes by: what arrives, and what it gives back.

    `arrived` holds what has arrived at all operations behind it, by `(node, None)`.
    """

    node: Node
    dout: Any
    out: Any
    values: Sequence[Any]
    found: list[Any]
    arrived: Mapping[Any, Any]


Formula = Callable[[At], Any]
"""Another derivative for one input of an operation."""


class Mistake(NamedTuple):
    """Some inputs of operations that are differentiated otherwise, and what that is in words.

    `values` are other values for what some operations made, as those after them see it. `past` are
    values at which the derivative arrives that is made of another one's, a later one's. Where
    `scales`, the same may also be done by half, or twice.
    """

    kind: Kind
    message: str
    changes: Mapping[tuple[Node, int], Formula]
    values: Mapping[Any, Any] | None = None
    scales: bool = False
    past: Mapping[Any, tuple[Any, Any]] | None = None
    closer: Callable[[], tuple[Kind, str]] | None = None

    def told(self) -> tuple[Kind, str]:
        """Its kind and words; `closer` finds them, where that is work."""
        return self.closer() if self.closer else (self.kind, self.message)


Mistakes = Iterator[Mistake]


class Wide(np.ndarray):
    """A derivative that has been summed over what was broadcast already."""


class Tape:
    """All operations of an opened `forward`, from the last to the first."""

    def __init__(self, opened: Opened, dout: np.ndarray, kept: Any = ()) -> None:
        self.variables, self.kept = opened.variables, kept
        self.seeds = list(zip(*opened._seeds(opened.outputs, dout), strict=True))
        self.nodes, made = reach(v for v, _ in self.seeds)
        groups: dict[Any, Group] = {}
        self.group_of: dict[Node, Group] = {}
        for node in reversed(self.nodes):
            place = getattr(made[node][0], "place", ()) or ((node, 0, 0),)
            key = (tuple(entry[:2] for entry in place), node.operation.name)
            group = groups.setdefault(key, Group(place if place[0][2] else ()))
            group.nodes.append(node)
            self.group_of[node] = group
        self.groups = list(groups.values())
        for group, other in itertools.permutations(self.groups, 2):
            if group.place and other.place and group.place[0][::2] == other.place[0][::2]:
                group.alone &= group.nodes[0].operation is not other.nodes[0].operation
        self.plan = [
            (
                node,
                [
                    (i, known_by(x), np.shape(x.data))
                    for i, x in enumerate(node.inputs)
                    if isinstance(x, Recorded)
                ],
            )
            for node in self.nodes
        ]
        self.inputs_of = dict(self.plan)
        self.right: dict[Node, tuple[Any, list[Any], list[Any]]] = {}
        """What arrives at each operation, and what it gives back: by itself, and in the pass."""
        self.arrived: dict[Any, Any] = {}
        self.slopes: dict[Node, list[Any]] = {}
        self.idle: dict[tuple[Node, int], Formula] = {}
        self.order = {node: k for k, node in enumerate(self.nodes)}
        self.stride = 1 + len(self.nodes) // 64
        self.marks: list[dict[Any, Any]] = []
        """What has arrived before every so many nodes, without a mistake: it is begun there."""
        self._sources: dict[Any, frozenset[str]] = {}
        self.users: dict[Any, list[Node]] = {}
        for node, inputs in self.plan:
            for i, key, _ in inputs:
                self.users.setdefault(key, []).append(node)
                self.sources(node.inputs[i])
        self._close_idle()

    def alike(self, node: Node) -> Iterator[Node]:
        """The runs of the line of an operation, whatever calls it."""
        place = self.group_of[node].place
        for group in self.groups if place else ():
            same = group.place and group.place[0][:2] == place[0][:2]
            if same and group.nodes[0].operation.name == node.operation.name:
                yield from group.nodes

    def _close_idle(self) -> None:
        """Close the ways that cancel out, such as those through the maximum that softmax subtracts.

        With another mistake made they would no longer cancel, and nobody writes them in backward.
        """
        right = self.pull({})
        some = [
            g for g in self.groups if g.nodes[0].operation.name in ("np.max", "np.mean", "np.min")
        ]
        together = [[n for g in some for n in g.nodes if n.operation.name == "np.max"]]
        for nodes in (*(group.nodes for group in some), *together[: len(some) > 1]):
            closed = everywhere(nodes, 0, nothing)
            without = self.pull(closed)
            if all(np.allclose(without[n], right[n], rtol=1e-9, atol=1e-12) for n in right):
                self.idle |= closed
        self.pull({}, marks=self.marks)

    def sources(self, x: Any) -> frozenset[str]:
        """The arguments that a value is made of."""
        key = known_by(x)
        if key not in self._sources:
            self._sources[key] = frozenset[str]().union(
                *(self.sources(y) for y in x.node.inputs if isinstance(y, Recorded))
                if x.node
                else [[name for name, v in self.variables.items() if v is x]]
            )
        return self._sources[key]

    def enclosed(self, last: Node) -> set[Any]:
        """The values from which every way leads through one operation: `(node, None)` or leaves."""
        found, seeds = {(last, None)}, {known_by(v) for v, _ in self.seeds}
        for node in [*self.nodes, *self.variables.values()]:
            key = (node, None)
            users = () if key in seeds else self.users.get(key, ())
            if users and all((user, None) in found for user in users):
                found.add(key)
        return found - {(last, None)}

    def touched(self, mistake: Mistake) -> frozenset[str]:
        """The arguments whose derivatives a mistake may change."""
        if mistake.values:
            return frozenset(self.variables)
        inputs = {
            id(x): x for node, i in mistake.changes if isinstance(x := node.inputs[i], Recorded)
        }
        found = frozenset[str]().union(*map(self.sources, inputs.values()))
        return found.union(*(self._sources[key] for key in mistake.past or ()))

    def pull(
        self,
        changes: Mapping[tuple[Node, int], Formula],
        values: Mapping[Any, Any] | None = None,
        past: Mapping[Any, tuple[Any, Any]] | None = None,
        marks: list[dict[Any, Any]] | None = None,
    ) -> dict[str, np.ndarray]:
        """The derivatives of all arguments, with some operations differentiated otherwise."""
        of_node: dict[Node, list[tuple[int, Formula]]] = {}
        for (node, i), formula in {**self.idle, **changes}.items():
            of_node.setdefault(node, []).append((i, formula))
        first = [self.order[node] for node, _ in (*changes, *(past or ())) if node in self.order]
        begun = 0 if values or not self.marks else min(first, default=0) // self.stride
        arrived: dict[Any, Any] = dict(self.marks[begun]) if self.marks else {}
        for v, d in () if self.marks else self.seeds:
            _arrive(arrived, known_by(v), d)
        for k, (node, inputs) in enumerate(self.plan[begun * self.stride :]):
            if marks is not None and k % self.stride == 0:
                marks.append(dict(arrived))
            dout = arrived.get((node, None))
            if isinstance(node.out, tuple):
                parts = [arrived.get((node, i)) for i in range(len(node.out))]
                pairs = zip(parts, node.out, strict=True)
                dout = tuple(np.zeros_like(o) if p is None else p for p, o in pairs)
            if past and (node, None) in past:
                later, slope = past[node, None]
                dout = arrived[later] * slope
            if dout is None:
                continue
            seen = node.values
            if values:
                seen = [
                    values.get((x.node, x.index), value) if isinstance(x, Recorded) else value
                    for x, value in zip(node.inputs, node.values, strict=True)
                ]
            if seen is node.values and node.operation.elementwise:
                found = self._elementwise(node, dout)
            else:
                found = local(node, dout, node.out, seen)
            raw = found
            if node in of_node:
                at = At(node, dout, node.out, seen, found, arrived)
                found = list(found)
                for i, formula in of_node[node]:
                    found[i] = formula(at) if found[i] is not None else None
            if marks is not None:
                self.right[node], self.arrived = (dout, raw, found), arrived
            for i, key, shape in inputs:
                dx = found[i]
                if dx is not None:
                    fits = np.shape(dx) == shape or isinstance(dx, Wide)
                    _arrive(arrived, key, dx if fits else sum_to(np.asarray(dx), shape))
        for key, (later, slope) in (past or {}).items():
            arrived[key] = arrived[later] * slope
        return {
            name: np.array(arrived.get(known_by(v), np.zeros(np.shape(v.data))))
            for name, v in self.variables.items()
        }

    def values_at(self, leaves: Mapping[Any, Any]) -> dict[Any, Any]:
        """All values, where some arguments have other ones."""
        made = {known_by(v): v.data for v in self.variables.values()} | dict(leaves)
        for node in reversed(self.nodes):
            if (node, 0) in self.idle:
                made[node, None] = node.out
                continue
            given = zip(node.inputs, node.values, strict=True)
            values = [
                made.get(known_by(x), x.data) if isinstance(x, Recorded) else v for x, v in given
            ]
            out = node.operation.evaluate(*values, **node.params)
            several = enumerate(out) if isinstance(node.out, tuple) else ((None, out),)
            made |= {(node, i): part for i, part in several}
        return made

    def _elementwise(self, node: Node, dout: Any) -> list[Any]:
        """The same as `local`, with slopes that are computed once."""
        if node not in self.slopes:
            self.slopes[node] = local(node, np.ones(np.shape(node.out)), node.out, node.values)
        return [None if slope is None else dout * slope for slope in self.slopes[node]]


def nothing(at: At) -> None:
    """Nothing goes back here."""


def everywhere(
    nodes: Iterable[Node], slot: int, formula: Formula
) -> dict[tuple[Node, int], Formula]:
    """The same other derivative for one input of each of several operations."""
    return {(node, slot): formula for node in nodes}


def local(node: Node, dout: Any, out: Any, values: Any) -> list[Any]:
    """What one operation gives back to each of its inputs; `None` to constants."""
    wanted = [i for i, x in enumerate(node.inputs) if isinstance(x, Recorded)]
    found: list[Any] = [None] * len(node.inputs)
    operation = node.operation
    if operation.elementwise:
        values = [np.asarray(x, np.float64) if np.ndim(x) else x for x in values]
        for i in wanted:
            rule = operation.rules[i] if i < len(operation.rules) else None
            if rule is not None:
                found[i] = np.broadcast_to(dout * rule(out, *values), np.shape(out))
        return found
    products = operation.vjp(wanted, dout, out, tuple(values), node.params)
    for i, dx in zip(wanted, products, strict=True):
        found[i] = dx
    return found


def known_by(v: Any) -> Any:
    """What a Variable is known by: the node that made it and which output it is; or itself."""
    return (v, None) if v.node is None else (v.node, v.index)


def _arrive(arrived: dict[Any, Any], key: Any, dx: Any) -> None:
    before = arrived.get(key)
    arrived[key] = dx if before is None else before + dx
