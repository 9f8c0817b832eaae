"""Which derivative belongs to which array: by name, and by shape.

People write `dW`, `grad_W`, `W_grad`, `gW`, `dLdW`, `grads["W"]`, `W.grad`, return `(dx, dW, db)`
or a mapping, and much else. All of it is one question: of what could this name be the derivative?
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from clearprop.checking.nests import listed, spoken
from clearprop.graph.parameters import Path

BEFORE = listed(
    "d dL dLd dl dld dJ dJd dE dEd dC dCd dloss dLoss dcost dL_d dl_d dJ_d dE_d dC_d dloss_d "
    "d_loss_d g G gd D grad grads gradient gradients grad_of grad_wrt grad_w_r_t delta Delta "
    "nabla del der deriv derivative derivatives derivative_of sum_grad sum_d acc_grad grad_d "
    "partial ∂ ∇"
)
BEHIND = listed(
    "grad grads gradient gradients Grad Gradient Grads Gradients delta deltas deriv derivative "
    "prime _d _g _dot _bar bar"
)
HOLDERS = frozenset(
    listed(
        "params parameters param weights values value data theta thetas p w layers "
        "tensors variables modules"
    )
)
"""What an array, or that which holds it, is called where its name says nothing of its own."""
FIRST = frozenset(listed("x X input inputs inp in A_prev a_prev prev A a z Z h bottom data"))
"""What the derivative by the input may be named after, whatever `forward` calls it."""

WHOLE, EXACT, LOOSE, MARKED = 5, 4, 3, 2


class Place(NamedTuple):
    """Where a derivative is: in what `backward` returns or fills, on the layer, in its update."""

    kind: str
    path: Path = ()


@cache  # asked for each pair of names
def stems(name: Any) -> frozenset[str]:
    """What a name could be the derivative of: "" for one that says no more than `grad`."""
    if not isinstance(name, str):
        return frozenset()
    name = name.strip("_")
    found = {name[len(mark) :].lstrip("_") for mark in BEFORE if name.startswith(mark)}
    found |= {name[: -len(mark)].rstrip("_") for mark in BEHIND if name.endswith(mark)}
    return frozenset(found)


def holds(step: Any) -> bool:
    """Whether a step of a path only leads to arrays, and says nothing of them."""
    return step in HOLDERS or (isinstance(step, str) and step.strip("_") in HOLDERS)


def own_steps(path: Path) -> Path:
    """A path without the steps that say nothing, and a name such as `fc.weight` as its parts."""
    own = tuple(step for step in path if not holds(step)) or path[-1:]
    return tuple(
        part
        for step in own
        for part in (re.split(r"[./]", step) if isinstance(step, str) else (step,))
    )


def is_bare(place: Place) -> bool:
    """Whether the name of a place says no more than that it is a derivative, if that."""
    return stems(place.path[-1] if place.path else "") == {""}


def likeness(argument: Path, derivative: Path) -> int:
    """How surely a path leads to the derivative of an argument, by its names alone; 0 for not."""
    marked = [any(token_stems) for token_stems in map(stems, derivative)]
    bare = [stems(token) == {""} or "" in stems(token) for token in derivative]
    rest = [t for t, only in zip(derivative, bare, strict=True) if not only]
    own, rest = list(own_steps(argument)), list(own_steps(tuple(rest))) if rest else []
    if len(argument) == len(derivative):  # params[0] and grads[0], W.data and W.grad
        pairs = list(zip(argument, derivative, strict=True))
        unequal = [(a, d) for a, d in pairs if a != d]
        if unequal and all(a in stems(d) or (a in HOLDERS and "" in stems(d)) for a, d in unequal):
            return EXACT
        if unequal and all(isinstance(a, str) and _alike(a, stems(d)) for a, d in unequal):
            return LOOSE  # weights[0] and weight_grads[0]
        if unequal and argument[-1] == derivative[-1] and all("" in stems(d) for _, d in unequal):
            return LOOSE  # own["W"] and grad["W"], whatever holds the arrays is called
    if any(bare) and rest == own:  # grads["W"]
        return EXACT
    if len(rest) == 1 and len(own) == 1 and isinstance(own[0], str):
        found = {s for s in stems(rest[0]) if s}
        if own[0] in found:
            return EXACT
        if found and _alike(own[0], found):
            return LOOSE
        if any(bare) and isinstance(rest[0], str) and _alike(own[0], {rest[0]}):
            return LOOSE
    if rest and own and len(derivative) > 1 and len(rest) == len(own) and any(marked):
        heads, last = rest[:-1] == own[:-1], {s for s in stems(rest[-1]) if s}
        if heads and isinstance(own[-1], str) and (own[-1] in last or _alike(own[-1], last)):
            return EXACT if own[-1] in last else LOOSE
    if not rest and any(bare):
        return MARKED
    return 0


def _ends(place: Place, path: Path) -> bool:
    """Whether the key of a derivative is the name of an array, as far as it goes."""
    key = own_steps(place.path[-1:])
    return bool(key) and own_steps(path)[-len(key) :] == key


def _of_one_key(one: Path, other: Path) -> bool:
    """Whether two arrays stand under the same key, in different mappings."""
    key = one[-1] if len(one) == len(other) > 1 else None
    return isinstance(key, str) and key == other[-1] and one[:-1] != other[:-1]


def _alike(name: str, found: Iterable[str]) -> bool:
    """Whether two names are one but for their ending, underscores and capitals: `w`, `weight`."""
    name = name.lower().strip("_")
    for other in (f.lower().strip("_") for f in found):
        if other and name and (name.startswith(other) or other.startswith(name)):
            return True
    return False


class Wanted(NamedTuple):
    """An argument that a derivative is looked for: the ways to it, its shape, whether an input."""

    key: tuple[str, int]
    paths: tuple[Path, ...]
    shape: tuple[int, ...]
    is_input: bool = False


def named_by_keys(wanted: Sequence[Wanted], found: Iterable[Place]) -> dict[str, Place]:
    """The arrays that the keys of what was returned name, each the only one: `fc.weight`."""
    keyed = [place for place in found if place.path and isinstance(place.path[-1], str)]
    fits = {p: [w for w in wanted if any(_ends(p, path) for path in w.paths)] for p in keyed}
    alone = {p: some[0].key[0] for p, some in fits.items() if len(some) == 1}
    count = Counter(alone.values())
    return {name: place for place, name in alone.items() if count[name] == 1}


def pair(
    wanted: Sequence[Wanted], found: Mapping[Place, Any], changed: frozenset[Place]
) -> tuple[dict[tuple[str, int], Place], list[str]]:
    """Give each argument the place of its derivative; and say where it was taken by shape alone.

    `changed` are the places that `backward` wrote to: only there is an array taken by its shape.
    """
    shapes = {place: np.shape(value) for place, value in found.items() if _numeric(value)}
    scored = []
    for order, want in enumerate(wanted):
        for place, shape in shapes.items():
            score = max((likeness(path, place.path) for path in want.paths), default=0)
            if place.kind != "held" and any(_ends(place, path) for path in want.paths):
                # A mapping by the names of the arguments, which may stand in others.
                score = WHOLE if place.path in want.paths else EXACT
            if want.is_input and order == 0 and not score and place.path:
                score = LOOSE if stems(place.path[-1]) & FIRST else 0
            if not score and place in changed and shape == want.shape:
                # A mapping by the same keys that backward fills, whatever it is called.
                score = MARKED if any(_of_one_key(p, place.path) for p in want.paths) else 0
            if score and (shape == want.shape or score >= EXACT):
                kept = place not in changed  # as what forward calls g may be
                scored.append((-score, shape != want.shape, kept, order, place, want.key))
    taken: dict[tuple[str, int], Place] = {}
    for *_, place, key in sorted(scored, key=lambda entry: entry[:4]):
        if key not in taken and place not in taken.values():
            taken[key] = place
    rest = [want for want in wanted if want.key not in taken and not want.is_input]
    notes = []
    if (found_in := _list_of(rest, changed, shapes)) and len(rest) > 1:
        taken |= zip((want.key for want in rest), found_in, strict=True)
        names = ", ".join(want.key[0] for want in rest)
        notes.append(f"the entries of {_list_told(found_in[0])} were taken in the order of {names}")
    for want in wanted:
        fits = [p for p in changed if p not in taken.values() and shapes.get(p) == want.shape]
        if want.key not in taken and len(fits) == 1 and want.shape:
            rivals = [w for w in wanted if w.key not in taken and w.shape == want.shape]
            if len(rivals) == 1:
                taken[want.key] = fits[0]
                notes.append(
                    f"{told(fits[0])} was taken for the derivative by {want.key[0]}, by its shape"
                )
    return taken, notes


def _list_of(
    rest: Sequence[Wanted], changed: Iterable[Place], shapes: Mapping[Place, Any]
) -> list[Place]:
    """A list of derivatives that has just what is still wanted, in its order; none if several."""
    lists: dict[Place, list[Place]] = {}
    for place in changed:
        if place.path and isinstance(place.path[-1], int) and "" in stems(place.path[-2:][0]):
            lists.setdefault(place._replace(path=place.path[:-1]), []).append(place)
    due = [want.shape for want in rest]
    ordered = [sorted(places, key=lambda place: place.path[-1]) for places in lists.values()]
    fitting = [places for places in ordered if [shapes.get(p) for p in places] == due]
    return fitting[0] if len(fitting) == 1 else []


def _list_told(entry: Place) -> str:
    return told(entry._replace(path=entry.path[:-1]))


def _numeric(value: Any) -> bool:
    try:
        return np.asarray(value).dtype.kind in "fiubc"
    except (ValueError, TypeError):
        return False


def told(place: Place) -> str:
    """A place in words."""
    if place.kind == "held":
        return f"self.{spoken(place.path)}"
    gives = "fills in" if place.kind == "filled" else "returns"
    return f"what backward {gives}{f' at {spoken(place.path)}' if place.path else ''}"
