"""The program of a training step for one shape of batch."""

from typing import Any

import numpy as np

from clearprop.compiler.carrying import carried_on
from clearprop.compiler.data_set import Data, check_targets
from clearprop.compiler.holding import spelt
from clearprop.compiler.layout import Layout
from clearprop.compiler.noise import plain_draws
from clearprop.compiler.numbers import numbers_between, with_numbers
from clearprop.compiler.plans import Plan, flat, formed
from clearprop.compiler.recorded_step import RecordedStep
from clearprop.compiler.recording import shown, value_of
from clearprop.compiler.threads import BlasThreads
from clearprop.compiler.tracing import Trace
from clearprop.compiler.watching import Watch
from clearprop.compiler.widening import warn_of_widening
from clearprop.errors import UnsupportedError
from clearprop.graph.graph import Graph
from clearprop.networks.evaluation import given
from clearprop.networks.learning import rows_of


class StepPlan(Plan):
    """Forward, loss, backward and update of batches of one shape, recorded and printed.

    What it overwrites is a list: the vectors of the parameters and of the optimiser's state, and
    the state of the layers.
    """

    def __init__(
        self, step: Any, layout: Layout, x: Any, t: Any, w: Any, source: Data | None, key: Any
    ) -> None:
        self.key = key
        self.source = source
        self.rows = rows_of(x)
        self.network, self.optimizer, self.layout = step.network, step.optimizer, layout
        network = step.network
        members = network.members
        network.audit(x, t, anew=True)  # with other settings it may read other arrays
        if name := carried_on(network, x, t, *given(w)):
            raise UnsupportedError(
                f"compile: {name} is carried on from one pass to the next, beside parameters and "
                "state, and a program would lose it; if it is an array, name it in state, and let "
                "next_state give it"
            )
        what = network, step.optimizer, layout, (x, t, w)
        with BlasThreads(1):  # threads would cost more than they gain, as in a step
            numbers = numbers_between(network, "forward")
            recorded = with_numbers(
                numbers, step.needed, lambda numbers: RecordedStep(*what, source, numbers)
            )
        self.recorder = recorder = recorded.recorder
        self.as_written = {shown(n): why for n, why in recorder.as_written.items()}
        used = {*Graph(recorded.outputs).leaves, *recorded.replaces.values()}
        batch = [*flat(recorded.x), *flat(recorded.t), *recorded.w]
        self._batch, self._form = batch, (recorded.x, recorded.t)
        self._states = [(v, place) for v, place in recorder.states.items() if v in used]
        self._numbers = [(v, place) for v, place in recorder.settings.items() if v in used]
        self._draws = recorder.draws
        self._drawn = plain_draws(self._draws, network.rng)
        noise = [u for draw in self._draws for u in draw.leaves]
        self._hyper = [(v, g, n) for v, g, n in recorded.hyperparameters if v in used]
        self._limits = [(v, n) for v, n in recorded.limits if v in used]
        self._read_at: int | None = None
        """The `changes` of the optimiser when its settings were last read, if they stay."""
        self._step = recorded.step if recorded.step in used else None
        arguments = [v for v, *_ in (*self._numbers, *self._hyper, *self._limits)]
        arguments = [*noise, *arguments, *([] if self._step is None else [self._step])]
        self._left = recorded.left
        stored = {**recorded.stored, **{v: v.data for v, _ in self._states}}
        stored = {v: array for v, array in stored.items() if v in used}
        self._stored = stored
        trace = Trace(recorded.outputs, [*batch, *arguments, *stored], recorder.labels)
        warn_of_widening(trace, recorded.stored.values(), flat(recorded.x))
        gathered: dict[Any, Any] = {}
        if source is not None:
            parts = (*flat(source.x), *flat(source.t), *given(source.w))
            gathered = dict(zip(batch, parts, strict=True))
            check_targets(trace, gathered)
        shapes = ", ".join(str(v.shape) for v in flat(recorded.x))
        title = (
            f"Training step of {type(network).__name__} for batches {shapes}, written by clearprop."
        )
        super().__init__(
            step,
            trace,
            "step",
            title,
            stored,
            gathered=gathered,
            drawn=self._drawn or {},
            replaces=recorded.replaces,
            checks=True,
            label_checks=True,
            kept=frozenset(recorded.stored).difference(recorder.fixed)
            if layout.lends()
            else frozenset(),
            rows=self.rows,
        )
        # Fixed arrays may be changed in place at any time: no program keeps them for itself.
        self.kept = [a for v, a in recorded.stored.items() if v not in recorder.fixed]
        frozen = [p for n in network.frozen for p in members.params.owners[n]]
        self._watch = Watch(recorder, [*frozen, *recorder.fixed_places], [self.optimizer])
        self.learns = bool(members.stateful or members.noisy)

    def changed(self) -> str:
        """What of the layers is not as it was when this was recorded."""
        for _, (layer, name) in self._numbers:
            if type(getattr(layer, name, None)) is not float:
                return spelt(layer, name)
        for v, place in self._states:
            if np.shape(value_of(place)) != v.shape:
                return spelt(*place)
        return self._watch.changed()

    def call(self, batch: tuple[Any, ...]) -> list[Any]:
        """What the program is given in a step."""
        values: list[Any] = [self.network.rng, *batch] if self._drawn else [*batch]
        if self._drawn is None:
            values += [u for draw in self._draws for u in draw(self.network.rng)]
        if self._numbers:
            values += [getattr(layer, name) for _, (layer, name) in self._numbers]
        if self._read_at != self.optimizer.changes:
            self._read()
        values += self._settings
        if self._step is not None:
            values.append(self.optimizer.step_count + 1.0)
        return values

    def given(self, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        """Inputs, targets and weights, if any, of what a step is called with."""
        source = self.source
        if source is None:
            parts = iter(batch)
            return (*(formed(part, parts) for part in self._form), *parts)
        x, t, w = source.batch(*batch)
        x = x if source.scale is None else x.astype(self.layout.dtype) * source.scale
        return x, t, *given(w)

    def _read(self) -> None:
        """Read the optimiser's settings, which hold until one of them changes."""
        optimizer, limits = self.optimizer, self.optimizer.limits()
        step = optimizer.step_count + 1
        groups = [optimizer.settings(group, step) for group in self.layout.groups]
        self._settings = [groups[g][name] for _, g, name in self._hyper]
        self._settings += [limits[name] for _, name in self._limits]
        self._read_at = optimizer.changes if optimizer.is_steady() else None

    def roles(self) -> dict[Any, tuple[Any, ...]]:
        """What each leaf of the program is.

        `("batch", i)`, `("noise", method)`, `("number", layer, name)`, `("hyper", group, name)`,
        `("limit", name)`, `("step",)`, `("vector", group, kind)` with the kind `""` for the
        parameters, `("state", layer, name)` or `("fixed",)`; the method is `None` where noise is
        drawn in a way of its own.
        """
        vectors = enumerate(self.layout.vectors)
        held = {id(a): ("vector", g, kind) for g, kinds in vectors for kind, a in kinds.items()}
        found: dict[Any, tuple[Any, ...]] = {v: ("batch", i) for i, v in enumerate(self._batch)}
        drawn = self._drawn or {}
        found |= {u: ("noise", drawn.get(u)) for draw in self._draws for u in draw.leaves}
        found |= {v: ("number", *place) for v, place in self._numbers}
        found |= {v: ("hyper", g, name) for v, g, name in self._hyper}
        found |= {v: ("limit", name) for v, name in self._limits}
        found |= {v: ("state", *place) for v, place in self._states}
        if self._step is not None:
            found[self._step] = ("step",)
        for v in self.trace.leaves:
            found.setdefault(v, held.get(id(self._stored.get(v)), ("fixed",)))
        return {v: found[v] for v in self.trace.leaves}

    def begin(self, rows: int | None) -> None:
        """Begin a step: the program writes into the state, so what it sees is put aside."""
        network = self.network
        network.learning.begin(network.members, network.rng, rows, apart=True)
        for v, (layer, name) in self._states:
            value = getattr(layer, name)
            if value is not v.data:
                v.data[...] = value
                setattr(layer, name, v.data)
                network.learning.now(network.members, layer, name)

    def leave(self, left: tuple[Any, ...]) -> None:
        """Leave the state that the program did not write in place."""
        network = self.network
        members = network.members
        for (name, attribute), value in zip(self._left, left, strict=True):
            # A copy, for two layers may be left one and the same.
            setattr(members.layers[name], attribute, np.array(value))
            network.learning.now(members, members.layers[name], attribute)
