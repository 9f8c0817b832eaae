"""One recording of a training step: forward, loss, backward and update, and what is replaced."""

from typing import Any

import numpy as np

from clearprop.compiler.data_set import Data
from clearprop.compiler.layout import Layout
from clearprop.compiler.leaf import Traced, setting, traced
from clearprop.compiler.plans import flat, formed
from clearprop.compiler.recording import Recorder
from clearprop.compiler.rewriting import is_recorded
from clearprop.compiler.tracing import form, varied
from clearprop.compiler.updating import Update
from clearprop.errors import UnsupportedError
from clearprop.graph.code import lines_reading
from clearprop.graph.randomness import generators_in, undrawn
from clearprop.networks.evaluation import given
from clearprop.networks.fitting import check_predict
from clearprop.networks.learning import rows_of


class RecordedStep:
    """What one recording of a step consists of."""

    def __init__(
        self,
        network: Any,
        optimizer: Any,
        layout: Layout,
        batch: tuple[Any, Any, Any],
        source: Data | None,
        numbers: Any,
    ) -> None:
        x, t, w = batch
        self.layout, self.source = layout, source
        self._how = {"rows": rows_of(x), "numbers": numbers}
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
        self.recorder = recorder = Recorder(network, "forward", params, **self._how)
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
        layout, source, t, w = self.layout, self.source, self.t, self.w
        if source is not None:
            before = {*flat(x), *flat(t), *w}
            x, (t, *w) = source.inputs(x), source.targets(t, *(w or (None,)))
            recorder.label([v for v in (*flat(x), *flat(t), *w) if v not in before], "input")
        loss = recorder.loss(x, t, *w)
        for of_samples in w:
            loss = loss * of_samples.mean()
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
        first = self.recorder
        network = first.network
        others = {name: varied(v) for name, v in params.items()}
        again = Recorder(network, "forward", others, **self._how)
        again.as_written.update(first.as_written)
        x, t, other_x = flat(self.x), flat(self.t), tuple(map(varied, flat(self.x)))
        other_loss, *_ = self._differentiated(again, formed(self.x, iter(other_x)))
        known = (*x, *t, *params.values(), *first.leaves())
        other_known = (*other_x, *t, *others.values(), *again.leaves())
        if form([loss], known) != form([other_loss], other_known):
            raise UnsupportedError(
                f"compile: {type(network).__name__} does not do the same for every batch of this "
                "shape: what it does between its layers draws random numbers, or uses values that "
                f"are not on the graph{_off_graph(network)}"
            )


def _off_graph(network: Any) -> str:
    """The first line of a network's own that takes values off the graph, and what to do instead."""
    methods = (method for c in network._own_classes() for method in vars(c).values())
    found = (line for method in methods for line in lines_reading(method, "data"))
    line = next(found, "")
    return line and (
        f", as in `{line}`; where a derivative shall stop, call a layer there whose backward gives "
        "zeros"
    )


def _leaves(x: Any, name: str) -> Any:
    if x is None:
        return None
    if not isinstance(x, tuple):
        return traced(x if x.ndim else x[()], name)
    return tuple(_leaves(part, f"{name}{i}") for i, part in enumerate(x))
