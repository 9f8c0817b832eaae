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
from clearprop.checking.passes import told
from clearprop.checking.repeating import same, worst
from clearprop.checking.run import LayerRaised, numbers
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
