"""The first backward pass: how it is called, and what came back."""

import copy
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from clearprop.checking.arguments import LEARNED, by_the_house
from clearprop.checking.copies import fingerprint
from clearprop.checking.evidence import Evidence, first_true
from clearprop.checking.findings import Found, Kind, beside
from clearprop.checking.interface import (
    RATE,
    UPDATE,
    Calling,
    Left,
    are_outputs,
    parts_of,
    returned_names,
)
from clearprop.checking.nests import hanging
from clearprop.checking.pairing import Place
from clearprop.checking.passes import changed_parameters, told
from clearprop.checking.placing import leave_out, may_end, place_derivatives
from clearprop.checking.probing import along, is_right
from clearprop.checking.readings import handed_back, otherwise, readings, turned
from clearprop.checking.run import LayerRaised, Run, numbers
from clearprop.checking.tables import why_fixed
from clearprop.graph.code import numbers_in
from clearprop.layers import Layer

Ran = tuple[Run, Any, dict[Any, Any], list[Any]]
PLAIN = (
    "write def backward(self, dout), which returns the derivatives of the inputs in order and sets "
    "self.dW for a parameter self.W; forward keeps what it needs"
)


def first_backward(e: Evidence) -> None:
    """Run `backward`, see what came back, and keep what can be compared in `e.analytic`."""
    trial = e.trial
    if reading := getattr(trial.layer, "reading", ""):
        e.fault(Kind.INTERFACE, reading, fault=False)
    run, found, before, held = _first_run(e)
    how = trial.calling
    for name, what, value, earlier in held:
        if fingerprint(value) != earlier and (name == "output" or name not in e.faulty):
            e.fault(Kind.IN_PLACE, f"backward writes into {what}", name)
    changed = [] if trial.updates else changed_parameters(trial, run.layer)
    for name, role in zip(how.names, how.roles, strict=False):
        if isinstance(role, Left):
            message = f"backward was given self.{role.name} as {name}"
            e.fault(Kind.INTERFACE, message, fault=False)
    if how.turned == "transposed":
        message = "backward takes dout transposed, and gives the derivatives of inputs transposed"
        e.fault(Kind.INTERFACE, message, fault=False)
    elif how.turned:
        message = "backward takes dout with an axis in front, and gives derivatives of inputs so"
        e.fault(Kind.INTERFACE, message, fault=False)
    if not trial.places:
        place_derivatives(e, run, found, before)
    _updates(e, run, changed)
    try:
        _each_sample(e, run)
        for name in [*trial.arguments]:
            raw = run.derivative(name)
            if _is_number_array(e, name, raw):
                e.analytic[name] = numbers(raw)
        for name, shape in trial.narrower.items():
            whole = trial.arguments[name].value.shape
            message = f"its derivative has the shape {shape}, which is taken for {whole}"
            e.fault(Kind.INTERFACE, message, name, fault=False)
    except LayerRaised as raised:
        _stop_raised(e, [raised])


def _first_run(e: Evidence) -> Ran:
    """Run `backward` in the first way in which it does not raise."""
    trial, errors, how = e.trial, list[LayerRaised](), e.trial.calling
    for way in _ways(e):
        try:
            return _called(e, way)
        except LayerRaised as raised:
            errors.append(raised)
    made_floats = not {*trial.were_integers}.isdisjoint(trial.float_places)
    if made_floats and trial.keep_integers():  # it counts with one, where forward does not
        trial.calling, e.run = how, trial.run()
        return _first_run(e)
    _stop_raised(e, errors)


def _called(e: Evidence, how: Calling) -> Ran:
    """Run `backward` for the first time: its result, what was before, and what it may not touch."""
    trial = e.trial
    trial.calling = how
    run = trial.run()
    if run.vector.size != e.out.size:
        e.run, e.out = trial.run(), run.vector
        e.dout = e.random_dout()
    douts = run.douts(e.dout)
    held = [("dout", "dout, which belongs to its caller", d) for d in douts]
    held += [("output", "the output that forward gave", out) for out in run.outputs]
    held += [(n, n, x) for n, x in zip(trial.input_names, run.inputs, strict=True)]
    kept = [(name, what, value, fingerprint(value)) for name, what, value in held]
    before = {path: fingerprint(value) for path, value in hanging(run.layer).items()}
    return run, run.backward(douts), before, kept


def _fits(e: Evidence, how: Calling, wholly: bool = False) -> bool:
    """Whether `backward` gives something that is right, if it is called like this.

    `wholly` asks that it gives the derivatives of all, right or wrong.
    """
    twin, trial = copy.copy(e), e.trial.variant(e.trial.inputs)
    trial.places, trial.slots, trial.narrower = {}, [*trial.slots], {}
    twin.trial, twin.findings, twin.rng = trial, [], copy.deepcopy(e.rng)
    twin._worker = None
    try:
        run, found, before, _ = _called(twin, how)
        place_derivatives(twin, run, found, before)
        given = {name: numbers(run.derivative(name)) for name in trial.places}
        for name in changed_parameters(trial, run.layer):
            argument = trial.arguments[name]
            step = argument.value - (argument.slot.get(run.layer) if argument.slot else 0)
            given.setdefault(name, step / UPDATE)
        if wholly and {*trial.arguments} - {*given}:
            return False
        return any(_is_right(twin, name, d) for name, d in given.items())
    except (LayerRaised, Found, ArithmeticError, LookupError, TypeError, ValueError):
        return False


def _is_right(e: Evidence, name: str, given: np.ndarray) -> bool:
    """Whether something is the derivative by an argument, along a direction, and not 0."""
    return bool(np.any(given) and is_right(e, name, given, e.sizes[name]))


def _each_sample(e: Evidence, run: Run) -> None:
    """See whether forward gives a loss a sample, and `backward` the derivative of their mean."""
    trial, out = e.trial, run.outputs[0]
    if trial.calling.takes_dout or out.ndim != 1 or trial.of_mean:
        return
    for name in [n for n in trial.arguments if n in trial.places]:
        d = np.asarray(run.derivative(name))
        if d.shape == trial.arguments[name].value.shape != out.shape and d.dtype.kind == "f":
            numeric, _ = along(e, name, e.sizes[name]).along(e.dout)
            if np.isclose(numeric, len(out) * np.sum(d * e.sizes[name]), rtol=1e-4):
                trial.of_mean = True
                message = (
                    "forward gives a loss a sample, and backward was taken for that of their mean"
                )
                e.fault(Kind.INTERFACE, message, fault=False)
            return


def _stop_raised(e: Evidence, errors: Sequence[LayerRaised]) -> NoReturn:
    # That a tuple of several dout is none of one array is of our making.
    raised = next((r for r in errors if "tuple" not in str(r.error)), errors[0])
    shapes = ", ".join(str(out.shape) for out in e.run.outputs)
    message = f"backward raises {told(raised.error)}, given dout of the output's shape {shapes}"
    if not e.trial.calling.takes_dout and isinstance(raised.error, TypeError):
        message = str(raised.error)
    e.stop(Kind.RAISES, message, "dout")


def _ways(e: Evidence) -> Iterator[Calling]:
    """The ways in which `backward` may be meant to be called; stop where there is none."""
    trial, how = e.trial, e.trial.calling
    if not how.takes_dout and isinstance(trial.layer, Layer):
        e.stop(Kind.RAISES, "backward does not take dout: def backward(self, dout)", "dout")
    raw = e.run.raw[:-1] if how.pulls else e.run.raw
    raw = raw[0] if how.pulls and len(raw) == 1 else raw
    inputs = [x for x in e.run.inputs if isinstance(x, np.ndarray)]
    forward = getattr(trial.layer, "signature", trial.layer.forward)
    douts = [name for name, role in zip(how.names, how.roles, strict=False) if role == "dout"]
    again = {*douts} & {*returned_names(forward)} if len(douts) > 1 else ()
    known = not how.unknown and len(douts) <= len(e.run.outputs) and len(again) in (0, len(douts))
    if known and not (how.guessed and not all(are_outputs(parts_of(raw), inputs))):
        if len(how.guessed) == len(how.names) == 1:  # a slope at the input, or a backward of dout
            of_dout = replace(how, roles=("dout",), guessed=frozenset())
            if not _fits(e, how):
                how = of_dout if _fits(e, of_dout) else how
                message = (
                    f"backward was read as the slope at {trial.input_names[0]}, to be times dout"
                )
                if how is not of_dout:
                    e.fault(Kind.INTERFACE, message, fault=False)
        yield from _fitting_first(e, [*handed_back(how, raw, returned_names(forward)), how])
        if not isinstance(trial.layer, Layer):
            others = [*otherwise(how, e.run, returned_names(forward))]
            yield from _fitting_first(e, others)
            yield from (other for other in turned(how, raw) if _fits(e, other, wholly=True))
        return
    ways = [*readings(how, raw, inputs, returned_names(forward))]
    yield from _fitting_first(e, ways)
    what = ", ".join(how.unknown) or f"{how.roles.count('dout')} derivatives"
    message = f"backward wants {what}, which was not understood, so that nothing was compared"
    message += "; write def backward(self, dout)"
    e.stop(Kind.NOT_COMPARED, message, fault=False, remedy=PLAIN)


def _fitting_first(e: Evidence, ways: list[Calling]) -> list[Calling]:
    return sorted(ways, key=lambda way: not _fits(e, way)) if ways[1:] else ways


def _updates(e: Evidence, run: Run, changed: list[str]) -> None:
    """Tell a `backward` that is its own optimiser from one that spoils the parameters."""
    trial = e.trial
    rates = [
        float(value)
        for path, value in hanging(run.layer).items()
        if RATE.fullmatch(str(path[-1])) and isinstance(value, float | int) and value
    ]
    rate = UPDATE if trial.calling.updates else rates[0] if rates else _rate(e, run, changed)
    steps = {}
    for name in changed:
        argument = trial.arguments[name]
        step = argument.value - (argument.slot.get(run.layer) if argument.slot else 0)
        steps[name] = step, np.asarray(run.derivative(name))  # of another shape where it is None
    if not by_the_house(trial.layer) and _descends(list(steps.values())):
        rate, steps = rate or 1.0, {}  # by what it keeps: Adam, or some other
    for name, (step, given) in steps.items():
        fits = given.dtype.kind == "f" and given.shape == step.shape
        if fits and not rate and not by_the_house(trial.layer):
            rate = float(np.sum(given * step)) / (float(np.sum(np.square(given))) or 1.0)
        if not rate or (fits and not np.allclose(step, rate * given)):
            message = f"backward changes the parameter {name}; that is the optimiser's work"
            e.fault(Kind.IN_PLACE, message, name)
            return
    if changed:
        trial.updates = rate
        for name in changed:
            trial.places.setdefault(name, (Place("update"),))
        run.put_back()
        message = f"backward updates {', '.join(changed)} itself; for the check they were put back"
        e.fault(Kind.INTERFACE, message, fault=False)


def _descends(steps: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether every number that has changed went against its derivative, which is no accident."""
    if any(given.dtype.kind != "f" or given.shape != step.shape for step, given in steps):
        return False
    ways = [np.sign(step * given) for step, given in steps]
    return all((way >= 0).all() for way in ways) and sum(way.sum() for way in ways) > 7


def _rate(e: Evidence, run: Run, changed: list[str]) -> float:
    """The number on the layer, in backward, or 1, by which it steps along a true derivative."""
    held = [1.0, *(x for x in hanging(run.layer).values() if isinstance(x, float) and x)]
    held += filter(None, numbers_in(getattr(type(run.layer), "backward", None)))
    for name in changed if held and not by_the_house(e.trial.layer) else ():
        argument, v = e.trial.arguments[name], e.sizes[name]
        step = argument.value - (argument.slot.get(run.layer) if argument.slot else 0)
        dout = e.dout if e.trial.calling.takes_dout else np.ones_like(e.dout)
        numeric, _ = along(e, name, v).along(dout)
        for rate in held if numeric else ():
            if np.isclose(float(np.sum(step * v)), rate * numeric, rtol=1e-4):
                return rate
    return 0.0


def _is_number_array(e: Evidence, name: str, raw: Any) -> bool:
    if raw is None:
        _missing(e, name)
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


def _says_none(layer: Any) -> bool:
    """Whether it is written that `backward` returns nothing, as of the first layer of a network."""
    try:
        return "return None" in inspect.getsource(layer.backward)
    except (AttributeError, OSError, TypeError):
        return False


def _is_set(e: Evidence, name: str) -> bool:
    """Whether an array may be set and not learned, though its name is one of those that are.

    It belongs to the class; or nothing is learned, and it stands in a loss, or it is a vector of
    `weights`, of samples, classes or nodes. A matrix W is always learned.
    """
    arguments, places = e.trial.arguments, e.trial.places
    argument = arguments[name]
    assert argument.slot
    step = argument.slot.paths[0][0]
    if isinstance(step, str) and step not in getattr(e.layer, "__dict__", {step: 0}):
        return hasattr(type(e.layer), step)
    derived = [arguments[n].slot for n in places if n in arguments]
    if not derived or any(derived):
        return False
    if argument.value.ndim > 1:
        return e.out.size == 1 and not name.strip("_").lower().startswith("w")
    return e.out.size == 1 or name.strip("_") == "weights"


def _is_table(e: Evidence, name: str) -> bool:
    """Whether an array is made by a formula, such as the angles that a place is turned by."""
    slot = e.trial.arguments[name].slot
    paths = slot.paths if slot else ()
    return any("formula" in why_fixed(e.trial.layer, path) for path in paths)


def _is_fixed(e: Evidence, name: str) -> str:
    """Why an array that has no derivative need not have one, in words; "" where it may."""
    argument, size = e.trial.arguments[name], e.sizes[name]
    assert argument.slot
    said = [why for path in argument.slot.paths if (why := why_fixed(e.trial.layer, path))]
    if said:
        return f"self.{name} {said[0]}"
    steps = np.random.default_rng(0).choice([-1e-5, 1e-5], (2, *size.shape)) * size
    if all(_changes_nothing(e, name, step) for step in steps):
        return f"small changes of self.{name} change nothing"
    return ""


def _changes_nothing(e: Evidence, name: str, step: np.ndarray) -> bool:
    """Whether forward stays the same after a small step of an argument.

    What forward refuses then may have to keep its sum, as probabilities of a choice do.
    """
    x = e.trial.arguments[name].value
    out = e.forward(**{name: x + step})
    if np.isnan(out).all() and np.sum(x):
        out = e.forward(**{name: x + step - x * np.sum(step) / np.sum(x)})
    return np.array_equal(out, e.out)


def _missing(e: Evidence, name: str) -> None:
    slot = e.trial.arguments[name].slot
    learns = any(a.slot and n in e.trial.places for n, a in e.trial.arguments.items())
    begins = 0 not in e.trial.float_places  # with indices or the like: nothing is handed on
    if slot is None and (may_end(e) or begins) and learns:  # a model with its loss: all are data
        leave_out(e, [e.trial.input_names.index(name)])
    elif slot is None and _says_none(e.trial.layer):
        message = "backward says that it returns None, so that it was not compared"
        e.fault(Kind.NOT_COMPARED, message, name, fault=False)
    elif slot is None:
        e.fault(Kind.MISSING, "backward returns None for it", name)
    elif slot.declared or not (
        _is_set(e, name) or _is_table(e, name) or not LEARNED.fullmatch(name)
    ):
        e.fault(Kind.MISSING, f"backward never sets {beside(name)}", name)
    elif (why := _is_fixed(e, name)) and not slot.declared:
        e.leave(slot)
        message = f"{why}, and backward sets no derivative, so that it was taken for fixed"
        e.fault(Kind.INTERFACE, message, name, fault=False)
    elif not any(f.argument == name for f in e.findings):
        message = (
            f"the output depends on self.{name}, {slot.get(e.trial.layer).shape}, and no "
            "derivative was found that belongs to it, so that it was not compared; if it is not "
            f"learned, write fixed = ({name!r},) in the class"
        )
        remedy = (
            f"let backward set {beside(name)}, and declare it: params = ({name!r},); or say that "
            f"it is not learned: fixed = ({name!r},)"
        )
        e.fault(Kind.NOT_COMPARED, message, name, fault=False, remedy=remedy)
