"""From a wrong derivative to its likely cause, by the pattern of the two arrays.

A pattern is a small function that asks one question of a `Case`: is what backward gave exactly the
true derivative with this mistake made in it? The first guess that holds names the kind.
"""

import time
from itertools import starmap
from typing import Any

import numpy as np

from clearprop.checking import patterns_elsewhere, patterns_inside, patterns_shape, patterns_value
from clearprop.checking.case import Case, Guess
from clearprop.checking.findings import Kind
from clearprop.checking.smaller import smaller


def diagnose(case: Case) -> Guess:
    """Find the first guess that explains a wrong derivative, on fewer samples if there are many."""
    few = smaller(case)
    if few is None:
        return _first(case)
    found = _first(few)
    if found.kind is not Kind.UNKNOWN:
        return found
    case.e.mistakes = case.e.mistakes or {}  # they have been looked for
    return _first(case, OUTSIDE)


OUTSIDE = (*patterns_elsewhere.FIRST, *patterns_value.PATTERNS, *patterns_elsewhere.LATER)
ALL = (*OUTSIDE, *patterns_inside.PATTERNS)


def _first(case: Case, patterns: Any = ALL) -> Guess:
    if case.a.shape != case.t.shape:
        patterns = patterns_shape.PATTERNS
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
    if case.a.shape != case.t.shape:
        return Guess(Kind.SHAPE, "a derivative must have the shape of its variable")
    return _unknown(case)


def _unknown(case: Case) -> Guess:
    a, t = case.a[case.known], case.t[case.known]
    cosine = float(a @ t) / (float(np.linalg.norm(a) * np.linalg.norm(t)) or 1.0)
    inside = ", each way through forward, each local slope" if case.e.opened else ""
    length = float(np.linalg.norm(a)) / (float(np.linalg.norm(t)) or 1.0)
    return Guess(
        Kind.UNKNOWN,
        f"it is {length:.4g} times as long as the true derivative, and its direction agrees with "
        f"that to a cosine of {cosine:.4g}; the pattern is none of the known ones. Ruled out: "
        "sign, constant factor, transposition, order, offsets, masks, other axes, a small "
        f"constant{inside}",
    )
