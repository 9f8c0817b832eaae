"""What is known of a graph before it is printed: order, storage, and how long values are needed."""

from typing import Any

import numpy as np

from clearprop.compiler.layouts import column_major
from clearprop.compiler.rewriting import is_recorded
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node
from clearprop.primitives.indexing import getitem
from clearprop.primitives.labels import read_labels, read_numbers

REDUCE = {np.sum: "add", np.max: "maximum", np.min: "minimum", np.prod: "multiply"}
"""Reductions, and the ufunc whose `reduce` they are."""

_VIEWS = (np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze)
_VIEWS += (np.broadcast_to, np.matrix_transpose, np.diagonal, np.flip, getitem)


def function_of(node: Node) -> Any:
    """The NumPy function that a node carries out, or `None`."""
    return getattr(node.operation, "function", None)


_CHECKS = (read_labels, read_numbers)
"""What looks at targets and hands them on."""


class Lifetimes:
    """Where the values of a graph can be stored.

    - `nodes`: in the order in which they are printed;
    - `columns`: those whose matrix is stored by columns;
    - `roots`: for each node the node or leaf in whose storage its result lies (for views);
    - `last`: for each root the time at which it is read last;
    - `pins`: results that are computed right where they are joined to others.
    """

    def __init__(self, trace: Trace, updates: set[int]) -> None:
        self.trace = trace
        self.columns = column_major(trace)
        self._trials: dict[Node, np.ndarray] = {}
        self.nodes = self._ordered(updates)
        self.roots = self._find_roots()
        self.last = self._find_last_uses()
        self.pins = self._find_pins()

    def _ordered(self, updates: set[int]) -> list[Node]:
        """The nodes in order; what overwrites a stored array comes last, when nobody reads it."""
        last = [self.trace.outputs[i].node for i in updates]
        return [n for n in self.trace.nodes if n not in last] + [n for n in last if n is not None]

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
                if isinstance(root, Node) and root not in pins and self._can_be_pinned(root, x):
                    pins[root] = (join, start)
                start += int(np.size(x))
        return pins

    def _can_be_pinned(self, root: Node, x: Any) -> bool:
        computed = isinstance(function_of(root), np.ufunc) or function_of(root) in REDUCE
        return bool(
            computed
            and root not in self.columns
            and np.ndim(root.out)
            and np.size(root.out) == x.size
            and root.out.dtype == x.dtype
            and self._in_order(x.node, root)
        )

    def _in_order(self, node: Node, root: Node) -> bool:
        """Whether a view has the elements of its root in the same order, one after the other."""
        while node is not root:
            plain = node.params.get("order", "C") == "C"
            if function_of(node) not in (np.reshape, np.ravel) or not plain:
                return False
            node = node.inputs[0].node
        return True

    def _is_view(self, node: Node) -> bool:
        """Whether the result lies in the storage of the first operand, by trying it out."""
        if function_of(node) not in _VIEWS or isinstance(node.out, tuple):
            return False
        x, *arrays = node.inputs
        if arrays or not is_recorded(x) or not np.ndim(node.out) or x.index is not None:
            return False
        trial = self._trial(x)
        found = node.operation.evaluate(trial, **node.params)
        if trial.size and not np.shares_memory(found, trial):
            return False
        self._trials[node] = found
        return True

    def _trial(self, x: Any) -> np.ndarray:
        """An empty array that is laid out in memory as a value will be."""
        if x.node in self._trials:
            return self._trials[x.node]
        return np.empty(x.shape, x.dtype, order="F" if x.node in self.columns else "C")

    def shares(self, node: Node) -> bool:
        """Whether an operation that makes its result by itself gives a view of an operand."""
        values = tuple(x.data if is_recorded(x) else x for x in node.inputs)
        arrays = [v for v in values if isinstance(v, np.ndarray)]
        if isinstance(function_of(node), np.ufunc) or not arrays:
            return False
        found = node.operation.evaluate(*values, **node.params)
        parts = found if isinstance(found, tuple | list) else (found,)
        return any(np.shares_memory(part, array) for part in parts for array in arrays)

    def root(self, v: Any) -> Any:
        """The node or leaf in whose storage a value lies."""
        return v if v.node is None else self.roots[v.node]
