"""What the node of a layer does: it runs the layer again, differentiates it, and opens."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from clearprop.errors import (
    ClearpropError,
    LacksError,
    LeavesGraphError,
    RefusedError,
    UnsupportedError,
    said,
)
from clearprop.graph import straight
from clearprop.graph.backward import reach
from clearprop.graph.constants import value_of
from clearprop.graph.gathering import gathered
from clearprop.graph.leaving import heed, refuse_if_hidden
from clearprop.graph.nested import inner_derivatives
from clearprop.graph.node import Recorded, data_of, parts
from clearprop.graph.overriding import is_outdated
from clearprop.graph.parameters import Places, bind, has_backward, inner_layers, parameter_name
from clearprop.graph.passing import Drawn, Pass, has_infer, inline, noise_does_not_fit, run, running
from clearprop.graph.recording import attach
from clearprop.graph.returned import by_input, by_parameter
from clearprop.graph.twins import twin, twins
from clearprop.graph.variable import Operand, new_leaves
from clearprop.primitives.table import positional_names


class LayerOperation:
    """What the node of a layer does; `layer` is a copy that belongs to this one call.

    What `forward` keeps on `self` for `backward` is then still there, however often the layer
    itself is used. The inputs of the node are those of `forward`, then the parameters, then the
    noise of the layer; a layer that holds layers keeps the noise that those drew, in order.
    """

    elementwise = False
    chooses = False
    opens = True

    def __init__(
        self,
        layer: Any,
        n_inputs: int,
        places: tuple[Places, ...],
        name: str,
        mode: str = "forward",
        noise: tuple[str, ...] = (),
    ) -> None:
        self.layer = layer
        self.n_inputs = n_inputs
        self.n_parameters = len(places)
        self.places = places + tuple([((u,),) for u in noise])
        self.noise = noise
        self.name = self.symbol = name
        self.mode = mode
        """Which of the layer's formulas runs: `"forward"` or `"infer"`."""
        self.is_composed = not has_backward(layer) or (mode == "infer" and has_infer(layer))
        """Whether the backward pass is that of the operations inside."""
        self.is_straight = self.is_composed and mode == "forward" and straight.is_straight(layer)
        self.calls: list[Any] = []
        """For a chain that went straight: the layers that ran, with their inputs and outputs."""
        self.inner: tuple[tuple[Any, ...], Any] | None = None
        """For a composed layer: the inputs and outputs inside, if they have been recorded."""
        self.drawn: list[Drawn] = []
        """The noise of the layers inside."""
        self.drew_for: tuple[Any, ...] = ()

    @property
    def formula(self) -> str:
        return f"{type(self.layer).__name__}.{self.mode}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of `forward`'s arguments."""
        names = argument_names(self.layer.forward)
        return tuple(names[i] if i < len(names) else f"x{i}" for i in range(self.n_inputs))

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of what the layer learns."""
        learned = self.places[: self.n_parameters]
        return tuple([parameter_name(self.layer, paths[0]) for paths in learned])

    @property
    def operands(self) -> tuple[str, ...]:
        """The names of all inputs of the node."""
        return (*self.inputs, *self.parameters, *self.noise)

    def start(self, inputs: tuple[Any, ...], passing: Pass) -> Any:
        """Run the layer and put it on the graph."""
        values = tuple([value_of(x) if isinstance(x, Recorded) else x for x in inputs])
        if self.is_straight and (out := straight.there(self, values, passing)) is not None:
            return attach(self, inputs, values, {}, out)
        inside = Pass(self.mode, outer=passing, ran=passing.ran)
        self.drawn = inside.drawn
        if self.noise:
            self.drew_for = self._shapes(values)
        out = None
        if self.is_composed:
            fresh = new_leaves(values, self.operands, Operand)
            bind(self.layer, self.places, fresh[self.n_inputs :])
            refusal = said.refusal
            try:
                out = self._recorded(self._forward(self.layer, fresh, inside))
            except LeavesGraphError as error:
                # It writes into an array of its own: differences of forward stand in for backward.
                if self.mode == "forward" and is_outdated(self.layer, "backward"):
                    raise UnsupportedError(
                        f"the backward of {self.name} is that of another forward, which a subclass "
                        f"wrote anew, and this one cannot be differentiated: {error}; write "
                        "backward there, too"
                    ) from error
                alone = hasattr(self.layer, "backward") and not any(inner_layers(self.layer))
                if self.mode == "infer" or not alone:
                    raise
                self.is_composed, self.layer.cannot_be_opened = False, True
                said.refusal = refusal  # this one is answered
            else:
                self.inner = fresh, out
                self._refuse_outside(fresh, out)
                out = _each(data_of, out)
        if not self.is_composed:
            bind(self.layer, self.places, values[self.n_inputs :])
            out = _each(self._result, self._forward(self.layer, values, inside))
        return attach(self, inputs, values, {}, out)

    def again(self, inputs: tuple[Any, ...]) -> Any:
        """Run the layer on other inputs and parameters, as a node of its own."""
        self._check_noise(tuple(map(data_of, inputs)))
        operation = copy.copy(self)
        operation.layer = twin(self.layer)
        return operation.start(inputs, self._repeated())

    def evaluate(self, *values: Any, **params: Any) -> Any:
        """Run the layer on arrays."""
        self._check_noise(values)
        return self._forward(self._bound(values), values, self._repeated())

    def _repeated(self) -> Pass:
        """A pass that takes the noise that was drawn once more."""
        return Pass(self.mode, again=iter(self.drawn))

    def _shapes(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(map(np.shape, values[: self.n_inputs]))

    def _check_noise(self, values: tuple[Any, ...]) -> None:
        if self.noise and self._shapes(values) != self.drew_for:
            raise noise_does_not_fit(self.name, self.drew_for, self._shapes(values))

    def vjp(
        self, wanted: Iterable[int], dout: Any, out: Any, values: tuple[Any, ...], params: Any
    ) -> list[Any]:
        """Run the layer's own `backward`; recorded where the values are Variables."""
        wanted = tuple(wanted)
        recorded = any(isinstance(x, Recorded) for x in values)
        if self.calls and not recorded:
            found = straight.back(self, wanted, dout, values)
            if found is not None:
                return found
        if self.is_composed:
            return inner_derivatives(self, wanted, dout, values, self.inner)
        layer = self._ran(values, recorded)
        try:
            found = self._backward(layer, parts(dout), recorded)
        except UnsupportedError as error:
            if recorded or not isinstance(error.__cause__, ValueError):
                raise
            layer = twin(self.layer)  # `backward` may write into what is its own, again and again
            found = self._backward(layer, parts(dout), recorded)
        by_place = by_input(self, found, values, wanted)
        for i in range(self.n_inputs, self.n_inputs + self.n_parameters):
            if i in wanted:
                by_place[i] = by_parameter(self, layer, i, values)
        return [by_place.get(i) for i in wanted]

    def _ran(self, values: tuple[Any, ...], recorded: bool) -> Any:
        """A copy of the layer after its forward, for `backward` to begin from."""
        if not recorded:  # as a rule it only reads what forward has kept
            return twins(self.layer, views=True)[0]
        layer = self._bound(values)
        self._forward(layer, values, Pass(self.mode, again=iter(self.drawn), record=inline))
        return layer

    def open(self, values: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any]:
        """Run `forward` on fresh Variables: gives them and what they were computed into."""
        fresh = new_leaves(map(data_of, values), self.operands)
        return fresh, self.expand(fresh)

    def recorded(self, values: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any] | None:
        """What a composed layer has inside, recorded now if it has gone straight."""
        if self.calls and self.inner is None:
            self.inner = self.open(values)
        return self.inner

    def expand(self, inputs: tuple[Any, ...]) -> Any:
        """Run `forward` on Variables, so that the operations inside stand on the graph."""
        self._check_noise(tuple(map(data_of, inputs)))
        layer = self._bound(inputs)
        try:
            return self._recorded(self._forward(layer, inputs, self._repeated()))
        except Exception as error:
            if self.is_composed:
                raise
            reason = _reason("its forward", error)
            raise UnsupportedError(f"{self.name} cannot be opened: {reason}") from error

    def _recorded(self, out: Any) -> Any:
        out = _each(gathered, out)
        if not all(isinstance(part, Recorded) for part in parts(out)):
            raise UnsupportedError(
                f"what the forward of {self.name} returns does not depend on its inputs by "
                "recorded operations; write it with NumPy functions on the inputs"
            )
        return out

    def _bound(self, values: tuple[Any, ...]) -> Any:
        """A copy of the layer that has the given parameters."""
        layer = twin(self.layer)
        bind(layer, self.places, values[self.n_inputs :])
        return layer

    def _forward(self, layer: Any, values: tuple[Any, ...], passing: Pass) -> Any:
        try:
            with running(passing):
                return run(layer, self.mode, values[: self.n_inputs])
        except ValueError as error:
            refuse_if_hidden(error)
            if "read-only" not in str(error):
                raise
            raise UnsupportedError(
                f"{self.name}.forward writes into its input or a parameter, which belong to the "
                "caller; make a new array (out = x.copy(), or np.where)"
            ) from error

    def _result(self, out: Any) -> Any:
        if isinstance(out, Recorded):
            raise UnsupportedError(
                f"{self.name}.forward gives a Variable for arrays: it uses a Variable that is no "
                "input; name it in params, or give it to forward"
            )
        # A view is made read-only, the layer's own array stays as it is.
        return out.view() if type(out) is np.ndarray else out

    def _refuse_outside(self, fresh: tuple[Any, ...], out: Any) -> None:
        """Inside a closed node nothing may depend on Variables that the node does not have."""
        own = {v for v in fresh if isinstance(v, Recorded)}
        _, made = reach(parts(out))
        if "forward" in getattr(self.layer, "__dict__", ()):
            self._refuse_captured(fresh, {*made})
        for v in made:
            if isinstance(v, Recorded) and v not in own:
                called = f"the Variable {v.name!r}" if v.name else "a Variable"
                raise UnsupportedError(
                    f"{self.name}.forward uses {called} that is no input, and its derivative would "
                    "be lost; name it in params, or give it to forward; if it is a layer's, make "
                    "that layer in __init__ and hold it as an attribute"
                )

    def _refuse_captured(self, fresh: tuple[Any, ...], used: set[Any]) -> None:
        """A function in place of `forward` may have the layer by another name than `self`."""
        learned = fresh[self.n_inputs : self.n_inputs + self.n_parameters]
        for v, name in zip(learned, self.parameters, strict=True):
            if isinstance(v, Recorded) and v not in used:
                raise UnsupportedError(
                    f"{self.name} has had a forward assigned to it that does not use self.{name}, "
                    "and its derivative would be lost; write a subclass with def forward(self, x)"
                )

    def _backward(self, layer: Any, douts: tuple[Any, ...], recorded: bool) -> Any:
        # A copy, since the derivative may have gone to other nodes too.
        douts = tuple(
            d if isinstance(d, Recorded) or type(d) is int else np.array(d)[()] for d in douts
        )
        refusal = said.refusal
        try:
            found = layer.backward(*douts)
            if recorded:
                heed(refusal)
            return found
        except Exception as error:
            foreign = not isinstance(error, ClearpropError)
            if recorded and (foreign or isinstance(error, RefusedError)):
                reason = _reason("it", error)
                raise UnsupportedError(
                    f"{self.name}.backward cannot be recorded: {reason}"
                ) from error
            if foreign and "read-only" in str(error):
                raise UnsupportedError(
                    f"{self.name}.backward writes into an array that is not its own, an input or a "
                    "parameter; make a new array"
                ) from error
            raise


def argument_names(forward: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the arguments that a `forward` takes by position."""
    function = getattr(forward, "__func__", None)
    return positional_names(forward) if function is None else positional_names(function)[1:]


def _reason(what: str, error: Exception) -> str:
    """Why a method that runs on arrays does not run on Variables."""
    if isinstance(error, ClearpropError) and not isinstance(error, LacksError):
        return str(error)
    return (
        f"{what} runs on arrays, but not on Variables ({type(error).__name__}: {error}); write it "
        "with NumPy functions"
    )


def _each(f: Callable[[Any], Any], out: Any) -> Any:
    """Apply to the one output, or to each of several."""
    return tuple(map(f, out)) if isinstance(out, tuple | list) else f(out)
