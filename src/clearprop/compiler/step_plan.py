"""The program of a training step for one shape of batch."""

from typing import Any, NamedTuple

import numpy as np

from clearprop.compiler.carrying import carried_on
from clearprop.compiler.layout import Layout
from clearprop.compiler.leaf import Traced, setting, traced
from clearprop.compiler.noise import plain_draws
from clearprop.compiler.numbers import numbers_between, with_numbers
from clearprop.compiler.plans import Plan, flat, formed
from clearprop.compiler.recording import Recorder, shown, value_of
from clearprop.compiler.rewriting import is_recorded
from clearprop.compiler.threads import BlasThreads
from clearprop.compiler.tracing import Trace, form, varied
from clearprop.compiler.updating import Update
from clearprop.compiler.watching import Watch
from clearprop.compiler.widening import warn_of_widening
from clearprop.errors import UnsupportedError
from clearprop.graph.graph import Graph
from clearprop.graph.randomness import generators_in, undrawn
from clearprop.networks.evaluation import given
from clearprop.networks.fitting import check_predict
from clearprop.networks.learning import rows_of
from clearprop.primitives.labels import read_labels, read_numbers


class Data(NamedTuple):
    """A data set that batches are gathered from; x and t are arrays, or tuples of arrays."""

    x: Any
    t: Any
    w: Any
    """Weights of the samples, if any."""
    scale: float | None
    samples: int

    def batch(self, rows: Any) -> tuple[Any, Any, Any]:
        """These rows of all three."""
        return taken(self.x, rows), taken(self.t, rows), None if self.w is None else self.w[rows]


def taken(x: Any, rows: Any) -> Any:
    """These rows of an array, or of each of several."""
    return tuple(taken(part, rows) for part in x) if isinstance(x, tuple) else x[rows]


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
        with BlasThreads(1):  # threads would cost more than they gain, as in a step
            numbers = numbers_between(network, "forward")
            recorded = with_numbers(
                numbers, step.needed, lambda numbers: _Recorded(self, x, t, w, numbers)
            )
        self.recorder = recorder = recorded.recorder
        self.as_written = {shown(n): why for n, why in recorder.as_written.items()}
        used = {*Graph(recorded.outputs).leaves, *recorded.replaces.values()}
        batch = [*flat(recorded.x), *flat(recorded.t), *recorded.w]
        self._batch = batch
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
            _check_targets(trace, gathered)
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
            label_checks=source is None,
            kept=frozenset(recorded.stored),
            rows=self.rows,
        )
        self.kept = [*recorded.stored.values()]
        frozen = [p for n in network.frozen for p in members.params.owners[n]]
        self._watch = Watch(recorder, [*frozen, *recorder.fixed_places], [self.optimizer])
        self.learns = bool(members.stateful or members.noisy)

    def holds(self) -> bool:
        """Whether the layers are still set as they were when this was recorded."""
        for _, (layer, name) in self._numbers:
            if type(getattr(layer, name, None)) is not float:
                return False
        for v, place in self._states:
            if np.shape(value_of(place)) != v.shape:
                return False
        return not self._watch or self._watch.holds()

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


class _Recorded:
    """What one recording of a step consists of."""

    def __init__(self, plan: StepPlan, x: Any, t: Any, w: Any, numbers: Any) -> None:
        self.plan, self._between = plan, numbers
        network, optimizer, layout = plan.network, plan.optimizer, plan.layout
        self.x, self.t = _leaves(x, "x"), _leaves(t, "t")
        self.w = tuple(_leaves(v, "w") for v in given(w))
        self.stored: dict[Any, Any] = {}
        vectors: list[dict[str, Traced]] = []
        for i, kinds in enumerate(layout.vectors):
            suffix = f"{i + 1}" if len(layout.vectors) > 1 else ""
            leaves = {k: traced(v, f"{k or 'P'}{suffix}") for k, v in kinds.items()}
            vectors.append(leaves)
            self.stored |= {leaf: kinds[k] for k, leaf in leaves.items()}
        labels: list[tuple[Any, str]] = []
        params = self._views(network, layout, vectors, labels)
        self.recorder = recorder = Recorder(network, "forward", params, plan.rows, numbers)
        for v, label in labels:
            recorder.label([v], label)
        self.stored |= recorder.fixed
        loss, gradients, next_states = self._differentiated(recorder, self.x)
        if network.glue():
            self._check_again(params, loss)
        self.limits = [(setting(v, n), n) for n, v in optimizer.limits().items()]
        self.step = setting(1.0, "step")
        hyper = [
            {n: setting(value, n) for n, value in optimizer.settings(group, 1).items()}
            for group in layout.groups
        ]
        self.hyperparameters = [
            (v, i, n) for i, found in enumerate(hyper) for n, v in found.items()
        ]
        settings = [{**found, "step": self.step} for found in hyper]
        with undrawn(generators_in([optimizer])):
            update = Update(layout, vectors, params, gradients, settings)
            recorder.label(update.grads, "update")
            new = [*update.new(update.clipped({n: v for v, n in self.limits}))]
        self.outputs: list[Any] = [loss]
        self.replaces: dict[int, Any] = {}
        for leaf, value in new:
            self._replace(leaf, value)
        self.left: list[tuple[str, str]] = []
        places = {place: leaf for leaf, place in recorder.states.items()}
        returned = []
        for (name, attribute), value in next_states.items():
            leaf = places.get((recorder.members.layers[name], attribute))
            if leaf is value:
                continue
            if not is_recorded(value):
                raise UnsupportedError(
                    f"compile: {name}.next_state gives {attribute} off the graph; compute it with "
                    "NumPy functions from what forward kept"
                )
            if leaf is None or leaf.shape != value.shape or name in recorder.as_written:
                self.left.append((name, attribute))
                returned.append(value)
            else:
                self._replace(leaf, value)
        self.outputs[1:1] = returned  # after the loss, before what is replaced
        self.replaces = {i + len(returned): leaf for i, leaf in self.replaces.items()}
        recorder.label(self.outputs, "update")

    def _replace(self, leaf: Any, value: Any) -> None:
        if value.dtype != leaf.dtype:
            value = np.astype(value, leaf.dtype)
        self.replaces[len(self.outputs)] = leaf
        self.outputs.append(value)

    def _views(
        self, network: Any, layout: Layout, vectors: Any, labels: list[tuple[Any, str]]
    ) -> dict[str, Any]:
        """Each parameter as a piece of its group's vector; frozen ones as they are."""
        params: dict[str, Any] = {}
        for group, leaves in zip(layout.groups, vectors, strict=True):
            start = 0
            for name in group.names:
                array = network.params[name]
                piece = leaves[""][start : start + array.size]
                labels.append((piece, f"parameter {name}{'' if array.ndim == 1 else ' flat'}"))
                params[name] = piece.reshape(array.shape)
                labels.append((params[name], f"parameter {name}"))
                start += array.size
        for name, array in network.params.items():
            if name not in params:
                params[name] = traced(array, name)
                self.stored[params[name]] = array
        return {name: params[name] for name in network.params}

    def _differentiated(
        self, recorder: Recorder, x: Any
    ) -> tuple[Any, dict[str, Any], dict[tuple[str, str], Any]]:
        """Loss, derivatives and new state; then the layers are opened."""
        source, layout = self.plan.source, self.plan.layout
        if source is not None and source.scale is not None:
            x = np.astype(x, layout.dtype) * source.scale
            recorder.label([x], "input")
        loss = recorder.loss(x, self.t, *self.w)
        for w in self.w:
            loss = loss * w.mean()
        check_predict(recorder.network, recorder.passing, x)
        recorder.label([loss], "loss")
        names = [name for group in layout.groups for name in group.names]
        found = recorder.derivatives(loss, names, record=True)
        gradients = {name: found.get(recorder.params[name]) for name in names}
        recorder.label(gradients.values(), "backward")
        states = recorder.next_states()
        recorder.open()
        return loss, gradients, states

    def _check_again(self, params: dict[str, Any], loss: Any) -> None:
        """Record once more with other values, where code stands between the layers.

        Errors: `UnsupportedError` if something else is recorded: it would be frozen in the program.
        """
        network, first = self.plan.network, self.recorder
        others = {name: varied(v) for name, v in params.items()}
        again = Recorder(network, "forward", others, self.plan.rows, self._between)
        again.as_written.update(first.as_written)
        x, t, other_x = flat(self.x), flat(self.t), tuple(map(varied, flat(self.x)))
        other_loss, *_ = self._differentiated(again, formed(self.x, iter(other_x)))
        known = (*x, *t, *params.values(), *first.leaves())
        other_known = (*other_x, *t, *others.values(), *again.leaves())
        if form([loss], known) != form([other_loss], other_known):
            raise UnsupportedError(
                f"compile: {type(network).__name__} does not do the same for every batch of this "
                "shape: what it does between its layers draws random numbers, or uses values that "
                "are not on the graph"
            )


def _leaves(x: Any, name: str) -> Any:
    if not isinstance(x, tuple):
        return traced(x if x.ndim else x[()], name)
    return tuple(_leaves(part, f"{name}{i}") for i, part in enumerate(x))


def _check_targets(trace: Trace, gathered: dict[Any, Any]) -> None:
    """Check all targets of a data set as the recorded step checks those of a batch."""
    for node in trace.nodes:
        function = getattr(node.operation, "function", None)
        if function not in (read_labels, read_numbers):
            continue
        leaf = node.inputs[0]
        while leaf.node is not None:  # perhaps a reshaped leaf
            leaf = leaf.node.inputs[0]
        t = gathered.get(leaf)
        if t is None:
            continue
        if function is read_labels:
            shape = (len(t), *node.params["shape"][1:])
            read_labels(t, **{**node.params, "shape": shape})
        else:
            read_numbers(t, **node.params)
