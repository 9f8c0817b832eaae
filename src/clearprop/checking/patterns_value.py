"""Patterns that the two arrays show by themselves, whatever the layer is."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from clearprop.checking import patterns_steps
from clearprop.checking.automatic import open_forward
from clearprop.checking.case import Case, Guess, Guesses, axes_of
from clearprop.checking.constants import left_out, without
from clearprop.checking.differences import slope
from clearprop.checking.factors import name_factor, plain, ratio_of
from clearprop.checking.findings import Kind
from clearprop.checking.nests import get_at
from clearprop.checking.patterns_shape import swapped, transposed, wrong_axis
from clearprop.checking.run import LayerRaised

MOST = 8
"""So many factors are told, one for each place along an axis."""


def _zero(case: Case) -> Guesses:
    given = np.abs(case.a[case.known]).max(initial=0)
    if given <= 1e-13 * case.size:
        if given:  # terms that cancel, as where a slope is missing before a softmax
            yield from patterns_steps.mistaken(case)
        yield Kind.ZERO, "it is 0 throughout, and the true derivative is not"


def _without_dout(case: Case) -> Guesses:
    """A derivative that does not answer to dout at all."""
    other = case.pulled(-2 * case.dout)
    if other is not None and np.any(case.a) and np.allclose(other, case.a, rtol=1e-9, atol=0):
        if (ones := case.true(np.ones_like(case.dout))) is not None:
            yield Kind.IGNORES_DOUT, "it is the derivative for dout = 1", ones
            yield from _for_one(replace(case, t=ones, dout=np.ones_like(case.dout)))
        yield Kind.IGNORES_DOUT, "it stays the same whatever dout is"


def _for_one(case: Case) -> Guesses:
    """What it is for dout = 1, with the small constants of forward or without them."""
    opened = without(case.e) if case.e.opened else None
    for t in (case.t, *([opened.derivatives(case.dout)[case.name]] if opened else ())):
        ratio = ratio_of(t, case.a)
        if ratio is not None and abs(ratio - 1) < 1e-6:
            yield Kind.IGNORES_DOUT, "it is right for dout = 1, and stays the same whatever dout is"
        elif ratio is not None:
            factor = name_factor(case, ratio)
            message = (
                "it stays the same whatever dout is, and for dout = 1 it is the true derivative "
                f"times {factor}"
            )
            yield Guess(Kind.IGNORES_DOUT, message, factor=ratio)


def _extra(case: Case) -> Guesses:
    """Something that is there even when dout is 0."""
    rest = case.pulled(0 * case.dout)
    if rest is None or not np.any(rest):
        return
    held = [p for p in case.e.trial.places.get(case.name, ()) if p.kind == "held"]
    before = get_at(case.e.trial.layer, held[0].path) if held else None
    if before is not None and np.shape(before) == rest.shape and np.allclose(rest, before):
        yield Kind.ACCUMULATES, f"it contains what d{case.name} was before: backward adds to it"
    for name, z in case.fitting(rest.shape):
        ratio = ratio_of(z, rest)
        if ratio is not None:
            message = f"with dout = 0 it is {ratio:.4g} · {name}: a term that forward does not have"
            yield Guess(Kind.EXTRA_TERM, message, factor=ratio)
    message = "with dout = 0 it is not 0: a term is added to it, or one lacks dout as a factor"
    yield Kind.EXTRA_TERM, message


def _sign(case: Case) -> Guesses:
    yield Kind.SIGN, "it is the true derivative with the opposite sign", -case.t


def _clipped(case: Case) -> Guesses:
    top = float(np.max(np.abs(case.a), initial=0.0, where=case.known))
    size = np.abs(case.t[case.known])
    below = (size > 0) & (size < 0.999 * top)
    both = np.any(size > top) and (np.any(below) or size.size > 8)
    # Where the true derivative has this size itself, again and again, nothing was cut off.
    if both and np.count_nonzero(np.isclose(size, top, rtol=1e-12)) < 2:
        message = f"it is the true derivative cut off at ±{top:.6g}"
        yield Guess(Kind.CLIPPED, message, np.clip(case.t, -top, top), factor=top)


def _rounded(case: Case) -> Guesses:
    for cut in (np.trunc, np.round, np.floor):
        if case.a.dtype.kind in "iub" or np.array_equal(case.a, cut(case.a)):
            message = "its fractions are cut off: it was written into an array of integers"
            yield Kind.INTEGER, message, cut(case.t)
    is_round = np.allclose(case.a, np.round(case.a, 8), rtol=0, atol=1e-12)
    for digits in range(1, 9) if is_round else ():
        yield Kind.PRECISION, f"it is rounded to {digits} decimals", np.round(case.t, digits)


def _precision(case: Case) -> Guesses:
    """A difference too small for a wrong formula."""
    a = case.a[case.known]
    if case.apart > 2e-3 * case.size or case.e.eps > 1e-12:
        return
    for dtype, name in ((np.float32, "float32"), (np.float16, "float16")):
        rounded = a.astype(dtype).astype(np.float64)
        coarse = 4 * float(np.finfo(dtype).eps) * case.size
        if case.apart <= coarse and np.array_equal(rounded, a) and np.any(a != np.round(a)):
            message = f"every element of it is a number of {name}; the other digits are lost"
            yield Kind.PRECISION, message
    for _, message, bare in left_out(case):
        yield Kind.PRECISION, message, bare
    if case.apart <= 1e-4 * case.size:
        message = (
            f"it is right to {-math.log10(case.apart / case.size):.0f} digits only: something is "
            "computed in a lower precision, or a small constant such as 1e-7 stands in another "
            "place than in forward"
        )
        yield Kind.PRECISION, message


def _factor(case: Case) -> Guesses:
    ratio = ratio_of(case.t, case.a, case)
    if ratio is not None and np.count_nonzero(case.t[case.known]) < 2:
        ratio = _of_one_number(case, ratio)
    if ratio is not None:
        message = f"it is the true derivative times {name_factor(case, ratio)}"
        yield Guess(Kind.FACTOR, message, factor=ratio)


def _of_one_number(case: Case, ratio: float) -> float | None:
    """A single number is always some times another: is it so for another dout and other values?"""
    e, name = case.e, case.name
    dout = case.dout * np.linspace(0.6, 1.7, case.dout.size)
    given = e.trial.arguments.items()
    values = {n: a.value * np.resize((0.9, 1.1, 0.7), a.value.shape) for n, a in given}
    opened = open_forward(e.trial, values) if e.opened else ""
    try:
        a, t = case.pulled(dout), case.true(dout)
        there = e.trial.run(values).derivatives(case.dout)[name]
        if isinstance(opened, str):
            place = np.unravel_index(np.argmax(np.abs(np.nan_to_num(case.t))), case.t.shape)
            true = _slope(case, values, place)
            pairs = [(a, t, 1e-6), (there[place], true, 1e-4)]
        else:
            pairs = [(a, t, 1e-6), (there, opened.derivatives(case.dout)[name], 1e-6)]
    except LayerRaised:
        return None
    same = all(
        a is not None and t is not None and np.allclose(a, ratio * t, rtol=rtol)
        for a, t, rtol in pairs
    )
    return ratio if same else None


def _slope(case: Case, values: dict[str, np.ndarray], place: Any) -> float:
    """The slope of a forward that cannot be opened, along one element at other values."""
    e, x, unit = case.e, values[case.name], np.zeros(case.t.shape)
    unit[place] = e.sizes[case.name][place]

    def f(h: float) -> np.ndarray:
        return e.forward(**{**values, case.name: x + h * unit})

    return slope(f, f(0.0)).along(case.dout)[0] / float(unit[place])


def _nonlinear(case: Case) -> Guesses:
    # Each behind its own forward: what layers share may have been written over since.
    once, twice, opposite = (case.pulled(k * case.dout, anew=True) for k in (1, 2, -1))
    if once is None or twice is None or opposite is None:
        return
    if not np.array_equal(once, case.a, equal_nan=True):
        return
    for power, words in ((4.0, "twice"), (8.0, "three times")):
        yield Kind.NOT_LINEAR, f"dout goes in {words} as a factor", twice / power
    if case.explains(twice / 2) and not case.explains(-opposite):
        message = "it does not turn its sign with dout: something is decided by the sign of dout"
        yield Kind.NOT_LINEAR, message
    if not case.explains(twice / 2) and np.max(np.abs(twice - 2 * case.a)) > 1e-6 * case.size:
        yield Kind.NOT_LINEAR, "with twice the dout it is not twice as large"


def _displaced(case: Case) -> Guesses:
    """The right values at the wrong places."""
    a, t = case.a, case.t
    if not case.known.all() or t.size < 3 or np.unique(np.round(t, 12)).size < 3:
        return
    for axes in axes_of(t.ndim):
        message = f"its values are mirrored along {case.axes(axes)}"
        yield Kind.WRONG_PLACE, message, np.flip(t, axes)
    found, due = np.sort(a, axis=None), np.sort(t, axis=None)
    if case.explains(due, found) or np.allclose(due, found, rtol=1e-9, atol=1e-12 * case.size):
        yield Kind.WRONG_PLACE, "its values are right, but stand at other elements"


def _summed(case: Case) -> Guesses:
    t = case.t
    for axes in axes_of(t.ndim):
        if not case.known.all() or all(t.shape[i] == 1 for i in axes):
            continue
        for how, reduced in (("summed", np.sum), ("averaged", np.mean)):
            where, total = case.axes(axes), reduced(t, axis=axes, keepdims=True)
            message = f"the true derivative was {how} over {where} and given to every element"
            yield Kind.SUMMED, message, np.broadcast_to(total, t.shape)


def _masked(case: Case) -> Guesses:
    """Zeros at other places than the true derivative."""
    a, t = case.a[case.known], case.t[case.known]
    tiny = 1e-12 * case.size
    a0, t0 = np.abs(a) <= tiny, np.abs(t) <= tiny
    equal = np.abs(a - t) <= 1e-6 * np.maximum(np.abs(t), tiny)
    if t0.any() and not t0.all() and np.array_equal(a0, ~t0):
        yield Kind.MASK_INVERTED, "it is 0 exactly where the true derivative is not"
    if t0.any() and np.all(equal[~t0]) and not np.all(a0[t0]):
        message = "it is right where the true derivative is not 0, and goes on where that is 0"
        yield Kind.MASK_MISSING, message
    ratio = ratio_of(t, np.where(t0, 0, a)) if t0.any() and np.any(a[t0]) else None
    if ratio is not None:
        message = f"it goes on where the true derivative is 0, and has the factor {ratio:.6g}"
        yield Kind.MASK_MISSING, f"{message}: shared out, as in a mean?"
    if np.any(a0 & ~t0) and np.all(equal | a0):
        count = int(np.sum(a0 & ~t0))
        message = f"it is right but for {count} elements, where it is 0{_where(case)}"
        yield Kind.DROPPED_TERM, message


def _where(case: Case) -> str:
    """Which rows or columns hold all the missing elements, if that can be said."""
    missing = case.known & (case.a == 0) & (np.abs(case.t) > 1e-12 * case.size)
    for axis in range(missing.ndim):
        rest = tuple(i for i in range(missing.ndim) if i != axis)
        lines, total = missing.any(axis=rest), missing.shape[axis]
        if np.array_equal(missing.all(axis=rest), lines) and lines.sum() < total:
            places = ", ".join(str(i) for i in np.flatnonzero(lines)[:4])
            return f" (at {places} along axis {axis})"
    return ""


def _by_scores(case: Case) -> Guesses:
    """Of a loss of probabilities, is it the derivative by what these were made of?"""
    x, t = case.e.trial.arguments[case.name].value, case.t
    if case.a.shape != t.shape or not np.all((x > 0) & (x < 1)) or not case.known.all():
        return
    is_loss = case.e.run.vector.size <= max(x.shape, default=0)
    axes = [axis for axis in range(x.ndim) if np.allclose(x.sum(axis=axis), 1) and is_loss]
    found = [("softmax", x * (t - (x * t).sum(axis=axis, keepdims=True))) for axis in axes]
    found.append(("sigmoid", t * x * (1 - x)))
    for name, candidate in found:
        ratio = ratio_of(candidate, case.a, case)
        exact = ratio is not None and abs(ratio - 1) < 1e-6
        if ratio is not None and (exact or t.size > 2):  # of one number anything is a multiple
            factor = "" if exact else f", times {plain(ratio)}"
            message = (
                f"it is the derivative by the scores that a {name} makes {case.name} of{factor}, "
                f"but forward starts at {case.name}: take scores and let forward make the "
                f"{name}, or let backward end at {case.name}"
            )
            yield Kind.WRONG_VALUE, message


def _factors_along(case: Case) -> Guesses:
    """Another factor for each row, say, or each column: fractions, as of sizes."""
    for axis in range(case.t.ndim if case.known.all() and case.t.ndim > 1 else 0):
        lines = [[*np.moveaxis(x, axis, 0)] for x in (case.a, case.t)]
        ratios = [ratio_of(t, a) for a, t in zip(*lines, strict=True) if np.count_nonzero(t) > 1]
        factors = [plain(ratio) if ratio else "." for ratio in ratios]
        whole = len(factors) == len(lines[0]) <= MOST and not any("." in f for f in factors)
        if whole and len({*factors}) > 1:
            message = (
                f"it is the true derivative with a factor of its own at each place along "
                f"{case.axes((axis,))}: {', '.join(factors)}"
            )
            yield Kind.FACTOR, message


PATTERNS = (
    _zero,
    _without_dout,
    _extra,
    _rounded,
    _clipped,
    _precision,
    _nonlinear,
    _sign,
    _factor,
    _by_scores,
    transposed,
    swapped,
    _masked,
    _displaced,
    wrong_axis,
)
SUMS = (_summed, _factors_along)
