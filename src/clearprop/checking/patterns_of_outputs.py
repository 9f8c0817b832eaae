"""Patterns that show in what comes back from each element of the output by itself.

Asked last: each element of the output costs a run of backward.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from clearprop.checking.case import Case, Guesses, in_words
from clearprop.checking.evidence import first_true
from clearprop.checking.factors import plain
from clearprop.checking.findings import Kind

SHOWN = 4
"""So many factors are told."""
FORMS: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
    ("{}", lambda v: v),
    ("1/{}", lambda v: 1 / v),
    ("{}²", lambda v: v * v),
    ("1/{}²", lambda v: 1 / (v * v)),
    ("√{}", np.sqrt),
    ("exp({})", np.exp),
    ("exp(−{})", lambda v: np.exp(-v)),
    ("(1 − {})", lambda v: 1 - v),
)
"""What a factor may be made of."""


def rows(case: Case) -> tuple[np.ndarray, np.ndarray] | None:
    """What backward gives for each element of the output by itself, and what is true."""
    due = case.e.each_output(case.name)
    if due is None or case.dout.size < 2 or not np.isfinite(due).all():
        return None
    if case.by_output is None:
        return None
    a, t = (each.reshape(len(due), -1) for each in (case.by_output, due))
    is_sum = case.explains((case.dout @ a).reshape(case.a.shape))
    return (a, t) if is_sum else None


def own_factors(case: Case) -> Guesses:
    """Does each element of the output give back the true derivative, with another factor?"""
    found = rows(case)
    if found is None:
        return
    a, t = found
    square = np.sum(t * t, axis=1)
    some = square > 0
    factors = np.sum(a * t, axis=1)[some] / square[some]
    bound = max(case.tiny, 1e-8) * np.abs(t).max()
    telling = np.count_nonzero(np.abs(t[some]) > bound, axis=1) > 1
    if np.any(np.abs(a[some] - factors[:, None] * t[some]) > bound) or np.any(a[~some]):
        return
    if telling.sum() < 2 or np.ptp(factors) < 1e-6 * np.abs(factors).max():
        return  # what answers to one element of the output alone has some factor in any case
    told = ", ".join(plain(f) for f in factors[:SHOWN]) + (", …" if len(factors) > SHOWN else "")
    name = next(_names(case, factors, some), "") if len(case.e.run.outputs) == 1 else ""
    name = f" = {name}" if name else ""
    message = (
        "what goes back from each element of the output is right but for a factor of its own: "
        f"{told}{name}"
    )
    yield Kind.FACTOR, message


def _names(case: Case, factors: np.ndarray, some: np.ndarray) -> Iterator[str]:
    """The values at hand that the factors are made of."""
    for name, z in case.fitting(case.e.run.outputs[0].shape):
        v = z.ravel()[some]
        for text, form in FORMS if np.ptp(v) > 0 else ():
            with np.errstate(all="ignore"):
                if np.allclose(form(v), factors, rtol=1e-5, atol=0):
                    yield text.format(name)


def from_some(case: Case) -> tuple[str, Case] | None:
    """Where what goes back from some elements alone is wrong: which, and the case of these."""
    found = rows(case)
    if found is None:
        return None
    a, t = found
    bound = max(10 * case.tiny, 1e-8) * np.abs(t).max()
    wrong = np.any(np.abs(a - t) > bound, axis=1)
    if wrong.all() or not wrong.any():
        return None
    e = copy.copy(case.e)
    e.dout = case.dout * wrong
    e.truth, e.mistakes, e.repairs, e.less = e.true(e.dout), None, {}, False
    e.analytic = {n: d for n, d in e.pull(e.dout).items() if n in e.truth}
    here = replace(case, e=e, dout=e.dout, a=e.analytic[case.name], t=e.truth[case.name])
    return _places(case, wrong), here


def _places(case: Case, wrong: np.ndarray) -> str:
    """Where the elements of the output stand that give back something wrong."""
    outputs = case.e.run.outputs
    if len(outputs) > 1:
        ends = np.cumsum([out.size for out in outputs])[:-1]
        numbers = [str(i) for i, part in enumerate(np.split(wrong, ends), 1) if part.any()]
        where = f"output {', '.join(numbers)} of {len(outputs)}"
        return f"what goes back from {where} is wrong, from the others it is right"
    mask = wrong.reshape(outputs[0].shape)
    for axis in range(mask.ndim):
        rest = tuple(i for i in range(mask.ndim) if i != axis)
        lines = mask.any(axis=rest)
        if np.array_equal(mask.all(axis=rest), lines):
            places = ", ".join(str(i) for i in np.flatnonzero(lines)[:SHOWN])
            where = f"at {places} along {in_words((axis,), mask.ndim)}"
            return f"what goes back from the output {where} is wrong, from elsewhere it is right"
    index = ", ".join(map(str, first_true(mask)))
    return (
        f"what goes back from {int(mask.sum())} of {mask.size} elements of the output is wrong, "
        f"such as [{index}], from the others it is right"
    )
