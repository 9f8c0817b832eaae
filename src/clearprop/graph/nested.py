"""An operation that is a graph itself: what a layer read from a file has become."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from clearprop.errors import GraphError
from clearprop.graph.backward import derivatives
from clearprop.graph.node import Recorded, variable
from clearprop.graph.recording import record

if TYPE_CHECKING:
    from clearprop.graph.graph import Graph


class NestedOperation:
    """A named part of a graph, shown as one node; `inner` is `None` if it could not be opened."""

    elementwise = False
    opens = True

    def __init__(self, name: str, formula: str, inner: "Graph | None") -> None:
        self.name = self.symbol = name
        self.formula = formula
        self.inner = inner

    def evaluate(self, *values: Any, **params: Any) -> Any:
        """Run the inner graph on other values."""
        inner = self._inner()
        return inner.evaluate(dict(zip(inner.leaves, values, strict=True)))

    def vjp(
        self, wanted: Iterable[int], dout: Any, out: Any, values: tuple[Any, ...], params: Any
    ) -> list[Any]:
        """Run the backward pass of the inner graph."""
        douts = dout if isinstance(dout, tuple) else (dout,)
        recorded = any(isinstance(x, Recorded) for x in values)
        inputs, made = (values, self.expand(values)) if recorded else self.open(values)
        outs = made if isinstance(made, tuple) else (made,)
        targets = [inputs[i] for i in wanted]
        pairs = zip(outs, douts, strict=True)
        found = derivatives(pairs, targets=targets, record=recorded)
        return [found.get(v) for v in targets]

    def open(self, values: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any]:
        """Run the inner graph on fresh Variables."""
        fresh = []
        for leaf, value in zip(self._inner().leaves, values, strict=True):
            plain = value.data if isinstance(value, Recorded) else value
            fresh.append(variable(Recorded.made_as, plain, None, None))
            fresh[-1].name = leaf.name
        return tuple(fresh), self.expand(tuple(fresh))

    def expand(self, inputs: tuple[Any, ...]) -> Any:
        """Put the operations inside on the graph."""
        return self.evaluate(*inputs)

    def again(self, inputs: tuple[Any, ...]) -> Any:
        """Run on other inputs, as a node of its own."""
        return record(self, inputs, {})

    def _inner(self) -> "Graph":
        if self.inner is None:
            raise GraphError(
                f"{self.name} was written to the file closed, since it could not be opened; "
                "its values are here, but it cannot be computed again"
            )
        return self.inner
