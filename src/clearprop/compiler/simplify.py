"""All simplifications, in the order in which they are made."""

from collections.abc import Callable

from clearprop.compiler.simplify_identities import without_identities
from clearprop.compiler.simplify_raised import raised_scalars
from clearprop.compiler.simplify_relu import rectified
from clearprop.compiler.simplify_scalars import sunk_scalars
from clearprop.compiler.simplify_sharing import common_subexpressions
from clearprop.compiler.simplify_softmax import labels_as_places, shared_softmax
from clearprop.compiler.simplify_sums import sums_as_products
from clearprop.compiler.tracing import Trace

SIMPLIFICATIONS: tuple[Callable[[Trace], Trace], ...] = (
    without_identities,
    common_subexpressions,
    rectified,
    shared_softmax,
    labels_as_places,
    sunk_scalars,
    raised_scalars,
    sums_as_products,
    without_identities,
    common_subexpressions,
)
"""Each gives a graph that computes the same. Derivatives that nobody asked for are not reached from
the outputs, and so are gone from the start."""


def simplified(trace: Trace) -> Trace:
    """Carry out all simplifications, and again while that leaves fewer nodes."""
    for _ in range(3):
        before = len(trace)
        for simplification in SIMPLIFICATIONS:
            trace = simplification(trace)
        if len(trace) >= before:
            break
    return trace
