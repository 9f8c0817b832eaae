"""Patterns of derivatives that have the wrong shape."""

import itertools

import numpy as np

from clearprop.checking.case import Case, Sayings, axes_of, broadcasts, in_words
from clearprop.checking.findings import Kind


def transposed(case: Case) -> Sayings:
    """Is it the true derivative with its axes in another order?"""
    if case.a.ndim != case.t.ndim or case.a.ndim < 2:
        return
    for order in itertools.islice(itertools.permutations(range(case.t.ndim)), 1, None):
        if case.explains(case.t.transpose(order)):
            yield Kind.TRANSPOSED, "it is the true derivative transposed"


def _not_summed(case: Case) -> Sayings:
    a, t = case.a, case.t
    for axes in axes_of(a.ndim):
        for kept in (False, True):
            total = a.sum(axis=axes, keepdims=kept)
            if total.size == t.size and case.explains(total.reshape(t.shape), t):
                where = in_words(axes, a.ndim)
                message = f"the sum over {where} is missing; with it, it would be right"
                yield Kind.NOT_SUMMED, message


def _summed(case: Case) -> Sayings:
    a, t = case.a, case.t
    for axes in axes_of(t.ndim):
        total = t.sum(axis=axes)
        for factor, how in ((1.0, "summed"), (total.size / t.size, "averaged")):
            if total.size == a.size and case.explains((factor * total).reshape(a.shape)):
                where = in_words(axes, t.ndim)
                yield Kind.SUMMED, f"the true derivative is {how} over {where} once too often"


def _folded(case: Case) -> Sayings:
    a, t = case.a, case.t
    if a.size == t.size and case.explains(a.reshape(t.shape), t):
        yield Kind.SHAPE, f"its values are right; bring them into shape with .reshape({t.shape})"


def wrong_axis(case: Case) -> Sayings:
    """Is it a sum over some axes of dout · something, and the true one that over others?"""
    for dout in case.douts:
        factors = [("dout", np.ones(dout.shape))]
        factors += [(f"dout · {n}", z) for n, z in case.scope() if z.shape == dout.shape]
        for label, z in factors:
            product = dout * z
            right = [
                axes
                for axes in axes_of(dout.ndim)
                if product.sum(axis=axes).size == case.t.size
                and case.explains(product.sum(axis=axes).reshape(case.t.shape), case.t)
            ]
            for axes in axes_of(dout.ndim) if right else ():
                total = product.sum(axis=axes)
                if axes in right or total.size != case.a.size:
                    continue
                for factor in (1.0, total.size / product.size):
                    if case.explains((factor * total).reshape(case.a.shape)):
                        done, due = in_words(axes, dout.ndim), in_words(right[0], dout.ndim)
                        kind = Kind.SUMMED if set(axes) > set(right[0]) else Kind.WRONG_AXIS
                        yield kind, f"it is {label}, summed over {done}; it should be over {due}"


def _padding(case: Case) -> Sayings:
    a, t = case.a, case.t
    if a.ndim != t.ndim or any(n < m for n, m in zip(a.shape, t.shape, strict=True)):
        return
    margins = [n - m for n, m in zip(a.shape, t.shape, strict=True)]
    for starts in itertools.product(*(sorted({0, m // 2, m}) for m in margins)):
        cut = tuple(slice(s, s + m) for s, m in zip(starts, t.shape, strict=True))
        if case.explains(a[cut], t):
            yield Kind.SHAPE, "it still has the padding of forward; cut it off, and it is right"


def _for_another(case: Case) -> Sayings:
    for name, other in case.e.truth.items():
        if name != case.name and case.explains(other):
            yield Kind.SWAPPED, f"it is the derivative by {name}"


def _same_for_all(case: Case) -> Sayings:
    if broadcasts(case.a.shape, case.t.shape):
        wide = np.broadcast_to(case.a, case.t.shape)
        if case.explains(wide, case.t):
            yield Kind.SHAPE, "it is right once it is broadcast to the right shape"


PATTERNS = (
    transposed,
    _folded,
    _same_for_all,
    wrong_axis,
    _not_summed,
    _summed,
    _padding,
    _for_another,
)
