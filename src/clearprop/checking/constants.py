"""Small constants that keep forward away from where it is not defined, as in `log(p + 1e-7)`.

Backward mostly knows nothing of them, and is as right as anybody can tell: where that explains a
difference, it is told, and held against nobody.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.checking.automatic import Opened, open_forward
from clearprop.checking.case import Case
from clearprop.checking.constants_in_source import bare, beside, constants_of
from clearprop.checking.evidence import Evidence
from clearprop.checking.places_in_source import Group, Placed
from clearprop.checking.probing import SWEEP, element
from clearprop.graph.backward import reach
from clearprop.graph.node import Node, Recorded

ALIKE, ALMOST, FAR = 1e-6, 1e-4, 1e-3
"""What differs by so small a part trains like the true one; further off is no small constant."""
KEEPING = frozenset(
    f"np.{name}" for name in ("add", "subtract", "maximum", "minimum", "clip", "where")
)
"""Operations that such a constant is given to."""


def beyond_constants(case: Case, wrong: np.ndarray) -> np.ndarray:
    """Leave out the elements that differ by no more than what such constants change themselves.

    Only on inputs that nobody gave: at others a difference of that size is told.
    """
    if not wrong.any() or case.e.like is None:
        return wrong
    if not case.e.opened:
        t = _by_differences(case, wrong)
    elif (opened := without(case.e)) is not None:
        t = opened.derivatives(case.dout)[case.name]
    else:
        return wrong
    changed = np.abs(np.where(np.isfinite(t), t, np.inf) - case.t)
    left = wrong & ~(np.abs(case.a - case.t) <= 3 * changed)
    if not np.array_equal(left, wrong):
        case.e.roughly.add(case.name)
    return left


def _by_differences(case: Case, wrong: np.ndarray) -> np.ndarray:
    """The slopes of a closed forward without such constants, at some elements; else as they are."""
    found = case.t.copy()
    if constants_of(case.e):
        with bare(case.e) as e:
            for index in np.argwhere(wrong)[:SWEEP]:
                slope = element(e, case.name, tuple(index))
                value, error = slope.along(case.dout)
                known = slope.smooth.all() and error <= abs(value)
                found[tuple(index)] = value if known else np.inf
    return found


def told(case: Case) -> str | None:
    """In words, why a derivative is right to some digits only, where that is harmless."""
    if case.e.like or case.apart > FAR * case.size or not _follows(case):
        return None
    for constant, message, without_it in left_out(case):
        if constant <= ALIKE and case.explains(without_it):
            return message
    if case.apart > ALIKE * case.size:
        return None
    return (
        f"{_digits(case)}: a small constant such as 1e-7 stands in another place than in forward, "
        "or a number is written with so few digits"
    )


def told_elsewhere(case: Case) -> str | None:
    """The same on inputs that nobody gave, where values may be as small as such a constant.

    Where forward is closed, nobody can say which constants it has.
    """
    if not case.e.like or not case.apart <= (ALMOST if case.e.opened else 1e-2) * case.size:
        return None
    return f"{_digits(case)}, where values are so small that a small constant counts"


def left_out(case: Case) -> Iterator[tuple[float, str, np.ndarray]]:
    """The small constants of forward, each with words for a backward without, and what it gives."""
    if not case.e.opened and (found := constants_of(case.e)):
        names = ", ".join(f"the {constant:g} of {place}" for constant, place in found.items())
        message = f"{_digits(case)}, since backward leaves out {names}"
        yield max(found), message, _by_differences(case, case.known)
    for constant, group in _constants(open_forward(case.e.trial, kind=Placed)):
        if opened := without(case.e, constant):
            message = f"{_digits(case)}, since backward leaves out the {constant:g} of {group}"
            yield constant, message, opened.derivatives(case.dout)[case.name]


def _digits(case: Case) -> str:
    return f"it is right to {-math.log10(case.apart / case.size):.0f} digits only"


def _follows(case: Case) -> bool:
    """Whether the difference stays what it is where all values move by less than float32 can tell.

    What is computed in a lower precision stays where it is then, or jumps.
    """
    e, rng, gaps = case.e, np.random.default_rng(0), list[np.ndarray]()
    given = e.trial.arguments.items()
    if not e.opened:
        return _is_even(case)
    ahead = {n: 1e-8 * a.value * rng.uniform(0.5, 1.5, a.value.shape) for n, a in given}
    for k in range(4):
        values = {n: a.value + k * ahead[n] for n, a in given}
        opened = open_forward(e.trial, values)
        if isinstance(opened, str):
            return False
        a = e.trial.run(values).derivatives(case.dout)[case.name]
        gaps.append(a - opened.derivatives(case.dout)[case.name])
    moved = np.abs(gaps - gaps[0])[:, case.known].max(initial=0)
    return bool(moved <= 0.02 * case.apart + 1e-12 * case.size)


def _is_even(case: Case) -> bool:
    """Whether backward alone goes on in a straight line there, and neither stays nor jumps."""
    rng, given = np.random.default_rng(0), case.e.trial.arguments.items()
    ahead = {n: 3e-8 * a.value * rng.uniform(0.5, 1.5, a.value.shape) for n, a in given}
    found = []
    for k in range(8):
        run = case.e.trial.run({n: a.value + k * ahead[n] for n, a in given})
        found.append(run.derivatives(case.dout)[case.name])
    bent = float(np.max(np.abs(np.diff(found, n=2, axis=0)), initial=0.0))
    return bent <= 0.02 * case.apart + 1e-12 * case.size


def without(e: Evidence, only: float | None = None) -> Opened | None:
    """Forward with whole numbers in place of these constants, or of one of them."""
    opened = open_forward(e.trial)
    if isinstance(opened, str) or not _constants(opened):
        return None
    nodes, made = reach(v for v in opened.outputs if isinstance(v, Recorded))
    for node in reversed(nodes):
        _evaluate_anew(node, only)
        for v in made[node]:
            v.data = node.out if v.index is None else node.out[v.index]
    return opened


def _evaluate_anew(node: Node, only: float | None) -> None:
    values = list(node.values)
    for i, x in enumerate(node.inputs):
        if isinstance(x, Recorded):
            values[i] = x.data
        elif _is_small(node, values[i]) and only in (None, abs(beside(float(values[i])))):
            values[i] = np.round(values[i])
    node.inputs = tuple(
        x if isinstance(x, Recorded) else v for x, v in zip(node.inputs, values, strict=True)
    )
    node.values, node.marks = tuple(values), None
    node.out = node.operation.evaluate(*values, **node.params)


def _constants(opened: Any) -> list[tuple[float, Any]]:
    """These constants, each with the operation that it is given to first."""
    found: dict[float, Any] = {}
    for v in _made(opened):
        for value in v.node.values:
            if _is_small(v.node, value):
                group = Group(getattr(v, "place", ()))
                group.nodes.append(v.node)
                found.setdefault(abs(beside(float(value))), group)
    return list(found.items())


def _made(opened: Any) -> Iterator[Any]:
    """The Variables that operations made, in their order."""
    if isinstance(opened, Opened):
        nodes, made = reach(v for v in opened.outputs if isinstance(v, Recorded))
        yield from (made[node][0] for node in reversed(nodes))


def _is_small(node: Node, value: Any) -> bool:
    if node.operation.name not in KEEPING or value is None or np.ndim(value):
        return False
    return beside(float(value)) != 0
