"""The comparison: which elements of a derivative are wrong, and which are kinks or rounding.

Random directions and automatic differentiation detect; single elements are swept only to locate a
fault, or to tell it from a kink.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from clearprop.checking import constants, harmless
from clearprop.checking.case import Case
from clearprop.checking.diagnosis import diagnose, repaired
from clearprop.checking.differences import EPS
from clearprop.checking.evidence import Evidence, index_at
from clearprop.checking.findings import Kind
from clearprop.checking.layer_report import Row
from clearprop.checking.probing import HASTY, SWEEP, element, probe, quick, suspects, worst_first
from clearprop.layers import Layer

VANISHING = 1e-150
"""Derivatives smaller than this count as 0: their squares are below the numbers of float64."""


def all_arguments(e: Evidence) -> None:
    """Compare the derivatives of all arguments; the faults go to `e`, and a row for each.

    Causes are looked for once all that is wrong is known: they mostly have one.
    """
    wrong = [found for found in _compared(e) if found]
    for case, mask in wrong:
        _report(case, mask)
    if any(finding.kind is Kind.KINK for finding in e.findings):
        harmless.look_at_ties(e)


Wrong = tuple[Case, np.ndarray]
"""A wrong derivative, and which of its elements are."""


def _compared(e: Evidence) -> Iterator[Wrong | None]:
    if e.opened:
        e.truth = e.true(e.dout)
    for name, argument in e.trial.arguments.items():
        shape = argument.value.shape
        if name in e.faulty and name in e.rows:
            continue  # found on a few samples
        kinds = [f.kind for f in e.findings if f.argument == name]
        if Kind.STOCHASTIC in kinds or name not in e.analytic:
            verdict = kinds[0].value if kinds and e.faulty else "not compared"
            verdict = Kind.STOCHASTIC.value if Kind.STOCHASTIC in kinds else verdict
            e.rows[name] = Row(name, shape, None, None, "none", verdict)
            continue
        a = e.analytic[name]
        narrow = a.dtype.kind == "f" and a.dtype.itemsize < e.trial.dtype.itemsize
        if narrow and e.eps == EPS:
            message = (
                f"backward gives a derivative of {a.dtype} where everything is {e.trial.dtype}"
            )
            e.fault(Kind.DTYPE, message, name)
        if not a.size and not argument.value.size:
            e.rows[name] = Row(name, shape, 0.0, 0.0, "empty")
        elif a.shape != shape:
            yield _wrong_shape(e, name, a)
        else:
            found = _by_automatic(e, name, a) if e.opened else None
            yield found if e.opened else _by_differences(e, name, a)


def stand_in(e: Evidence) -> None:
    """Where nobody wrote a `backward`, compare automatic differentiation with differences."""
    if looks := getattr(e.trial.layer, "not_understood", ()):
        message = (
            f"no method was understood as its backward, neither by its name nor as one that takes "
            f"dout and gives derivatives; {', '.join(looks)} may be meant for it, and was not "
            "compared"
        )
        e.fault(Kind.NOT_COMPARED, message, fault=False)
    if e.opened:
        e.analytic = e.true(e.dout)
        if not e.is_function:
            message = "automatic differentiation serves in its place, and was compared"
            if not isinstance(e.trial.layer, Layer):
                message = f"nothing that it computes itself was taken for a derivative; {message}"
            e.fault(Kind.NO_BACKWARD, message, fault=False)
        return
    message = f"forward cannot be opened for automatic differentiation: {e.closed}"
    if e.is_function:
        message += ". There is nothing to compare; give its derivative as gradient=…"
    else:
        instead = "differences of forward serve in its place, and there is no other to compare"
        message = f"{instead}; {message}"
    e.fault(Kind.NO_BACKWARD, message, fault=e.is_function)


def second_opinion(case: Case) -> None:
    """Compare under another `dout` what was right under the first."""
    e, name, a, t = case.e, case.name, case.a, case.t
    if a.shape != t.shape or not np.isfinite(a).all():
        e.fault(Kind.NOT_LINEAR, f"under another dout its shape is {a.shape}, or it is NaN", name)
        return
    rough = max(1e-5, 3 * (e.rows[name].relative or 0.0)) if name in e.roughly else 1e-8
    wrong = wrong_elements(a, t, e.within(rough))
    if not wrong.any():
        return
    if e.opened:
        wrong, _ = harmless.without_kinks(case, wrong)
    wrong = harmless.beyond_rounding(case, wrong)
    if wrong.any():
        _report(case, wrong, fallback=Kind.NOT_LINEAR)


def wrong_elements(a: np.ndarray, t: np.ndarray, rtol: float = 1e-9) -> np.ndarray:
    """The elements of `a` that differ from the true `t` by more than rounding; NaN is not known."""
    if a.shape != t.shape:
        return np.ones(a.shape, bool)
    known = np.isfinite(t)
    size = float(np.max(np.abs(t), initial=0.0, where=known))
    floor = rtol * size if rtol > 1e-7 else 1e-3 * rtol * size
    bound = rtol * np.maximum(np.abs(a), np.abs(np.where(known, t, 0))) + floor
    bound = bound + VANISHING
    return known & ~(np.abs(a - t) <= bound)


def _by_automatic(e: Evidence, name: str, a: np.ndarray) -> Wrong | None:
    """Compare with automatic differentiation; closed again where it is not to be believed."""
    t = e.truth[name] = _finite(e, name, e.truth[name])
    case = Case(e, name, a, t, e.dout)
    narrow = a.dtype.kind == "f" and a.dtype.itemsize < 8
    wrong = wrong_elements(a, t, e.within(1e-5 if narrow else 1e-9))
    if wrong.any():
        before = wrong
        wrong, case.skip = harmless.without_kinks(case, wrong)
        wrong, left = _refuted(case, harmless.beyond_rounding(case, wrong))
        if left:
            e.closed = "it does not follow the slope of forward; a value leaves the graph there"
            e.opened = None
            return None
        e.misread[name] = e.misread[name] | (before & ~wrong)
        wrong = constants.beyond_constants(case, wrong)
    e.rows[name] = _row(case, "automatic")
    if wrong.any() and not _is_rough(case):
        return case, wrong
    if e.like is None and e.stages != "arrays":
        _confirm(case)
    if e.exhaustive:
        return _sweep(e, name, a, list(np.ndindex(a.shape)))
    return None


def _is_rough(case: Case) -> bool:
    """Whether a derivative is right but for a small constant, and the like; this is then told."""
    if message := constants.told(case):
        repair = repaired(case, case)
        message = f"{message}; {repair.message}" if repair else message
        case.e.fault(Kind.PRECISION, message, case.name, fault=False)
        case.e.roughly.add(case.name)
    return bool(message)


def _finite(e: Evidence, name: str, t: np.ndarray) -> np.ndarray:
    """Replace what overflowed in automatic differentiation by differences, as far as it goes."""
    bad = [tuple(int(i) for i in index) for index in np.argwhere(~np.isfinite(t))]
    t = np.array(t)
    for index in bad[:SWEEP]:
        t[index] = element(e, name, index).along(e.dout)[0]
    return t


def _row(case: Case, method: str, verdict: str = "right") -> Row:
    size = case.size or float(np.max(np.abs(case.a), initial=0.0)) or 1.0
    return Row(case.name, case.a.shape, case.apart, case.apart / size, method, verdict)


def _refuted(case: Case, wrong: np.ndarray) -> tuple[np.ndarray, bool]:
    """Leave out the elements at which differences of forward agree with `backward`.

    There the opened graph is to blame: a rule that underflows, a value that left the graph, a
    formula with a kink. Where they agree with neither, theirs is the true derivative. The second
    result tells that all elements that were looked at are right like this, and more are left.
    """
    wrong, a, t, e = np.array(wrong), case.a, case.t, case.e
    misread = e.misread.setdefault(case.name, np.zeros(a.shape, bool))
    faulty = False
    for index in islice(worst_first(wrong, a, t), 8):
        slope = element(e, case.name, index)
        value, error = slope.along(case.dout)
        far = abs(a[index] - t[index])
        if not slope.smooth.all() or error > 0.05 * far or abs(value - t[index]) < 0.1 * far:
            return wrong, False
        t[index], misread[index] = value, True
        wrong[index] = abs(value - a[index]) > 0.1 * far
        faulty |= wrong[index]
    return wrong, bool(wrong.any()) and not faulty


def _confirm(case: Case) -> None:
    """Hold the agreement of `backward` and the opened graph against one slope of forward itself."""
    e, name, a = case.e, case.name, case.a
    for _ in range(2):
        gap, slope = probe(e, name, case.t if name in e.roughly else a)
        if gap <= e.within(1e-4):
            break
        if e.opened and e.opened.rounding(e.dout) > 1e-8 * np.linalg.norm(a * e.sizes[name]):
            break  # forward itself is all rounding on the scale of such a small derivative
    else:
        message = (
            "backward and automatic differentiation agree, but the slope of forward along random "
            "directions is another one"
        )
        e.fault(Kind.UNKNOWN, message, name)
        return
    harmless.note_kinks(case, slope)


def _by_differences(e: Evidence, name: str, a: np.ndarray) -> Wrong | None:
    if e.exhaustive:
        return _sweep(e, name, a, list(np.ndindex(a.shape)))
    (gap, slope), (other, second) = probe(e, name, a), probe(e, name, a)
    gap = max(gap, other)
    if gap > e.within(1e-7):
        return _sweep(e, name, a, suspects(e, name, a))
    e.truth[name] = a
    whole = float(np.max(np.abs(a), initial=0.0))
    e.rows[name] = Row(name, a.shape, gap * whole, gap, "directions")
    smooth = slope.smooth & second.smooth
    if not smooth.all():  # kinks were left out of the directions: look at them one by one
        near = list(np.ndindex(a.shape))
        if a.size == smooth.size:
            near = [index for index, known in zip(near, smooth, strict=True) if not known]
        picked = e.rng.permutation(len(near))[: SWEEP // 4]
        return _sweep(e, name, a, [near[i] for i in sorted(picked)])
    return None


def _sweep(
    e: Evidence, name: str, a: np.ndarray, indices: Iterable[tuple[int, ...]]
) -> Wrong | None:
    """Differentiate element by element, and tell wrong ones from kinks."""
    t, margin = np.full(a.shape, np.nan), np.zeros(a.shape)
    kinks, wrong = np.zeros(a.shape, bool), np.zeros(a.shape, bool)
    case = Case(e, name, a, t, e.dout, skip=kinks)
    between: dict[tuple[int, ...], tuple[float, float]] = {}
    jacobian = np.full((*a.shape, e.out.size), np.nan) if a.size * e.out.size < 2**21 else None
    hasty, far = e.eps == EPS and not e.exhaustive, 0
    for index in indices:
        if hasty:
            value = quick(e, name, index)
            t[index] = value @ e.dout
            differs = not abs(t[index] - a[index]) <= 1e-6 * max(abs(t[index]), abs(a[index]))
            far += differs
            # What differs may be a kink, or need another step; where all does, it is wrong.
            if not differs or (far > HASTY and not between):
                if jacobian is not None:
                    jacobian[index] = value
                continue
        slope = element(e, name, index)
        if jacobian is not None:
            jacobian[index] = slope.value
        t[index] = np.sum(np.where(np.isfinite(slope.value), slope.value, 0) * e.dout)
        margin[index] = 10 * slope.along(e.dout)[1]
        if not slope.smooth.all():
            between[index] = slope.between(e.dout)
    size = float(np.nanmax(np.abs(t), initial=0.0))
    margin += e.within(1e-6) * np.maximum(np.abs(a), np.abs(np.nan_to_num(t)))
    margin += e.within(1e-7) * size
    known = np.isfinite(t)
    wrong[known] = np.abs(a - np.where(known, t, 0))[known] > margin[known]
    for index, (low, high) in between.items():
        inside = low - margin[index] <= a[index] <= high + margin[index]
        kinks[index], wrong[index] = inside and harmless.is_kink(case, index), not inside
    if kinks.any():
        harmless.tell_kinks(case, kinks)
    if jacobian is not None and known.all():
        e.jacobians[name] = jacobian
    wrong = constants.beyond_constants(case, wrong) if not e.opened else wrong
    if wrong.any() or name not in e.rows or e.exhaustive:
        e.rows[name] = _row(case, "element by element")
    if not wrong.any() or (not e.opened and _is_rough(case)):
        return None
    if not e.opened:
        e.truth[name] = t
    return case, wrong


def _wrong_shape(e: Evidence, name: str, a: np.ndarray) -> Wrong:
    """A derivative of another shape: what it would be compared with tells how it came about."""
    shape = e.trial.arguments[name].value.shape
    if e.opened:
        t = e.truth[name]
    else:
        jacobian = np.full((*shape, e.out.size), np.nan)
        for index in list(np.ndindex(shape))[:SWEEP]:
            jacobian[index] = quick(e, name, index)
        t = jacobian @ e.dout
        if np.isfinite(t).all():
            e.jacobians[name] = jacobian
        e.truth[name] = t
    e.rows[name] = Row(name, shape, None, None, "shape")
    return Case(e, name, a, t, e.dout), np.ones(a.shape, bool)


def _report(case: Case, wrong: np.ndarray, fallback: Kind | None = None) -> None:
    """Add the finding of a wrong derivative: its worst element, both values, and the diagnosis."""
    e, name, a, t = case.e, case.name, case.a, case.t
    if a.shape != t.shape:
        found = diagnose(case)
        e.rows[name] = replace(e.rows[name], verdict=found.kind.value)
        message = f"its derivative has the shape {a.shape} and not {t.shape}: {found.message}"
        e.fault(found.kind, message, name, factor=found.factor)
        return
    worst = np.argmax(np.where(wrong, np.abs(a - np.nan_to_num(t)), -1.0))
    index = index_at(worst, a.shape)
    if told := constants.told_elsewhere(case):
        e.fault(Kind.PRECISION, told, name, index=index, fault=False)
        e.rows[name] = _row(case, "automatic" if e.opened else "element by element")
        return
    found = diagnose(case)
    kind, message = found.kind, found.message
    if fallback is not None and kind is not Kind.CLIPPED:
        kind = fallback
        message = (
            "it is right under one dout, but not under another, 1000 times as large and of the "
            f"opposite sign: {message}"
        )
    count = int(np.count_nonzero(wrong))
    swept = int(np.count_nonzero(np.isfinite(t)))
    e.rows[name] = _row(case, "automatic" if e.opened else "element by element", kind.value)
    faults = {f.kind for f in e.findings if f.fault and f.argument != "dout"}
    if Kind.IN_PLACE in faults or (kind is Kind.PRECISION and Kind.DTYPE in faults):
        return  # what was found before explains it; this may be right once that is
    numeric = element(e, name, index).along(case.dout)[0]
    e.fault(
        kind,
        f"{message} ({count} of {swept} elements are wrong)" if swept > 1 else message,
        name,
        index=index,
        analytic=float(a[index]),
        numeric=numeric if np.isfinite(numeric) else None,
        automatic=float(t[index]) if e.opened and np.isfinite(t[index]) else None,
        factor=found.factor,
        relative=case.apart / (case.size or 1.0),
        wrong=wrong,
    )
