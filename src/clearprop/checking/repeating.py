"""Whether forward and backward give the same a second time, on the same copy of the layer."""

import re
from collections import deque
from typing import Any

import numpy as np

from clearprop.checking.copies import fingerprint, generator_states, random_fingerprint, same_draws
from clearprop.checking.evidence import Evidence, index_at
from clearprop.checking.findings import Kind, beside
from clearprop.checking.interface import clearing
from clearprop.checking.nests import hanging, spoken
from clearprop.checking.pairing import Place, stems
from clearprop.checking.passes import told
from clearprop.checking.run import LayerRaised, Run
from clearprop.graph.parameters import Path

RESETS = re.compile(
    r"(?i)_*(re_?set|clear|init|forget|zero)_?(\w*_)?(state|hidden|memory|memories|carry|cell)s?|reset"
)
"""Names of methods after which a layer that keeps its state on purpose begins anew."""
CARRIES = re.compile(r"(?i)(is_)?stateful|(keep|carry|remember)_?(state|hidden)?s?|persistent")
"""Names of what says that it keeps it."""


def same(one: np.ndarray, other: np.ndarray, rtol: float = 1e-11) -> bool:
    """Whether two arrays agree to rounding."""
    if one.shape != other.shape:
        return False
    if np.array_equal(one, other, equal_nan=True):
        return True
    size = max(float(np.max(np.abs(one), initial=0)), float(np.max(np.abs(other), initial=0)))
    return bool(np.all(np.abs(one - other) <= rtol * size))


def forward_repeats(e: Evidence) -> None:
    """Run `forward` a second time on the same copy of the layer."""
    trial = e.trial
    layer = trial.copy()
    held = generator_states(layer)
    before = random_fingerprint()
    try:
        with same_draws():
            Run(trial, layer, {}, None)
            trial.draws = random_fingerprint() != before
        drew = generator_states(layer) != held
        again = trial.run(layer=layer).vector
    except LayerRaised as raised:
        message = f"forward works once and raises the second time: {told(raised.error)}"
        e.stop(Kind.STATEFUL, message)
    if not same(trial.run().vector, e.out):
        e.stop(
            Kind.STOCHASTIC,
            "forward draws random numbers that cannot be repeated: twice the same inputs give "
            "different outputs, so no derivative can be checked",
        )
    e.reproducible = same(again, e.out)
    if trial.draws or drew:
        source = "the global random state" if trial.draws else "its own generator"
        message = f"forward draws from {source}; its derivatives were compared with the draw held"
        e.fault(Kind.STOCHASTIC, message, fault=False)
    elif not e.reproducible and (names := _counts(e)):
        message = f"forward counts its calls in self.{names[0]}; it was put back for each run"
        e.fault(Kind.INTERFACE, message, fault=False)
    elif not e.reproducible and (how := _begins_anew(e)):
        message = f"forward goes on from what it kept; each run began anew, as after {how}"
        e.fault(Kind.INTERFACE, message, fault=False)
    elif not e.reproducible:
        e.fault(
            Kind.STATEFUL,
            "forward gives something else the second time, for the same inputs and parameters: "
            "it depends on what it kept from the first",
        )


def _counts(e: Evidence) -> list[str]:
    """The whole numbers on a layer that its calls change, as of a schedule or of running values.

    None if it does not repeat once they and the arrays that it only keeps are what they were.
    """
    layer = e.trial.copy()
    learned = {path for slot in e.trial.slots for path in slot.paths}
    before = {
        name: value.copy() if isinstance(value, np.ndarray) else value
        for name, value in getattr(layer, "__dict__", {}).items()
        if (isinstance(value, int | float) and value == round(value))
        or (isinstance(value, np.ndarray) and (name,) not in learned)
    }
    e.trial.run(layer=layer)
    counts = [k for k, v in before.items() if not np.ndim(v) and getattr(layer, k, v) != v]
    for name, value in before.items() if counts else ():
        setattr(layer, name, value)
    return counts if counts and same(e.trial.run(layer=layer).vector, e.out) else []


def _begins_anew(e: Evidence) -> str:
    """What a layer has to begin anew, where it goes on from its state on purpose; or ""."""
    kept = {n for n, value in getattr(e.layer, "__dict__", {}).items() if value is True}
    ways = [(n, "()") for n in dir(type(e.layer)) if RESETS.fullmatch(n)]
    ways += [(n, " = False") for n in kept if CARRIES.fullmatch(n)]
    for name, how in ways:
        layer = e.trial.copy()
        try:
            if how == "()":
                e.trial.run(layer=layer)
                getattr(layer, name)()
            else:
                setattr(layer, name, False)
                e.trial.run(layer=layer)
            if same(e.trial.run(layer=layer).vector, e.out):
                return name + how
        except Exception:  # it wants arguments, or does something else
            continue
    return ""


def backward_repeats(e: Evidence) -> None:
    """Run `backward` three times after one `forward`."""
    if any(f.fault and f.kind is Kind.IN_PLACE for f in e.findings):
        e.reproducible = False  # what is written into explains every difference
        return
    if not e.analytic:
        return
    run = e.trial.run()
    held = generator_states(run.layer)
    try:
        with same_draws(run.state):
            run.state = None  # each time it goes on drawing, if it draws
            before, stacks = random_fingerprint(), _lengths(run)
            first = run.derivatives(e.dout)
            used_up = any(n < stacks[key] for key, n in _lengths(run).items() if key in stacks)
            drew = random_fingerprint() != before or generator_states(run.layer) != held
            kept = _kept(run)
            second, third = run.derivatives(e.dout), run.derivatives(e.dout)
    except LayerRaised as raised:
        e.reproducible = False
        message = "backward works once after each forward; a second time it raises "
        e.fault(Kind.STATEFUL, message + told(raised.error), fault=False)
        return
    added, replaced = _added(e, first, second, third), set[str]()
    for name in e.analytic:
        if name in added or same(first[name], second[name]):
            continue
        one, two = first[name], second[name]
        if e.trial.accumulates and not (np.any(two) or np.any(third[name])):
            e.trial.assigned |= {place.path for place in e.trial.places[name]}
            replaced |= {name} if np.any(one) else set()
            continue
        e.reproducible = False
        moves = e.trial.accumulates or e.trial.updates
        if moves and not same(third[name] - two, two - one, 1e-9):
            message = "backward works once after each forward: it keeps a count of its own"
            e.fault(Kind.STATEFUL, message, fault=False)
            return
        if used_up:
            message = "backward works once after each forward: it uses up what that kept in a list"
            e.fault(Kind.STATEFUL, message, fault=False)
            return
        changed = [path for path, value in _kept(run).items() if kept.get(path) != value]
        if changed and all(_is_beside(Place("held", path)) for path in changed):
            message = "backward works once after each forward: it adds to derivatives on its nodes"
            e.fault(Kind.STATEFUL, message, fault=False)
            return
        if one.shape != two.shape:
            message = f"the second time, backward gives the shape {two.shape}"
            e.fault(Kind.STATEFUL, message, name)
            continue
        index = worst(one, two)
        values: dict[str, Any] = {"index": index, "analytic": float(two[index])}
        if drew:
            message = "backward draws random numbers of its own: run twice, it differs"
            e.fault(Kind.STOCHASTIC, message, name, **values)
        elif same(third[name] - two, two - one, 1e-9):
            _adds(e, name, one, two)
        else:
            what = f"self.{spoken(min(changed, key=len))}" if changed else "what forward kept"
            message = f"backward changes {what}: run twice with the same dout, it differs"
            e.fault(Kind.IN_PLACE, message, name, **values)
    if not clearing(e.trial.layer):
        _of_two_minds(e, first, replaced)


def _of_two_minds(e: Evidence, first: dict[str, np.ndarray], replaced: set[str]) -> None:
    """Tell a `backward` that adds to derivatives of some parameters, and replaces those of others.

    Whoever does so on purpose, as something else sets them to 0, does so with all.
    """
    slots = {n: e.trial.arguments[n].slot for n in e.analytic}
    if any(slots[n] for n in replaced):
        for name in [n for n in e.analytic if slots[n] and n not in replaced and np.any(first[n])]:
            _adds(e, name, first[name], 2 * first[name])


def _adds(e: Evidence, name: str, one: np.ndarray, two: np.ndarray) -> None:
    index = worst(one, two)
    message = (
        f"backward adds to {beside(name)}: run twice with the same dout, it gives "
        f"{two[index]:.6g} after {one[index]:.6g}"
    )
    e.fault(Kind.ACCUMULATES, message, name, index=index, analytic=float(two[index]))


def _added(e: Evidence, first: Any, second: Any, third: Any) -> list[str]:
    """The arguments beside which backward adds to their derivatives, as in `W.grad`.

    Whoever keeps them there sets them to 0 from outside, before the next batch.
    """
    trial = e.trial
    own = {n: trial.places[n] for n in e.analytic if n in trial.places}
    added = [
        n
        for n in own
        if np.any(first[n]) and all(map(_is_beside, own[n])) and same(second[n], 2 * first[n], 1e-9)
        if same(third[n], 3 * first[n], 1e-9)
    ]
    if trial.accumulates or not added:
        return []
    trial.accumulates = True
    trial.assigned = {place.path for n in own if n not in added for place in own[n]}
    where = f"self.{spoken(own[added[0]][0].path)}"
    message = (
        f"backward adds to the derivatives that it finds, as in {where}; what one "
        "call adds was compared. Set them to 0 before the next batch"
    )
    e.fault(Kind.INTERFACE, message, fault=False)
    return added


def _is_beside(place: Place) -> bool:
    return place.kind == "held" and len(place.path) > 1 and "" in stems(place.path[-1])


def _lengths(run: Run) -> dict[str, int]:
    """How much stands in the lists and mappings that the layer holds."""
    held = getattr(run.layer, "__dict__", {}).items()
    return {key: len(value) for key, value in held if isinstance(value, list | dict | deque)}


def _kept(run: Run) -> dict[Path, Any]:
    """The arrays that hang on the layer at any depth, without the derivatives, to be compared."""
    derived = {place.path for places in run.trial.places.values() for place in places}
    derived |= {(f"d{name}",) for name in (*run.trial.arguments, *run.trial.input_names)}
    return {
        path: fingerprint(value)
        for path, value in hanging(run.layer).items()
        if isinstance(value, np.ndarray) and path not in derived
    }


def worst(one: np.ndarray, other: np.ndarray) -> tuple[int, ...]:
    """The element at which two arrays are furthest apart."""
    return index_at(np.argmax(np.abs(one - other)), one.shape)
