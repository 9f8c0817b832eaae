"""The first forward and the first backward pass: what can go wrong before anything is compared."""

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.checking.anomaly import Anomaly, finite, first_anomaly
from clearprop.checking.arguments import CONSTANT_NAMES
from clearprop.checking.copies import fingerprint
from clearprop.checking.evidence import Evidence, first_true
from clearprop.checking.findings import Kind, beside
from clearprop.checking.trial import LayerRaised, Run, Trial, numbers, takes
from clearprop.layers import Layer

HERE = Path(__file__).parent


def first_forward(e: Evidence) -> Run:
    """Run `forward`, and refuse what nothing could be compared with."""
    trial = e.trial
    if not callable(getattr(trial.layer, "forward", None)):
        e.stop(Kind.MISSING, f"{trial.kind} has no forward(); there is nothing to check")
    if isinstance(getattr(trial.layer, "params", ()), str):
        params = trial.layer.params
        e.fault(
            Kind.UNDECLARED,
            f"params is the text {params!r}, not a tuple of names; write params = ({params!r},)",
        )
    for name, argument in trial.arguments.items():
        if not finite(argument.value):
            bad = first_true(~np.isfinite(argument.value))
            message = f"{name} holds {argument.value[bad]}; it must be finite to be checked"
            e.stop(Kind.NOT_FINITE, message, name, index=bad)
    try:
        run = trial.run()
    except LayerRaised as raised:
        try:  # floats made of integers may be indices: once more with what they were
            run = trial.run() if trial.keep_integers() else None
        except LayerRaised:
            run = None
        if run is None:
            e.stop(Kind.RAISES, f"forward raises {told(raised.error)}")
    if trial.made_on_the_way(run.layer):
        run = trial.run()
    _check_outputs(e, run)
    written = [
        trial.input_names[i]
        for i, (x, kept) in enumerate(zip(run.inputs, trial.inputs, strict=True))
        if isinstance(x, np.ndarray) and fingerprint(x) != fingerprint(kept)
    ]
    written += _changed_parameters(trial, run.layer)
    for name in written:
        e.fault(Kind.IN_PLACE, f"forward writes into {name}, which belongs to its caller", name)
    return run


def _changed_parameters(trial: Trial, layer: Any) -> list[str]:
    return [
        name
        for name, a in trial.arguments.items()
        if a.slot and fingerprint(a.slot.get(layer)) != fingerprint(a.value)
    ]


def _check_outputs(e: Evidence, run: Run) -> None:
    if run.raw is None:
        e.stop(Kind.MISSING, "forward returns nothing (None); it lacks a return", "output")
    for out in run.outputs:
        kind = out.dtype.kind
        if kind == "c":
            e.stop(Kind.COMPLEX, "forward returns complex numbers", "output")
        if kind in "iub":
            message = f"forward returns integers ({out.dtype}), which have no derivative"
            e.stop(Kind.INTEGER, message, "output")
        if kind != "f":
            message = f"forward returns something that is not an array of numbers ({out.dtype})"
            e.stop(Kind.DTYPE, message, "output")
        if not np.isfinite(out).all():
            bad = first_true(~np.isfinite(out))
            anomaly = find_anomaly(e)
            message = f"forward gives {out[bad]}" + (f": {anomaly}" if anomaly else "")
            e.stop(Kind.NOT_FINITE, message, "output", index=bad)
        if out.dtype.itemsize < e.trial.dtype.itemsize:
            message = f"forward turns {e.trial.dtype} into {out.dtype}"
            e.fault(Kind.DTYPE, message, "output")


def find_anomaly(e: Evidence) -> Anomaly | None:
    """Where a value that is not finite came from, as far as the layer can be opened."""
    try:
        return first_anomaly(e.trial.layer, *e.trial.inputs)
    except Exception:  # whatever the layer raises on Variables
        return None


def first_backward(e: Evidence) -> None:
    """Run `backward`, see what came back, and keep what can be compared in `e.analytic`."""
    run = e.trial.run()
    douts = run.douts(e.dout)
    if not takes(run.layer.backward, 1) and not takes(run.layer.backward, len(douts)):
        e.stop(Kind.RAISES, "backward does not take dout: def backward(self, dout)", "dout")
    dout = "dout, which belongs to its caller"
    held = [("dout", dout, d) for d in douts]
    held += (("output", "the output that forward gave", out) for out in run.outputs)
    held += ((n, n, x) for n, x in zip(e.trial.input_names, run.inputs, strict=True))
    kept = [fingerprint(value) for *_, value in held]
    try:
        given, set_for = run.backward(douts)
    except LayerRaised as raised:
        shapes = ", ".join(str(out.shape) for out in run.outputs)
        message = f"backward raises {told(raised.error)}, given dout of the output's shape {shapes}"
        e.stop(Kind.RAISES, message, "dout")
    changed = _changed_parameters(e.trial, run.layer)
    if e.trial.infer_parameters(run.layer):
        set_for = {n: a.slot.derivative(run.layer) for n, a in e.trial.arguments.items() if a.slot}
        kept_names = tuple(a.slot.name for a in e.trial.arguments.values() if a.slot)
        if isinstance(e.trial.layer, Layer):
            e.fault(
                Kind.UNDECLARED,
                f"it keeps {', '.join(kept_names)} like parameters but does not declare them; "
                f"write params = {kept_names!r} in the class, or training will not change them",
            )
    for (name, what, value), before in zip(held, kept, strict=True):
        if fingerprint(value) != before and (name == "output" or name not in e.faulty):
            e.fault(Kind.IN_PLACE, f"backward writes into {what}", name)
    for name in changed:
        message = f"backward changes the parameter {name}; that is the optimiser's work"
        e.fault(Kind.IN_PLACE, message, name)
    _sort(e, run, given, set_for)


def _sort(e: Evidence, run: Run, given: Sequence[Any], set_for: Mapping[str, Any]) -> None:
    """Put each derivative with its argument, and say which are missing or no numbers."""
    trial = e.trial
    inputs_fit = len(given) == len(trial.inputs) or trial.resolve(len(given))
    if len(given) == len(trial.inputs):
        _leave_out_constants(trial, given)
    nothing_due = not trial.float_places and given in ((), (None,))
    if not inputs_fit and not nothing_due:
        inputs = ", ".join(trial.input_names[i] for i in trial.float_places) or "none"
        extra = ""
        if len(given) > len(trial.float_places) and trial.slots:
            extra = "; the derivatives of parameters are not returned but set, as in self.dW = …"
        message = (
            f"backward returned {len(given)} derivatives for {len(trial.float_places)} inputs "
            f"({inputs}){extra}"
        )
        e.fault(Kind.COUNT, message)
        trial.float_places = []
        trial.list_arguments()
    for name, raw in run.sorted(given, set_for).items():
        if _is_number_array(e, name, raw, trial.arguments[name].slot is not None):
            e.analytic[name] = numbers(raw)


def _leave_out_constants(trial: Trial, given: Sequence[Any]) -> None:
    """What `backward` gives `None` for has no derivative, if its name or dtype says so too."""
    if trial.declared_constants is not None:
        return
    trial.float_places = [
        i
        for i in trial.float_places
        if not (
            given[i] is None
            and (trial.input_names[i] in CONSTANT_NAMES or i in trial.were_integers)
        )
    ]
    trial.list_arguments()


def _is_number_array(e: Evidence, name: str, raw: Any, is_parameter: bool) -> bool:
    if raw is None:
        never = f"backward never sets {beside(name)}"
        e.fault(Kind.MISSING, never if is_parameter else "backward returns None for it", name)
        return False
    try:
        dtype = np.asarray(raw).dtype
    except ValueError:
        dtype = np.dtype(object)
    if dtype.kind == "c":
        e.fault(Kind.COMPLEX, "its derivative is made of complex numbers", name)
    elif dtype.kind not in "fiub":
        what = type(raw).__name__
        e.fault(Kind.DTYPE, f"its derivative is a {what}, not an array of numbers", name)
    elif not np.isfinite(array := numbers(raw)).all():
        index = first_true(~np.isfinite(array))
        e.fault(Kind.NOT_FINITE, f"backward gives {array[index]}", name, index=index)
    else:
        return True
    return False


def told(error: BaseException) -> str:
    """An exception in words: its kind, its text, and the line of the layer it came from."""
    text = " ".join(str(error).split()) or "without a message"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent != HERE and "numpy" not in Path(frame.filename).parts
    ]
    if not frames:
        return f"{type(error).__name__}: {text}"
    last = frames[-1]
    code = f": {last.line}" if last.line else ""
    where = f"line {last.lineno} of {Path(last.filename).name}{code}"
    return f"{type(error).__name__}: {text} ({where})"
