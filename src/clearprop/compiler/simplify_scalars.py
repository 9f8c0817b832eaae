"""Simplifications: numbers are plain, and scalars sink to the smallest operand."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from clearprop.compiler.at_labels import SUBTRACT_AT, subtract_at
from clearprop.compiler.leaf import Setting
from clearprop.compiler.rewriting import (
    consumers_of,
    fact,
    function_of,
    is_number,
    is_recorded,
    rebuild,
    reduces_only,
)
from clearprop.compiler.tracing import Trace, names
from clearprop.graph.node import Node, data_of
from clearprop.graph.recording import attach, record
from clearprop.primitives.indexing import put_at


def plain_numbers(trace: Trace) -> Trace:
    """Write a number with a dtype as a plain one, where it is computed in the dtype of an array.

    Before: `x · np.float16(0.1)`, with `x` in float64. After: `x · 0.0999755859375`. Numbers that
    are multiplied by each other later on would be rounded to the smaller dtype, or overflow in it;
    NumPy converts each by itself when it meets the array.
    """

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        if node.params or not fact(node, "elementwise"):
            return None
        plain = tuple(map(_plain, inputs))
        if all(new is old for new, old in zip(plain, inputs, strict=True)):
            return None
        if np.result_type(*map(_kind, plain)) != np.result_type(*map(_kind, inputs)):
            return None
        return attach(node.operation, plain, tuple(map(data_of, plain)), {}, node.out)

    return rebuild(trace, rule)


def _plain(x: Any) -> Any:
    """A number as Python's own, if it is one exactly."""
    if is_recorded(x) or not is_number(x) or not isinstance(x, np.generic | np.ndarray):
        return x
    number = x.item()
    return number if isinstance(number, int | float) else x


def _kind(x: Any) -> Any:
    """What decides the dtype of a result: a dtype, or a number that leaves it to others."""
    return type(x.data.item())(1) if isinstance(x, Setting) else getattr(data_of(x), "dtype", x)


def sunk_scalars(trace: Trace) -> Trace:
    """Multiply by a scalar where that touches the fewest elements.

    Before: `lr · (xᵀ dout)`, a multiplication of 784 × 50 elements. After: `xᵀ (lr · dout)`, or
    deeper still: learning rate and 1/N end up on the derivative of the loss, 100 × 10, as one
    number.
    """

    labels = dict(trace.labels)
    consumers = consumers_of(trace)
    done: dict[Node, Any] = {}

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        if function_of(node) is not np.multiply or node.params:
            return None
        s, x = node.inputs if is_number(node.inputs[0]) else node.inputs[::-1]
        if not is_number(s) or is_number(x) or not is_recorded(x):
            return None
        if x.data.dtype not in WIDE or _dtype(s, x) != x.data.dtype:
            return None
        region = _region(node, trace, consumers)
        while True:
            sinking = Sinking(region, labels, trace.labels[node], done, x.data.dtype)
            if sinking.cost(x) >= x.size:
                return None
            passed = sinking.passed(x, node)
            # What somebody needs as it is, too, would be computed twice.
            twice = {n for n, users in passed.items() if not users.issuperset(consumers[n])}
            if not twice:
                return sinking.scaled(x, sinking.number(s))
            region -= twice

    return rebuild(trace, rule, labels, done)


def _region(root: Node, trace: Trace, consumers: dict[Any, list[Any]]) -> set[Node]:
    """The nodes that serve the root alone: scaling them changes nobody else's values."""
    region = {root}
    for node in reversed(trace.nodes):
        if consumers[node] and all(c in region for c in consumers[node]):
            region.add(node)
    return region


class Way(NamedTuple):
    """How a scalar is pushed one node further back."""

    operands: Sequence[Any]
    """Those that are scaled in place of the result."""
    made: Callable[[Any], Any]
    cost: int = 0
    """How many elements are touched beside those of the operands."""


class Sinking:
    """One scalar on its way down, through nodes of `region`."""

    def __init__(
        self,
        region: set[Node],
        labels: dict[Node, str],
        label: str,
        done: dict[Node, Any],
        dtype: np.dtype[Any],
    ) -> None:
        self.region = region
        self.done = done
        self.dtype = dtype
        self.label = label
        """The label of the multiplication that sinks."""
        self.labels = labels
        """The nodes made anew on the way keep the label of those they stand for."""
        self._best: dict[Node, tuple[int, Way | None]] = {}
        self._made: dict[Any, Any] = {}
        """What has been scaled already: the derivatives of all layers share the way down."""

    def now(self, x: Any) -> Any:
        """What has become of a value by now: what is not scaled must not be computed as before."""
        if not is_recorded(x) or x.node is None:
            return x
        out = self.done[x.node]
        return out if x.index is None else out[x.index]

    def number(self, x: Any) -> Any:
        """What has become of a scalar, in the dtype of the arrays that it was to meet."""
        x = self.now(x)
        if not is_recorded(x) or isinstance(x, Setting) or x.data.dtype == self.dtype:
            return x
        return np.astype(x, self.dtype)

    def cost(self, x: Any) -> int:
        """How many elements the multiplication touches at the best place at or behind `x`."""
        size = int(np.size(x))
        node = x.node if is_recorded(x) else None
        if node is None or size <= 1 or x.index is not None or node not in self.region:
            return size
        return self._best_way(node)[0]

    def passed(self, x: Any, user: Node) -> dict[Node, set[Any]]:
        """The nodes that the scalar passes on its way, and from which of their users it comes."""
        found: dict[Node, set[Any]] = {}
        open_ = [(x, user)]
        while open_:
            x, user = open_.pop()
            node = x.node if is_recorded(x) else None
            if node is None or self.cost(x) >= int(np.size(x)):
                continue
            _, way = self._best_way(node)
            if node not in found and way is not None:
                open_ += [(y, node) for y in way.operands]
            found.setdefault(node, set()).add(user)
        return found

    def _best_way(self, node: Node) -> tuple[int, "Way | None"]:
        """The cheapest way to push the scalar one node further back, and what it costs in all."""
        if node not in self._best:
            best: tuple[int, Way | None] = int(np.size(node.out)), None
            for way in self._find_ways(node):
                cost = way.cost + sum(map(self.cost, way.operands))
                if cost < best[0] and all(map(self._is_alike, way.operands)):
                    best = cost, way
            self._best[node] = best
        return self._best[node]

    def _is_alike(self, x: Any) -> bool:
        """Whether what is scaled has the dtype of the result: in another it overflows sooner."""
        weak = isinstance(x, int | float | Setting)
        return weak or data_of(x).dtype == self.dtype

    def _find_ways(self, node: Node) -> list["Way"]:
        function, (a, *rest) = function_of(node), node.inputs
        scaled, now, number, product = self.scaled, self.now, self.number, self._product
        if isinstance(function, np.ufunc) and node.params:
            return []
        if function is np.multiply:
            (b,) = rest
            if is_number(a):
                a, b = b, a
            if is_number(b):  # it merges with the scalar that is there
                return [Way((a,), lambda s: scaled(a, product(s, number(b))), -self.cost(a))]
            left, right = lambda s: scaled(a, s) * now(b), lambda s: now(a) * scaled(b, s)
            return [Way((a,), left), Way((b,), right)]
        if function is np.divide:
            (b,) = rest
            if is_number(a):
                return [Way((), lambda s: product(s, number(a)) / now(b))]
            ways = [Way((a,), lambda s: scaled(a, s) / now(b))]
            if self._is_alike(b):
                ways.append(Way((), lambda s: now(a) * (s / now(b)), int(np.size(b))))
            return ways
        if function is np.matmul:
            (b,) = rest
            right = Way((b,), lambda s: now(a) @ scaled(b, s))
            return [Way((a,), lambda s: scaled(a, s) @ now(b)), right]
        if function is np.concatenate:
            # The last part first, the last layer: each further one ends where that began.
            parts = node.inputs[::-1]
            joined = partial(np.concatenate, **node.params)
            return [Way(parts, lambda s: joined([scaled(x, s) for x in parts][::-1]))]
        if function is subtract_at:
            t, c = rest
            made = partial(record, SUBTRACT_AT, params={})
            return [Way((a,), lambda s: made((scaled(a, s), now(t), product(s, number(c)))))]
        linear = fact(node, "view") or function in (np.negative, put_at)
        if linear or (function is np.sum and reduces_only(node)):  # with `initial` it is not linear
            again, params = node.operation, node.params
            return [Way((a,), lambda s: record(again, (scaled(a, s), *map(now, rest)), params))]
        return []

    def scaled(self, x: Any, s: Any) -> Any:
        """`s · x`, with the multiplication at the place that `cost` has found."""
        node = x.node if is_recorded(x) else None
        if node is None or self.cost(x) >= int(np.size(x)):
            return s * self.now(x)
        key = (node, names(s))
        if key in self._made:
            return self._made[key]
        _, way = self._best_way(node)
        assert way is not None
        out = self._made[key] = way.made(s)
        if is_recorded(out) and out.node is not None:
            label = self.labels.get(node, "")
            self.labels.setdefault(out.node, label)
            for x in out.node.inputs:
                if is_recorded(x) and x.node is not None:
                    self.labels.setdefault(x.node, label)
        return out

    def _product(self, a: Any, b: Any) -> Any:
        """The product of two scalars, one and the same whenever it is asked for."""
        key = (names(a), names(b))
        if key not in self._made:
            plain = isinstance(a, int | float) and isinstance(b, int | float)
            product = self._made[key] = float(a) * float(b) if plain else a * b
            if is_recorded(product) and product.node is not None:
                self.labels.setdefault(product.node, self.label)
        return self._made[key]


def _dtype(s: Any, x: Any) -> np.dtype:
    strong = is_recorded(s) and not isinstance(s, Setting)
    return s.data.dtype if strong else np.result_type(_kind(s) if is_recorded(s) else s, x.data)


WIDE = (np.dtype(np.float32), np.dtype(np.float64))
"""The dtypes in which scalars sink: whole numbers overflow on another way, and in float16 numbers
do that are multiplied by each other first."""
