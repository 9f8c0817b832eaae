"""Inputs that nobody gave: other signs and magnitudes, equal values, repeated indices, more rows.

A branch that the given values do not reach, or an index that comes twice, is where mistakes hide.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.checking.evidence import Evidence

SCALES = (-1.0, 20.0, 1e-3, 1.0)
"""By these the samples are multiplied, one after the other."""


def others(e: Evidence) -> Iterator[tuple[str, list[Any]]]:
    """Other inputs of the same form, with words for them."""
    trial = e.trial
    floats = set(trial.float_places)
    repeated = [
        _repeated(x) if i not in floats and isinstance(x, np.ndarray) else x
        for i, x in enumerate(trial.inputs)
    ]
    if any(new is not old for new, old in zip(repeated, trial.inputs, strict=True)):
        yield "with an index that comes twice", repeated
    if not floats:
        return
    scaled = [_scaled(x) if i in floats else x for i, x in enumerate(trial.inputs)]
    yield "with samples of other signs and magnitudes", scaled
    if trial.batch(0, 1) is not None:
        rows = len(next(x for x in trial.inputs if isinstance(x, np.ndarray)))
        chosen = [*range(rows), 0, 1][: 7 if rows < 6 else rows + 2]
        more = [
            x[chosen] if isinstance(x, np.ndarray) and x.ndim else x for x in trial.inputs
        ]
        varied = [0.9 * x if i in floats else x for i, x in enumerate(more)]
        yield f"with a batch of {len(chosen)}", varied


def tied(e: Evidence) -> list[Any]:
    """The inputs rounded to halves, so that many values are equal."""
    floats = e.trial.float_places
    return [np.round(2 * x) / 2 if i in floats else x for i, x in enumerate(e.trial.inputs)]


def _repeated(x: np.ndarray) -> np.ndarray:
    """An index array in which the first index comes again."""
    if x.dtype.kind not in "iu" or x.size < 2 or x.reshape(-1)[-1] == x.reshape(-1)[0]:
        return x
    other = x.copy()
    other.reshape(-1)[-1] = x.reshape(-1)[0]
    return other


def _scaled(x: np.ndarray) -> np.ndarray:
    """Each sample with another sign or magnitude; each element, where there are no samples."""
    if not x.ndim:
        return -x
    factors = np.resize(SCALES, x.shape[0] if x.ndim > 1 else x.size)
    return x * (factors.reshape(-1, *[1] * (x.ndim - 1)) if x.ndim > 1 else factors.reshape(x.shape))
