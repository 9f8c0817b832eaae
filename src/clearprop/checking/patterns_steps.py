"""Patterns that run the backward pass again with one mistake in it, at one place of the source.

A mistake is looked for that explains all wrong derivatives of the layer at once: those that can
touch just these arguments are tried first.
"""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from clearprop.checking import (
    mistakes_in_places,
    mistakes_in_slopes,
    mistakes_in_steps,
    mistakes_in_values,
    mistakes_in_ways,
)
from clearprop.checking.automatic import open_forward
from clearprop.checking.case import Case, Guess, Guesses, in_words
from clearprop.checking.editable import truths
from clearprop.checking.evidence import Evidence
from clearprop.checking.factors import plain
from clearprop.checking.findings import Kind
from clearprop.checking.places_in_source import Placed
from clearprop.checking.screening import Screen
from clearprop.checking.tape import Mistake, Mistakes, Tape

WORK, EACH = 160_000, 150
"""So many operations are differentiated again for one layer; a mistake costs so many besides."""
UNFIT = (ValueError, TypeError, LookupError, FloatingPointError)
"""What is raised where shapes are such that a mistake cannot be made."""
LONG = 60
"""Programs of so many operations cost as many each; longer ones more, so that fewer are tried."""
RUNS = 8
"""Of so many runs of a line, each is also taken by itself."""
PAIRS = 200
"""So many ways are thought to be left out two at a time."""

MAKERS = (
    mistakes_in_values.small_constants,
    mistakes_in_slopes.slopes_missing,
    mistakes_in_ways.left_out,
    mistakes_in_ways.reductions,
    mistakes_in_ways.means,
    mistakes_in_ways.uses,
    mistakes_in_ways.ways,
    mistakes_in_places.unordered,
    mistakes_in_values.overwritten,
    mistakes_in_ways.factors_missing,
    mistakes_in_values.other_steps,
    mistakes_in_slopes.other_slopes,
    mistakes_in_ways.factors,
    mistakes_in_steps.bypassed,
)


def mistaken(case: Case) -> Guesses:
    """Would one mistake, made wherever the same line is run, give this derivative?"""
    e = case.e
    if not e.opened or case.dout is not e.dout:
        return
    if e.mistakes is None:
        e.mistakes = Search(e, case).found
    if case.name in e.mistakes:
        yield e.mistakes[case.name]


class Search:
    """The search for mistakes that explain what is wrong with a layer: `found`, by argument."""

    def __init__(self, e: Evidence, case: Case) -> None:
        self.e, self.found = e, dict[str, Guess]()
        given = map(np.shape, (e.like or e.trial).inputs)
        self.cut = [*given] != [np.shape(x) for x in e.trial.inputs]
        self.partly: set[tuple[str, float]] = set()
        """What explains one derivative by itself with a factor, and was tried in all its lines."""
        given = {n: a for n, a in e.analytic.items() if n in e.truth}
        self.cases = {
            name: Case(e, name, given[name], e.truth[name], e.dout)
            for name, true in truths({n: e.truth[n] for n in given}, 1e-7).items()
            if given[name].shape == true.shape and not true.near(given[name])
        }
        self.cases[case.name] = case
        opened = open_forward(e.trial, kind=Placed)
        if not isinstance(opened, str):
            self.tape = Tape(opened, e.dout, [*case.constants()])
            self._go()

    def _go(self) -> None:
        screen, mistakes = Screen(self.tape, self.cases), list[Mistake]()
        if screen.along:
            changes = list[tuple[Mistake, np.ndarray]]()
            for mistake in self._ranked():
                mistakes.append(mistake)
                try:
                    change = screen.change(mistake)
                except UNFIT:
                    continue
                if screen.lets(mistake, change) and self._try(mistake) is True:
                    return
                if mistake.scales and change is not None:
                    changes.append((mistake, change))
            pairs = screen.pairs([change for _, change in changes])
            if self._in_pairs((changes[i][0], changes[j][0]) for i, j in pairs):
                return
        if screen.complete:
            return
        work, scaled = 0, list[Mistake]()
        for mistake in mistakes or self._ranked():
            work += round(len(self.tape.nodes) ** 2 / LONG) + EACH
            if work > WORK / (5 if mistakes else 1):
                return
            if self._try(mistake) is True:
                return
            scaled += [mistake] * mistake.scales
        if not mistakes:
            self._in_pairs(itertools.combinations(scaled, 2))

    def _try(self, mistake: Mistake) -> Any:
        """Whether a mistake explains all; if not, what is given back less with it."""
        try:
            given = self.tape.pull(mistake.changes, mistake.values, mistake.past)
        except UNFIT:
            return None
        if self._explained(given, *mistake.told()) or self._in_one_run(mistake, given):
            return True
        part = {name: case.t - given[name] for name, case in self.cases.items()}
        return (mistake.scales and self._scaled(mistake, part)) or part

    def _in_one_run(self, mistake: Mistake, given: Mapping[str, np.ndarray]) -> bool:
        """Whether what explains a part explains all, made in one only of the runs of its line."""
        runs = dict.fromkeys(node for node, _ in mistake.changes)
        if not 1 < len(runs) <= RUNS or mistake.past or mistake.values:
            return False
        if not any(case.explains(given[name]) for name, case in self.cases.items()):
            return False
        return any(
            self._explained(self.tape.pull(changes), *mistake.told())
            for node in runs
            if (changes := {key: f for key, f in mistake.changes.items() if key[0] is node})
        )

    def _in_shared_lines(self, mistake: Mistake, factor: float) -> bool:
        """Whether a factor that explains a part explains all, in a line that several layers run."""
        told = mistake.message, round(factor, 6)
        nodes = dict.fromkeys(n for node, _ in mistake.changes for n in self.tape.alike(node))
        if told in self.partly or len(nodes) == len({node for node, _ in mistake.changes}):
            return False
        self.partly.add(told)
        slots = {i for _, i in mistake.changes}
        changes = {
            (node, i): lambda at, i=i: factor * at.found[i]
            for node, i in itertools.product(nodes, slots)
        }
        return self._explained(self.tape.pull(changes), *_scaled(mistake, factor, self.cut))

    def _in_pairs(self, pairs: Iterable[tuple[Mistake, Mistake]]) -> bool:
        """Whether two ways left out explain all, or one that is gone twice in place of another."""
        parts: dict[int, Any] = {}
        for one, two in itertools.islice(pairs, PAIRS):
            for mistake in (one, two):
                if id(mistake) not in parts:
                    parts[id(mistake)] = self._try(mistake)
            p, q = parts[id(one)], parts[id(two)]
            if not p or not q:
                continue
            first, second = (m.message.removesuffix(" is missing") for m in (one, two))
            other = "they are not the same"
            for x, y, message in (
                (1, 1, f"{first} and {two.message}"),
                (1, -1, f"{second} comes twice, and {one.message}: {other}"),
                (-1, 1, f"{first} comes twice, and {two.message}: {other}"),
            ):
                both = {n: c.t - x * p[n] - y * q[n] for n, c in self.cases.items()}
                if self._explained(both, Kind.DROPPED_TERM, message):
                    return True
        return False

    def _ranked(self) -> Mistakes:
        """All mistakes, those first that can touch just what is wrong."""
        wrong, later = set(self.cases), (list[Mistake](), list[Mistake]())
        for mistake in itertools.chain(*(make(self.tape) for make in MAKERS)):
            touched = self.tape.touched(mistake)
            if touched == wrong:
                yield mistake
            elif touched & wrong:
                later[not touched > wrong].append(mistake)
        yield from itertools.chain(*later)

    def _explained(self, given: Mapping[str, np.ndarray], kind: Kind, message: str) -> bool:
        """Note which derivatives are explained; whether all are, by this alone."""
        hits = [name for name, case in self.cases.items() if case.explains(given[name])]
        if len(hits) == len(self.cases):
            self.found = {}
        for name in hits:
            self.found.setdefault(name, Guess(kind, message))
        return len(hits) == len(self.cases)

    def _scaled(self, mistake: Mistake, part: Mapping[str, np.ndarray]) -> bool:
        """Try what goes one way with another factor, the same for all derivatives."""
        pairs = [
            (part[name].ravel(), (case.a - case.t).ravel()) for name, case in self.cases.items()
        ]
        square = sum(float(p @ p) for p, _ in pairs)
        for (name, case), (p, gap) in zip(self.cases.items(), pairs, strict=True):
            r = float(p @ gap) / (float(p @ p) or 1.0)
            fits = p.size > 1 and abs(r + 1) > 1e-6 and case.explains(case.t + r * part[name])
            if fits and self._in_shared_lines(mistake, 1 + r):
                return True
        ratio = sum(float(p @ gap) for p, gap in pairs) / (square or 1.0)
        if not ratio or not np.isfinite(ratio) or abs(ratio + 1) < 1e-6:
            return False
        if sum(np.count_nonzero(p) for p, _ in pairs) < 2 and abs(ratio + 2) > 1e-6:
            return False  # a single number always has some factor
        given = {name: case.t + ratio * part[name] for name, case in self.cases.items()}
        return self._explained(given, *_scaled(mistake, 1 + ratio, self.cut))


def _scaled(mistake: Mistake, factor: float, cut: bool) -> tuple[Kind, str]:
    """In words, that what goes a way has a factor."""
    where = mistake.message.removesuffix(", is missing").removesuffix(" is missing")
    if abs(factor + 1) < 1e-6:
        return Kind.SIGN, f"{where} has the opposite sign"
    return Kind.FACTOR, f"{where} has the factor {_called(mistake, factor, cut)} too much"


def _called(mistake: Mistake, factor: float, cut: bool) -> str:
    """A factor by what the operation has at hand: a number in it, or of how many it is a mean.

    Of a corner of the inputs the size is not the one that was given.
    """
    (node, _), *_ = mistake.changes
    found = [(float(c), f"{float(c):.6g}") for c in node.values if np.ndim(c) == 0]
    ndim, axis = np.ndim(node.values[0]), node.params.get("axis")
    if axis is not None and np.size(node.out):
        n = np.size(node.values[0]) // np.size(node.out)
        axes = tuple(i % ndim for i in np.atleast_1d(axis).tolist())
        along = in_words(axes, ndim, batch=False)
        size = "n" if cut else str(n)
        found.append((n, f"{size} (the size along {along})"))
    for number, name in found:
        for value, words in ((number, name), (1 / (number or np.inf), f"1/{name}")):
            if value not in (0, 1) and np.isclose(abs(value), factor, rtol=1e-6):
                return words.replace("-", "")
    return plain(factor)
