"""A data set that batches are gathered from."""

from typing import Any, NamedTuple

from clearprop.compiler.tracing import Trace
from clearprop.primitives.labels import read_labels, read_numbers


class Data(NamedTuple):
    """Inputs and targets of samples, arrays or tuples of arrays."""

    x: Any
    t: Any
    w: Any
    """Weights of the samples, if any."""
    scale: float | None
    samples: int

    def batch(self, rows: Any) -> tuple[Any, Any, Any]:
        """These rows of all three."""
        return taken(self.x, rows), taken(self.t, rows), None if self.w is None else self.w[rows]


def taken(x: Any, rows: Any) -> Any:
    """These rows of an array, or of each of several."""
    return tuple(taken(part, rows) for part in x) if isinstance(x, tuple) else x[rows]


def check_targets(trace: Trace, gathered: dict[Any, Any]) -> None:
    """Check all targets of a data set as the recorded step checks those of a batch."""
    for node in trace.nodes:
        function = getattr(node.operation, "function", None)
        if function not in (read_labels, read_numbers):
            continue
        leaf = node.inputs[0]
        while leaf.node is not None:  # perhaps a reshaped leaf
            leaf = leaf.node.inputs[0]
        t = gathered.get(leaf)
        if t is None:
            continue
        if function is read_labels:
            shape = (len(t), *node.params["shape"][1:])
            read_labels(t, **{**node.params, "shape": shape})
        else:
            read_numbers(t, **node.params)
