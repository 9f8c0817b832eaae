"""Which float arrays the output depends on: found by changing what hangs on the layer, one by one.

Not by a list of names: an array in an attribute, a list, a mapping or an object inside, at any
depth, declared or not, there from the start or made by the first `forward`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from clearprop.checking.arguments import Slot, is_fixed, other_kinds, runs_alone
from clearprop.checking.copies import private
from clearprop.checking.interface import cleared
from clearprop.checking.nests import get_at, hanging, spoken
from clearprop.checking.pairing import holds
from clearprop.checking.run import LayerRaised, Run
from clearprop.checking.trial import Trial
from clearprop.graph.parameters import Path


def find_undeclared(trial: Trial, after: Run) -> list[Slot]:
    """The arrays that the output depends on and that no layer names, each once.

    `after` is the first run. What that made for good, such as parameters which only `forward` can
    know the shapes of, is taken over into the layer of the trial.
    """
    if runs_alone(trial.layer):
        return []
    known = other_kinds(trial.layer)
    declared = {path for slot in trial.slots for path in slot.paths}
    early = _candidates(trial.layer, known | declared, trial)
    late = _candidates(after.layer, known | declared | set(early), trial)
    waiting = {p for slot in trial.slots if _is_empty(slot.get(trial.layer)) for p in slot.paths}
    made = _lasting(after, {*waiting, *late}) if waiting or late else set()
    made -= _of_the_batch(trial, after, made)
    made -= _known_by_others(after, made, [*declared, *early, *known])
    late = {path: array for path, array in late.items() if path in made}
    found = _among(trial, early)
    if made:
        before, trial.layer = trial.layer, private(after.layer, trial.dtype)
        if trial.accumulates:
            cleared(trial.layer)
        lately = _among(trial, late, found)
        if lately or waiting & made:
            trial.list_arguments()
            return [*found, *lately]
        trial.layer = before
    return found


def _among(trial: Trial, candidates: dict[Path, Any], known: Sequence[Slot] = ()) -> list[Slot]:
    """The arrays among these that the output changes with, beside those that are known."""
    base = _output(trial) if candidates else None
    if base is None or not _same(base, _output(trial)):
        return []  # it draws random numbers of its own: nothing can be told
    found: dict[int, list[Path]] = {}
    for path, array in candidates.items():
        found.setdefault(id(array), []).append(path)
    slots: list[Slot] = []
    known = [*trial.slots, *known]
    names = {slot.name for slot in known} | set(trial.input_names)
    seen: list[Any] = [slot.get(trial.layer) for slot in known]
    seen += [get_at(trial.layer, path) for path in other_kinds(trial.layer)]
    # First what forward itself reads; then what it only sees a view of.
    for paths, anew in [(p, anew) for anew in (True, False) for p in found.values()]:
        slot = Slot(_called(paths[0], names), tuple(paths), (tuple(paths),), declared=False)
        array = slot.get(trial.layer)
        if any(_shares(x, array) for x in seen):
            continue
        if not _same(base, _output(trial, slot, moved(array), anew)):
            slots.append(slot)
            names.add(slot.name)
            seen.append(array)
    return slots


def moved(array: np.ndarray) -> np.ndarray:
    """Other values, each moved by another step: a softmax does not see one that all take."""
    steps = np.random.default_rng(0).uniform(0.25, 0.75, array.shape)
    return array + steps * (1 + np.abs(array))


def _called(path: Path, taken: set[str]) -> str:
    """The name of an array: without what only says that it is a parameter, or its data."""
    own = tuple(step for step in path if not holds(step))
    short = spoken(own) if own and isinstance(own[-1], str) else spoken(path)
    return spoken(path) if short in taken else short


def _candidates(layer: Any, known: set[Path], trial: Trial) -> dict[Path, Any]:
    return {
        path: value
        for path, value in hanging(layer).items()
        if isinstance(value, np.ndarray)
        and value.dtype.kind == "f"
        and value.size
        and not any(path[:n] in known for n in range(1, len(path) + 1))
        and not any(value is x for x in trial.inputs)
        and not is_fixed(layer, path)
    }


def _is_empty(value: Any) -> bool:
    return not isinstance(value, np.ndarray | float | int | np.number)


def _lasting(after: Run, paths: set[Path]) -> set[Path]:
    """What the first `forward` has made and the next one leaves alone."""
    layer = private(after.layer, after.trial.dtype)
    before = {path: get_at(layer, path) for path in paths}
    try:
        again = after.trial.run(layer=layer).layer
    except LayerRaised:
        return set()
    return {
        path for path, made in before.items() if made is not None and get_at(again, path) is made
    }


def _known_by_others(after: Run, made: set[Path], others: Iterable[Path]) -> set[Path]:
    """What forward has only given another name: parameters that it keeps in a tuple, say."""
    arrays = [a for p in others if isinstance(a := get_at(after.layer, p), np.ndarray)]
    return {p for p in made if any(_shares(get_at(after.layer, p), a) for a in arrays)} - {*others}


def _shares(one: Any, other: Any) -> bool:
    return isinstance(one, np.ndarray) and np.may_share_memory(one, other)


def _of_the_batch(trial: Trial, after: Run, made: set[Path]) -> set[Path]:
    """What has another shape for another batch, such as noise that is kept: nothing is learned.

    Where the outputs keep their shapes, it was no batch that was cut, but the parts of samples.
    """
    one = trial.batch(0, 1) if made else None
    try:
        run = trial.run(inputs=one) if one else after
    except LayerRaised:
        return set()
    shapes = [[out.shape for out in r.outputs] for r in (run, after)]
    if shapes[0] == shapes[1] and any(shapes[0]):
        return set()
    layer = run.layer
    return {p for p in made if np.shape(get_at(layer, p)) != np.shape(get_at(after.layer, p))}


def _output(
    trial: Trial, slot: Slot | None = None, value: Any = None, anew: bool = False
) -> np.ndarray | None:
    layer = trial.copy()
    if slot is not None:
        (slot.replace if anew else slot.put)(layer, value)
    try:
        return trial.run(layer=layer).vector
    except LayerRaised:
        return None


def _same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other, equal_nan=True)
