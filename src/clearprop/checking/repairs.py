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

from clearprop.checking.atoms import NUMBERS, atoms, distinct, is_float
from clearprop.checking.editable import Editable, truths
from clearprop.checking.edited import Edit, Site, written
from clearprop.checking.elsewhere import Elsewhere
from clearprop.checking.evidence import Evidence
from clearprop.checking.findings import Kind
from clearprop.checking.otherwise import (
    Otherwise,
    missing_products,
    of_other_shapes,
    otherwise,
)
from clearprop.checking.patterns_inside import MEETING

STIRRED = 1e-3
"""By this part of itself a value is moved to see what depends on it."""

WORK, FIXED = 400_000, 30
"""So many calls are made in all; a run of backward counts as so many more than it makes."""
LONGEST, SELDOM = 1.5, 16
"""After so many seconds of its own the search ends in any case; one in so many runs looks."""

FAR = 5
"""Edits of this rank and more are told only where the graph of forward explains nothing."""


INNER = 2
"""What backward calls is edited by so much later, for each call, than what it does itself."""


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
    if first.wrong and first.backward.writes_over:
        copied = Search(e, truth, whole, copies=True).found
        if copied and copied.keys() >= first.found.keys():
            return copied
    rank = max((first.found[n].rank if n in first.found else FAR for n in first.wrong), default=0)
    if rank < 2 or e.trial.calling.gives_both:
        return first.found
    kept = Search(e, truth, whole, below=rank).found
    return kept if kept.keys() >= first.found.keys() else kept | first.found


class Search:
    """The edits of what one backward runs, tried one after the other: `found`, by argument.

    With `below`, the edits of forward of a lower rank; with `copies`, those of forward that keep a
    copy.
    """

    def __init__(
        self,
        e: Evidence,
        truth: dict[str, np.ndarray],
        whole: Evidence | None = None,
        below: int = 0,
        copies: bool = False,
    ) -> None:
        self.e, self.found = e, dict[str, Repair]()
        self.below = below or sys.maxsize
        self.stirs: dict[int, Any] = {}
        """What was met at a site, and which derivatives moved with it."""
        self.sets: dict[Any, list[tuple[int, str]]] = {}
        self.copies, of_forward = copies, copies or below > 0
        self.share = 0.5 if of_forward else 1.0
        self.stop = time.thread_time() + self.share * LONGEST
        self.exact = max(1e-7 if e.opened else 1e-5, 30 * e.eps)
        self.truth = truths(truth, self.exact, e.analytic)
        self.wrong = [n for n, t in self.truth.items() if not t.near(e.analytic[n])]
        self.right = [n for n in self.truth if n not in self.wrong]
        self.misshapen = any(np.shape(e.analytic[n]) != self.truth[n].shape for n in self.wrong)
        if self.wrong:
            self.backward = Editable(e, of_forward)
            self.pick, self.editor = self.backward.pick, self.backward.editor
            self.elsewhere = Elsewhere(self.backward, self.truth, self.wrong, whole)
            with self.backward.edited() as works:
                if works:
                    self._try_all()

    def _try_all(self) -> None:
        left = self.share * WORK // (FIXED + self.backward.calls)
        for picked in self._edits():
            left -= 1
            hits = self.elsewhere.mended(self.truth, self.backward.again())
            is_news = len(hits) == len(self.wrong) or not set(hits) <= set(self.found)
            if is_news and self._note(picked(), hits):
                return
            if left < 0 or (not left % SELDOM and time.thread_time() > self.stop):
                return

    def _note(self, edit: Edit, hits: list[str]) -> bool:
        """Note what an edit mends, if that is no coincidence; whether it is all that is wrong."""
        if self._evens_out(edit) or not self.elsewhere.holds(hits):
            return False
        repair, all_of = Repair(edit.kind, told(edit), edit.rank), len(hits) == len(self.wrong)
        self.found = dict.fromkeys(hits, repair) | ({} if all_of else self.found)
        return all_of

    def _evens_out(self, edit: Edit) -> bool:
        """Whether a count multiplies that divided, and makes up for a factor elsewhere."""
        old, new = edit.old, edit.new
        both = isinstance(old, ast.BinOp) and isinstance(new, ast.BinOp)
        if not both or {type(old.op), type(new.op)} != {ast.Mult, ast.Div}:
            return False
        sites = enumerate(self.editor.sites, 1)
        number = next((n for n, s in sites if s.old is old.right is new.right), 0)
        picked = self.pick.at, self.pick.site, self.pick.plan
        self.pick.at = 0
        met = self._stirred(number)[0] if number else None
        self.pick.at, self.pick.site, self.pick.plan = picked
        return met is not None and isinstance(met[0], int | np.integer)

    def _edits(self) -> Iterator[Callable[[], Edit]]:
        """Every edit, each picked when it comes: those first that change less."""
        editor = self.editor
        if self.copies:
            for number, site in enumerate(editor.sites, 1):
                yield from (self._picked(number, site, o) for o in self._copies(number))
            return
        idle, later = self._idle(), []
        inner = {s.function: INNER * (s.depth + s.shared) for s in self.backward.sources}
        for number, edit in enumerate(editor.edits, 1):
            moves = edit.kind is Kind.STALE and self.e.trial.updates  # an update, which is right
            is_idle = edit.line in idle and not moves
            if is_idle or self._is_odd(edit.kind):
                continue
            if order := edit.rank + inner[edit.source.function]:
                later.append((order, edit.rank, number, 0, edit))
            else:
                yield self._picked(number, 0, edit)
        for place, numbers in enumerate(editor.together):
            if len(numbers) > 1:
                first, *others = (editor.edits[number - 1] for number in numbers)
                yield self._picked(-1 - place, 0, first._replace(more=tuple(others)))
        self.pick.at = 0
        for number, site in enumerate(editor.sites, 1):
            others = self._copies(number) if site.line in idle else self._others(number, site)
            more = inner[site.source.function]
            others = (o for o in others if not self._is_odd(o.kind, o.text))
            later += [(o.rank + more, o.rank, number, site, o) for o in others]
        for place, numbers in enumerate(editor.alike):
            site = editor.sites[numbers[0] - 1]
            if len(numbers) > 1 and numbers not in editor.alike[:place]:
                more = 1 + inner[site.source.function]
                others = self._others(-1 - place, site)
                later += [(o.rank + more, o.rank + 1, -1 - place, site, o) for o in others]
        for _, rank, number, site, other in sorted(later, key=lambda plan: plan[0]):
            if rank < self.below:
                yield self._picked(number, site, other)

    def _is_odd(self, kind: Kind, text: str = "") -> bool:
        """Whether it is no slip: forward keeps another value, but no multiple of the right one."""
        return self.backward.of_forward and (kind is Kind.SIGN or text.endswith(" * {}"))

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
        if site.source.function not in self.sets:
            self.sets[site.source.function] = _set_in(site.source.tree)
        # What is kept after a site is, before, what an earlier run has left.
        kept = self.sets[site.source.function]
        own |= {name for line, name in kept if line > site.line.lineno}
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


def _set_in(tree: Any) -> list[tuple[int, str]]:
    """What a function keeps, and in which line."""
    return [
        (node.lineno, ast.unparse(target))
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute)
    ]


def told(edit: Edit) -> str:
    """An edit in words."""
    old, new = written(edit)
    first = edit.old[0] if isinstance(edit.old, list) else edit.old
    line = getattr(first, "lineno", edit.line.lineno)
    name = edit.source.function.__name__
    if old.partition(" = ")[::2] == (old.partition(" = ")[0],) * 2:
        return f"at the end of the loop, behind line {line} of {name}, `{new}` is missing"
    if not new:
        return f"in line {line} of {name}, all is right without `{old}`"
    if any(other.line is not edit.line for other in edit.more):
        return f"from line {line} of {name} on, all is right with `{new}` in place of each `{old}`"
    text = f"in line {line} of {name}, all is right with `{new}` in place of `{old}`"
    overwrites = new.startswith("np.add.at(") and isinstance(first, ast.Assign)
    return f"{MEETING.format('last')}; {text}" if overwrites else text
