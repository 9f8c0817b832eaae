"""Record functions, list what is recorded, and compare traces by what they compute."""

from typing import Any

import numpy as np

from clearprop.compiler.function import record_function
from clearprop.compiler.leaf import traced
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Recorded


def trace_of(f: Any, *arrays: Any) -> Trace:
    """Record a function; its leaves are named after its arguments."""
    names = f.__code__.co_varnames
    leaves = [traced(np.asarray(a)[()], n) for n, a in zip(names, arrays, strict=False)]
    return record_function(f, leaves)[0]


def listing(trace: Trace) -> list[str]:
    """A line for each node: its function, operands and parameters; @n is the result of line n."""
    place = {node: i for i, node in enumerate(trace.nodes)}

    def name(x: Any) -> str:
        if isinstance(x, Recorded):
            if x.node is None:
                return x.name or "?"
            return f"@{place[x.node]}" + ("" if x.index is None else f"[{x.index}]")
        return repr(x) if np.ndim(x) == 0 else f"array{np.shape(x)}"

    return [
        " ".join(
            [
                node.operation.name.removeprefix("np."),
                *map(name, node.inputs),
                *(f"{k}={v}" for k, v in node.params.items()),
            ]
        )
        for node in trace.nodes
    ]


def values(trace: Trace, seed: int) -> dict[Any, Any]:
    """Other values for the leaves of a trace, of the same shapes and dtypes."""
    rng = np.random.default_rng(seed)
    found = {}
    for v in trace.leaves:
        if v.dtype.kind == "f":
            found[v] = rng.standard_normal(v.shape).astype(v.dtype)[()]
        else:
            found[v] = rng.permutation(v.data.ravel()).reshape(v.shape)[()]
    return found


def outputs(trace: Trace, given: Any) -> list[Any]:
    """What a trace computes."""
    found = trace.evaluate(given)
    return list(found) if isinstance(found, tuple) else [found]


def check_same(before: Trace, after: Trace, rtol: float | None = None, seed: int = 1) -> None:
    """Both compute the same: to the last bit, or to a relative tolerance of the largest value."""
    assert after.leaves == before.leaves
    given = values(before, seed)
    pairs = zip(outputs(before, given), outputs(after, given), strict=True)
    for a, b in pairs:
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        if rtol is None:
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * abs(a).max(initial=0))
