"""The first forward pass: what can go wrong before anything is differentiated."""

import inspect
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.checking.anomaly import Anomaly, finite, first_anomaly
from clearprop.checking.arguments import LEARNED, declares_parameters, positional
from clearprop.checking.copies import fingerprint
from clearprop.checking.dependence import find_undeclared
from clearprop.checking.evidence import Evidence, first_true
from clearprop.checking.findings import Kind
from clearprop.checking.interface import (
    Calling,
    assigned_names,
    calling,
    is_number,
    returned_names,
    returns,
)
from clearprop.checking.nests import leaves
from clearprop.checking.pairing import stems
from clearprop.checking.run import LayerRaised, Run, takes
from clearprop.checking.sources import NOT_THEIRS
from clearprop.checking.trial import Trial
from clearprop.layers import Layer

OWNERS = ("this", "me", "s", "obj", "cls", "_")
"""What self may be called instead."""
WITH_SELF = "write self as the first argument of every method"


def lacks_self(cls: type, name: str) -> str:
    """In words, that a method takes no `self` where it was meant to; or ""."""
    method = inspect.getattr_static(cls, name, None)
    if not inspect.isfunction(method):
        return ""
    names = list(inspect.signature(method).parameters)
    takes_one = len(positional(method)) == len(names) == 1 and names[0] not in OWNERS
    if "self" in names or not (takes_one or "self" in method.__code__.co_names):
        return ""
    return f"{name} lacks self: write def {name}({', '.join(['self', *names])})"


def first_forward(e: Evidence) -> Run:
    """Run `forward`, and refuse what nothing could be compared with."""
    trial = e.trial
    for name in ("forward", "backward"):
        if bad := lacks_self(type(trial.layer), name):
            e.stop(Kind.RAISES, bad, remedy=WITH_SELF)
    if not callable(getattr(trial.layer, "forward", None)):
        e.stop(Kind.MISSING, f"{trial.kind} has no forward(); there is nothing to check")
    if why := getattr(trial.layer, "not_read", ""):
        e.stop(Kind.NOT_COMPARED, why, fault=False)
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
    run = _runs(e)
    if run.raw is None and (left := _left_in(trial, run)):
        trial.left_in = left
        run = trial.run()
        message = f"forward returns nothing; its result was taken from self.{left}"
        e.fault(Kind.INTERFACE, message, fault=False)
    if not trial.has_backward and (how := _back_in(trial, run)):
        trial.calling = how
        run = trial.run()
    elif isinstance(run.raw, Mapping) and len(run.raw) > 1 and not isinstance(trial.layer, Layer):
        trial.calling = replace(trial.calling, nested=True)
        run = trial.run()
    _check_outputs(e, run)
    if not trial.searched:
        run = _search(e, run)
    written = [
        trial.input_names[i]
        for i, (x, kept) in enumerate(zip(run.inputs, trial.inputs, strict=True))
        if isinstance(x, np.ndarray) and fingerprint(x) != fingerprint(kept)
    ]
    changed = changed_parameters(trial, run.layer)
    state = [name for name in changed if not LEARNED.fullmatch(name) and _is_found(trial, name)]
    if state:
        trial.slots = [slot for slot in trial.slots if slot.name not in state]
        trial.list_arguments()
        message = f"forward changes {', '.join(state)} itself, as state; it was held for each run"
        e.fault(Kind.INTERFACE, message, fault=False)
    for name in (*written, *(name for name in changed if name not in state)):
        e.fault(Kind.IN_PLACE, f"forward writes into {name}, which belongs to its caller", name)
    return run


def _runs(e: Evidence) -> Run:
    """Run `forward`, on other forms of the inputs too: floats made of integers may be indices."""
    trial, errors = e.trial, []
    for change in (lambda: True, trial.keep_integers, trial.arrays_of_lists, trial.keep_lists):
        try:
            if change():
                return trial.run()
        except LayerRaised as raised:
            errors.append(raised.error)
    if not takes(trial.layer.forward, len(trial.form)):
        wanted = ", ".join(p.name for p in positional(trial.layer.forward)) or "none"
        message = (
            f"forward takes other inputs ({wanted}) than the {len(trial.form)} that were given"
        )
        e.stop(Kind.RAISES, message)
    e.stop(Kind.RAISES, f"forward raises {told(errors[0])}")


def _left_in(trial: Trial, run: Run) -> str:
    """Where a forward that returns nothing leaves its result: the last array that it sets.

    Where `backward` does return something, forward lacks its return.
    """
    if isinstance(trial.layer, Layer) or returns(getattr(trial.layer, "backward", None)):
        return ""
    before = getattr(trial.layer, "__dict__", {})
    held = getattr(run.layer, "__dict__", {}).items()
    new = [
        name
        for name, x in held
        if isinstance(x, np.ndarray) and x.dtype.kind == "f"
        if not any(x is given for given in run.inputs)
        if name not in before or fingerprint(x) != fingerprint(before[name])
    ]
    order = [name for name in assigned_names(trial.layer.forward) if name in new]
    return order[-1] if order else new[0] if len(new) == 1 else ""


def _back_in(trial: Trial, run: Run) -> Calling | None:
    """How the derivatives are had that forward gives itself.

    Arrays, the derivatives, behind a number, as of a loss, or before it if they are called so; or
    last a function, its pullback.
    """
    if not isinstance(run.raw, tuple) or len(run.raw) < 2:
        return None
    if callable(run.raw[-1]) and all(is_number(x) for _, x in leaves(run.raw[:-1])):
        return replace(calling(run.raw[-1], trial.input_names), pulls=True)
    for at, others in ((0, run.raw[1:]), (-1, run.raw[:-1])):
        rest = [leaf for _, leaf in leaves(others)]
        one = is_number(run.raw[at]) and np.size(run.raw[at]) == 1
        some = any if isinstance(others[0], tuple | list | dict) else all
        if one and all(map(is_number, rest)) and some(map(np.ndim, rest)):
            how = Calling((), gives_both=True, loss_last=at < 0)
            return how if not at or _are_derivatives(trial, others) else None
    return None


def _are_derivatives(trial: Trial, arrays: Sequence[Any]) -> bool:
    """Whether what stands before a number are derivatives, by their names, of inputs or a loss."""
    forward = getattr(trial.layer, "signature", trial.layer.forward)
    *names, loss = returned_names(forward) or ("",)
    shapes = [np.shape(trial.inputs[i]) for i in trial.float_places]
    fit = all(np.shape(x) in shapes for x in arrays)
    named = (stems(name) & {"", loss, *trial.input_names} for name in names)
    return fit and len(names) == len(arrays) and all(named)


def _search(e: Evidence, run: Run) -> Run:
    """Find the arrays that the output depends on beside those that the layer declares."""
    trial, layer = e.trial, e.trial.layer
    trial.searched = True
    undeclared = find_undeclared(trial, run)
    if isinstance(layer, Layer):
        # What belongs to a class is the same for all its layers.
        undeclared = [slot for slot in undeclared if not hasattr(type(layer), slot.paths[0][0])]
    for slot in undeclared if isinstance(layer, Layer) else ():
        name = slot.paths[0][0]
        own = "an attribute of its own, in params" if slot.paths[0][1:] else f'params = ("{name}",)'
        e.fault(
            Kind.UNDECLARED,
            f"the output depends on self.{slot.name}, a float array {slot.get(layer).shape} that "
            f"its params, state, noise and fixed do not name, so that it would be left out of "
            f'training; write {own} to have it learned, or fixed = ("{name}",)',
            slot.name,
        )
    if undeclared and not (isinstance(layer, Layer) and declares_parameters(layer)):
        trial.slots += undeclared
        trial.list_arguments()
    return run if trial.layer is layer else trial.run()


def _is_found(trial: Trial, name: str) -> bool:
    """Whether nothing declares an argument: it was found to be there."""
    slot = trial.arguments[name].slot
    return slot is not None and not slot.declared


def changed_parameters(trial: Trial, layer: Any) -> list[str]:
    """The parameters of a layer that are no longer what they were in the trial."""
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
        if not out.ndim and out[()] is None:
            e.stop(Kind.MISSING, "forward returns None in place of an array", "output")
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


def find_anomaly(e: Evidence) -> Anomaly | None:
    """Where a value that is not finite came from, as far as the layer can be opened."""
    try:
        return first_anomaly(e.trial.layer, *e.trial.inputs)
    except Exception:  # whatever the layer raises on Variables
        return None


def told(error: BaseException) -> str:
    """An exception in words: its kind, its text, and the line of the layer it came from."""
    text = " ".join(str(error).split()) or "without a message"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(NOT_THEIRS) and "numpy" not in Path(frame.filename).parts
    ]
    if not frames:
        return f"{type(error).__name__}: {text}"
    last = frames[-1]
    code = f": {last.line}" if last.line else ""
    where = f"line {last.lineno} of {Path(last.filename).name}{code}"
    return f"{type(error).__name__}: {text} ({where})"
