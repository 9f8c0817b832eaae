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
    one = trial.batch(0, 1)
    if one is not None:
        yield "with a batch of one", one
    floats = set(trial.float_places)
    repeated = [x if i in floats else _repeated(x) for i, x in enumerate(trial.inputs)]
    if any(new is not old for new, old in zip(repeated, trial.inputs, strict=True)):
        yield "with an index that comes twice", repeated
    if not floats:
        return
    words, more = "with other signs and magnitudes", list(trial.inputs)
    if one is not None:
        rows = len(next(x for x in trial.inputs if isinstance(x, np.ndarray)))
        chosen = [*range(rows), 0, 1][: 7 if rows < 6 else rows + 2]
        more = [x[chosen] if isinstance(x, np.ndarray) and x.ndim else x for x in more]
        words += f", {len(chosen)} samples"
    out = e.run.outputs[0]
    yield (
        words,
        [_scaled(x) if i in floats and not _is_share(x, out) else x for i, x in enumerate(more)],
    )


def tied(e: Evidence) -> list[Any] | None:
    """The inputs rounded to halves, so that many are equal, where forward chooses among values."""
    nodes = e.opened.graph.nodes if e.opened else ()
    if e.opened and not any(getattr(n.operation, "chooses", n.operation.opens) for n in nodes):
        names = {node.operation.name for node in nodes}
        if not names & {"np.max", "np.min", "np.sort", "np.median", "np.partition"}:
            return None
    floats = e.trial.float_places
    return [np.round(2 * x) / 2 if i in floats else x for i, x in enumerate(e.trial.inputs)]


def _repeated(x: Any) -> Any:
    """An index array in which the first index comes again."""
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "iu" or len(set(x.flat[[0, -1]])) < 2:
        return x
    other = x.copy()
    other.flat[-1] = other.flat[0]
    return other


def _is_share(x: np.ndarray, out: np.ndarray) -> bool:
    """Whether a loss is given shares or probabilities, which stay between 0 and 1."""
    return out.ndim < x.ndim and x.min(initial=0) >= 0 and x.max(initial=0) <= 1


def _scaled(x: np.ndarray) -> np.ndarray:
    """Each sample with another sign or magnitude; each element, where there are no samples."""
    if x.ndim < 2:
        return x * np.resize(SCALES, x.size).reshape(x.shape)
    return x * np.resize(SCALES, len(x)).reshape(-1, *[1] * (x.ndim - 1))
