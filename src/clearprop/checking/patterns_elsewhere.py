"""Patterns of right formulas at another place: offsets, masks, penalties, updates, branches."""

import itertools

import numpy as np

from clearprop.checking.automatic import open_forward
from clearprop.checking.case import Case, Guesses
from clearprop.checking.findings import Kind
from clearprop.checking.patterns_shape import given_twice


def _updated(case: Case) -> Guesses:
    """Is it the derivative at parameters that backward has updated already?"""
    trial = case.e.trial
    if not trial.updates:
        return
    run = trial.run()
    run.backward(run.douts(case.dout))
    after = {n: trial.arguments[n].value - trial.updates * step for n, step in run.steps.items()}
    opened = open_forward(trial, after)
    if not isinstance(opened, str):
        message = (
            f"backward has updated {', '.join(after)} before it uses it: this is the derivative "
            "after the update"
        )
        yield Kind.STALE, message, opened.derivatives(case.dout)[case.name]
    # Of what forward kept, some is as before: a step along dout then goes in a second time.
    if case.name not in run.steps and (half := case.pulled(case.dout / 2)) is not None:
        message = (
            f"backward has updated {', '.join(after)} before it uses what it has updated; make "
            "what is handed on first, and update then"
        )
        yield Kind.STALE, message, 4 * half - case.t


def _one_array(case: Case) -> Guesses:
    """Is it kept where another derivative is kept, too, which overwrites it?"""
    run = case.e.trial.run()
    run.backward(run.douts(case.dout))
    places = case.e.trial.places.items()
    kept = [name for name, at in places if any(place.kind == "held" for place in at)]
    found = {name: run.derivative(name) for name in kept}
    mine = found.get(case.name)
    if not isinstance(mine, np.ndarray) or not mine.size:
        return
    arrays = ((n, d) for n, d in found.items() if isinstance(d, np.ndarray))
    names = [name for name, d in arrays if np.shares_memory(mine, d)]
    if len(names) > 1:
        message = (
            f"the derivatives by {', '.join(names)} are kept in one and the same array: each "
            "overwrites the others, or is added to them"
        )
        yield Kind.STALE, message


def _penalty(case: Case) -> Guesses:
    """Is a multiple of the parameter itself too much or too little, as of a penalty?"""
    gap, value = case.a - case.t, case.e.trial.arguments[case.name].value
    wrong = case.known & (np.abs(gap) > case.tiny * case.size)
    square = float(np.sum(value[wrong] ** 2))
    if not square:
        return
    c = float(np.sum(gap[wrong] * value[wrong])) / square
    if np.count_nonzero(wrong) < 3 and not _at_other_values(case, wrong, c):
        return
    if case.dout.size > 1 and not _whatever_dout(case, gap):
        return
    times = c / float(case.dout[0]) if case.dout.size == 1 else c
    some = f" at {wrong.sum()} of {wrong.size} elements" if wrong.sum() < case.known.sum() else ""
    whole = case.t + c * value * wrong
    if times > 0:
        added = f"{times:.4g} · {case.name} is added to it{some}"
        message = f"{added}, a penalty that forward lacks or weighs otherwise"
        yield Kind.EXTRA_TERM, f"{message} there" if some else message, whole
    message = f"{-times:.4g} · {case.name} is missing in it{some}: the derivative of λ W² is 2 λ W"
    yield Kind.DROPPED_TERM, message, whole


def _whatever_dout(case: Case, gap: np.ndarray) -> bool:
    """Whether as much is too much under another dout: a penalty does not go through the layer."""
    other = -2 * case.dout
    given, true = case.pulled(other), case.true(other)
    if given is None or true is None:
        return True
    return bool(np.allclose(given - true, gap, rtol=1e-6, atol=1e-9 * case.size))


def _plain_penalty(case: Case) -> Guesses:
    """The same where the true derivative is no such multiple: it cannot be a factor in a step."""
    t, value = case.t[case.known], case.e.trial.arguments[case.name].value[case.known]
    sizes = float(np.linalg.norm(t) * np.linalg.norm(value))
    if t.size >= 3 and abs(float(t @ value)) < 0.999 * sizes:
        yield from _penalty(case)


def _at_other_values(case: Case, wrong: np.ndarray, c: float) -> bool:
    """Whether so many times a parameter are too much at another value of it, too."""
    trial, value = case.e.trial, case.e.trial.arguments[case.name].value
    values = {case.name: value * np.linspace(0.7, 1.6, value.size).reshape(value.shape)}
    opened = open_forward(trial, values)
    if isinstance(opened, str):
        return False
    gap = trial.run(values).derivatives(case.dout)[case.name]
    gap = gap - opened.derivatives(case.dout)[case.name]
    return np.allclose(gap[wrong], c * values[case.name][wrong], rtol=1e-6)


def _on_the_other_branch(case: Case) -> Guesses:
    """Is it right with a switch of the layer the other way, for which backward does not ask?"""
    trial, name = case.e.trial, case.name
    for switch, value in vars(trial.layer).items():
        if type(value) is not bool:
            continue
        other = trial.variant(trial.inputs)
        setattr(other.layer, switch, not value)
        run, opened = other.run(), open_forward(other)
        if isinstance(opened, str) or run.vector.size != case.dout.size:
            continue
        given, true = run.derivatives(case.dout)[name], opened.derivatives(case.dout)[name]
        here = trial.run()
        setattr(here.layer, switch, not value)
        asks = not np.array_equal(here.derivatives(case.dout)[name], case.a, equal_nan=True)
        moves = not np.allclose(true, case.t, rtol=1e-6)
        if moves and not asks and np.allclose(given, true, rtol=1e-6, atol=1e-9 * case.size):
            message = (
                f"it is right with self.{switch} = {not value}: forward branches on "
                f"self.{switch}, and backward gives what belongs to that branch either way; let "
                "it branch as forward does"
            )
            yield Kind.WRONG_VALUE, message


FAR = 8
"""By so much values may be shifted along an axis."""


def _shifted(case: Case) -> Guesses:
    """The right values, moved along one or two axes, with others at the edge."""
    t, ndim = case.t, case.t.ndim
    far = [min(n - 1, FAR) for n in t.shape]
    shifts = [
        {axis: sign * k}
        for axis in range(ndim)
        for k in range(1, far[axis] + 1)
        for sign in (1, -1)
    ]
    for one, other in itertools.combinations(range(1 if ndim > 2 else 0, ndim), 2):
        both = itertools.product((1, -1, 2, -2), repeat=2)
        shifts += [{one: i, other: k} for i, k in both]
    for shift in shifts:
        if any(abs(k) >= t.shape[axis] for axis, k in shift.items()):
            continue
        moved = t
        for axis, k in shift.items():
            moved = np.roll(moved, k, axis)
            edge = [slice(None)] * ndim
            edge[axis] = slice(0, k) if k > 0 else slice(k, None)
            moved[tuple(edge)] = np.nan
        inside = np.isfinite(moved)
        if max(map(abs, shift.values())) > 2 and inside.sum() < max(8, t.size // 3):
            continue  # so little is left that it may be by chance
        if not case.explains(moved):
            continue
        if np.unique(np.round(moved[inside], 12)).size < max(4, t.size // 8):
            continue  # a few values, over and over: that may be by chance, too
        axes = case.axes(tuple(shift))
        message = (
            f"its values are shifted by {', '.join(map(str, shift.values()))} along {axes}: an "
            "offset of a window, or of the padding: what forward put p places further stands p "
            "places further in backward, dx[p:p + n] where that is cut out"
        )
        yield Kind.WRONG_PLACE, message, moved


def counted_once(case: Case) -> Guesses:
    """Is a derivative counted once where several terms, or none, have it?"""
    near = 1e-9 if case.e.opened else 1e-5
    wrong = case.known & (np.abs(case.a - case.t) > near * case.size) & (case.a != 0)
    times = case.t[wrong] / case.a[wrong]
    whole = np.round(times)
    right = np.any(case.known & ~wrong & (case.a != 0))
    counts = len(times) >= 2 and np.allclose(times, whole, rtol=0, atol=100 * near)
    if counts and whole.min() >= 0 and len({*whole[whole > 0], *([1.0] if right else [])}) > 1:
        message = (
            f"it is counted once, where up to {int(whole.max())} terms have it: multiply by their "
            "number"
        )
        if case.dout.size == 1:
            message += " (in a hinge loss, by how many margins count)"
        times_due = np.ones(case.t.shape)
        times_due[wrong] = whole
        yield Kind.NOT_SUMMED, message, case.a * times_due, case.t


FIRST = (_updated, _plain_penalty)
LATER = (_on_the_other_branch, _one_array, given_twice, _shifted, _penalty)
