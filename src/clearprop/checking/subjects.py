"""What can be checked, and how each comes down to layers at given values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.checking.adopting import adopted
from clearprop.checking.evidence import Evidence
from clearprop.checking.examine import examine
from clearprop.checking.findings import Finding, Kind
from clearprop.checking.layer_report import LayerReport, merge
from clearprop.checking.passes import told
from clearprop.checking.report import Report
from clearprop.checking.samples import imported, layers_in, samples_of
from clearprop.checking.whole import whole_network
from clearprop.checking.words import layers_inside
from clearprop.errors import ConfigError
from clearprop.graph.node import data_of
from clearprop.graph.parameters import at_path, dotted, layers_of, names_of
from clearprop.graph.randomness import generators_in, undrawn
from clearprop.networks import Network
from clearprop.networks.assembly import named_layers


class Inspector:
    """Carries the settings of one check to every layer of it."""

    def __init__(self, rng: np.random.Generator, exhaustive: bool) -> None:
        self.rng, self.exhaustive = rng, exhaustive

    def layer(self, name: str, layer: Any, inputs: Sequence[Any], **more: Any) -> LayerReport:
        """Check one layer at given values."""
        return examine(self.evidence(name, layer, inputs, **more))

    def place(
        self, name: str, layer: Any, inputs: Sequence[Any]
    ) -> tuple[list[LayerReport], Evidence]:
        """Check a layer, after those inside it, each at the values that it really sees."""
        evidence = self.evidence(name, layer, inputs)
        own = examine(evidence)
        reports = [
            self.layer(dotted((name, *path)), at_path(layer, path), given)
            for path, given in layers_inside(evidence).items()
        ]
        return [*reports, own], evidence

    def evidence(self, name: str, layer: Any, inputs: Sequence[Any], **more: Any) -> Evidence:
        rng = np.random.default_rng(self.rng.integers(2**63))
        return Evidence(
            name, adopted(layer, inputs), inputs, rng, exhaustive=self.exhaustive, **more
        )

    def by_samples(self, thing: Any, name: str | None = None) -> tuple[LayerReport, ...]:
        """Check a class, or a layer without inputs, on its samples, with the layers inside."""
        kind = thing.__name__ if isinstance(thing, type) else type(thing).__name__
        name = name or kind
        pairs = samples_of(thing, np.random.default_rng(self.rng.integers(2**63)))
        if isinstance(pairs, Finding):
            return (LayerReport(name, kind, findings=(pairs.at(name),)),)
        found: dict[str, list[LayerReport]] = {}
        for layer, inputs in pairs:
            for report in self.place(name, layer, inputs)[0]:
                found.setdefault(report.name, []).append(report)
        return tuple(merge(*entry) for entry in found.items())

    def classes(self, classes: Iterable[type]) -> tuple[LayerReport, ...]:
        return tuple(report for cls in classes for report in self.by_samples(cls))

    def file(self, path: Path) -> Report:
        """Check the layers that a module file defines."""
        with imported(path) as module:
            return Report(path.name, self.classes(layers_in(module, path.name)))

    def chain(
        self, places: Iterable[tuple[str, Any]], x: Any, loss: Any = None, t: Any = None
    ) -> tuple[LayerReport, ...]:
        """Check layers one after the other, each at the values that it really sees."""
        reports: list[LayerReport] = []
        stopped, inputs = "", (x,)
        for name, layer in (*places, *([] if loss is None else [("lastLayer", loss)])):
            if stopped:
                reports.append(_closed(name, layer, stopped))
                continue
            if layer is loss and t is not None:
                inputs = (*inputs, t)
            found, evidence = self.place(name, layer, inputs)
            reports += found
            if not hasattr(evidence, "out"):
                stopped = f"not reached: {name} gave nothing to go on with"
            else:
                inputs = tuple(evidence.run.outputs)
        return tuple(reports)

    def layers(self, layers: Sequence[Any], inputs: Sequence[Any]) -> tuple[LayerReport, ...]:
        """Check a list of layers: in a row on inputs, or each on its own samples."""
        if not inputs and all(isinstance(entry, type) for entry in layers):
            return self.classes(layers)
        places = list(named_layers(layers))
        if not inputs:
            return tuple(r for name, layer in places for r in self.by_samples(layer, name))
        if len(inputs) == 2:
            *places, (_, loss) = places
            return self.chain(places, inputs[0], loss, inputs[1])
        if len(inputs) > 2:
            raise ConfigError("check: a list of layers takes one input, and labels for the last")
        return self.chain(places, inputs[0])

    def network(self, network: Any, inputs: Sequence[Any]) -> Report:
        """Check every layer of a network, and then the gradient that it puts together."""
        name = type(network).__name__
        if not 1 <= len(inputs) <= 2:
            raise ConfigError(
                f"check: a network is checked on a batch, as in check({name.lower()}, x, t); "
                f"got {len(inputs)} inputs"
            )
        walk = self.walked if isinstance(network, Network) else self.by_hand
        reports = walk(network, inputs)
        if len(inputs) == 2 and all(report.ok is not False for report in reports):
            whole = whole_network(network, inputs[0], inputs[1], self.rng, self.layer)
            reports = (*reports, whole) if whole else reports
        return Report(name, reports)

    def by_hand(self, network: Any, inputs: Sequence[Any]) -> tuple[LayerReport, ...]:
        """Check the layers of a network from elsewhere, which are taken to be a chain."""
        layers = getattr(network, "layers", {})
        places = layers.items() if isinstance(layers, Mapping) else named_layers(layers)
        usual = ("lastLayer", "last_layer", "loss_layer", "lossLayer")
        name = next((name for name in usual if hasattr(network, name)), "")
        if len(inputs) == 1 or not name:
            return self.chain(places, inputs[0])
        return self.chain(places, inputs[0], getattr(network, name), inputs[1])

    def walked(self, network: Network, inputs: Sequence[Any]) -> tuple[LayerReport, ...]:
        """Check every layer that runs in a network, at its first use.

        A layer that is run through, since it only calls others, is checked by itself if it has
        parameters of its own.
        """
        walk, error = network.walk("forward", inputs[0]), None
        with undrawn(generators_in(network.members.layers.values())):
            try:
                walk.loss(*inputs) if len(inputs) == 2 else walk.predict(inputs[0])
            except (Exception, SystemExit) as raised:
                error = raised
        places = [(use.name, use.layer, use.inputs, use.opened) for use in walk.uses]
        places += [(*walk.entered[-1], False)] if walk.entered else []
        stopped, seen = "", {id(network)}
        reports: list[LayerReport] = []
        for name, layer, given, opened in places:
            if id(layer) in seen:
                continue
            seen |= {id(layer)} if opened else {id(held) for _, held in layers_of(layer)}
            if opened and not names_of(layer):
                continue
            if stopped:
                reports.append(_closed(name, layer, stopped))
                continue
            found, evidence = self.place(name, layer, tuple(map(data_of, given)))
            reports += found[-1:] if opened else found
            if not hasattr(evidence, "out"):
                stopped = f"not reached: {name} gave nothing to go on with"
        if error and not any(report.faults for report in reports):
            name = f"{type(network).__name__}.{'loss' if len(inputs) == 2 else 'predict'}"
            finding = Finding(layer=name, kind=Kind.RAISES, message=f"it raises {told(error)}")
            reports.append(LayerReport(name, type(network).__name__, findings=(finding,)))
            stopped = f"not reached: {name} raised"
        for layer in network.members.layers.values():
            if isinstance(layer, Network) and (layer is not network or len(inputs) == 1):
                seen |= set(map(id, layer.losses))
        for name, layer in network.members.layers.items():
            if id(layer) not in seen:
                why = stopped or "not compared: forward did not use it"
                reports.append(_closed(name, layer, why))
        return tuple(reports)


def _closed(name: str, layer: Any, why: str) -> LayerReport:
    return LayerReport(name, type(layer).__name__, closed=why)


def is_network(thing: Any) -> bool:
    """Whether something has layers and predicts, or parameters with a loss and its gradient."""
    if isinstance(thing, type):
        return False
    learns = all(callable(getattr(thing, name, None)) for name in ("loss", "gradient"))
    predicts = callable(getattr(thing, "predict", None))
    layers = hasattr(thing, "layers")
    return (layers and (predicts or learns)) or (learns and hasattr(thing, "params"))


class Recordable:
    """A function as a layer without a `backward`: automatic differentiation serves."""

    runs_alone = True

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = self.signature = f
        self.inputs: tuple[Any, ...] = ()

    def forward(self, *inputs: Any) -> Any:
        self.inputs = inputs
        return self.f(*inputs)


class Function(Recordable):
    """A function as a layer: its `backward` is the one, or the gradient, that was given."""

    gives_slope = True

    def __init__(self, f: Callable[..., Any], gradient: Callable[..., Any]) -> None:
        super().__init__(f)
        self.backward = gradient


def own_layers() -> list[type]:
    """The layers of clearprop itself, by name."""
    import clearprop.layers as package
    from clearprop.layers import Layer

    layers = [c for c in vars(package).values() if isinstance(c, type) and issubclass(c, Layer)]
    # Without a forward of its own it is a base, such as Layer and Loss.
    layers = [c for c in layers if c.forward is not Layer.forward]
    return sorted(layers, key=lambda cls: cls.__name__)
