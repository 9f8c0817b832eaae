"""Whether an edit that mends a derivative is no coincidence: it must mend it elsewhere, too.

On all samples, under another dout, for other values, settings and sizes: as far as the layer takes
them.
"""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from clearprop.checking.atoms import is_float
from clearprop.checking.automatic import open_forward
from clearprop.checking.differences import sizes
from clearprop.checking.editable import FAILS, Editable, Truth, truths
from clearprop.checking.evidence import Evidence
from clearprop.checking.nests import shape_of
from clearprop.checking.run import LayerRaised, Run
from clearprop.checking.trial import Trial

OTHER = 1.17
"""So many times as large settings are, to see what only holds for one value of them."""


class Elsewhere:
    """Runs the edited backward under other conditions, and compares: what is mended there?"""

    def __init__(
        self, backward: Editable, truth: dict[str, Truth], wrong: list[str], whole: Evidence | None
    ) -> None:
        self.backward, self.e, self.whole = backward, backward.e, whole
        self.truth, self.wrong = truth, wrong
        self.right = [n for n in truth if n not in wrong]
        self.rng = np.random.default_rng(0)

    def mended(self, truth: dict[str, Truth], run: Run | None) -> list[str]:
        """The wrong derivatives that are right now, if what was right still is."""
        if run is None:
            return []
        try:
            hits = [n for n in self.wrong if truth[n].near(run.derivative(n))]
            kept = hits and _are_right(truth, run, self.right)
            others = (n for n in self.wrong if n not in hits)
            return hits if kept and all(truth[n].spared(run.derivative(n)) for n in others) else []
        except FAILS:
            return []

    def holds(self, hits: list[str]) -> bool:
        """Whether what is mended here is mended elsewhere, too."""
        e, whole = self.e, self.whole
        if not self._leaves_the_rest():
            return False
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
        layer = e.trial.layer
        own = [vars(cls) for cls in reversed(type(layer).__mro__[:-1])] if vars(layer) else []
        settings = {
            name: OTHER * value
            for held in (*own, vars(layer))
            for name, value in held.items()
            if is_float(value) and np.size(value) == 1
        }
        scaled = [e.trial.variant(e.trial.inputs)] if settings else []
        for other in scaled:
            vars(other.layer).update(settings)
        given = (*scaled, *map(e.trial.variant, self._others_than_given()))
        others = itertools.chain(given, self._of_other_sizes(), self._of_other_counts())
        if any(self._holds_for(hits, other) is False for other in others):
            return False
        wider = self._of_other_widths()  # what the layer keeps may have the width that was given
        if any(self._holds_for(hits, other, may_fail=True) is False for other in wider):
            return False
        with _other_defaults(source.function for source in self.backward.sources) as are_other:
            if are_other and self._holds_for(hits, e.trial.variant(e.trial.inputs)) is False:
                return False
        self.right, right = [], self.right  # what else is right by chance, as where a scale is 1
        values = e.trial.others_learned(self.rng)
        held = self._holds_for(hits, e.trial.variant(e.trial.inputs, values=values))
        self.right = right
        return held is not False

    def _leaves_the_rest(self) -> bool:
        """Whether forward gives the same with the edit, and what is given to backward stays."""
        if self.backward.of_forward:
            return True
        try:
            run = self.e.trial.run()
            same = np.allclose(run.vector, self.e.run.vector, rtol=1e-9, equal_nan=True)
            return same and (_spares_dout(run, self.e.dout) or self._wrote_to_dout)
        except LayerRaised:
            return False

    @cached_property
    def _wrote_to_dout(self) -> bool:
        """Whether backward writes to what it is given as it is."""
        return not self.backward.unpicked(lambda: _spares_dout(self.e.trial.run(), self.e.dout))

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

    def _of_other_sizes(self) -> Iterator[Trial]:
        """With a length shorter by one or doubled, the same in all inputs that have it.

        None of one, which would go with any other.
        """
        trial = self.e.trial
        shapes = (np.shape(trial.inputs[i])[1:] for i in trial.float_places)
        for n in sorted({n for shape in shapes for n in shape if n > 1}):
            for length in (k for k in (2 * n, n - 1) if k > 1):
                chosen = [i % n for i in range(length)]
                yield self._keeping(trial.variant([*self._with_length(n, chosen)]), n, length)

    def _with_length(self, n: int, chosen: list[int]) -> Iterator[Any]:
        """The inputs with some places along axes of a length, but the first, that of samples."""
        for i, x in enumerate(self.e.trial.inputs):
            if isinstance(x, np.ndarray) and n in x.shape[1:]:
                x = _taken(x, n, chosen, 1)
                x = self._varied(x) if i in self.e.trial.float_places else x
            yield x

    def _of_other_widths(self) -> Iterator[Trial]:
        """With parameters longer by one along all axes of a length, and the inputs that have it."""
        trial = self.e.trial
        learned = {n: a.value for n, a in trial.arguments.items() if a.slot}
        for n in sorted({n for value in learned.values() for n in value.shape if n > 1}):
            chosen = [i % n for i in range(n + 1)]
            values = {
                name: self._varied(_taken(x, n, chosen))
                for name, x in learned.items()
                if n in x.shape
            }
            other = trial.variant([*self._with_length(n, chosen)], values=values)
            yield self._keeping(other, n, len(chosen))

    def _keeping(self, other: Trial, n: int, length: int) -> Trial:
        """With the length in the numbers that keep it for backward."""
        vars(other.layer).update(dict.fromkeys(self._keep_lengths.get(n, ()), length))
        return other

    @cached_property
    def _keep_lengths(self) -> dict[int, list[str]]:
        """By a length of what is given or learned, the numbers that keep it, as self.d = d.

        Where forward itself does not read them, they would not go with another length.
        """
        trial, found = self.e.trial, dict[int, list[str]]()
        lengths = {n for a in trial.arguments.values() for n in a.value.shape}
        for name, value in vars(trial.layer).items():
            if type(value) is int and value in lengths:
                other = trial.variant(trial.inputs)
                setattr(other.layer, name, value + 1)
                try:
                    same = np.array_equal(
                        self.backward.unpicked(other.run).vector, self.e.run.vector
                    )
                except LayerRaised:
                    continue
                if same:
                    found.setdefault(value, []).append(name)
        return found

    def _varied(self, x: np.ndarray) -> np.ndarray:
        """None equal to another."""
        return x * self.rng.uniform(0.9, 1.0, x.shape)

    def _of_other_counts(self) -> Iterator[Trial]:
        """With other settings: whole numbers larger by one or doubled, switches the other way."""
        keep_lengths = {name for names in self._keep_lengths.values() for name in names}
        for name, value in vars(self.e.trial.layer).items():
            if name in keep_lengths:
                continue
            counts = (value + 1, 2 * value) if type(value) is int and value > 0 else ()
            for count in (not value,) if isinstance(value, bool) else counts:
                other = self.e.trial.variant(self.e.trial.inputs)
                setattr(other.layer, name, count)
                yield other

    def _are_samples(self, fewer: list[Any]) -> bool:
        """Whether fewer of them give fewer outputs: else parts of samples were cut."""
        try:
            outputs = self.backward.unpicked(lambda: self.e.trial.run(inputs=fewer)).outputs
        except LayerRaised:
            return False
        before = [out.shape for out in self.e.run.outputs]
        return not any(before) or [out.shape for out in outputs] != before

    def _holds_for(self, hits: list[str], trial: Trial, may_fail: bool = False) -> bool | None:
        """Whether it holds for another trial; `None` where the layer does not take it."""
        trial.list_arguments()
        try:
            run, opened = self.backward.unpicked(lambda: (trial.run(), open_forward(trial)))
        except LayerRaised:
            return None
        if not np.isfinite(run.vector).all():
            return None
        dout = self.rng.uniform(0.5, 1.5, run.vector.size)
        if isinstance(opened, str):
            return None if may_fail else self._slopes_agree(hits, trial, run, dout)
        truth = opened.derivatives(dout)
        if not all(np.isfinite(truth[n]).all() for n in self.truth):
            return None
        again = self.backward.again(run, run.douts(dout))
        if may_fail and not (self.right and _have_shapes(self.truth, truth, again)):
            return None  # what is right here tells whether it takes that, if there is anything
        if self._agree(hits, truth, again):
            return True
        unedited = self.backward.unpicked(lambda: self.backward.again(run, run.douts(dout)))
        given = {n: np.shape(a) for n, a in self.e.analytic.items()}
        were_right = [n for n, t in self.truth.items() if given.get(n) == t.shape]
        takes = _have_shapes(were_right, truth, unedited)
        return False if takes and self._agree([], truth, unedited) else None

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
        exact = max(t.exact for t in self.truth.values())
        known = truths({n: truth[n] for n in self.truth}, exact)
        try:
            return run is not None and _are_right(known, run, [*hits, *self.right])
        except FAILS:
            return False


def _have_shapes(names: Iterable[str], truth: dict[str, np.ndarray], run: Run | None) -> bool:
    """Whether backward gives derivatives of the shapes that these have."""
    try:
        return run is not None and all(np.shape(run.derivative(n)) == truth[n].shape for n in names)
    except FAILS:
        return False


def _spares_dout(run: Run, dout: np.ndarray) -> bool:
    """Whether backward leaves what it is given as it was."""
    douts = run.douts(dout)
    before = [np.array(part) for part in douts]
    run.backward(douts)
    return all(map(np.array_equal, before, douts))


def _taken(x: np.ndarray, n: int, chosen: list[int], first: int = 0) -> np.ndarray:
    """Some places along the axes of a length, from one axis on."""
    for axis in range(first, x.ndim):
        x = np.take(x, chosen, axis) if x.shape[axis] == n else x
    return x


@contextmanager
def _other_defaults(functions: Iterable[Any]) -> Iterator[bool]:
    """Let settings that functions have by default be others; whether there are any."""
    before = {f: (f.__defaults__, f.__kwdefaults__) for f in functions}
    found = False
    try:
        for f, (placed, named) in before.items():
            values = (*(placed or ()), *(named or {}).values())
            if any(type(v) is float for v in values):
                found = True
                f.__defaults__ = placed and tuple(map(_other, placed))
                f.__kwdefaults__ = named and {name: _other(v) for name, v in named.items()}
        yield found
    finally:
        for f, (placed, named) in before.items():
            f.__defaults__, f.__kwdefaults__ = placed, named


def _other(value: Any) -> Any:
    return OTHER * value if type(value) is float else value


def _are_right(truth: dict[str, Truth], run: Run, names: list[str]) -> bool:
    return all(truth[n].near(run.derivative(n)) for n in names)
