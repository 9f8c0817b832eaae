"""Record a network's step of training, or its prediction, as one graph.

The network runs once, on a copy whose parameters are leaves. While the loss is differentiated, each
layer is one closed node, so that its own `backward` is taken, on the copy that ran `forward`; then
the output of the node is pointed to the operations that were recorded inside it.
"""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from clearprop.compiler.as_written import AsWrittenForward, AsWrittenState
from clearprop.compiler.comparing import on_arrays
from clearprop.compiler.leaf import Setting, Traced, setting, traced
from clearprop.compiler.noise import Draw
from clearprop.compiler.numbers import Held
from clearprop.compiler.tracing import form, label, varied
from clearprop.errors import LeavesGraphError, UnsupportedError, said
from clearprop.graph.agreement import ASKS, disagrees
from clearprop.graph.layer_operation import LayerOperation, argument_names
from clearprop.graph.leaving import Heeded, spoken
from clearprop.graph.node import Node, Recorded, data_of, parts, variable
from clearprop.graph.parameters import arrays_of, has_backward, layers_of, names_of, places_of
from clearprop.graph.passing import Drawn, Pass, inline, noise_for, run, running
from clearprop.graph.randomness import generators_in, undrawn
from clearprop.graph.recording import alias, attach
from clearprop.graph.twins import twin
from clearprop.networks.learning import next_state, state_names, with_rows
from clearprop.networks.walk import Walk, copied


def shown(name: str) -> str:
    """What a layer is called in programs: the loss layer is the loss."""
    return f"loss{name[9:]}" if name.startswith("lastLayer") else name


def value_of(held: Held) -> Any:
    """What an attribute holds now."""
    return getattr(*held)


class _Drawing(Pass):
    """A pass in which the layers inside a layer draw their noise as leaves."""

    def __init__(self, recorder: "Recorder", live: dict[int, Any]) -> None:
        super().__init__(record=inline)
        self._recorder = recorder
        self._live = live

    def draw(self, layer: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Draw, and keep it for the passes that follow."""
        drawn = self._recorder.drawn(self._live[id(layer)], layer, inputs)
        self.drawn.append((tuple(map(np.shape, inputs)), drawn))
        return drawn


class _Closed(LayerOperation):
    """A layer that has run on the leaves already: `backward` begins from there."""

    label: Callable[..., None]

    def _ran(self, values: tuple[Any, ...], recorded: bool) -> Any:
        return self.layer

    def vjp(self, wanted: Any, dout: Any, out: Any, values: Any, params: Any) -> list[Any]:
        found = super().vjp(wanted, dout, out, values, params)
        self.label([*found, *kept_by(self.layer)], f"{self.name}.backward")
        return found


class Recorder(Walk):
    """A walk whose layers are recorded operation by operation.

    - `as_written`: the layers that run as they are written, and why;
    - `draws`: the noise, in the order in which it is drawn;
    - `settings`, `states`: the plain numbers and the state of layers, as leaves → where they are
      held; `fixed`: leaf → array.
    """

    def __init__(
        self,
        network: Any,
        formula: str,
        params: dict[str, Any],
        rows: int | None,
        numbers: Iterable[Held] = (),
    ) -> None:
        twin_network, copies = copied(network)
        super().__init__(
            network, twin_network, copies, Pass(formula, copy.deepcopy(network.rng)), params
        )
        self.as_written: dict[str, str] = {}
        self.draws: list[Draw] = []
        self.settings: dict[Setting, Held] = {}
        self.frozen_settings: set[tuple[int, str]] = set()
        """Those that select a program where a layer is used, by the id of the layer."""
        self.states: dict[Traced, Held] = {}
        self.fixed: dict[Traced, Any] = {}
        self.fixed_places: list[Held] = []
        self.written: dict[str, set[str]] = {}
        """By layer the attributes that `forward` and `backward` write."""
        self.labels: dict[Node, str] = {}
        """Where each node comes from."""
        for layer, attribute in numbers:
            leaf = setting(getattr(layer, attribute), self._called(layer, attribute))
            self.settings[leaf] = layer, attribute
            setattr(copies[id(layer)], attribute, leaf)
        self._opened: list[tuple[Any, Any]] = []
        self._last_written: dict[str, tuple[AsWrittenForward, tuple[Any, ...]]] = {}
        """By layer its last use as written, and all that went in and came out."""
        network.learning.show(self.members, copies, formula, rows)
        for name, layer in self.members.layers.items():
            for attribute in names_of(layer, "fixed"):
                array = getattr(layer, attribute)
                if isinstance(array, np.ndarray) and array.dtype.kind == "f":
                    leaf = traced(array, f"{name}.{attribute}")
                    self.fixed[leaf] = array
                    self.fixed_places.append((layer, attribute))
                    setattr(copies[id(layer)], attribute, leaf)
        for name, layer, attribute, carried in self.members.stateful:
            value = getattr(layer, attribute)
            if isinstance(value, np.ndarray) and not (formula == "infer" and carried):
                value = with_rows(value, rows if carried else None, f"{name}.{attribute}")
                leaf = traced(value.copy(), f"{name}.{attribute}")  # a program writes into it
                self.states[leaf] = layer, attribute
                setattr(copies[id(layer)], attribute, leaf)

    def _run(self, method: Any, *inputs: Any) -> Any:
        """Say where it is that something cannot be recorded, unless that is said already."""
        try:
            with spoken():
                return super()._run(method, *inputs)
        except (UnsupportedError, LeavesGraphError) as error:
            if str(error).startswith("compile"):
                raise
            name = next((name for name, *_ in reversed(self.entered) if name), "")
            where = shown(name) or f"{type(self.network).__name__}, outside its layers"
            raise UnsupportedError(f"compile: {where}: {error}") from error

    def label(self, outputs: Iterable[Any], text: str) -> None:
        """Say of the nodes behind these outputs that have no label yet where they come from."""
        label(self.labels, outputs, text)

    def leaves(self) -> list[Any]:
        """The leaves of the recording beside batch and parameters, in order."""
        noise = (u for draw in self.draws for u in draw.leaves)
        return [*noise, *self.settings, *self.states, *self.fixed]

    def open(self) -> None:
        """Point what closed layers gave to the operations inside, once all is differentiated."""
        for outside, inside in self._opened:
            outside.node, outside.index = inside.node, inside.index
        self._opened.clear()

    def next_states(self) -> dict[tuple[str, str], Any]:
        """The new state of every layer that ran recorded, by what its last use kept."""
        new: dict[tuple[str, str], Any] = {}
        for name, ran in self.ran():
            live = self.members.layers[name]
            keys = [(name, attribute) for attribute in state_names(live)]
            if not keys:
                continue
            if name in self.as_written:
                forward, inputs = self._last_written[name]
                found = AsWrittenState(forward).tried(forward.trial, inputs)
            else:
                with Heeded():
                    found = parts(ran.next_state())
                next_state(name, live, ran)  # refuses by name what does not fit
            new.update(zip(keys, found, strict=True))
            self.label(found, f"{name}.next_state")
        return new

    def _closed(self, layer: Any, live: Any, inputs: tuple[Any, ...], name: str) -> Any:
        own = places_of(layer)
        if not any(isinstance(x, Recorded) for x in (*inputs, *own.values())):
            return super()._closed(layer, live, inputs, name)
        self.label(inputs, "forward")
        self._noise(live, layer, inputs)
        drawn = self._drawn_inside(live, layer, inputs)
        if name not in self.as_written:
            floats = self._floats(live, layer)
            for leaf, held, (_, attribute) in floats:
                setattr(held, attribute, leaf)
            reason = self._why_not(live, layer, inputs, own, drawn)
            if reason and floats:  # perhaps a number is needed as such: it then selects a program
                for leaf, held, (_, attribute) in floats:
                    setattr(held, attribute, leaf.data.item())
                self.frozen_settings |= {(id(found), name) for _, _, (found, name) in floats}
                floats = []
                reason = self._why_not(live, layer, inputs, own, drawn)
            self.settings.update((leaf, place) for leaf, _, place in floats)
            if not reason:
                return self._recorded(layer, inputs, own, name, drawn)
            if drawn is not None:
                raise UnsupportedError(
                    f"compile: {name} has a backward of its own and holds layers that draw noise, "
                    f"but cannot be recorded: {reason}; leave its backward out"
                )
            self.as_written[name] = reason
        return self._written(layer, live, inputs, own, name)

    def _floats(self, live: Any, layer: Any) -> list[tuple[Any, Any, Held]]:
        """Leaves for the plain numbers of a layer and those inside, and where copy and layer hold
        them; those of an earlier use are taken again."""
        return [
            (
                setting(value, self._called(found, name)) if type(value) is float else value,
                held,
                (found, name),
            )
            for (_, found), (_, held) in zip(layers_of(live), layers_of(layer), strict=True)
            for name, value in getattr(held, "__dict__", {}).items()
            if type(value) is float or (isinstance(value, Setting) and value in self.settings)
        ]

    def _called(self, layer: Any, attribute: str) -> str:
        return f"{self.members.names.get(id(layer)) or type(layer).__name__}.{attribute}"

    def _noise(self, live: Any, layer: Any, inputs: tuple[Any, ...]) -> None:
        """Draw the noise of a layer as leaves."""
        if names := noise_for(live, self.passing.formula):
            for attribute, u in zip(names, self.drawn(live, layer, inputs), strict=True):
                setattr(layer, attribute, u)

    def drawn(self, live: Any, layer: Any, inputs: tuple[Any, ...]) -> tuple[Traced, ...]:
        """Draw for a layer: leaves, which every call of the program draws again."""
        # On a copy of the layer itself: after a first use `layer` holds leaves for its numbers,
        # and what draws may look at those.
        arrays = self.passing.draw(twin(live, arrays_of(live)), inputs)
        leaves = tuple(map(traced, arrays, names_of(layer, "noise")))
        self.draws.append(Draw(live, inputs, leaves))
        return leaves

    def _drawn_inside(self, live: Any, layer: Any, inputs: Any) -> list[Drawn] | None:
        """The noise of the layers inside one with its own backward, in the order they draw it."""
        inside = (held for path, held in layers_of(layer) if path)
        if self.passing.formula != "forward" or not any(names_of(v, "noise") for v in inside):
            return None
        trial = twin(layer)
        pairs = zip(layers_of(trial), layers_of(live), strict=True)
        drawing = _Drawing(self, {id(copied): original for (_, copied), (_, original) in pairs})
        with running(drawing):
            run(trial, "forward", inputs)
        return drawing.drawn

    def _recorded(
        self, layer: Any, inputs: Any, own: Any, name: str, drawn: list[Drawn] | None
    ) -> Any:
        """Run a layer on the leaves, and close it into one node."""
        ran = twin(layer)
        before = dict(vars(ran))
        out = self._through(ran, inputs, drawn, self.passing.ran)
        written = {n for n, value in vars(ran).items() if before.get(n, self) is not value}
        self.written.setdefault(name, set()).update(written)
        outs = parts(out)
        self.label([*outs, *kept_by(ran)], f"{shown(name)}.{self.passing.formula}")
        if self.passing.formula == "infer" or not has_backward(layer):
            return out, ran
        operation = _Closed(ran, len(inputs), tuple(own), shown(name))
        operation.label = self.label
        given = (*inputs, *own.values())
        values = tuple(map(data_of, given))
        data = tuple(o.data for o in outs) if isinstance(out, tuple | list) else out.data
        made = attach(operation, given, values, {}, data)
        for outside, inside in zip(parts(made), outs, strict=True):
            # What only hands its input on has no operation of its own to point to.
            bare = inside.node is None or any(inside is x for x in given)
            self._opened.append((outside, alias(inside) if bare else inside))
        return made, ran

    def _through(
        self, layer: Any, inputs: Any, drawn: list[Drawn] | None, ran: list[Any] | None = None
    ) -> Any:
        formula = self.passing.formula
        again = None if drawn is None else iter(drawn)
        with running(Pass(formula, record=inline, again=again, ran=ran)):
            out = run(layer, formula, inputs)
        if not all(isinstance(part, Recorded) for part in parts(out)):
            raise UnsupportedError("its forward does not return what NumPy functions give")
        return out

    def _why_not(
        self, live: Any, layer: Any, inputs: Any, own: Any, drawn: list[Drawn] | None
    ) -> str:
        """Why a layer cannot be recorded, or nothing.

        It is run twice, the second time with other values and on the copy that ran first. What
        then differs was drawn at random, carried on from one call to the next, or taken from a
        value behind the back of the graph: it would be frozen in the program.
        """
        fixed = getattr(layer, "constants", ())
        names = argument_names(layer.forward)
        # What is given twice, or is a parameter at once, stays one and the same.
        same = {x: x for x in own.values() if isinstance(x, Recorded)}
        others = tuple(
            x
            if (i < len(names) and names[i] in fixed) or not isinstance(x, Recorded)
            else same.setdefault(x, varied(x))
            for i, x in enumerate(inputs)
        )
        generators = generators_in(held for _, held in layers_of(live))
        refusal = said.refusal
        try:
            with undrawn(generators):
                before = [g.bit_generator.state for g in generators]
                trial = twin(layer)
                outputs, douts, wanted = self._done(trial, inputs, own, drawn)
                first = self._form(trial, inputs, own, outputs, douts)
                counts = counted(trial)
                other, douts, _ = self._done(trial, others, own, drawn)
                again = self._form(trial, others, own, other, douts)
                if [g.bit_generator.state for g in generators] != before:
                    return "it draws random numbers"
                plainly = on_arrays(layer, self.passing.formula, inputs, own, drawn)
                if disagrees(outputs, lambda: plainly(wanted)):
                    return ASKS
        # Whatever a layer raises when it is given Variables, it may still run on arrays; and where
        # it does not, the same error comes again from there.
        except Exception as error:
            said.refusal = refusal  # this one is answered
            return str(error) or type(error).__name__
        if first != again:
            return (
                "it does not do the same for every input of this shape: it draws random numbers, "
                "carries something on from one call to the next, or computes with values that are "
                "not on the graph"
            )
        if counts != counted(trial):
            return "it keeps something on the side, a count or a list, which a program would lose"
        return ""

    def _done(
        self, layer: Any, inputs: tuple[Any, ...], own: Any, drawn: list[Drawn] | None
    ) -> tuple[list[Any], list[Any], list[int] | None]:
        """What forward and backward give, what backward began with, and by which inputs it is."""
        out = self._through(layer, inputs, drawn)
        outputs = [*parts(out)]
        if self.passing.formula != "forward" or not has_backward(layer):
            return outputs, [], None
        douts = [variable(Traced, np.ones_like(o.data)) for o in outputs]
        operation = _Closed(layer, len(inputs), tuple(own), type(layer).__name__)
        operation.label = lambda *_: None
        given = (*inputs, *own.values())
        wanted = [i for i, x in enumerate(given) if isinstance(x, Recorded)]
        fixed = getattr(layer, "constants", ())
        wanted = [i for i in wanted if i >= len(inputs) or operation.inputs[i] not in fixed]
        return outputs + operation.vjp(wanted, tuple(douts), out, given, {}), douts, wanted

    def _form(self, layer: Any, inputs: Any, own: Any, outputs: Any, douts: Any) -> list[Any]:
        """The operations that were recorded, comparable with those of another run."""
        known = (*inputs, *own.values(), *douts)
        return form((*outputs, *kept_by(layer)), tuple(x for x in known if isinstance(x, Recorded)))

    def _written(self, layer: Any, live: Any, inputs: Any, own: Any, name: str) -> Any:
        """Call the layer itself within the program."""
        formula = self.passing.formula
        noise = noise_for(live, formula)
        operation = AsWrittenForward(
            self.network, live, len(inputs), tuple(own), shown(name), formula, noise
        )
        given = (*inputs, *own.values(), *(getattr(layer, n) for n in noise))
        operation.runs_again = name in self._last_written
        operation.reason = self.as_written[name]
        operation.trial = copy.deepcopy(live)
        with undrawn():
            made = operation.tried(operation.trial, given)
        outs = parts(made)
        self.label(outs, f"{shown(name)}.forward")
        self._last_written[name] = operation, (*outs, *given)
        return made, live


def kept_by(layer: Any) -> list[Any]:
    """What `forward` kept on a layer for `backward`, as far as it stands on the graph."""
    return [v for v in vars(layer).values() if isinstance(v, Recorded)]


def counted(layer: Any) -> list[Any]:
    """What a layer may have done on the side: its plain values, and the lengths of containers."""
    found: list[Any] = []
    for path, held in layers_of(layer):
        for name, value in sorted(getattr(held, "__dict__", {}).items()):
            if isinstance(value, bool | int | float | str):
                found.append((path, name, value))
            elif isinstance(value, list | dict | set):
                found.append((path, name, len(value)))
    return found
