"""The search for the slip in the source of `backward`: the edit after which all of it is right.

Each edit is done, and backward run. What makes every wrong derivative right, and leaves the others
right, under another dout and on fewer samples, too, says what should stand where: in the words of
the source, whatever the layer computes.
"""

import ast
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from clearprop.checking.automatic import open_forward
from clearprop.checking.differences import sizes
from clearprop.checking.editable import FAILS, Editable, Truth
from clearprop.checking.edited import Edit, Site, written
from clearprop.checking.evidence import Evidence
from clearprop.checking.findings import Kind
from clearprop.checking.nests import shape_of
from clearprop.checking.otherwise import (
    NUMBERS,
    Otherwise,
    atoms,
    distinct,
    is_float,
    missing_products,
    of_other_shapes,
    otherwise,
)
from clearprop.checking.run import LayerRaised, Run
from clearprop.checking.trial import Trial

STIRRED = 1e-3
"""By this part of itself a value is moved to see what depends on it."""

WORK, FIXED = 300_000, 30
"""So many calls are made in all; a run of backward counts as so many more than it makes."""
LONGEST, SELDOM = 1.5, 16
"""After so many seconds of its own the search ends in any case; one in so many runs looks."""

FAR = 5
"""Edits of this rank and more are told only where the graph of forward explains nothing."""
OTHER = 1.17
"""So many times as large settings are, to see what only holds for one value of them."""


class Repair(NamedTuple):
    """An edit after which a derivative is right."""

    kind: Kind
    message: str
    rank: int = 0

    @property
    def is_far(self) -> bool:
        """Whether it is seldom what was meant."""
        return self.rank >= FAR


def repairs(
    e: Evidence, truth: dict[str, np.ndarray], whole: Evidence | None = None
) -> dict[str, Repair]:
    """The edit for each argument, of what backward runs, or else of what forward keeps for it.

    That is also asked where what backward should say is more than another name or number.
    """
    first = Search(e, truth, whole)
    rank = max((first.found[n].rank if n in first.found else FAR for n in first.wrong), default=0)
    if rank < 2 or e.trial.calling.gives_both:
        return first.found
    kept = Search(e, truth, whole, below=rank).found
    return kept if kept.keys() >= first.found.keys() else kept | first.found


class Search:
    """The edits of what one backward runs, tried one after the other: `found`, by argument.

    With `below`, the edits of forward of a lower rank.
    """

    def __init__(
        self,
        e: Evidence,
        truth: dict[str, np.ndarray],
        whole: Evidence | None = None,
        below: int = 0,
    ) -> None:
        self.e, self.whole, self.found = e, whole, dict[str, Repair]()
        self.below = below or sys.maxsize
        self.stirs: dict[int, Any] = {}
        """What was met at a site, and which derivatives moved with it."""
        self.rng = np.random.default_rng(0)
        self.share = 0.5 if below else 1.0
        self.stop = time.thread_time() + self.share * LONGEST
        self.exact = max(1e-7 if e.opened else 1e-5, 30 * e.eps)
        self.truth = {n: Truth(t, self.exact, e.analytic.get(n)) for n, t in truth.items()}
        self.wrong = [n for n, t in self.truth.items() if not t.near(e.analytic[n])]
        self.right = [n for n in self.truth if n not in self.wrong]
        self.misshapen = any(np.shape(e.analytic[n]) != self.truth[n].shape for n in self.wrong)
        if self.wrong:
            self.backward = Editable(e, bool(below))
            self.pick, self.editor = self.backward.pick, self.backward.editor
            with self.backward.edited() as works:
                if works:
                    self._try_all()

    def _mended(self, truth: dict[str, Truth], run: Run | None) -> list[str]:
        """The wrong derivatives that are right now, if those that were right still are."""
        if run is None:
            return []
        try:
            hits = [n for n in self.wrong if truth[n].near(run.derivative(n))]
            kept = hits and all(truth[n].near(run.derivative(n)) for n in self.right)
            return hits if kept else []
        except FAILS:
            return []

    def _try_all(self) -> None:
        left = self.share * WORK // (FIXED + self.backward.calls)
        for picked in self._edits():
            left -= 1
            hits = self._mended(self.truth, self.backward.again())
            edit = picked()
            if not set(hits) <= set(self.found) and self._holds(hits) and not self._evens_out(edit):
                repair = Repair(edit.kind, told(edit), edit.rank)
                self.found = dict.fromkeys(hits, repair) | self.found
                if len(hits) == len(self.wrong):
                    self.found = dict.fromkeys(hits, repair)
                    return
            if left < 0 or (not left % SELDOM and time.thread_time() > self.stop):
                return

    def _evens_out(self, edit: Edit) -> bool:
        """Whether a count multiplies that divided, and makes up for a factor elsewhere."""
        old, new = edit.old, edit.new
        both = isinstance(old, ast.BinOp) and isinstance(new, ast.BinOp)
        if not both or {type(old.op), type(new.op)} != {ast.Mult, ast.Div}:
            return False
        sites = enumerate(self.editor.sites, 1)
        number = next((n for n, s in sites if s.old is old.right is new.right), 0)
        self.pick.at = 0
        met = self._stirred(number)[0] if number else None
        return met is not None and isinstance(met[0], int | np.integer)

    def _edits(self) -> Iterator[Callable[[], Edit]]:
        """Every edit, each picked when it comes: those first that change less."""
        editor, idle = self.editor, self._idle()
        later = []
        for number, edit in enumerate(editor.edits, 1):
            if edit.line in idle or self._is_odd(edit.kind):
                continue
            if edit.rank:
                later.append((edit.rank, number, 0, edit))
            else:
                yield self._picked(number, 0, edit)
        for place, numbers in enumerate(editor.together):
            if len(numbers) > 1:
                first, *others = (editor.edits[number - 1] for number in numbers)
                yield self._picked(-1 - place, 0, first._replace(more=tuple(others)))
        self.pick.at = 0
        for number, site in enumerate(editor.sites, 1):
            others = self._copies(number) if site.line in idle else self._others(number, site)
            later += [(o.rank, number, site, o) for o in others if not self._is_odd(o.kind)]
        for place, numbers in enumerate(editor.alike):
            site = editor.sites[numbers[0] - 1]
            if len(numbers) > 1:
                later += [(o.rank + 1, -1 - place, site, o) for o in self._others(-1 - place, site)]
        for rank, number, site, other in sorted(later, key=lambda plan: plan[0]):
            if rank < self.below:
                yield self._picked(number, site, other)

    def _is_odd(self, kind: Kind) -> bool:
        """Whether it is no slip: forward keeps another value, but not the opposite one."""
        return self.backward.of_forward and kind is Kind.SIGN

    def _idle(self) -> set[Any]:
        """The lines that are not to be edited: what is right depends on their value, or nothing.

        In forward, those whose value goes into its outputs.
        """
        return {
            site.line
            for number, site in enumerate(self.editor.sites, 1)
            if getattr(site.line, "value", None) is site.old and self._is_idle(number)
        }

    def _is_idle(self, number: int) -> bool:
        met, moved = self._stirred(number)
        if moved is None:
            return self.backward.of_forward
        if met is None or not is_float(met[0]):
            return False
        return not moved or bool(moved & {*self.right})

    def _picked(self, number: int, site: Any, other: Any) -> Callable[[], Edit]:
        """Pick an edit, or another value at a site; which edit it is."""
        if not site:
            self.pick.at, self.pick.site = number, 0
            return lambda: other
        self.pick.at, self.pick.site, self.pick.plan = 0, number, other.value
        alike = self.editor.alike[-1 - number] if number < 0 else [number]

        def edit() -> Edit:
            sites = (self.editor.sites[i - 1] for i in alike)
            first, *others = (
                Edit(s.source, s.line, s.old, other.tree(s.old), other.kind, other.rank)
                for s in sites
            )
            return first._replace(more=tuple(others))

        return edit

    def _others(self, number: int, site: Site) -> Iterator[Otherwise]:
        """What may have been meant at a site, where only what is wrong depends on it."""
        yield from self._copies(number)
        met = self._met(number)
        if met is None:
            return
        value, local = met
        own = {ast.unparse(target) for target in getattr(site.line, "targets", ())}
        own.add(ast.unparse(site.old))
        around = [a for a in atoms(local, self.backward.formulas) if a.name not in own]
        around = distinct(value, around)
        yield from otherwise(site, value, around)
        if self.misshapen and isinstance(site.old, ast.Name | ast.Attribute):
            yield from of_other_shapes(value, around)
        for name in self.wrong if site.role == "term" else ():
            a, t = self.e.analytic[name], self.truth[name]
            if t.known is None and np.shape(value) == t.shape and np.array_equal(value, a):
                yield from missing_products(t.t - a, around)

    def _copies(self, number: int) -> Iterator[Otherwise]:
        """In forward, a copy of what is written into later; that changes no output."""
        met = self._stirred(number)[0] if self.backward.of_forward else None
        if met is not None and isinstance(met[0], np.ndarray) and met[0].ndim:
            yield Otherwise(0, Kind.STALE, "{}.copy()", np.copy)

    def _met(self, number: int) -> tuple[Any, dict[str, Any]] | None:
        """The value at a site and the local variables, where only what is wrong depends on it."""
        met, moved = self._stirred(number)
        if met is None or not isinstance(met[0], NUMBERS):
            return None
        if moved is None:
            return None if self.backward.of_forward else met
        if is_float(met[0]):
            may_not = self._role(number) not in ("argument", "carried")
            if moved & {*self.right} or (not moved and may_not):
                return None
        return met

    def _stirred(self, number: int) -> tuple[tuple[Any, dict[str, Any]] | None, set[str] | None]:
        """The value at a site with the local variables, and the derivatives that move with it.

        The second is `None` where backward fails, or forward gives something else.
        """
        if number not in self.stirs:
            self.stirs[number] = self._stir(number)
        return self.stirs[number]

    def _stir(self, number: int) -> Any:
        met: list[Any] = [None]

        def stir(value: Any, local: Mapping[str, Any]) -> Any:
            met[:] = [(value, dict(local))]  # the last: in a loop, the first is a special case
            if not is_float(value):
                return value
            ways = 1 + np.arange(np.size(value)).reshape(np.shape(value)) % 3
            # What is 0, or would be but for rounding, is moved too.
            return value + STIRRED * np.maximum(np.abs(value), STIRRED) * ways

        self.pick.site, self.pick.plan = number, stir
        run = self.backward.again()
        moved = run and {n for n in self.truth if not self.backward.as_before(run, n)}
        return met[0], moved

    def _role(self, number: int) -> str:
        """What a site is of what it stands in; a mask made of an argument does not answer to it."""
        number = self.editor.alike[-1 - number][0] if number < 0 else number
        return self.editor.sites[number - 1].role

    def _holds(self, hits: list[str]) -> bool:
        """Whether it holds on all samples, under another dout, and for fewer samples, too."""
        e, whole = self.e, self.whole
        if whole is not None:
            truth = {n: t for n, t in whole.truth.items() if n in self.truth}
            run = self.backward.unpicked(whole.trial.run)
            if len(truth) == len(self.truth) and not self._agree(
                hits, truth, self.backward.again(run, run.douts(whole.dout))
            ):
                return False
        if e.opened:
            dout = self.rng.uniform(-1.0, 1.0, e.out.size)
            again = self.backward.again(douts=self.backward.run.douts(dout))
            if not self._agree(hits, e.true(dout), again):
                return False
        if not self._holds_for(hits, e.trial.variant(e.trial.inputs), OTHER):
            return False
        others = map(e.trial.variant, self._others_than_given())
        if not all(self._holds_for(hits, other) for other in others):
            return False
        self.right, right = [], self.right  # what else is right by chance, as where a scale is 1
        values = e.trial.others_learned(self.rng)
        holds = self._holds_for(hits, e.trial.variant(e.trial.inputs, values=values))
        self.right = right
        return holds

    def _others_than_given(self) -> Iterator[list[Any]]:
        """The inputs with other values, of the same signs and no larger; fewer; in other order."""
        trial, rng = self.e.trial, self.rng
        places = set(trial.float_places)
        yield [
            x * rng.uniform(0.5, 1.0, np.shape(x)) if i in places else x
            for i, x in enumerate(trial.inputs)
        ]
        rows = next((len(x) for x in trial.inputs if shape_of(x)), 0)
        fewer = trial.batch(0, rows - 1)
        if fewer is not None and self._are_samples(fewer):
            yield fewer
        yield [
            np.roll(x, 1).reshape(np.shape(x)) if i in places else x
            for i, x in enumerate(trial.inputs)
        ]

    def _are_samples(self, fewer: list[Any]) -> bool:
        """Whether fewer of them give fewer outputs: else parts of samples were cut."""
        try:
            outputs = self.backward.unpicked(lambda: self.e.trial.run(inputs=fewer)).outputs
        except LayerRaised:
            return False
        before = [out.shape for out in self.e.run.outputs]
        return not any(before) or [out.shape for out in outputs] != before

    def _holds_for(self, hits: list[str], trial: Trial, settings: float = 1.0) -> bool:
        """Whether it holds for other values and settings, as far as the layer takes them."""
        for name, value in vars(trial.layer).items() if settings != 1 else ():
            if isinstance(value, float) or (is_float(value) and np.size(value) == 1):
                setattr(trial.layer, name, settings * value)
        trial.list_arguments()
        try:
            run, opened = self.backward.unpicked(lambda: (trial.run(), open_forward(trial)))
        except LayerRaised:
            return True
        if not np.isfinite(run.vector).all():
            return True
        dout = self.rng.uniform(0.5, 1.5, run.vector.size)
        if isinstance(opened, str):
            return self._slopes_agree(hits, trial, run, dout)
        truth = opened.derivatives(dout)
        if not all(np.isfinite(truth[n]).all() for n in self.truth):
            return True
        return self._agree(hits, truth, self.backward.again(run, run.douts(dout)))

    def _slopes_agree(self, hits: list[str], trial: Trial, run: Run, dout: np.ndarray) -> bool:
        """Whether forward moves along a direction of each argument as backward says."""
        again = self.backward.again(run, run.douts(dout))
        if again is None:
            return False
        for name in hits:
            given, x = again.derivative(name), trial.arguments[name].value
            way = 1e-5 * sizes(x) * self.rng.uniform(0.5, 1.5, x.shape)
            if np.shape(given) != x.shape:
                return False
            try:
                ends = [
                    self.backward.unpicked(lambda n=name, at=at: trial.run({n: at})).vector
                    for at in (x + way, x - way)
                ]
            except LayerRaised:
                continue
            numeric, told = float((ends[0] - ends[1]) @ dout) / 2, float(np.sum(given * way))
            near = 1e-4 * max(float(np.abs(given * way).sum()), abs(numeric))
            if not abs(numeric - told) <= near < np.inf:
                return False
        return True

    def _agree(self, hits: list[str], truth: dict[str, np.ndarray], run: Run | None) -> bool:
        exact = {n: Truth(truth[n], self.exact) for n in self.truth}
        return set(hits) <= set(self._mended(exact, run))


def told(edit: Edit) -> str:
    """An edit in words."""
    old, new = written(edit)
    line = getattr(edit.old, "lineno", edit.line.lineno)
    name = edit.source.function.__name__
    if old.partition(" = ")[::2] == (old.partition(" = ")[0],) * 2:
        return f"at the end of the loop, behind line {line} of {name}, `{new}` is missing"
    if not new:
        return f"in line {line} of {name}, all is right without `{old}`"
    if any(other.line is not edit.line for other in edit.more):
        return f"from line {line} of {name} on, all is right with `{new}` in place of each `{old}`"
    return f"in line {line} of {name}, all is right with `{new}` in place of `{old}`"
