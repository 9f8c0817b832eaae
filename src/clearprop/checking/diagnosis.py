"""From a wrong derivative to its likely cause, by the pattern of the two arrays.

A pattern is a small function that asks one question of a `Case`: is what backward gave exactly the
true derivative with this mistake made in it? The first guess that holds names the kind.
"""

import copy
import time
from dataclasses import replace
from itertools import starmap
from typing import Any

import numpy as np

from clearprop.checking import (
    patterns_elsewhere,
    patterns_inside,
    patterns_of_outputs,
    patterns_shape,
    patterns_steps,
    patterns_value,
)
from clearprop.checking.case import Case, Guess
from clearprop.checking.constants import without
from clearprop.checking.findings import Kind
from clearprop.checking.repairs import Repair, repairs
from clearprop.checking.run import LayerRaised
from clearprop.checking.smaller import smaller


def diagnose(case: Case) -> Guess:
    """Find what explains a wrong derivative, on fewer samples if there are many.

    First what the two arrays show by themselves, and what would make backward right, in its own
    words; where that is nothing, the mistake in the graph of forward that gives the same.
    """
    few = smaller(case)
    plain = _first(case, SHAPES if case.a.shape != case.t.shape else PLAIN)
    if plain and plain.kind is Kind.STALE and case.e.trial.updates:
        return plain  # the update is no slip, only its place is
    repair = repaired(few or case, case)
    if repair and repair.is_far and not plain:
        plain = _first(few or case, (patterns_steps.mistaken,))
        repair = None if plain else repair
    if repair:
        e = (few or case).e
        weak = plain and plain.kind in (Kind.CLIPPED, Kind.FACTOR)
        alone = weak and np.count_nonzero(case.a != case.t) == 1 < case.t.size
        for_all = sum(other is repair for other in e.repairs.values()) > 1
        if not plain or alone or (for_all and plain.kind is not Kind.PRECISION):
            return Guess(repair.kind, repair.message)  # one slip, told alike for all it touches
        has_cause = plain.kind in EFFECTS or repair.kind is Kind.INTEGER
        has_cause &= (plain.kind, repair.kind) != (Kind.SWAPPED, Kind.WRONG_PLACE)
        kind = repair.kind if has_cause else plain.kind
        return plain._replace(kind=kind, message=f"{plain.message}; {repair.message}")
    if plain:
        return _with_others(few or case, plain) if plain.kind is Kind.ZERO else plain
    if case.a.shape != case.t.shape:
        return Guess(Kind.SHAPE, "a derivative must have the shape of its variable")
    found = _first(few, (*PLAIN, *DEEP)) if few else None
    if few:
        case.e.mistakes = case.e.mistakes or {}  # they have been looked for
    found = found or _first(case, OUTSIDE if few else DEEP) or _but_for_constants(case)
    return found or _from_some(few or case) or _unknown(case)


def _but_for_constants(case: Case) -> Guess | None:
    """What explains it where backward leaves out a small constant of forward besides."""
    e = copy.copy(case.e)
    e.opened = without(e) if e.opened else None
    if not e.opened or not np.isfinite(t := e.opened.derivatives(case.dout)[case.name]).all():
        return None
    e.truth, e.mistakes, e.repairs, e.less = {**e.truth, case.name: t}, None, {}, False
    return _first(replace(case, e=e, t=t), PLAIN)


def _from_some(case: Case) -> Guess | None:
    """What shows in what goes back from each element of the output by itself."""
    if found := _first(case, (patterns_of_outputs.own_factors,)):
        return found
    try:
        some = patterns_of_outputs.from_some(case)
    except LayerRaised:
        return None
    if some is None:
        return None
    where, there = some
    found = _first(there, (*PLAIN, *DEEP)) or _unknown(there)
    return found._replace(message=f"{where}: {found.message}")


def _with_others(case: Case, plain: Guess) -> Guess:
    """What explains other derivatives as well comes before what one shows by itself."""
    found = _first(case, (patterns_steps.mistaken,))
    alike = [g for g in (case.e.mistakes or {}).values() if found and g.message == found.message]
    return found if found and len(alike) > 1 else plain


def repaired(case: Case, whole: Case) -> Repair | None:
    """The edit of what backward runs after which the derivative is right, if there is one."""
    e, name = case.e, case.name
    if case.dout is not e.dout or not e.trial.has_backward:
        return None
    if name not in e.sought:
        truth = {n: t for n, t in e.truth.items() if n in e.analytic} | {name: case.t}
        e.sought |= {*truth}
        try:
            e.repairs |= repairs(e, truth, whole.e if whole is not case else None)
        except Exception:  # as for the patterns: without it, the finding still stands
            return None
    return e.repairs.get(name)


EFFECTS = (Kind.EXTRA_TERM, Kind.SWAPPED)
"""What two arrays look like, and may have another cause than an addition or another order."""
SHAPES = patterns_shape.PATTERNS
PLAIN = (*patterns_elsewhere.FIRST, *patterns_value.PATTERNS)
OUTSIDE = (patterns_steps.mistaken, *patterns_value.SUMS, *patterns_elsewhere.LATER)
DEEP = (*OUTSIDE, *patterns_inside.PATTERNS)


def _first(case: Case, patterns: Any) -> Guess | None:
    start, e = time.monotonic(), case.e
    stop = start + max(e.patience, 0.1)
    for pattern in patterns:
        try:
            for guess in starmap(Guess, pattern(case)):
                if guess.candidate is None or case.explains(guess.candidate, guess.target):
                    return guess
                if time.monotonic() > stop:
                    break
        except Exception:  # a diagnosis is a guess: without it, the finding still stands
            continue
        finally:
            e.patience = stop - time.monotonic()
        if e.patience < 0:
            break
    return None


def _unknown(case: Case) -> Guess:
    a, t = case.a[case.known], case.t[case.known]
    cosine = float(a @ t) / (float(np.linalg.norm(a) * np.linalg.norm(t)) or 1.0)
    inside = "; one by one, each way through forward, each local slope" if case.e.opened else ""
    length = float(np.linalg.norm(a)) / (float(np.linalg.norm(t)) or 1.0)
    return Guess(
        Kind.UNKNOWN,
        f"it is {length:.4g} times as long as the true derivative, and its direction agrees with "
        f"that to a cosine of {round(cosine, 4):.4g}; the pattern is none of the known ones. Ruled "
        "out, for all of it at once: sign, constant factor, transposition, order, offset, mask, a "
        f"small constant{inside}",
    )
