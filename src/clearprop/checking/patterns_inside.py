"""Patterns that need a look inside: at the operations of forward, and at what the layer kept."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.checking.automatic import open_forward
from clearprop.checking.diagnosis import Case, Diagnosis, in_words
from clearprop.checking.findings import Kind
from clearprop.checking.patterns_value import name_factor

MANY = 400
"""Backward passes that a single pattern may take."""


def _term(case: Case) -> Diagnosis | None:
    """Is one way through the operations of forward left out, or taken with a factor?"""
    opened = case.e.opened
    if opened is None:
        return None
    gap = case.a - case.t
    ways: list[tuple[Any, np.ndarray]] = []
    for edge in opened.edges[:MANY]:
        part = case.t - opened.without([edge], case.dout)[case.name]
        if np.abs(part).max(initial=0) <= 1e-12 * case.size or not np.isfinite(part).all():
            continue
        if np.allclose(part, case.t, rtol=1e-12, atol=1e-14 * case.size):
            continue  # everything goes this way
        if not any(np.array_equal(part, other) for _, other in ways):
            ways.append((edge, part))
    for edge, part in ways:
        ratio = float(part.ravel() @ gap.ravel()) / float(part.ravel() @ part.ravel())
        if ratio and case.explains(case.t + ratio * part):
            return _about_a_way(case, edge, ratio)
    pairs = itertools.combinations([edge for edge, _ in ways], 2)
    for one, two in itertools.islice(pairs, MANY):
        if case.explains(opened.without([one, two], case.dout)[case.name]):
            message = f"what goes back through {_named(one)} and through {_named(two)} is missing"
            return Diagnosis(Kind.DROPPED_TERM, message)
    return None


def _about_a_way(case: Case, edge: Any, ratio: float) -> Diagnosis:
    where = _named(edge)
    factor = 1 + ratio
    if abs(factor) < 1e-6:
        return Diagnosis(Kind.DROPPED_TERM, f"what goes back through {where} is missing")
    if abs(factor + 1) < 1e-6:
        return Diagnosis(Kind.SIGN, f"what goes back through {where} has the opposite sign")
    message = f"what goes back through {where} has the factor {name_factor(case, factor)} too much"
    return Diagnosis(Kind.FACTOR, message, factor)


def _named(edge: Any) -> str:
    node, place = edge
    operands = getattr(node.operation, "operands", ())
    operand = f", its {_ordinal(place)} input" if len(operands) > 1 else ""
    made = node.inputs[place]
    source = f"{made.name}" if made.name else made.node and made.node.operation.name
    by = f" of {source}" if source else ""
    return f"{node.operation.name}{by}{operand}"


def _ordinal(place: int) -> str:
    return ("first", "second", "third")[place] if place < 3 else f"{place + 1}th"


def _overwritten(case: Case) -> Diagnosis | None:
    """Was only one of several contributions kept, where they should be added?"""
    if len(case.e.run.outputs) != 1 or case.true(case.dout) is None:
        return None
    dout = case.douts[0]
    for count in range(1, dout.ndim + 1):
        for axes in itertools.combinations(range(dout.ndim), count):
            if int(np.prod([dout.shape[i] for i in axes])) > MANY:
                continue
            parts = np.array(list(_contributions(case, dout, axes)))
            if len(parts) < 2:
                continue
            touched = np.abs(parts) > case.tiny * np.abs(parts).max()
            last = len(parts) - 1 - np.argmax(touched[::-1], axis=0)
            for which, words in ((last, "last"), (np.argmax(touched, axis=0), "first")):
                if case.explains(np.take_along_axis(parts, which[None], axis=0)[0]):
                    message = (
                        f"where several derivatives meet, only the {words} one is kept; they must "
                        "be added (np.add.at, or += in a loop)"
                    )
                    return Diagnosis(Kind.NOT_SUMMED, message)
    return None


def _contributions(case: Case, dout: np.ndarray, axes: tuple[int, ...]) -> Iterator[np.ndarray]:
    for place in itertools.product(*(range(dout.shape[i]) for i in axes)):
        one = np.zeros(dout.shape)
        at = tuple(place[axes.index(i)] if i in axes else slice(None) for i in range(dout.ndim))
        one[at] = dout[at]
        found = case.true(one.ravel())
        if found is not None:
            yield found


def _values(case: Case, shape: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """Values of the layer that fit a shape, and the usual local derivatives made of them."""
    for name, z in case.scope():
        if z.ndim > len(shape):
            continue
        try:
            z = np.broadcast_to(z, shape)
        except ValueError:
            continue
        yield name, z
        yield f"(1 − {name})", 1 - z
        yield f"{name}²", z * z
        yield f"(1 − {name}²)", 1 - z * z
        yield f"{name} (1 − {name})", z * (1 - z)
        yield f"√{name}", np.sqrt(np.abs(z))
        yield f"({name} > 0)", (z > 0) * 1.0
        yield f"exp({name})", np.exp(np.clip(z, -50, 50))


def _local(case: Case) -> Diagnosis | None:
    """Is a factor missing, once too often there, or made from another value?"""
    for name, z in _values(case, case.t.shape):
        known = case.known & (np.abs(z) > 1e-9)
        if not known.any() or np.ptp(z[known]) <= 1e-9 * np.abs(z[known]).max():
            continue
        if case.explains(np.where(known, case.t / np.where(known, z, 1), case.a)):
            message = f"the factor {name} is missing in it"
            return Diagnosis(Kind.DROPPED_TERM, message)
        if case.explains(case.t * z):
            return Diagnosis(Kind.WRONG_VALUE, f"it has the factor {name} once too often")
    return None


def _made_of(case: Case) -> Diagnosis | None:
    """Is it dout times something simple, where the true one is dout times something else?"""
    for dout in case.douts:
        if dout.shape != case.t.shape:
            continue
        if case.explains(dout):
            return Diagnosis(
                Kind.DROPPED_TERM, "it is dout itself: the local derivative is missing"
            )
        for name, z in _values(case, dout.shape):
            for sign, mark in ((1, ""), (-1, "−")):
                if case.explains(sign * dout * z):
                    return Diagnosis(Kind.WRONG_VALUE, f"it is {mark}dout · {name}")
    return None


def _sum_of(case: Case) -> Diagnosis | None:
    """Is it a sum of dout · something over the right axes, with another something?"""
    for dout in case.douts:
        lost = dout.ndim - case.t.ndim
        for axes in itertools.combinations(range(dout.ndim), max(lost, 0)):
            for name, z in (("1", np.ones(dout.shape)), *_values(case, dout.shape)):
                total = (dout * z).sum(axis=axes)
                if lost > 0 and total.shape == case.t.shape and case.explains(total):
                    message = f"it is the sum of dout · {name}, which is not what forward did"
                    return Diagnosis(Kind.WRONG_VALUE, message)
    return None


def _turned(x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """A parameter as it is often mistaken: transposed, or a kernel turned around."""
    if x.ndim == 2 and x.shape[0] == x.shape[1] > 1:
        yield "transposed", x.T
    if x.ndim >= 3:
        yield "mirrored along its last two axes", x[..., ::-1, ::-1]
        if x.shape[0] == x.shape[1] > 1:
            yield "transposed in its first two axes", x.swapaxes(0, 1)
        if x.shape[-1] == x.shape[-2] > 1:
            yield "transposed in its last two axes", x.swapaxes(-1, -2)


def _with_turned(case: Case) -> Diagnosis | None:
    """Would it be right if a matrix were transposed, or a kernel mirrored?"""
    trial = case.e.trial
    for name, argument in trial.arguments.items():
        for words, turned in _turned(argument.value):
            values = {name: np.ascontiguousarray(turned)}
            # Either backward makes of the turned one what is due to the right one …
            found = trial.run(values).derivatives(case.dout).get(case.name)
            right = (
                found is not None and found.shape == case.t.shape and case.explains(found, case.t)
            )
            # … or what it gave is due to the turned one.
            opened = None if right or not case.e.opened else open_forward(trial, values)
            if opened is not None and not isinstance(opened, str):
                right = case.explains(opened.derivatives(case.dout)[case.name])
            if right:
                kind = Kind.WRONG_PLACE if words.startswith("mirrored") else Kind.TRANSPOSED
                return Diagnosis(kind, f"it would be right if {name} were {words}")
    return None


def _step(case: Case) -> Diagnosis | None:
    """Is one step inside differentiated wrongly, and everything around it rightly?

    Between a value u inside and a later one v of the same shape, the chain rule multiplies by a
    local derivative. What if that were another one, or missing?
    """
    opened = case.e.opened
    if opened is None or len(opened.graph.nodes) > 24:
        return None
    arrived = opened.all_derivatives(case.dout)
    values = [v for v in opened.graph.variables if v in arrived and np.ndim(v.data)]
    tried = 0
    for v in values:
        if v.node is None:
            continue
        for u in values:
            if u is v or u.data.shape != v.data.shape:
                continue
            if u.node is not None and u.node.serial >= v.node.serial:
                continue
            through = opened.pull([u], [opened.between(u, v, arrived[v])])
            if not case.explains(through[case.name], case.t):
                continue  # the true derivative does not come this way, or not all of it
            for name, g in _slopes(u.data, v.data):
                tried += 1
                if tried > MANY:
                    return None
                if case.explains(opened.pull([u], [arrived[v] * g])[case.name]):
                    return _about_a_step(v, name)
    return None


def _slopes(u: np.ndarray, v: np.ndarray) -> Iterator[tuple[str, Any]]:
    yield "1", np.ones_like(v)
    yield "out (1 − out)", v * (1 - v)
    yield "out", v
    yield "1 − out", 1 - v
    yield "1 − out²", 1 - v * v
    yield "1 + out²", 1 + v * v
    yield "x", u
    yield "1 − x²", 1 - u * u
    yield "x (1 − x)", u * (1 - u)
    yield "out²", v * v
    yield "2 x", 2 * u


def _about_a_step(v: Any, slope: str) -> Diagnosis:
    what = v.node.operation.name
    if slope == "1" and what in ("np.where", "np.maximum", "np.minimum", "np.clip"):
        message = f"it goes on where {what} chose another value"
        return Diagnosis(Kind.MASK_MISSING, message)
    if slope == "1":
        message = f"the local derivative of the step that ends in {what} is missing"
        return Diagnosis(Kind.DROPPED_TERM, message)
    message = f"the step that ends in {what} is differentiated to {slope}, which it is not"
    if what == "np.divide" and slope == "out (1 − out)":
        message = (
            f"the softmax that ends in {what} is differentiated element by element, to "
            "out (1 − out); the cross terms of its sum are missing"
        )
        return Diagnosis(Kind.DROPPED_TERM, message)
    return Diagnosis(Kind.WRONG_VALUE, message)


def _product(case: Case) -> Diagnosis | None:
    if case.a.ndim != 2:
        return None
    matrices = [(n, z) for n, z in case.scope() if z.ndim == 2]
    for dout in case.douts:
        if dout.ndim != 2:
            continue
        for name, z in matrices:
            pairs = ((("dout", dout), (name, z)), ((name, z), ("dout", dout)))
            for (ln, left), (rn, right) in pairs:
                for lt, rt in itertools.product((False, True), repeat=2):
                    x, y = (left.T if lt else left), (right.T if rt else right)
                    if x.shape[1] == y.shape[0] and case.explains(x @ y):
                        text = f"{ln}{'ᵀ' * lt} {rn}{'ᵀ' * rt}"
                        same = case.explains(y.T @ x.T, case.t)
                        kind = Kind.TRANSPOSED if not same else Kind.WRONG_VALUE
                        return Diagnosis(kind, f"it is the product {text}")
    return None


def _response(case: Case) -> Diagnosis | None:
    """Which elements answer to a single element of dout, and which should?"""
    if case.t.size < 2:
        return None
    extra = missing = equal = 0
    picked = case.e.rng.permutation(case.dout.size)[:6]
    for k in picked:
        one = np.zeros(case.dout.size)
        one[k] = 1.0
        a, t = case.pulled(one), case.true(one)
        if a is None or t is None or a.shape != t.shape:
            return None
        size = np.abs(t).max(initial=0)
        a1, t1 = np.abs(a) > case.tiny * size, np.abs(t) > case.tiny * size
        extra += int(np.sum(a1 & ~t1))
        missing += int(np.sum(~a1 & t1))
        equal += int(np.sum(a1 & t1 & (np.abs(a - t) <= 1e-7 * size)))
    if extra and _mixes(case):
        return Diagnosis(
            Kind.WRONG_AXIS,
            "one sample's derivative answers to the dout of other samples, which forward keeps "
            "apart: a sum or mean runs over the batch",
        )
    if missing and extra:
        message = "elements answer to parts of dout that they did not go into, and not to their own"
        return Diagnosis(Kind.WRONG_AXIS, message)
    if missing and not extra:
        message = (
            "elements do not answer to every part of dout that they went into: cross terms, such "
            "as those of a shared sum or mean, are missing"
        )
        return Diagnosis(Kind.DROPPED_TERM, message)
    if extra:
        message = "elements answer to parts of dout that they did not go into"
        return Diagnosis(Kind.WRONG_AXIS, message)
    return None


def _mixes(case: Case) -> bool:
    """Whether the derivative of one sample depends on the dout of another, and should not."""
    out = case.e.run.outputs[0]
    if not out.ndim or out.shape[0] < 2 or case.t.shape[:1] != out.shape[:1]:
        return False
    one = np.zeros(out.shape)
    one[0] = 1.0
    vector = np.zeros(case.dout.size)
    vector[: out.size] = one.ravel()
    a, t = case.pulled(vector), case.true(vector)
    if a is None or t is None:
        return False
    bound = case.tiny * float(np.abs(t).max(initial=0))
    return bool(np.any(np.abs(a[1:]) > bound)) and not np.any(np.abs(t[1:]) > bound)


def _by_lines(case: Case) -> Diagnosis | None:
    """A factor of its own for each row, column or channel."""
    for axis in range(case.t.ndim):
        rest = tuple(i for i in range(case.t.ndim) if i != axis)
        known = case.known.all() and case.t.shape[axis] > 1 and case.t.size > case.t.shape[axis]
        square = (case.t**2).sum(axis=rest, keepdims=True)
        if not known or not square.all():
            continue
        ratio = (case.a * case.t).sum(axis=rest, keepdims=True) / square
        if case.explains(ratio * case.t):
            low, high = float(ratio.min()), float(ratio.max())
            message = (
                f"each index along {in_words((axis,), case.t.ndim)} has a factor of its own, from "
                f"{low:.4g} to {high:.4g}"
            )
            return Diagnosis(Kind.FACTOR, message)
    return None


PATTERNS = (
    _term,
    _local,
    _with_turned,
    _overwritten,
    _step,
    _response,
    _made_of,
    _sum_of,
    _product,
    _by_lines,
)
