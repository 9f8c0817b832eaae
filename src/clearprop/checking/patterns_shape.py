"""Patterns of derivatives that have the wrong shape."""

import itertools
from collections.abc import Iterator

import numpy as np

from clearprop.checking.case import Case, Guesses, axes_of, broadcasts, in_words
from clearprop.checking.findings import Kind


def transposed(case: Case) -> Guesses:
    """Is it the true derivative with its axes in another order?"""
    if case.a.ndim == case.t.ndim > 1:
        for order in itertools.islice(itertools.permutations(range(case.t.ndim)), 1, None):
            yield Kind.TRANSPOSED, "it is the true derivative transposed", case.t.transpose(order)


def turned(case: Case) -> Guesses:
    """Does it come out transposed where the input is not square?"""
    trial, shape = case.e.trial, case.t.shape
    place = trial.arguments[case.name].place
    for i, j in itertools.combinations(range(len(shape)), 2):
        if place is None or shape[i] != shape[j] or shape[j] < 2:
            continue
        inputs = list(trial.inputs)
        inputs[place] = np.take(inputs[place], range(shape[j] - 1), axis=j)
        run = trial.variant(inputs).run()
        run.backward(run.douts(np.ones(run.vector.size)))
        found, due = np.shape(run.derivative(case.name)), inputs[place].shape
        if found != due and found == np.swapaxes(inputs[place], i, j).shape:
            message = (
                f"for an input of shape {due}, which is not square, it has the shape {found}: "
                "it is transposed"
            )
            yield Kind.TRANSPOSED, message


def _not_summed(case: Case) -> Guesses:
    a, t = case.a, case.t
    for axes in axes_of(a.ndim):
        total = a.sum(axis=axes)
        if total.size == t.size:
            where = in_words(axes, a.ndim)
            message = f"the sum over {where} is missing; with it, it would be right"
            yield Kind.NOT_SUMMED, message, total.reshape(t.shape), t


def _summed(case: Case) -> Guesses:
    a, t = case.a, case.t
    for axes in axes_of(t.ndim):
        total, where = t.sum(axis=axes), case.axes(axes)
        for factor, how in ((1.0, "summed"), (total.size / t.size, "averaged")):
            if total.size == a.size:
                message = f"the true derivative is {how} over {where} once too often"
                yield Kind.SUMMED, message, (factor * total).reshape(a.shape)


def _folded(case: Case) -> Guesses:
    a, t = case.a, case.t
    if a.size == t.size:
        message = f"its values are right; bring them into shape with .reshape({t.shape})"
        yield Kind.SHAPE, message, a.reshape(t.shape), t


def wrong_axis(case: Case) -> Guesses:
    """Is it a sum over some axes of dout · something, and the true one that over others?"""
    for dout in case.douts:
        factors = [("dout", np.ones(dout.shape))]
        factors += [(f"dout · {n}", z) for n, z in case.scope() if z.shape == dout.shape]
        for label, z in factors:
            totals = {axes: (dout * z).sum(axis=axes) for axes in axes_of(dout.ndim)}
            right = [
                axes
                for axes, total in totals.items()
                if total.size == case.t.size and case.explains(total.reshape(case.t.shape), case.t)
            ]
            for axes, total in totals.items() if right else ():
                if axes in right or total.size != case.a.size:
                    continue
                kind = Kind.SUMMED if set(axes) > set(right[0]) else Kind.WRONG_AXIS
                kind = Kind.NOT_SUMMED if set(axes) < set(right[0]) else kind
                done, due = in_words(axes, dout.ndim), in_words(right[0], dout.ndim)
                message = f"it is {label}, summed over {done}; it should be over {due}"
                for factor in (1.0, total.size / dout.size):
                    yield kind, message, (factor * total).reshape(case.a.shape)


def _padding(case: Case) -> Guesses:
    a, t = case.a, case.t
    if a.ndim != t.ndim or any(n < m for n, m in zip(a.shape, t.shape, strict=True)):
        return
    margins = [n - m for n, m in zip(a.shape, t.shape, strict=True)]
    for starts in itertools.product(*(sorted({0, m // 2, m}) for m in margins)):
        cut = tuple(slice(s, s + m) for s, m in zip(starts, t.shape, strict=True))
        message = "it still has the padding of forward; cut it off, and it is right"
        yield Kind.SHAPE, message, a[cut], t


def swapped(case: Case) -> Guesses:
    """Is it the derivative of another argument, which has not its own?"""
    for name, other, is_own in _of_others(case):
        if not is_own:
            yield Kind.SWAPPED, f"it is the derivative by {name}", other


def given_twice(case: Case) -> Guesses:
    """Is it the derivative of another argument, for which backward gives the same?"""
    for name, other, is_own in _of_others(case):
        if is_own:
            message = f"it is the derivative by {name}, which backward gives as well"
            yield Kind.WRONG_VALUE, message, other


def _of_others(case: Case) -> Iterator[tuple[str, np.ndarray, bool]]:
    """The true derivatives of this shape by other arguments, and whether backward gives them."""
    for name, other in case.e.truth.items():
        if name != case.name and other.shape == case.a.shape:
            found = case.e.analytic.get(name)
            is_own = found is not None and found.shape == other.shape and np.allclose(found, other)
            yield name, other, is_own


def _same_for_all(case: Case) -> Guesses:
    if broadcasts(case.a.shape, case.t.shape):
        wide = np.broadcast_to(case.a, case.t.shape)
        yield Kind.SHAPE, "it is right once it is broadcast to the right shape", wide, case.t


PATTERNS = (
    transposed,
    _folded,
    _same_for_all,
    wrong_axis,
    _not_summed,
    _summed,
    _padding,
    swapped,
)
"""Patterns that the two arrays show by themselves, whatever the layer is."""
