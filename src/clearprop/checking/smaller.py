"""The same layer on a corner of its inputs, where a fault is explained sooner.

And with other parameters in place of those that are 1 or 0 throughout: what is equal by chance, as
a value and the same times a scale of 1, is not taken for one another there.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.checking.case import Case
from clearprop.checking.evidence import Evidence
from clearprop.checking.nests import shape_of
from clearprop.checking.probing import quick
from clearprop.checking.run import LayerRaised
from clearprop.checking.trial import Trial

ROWS, STEPS, PIXELS = 2, 2, 5
"""So many samples, time steps, and pixels along an axis are left."""
FEW, SWEPT = 24, 512
"""What has no more rows than this is small already; so many elements are moved one by one."""


def smaller(case: Case) -> Case | None:
    """The case on a corner of the inputs, if it is as wrong there; `None` if they are small."""
    e = case.e
    if e.less is None:
        e.less = next(_made(e), False)
    if not isinstance(e.less, Evidence) or case.dout is not e.dout:
        return None
    few, name = e.less, case.name
    a = few.analytic.get(name)
    if a is None or a.shape != few.trial.arguments[name].value.shape or not np.isfinite(a).all():
        return None
    if not few.truth:
        for other, t in e.truth.items():
            _find(few, other, t is not e.analytic.get(other))
    if name not in few.truth:
        return None
    found = Case(few, name, a, few.truth[name], few.dout)
    return found if 1e-5 * found.size < found.apart < np.inf else None


def _find(few: Evidence, name: str, is_wrong: bool) -> None:
    """The true derivative by differences, where backward did not give it on all inputs."""
    a = few.analytic.get(name)
    if a is None or a.shape != few.trial.arguments[name].value.shape:
        return
    if not is_wrong:
        few.truth[name] = a
    elif a.size <= SWEPT:
        columns = [quick(few, name, index) for index in np.ndindex(a.shape)]
        few.jacobians[name] = np.reshape(columns, (*a.shape, few.out.size))
        few.truth[name] = few.jacobians[name] @ few.dout


def _made(e: Evidence) -> Iterator[Evidence]:
    values = _not_by_chance(e)
    corners = [*_corners(e.trial)]
    pairs = [(inputs, values) for inputs in (*corners, e.trial.inputs) if values]
    for inputs, values in (*pairs, *((inputs, {}) for inputs in corners)):
        few = Evidence(e.name, e.layer, inputs, e.rng, stages="values", like=e.trial, eps=e.eps)
        few.trial = e.trial.variant(inputs, values=values)
        try:
            few.run = few.trial.run()
            few.out = few.run.vector
            few.dout = few.random_dout()
            few.analytic = few.pull(few.dout)
        except LayerRaised:
            continue
        if e.opened:
            few.open()
            if not few.opened:
                continue
            few.truth = few.true(few.dout)
            if values and _wrong(few) - _wrong(e):
                continue  # something else is wrong there, too
        yield few


def _wrong(e: Evidence) -> set[str]:
    """The arguments whose derivatives are not the true ones, by far."""
    pairs = {n: (e.analytic[n], t) for n, t in e.truth.items() if n in e.analytic}
    return {
        n
        for n, (a, t) in pairs.items()
        if a.shape != t.shape or np.max(np.abs(a - t), initial=0) > 1e-6 * np.max(np.abs(t))
    }


def _not_by_chance(e: Evidence) -> dict[str, np.ndarray]:
    """Others for the parameters that are the same throughout, such as scales of 1."""
    rng = np.random.default_rng(0)
    others = e.trial.others_learned(rng) if e.opened else {}
    given = {name: e.trial.arguments[name].value for name in others}
    return {n: others[n] for n, x in given.items() if x.size and np.ptp(x) == 0 and n in e.analytic}


def _corners(trial: Trial) -> Iterator[list[Any]]:
    """The first samples, time steps and pixels of the inputs, as far as forward may take them."""
    first = next((x for x in trial.inputs if len(shape_of(x)) >= 3), None)
    if first is None or first.size // first.shape[-1] <= FEW:
        return
    rows, steps, *_ = first.shape
    others = dict.fromkeys(first.shape[2:], PIXELS) if first.ndim > 3 else {steps: STEPS}
    for ends in ({**others, rows: ROWS}, {rows: ROWS}):

        def cut(x: Any, ends: dict[int, int] = ends) -> Any:
            if not isinstance(x, np.ndarray) or not x.ndim:
                return x
            many = x.ndim if x.ndim > 3 else 2 if x.ndim > 2 or x.dtype.kind in "iu" else 1
            axes = (n if i != 1 or steps in ends else -1 for i, n in enumerate(x.shape[:many]))
            return x[tuple(slice(ends.get(n)) for n in axes)]

        small = [cut(x) for x in trial.inputs]
        if 3 * sum(map(np.size, small)) <= 2 * sum(map(np.size, trial.inputs)):
            yield small
