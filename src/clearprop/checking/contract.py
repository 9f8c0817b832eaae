"""What every layer promises beside right derivatives, and the checks of it.

`backward` is linear in `dout`, belongs to the last `forward`, and keeps float32. That both repeat,
`repeating` sees.
"""

from types import FunctionType
from typing import Any

import numpy as np

from clearprop.checking import compare
from clearprop.checking.automatic import open_forward
from clearprop.checking.case import Case
from clearprop.checking.evidence import Evidence
from clearprop.checking.findings import Kind
from clearprop.checking.nests import hanging
from clearprop.checking.passes import told
from clearprop.checking.repeating import same, worst
from clearprop.checking.run import LayerRaised, number, numbers
from clearprop.checking.trial import Trial
from clearprop.graph.passing import has_infer


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
        index = worst(one, other) if fits else None
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


def after_an_update(e: Evidence) -> Trial | None:
    """Change the parameters, as training does: nothing made from the old ones may be used.

    Where it is then no longer right and uses no copy of them, it was right by chance, as where a
    scale is 1 and a shift 0: the trial with the others, for all that is told of it.
    """
    values = {n: v for n, v in e.trial.others_learned(e.rng).items() if n in e.analytic}
    opened = open_forward(e.trial, values) if values and e.opened and e.reproducible else ""
    if isinstance(opened, str):
        return None  # others than these may be symmetric, say
    try:
        found = e.trial.run(values).derivatives(e.dout)
        is_copy = _uses_a_copy(e, values, found)
    except LayerRaised:
        return None
    due, rtol = opened.derivatives(e.dout), e.within(1e-6)
    if is_copy:
        message = (
            "after the parameters were changed in place, as an optimiser does, it is no longer "
            "right: backward uses a copy that was made of them earlier"
        )
        _compare(e, found, due, message, rtol=rtol)
    elif any(not same(found[n], due[n], rtol) for n in e.analytic if np.isfinite(due[n]).all()):
        return e.trial.variant(e.trial.inputs, values=values)
    return None


def _uses_a_copy(e: Evidence, values: Any, found: Any) -> bool:
    """Whether backward uses arrays that the layer has from before, and forward does not."""
    layer = e.trial.copy()
    before = {path: np.array(x) for path, x in hanging(layer).items()}
    run = e.trial.run(values, layer)
    learned = [argument.slot.get(layer) for argument in e.trial.arguments.values() if argument.slot]
    derivatives = {place.path for places in e.trial.places.values() for place in places}
    kept = [
        x
        for path, x in hanging(layer).items()
        if isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.flags.writeable and x.size
        if path in before and path not in derivatives and np.array_equal(before[path], x)
        if not any(np.shares_memory(x, np.asarray(w)) for w in learned)
    ]
    for x in kept:
        x *= 1.1
        x += 0.1
    again = run.derivatives(e.dout) if kept else found
    if all(same(again[n], found[n]) for n in e.analytic):
        return False
    out = run.vector  # which this puts into arrays of its own
    return same(e.trial.run(values, layer).vector, out)


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
        # A loss that is a plain number is one of float64, and its dout no reason for others.
        run.backward([number(np.asarray(d, np.float32)) for d in run.douts(e.dout)])
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
