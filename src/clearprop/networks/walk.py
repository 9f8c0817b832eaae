"""The one walk through a network: every layer that runs, in order, at the values that it sees.

Gradients, summaries, signals, the first NaN, checks and compiled programs all come from it.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from clearprop.errors import ConfigError, ShapeError, UnsupportedError
from clearprop.graph.backward import derivatives
from clearprop.graph.layer_call import holds_variables, on_graph
from clearprop.graph.leaving import Heeded
from clearprop.graph.node import Recorded, parts, variable
from clearprop.graph.parameters import (
    array_at,
    at_path,
    bind,
    has_backward,
    inner_layers,
    layers_of,
    names_of,
    parameter,
    places_of,
    set_array,
)
from clearprop.graph.passing import Pass, bind_noise, on_arrays, run, running
from clearprop.graph.recording import unwrapped
from clearprop.graph.twins import twin, twins
from clearprop.graph.variable import Parameter, new_leaves
from clearprop.networks.audit import audit
from clearprop.networks.members import own_values, undeclared


class Use(NamedTuple):
    """One layer that ran."""

    name: str
    """Its name in the network, such as `Affine1` or `block.fc`."""
    layer: Any
    """The network's own layer."""
    run: Any
    """The copy that ran, with what `forward` kept."""
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    """Variables, or arrays where nothing that can be differentiated went in."""
    opened: bool
    """Whether the layers inside follow one by one, since it has no `backward` of its own."""


class Walk:
    """A network that is run on copies of its layers, with its parameters as Variables.

    - `copy`: the copy of the network, to call `loss` or `predict` of;
    - `uses`: the layers that ran, in order (layers that hold layers after those);
    - `params`: the parameters by name, as Variables;
    - `entered`: the layers that have begun and not ended, as (name, layer, inputs).
    """

    def __init__(
        self,
        network: Any,
        copy: Any,
        copies: dict[int, Any],
        passing: Pass,
        params: dict[str, Any] | None = None,
        audited: bool = False,
    ) -> None:
        self.network = network
        self.members = network.members
        self.copy = copy
        self._copies = copies
        self.uses: list[Use] = []
        self.entered: list[tuple[str, Any, tuple[Any, ...]]] = []
        self.passing = Pass(passing.formula, passing.rng, record=self._record, ran=[])
        self._audited: set[int] | None = set() if audited else None
        self._known = {
            id(copies[id(layer)]): (name, layer)
            for name, layer in self.members.layers.items()
            if id(layer) in copies
        }
        if params is None:  # without a copy of the arrays: the graph does not outlive the walk
            params = {
                name: variable(
                    Parameter, value if np.ndim(value) else np.asarray(value)[()], name=name
                )
                for name, value in network.params.items()
            }
        self.params = {name: params[name] for name in network.params}
        _hold(self.members, copies, self.params)

    def loss(self, x: Any, t: Any, *w: Any) -> Any:
        """Run the loss of a batch, with weights of its samples if any."""
        return self._run(self.copy.loss, leaves(x), t, *w)

    def predict(self, x: Any) -> Any:
        """Run the prediction of a batch, by the formula of the pass."""
        return self._run(self.copy.predict, leaves(x))

    def scores(self, x: Any) -> Any:
        """Run what the loss layer is asked about, by the formula of the pass."""
        return self._run(self.copy._scores, leaves(x))

    def _run(self, method: Any, *inputs: Any) -> Any:
        with running(self.passing), Heeded():
            return method(*inputs)

    def derivatives(
        self, loss: Any, names: Iterable[str] | None = None, record: bool = False
    ) -> dict[Any, Any]:
        """The derivative of the loss by each Variable: by all, or by these parameters."""
        if not isinstance(loss, Recorded):
            raise UnsupportedError(
                f"{type(self.network).__name__}.loss does not depend on a parameter by recorded "
                "operations; compute it from the layers, with NumPy functions"
            )
        if loss.data.size != 1:
            raise ShapeError(
                f"{type(self.network).__name__}.loss gives an array of shape {loss.data.shape}, "
                "not one number; take the mean or the sum"
            )
        # A closed loss layer is given the plain 1 that it would be called with.
        closed = record and loss.node is not None and loss.node.operation.opens
        seed: Any = 1 if closed else np.ones_like(loss.data)[()]
        targets = None if names is None else [self.params[name] for name in names]
        return derivatives([(loss, seed)], targets=targets, record=record)

    def ran(self) -> list[tuple[str, Any]]:
        """The layers that ran, as pairs of name and copy, those inside closed layers too."""
        inside = {id(layer): layer for layer in self.passing.ran or ()}
        known: set[int] = set()
        found: list[tuple[str, Any]] = []
        for use in self.uses:
            found.append((use.name, use.run))
            if not use.opened:
                for path, layer in layers_of(use.run):
                    known.add(id(layer))
                    if path and id(layer) in inside:
                        found.append((self.members.names[id(at_path(use.layer, path))], layer))
        for key in inside.keys() - known:
            refuse_stranger(self.network, inside[key])
        return found

    def keep(self, gradients: dict[str, Any]) -> None:
        """Let each layer of the network keep what its last use kept, and its derivatives."""
        for use in self.uses:
            if use.layer is not use.run and use.layer is not self.network:
                self._take_over(use.layer, use.run)
        self._take_over(self.network, self.copy)  # no use, where its loss does not call it
        for name, d in gradients.items():
            for layer, attribute in self.members.params.owners[name]:
                setattr(layer, f"d{attribute}", d)

    def _take_over(self, layer: Any, ran: Any) -> None:
        """Let a layer hold what its copy was left with; a list that was only added to stays."""
        for name, value in own_values(ran).items():
            old, new = layer.__dict__.get(name), unwrapped(value)
            if old is new or self._copies.get(id(old)) is not value:
                layer.__dict__[name] = new
            elif isinstance(old, list):
                old[:] = new
            elif isinstance(old, dict | set):
                old.clear()
                old.update(new)
            else:
                layer.__dict__[name] = new

    def _record(self, layer: Any, inputs: tuple[Any, ...], name: str | None) -> Any:
        """What happens in place of a call: a node for a closed layer; others are run through."""
        known = self._known.get(id(layer))
        if known is None:
            known = name or type(layer).__name__, layer
            refuse_stranger(self.network, layer)
        own_name, live = known
        self.entered.append((own_name, live, inputs))
        holds = any(inner_layers(layer))
        opened = holds and (self.passing.formula == "infer" or not has_backward(layer))
        ran = layer
        hanging = self._hanging(live, layer)
        if opened or layer is self.copy:
            self._noise(live, layer, inputs)
            out = run(layer, self.passing.formula, inputs)
        else:
            out, ran = self._closed(layer, live, inputs, own_name)
        self.uses.append(Use(own_name, live, ran, inputs, parts(out), opened))
        if hanging:
            audit(own_name or type(live).__name__, ran, hanging, self.passing.formula, inputs)
        self.entered.pop()
        return out

    def _noise(self, live: Any, layer: Any, inputs: tuple[Any, ...]) -> None:
        """Draw the noise of a layer that is run through."""
        bind_noise(layer, inputs, self.passing)

    def _closed(self, layer: Any, live: Any, inputs: tuple[Any, ...], name: str) -> Any:
        """Run a layer that is not run through; gives what came out, and the copy that ran."""
        closed = Pass(self.passing.formula, self.passing.rng, ran=self.passing.ran)
        infers = self.passing.formula == "infer"
        if not infers and (any(isinstance(x, Recorded) for x in inputs) or holds_variables(layer)):
            out = on_graph(layer, inputs, closed, name)
            return out, parts(out)[0].node.operation.layer
        own = places_of(layer)
        ran = twin(layer, own.values())
        if infers:  # nothing is differentiated, so arrays will do
            bind(ran, own, map(unwrapped, own.values()))
            inputs = unwrapped(inputs)
        with running(closed):
            return on_arrays(ran, inputs, closed), ran

    def _hanging(self, live: Any, layer: Any) -> list[Any]:
        """The arrays to look after when a layer runs for the first time in a step."""
        if self._audited is None or id(live) in self._audited:
            return []
        self._audited.add(id(live))
        return list(undeclared(layer))


def refuse_stranger(network: Any, layer: Any) -> None:
    """A layer that is made on the way may not learn: nobody would find its parameters."""
    if any(names_of(held, k) for _, held in layers_of(layer) for k in ("params", "state")):
        raise ConfigError(
            f"a {type(layer).__name__} that {type(network).__name__} uses is no part of "
            "the network, so that what it learns would be left out; make it in __init__ and "
            "hold it as an attribute"
        )


def by_name(members: Any, ran: Iterable[Any]) -> list[tuple[str, Any]]:
    """Pairs of name and layer. Errors: `ConfigError` for a layer that the network does not have."""
    names = members.names
    for layer in ran:
        if id(layer) not in names:
            refuse_stranger(members.network, layer)
    return [(names[id(layer)], layer) for layer in ran if id(layer) in names]


def record_parameters(network: Any, copies: dict[int, Any]) -> None:
    """Let copies of the layers hold the parameters as Variables: code between is recorded too."""
    for name, owners in network.params.owners.items():
        held = parameter(array_at(*owners[0]), name, owners[0][0])
        for layer, attribute in owners:
            set_array(copies[id(layer)], attribute, held)


def _hold(members: Any, copies: dict[int, Any], params: dict[str, Any]) -> None:
    """Let copies of the layers hold these in place of their parameters."""
    for name, owners in members.params.owners.items():
        for layer, attribute in owners:
            set_array(copies[id(layer)], attribute, params[name])


def leaves(x: Any) -> Any:
    """Inputs as Variables that share their arrays; class numbers stay plain arrays."""
    if isinstance(x, tuple):
        return tuple(map(leaves, x))
    if isinstance(x, Recorded):
        return x
    x = np.asarray(x) if isinstance(x, list | int | float) else x
    if getattr(getattr(x, "dtype", None), "kind", "") != "f":
        return x
    return new_leaves((x,), ("x",))[0]


def copied(network: Any, views: bool = False) -> tuple[Any, dict[int, Any]]:
    """A copy of a network that shares its arrays, and which layer has become which."""
    members = network.members
    twin, copies = twins(network, [*members.params.values(), *members.states.values()], views)
    for name in names_of(network, "noise"):
        vars(twin).pop(name, None)  # it is that of another pass
    return twin, copies
