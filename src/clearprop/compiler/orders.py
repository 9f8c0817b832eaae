"""In which order of axes the arrays of a graph are stored, so that inner loops are long.

A product over several axes leaves open in which order it gives them, and so does a copy that is
laid out anew. What follows keeps the order that it is given, as NumPy's own functions do, and views
are views. So the order is chosen at the products, for the whole chain after them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.compiler.rewriting import consumers_of, fact, function_of, is_recorded
from clearprop.compiler.tensor_products import contract, laid_out, reshapes, terms
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node
from clearprop.primitives.windows import add_windows

Order = tuple[int, ...]
"""Axes of an array, the slowest first."""


def empty(shape: tuple[int, ...], dtype: Any, order: Order | None) -> np.ndarray:
    """An array that is stored in this order of axes."""
    if order is None:
        return np.empty(shape, dtype)
    stored = np.empty([shape[axis] for axis in order], dtype)
    return stored.transpose(np.argsort(order))


def order_of(x: np.ndarray) -> Order:
    """The axes of an array, the slowest first, as it lies in memory."""
    return tuple(sorted(range(x.ndim), key=lambda axis: (-x.strides[axis], axis)))


class Orders:
    """Chooses an order for each node that has a choice; the rest is as it comes.

    `found` has the nodes that are not stored row by row; `trials` an array that lies in memory as
    the value of each node will. `fixed` has such arrays for nodes that have no choice any more.
    """

    def __init__(
        self, trace: Trace, columns: set[Node], fixed: Mapping[Node, np.ndarray] | None = None
    ) -> None:
        self.trace = trace
        self.fixed = fixed or {}
        columns = columns - self.fixed.keys()
        self.consumers = consumers_of(trace)
        self.found: dict[Node, Order] = dict.fromkeys(columns, (1, 0))
        self.trials: dict[Any, Any] = {}
        if self.fixed or any(function_of(node) is contract for node in trace.nodes):
            self._walk()
            turned = {node for node in trace.nodes if self._better_by_columns(node)}
            if turned:
                self.found = dict.fromkeys(columns | turned, (1, 0))
                self._walk()

    def trial(self, v: Any) -> np.ndarray:
        """An empty array that is laid out in memory as a value will be."""
        key = v if v.node is None else v.node
        if key not in self.trials:
            self.trials[key] = self._made(v)
        return self.trials[key]

    def _made(self, v: Any) -> np.ndarray:
        node = v.node
        if node is None or v.index is not None:
            return np.empty(v.shape, v.dtype)
        if node in self.fixed:
            return self.fixed[node]
        source = node.inputs[0] if node.inputs else None
        shown = fact(node, "view") and len(node.inputs) == 1 and v.ndim
        if shown and is_recorded(source) and source.index is None:
            before = self.trial(source)
            found = node.operation.evaluate(before, **node.params)
            if not found.size or np.shares_memory(found, before):
                return found
        return empty(v.shape, v.dtype, self.found.get(node))

    def _walk(self) -> None:
        self.trials.clear()
        for node in self.trace.nodes:
            if isinstance(node.out, tuple) or np.ndim(node.out) < 2 or fact(node, "view"):
                continue
            order = self._chosen(node)
            if order is not None and order != tuple(range(len(order))):
                self.found[node] = order
        self.trials.clear()  # some were asked for before their order was chosen

    def _chosen(self, node: Node) -> Order | None:
        function = function_of(node)
        if node in self.fixed:
            return order_of(self.fixed[node])
        if function is contract:
            return self._of_product(node)
        if function is laid_out:
            return self._of_copy(node)
        if function is np.stack:
            # Behind the slowest axis of the parts, which are channels: those come first again.
            axis = node.params["axis"] % node.out.ndim
            before = self._of_operands(node.inputs, node.out.ndim - 1)
            order = [a + (a >= axis) for a in before or ()]
            return (order[0], axis, *order[1:]) if order else None
        if function is np.pad and np.ndim(node.out) == 4:
            return self._for_windows(node)
        if function is add_windows:
            return tuple(a for a in order_of(self.trial(node.inputs[0])) if a < node.out.ndim)
        if fact(node, "elementwise") and node not in self.found:
            shape = np.shape(node.out)
            return self._of_operands([x for x in node.inputs if np.shape(x) == shape], len(shape))
        if fact(node, "reduces") and node.params.get("axis") is not None:
            return self._of_reduced(node)
        return None

    def _of_operands(self, operands: Any, ndim: int) -> Order | None:
        """The order of the first operand that is not stored row by row."""
        if ndim < 3:
            return None
        plain = tuple(range(ndim))
        orders = [order_of(self.trial(x)) for x in operands if is_recorded(x)]
        return next((order for order in orders if order != plain), plain)

    def _of_reduced(self, node: Node) -> Order | None:
        x = node.inputs[0]
        if np.ndim(node.out) < 3 or not is_recorded(x):
            return None
        axes = {axis % x.ndim for axis in np.atleast_1d(node.params["axis"])}
        kept = [axis for axis in order_of(self.trial(x)) if axis not in axes]
        if node.params.get("keepdims"):
            return (*kept, *sorted(axes))
        return tuple(sorted(kept).index(axis) for axis in kept)

    def _of_copy(self, node: Node) -> Order:
        """Axes that the next product sums over on one side, the longer ones on the inner."""
        sizes = node.out.shape
        by_length = sorted(range(len(sizes)), key=lambda axis: (sizes[axis], axis))
        user = next((u for u in self.consumers[node] if u and function_of(u) is contract), None)
        if user is None:
            return self._for_windows(node)
        mine, theirs, out, other = self._sides(user, node)
        summed = [axis for axis in range(len(sizes)) if mine[axis] in theirs]
        known = [theirs[axis] for axis in order_of(self.trial(other))]
        summed.sort(key=lambda axis: known.index(mine[axis]))
        free = [axis for axis in by_length if mine[axis] in out]
        n, m = (int(np.prod([sizes[a] for a in part])) for part in (summed, free))
        return (*summed, *free) if n <= m else (*free, *summed)

    @staticmethod
    def _sides(product: Node, node: Node) -> tuple[str, str, str, Any]:
        """The letters of one factor, of the other and of the product, and the other factor."""
        x, y, out = terms(product.params["subscripts"])
        first = product.inputs[0].node is node
        return (x, y, out, product.inputs[1]) if first else (y, x, out, product.inputs[0])

    @staticmethod
    def _for_windows(node: Node) -> Order:
        """Images (N, C, H, W) of which windows are taken: channels first, long axes last."""
        sizes = np.shape(node.out)
        rest = sorted((a for a in range(len(sizes)) if a != 1), key=lambda a: (sizes[a], a))
        return (1, *rest)

    def _of_product(self, node: Node) -> Order:
        """The axes of one factor, then those of the other, in their orders; the more last."""
        x, y, out = terms(node.params["subscripts"])
        groups = []
        for term, factor in ((x, node.inputs[0]), (y, node.inputs[1])):
            order = order_of(self.trial(factor))
            groups.append([out.index(term[axis]) for axis in order if term[axis] in out])
        sizes = [int(np.prod([node.out.shape[a] for a in group])) for group in groups]
        few, many = groups if sizes[0] <= sizes[1] else groups[::-1]
        plain = tuple(range(np.ndim(node.out)))
        in_a_row = any(user and reshapes(user) for user in self.consumers[node])
        return plain if in_a_row and plain in ((*few, *many), (*many, *few)) else (*few, *many)

    def _better_by_columns(self, node: Node) -> bool:
        """Whether a matrix is looked at beside something whose rows are its columns."""
        if node in self.fixed:
            return False
        if function_of(node) is not np.matmul or np.ndim(node.out) != 2 or node in self.found:
            return False
        trial, user = empty(node.out.shape, node.out.dtype, (1, 0)), self._only_user(node)
        while user and fact(user, "view") and len(user.inputs) == 1:
            found = user.operation.evaluate(trial, **user.params)
            if not np.shares_memory(found, trial):
                return False
            trial, node, user = found, user, self._only_user(user)
        if not user or not fact(user, "elementwise") or trial.ndim < 3:
            return False
        others = [x for x in user.inputs if is_recorded(x) and x.node is not node]
        orders = [order_of(self.trial(x)) for x in others if x.shape == trial.shape]
        return order_of(trial) in orders

    def _only_user(self, node: Node) -> Node | None:
        users = self.consumers[node]
        return users[0] if len(users) == 1 else None
