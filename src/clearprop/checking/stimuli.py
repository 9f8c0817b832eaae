"""Inputs that nobody gave: other signs and magnitudes, equal values, repeated indices, more rows.

A branch that the given values do not reach, or an index that comes twice, is where mistakes hide.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.checking.arguments import CONSTANT_NAMES
from clearprop.checking.differences import EPS
from clearprop.checking.evidence import Evidence
from clearprop.checking.interface import is_number
from clearprop.checking.nests import shape_of
from clearprop.checking.run import LayerRaised
from clearprop.checking.trial import Trial

TWICE = "with an index that comes twice"
IN_ORDER = re.compile(
    r"(?i)offsets?|starts?|ends?|ptr|pointers?|splits?|bound|cuts?|cumul|len(gth)?s?(_|$)|sizes?|"
    r"counts?|perm|order|sort|rank|shape"
)
"""Names of integers that are no indices which may come twice."""
SHARES = re.compile(r"(?i)p|prob\w*|\w+_probs?|shares?")
"""Names of inputs that are probabilities."""
SCALES = (-1.0, 20.0, 1e-3, 1.0)
"""By these the samples are multiplied, one after the other."""


def others(e: Evidence) -> Iterator[tuple[str, list[Any]]]:
    """Other inputs of the same form, with words for them."""
    trial = e.trial
    batch = _is_batch(e)
    if batch:
        yield "with a batch of one", trial.batch(0, 1) or []
    floats = set(trial.float_places)
    repeated = [x if i in floats else _repeated(trial, i) for i, x in enumerate(trial.inputs)]
    if any(new is not old for new, old in zip(repeated, trial.inputs, strict=True)):
        yield TWICE, repeated
    if not floats:
        return
    words, more = "with other signs and magnitudes", list(trial.inputs)
    if batch:
        once = any(_all_unlike(x) for x in trial.inputs)  # as of places that are written to
        chosen = [*range(trial.rows), *(() if once else (0, 1))]
        more = trial.samples(chosen) or more
        words += f", {len(chosen)} samples"
    out = e.run.outputs[0]
    yield (
        words,
        [
            _scaled(x, e) if i in floats and not _is_share(x, out, trial.input_names[i]) else x
            for i, x in enumerate(more)
        ],
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


def _is_batch(e: Evidence) -> bool:
    """Whether the first axis is one of samples: these may change places, in and out.

    The pixels of an image, or the steps of a sequence, may not.
    """
    trial = e.trial
    order = [*range(1, trial.rows, 2), *range(0, trial.rows, 2)]  # not turned, not mirrored
    swapped = trial.samples(order)
    if swapped is None or trial.draws or any(trial.noise.values()):
        return swapped is not None
    try:
        found = trial.run(inputs=swapped).outputs
    except LayerRaised:
        return False
    tied = any(np.shape(slot.get(trial.layer))[:1] == (len(order),) for slot in trial.slots)
    return all(
        one.shape == other.shape
        and (other.shape[:1] == (len(order),) or not tied)
        and any(
            np.allclose(one, other[way], rtol=1e-7, atol=1e-12 + e.eps)
            for way in (order, ...)
            if way is ... or other.shape[:1] == (len(order),)
        )
        for one, other in zip(found, e.run.outputs, strict=True)
    )


def _repeated(trial: Trial, place: int) -> Any:
    """An index array, or list, in which an index comes again; one in order stays so.

    Offsets and permutations are left as they are.
    """
    x, name = trial.inputs[place], trial.input_names[place]
    if not isinstance(x, np.ndarray | list | tuple) or not is_number(x):
        return x
    array = np.asarray(x)
    if array.dtype.kind not in "iu" or not array.size or array.flat[0] == array.flat[-1]:
        return x
    steps = np.diff(array) if array.ndim == 1 else np.array(-1)
    if name not in CONSTANT_NAMES and array.ndim == 1:
        lengths = {len(x) for x in trial.inputs if x is not trial.inputs[place] and shape_of(x)}
        permutes = len(array) in lengths and np.array_equal(np.sort(array), np.arange(len(array)))
        ends = array[0] == 0 and array[-1] in lengths and (steps >= 0).all()
        if IN_ORDER.search(name) or permutes or ends:
            return x
    other = array.copy()
    if (steps >= 0).all() and len(array) > 2:
        other[1] = other[0]
    else:
        other.flat[-1] = other.flat[0]
    return other if isinstance(x, np.ndarray) else type(x)(other.tolist())


def _all_unlike(x: Any) -> bool:
    integers = isinstance(x, np.ndarray) and x.ndim == 1 and x.dtype.kind in "iu"
    return integers and len(np.unique(x)) == len(x)


def _is_share(x: np.ndarray, out: np.ndarray, name: str) -> bool:
    """Whether a loss is given shares or probabilities, which stay between 0 and 1."""
    told = out.ndim < x.ndim or SHARES.fullmatch(name) or np.allclose(x.sum(axis=-1), 1)
    return bool(told) and x.min(initial=0) >= 0 and x.max(initial=0) <= 1


def _scaled(x: np.ndarray, e: Evidence) -> np.ndarray:
    """Each sample with another sign or magnitude; each element, where there are no samples.

    In float32 the magnitudes are near each other: differences of small numbers are all rounding.
    """
    scales = SCALES if e.eps == EPS else (-1.0, 2.0, 0.5, 1.0)
    if x.ndim < 2:
        return x * np.resize(scales, x.size).reshape(x.shape)
    return x * np.resize(scales, len(x)).reshape(-1, *[1] * (x.ndim - 1))
