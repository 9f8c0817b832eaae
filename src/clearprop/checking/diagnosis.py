"""From a wrong derivative to its likely cause, by the pattern of the two arrays.

A pattern is a small function that asks one question of a `Case`: is what backward gave exactly the
true derivative with this mistake made in it? The first that has something to say names the kind.
"""

from typing import NamedTuple

import numpy as np

from clearprop.checking import patterns_inside, patterns_shape, patterns_value
from clearprop.checking.case import Case
from clearprop.checking.findings import Kind


class Diagnosis(NamedTuple):
    """What kind of mistake it is, and the evidence in words."""

    kind: Kind
    message: str
    factor: float | None = None


def diagnose(case: Case) -> Diagnosis:
    """Find the first pattern that explains a wrong derivative."""
    if case.a.shape != case.t.shape:
        patterns = patterns_shape.PATTERNS
    else:
        patterns = (*patterns_value.PATTERNS, *patterns_inside.PATTERNS)
    for pattern in patterns:
        try:
            for saying in pattern(case):
                kind, message, *factor = saying
                return Diagnosis(kind, message, *factor)
        except Exception:  # a diagnosis is a guess: without it, the finding still stands
            continue
    if case.a.shape != case.t.shape:
        return Diagnosis(Kind.SHAPE, "a derivative must have the shape of its variable")
    return _unknown(case)


def _unknown(case: Case) -> Diagnosis:
    a, t = case.a[case.known], case.t[case.known]
    cosine = float(a @ t) / (float(np.linalg.norm(a) * np.linalg.norm(t)) or 1.0)
    length = float(np.linalg.norm(a)) / (float(np.linalg.norm(t)) or 1.0)
    return Diagnosis(
        Kind.UNKNOWN,
        f"it is {length:.4g} times as long as the true derivative, and its direction agrees with "
        f"that to a cosine of {cosine:.4g}; the pattern is none of the known ones",
    )
