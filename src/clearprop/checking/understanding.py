"""The first backward pass: what came back, and which argument each derivative belongs to."""

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NoReturn

import numpy as np

from clearprop.checking.arguments import CONSTANT_NAMES, DATA, LEARNED, TRUTH_NAMES
from clearprop.checking.copies import fingerprint
from clearprop.checking.evidence import Evidence, first_true
from clearprop.checking.findings import Kind, beside
from clearprop.checking.interface import (
    RATE,
    UPDATE,
    Calling,
    are_outputs,
    parts_of,
    returned_names,
)
from clearprop.checking.nests import computed, hanging
from clearprop.checking.pairing import Place, Wanted, is_bare, pair
from clearprop.checking.passes import changed_parameters, told
from clearprop.checking.probing import along
from clearprop.checking.run import LayerRaised, Run, numbers
from clearprop.checking.trial import Trial
from clearprop.layers import Layer

MANY = 12
"""Of so many inputs it is not tried out which have derivatives."""

PLAIN = (
    "write def backward(self, dout), which returns the derivatives of the inputs in order and sets "
    "self.dW for a parameter self.W; forward keeps what it needs"
)


def first_backward(e: Evidence) -> None:
    """Run `backward`, see what came back, and keep what can be compared in `e.analytic`."""
    trial = e.trial
    errors: list[LayerRaised] = []
    for how in _ways(e):
        trial.calling = how
        run = trial.run()
        if run.vector.size != e.out.size:
            e.run, e.out = trial.run(), run.vector
            e.dout = e.random_dout()
        douts = run.douts(e.dout)
        dout = "dout, which belongs to its caller"
        held = [("dout", dout, d) for d in douts]
        held += (("output", "the output that forward gave", out) for out in run.outputs)
        held += ((n, n, x) for n, x in zip(trial.input_names, run.inputs, strict=True))
        kept = [fingerprint(value) for *_, value in held]
        before = {path: fingerprint(value) for path, value in hanging(run.layer).items()}
        try:
            found = run.backward(douts)
            break
        except LayerRaised as raised:
            errors.append(raised)
    else:
        _stop_raised(e, errors)
    for (name, what, value), earlier in zip(held, kept, strict=True):
        if fingerprint(value) != earlier and (name == "output" or name not in e.faulty):
            e.fault(Kind.IN_PLACE, f"backward writes into {what}", name)
    changed = [] if trial.updates else changed_parameters(trial, run.layer)
    if not trial.places:
        _sort(e, run, found, before)
    _updates(e, run, changed)
    try:
        _each_sample(e, run)
        for name in [*trial.arguments]:
            raw = run.derivative(name)
            if _is_number_array(e, name, raw):
                e.analytic[name] = numbers(raw)
    except LayerRaised as raised:
        _stop_raised(e, [raised])


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
    raised, shapes = errors[0], ", ".join(str(out.shape) for out in e.run.outputs)
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
        yield how
        if not isinstance(trial.layer, Layer):
            yield from how.otherwise(raw, len(trial.form))
        return
    yield from how.readings(raw, inputs, returned_names(forward))
    what = ", ".join(how.unknown) or f"{how.roles.count('dout')} derivatives"
    message = f"backward wants {what}, which was not understood, so that nothing was compared"
    e.stop(Kind.NOT_COMPARED, message, fault=False, remedy=PLAIN)


def _sort(e: Evidence, run: Run, found: Any, before: dict[Any, Any]) -> None:
    """Find where each derivative is: among what was returned, or on the layer, by name."""
    trial, by_name = e.trial, isinstance(found, Mapping)
    _place_returned(e, run, [] if by_name else [*run.returned])
    own = {path for slot in trial.slots for path in slot.paths}
    on_it = {**hanging(run.layer), **computed(run.layer)}
    there = {Place("held", path): value for path, value in on_it.items() if path not in own}
    if by_name:
        there |= run.returned
    new = {p for p, v in there.items() if p.kind != "held" or before.get(p.path) != fingerprint(v)}
    if not trial.calling.gives_both:  # what forward calls G, and backward leaves alone, is no grad
        there = {p: v for p, v in there.items() if p in new or not (is_bare(p) and np.any(v))}
    wanted = _wanted(trial)
    places, notes = pair(wanted, there, frozenset(new))
    empty = isinstance(found, tuple | list) and not found and trial.float_places
    if empty and not any((n, 0) in places for n in trial.input_names):
        _wrong_count(e, [])
    uses = Counter(name for name, _ in (want.key for want in wanted))
    for name, count in uses.items():
        all_of_it = [places[name, i] for i in range(count) if (name, i) in places]
        if len(all_of_it) == count:
            trial.places[name] = tuple(all_of_it)
    rest = [i for i in trial.float_places if trial.input_names[i] not in trial.places]
    learned = by_name and trial.calling.takes_dout and trial.in_mappings
    if learned and not any(i in trial.in_mappings for i in rest):
        _leave_out(e, rest)  # derivatives by what is learned, and not by the data
    gives_all = trial.calling.gives_both or (by_name and not trial.calling.takes_dout)
    if gives_all:  # an input that it gives nothing for is data
        there = [i for i in trial.float_places if trial.input_names[i] in trial.places]
        trial.float_places = there
        trial.list_arguments()
    for note in notes:
        e.fault(Kind.INTERFACE, note, fault=False)


def _wanted(trial: Trial) -> list[Wanted]:
    """The arguments that have no derivative yet."""
    found = []
    for name, argument in trial.arguments.items():
        if name in trial.places:
            continue
        shape = argument.value.shape
        if argument.slot:
            uses = argument.slot.uses
            found += (Wanted((name, i), paths, shape) for i, paths in enumerate(uses))
        else:
            way = trial.in_mappings.get(argument.place or 0, (name,))
            found.append(Wanted((name, 0), (way,), shape, is_input=True))
    return found


def _place_returned(e: Evidence, run: Run, given: list[Place]) -> None:
    """Give what `backward` returned, in order, to the inputs, and to parameters what is left."""
    trial = e.trial
    given = _by_keys(trial, given)
    values = [run.returned[place] for place in given]
    if all(value is None for value in values) and len(values) < 2:
        _leave_out(e, [i for i in trial.float_places if i in trial.were_integers])
        return
    if len(given) == len(trial.inputs):
        _leave_out_constants(e, values)
        targets = [
            trial.input_names[i] if i in trial.float_places else "" for i in range(len(given))
        ]
    else:
        shapes = [None if isinstance(v, list | tuple | Mapping) else np.shape(v) for v in values]
        fits = trial.resolve(shapes, exactly=True)
        targets = [] if fits or _by_the_house(trial.layer) else _spread(trial, shapes)
        targets = targets or ([] if fits else _by_value(e, values))
        if not targets and (fits or trial.resolve(shapes, exactly=False)):
            targets = [trial.input_names[i] for i in trial.float_places]
    if targets:
        named = zip(targets, given, values, strict=True)
        trial.places |= {name: (place,) for name, place, v in named if name and v is not None}
        return
    _wrong_count(e, given)


def _by_value(e: Evidence, values: Sequence[Any]) -> list[str]:
    """The inputs of which these are the derivatives, where there are fewer; others are named.

    What the derivatives are right for tells which. What is left out must have a name such as noise
    or mask; a loss may leave out what it likes.
    """
    trial, places = e.trial, e.trial.float_places
    loss = _may_end(e) or e.out.size == 1
    if trial.declared_constants is not None or _by_the_house(trial.layer) or not values:
        return []
    best: tuple[int, Sequence[int]] = (-1, ())
    for chosen in combinations(places, len(values)) if len(places) < MANY else ():
        if any(np.shape(v) != trial.inputs[i].shape for v, i in zip(values, chosen, strict=True)):
            continue
        rest = [trial.input_names[i] for i in places if i not in chosen]
        if loss or all(map(DATA.fullmatch, rest)) or _are_examples(rest):
            score = sum(_is_right(e, i, v) for v, i in zip(values, chosen, strict=True))
            best = max(best, (score, chosen), key=lambda pair: pair[0])
    found = best[1]
    _leave_out(e, [i for i in places if found and i not in found])
    return [trial.input_names[i] for i in found]


def _are_examples(names: Sequence[str]) -> bool:
    """Whether inputs are called as those that a model is fitted to: X and y, or y alone."""
    truths = [name for name in names if name in TRUTH_NAMES]
    return bool(truths) and set(names) <= {*truths, "X", "x", "data", "inputs"}


def _may_end(e: Evidence) -> bool:
    """Whether `backward` may start from nothing, as that of a loss: it takes no dout, or dout=1."""
    how = e.trial.calling
    return not how.takes_dout or (e.out.size == 1 and not how.names)


def _is_right(e: Evidence, place: int, value: Any) -> bool:
    """Whether something is the derivative by an input, along a direction."""
    name = e.trial.input_names[place]
    v = e.sizes[name] * np.random.default_rng(0).uniform(0.5, 1.5, e.sizes[name].shape)
    value = np.asarray(value) if e.trial.calling.takes_dout else np.mean(e.dout) * np.asarray(value)
    numeric, error = along(e, name, v).along(e.dout)
    return bool(abs(np.sum(value * v) - numeric) <= 10 * error + 1e-4 * np.linalg.norm(value * v))


def _by_keys(trial: Trial, given: list[Place]) -> list[Place]:
    """What was returned in mappings, in the order of the inputs that have these keys."""
    at: dict[Place, int] = {}
    for i, way in trial.in_mappings.items():
        fits = [p for p in given if p.path[-len(way) :] == way and p not in at]
        if fits:
            at[min(fits, key=lambda place: len(place.path))] = i
    if not at:
        return given
    rest = iter(i for i in range(len(trial.inputs)) if i not in trial.in_mappings)
    order = {place: at[place] if place in at else next(rest, 0) for place in given}
    return sorted(given, key=lambda place: order[place])


def _wrong_count(e: Evidence, given: list[Place]) -> None:
    trial = e.trial
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


def _by_the_house(layer: Any) -> bool:
    """Whether a layer declares its parameters as those of the house do: by their names."""
    names = getattr(layer, "params", None)
    named = isinstance(names, tuple) and bool(names) and all(isinstance(n, str) for n in names)
    return named or isinstance(layer, Layer)


def _spread(trial: Trial, shapes: Sequence[Any]) -> list[str]:
    """The arguments in the order in which `(dx, dW, db)` may give their derivatives; or none."""
    slots = [name for name, a in trial.arguments.items() if a.slot]
    shape_of = {name: a.value.shape for name, a in trial.arguments.items()}
    all_inputs = [trial.input_names[i] for i in trial.float_places]
    if trial.calling.gives_both and (order := _by_shape(trial, [*all_inputs, *slots], shapes)):
        return order
    for inputs in (all_inputs, [n for n in all_inputs if n not in CONSTANT_NAMES]):
        rest = shapes[len(inputs) :]
        if not 0 < len(rest) <= len(slots):
            continue
        waiting = iter(slots)
        taken = [next((s for s in waiting if shape_of[s] == shape), "") for shape in rest]
        if all(taken):
            order = [*inputs, *taken]
        else:
            order = _by_shape(trial, [*inputs, *slots], shapes) or (
                [*inputs, *slots] if len(rest) == len(slots) else []
            )
        if order:
            trial.float_places = [
                i for i in trial.float_places if trial.input_names[i] in set(inputs)
            ]
            trial.list_arguments()
            return order
    return []


def _by_shape(trial: Trial, names: Sequence[str], shapes: Sequence[Any]) -> list[str]:
    """The arguments with these shapes, if there is one for each and no choice."""
    order = []
    for shape in shapes:
        fits = [name for name in names if trial.arguments[name].value.shape == shape]
        if len(fits) != 1 or fits[0] in order:
            return []
        order += fits
    return order


def _leave_out(e: Evidence, places: Iterable[int]) -> None:
    """Take inputs for constants, and tell of those that are neither bytes nor named as labels."""
    trial = e.trial
    trial.from_integers |= any(i in trial.were_integers for i in places)
    trial.without_derivative(places)
    for i in places:
        name, given = trial.input_names[i], np.asarray(trial.inputs[i])
        known = given.dtype.kind == "u" and trial.arguments
        if not known and name not in CONSTANT_NAMES:
            message = "backward gives no derivative by it, so that it was not compared"
            e.fault(Kind.NOT_COMPARED, message, name, fault=False)


def _leave_out_constants(e: Evidence, given: Sequence[Any]) -> None:
    """What `backward` gives `None` for has no derivative, if its name or dtype says so too."""
    trial = e.trial
    if trial.declared_constants is not None:
        return
    names = trial.input_names
    _leave_out(
        e,
        [
            i
            for i in trial.float_places
            if given[i] is None
            and (names[i] in CONSTANT_NAMES or i in trial.were_integers or DATA.fullmatch(names[i]))
        ],
    )


def _updates(e: Evidence, run: Run, changed: list[str]) -> None:
    """Tell a `backward` that is its own optimiser from one that spoils the parameters."""
    trial = e.trial
    rates = [
        float(value)
        for path, value in hanging(run.layer).items()
        if RATE.fullmatch(str(path[-1])) and isinstance(value, float | int) and value
    ]
    rate = UPDATE if trial.calling.updates else rates[0] if rates else _rate(e, run, changed)
    for name in changed:
        argument = trial.arguments[name]
        step = argument.value - (argument.slot.get(run.layer) if argument.slot else 0)
        given = np.asarray(run.derivative(name))  # of another shape where it is None
        fits = given.dtype.kind == "f" and given.shape == step.shape
        if fits and not rate and not _by_the_house(trial.layer):
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


def _rate(e: Evidence, run: Run, changed: list[str]) -> float:
    """The number on the layer by which it takes a step along a true derivative, if there is one."""
    held = [x for x in hanging(run.layer).values() if isinstance(x, float) and x]
    for name in changed if held and not _by_the_house(e.trial.layer) else ():
        argument, v = e.trial.arguments[name], e.sizes[name]
        step = argument.value - (argument.slot.get(run.layer) if argument.slot else 0)
        numeric, _ = along(e, name, v).along(e.dout)
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

    It belongs to the class; or it is a vector of weights, of samples, classes or nodes, where
    nothing is learned: in a loss, or called `weights`.
    """
    arguments, places = e.trial.arguments, e.trial.places
    argument = arguments[name]
    assert argument.slot
    step = argument.slot.paths[0][0]
    if isinstance(step, str) and step not in getattr(e.layer, "__dict__", {step: 0}):
        return hasattr(type(e.layer), step)
    derived = [arguments[n].slot for n in places if n in arguments]
    weighs = e.out.size == 1 or name.strip("_") == "weights"
    return bool(derived) and not any(derived) and weighs and argument.value.ndim == 1


def _missing(e: Evidence, name: str) -> None:
    slot = e.trial.arguments[name].slot
    learns = any(a.slot and n in e.trial.places for n, a in e.trial.arguments.items())
    if slot is None and _may_end(e) and learns:  # a model with its loss: its inputs are data
        _leave_out(e, [e.trial.input_names.index(name)])
    elif slot is None and _says_none(e.trial.layer):
        message = "backward says that it returns None, so that it was not compared"
        e.fault(Kind.NOT_COMPARED, message, name, fault=False)
    elif slot is None:
        e.fault(Kind.MISSING, "backward returns None for it", name)
    elif slot.declared or (LEARNED.fullmatch(name) and not _is_set(e, name)):
        e.fault(Kind.MISSING, f"backward never sets {beside(name)}", name)
    elif not any(f.argument == name for f in e.findings):
        message = (
            f"the output depends on self.{name}, {slot.get(e.trial.layer).shape}, and no "
            "derivative was found that belongs to it, so that it was not compared"
        )
        remedy = (
            f"let backward set {beside(name)}, and declare it: params = ({name!r},); or say that "
            f"it is not learned: fixed = ({name!r},)"
        )
        e.fault(Kind.NOT_COMPARED, message, name, fault=False, remedy=remedy)
