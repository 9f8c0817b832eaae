"""What is known of a graph before it is printed: order, storage, and how long values are needed."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.compiler.at_labels import pick_at, subtract_at
from clearprop.compiler.orders import Orders
from clearprop.compiler.rewriting import consumers_of, fact, function_of, is_recorded, origin
from clearprop.compiler.tensor_products import contract
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node, data_of, parts
from clearprop.primitives.indexing import put_at
from clearprop.primitives.labels import read_labels, read_numbers

_CHECKS = (read_labels, read_numbers)
"""What looks at targets and hands them on."""


SHORT = 64
"""Rows of at most this length are better reduced across columns (measured for 100 × 10: a maximum
takes 1.4 µs instead of 5.4, since columns of 100 fill the vector units and rows of 10 do not)."""


class Lifetimes:
    """Where the values of a graph can be stored.

    - `nodes`: in the order in which they are printed;
    - `orders`: the order of axes in which those are stored that are not stored row by row;
    - `roots`: for each node the node or leaf in whose storage its result lies (for views);
    - `last`: for each root the time at which it is read last;
    - `pins`: results that are computed right where they are joined to others;
    - `slots`: the same for those that are stacked: node → (stack, index);
    - `in_place`: those that are computed right into the leaf they replace, at the very end.

    `fixed` has, for nodes that others compute, an array that lies in memory as their value will.
    """

    def __init__(
        self,
        trace: Trace,
        replaces: Mapping[int, Any],
        fixed: Mapping[Node, np.ndarray] | None = None,
    ) -> None:
        self.trace = trace
        self.fixed = fixed or {}
        self._laid_out = Orders(trace, column_major(trace), fixed)
        self.orders = self._laid_out.found
        self.trial = self._laid_out.trial
        self.nodes = list(trace.nodes)
        self.roots = self._find_roots()
        self.slots = self._find_slots()
        self.in_place = self._find_in_place(replaces)
        self.nodes = [n for n in self.nodes if n not in self.in_place] + list(self.in_place)
        self.last = self._find_last_uses()
        self.pins = self._find_pins()
        self.joins = {join for join, _ in self.pins.values()}

    def _find_in_place(self, replaces: Mapping[int, Any]) -> dict[Node, Any]:
        """The steps `leaf ± …` that nobody else reads, nor the leaf after them: node → leaf."""
        read = {x.node for node in self.nodes for x in node.inputs if is_recorded(x)}
        made = Counter(v.node for v in self.trace.outputs)
        found: dict[Node, Any] = {}
        for i, leaf in replaces.items():
            v = self.trace.outputs[i]
            if (
                v.node is not None
                and fact(v.node, "operator") in ("+", "-")
                and v.node not in read
                and made[v.node] == 1
                and v.ndim
                and v.shape == leaf.shape
            ):
                found[v.node] = leaf
        leaves = {node: {self.root(x) for x in node.inputs if is_recorded(x)} for node in found}
        return {
            node: leaf
            for node, leaf in found.items()
            if not any(leaf in roots for other, roots in leaves.items() if other is not node)
        }

    def _find_roots(self) -> dict[Node, Any]:
        """The node or leaf in whose buffer the result of each node lies."""
        roots: dict[Node, Any] = {}
        for node in self.nodes:
            roots[node] = node
            x = node.inputs[0] if node.inputs else None
            if is_recorded(x) and (self._is_view(node) or function_of(node) in _CHECKS):
                roots[node] = roots[x.node] if x.node is not None else x
        return roots

    def _find_last_uses(self) -> dict[Any, int]:
        last: dict[Any, int] = {}
        for time, node in enumerate(self.nodes):
            for x in node.inputs:
                if is_recorded(x):
                    last[self.root(x)] = time
            last.setdefault(self.roots[node], time)
        for v in self.trace.outputs:
            last[self.root(v)] = len(self.nodes)
        return last

    def _find_slots(self) -> dict[Node, tuple[Node, int]]:
        """Results that can be computed right where they are stacked.

        They do not lie there as they would elsewhere; element-wise operations do not mind.
        """
        slots: dict[Node, tuple[Node, int]] = {}
        users = consumers_of(self.trace)
        for stack in self.nodes:
            stacks = function_of(stack) is np.stack and stack.params.keys() == {"axis"}
            if not stacks or np.ndim(stack.out) < 2 or None in users[stack]:
                continue
            for i, x in enumerate(stack.inputs):
                node = origin(x)
                if node is None or node in slots or x.dtype != stack.out.dtype:
                    continue
                if not self.fixed.keys().isdisjoint((node, *users[node])):
                    continue
                others = [user for user in users[node] if user is not stack]
                if all(n is not None and fact(n, "elementwise") for n in (node, *others)):
                    slots[node] = stack, i
        self.roots.update({node: stack for node, (stack, _) in slots.items()})
        return slots

    def _find_pins(self) -> dict[Node, tuple[Node, int]]:
        """Results that can be computed right where they are joined to others: node → (join, start).

        The derivatives of the parameters are written side by side, and never copied.
        """
        pins: dict[Node, tuple[Node, int]] = {}
        for join in self.nodes:
            if function_of(join) is not np.concatenate or any(np.ndim(x) != 1 for x in join.inputs):
                continue
            start = 0
            for x in join.inputs:
                root = self.root(x) if is_recorded(x) else None
                if (
                    isinstance(root, Node)
                    and root not in pins
                    and self._can_be_pinned(root, x, join)
                ):
                    pins[root] = (join, start)
                start += int(np.size(x))
        return pins

    def _can_be_pinned(self, root: Node, x: Any, join: Node) -> bool:
        function = function_of(root)
        computed = isinstance(function, np.ufunc) or fact(root, "reduces") is not None
        computed = computed or function in (contract, put_at) or root in self.fixed
        return bool(
            computed
            and root not in self.orders
            and np.ndim(root.out)
            and np.size(root.out) == x.size
            and root.out.dtype == join.out.dtype
            and self._in_order(x.node, root)
        )

    def _in_order(self, node: Node, root: Node) -> bool:
        """Whether a view has the elements of its root in the same order, one after the other."""
        while node is not root:
            plain = node.params.get("order", "C") == "C"
            if not fact(node, "keeps") or not plain:
                return False
            node = node.inputs[0].node
        return True

    def _is_view(self, node: Node) -> bool:
        """Whether the result lies in the storage of the first operand, by trying it out."""
        if not fact(node, "view") or isinstance(node.out, tuple) or node in self.fixed:
            return False
        x, *arrays = node.inputs
        if arrays or not is_recorded(x) or not np.ndim(node.out) or x.index is not None:
            return False
        before = self.trial(x)
        found = node.operation.evaluate(before, **node.params)
        return not before.size or np.shares_memory(found, before)

    def shares(self, node: Node) -> bool:
        """Whether an operation that makes its result by itself gives a view of an operand."""
        values = tuple(map(data_of, node.inputs))
        arrays = [v for v in values if isinstance(v, np.ndarray)]
        if isinstance(function_of(node), np.ufunc) or not arrays:
            return False
        found = parts(node.operation.evaluate(*values, **node.params))
        return any(np.shares_memory(part, array) for part in found for array in arrays)

    def root(self, v: Any) -> Any:
        """The node or leaf in whose storage a value lies."""
        return v if v.node is None else self.roots[v.node]


def column_major(trace: Trace) -> set[Node]:
    """Find the nodes whose matrix is stored by columns, because its short rows are reduced.

    Matrices of one shape that element-wise operations connect are stored alike; where one of them
    comes from outside, or goes into an operation that needs rows, all of them stay row by row.
    """
    group = {node: node for node in trace.nodes}

    def find(node: Node) -> Node:
        while group[node] is not node:
            group[node] = node = group[group[node]]  # half as far the next time
        return node

    wanted, barred = set(), set()
    for node in trace.nodes:
        function = function_of(node)
        shape = _shape(node)
        for x in node.inputs:
            maker = x.node if is_recorded(x) else None
            if np.ndim(x) != 2:
                continue
            if _elementwise(node) and np.shape(x) == shape:
                if maker is None:
                    barred.add(node)
                else:
                    group[find(maker)] = find(node)
            elif maker is None:
                continue
            elif fact(node, "reduces") and node.params.get("axis") in (-1, 1):
                if np.shape(x)[1] <= SHORT and np.shape(x)[0] > np.shape(x)[1]:
                    wanted.add(maker)
            elif not (function in (np.matmul, pick_at, np.transpose) or _elementwise(node)):
                barred.add(maker)
        if len(shape) == 2 and not (_elementwise(node) or function is np.matmul):
            barred.add(node)
    for v in trace.outputs:
        if v.node is not None:
            barred.add(v.node)
    good = {find(node) for node in wanted} - {find(node) for node in barred}
    return {node for node in trace.nodes if len(_shape(node)) == 2 and find(node) in good}


def _elementwise(node: Node) -> bool:
    return function_of(node) is subtract_at or bool(fact(node, "elementwise"))


def _shape(node: Node) -> tuple[int, ...]:
    return () if isinstance(node.out, tuple) else np.shape(node.out)
