"""A backward that is run again and again, each time with another edit of its source.

Or of that of forward, which then must give the same, and keep other things for backward.
"""

import ast
import copy
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

import numpy as np

from clearprop.checking.arguments import runs_alone
from clearprop.checking.codes import Pick, compiled, replaced, with_inner
from clearprop.checking.copies import held_by
from clearprop.checking.edited import Editor
from clearprop.checking.evidence import Evidence
from clearprop.checking.forming import Form
from clearprop.checking.formulas import formulas
from clearprop.checking.guards import LONGEST_AXIS, touching_nothing
from clearprop.checking.nests import hanging, shape_of
from clearprop.checking.run import LayerRaised, Run
from clearprop.checking.sources import sources_of
from clearprop.checking.through_call import Called

FAILS = (LayerRaised, ArithmeticError, LookupError, TypeError, ValueError)
MOST = 1500
"""Of longer functions, in nodes of their trees, no edited form is made."""
ROUNDS = 20_000
"""So many rounds of loops an edited run may take."""

ROUNDING = 1e-13
"""What is no larger, in parts of the largest derivative, is 0 but for rounding."""
MUCH = 2
"""So many times as wrong as before, a derivative is not on the way to be right."""
NOTHING: Mapping[str, Any] = {}


class Truth:
    """The true derivative by an argument, and whether another is the same, where it is known."""

    def __init__(self, t: np.ndarray, exact: float, floor: float, a: Any = None) -> None:
        self.shape, self.exact, known = np.shape(t), exact, np.isfinite(t)
        self.t = np.where(known, t, 0.0)
        self.known = None if known.all() else known
        self.far = exact * float(np.max(np.abs(self.t), initial=0.0)) + floor
        self.worst = self.kept = None
        if a is not None and np.shape(a) == t.shape and t.size:
            apart = np.abs(np.where(known, a - self.t, 0.0))
            self.worst = np.unravel_index(np.argmax(apart), t.shape)
            self.most = MUCH * float(np.max(apart)) + self.far
            self.kept = known & (apart <= self.far) & (np.abs(self.t) > self.far)

    def near(self, a: Any) -> bool:
        """Whether another derivative is the same, where the true one is known."""
        if a is None or np.shape(a) != self.shape:
            return False
        if self.worst is not None and not abs(a[self.worst] - self.t[self.worst]) <= self.far:
            return False
        apart = np.abs(a - self.t)
        return bool(
            np.all(apart <= self.far if self.known is None else (apart <= self.far) | ~self.known)
        )

    def spared(self, a: Any) -> bool:
        """Whether what is wrong is not far worse, and the elements that were right still are."""
        if self.kept is None:
            return True
        if np.shape(a) != self.shape:
            return False
        apart = np.where(self.known is None or self.known, np.abs(a - self.t), 0.0)
        return bool(np.all(apart <= np.where(self.kept, self.far, self.most)))


def truths(
    truth: Mapping[str, np.ndarray], exact: float, given: Mapping[str, Any] = NOTHING
) -> dict[str, Truth]:
    """The true derivatives; one that is 0 but for rounding is held against the largest of them."""
    floor = ROUNDING * max((_largest(t) for t in truth.values()), default=0.0) + 1e-150
    return {n: Truth(t, exact, floor, given.get(n)) for n, t in truth.items()}


def _largest(t: np.ndarray) -> float:
    return float(np.max(np.abs(t), initial=0.0, where=np.isfinite(t)))


class Editable:
    """The functions that one backward runs, with all their edits; the `pick` says which is done.

    Or those that `forward` runs and backward does not.
    """

    def __init__(self, e: Evidence, forward: bool = False) -> None:
        self.e, self.pick, self.of_forward = e, Pick(), forward
        self.anew = e.trial.calling.gives_both
        """Whether forward is run again, too, each time."""
        self.run, self.frozen = e.trial.run(), True
        self.kept: list[tuple[np.ndarray, np.ndarray]] = []
        self.added: list[tuple[np.ndarray, np.ndarray]] = []
        """The derivatives that backward adds to, and what they were before."""
        self.writes_at = False
        self.douts = self.run.douts(e.dout)
        self.held = _held(self.run.layer)
        sources, self.calls = sources_of(self.again)
        before, more = sources_of(e.trial.run)
        ran = {source.function for source in before}
        called = isinstance(e.trial.layer, Called)
        if called or (runs_alone(e.trial.layer) and not e.is_function):
            sources = [s for s in sources if s.function not in ran]  # a loss is as it is meant
        self.anew |= any(hasattr(source.function, "stands_in") for source in sources)
        back = {source.function for source in sources}
        before = [s for s in before if s.function not in back]
        sources = [s._replace(shared=s.function in ran) for s in sources]
        if forward:
            sources, before, self.anew, self.calls = before, sources, True, self.calls + more
        self.writes_over = any(writes_over(source.tree) for source in before)
        """Whether forward writes into what it has kept."""
        self.writes_at = any(".at(" in ast.unparse(source.tree) for source in sources)
        trees = (source.tree for source in (*sources, *before))
        self.editor = Editor(trees, type(e.trial.layer))
        self.sources = (*reversed(sources), *before)
        self.codes: dict[Any, Any] = {}
        arrays = (
            *e.trial.inputs,
            *self.run.outputs,
            *(a.value for a in e.trial.arguments.values()),
        )
        if max((n for x in arrays for n in shape_of(x)), default=0) > LONGEST_AXIS:
            sources = []
        for source in sources:
            nodes = list(ast.walk(source.tree))
            if len(nodes) > MOST:
                continue
            code = compiled(source, Form(self.editor, source).tree(), self.pick)
            if code is not None:
                self.codes[source.function] = code
        for source in sources:  # what is made anew in each run is made by what is around it
            for outer in (*sources, *before) if "<locals>" in source.function.__qualname__ else ():
                f, inner = outer.function, source.function
                made = with_inner(
                    self.codes.get(f, f.__code__), inner.__code__, self.codes.get(inner)
                )
                if f is not inner and made is not f.__code__:
                    self.codes[f] = made

    @cached_property
    def formulas(self) -> list[Any]:
        """The formulas in all that is run, which values may have been meant to be."""
        return formulas(self.sources)

    @contextmanager
    def edited(self) -> Iterator[bool]:
        """Let the edited forms run in place of what was written, if they do the same unedited."""
        try:
            with replaced(self.codes), touching_nothing():
                self.pick.silent = True
                yield bool(self.codes) and self._is_same()
        finally:
            self.pick.at = self.pick.site = 0
            self.pick.plan, self.pick.silent = None, False
            _thaw(self.kept)

    def _is_same(self) -> bool:
        """Whether the edited form does what was written; it may then write into nothing kept."""
        for frozen in (False,) if self.e.trial.updates or self.of_forward else (True, False):
            self.run, self.frozen = self.e.trial.run(), frozen
            self.added = [(sums, sums.copy()) for sums in _sums(self.run)] if frozen else []
            self.kept = _frozen(self.run, [sums for sums, _ in self.added]) if frozen else []
            self.held = _held(self.run.layer)
            self.again()
            run = self.again()  # which a backward that uses up what forward kept does not take
            if run is not None and all(self.as_before(run, n) for n in self.e.analytic):
                return True
        return False

    def as_before(self, run: Run, name: str) -> bool:
        """Whether a derivative is what the layer gave."""
        return np.array_equal(run.derivative(name), self.e.analytic[name], equal_nan=True)

    def again(self, run: Run | None = None, douts: Any = None) -> Run | None:
        """Run backward as edited; `None` where it fails."""
        again = self.run if self.frozen and run is None else run
        self.pick.left = ROUNDS
        try:
            if again is None or self.anew:
                before = self.run if run is None else run
                again = before.trial.run()
                if not all(map(np.array_equal, again.outputs, before.outputs)):
                    return None
            if again is self.run:  # another edit may have left something else on it, or in it
                _put_back(self.held)
                for sums, before in self.added:
                    sums[...] = before
            again.backward([np.array(d) for d in (self.douts if douts is None else douts)])
        except FAILS:
            return None
        finally:
            if self.writes_at:
                _restore(self.kept)
        return again

    def unpicked(self, work: Callable[[], Any]) -> Any:
        """Do something without any edit."""
        picked = self.pick.at, self.pick.site
        self.pick.at = self.pick.site = 0
        try:
            return work()
        finally:
            self.pick.at, self.pick.site = picked


def _held(root: Any) -> list[tuple[Any, Any]]:
    """The attributes, mappings and lists of what is held at any depth, with copies of each."""
    held = [root, *held_by(root)]
    attributes = [found for x in held if isinstance(found := getattr(x, "__dict__", None), dict)]
    inside = [x for x in held if isinstance(x, dict | list)]
    return [(x, copy.copy(x)) for x in (*attributes, *inside)]


def _put_back(held: list[tuple[Any, Any]]) -> None:
    for now, before in held:
        if isinstance(now, list):
            now[:] = before
        elif now is not before:
            now.update(before)
            for key in now.keys() - before.keys() if len(now) > len(before) else ():
                del now[key]


def writes_over(tree: ast.AST) -> bool:
    """Whether a function keeps an array by its name alone, and writes into it afterwards."""
    kept: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            for v in (v for v in values if isinstance(v, ast.Name)):
                kept[v.id] = min(node.lineno, kept.get(v.id, node.lineno))
    written = (node for node in ast.walk(tree) if isinstance(node, ast.AugAssign))
    roots = ((getattr(node.target, "value", node.target), node.lineno) for node in written)
    return any(line > kept.get(getattr(root, "id", ""), line) for root, line in roots)


def _sums(run: Run) -> list[np.ndarray]:
    """The arrays on the layer that backward adds the derivatives to."""
    trial = run.trial
    places = itertools.chain(*trial.places.values()) if trial.accumulates else ()
    paths = {place.path for place in places if place.kind == "held"} - trial.assigned
    found = (hanging(run.layer).get(path) for path in paths)
    return [x for x in found if isinstance(x, np.ndarray) and x.flags.writeable]


def _frozen(run: Run, but: list[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Let nothing be written into what forward has kept: other edits are tried on it.

    Copies of it, as `np.add.at` writes all the same.
    """
    arrays = [
        held
        for held in held_by((run.layer, run.cache))
        if isinstance(held, np.ndarray) and held.flags.writeable
        if not any(held is sums for sums in but)
    ]
    for held in arrays:
        held.flags.writeable = False
    return [(held, held.copy()) for held in arrays]


def _thaw(kept: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Let everything be written into again: views after what they are views of.

    Those that `as_strided` gave cannot be; they were made in this run.
    """
    for held, _ in sorted(kept, key=lambda pair: _depth(pair[0])):
        with suppress(ValueError):
            held.flags.writeable = True


def _depth(array: Any) -> int:
    return 1 + _depth(base) if (base := getattr(array, "base", None)) is not None else 0


def _restore(kept: list[tuple[np.ndarray, np.ndarray]]) -> None:
    if all(np.array_equal(x, before, equal_nan=x.dtype.kind == "f") for x, before in kept):
        return
    _thaw(kept)
    for held, before in kept:
        if held.flags.writeable:
            held[...] = before
    for held, _ in kept:
        held.flags.writeable = False
