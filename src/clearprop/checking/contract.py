"""What every layer promises beside right derivatives, and the checks of it.

`forward` repeats; `backward` repeats, is linear in `dout`, belongs to the last `forward`, and keeps
float32.
"""

from collections import deque
from types import FunctionType
from typing import Any

import numpy as np

from clearprop.checking import compare
from clearprop.checking.automatic import open_forward
from clearprop.checking.case import Case
from clearprop.checking.copies import fingerprint, generator_states, random_fingerprint, same_draws
from clearprop.checking.evidence import Evidence, index_at
from clearprop.checking.findings import Kind, beside
from clearprop.checking.nests import hanging, spoken
from clearprop.checking.pairing import Place, stems
from clearprop.checking.passes import told
from clearprop.checking.run import LayerRaised, Run, numbers
from clearprop.graph.parameters import Path
from clearprop.graph.passing import has_infer


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
    added = _added(e, first, second, third)
    for name in e.analytic:
        if name in added or same(first[name], second[name]):
            continue
        one, two = first[name], second[name]
        if e.trial.accumulates and not (np.any(two) or np.any(third[name])):
            e.trial.assigned |= {place.path for place in e.trial.places[name]}
            continue
        e.reproducible = False
        if e.trial.accumulates and not same(third[name] - two, two - one, 1e-9):
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
        index = _worst(one, two)
        values: dict[str, Any] = {"index": index, "analytic": float(two[index])}
        if drew:
            message = "backward draws random numbers of its own: run twice, it differs"
            e.fault(Kind.STOCHASTIC, message, name, **values)
        elif same(third[name] - two, two - one, 1e-9):
            message = (
                f"backward adds to {beside(name)}: run twice with the same dout, it gives "
                f"{two[index]:.6g} after {one[index]:.6g}"
            )
            e.fault(Kind.ACCUMULATES, message, name, **values)
        else:
            what = f"self.{spoken(min(changed, key=len))}" if changed else "what forward kept"
            message = f"backward changes {what}: run twice with the same dout, it differs"
            e.fault(Kind.IN_PLACE, message, name, **values)


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


def _worst(one: np.ndarray, other: np.ndarray) -> tuple[int, ...]:
    return index_at(np.argmax(np.abs(one - other)), one.shape)


def linear_in_dout(e: Evidence) -> None:
    """Run `backward` under another, much larger `dout`: the derivatives must follow it."""
    names = [name for name in e.analytic if name not in e.faulty]
    if not names:
        return
    other = -1000 * np.abs(e.random_dout()) * np.sign(e.dout)
    second = e.pull(other)
    true = e.true(other) if e.opened else {}
    if not true:
        # Without true derivatives, the sum of two must be the derivative of the sum.
        both = e.pull(e.dout + other)
        true = {name: both[name] - e.pull(e.dout)[name] for name in names}
    for name in names:
        compare.second_opinion(Case(e, name, second[name], true[name], other))


def nothing_stale(e: Evidence) -> None:
    """Run on other values first, beside and between: `backward` belongs to the last `forward`."""
    if not e.reproducible or not e.analytic:
        return
    fresh = e.pull(e.dout)
    for inputs in (_shuffled(e), e.trial.batch(1, None)):
        if inputs is not None and (found := _after_another_call(e, inputs)):
            _compare(
                e,
                found,
                fresh,
                "after forward on other inputs and then on these, backward gives another "
                "derivative than after these alone: it uses a value kept from an earlier call",
            )
    _compare(
        e,
        _beside_another(e),
        fresh,
        "with two such layers at work, backward gives another derivative: it uses what the other "
        "one kept, on the class or in the module",
        remedy="keep values on self, for each layer its own",
    )
    _compare(
        e,
        *_after_an_update(e),
        "after the parameters were changed in place, as an optimiser does, it is no longer right: "
        "backward uses a copy that was made of them earlier",
        rtol=e.within(1e-6),
    )


def _compare(
    e: Evidence, found: Any, due: Any, message: str, rtol: float = 1e-11, **more: Any
) -> None:
    kinks = {f.argument for f in e.findings if f.kind is Kind.KINK}
    kinks |= {name for name, mask in e.misread.items() if mask.any()}
    for name in e.analytic if found else ():
        one, other = found[name], due[name]
        if (
            name in {*e.faulty, *kinks}
            or not np.isfinite(other).all()
            or same(one, other, max(rtol, 1e-5 * (name in e.roughly)))
        ):
            continue
        fits = one.shape == other.shape
        index = _worst(one, other) if fits else None
        value = float(one[index]) if fits else None
        e.fault(Kind.STALE, message, name, index=index, analytic=value, **more)


def _after_another_call(e: Evidence, inputs: list[Any]) -> Any:
    try:
        first = e.trial.run(inputs=inputs)
        first.derivatives(e.rng.uniform(0.5, 1.5, first.vector.size))
    except LayerRaised:
        return None
    try:
        run = e.trial.run(layer=first.layer)
        if not same(run.vector, e.out):
            message = "forward gives something else after a call with other inputs"
            e.fault(Kind.STALE, message, "output")
            return None
        return run.derivatives(e.dout)
    except LayerRaised as raised:
        message = f"after a call with an output of shape {first.outputs[0].shape}, this one raises "
        e.fault(Kind.STALE, message + told(raised.error))
        return None


def _beside_another(e: Evidence) -> Any:
    """Run a second layer of the class between forward and backward of the first.

    What is made of closures has no second: copies share what these hold.
    """
    if isinstance(getattr(e.layer, "__dict__", {}).get("forward"), FunctionType):
        return None
    try:
        run = e.trial.run()
        e.trial.run(inputs=_shuffled(e))
        return run.derivatives(e.dout)
    except LayerRaised:
        return None


def _after_an_update(e: Evidence) -> tuple[Any, Any]:
    """Change the parameters, as training does: nothing made from the old ones may be used."""
    arguments = e.trial.arguments.items()
    values = {
        n: a.value * e.rng.uniform(0.8, 1.2, a.value.shape)
        for n, a in arguments
        if a.slot and n in e.analytic  # others may be symmetric, say
    }
    opened = open_forward(e.trial, values) if values and e.opened else ""
    try:
        found = None if isinstance(opened, str) else e.trial.run(values).derivatives(e.dout)
    except LayerRaised:
        found = None
    return found, None if isinstance(opened, str) else opened.derivatives(e.dout)


def _shuffled(e: Evidence) -> list[Any]:
    """Other inputs of the same kind: the same values at other places."""
    trial, found = e.trial, []
    for i, x in enumerate(trial.inputs):
        other = x
        if isinstance(x, np.ndarray) and x.size:
            if i in trial.float_places:
                other = e.rng.permutation(x.reshape(-1)).reshape(x.shape)
                other = 0.9 * x if np.array_equal(other, x) else other
            elif x.ndim:
                other = e.rng.permutation(x, axis=0)
        found.append(other)
    return found


def keeps_float32(e: Evidence) -> None:
    """float32 goes in: float32 must come out, forward and backward.

    A layer that was given float64 and would turn float32 into float64 is told so, and not failed:
    one `np.sqrt(2)` or `mask * 1.0` in a formula is enough for that.
    """
    try:
        trial = e.trial.variant(e.trial.inputs, np.float32)
        run = trial.run()
        if not all(out.dtype.kind == "f" for out in run.outputs):
            return
        wide = [out.dtype for out in run.outputs if out.dtype.itemsize > 4]
        if wide and trial.from_integers and not trial.float_places:
            return
        if wide and not isinstance(run.raw, float):
            message = f"with float32 inputs and parameters, forward gives {wide[0]}"
            e.fault(Kind.DTYPE, message, "output", fault=_has_float32(e))
            return
        if has_infer(trial.layer):
            again = trial.outputs(trial.call(trial.copy(), trial.inputs, "infer"))
            if any(np.asarray(out).dtype.itemsize > 4 for out in again):
                message = "with float32 inputs and parameters, infer gives float64"
                e.fault(Kind.DTYPE, message, "infer", fault=_has_float32(e))
        run.backward(run.douts(e.dout))
        found = {name: run.derivative(name) for name in e.analytic}
    except LayerRaised:
        return
    for name, given in found.items():
        dtype, weak = numbers(given).dtype, type(given) in (float, int)
        if dtype.kind == "f" and dtype.itemsize > 4 and name not in e.faulty and not weak:
            message = f"with float32 inputs and parameters, its derivative is {dtype}"
            e.fault(Kind.DTYPE, message, name, fault=_has_float32(e))


def _has_float32(e: Evidence) -> bool:
    """Whether the layer was given in float32, at least in part, and does not mix it with others."""
    values = [*e.inputs, *(slot.get(e.layer) for slot in e.trial.slots)]
    mixes = e.eps > np.finfo(np.float64).eps
    return not mixes and any(getattr(value, "dtype", None) == np.float32 for value in values)
