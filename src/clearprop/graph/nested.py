"""An operation that is a graph itself: what a layer read from a file has become."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.errors import GraphError
from clearprop.graph.backward import derivatives
from clearprop.graph.node import Recorded, data_of, parts
from clearprop.graph.recording import alias, record
from clearprop.graph.variable import new_leaves


class NestedOperation:
    """A named part of a graph, shown as one node; `inner` is its Graph, or `None` if closed."""

    elementwise = False
    chooses = False
    opens = True

    def __init__(self, name: str, formula: str, inner: Any) -> None:
        self.name = self.symbol = name
        self.formula = formula
        self.inner = inner

    def evaluate(self, *values: Any, **params: Any) -> Any:
        """Run the inner graph on other values."""
        inner = self._inner()
        return inner.evaluate(dict(zip(inner.leaves, filter(_is_real, values), strict=True)))

    def vjp(
        self, wanted: Iterable[int], dout: Any, out: Any, values: tuple[Any, ...], params: Any
    ) -> list[Any]:
        """Run the backward pass of the inner graph."""
        return inner_derivatives(self, wanted, dout, values)

    def open(self, values: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any]:
        """Run the inner graph on fresh Variables."""
        names = iter([leaf.name for leaf in self._inner().leaves])
        plain = tuple(map(data_of, values))
        fresh = new_leaves(plain, (next(names, None) if _is_real(v) else None for v in plain))
        return fresh, self.expand(fresh)

    def expand(self, inputs: tuple[Any, ...]) -> Any:
        """Put the operations inside on the graph."""
        return self.evaluate(*inputs)

    def again(self, inputs: tuple[Any, ...]) -> Any:
        """Run on other inputs, as a node of its own."""
        return record(self, inputs, {})

    def _inner(self) -> Any:
        if self.inner is None:
            raise GraphError(
                f"{self.name} was written to the file closed, since it could not be opened; "
                "its values are here, but it cannot be computed again"
            )
        return self.inner


def inner_derivatives(
    operation: Any, wanted: Iterable[int], dout: Any, values: tuple[Any, ...], known: Any = None
) -> list[Any]:
    """Differentiate the operations inside a node; recorded where the values are Variables."""
    recorded = any(isinstance(x, Recorded) for x in values)
    if recorded:
        # New Variables, for an input may stand at two places, or depend on another input.
        inputs = tuple(alias(x) if isinstance(x, Recorded) else x for x in values)
        out = operation.expand(inputs)
    else:
        inputs, out = known or operation.open(values)  # computed already, or now
    targets = [inputs[i] for i in wanted]
    pairs = zip(parts(out), parts(dout), strict=True)
    found = derivatives(pairs, targets=targets, record=recorded)
    return [found.get(v) for v in targets]


def _is_real(value: Any) -> bool:
    """Whether a value is a leaf of the inner graph: real numbers, not some other argument."""
    kind = value.dtype.kind if hasattr(value, "dtype") else np.asarray(value).dtype.kind
    return kind in "fiub"
