"""What a playing page computes, as programs in JavaScript, and what each takes and gives."""

import copy
from typing import Any

import numpy as np

from clearprop.compiler import Step
from clearprop.compiler.engines import Job, engine
from clearprop.compiler.leaf import traced
from clearprop.compiler.noise import Draw, plain_draws
from clearprop.compiler.recording import Recorder, value_of
from clearprop.compiler.rewriting import is_recorded
from clearprop.compiler.simplify import simplified
from clearprop.compiler.tracing import Trace
from clearprop.errors import UnsupportedError
from clearprop.graph.graph import Graph
from clearprop.graph.node import Recorded
from clearprop.playing.noise import recorded

Json = dict[str, Any]


class Programs:
    """The programs of one network; its own arrays are left alone.

    - `step`: one step of training on a batch;
    - `slopes`: loss, derivatives and activations of a batch, before the step;
    - `look`: the activations of every layer for one sample;
    - `judge`: the scores of as many samples as a batch has;
    - `step_draws`, `slopes_draws`: what is random in them, where layers draw it in their own way.

    Errors: `UnsupportedError` names what cannot be recorded, or has no spelling in JavaScript.
    """

    def __init__(self, network: Any, optimizer: Any, x: np.ndarray, t: np.ndarray) -> None:
        self.network = network = copy.deepcopy(network)
        self.optimizer = optimizer = copy.deepcopy(optimizer)
        self.members = network.members
        self.names = {id(layer): name for name, layer in self.members.layers.items()}
        self.sources: dict[str, str] = {}
        self.takes: dict[str, list[Json]] = {}
        self.gives: dict[str, list[Json]] = {}
        self.states: dict[str, np.ndarray] = {}
        self.fixed: dict[str, np.ndarray] = {}
        self._step(x, t)
        self._slopes(x, t)
        self._look("look", x[:1], layers=True)
        self._look("judge", x, layers=False)

    # The step.

    def _step(self, x: np.ndarray, t: np.ndarray) -> None:
        step = Step(self.network, self.optimizer, engine="javascript").prepare(x, t)
        plan = step._last
        for name, attribute in plan._left:
            raise UnsupportedError(
                f"play: {name}.{attribute} is no array before the first step, so that the first is "
                "unlike all others; let it begin as zeros"
            )
        layout = step.layout()
        self.groups = [list(group.names) for group in layout.groups]
        self.vectors = [
            {kind: array.copy() for kind, array in kinds.items()} for kinds in layout.vectors
        ]
        settings = [self.optimizer.settings(group, 1) for group in layout.groups]
        self.rate = float(settings[0].get("lr", 0.0))
        noise = self._noise("step", plan._draws)
        takes = []
        for v, role in plan.roles().items():
            kind, *more = role
            made: Json = {"kind": kind, "shape": [*v.shape]}
            if kind == "batch":
                made["which"] = "xt"[more[0]]
            elif kind == "noise":
                made |= noise[v]
            elif kind == "hyper":
                group, name = more
                made |= {"name": name, "value": float(settings[group][name])}
            elif kind == "limit":
                made |= {"kind": "number", "value": float(self.optimizer.limits()[more[0]])}
            elif kind == "number":
                made["value"] = float(value_of((more[0], more[1])))
            elif kind == "vector":
                made["name"] = f"{more[0]}:{more[1]}"
            elif kind == "state":
                made["name"] = self._state(v, *more)
            elif kind == "fixed":
                made["name"] = self._fixed(v)
            takes.append(made)
        self._keep("step", plan.program.source, takes, [])
        step.release()

    def _state(self, v: Any, layer: Any, attribute: str) -> str:
        name = f"{self.names[id(layer)]}.{attribute}"
        self.states.setdefault(name, np.array(v.data, copy=True))  # what is carried has rows
        return name

    def _fixed(self, v: Any) -> str:
        name = v.name or f"fixed{len(self.fixed)}"
        self.fixed[name] = np.array(v.data, copy=True)
        return name

    def _noise(self, name: str, draws: list[Draw]) -> dict[Any, Json]:
        """Where the noise of a program comes from: plain numbers, or a program that makes it."""
        plain = plain_draws(draws, self.network.rng)
        if plain is not None:
            return {v: {"kind": "noise", "method": method} for v, method in plain.items()}
        outputs, drawn, labels = recorded(draws, self.names)
        trace = simplified(Trace(outputs, list(drawn), labels))
        takes = [{"kind": "noise", "method": drawn[v], "shape": [*v.shape]} for v in trace.leaves]
        title = f"What is random in the {name} of {type(self.network).__name__}"
        source = engine("javascript").program(Job(trace, "draws", title)).source
        self._keep(f"{name}_draws", source, takes, [])
        leaves = [v for draw in draws for v in draw.leaves]
        return {v: {"kind": "drawn", "index": i} for i, v in enumerate(leaves)}

    # The looks inside.

    def _slopes(self, x: np.ndarray, t: np.ndarray) -> None:
        params = {name: traced(a, name) for name, a in self.network.params.items()}
        leaves = [traced(x, "x"), traced(t, "t")]
        recorder = Recorder(self.network, "forward", params, len(x))
        loss = recorder.loss(*leaves)
        names = [name for group in self.groups for name in group]
        found = recorder.derivatives(loss, names, record=True)
        uses = [*recorder.uses]
        recorder.open()
        gives: list[Json] = [{"kind": "loss"}]
        outputs = [loss]
        for name in names:
            d = found.get(recorder.params[name])
            if isinstance(d, Recorded):
                outputs.append(d)
                gives.append({"kind": "slope", "name": name})
        self._activations(uses, outputs, gives)
        self._print("slopes", recorder, leaves, params, outputs, gives)

    def _look(self, name: str, x: np.ndarray, layers: bool) -> None:
        params = {n: traced(a, n) for n, a in self.network.params.items()}
        leaf = traced(x, "x")
        recorder = Recorder(self.network, "infer", params, len(x))
        scores = recorder.predict(leaf)
        outputs, gives = [scores], [{"kind": "scores", "shape": [*scores.shape]}]
        if layers:
            self._activations(recorder.uses, outputs, gives)
        self._print(name, recorder, [leaf], params, outputs, gives)

    def _activations(self, uses: list[Any], outputs: list[Any], gives: list[Json]) -> None:
        for use in uses:
            out: Any = use.outputs[0]
            if not is_recorded(out) or not out.ndim or use.opened:
                continue
            outputs.append(out)
            kind = type(use.layer).__name__
            said = {"kind": "activation", "name": use.name, "layer": kind, "shape": [*out.shape]}
            gives.append(said)

    def _print(
        self, name: str, recorder: Any, leaves: list[Any], params: Any, outputs: Any, gives: Any
    ) -> None:
        used = set(Graph(outputs).leaves)
        takes: list[Json] = []
        kept: list[Any] = []

        def take(v: Any, **said: Any) -> None:
            kept.append(v)
            takes.append(said | {"shape": [*v.shape]})

        for v in leaves:
            take(v, kind="batch", which=v.name)
        for v, said in self._noise(name, recorder.draws).items():
            take(v, **said)
        for v, (layer, attribute) in recorder.states.items():
            take(v, kind="state", name=self._state(v, layer, attribute))
        for v, place in recorder.settings.items():
            take(v, kind="number", value=float(value_of(place)))
        for v in recorder.fixed:
            take(v, kind="fixed", name=self._fixed(v))
        for own, v in params.items():
            take(v, kind="param", name=own)
        pairs = [(v, said) for v, said in zip(kept, takes, strict=True) if v in used]
        trace = simplified(Trace(outputs, [v for v, _ in pairs], recorder.labels))
        order = dict(pairs)
        stored = {v: v.data for v, said in pairs if said["kind"] in ("param", "state", "fixed")}
        title = f"{name} of {type(self.network).__name__} for {leaves[0].shape}"
        program = engine("javascript").program(Job(trace, name, title, stored))
        self._keep(name, program.source, [order[v] for v in trace.leaves], gives)

    def _keep(self, name: str, source: str, takes: list[Json], gives: list[Json]) -> None:
        self.sources[name] = source
        self.takes[name], self.gives[name] = takes, gives

    def script(self) -> str:
        """All programs, as an object of functions that make them."""
        parts = [f"{n}: (() => {{\n{s}\nreturn make;\n}})()" for n, s in self.sources.items()]
        return "const programs = {\n" + ",\n".join(parts) + "\n};\n"
