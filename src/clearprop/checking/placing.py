"""Which argument each derivative belongs to: by place, name, shape, or what it is right for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from clearprop.checking.arguments import CONSTANT_NAMES, DATA, TRUTH_NAMES, Slot, by_the_house
from clearprop.checking.copies import fingerprint
from clearprop.checking.dependence import moved
from clearprop.checking.evidence import Evidence
from clearprop.checking.findings import Kind
from clearprop.checking.nests import computed, hanging, spoken
from clearprop.checking.pairing import EXACT, Place, Wanted, is_bare, likeness, named_by_keys, pair
from clearprop.checking.probing import is_right
from clearprop.checking.run import Run
from clearprop.checking.trial import Trial

EXAMPLES = frozenset(("X", "x", "data", "inputs"))
"""What is fitted to is called."""
MANY = 12
"""Of so many inputs it is not tried out which have derivatives."""


def place_derivatives(e: Evidence, run: Run, found: Any, before: dict[Any, Any]) -> None:
    """Find where each derivative is: among what was returned, or on the layer, by name."""
    trial, by_name = e.trial, isinstance(found, Mapping)
    given = [place for place in run.returned if place.kind == "returned"]
    _place_returned(e, run, [] if by_name else given)
    own = {path for slot in trial.slots for path in slot.paths}
    on_it = {**hanging(run.layer), **computed(run.layer)}
    there = {Place("held", path): value for path, value in on_it.items() if path not in own}
    there |= {p: v for p, v in run.returned.items() if by_name or p.kind == "filled"}
    new = {p for p, v in there.items() if p.kind != "held" or before.get(p.path) != fingerprint(v)}
    if not trial.calling.gives_both:  # what forward calls G, and backward leaves alone, is no grad
        there = {p: v for p, v in there.items() if p in new or not (is_bare(p) and np.any(v))}
    numbers = _plain_numbers(trial, new)
    if numbers:
        trial.slots += numbers
        trial.list_arguments()
    wanted = _wanted(trial)
    places, notes = pair(wanted, there, frozenset(new))
    empty = isinstance(found, tuple | list) and not found and trial.float_places
    if empty and not any((n, 0) in places for n in trial.input_names):
        _wrong_count(e, [], [])
    uses = Counter(name for name, _ in (want.key for want in wanted))
    for name, count in uses.items():
        all_of_it = [places[name, i] for i in range(count) if (name, i) in places]
        if len(all_of_it) == count:
            trial.places[name] = tuple(all_of_it)
    rest = [i for i in trial.float_places if trial.input_names[i] not in trial.places]
    learned = by_name and trial.calling.takes_dout and trial.in_mappings
    if learned and not any(i in trial.in_mappings for i in rest):
        leave_out(e, rest)  # derivatives by what is learned, and not by the data
    gives_all = trial.calling.gives_both or (by_name and not trial.calling.takes_dout)
    if gives_all:  # an input that it gives nothing for is data
        there = [i for i in trial.float_places if trial.input_names[i] in trial.places]
        trial.float_places = there
        trial.list_arguments()
    rest = [i for i in trial.float_places if trial.input_names[i] not in trial.places]
    if len(rest) < len(trial.float_places) and trial.declared_constants is None:
        # Beside the derivative that a loss sets, labels need none.
        leave_out(e, [i for i in rest if _is_truth(e, trial.input_names[i])])
    for note in notes:
        e.fault(Kind.INTERFACE, note, fault=False)


def _is_truth(e: Evidence, name: str) -> bool:
    """Whether an input is called as labels are, be it by a name that others have beside a loss."""
    return name in CONSTANT_NAMES or (name in TRUTH_NAMES and e.out.size == 1)


def _plain_numbers(trial: Trial, new: set[Place]) -> list[Slot]:
    """Plain numbers on the layer, of which backward sets derivatives and the output depends on."""
    known = {path for slot in trial.slots for path in slot.paths}
    numbers = {p: x for p, x in hanging(trial.layer).items() if type(x) is float and p not in known}
    found = []
    for path, x in numbers.items():
        if any(likeness(path, place.path) >= EXACT for place in new):
            slot = Slot(spoken(path), (path,), ((path,),), declared=False)
            layer = trial.copy()
            slot.replace(layer, x + 1e-3)
            if not np.array_equal(trial.run(layer=layer).vector, trial.run().vector):
                found.append(slot)
    return found


def _wanted(trial: Trial) -> list[Wanted]:
    """The arguments that have no derivative yet."""
    found, ways = [], computed(trial.layer)
    for name, argument in trial.arguments.items():
        if name in trial.places:
            continue
        shape = argument.value.shape
        if argument.slot:
            own = argument.slot.get(trial.layer)
            uses = [
                (*paths, *(way for way, x in ways.items() if x is own)) if i == 0 else paths
                for i, paths in enumerate(argument.slot.uses)
            ]
            found += (Wanted((name, i), paths, shape) for i, paths in enumerate(uses))
        else:
            way = trial.in_mappings.get(argument.place or 0, (name,))
            found.append(Wanted((name, 0), (way,), shape, is_input=True))
    return found


def _place_returned(e: Evidence, run: Run, given: list[Place]) -> None:
    """Give what `backward` returned, in order, to the inputs, and to parameters what is left."""
    trial = e.trial
    given = _by_keys(trial, given)
    slots = [want for want in _wanted(trial) if not want.is_input]
    keyed = named_by_keys(slots, given) if not by_the_house(trial.layer) else {}
    trial.places |= {name: (place,) for name, place in keyed.items()}
    given = [place for place in given if place not in keyed.values()]
    values = [run.returned[place] for place in given]
    leave_out(e, [i for i in trial.float_places if i in trial.were_integers and _steps(e, i)])
    if all(value is None for value in values) and len(values) < 2:
        leave_out(e, [i for i in trial.float_places if i in trial.were_integers])
        return
    targets = [] if by_the_house(trial.layer) else _of_a_model(trial, values)
    if targets:
        trial.float_places = []
        trial.list_arguments()
    elif len(given) == len(trial.inputs):
        _leave_out_constants(e, values)
        targets = [
            trial.input_names[i] if i in trial.float_places else "" for i in range(len(given))
        ]
    else:
        none = [i for i in range(min(len(given), len(trial.inputs))) if values[i] is None]
        for i in reversed(none if len(given) > len(trial.float_places) else []):
            if i not in trial.float_places:  # the place of tokens, before (dW, db)
                del given[i], values[i]
        shapes = [None if isinstance(v, list | tuple | Mapping) else np.shape(v) for v in values]
        fits = trial.resolve(shapes, exactly=True)
        targets = [] if fits or by_the_house(trial.layer) else _spread(trial, shapes)
        targets = targets or ([] if fits else _by_value(e, given, values))
        if not targets and (fits or trial.resolve(shapes, exactly=False)):
            targets = [trial.input_names[i] for i in trial.float_places]
    if targets:
        named = zip(targets, given, values, strict=True)
        trial.places |= {name: (place,) for name, place, v in named if name and v is not None}
        return
    _wrong_count(e, given, values)


def _by_value(e: Evidence, given: Sequence[Place], values: Sequence[Any]) -> list[str]:
    """The inputs of which these are the derivatives, where there are fewer; others are named.

    What the derivatives are right for tells which. What is left out must be data, such as noise or
    a mask, or change nothing; a loss may leave out any, and so may what gives one derivative alone,
    which is not the first: who forgets one remembers that.
    """
    trial, places = e.trial, e.trial.float_places
    loss = may_end(e) or e.out.size == 1
    if trial.declared_constants is not None or by_the_house(trial.layer) or not values:
        return []
    best: tuple[int, Sequence[int]] = (-1, ())
    for chosen in combinations(places, len(values)) if len(places) < MANY else ():
        if not all(_has_shape(trial, i, v) for v, i in zip(values, chosen, strict=True)):
            continue
        others = [i for i in places if i not in chosen]
        rest = [trial.input_names[i] for i in others if not _is_idle(e, trial.input_names[i])]
        data = all(_is_data(trial, i) for i in others if trial.input_names[i] in rest)
        score = sum(_is_right(e, i, v) for v, i in zip(values, chosen, strict=True))
        alone = score and given[0].path == () and chosen[0] != places[0]
        if loss or alone or data or _are_examples(rest):
            best = max(best, (score, chosen), key=lambda pair: pair[0])
    found = best[1]
    leave_out(e, [i for i in places if found and i not in found])
    return [trial.input_names[i] for i in found]


def _has_shape(trial: Trial, place: int, value: Any) -> bool:
    """Whether something has the shape of an input, but for leading axes of one element."""
    shape, own = trial.inputs[place].shape, np.shape(value)
    return own == shape or (place > 0 and shape == (1,) * (len(shape) - len(own)) + own)


def _is_idle(e: Evidence, name: str) -> bool:
    """Whether forward gives the same whatever an input is."""
    x = e.trial.arguments[name].value
    return all(np.array_equal(e.forward(**{name: moved(k * x)}), e.out) for k in (1, -2))


def _are_examples(names: Sequence[str]) -> bool:
    """Whether inputs are called as those that a model is fitted to: X and y, or y alone."""
    truths = [name for name in names if name in TRUTH_NAMES]
    return bool(truths) and set(names) <= {*truths, *EXAMPLES}


def may_end(e: Evidence) -> bool:
    """Whether `backward` may start from nothing, as that of a loss: it takes no dout, or dout=1."""
    how = e.trial.calling
    return not how.takes_dout or (e.out.size == 1 and not how.names)


def _is_right(e: Evidence, place: int, value: Any) -> bool:
    """Whether something is the derivative by an input, along a direction."""
    name = e.trial.input_names[place]
    v = e.sizes[name] * np.random.default_rng(0).uniform(0.5, 1.5, e.sizes[name].shape)
    value = np.asarray(value) if e.trial.calling.takes_dout else np.mean(e.dout) * np.asarray(value)
    return is_right(e, name, value, v)


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


def _wrong_count(e: Evidence, given: list[Place], values: Sequence[Any]) -> None:
    """Tell it; what has the shapes of the first inputs that can have them is still compared."""
    trial, fits = e.trial, list[int]()
    for value in values:
        after = (i for i in trial.float_places if not fits or i > fits[-1])
        fits += [i for i in after if _has_shape(trial, i, value)][:1]
    if len(fits) < len(values):
        fits = []
    inputs = ", ".join(trial.input_names[i] for i in trial.float_places) or "none"
    extra = ""
    if len(given) > len(trial.float_places) and trial.slots:
        extra = "; the derivatives of parameters are not returned but set, as in self.dW = …"
    message = (
        f"backward returned {len(given)} derivatives for {len(trial.float_places)} inputs "
        f"({inputs}){extra}"
    )
    e.fault(Kind.COUNT, message)
    trial.float_places = fits
    trial.list_arguments()
    trial.places |= {trial.input_names[i]: (place,) for i, place in zip(fits, given, strict=False)}


def _spread(trial: Trial, shapes: Sequence[Any]) -> list[str]:
    """The arguments in the order in which `(dx, dW, db)` may give their derivatives; or none."""
    slots = _unplaced(trial)
    all_inputs = [trial.input_names[i] for i in trial.float_places]
    if trial.calling.gives_both and (order := _by_shape(trial, [*all_inputs, *slots], shapes)):
        return order
    for inputs in (all_inputs, [n for n in all_inputs if n not in CONSTANT_NAMES]):
        rest = shapes[len(inputs) :]
        if not 0 < len(rest) <= len(slots):
            continue
        taken = _in_order(trial, slots, rest)
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


def _unplaced(trial: Trial) -> list[str]:
    """The parameters that have no derivative yet."""
    return [name for name, a in trial.arguments.items() if a.slot and name not in trial.places]


def _in_order(trial: Trial, names: Sequence[str], shapes: Sequence[Any]) -> list[str]:
    """For each of these shapes an argument that has it; among equals, in their order."""
    left, taken = [*names], []
    for shape in shapes:
        fits = (name for name in left if _fits(trial.arguments[name].value, shape))
        taken.append(next(fits, ""))
        left = [name for name in left if name != taken[-1]]
    return taken


def _fits(value: np.ndarray, shape: Any) -> bool:
    """Whether a derivative of this shape may be of an array; one number is of one element."""
    return shape == value.shape or (shape == () and value.size == 1)


def _of_a_model(trial: Trial, values: Sequence[Any]) -> list[str]:
    """The parameters that have these shapes, where a whole model gives no others; or none.

    It starts from its own loss, and of the samples nobody wants derivatives.
    """
    slots = _unplaced(trial)
    first = next((trial.input_names[i] for i in trial.float_places), "")
    shapes = [np.shape(v) if isinstance(v, np.ndarray | np.number) else None for v in values]
    if (
        trial.calling.takes_dout
        or not shapes
        or (first and trial.arguments[first].value.shape == shapes[0])
    ):
        return []
    taken = _in_order(trial, slots, shapes)
    return taken if all(taken) else []


def _by_shape(trial: Trial, names: Sequence[str], shapes: Sequence[Any]) -> list[str]:
    """The arguments with these shapes, if there is one for each and no choice."""
    order = []
    for shape in shapes:
        fits = [name for name in names if trial.arguments[name].value.shape == shape]
        if len(fits) != 1 or fits[0] in order:
            return []
        order += fits
    return order


def _steps(e: Evidence, place: int) -> bool:
    """Whether forward takes only the whole part of an input, as of tokens and indices."""
    x, name = e.trial.inputs[place], e.trial.input_names[place]
    return all(np.array_equal(e.forward(**{name: x + part}), e.out) for part in (0.2, 0.4))


def leave_out(e: Evidence, places: Sequence[int]) -> None:
    """Take inputs for constants; of those that may be no data, tell that they were not compared."""
    trial = e.trial
    trial.from_integers |= any(i in trial.were_integers for i in places)
    names = [trial.input_names[i] for i in places]
    idle = {name for name in names if name in trial.arguments and _is_idle(e, name)}
    trial.without_derivative(places)
    for i, name in zip(places, names, strict=True):
        given = np.asarray(trial.inputs[i])
        known = name in CONSTANT_NAMES or (given.dtype.kind == "u" and trial.arguments)
        if known or name in idle:
            continue
        is_given = trial.updates and name in EXAMPLES  # to a network with its own optimiser
        if (is_given or _is_data(trial, i)) and trial.arguments:
            message = "backward gives no derivative by it, so that it was taken for data"
            e.fault(Kind.INTERFACE, message, name, fault=False)
        else:
            message = "backward gives no derivative by it, so that it was not compared"
            remedy = f"where it needs none, say so in the class: constants = ({name!r},)"
            e.fault(Kind.NOT_COMPARED, message, name, fault=False, remedy=remedy)


def _is_data(trial: Trial, place: int) -> bool:
    """Whether an input is called as data are, or holds what nobody draws as a sample of x."""
    given = np.asarray(trial.inputs[place])
    marks = place in trial.were_integers or np.array_equal(np.unique(given), [0, 1])
    return bool(marks or DATA.fullmatch(trial.input_names[place]) or _are_shares(given))


def _are_shares(given: np.ndarray) -> bool:
    """Whether rows or columns are probabilities or the like, or a matrix joins what with what."""
    if given.ndim < 2 or given.shape[-1] < 2 or (given < 0).any():
        return False
    turned = np.swapaxes(given, -1, -2)
    if given.shape == turned.shape and np.allclose(given, turned):
        return True
    return any(np.allclose(x.sum(axis=-1), 1) for x in (given, turned) if x.shape[-1] > 1)


def _leave_out_constants(e: Evidence, given: Sequence[Any]) -> None:
    """What `backward` gives `None` for has no derivative, if its name or dtype says so too."""
    trial = e.trial
    if trial.declared_constants is not None:
        return
    names = trial.input_names
    leave_out(
        e,
        [
            i
            for i in trial.float_places
            if given[i] is None
            and (names[i] in CONSTANT_NAMES or i in trial.were_integers or DATA.fullmatch(names[i]))
        ],
    )
