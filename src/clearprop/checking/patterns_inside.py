"""Patterns that need a look inside: at the operations of forward, and at what the layer kept."""

import itertools
from typing import Any

import numpy as np

from clearprop.checking import patterns_elsewhere, patterns_shape
from clearprop.checking.case import Case, Guesses, axes_of, broadcasts, in_words
from clearprop.checking.findings import Kind
from clearprop.checking.nests import listed

TAKING = frozenset(
    listed(
        "clearprop.getitem np.take np.take_along_axis np.repeat np.tile np.kron np.broadcast_to "
        "np.lib.stride_tricks.sliding_window_view clearprop.add_windows"
    )
)
"""What takes an element several times."""
MEETING = (
    "where several derivatives meet, only the {} one is kept; they must be added "
    "(np.add.at, or += in a loop)"
)
MANY = 100
"""Backward passes that a single pattern may take."""


def _output_left_out(case: Case) -> Guesses:
    """Is the derivative behind one of several outputs left out?"""
    outputs, start = case.e.run.outputs, 0
    for i, out in enumerate(outputs if len(outputs) > 1 else (), 1):
        rest = case.dout.copy()
        rest[start : start + out.size] = 0
        start += out.size
        message = f"what goes back from output {i} of {len(outputs)} is left out"
        yield Kind.DROPPED_TERM, message, case.true(rest)


def _overwritten(case: Case) -> Guesses:
    """Was only one of several contributions kept, where they should be added?"""
    if len(case.e.run.outputs) != 1 or case.true(case.dout) is None or not _taken_apart(case):
        return
    dout = case.douts[0]
    for axes in axes_of(dout.ndim):
        if int(np.prod([dout.shape[i] for i in axes])) > MANY:
            continue
        parts = _contributions(case, dout, axes)
        if len(parts) < 2:
            continue
        touched = np.abs(parts) > case.tiny * np.abs(parts).max()
        last = len(parts) - 1 - np.argmax(touched[::-1], axis=0)
        for which, words in ((last, "last"), (np.argmax(touched, axis=0), "first")):
            kept = np.take_along_axis(parts, which[None], axis=0)[0]
            yield Kind.NOT_SUMMED, MEETING.format(words), kept
        gap = np.abs(parts - (case.t - case.a)).reshape(len(parts), -1).max(axis=1)
        for part in parts[gap <= 1e-2 * case.apart]:
            message = "one of several contributions is missing: a loop ends too early?"
            yield Kind.DROPPED_TERM, message, case.t - part


def _taken_apart(case: Case) -> bool:
    """Whether forward takes or repeats parts, which backward brings together again."""
    names = {node.operation.name for node in case.e.opened.graph.nodes} if case.e.opened else set()
    return not names or bool(names & TAKING)


def _contributions(case: Case, dout: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """What each index along some axes of the output contributes to the derivative."""
    rest = tuple(i for i in range(dout.ndim) if i not in axes)
    each = case.e.each_output(case.name)
    if each is not None:
        wide = each.reshape(*dout.shape, *case.t.shape)
        wide = wide * dout.reshape(*dout.shape, *[1] * case.t.ndim)
        return wide.sum(axis=rest).reshape(-1, *case.t.shape)
    found = []
    for place in itertools.product(*(range(dout.shape[i]) for i in axes)):
        one = np.zeros(dout.shape)
        at = tuple(place[axes.index(i)] if i in axes else slice(None) for i in range(dout.ndim))
        one[at] = dout[at]
        found.append(case.true(one.ravel()))
    return np.array([part for part in found if part is not None])


def _scaled_late(case: Case) -> Guesses:
    """Is what forward multiplies by behind its sums taken out of those of backward?"""
    dout = case.douts[0]
    for name, argument in case.e.trial.arguments.items():
        p = argument.value
        fits = argument.slot and dout.shape == case.t.shape and broadcasts(p.shape, dout.shape)
        if fits and np.ptp(p) > 0 and np.all(p) and len(case.douts) == 1:
            under = case.true((dout / p).ravel())
            message = (
                f"{name} multiplies what the sums of backward give, and should multiply dout "
                "before them: that is the same only where it is the same throughout"
            )
            if under is not None:
                yield Kind.WRONG_PLACE, message, under * p


def _forward_again(case: Case) -> Guesses:
    """Did dout go through the map of forward once more, and not back through it?"""
    each = case.e.each_output(case.name)
    if each is not None and case.t.size == case.dout.size and len(case.e.run.outputs) == 1:
        message = (
            "dout goes through the map of forward once more, and not back through it: that needs "
            "the transposed matrix, the opposite rotation or shift, the reverse order"
        )
        again = each.reshape(len(each), -1) @ case.dout
        yield Kind.TRANSPOSED, message, again.reshape(case.t.shape)


def _cross_terms(case: Case) -> Guesses:
    """Is it the true derivative but for the parts of dout that elements do not answer to?"""
    extra, missing = _counted(case)
    each = case.e.each_output(case.name)
    if extra or not missing or each is None:
        return
    if case.by_output is None:
        return
    answers = np.abs(case.by_output) > case.tiny * np.abs(each).max()
    message = (
        "elements do not answer to every part of dout that they went into: what goes back from "
        "some outputs, or the cross terms of a shared sum or mean, is missing; all else is right"
    )
    yield Kind.DROPPED_TERM, message, np.tensordot(case.dout, each * answers, 1)


def _other_places(case: Case) -> Guesses:
    """Do elements answer to elements of dout that they should not answer to?"""
    extra, missing = _counted(case)
    if not extra:
        return
    if _mixes(case):
        message = (
            "one sample's derivative answers to the dout of other samples, which forward keeps "
            "apart: a sum or mean runs over the batch"
        )
        yield Kind.WRONG_AXIS, message
    message = "elements answer to parts of dout that they did not go into"
    probes = [_answers(case, k) for k in (PROBES * case.dout.size).astype(int)]
    if FEW * missing < extra:  # some terms may cancel out
        yield Kind.WRONG_AXIS, f"{message}: a sum or mean runs over more elements than in forward"
    is_sum = case.t.size < case.dout.size and all(should.sum() == 1 for _, should in probes)
    yield Kind.WRONG_AXIS if is_sum else Kind.WRONG_PLACE, f"{message}, and not to their own"


def _varies(mask: np.ndarray) -> set[int]:
    """The axes along which elements are marked."""
    return {i for i, column in enumerate(np.argwhere(mask).T) if len(np.unique(column)) > 1}


FEW = 5
"""What is so many times as rare is no part of the pattern."""
PROBES = np.array([0.07, 0.29, 0.42, 0.58, 0.71, 0.93])
"""Which elements of dout are looked at, as parts of the whole."""


def _reordered(case: Case) -> Guesses:
    """Do all elements of dout go back as if they stood at other places?"""
    each, moved = case.e.each_output(case.name), False
    if each is None:
        return
    for k in (PROBES * case.dout.size).astype(int):
        given = case.pulled(np.eye(case.dout.size)[k])
        if given is None:
            return
        far = np.abs(each - given).reshape(len(each), -1).max(axis=1)
        near = far <= 1e-9 * np.abs(given).max()
        if not near.any():
            return
        moved |= not near[k]
    if moved:
        message = (
            "the elements of dout stand in another order than in forward: transposed, or brought "
            "into another shape, before it is used"
        )
        yield Kind.WRONG_PLACE, message


def _along_another(case: Case) -> Guesses:
    """Do elements answer to a line of dout along another axis than they should?"""
    if case.t.shape != case.douts[0].shape:
        return
    found = set()
    for k in (PROBES * case.dout.size).astype(int):
        answers, should = _answers(case, k)
        found.add((_line(answers), _line(should)))
    if len(found) == 1:
        ((given, due),) = found
        if given and due and given != due:
            ndim = case.t.ndim
            message = (
                f"its elements answer to dout along {in_words(given, ndim)}, and should along "
                f"{in_words(due, ndim)}: a sum runs over another axis than in forward"
            )
            yield Kind.WRONG_AXIS, message


def _line(mask: np.ndarray) -> tuple[int, ...]:
    """The axes of the line, plane or block that a mask is; none where it is something else."""
    axes = tuple(sorted(_varies(mask)))
    return axes if mask.sum() == np.prod([mask.shape[i] for i in axes]) else ()


def _answers(case: Case, part: Any) -> tuple[np.ndarray, np.ndarray]:
    """Which elements answer to a part of dout, and which should.

    Where that is not known, this is no pattern: what it raises, `diagnose` passes over.
    """
    one = np.zeros(case.dout.size)
    one[part] = 1.0
    a, t = case.pulled(one), case.true(one)
    if a is None or t is None:
        raise ValueError("what should answer is not known")
    bound = case.tiny * float(np.abs(t).max(initial=0))
    return np.abs(a) > bound, np.abs(t) > bound


def _counted(case: Case) -> tuple[int, int]:
    """How many elements answer to a single element of dout and should not, and the reverse."""
    extra = missing = 0
    for k in case.e.rng.permutation(case.dout.size)[:6] if case.t.size > 1 else ():
        answers, should = _answers(case, k)
        extra += int(np.sum(answers & ~should))
        missing += int(np.sum(~answers & should))
    return extra or (_beyond(case) if missing else 0), missing


def _beyond(case: Case) -> int:
    """How many of a few wrong elements answer to anything that they did not go into."""
    each, found = case.e.each_output(case.name), 0
    if each is None:
        return 0
    for i in case.e.rng.permutation(np.flatnonzero(case.wrong))[:6]:
        due = each.reshape(len(each), -1)[:, i]
        a = case.pulled(case.dout * (np.abs(due) <= case.tiny * np.abs(each).max()))
        found += int(a is not None and abs(a.flat[i]) > case.tiny * case.size)
    return found


def _mixes(case: Case) -> bool:
    """Whether the derivative of one sample depends on the dout of another, and should not."""
    out = case.e.run.outputs[0]
    if not out.ndim or out.shape[0] < 2 or case.t.shape[:1] != out.shape[:1]:
        return False
    answers, should = _answers(case, slice(out[0].size))
    return bool(answers[1:].any()) and not should[1:].any()


PATTERNS = (
    patterns_shape.turned,
    _output_left_out,
    _overwritten,
    patterns_elsewhere.counted_once,
    _scaled_late,
    _forward_again,
    _cross_terms,
    _reordered,
    _along_another,
    _other_places,
)
