"""Layers that cannot be compiled run as they are written, inside the compiled step."""

import copy
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np

from clearprop.errors import GraphError, UnsupportedError
from clearprop.graph.layer_operation import LayerOperation
from clearprop.graph.node import data_of, parts
from clearprop.graph.parameters import arrays_of
from clearprop.graph.passing import Pass, run, running
from clearprop.graph.recording import SIZED, attach
from clearprop.graph.returned import by_input, by_parameter
from clearprop.graph.twins import twin
from clearprop.networks.learning import next_state


class AsWritten:
    """What a node does that calls a layer itself, which may do more than compute."""

    reason = ""
    """Why it is not recorded."""

    def on(self, layer: Any, values: tuple[Any, ...]) -> Any:
        """Call the method on this layer, with the values of a node."""
        raise NotImplementedError

    def tried(self, trial: Any, inputs: tuple[Any, ...]) -> Any:
        """Put the node on the graph, with what a copy gives that is there to record with."""
        values = tuple(map(data_of, inputs))
        return attach(self, inputs, values, {}, self.on(trial, values))


class AsWrittenForward(AsWritten, LayerOperation):
    """Call a layer's own formula on arrays; the parameters are the layer's own."""

    opens = False

    def __init__(self, network: Any, layer: Any, *how: Any) -> None:
        super().__init__(layer, *how)
        self.name = f"{self.symbol}.{self.mode}"
        self.live, self.network = layer, network
        self.runs_again = False
        """Whether the layer has run before in this program, and still needs what it kept then."""
        self.shapes: list[tuple[int, ...]] = []
        self.trial: Any = None
        """A copy to record with, so that nothing of the layer's own is used up."""

    def evaluate(self, *values: Any, **params: Any) -> Any:
        """Run the layer itself, or a copy where it runs again, with the noise of this step.

        Errors: `UnsupportedError` where the result has not the shape that the program goes by.
        """
        if self.runs_again:
            self.layer = twin(self.live, arrays_of(self.live))
        out = self.on(self.layer, values)
        self._check(out)
        return out

    def tried(self, trial: Any, inputs: tuple[Any, ...]) -> Any:
        """What a copy gives: the program goes by its shapes.

        Errors: `UnsupportedError` where they are others for other values, as far as that is seen.
        """
        made = super().tried(trial, inputs)
        self.shapes = [part.shape for part in parts(made)]
        if SIZED in self.reason:
            arrays = [np.asarray(data_of(x)) for x in inputs]
            for turn in (np.negative, np.abs):
                others = [turn(x) if x.dtype.kind == "f" else np.flip(x) for x in arrays]
                out: Any = made
                with suppress(Exception), np.errstate(all="ignore"):  # it may not be for these
                    out = self.on(copy.deepcopy(self.live), tuple(others))
                self._check(out)
        return made

    def _check(self, out: Any) -> None:
        if (shapes := [*map(np.shape, parts(out))]) != self.shapes:
            said = " and ".join(", ".join(map(str, found)) for found in (self.shapes, shapes))
            raise UnsupportedError(
                f"compile: {self.symbol} gives results of shape {said} for inputs of one shape: "
                f"{SIZED}; train and predict without compiling"
            )

    def on(self, layer: Any, values: tuple[Any, ...]) -> Any:
        """Run a layer on the values of a node."""
        for name, u in zip(self.noise, values[len(values) - len(self.noise) :], strict=True):
            setattr(layer, name, u)
        with running(Pass(self.mode, self.network.rng)):
            out = run(layer, self.mode, values[: self.n_inputs])
        return tuple(map(np.array, out)) if isinstance(out, tuple | list) else np.array(out)

    def vjp(
        self, wanted: Iterable[int], dout: Any, out: Any, values: tuple[Any, ...], params: Any
    ) -> list[Any]:
        """A node that calls the layer's own `backward`."""
        douts = parts(dout)
        operation = AsWrittenBackward(self, tuple(wanted), len(douts))
        # What went into forward, and came out, is an input here so that it is kept until now: the
        # layer may hold on to it.
        return list(operation.tried(self.trial, (*douts, *parts(out), *values)))


class _OfLayer(AsWritten):
    """Call another method of a layer that has run."""

    elementwise = False
    opens = False
    formula = "as written"

    def __init__(self, forward: AsWrittenForward, method: str) -> None:
        self.forward = forward
        self.name = f"{forward.symbol}.{method}"
        self.symbol = f"{forward.symbol}_{method}"

    def evaluate(self, *values: Any, **params: Any) -> Any:
        """Ask the layer that ran, while what `forward` kept is still there."""
        return self.on(self.forward.layer, values)

    def vjp(self, wanted: Iterable[int], dout: Any, out: Any, values: Any, params: Any) -> Any:
        """Refused: derivatives of derivatives are not compiled."""
        raise GraphError(f"{self.name} runs as written and is not differentiated here")


class AsWrittenState(_OfLayer):
    """Call a layer's own `next_state`: the new state, in order."""

    def __init__(self, forward: AsWrittenForward) -> None:
        super().__init__(forward, "next_state")

    def on(self, layer: Any, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arrays are copied, since they may be the program's."""
        forward = self.forward
        return tuple(map(np.array, next_state(forward.symbol, forward.live, layer).values()))


class AsWrittenBackward(_OfLayer):
    """Call a layer's own `backward`, and collect the derivatives it sets."""

    def __init__(self, forward: AsWrittenForward, wanted: tuple[int, ...], n_outputs: int) -> None:
        super().__init__(forward, "backward")
        self.wanted = wanted
        self.n_outputs = n_outputs

    def on(self, layer: Any, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Run `backward` on copies, since such layers may write into what they are given."""
        forward = self.forward
        given = values[len(values) - forward.n_inputs - len(forward.places) :]
        with running(Pass("forward", bound=True)):
            found = forward._backward(layer, tuple(values[: self.n_outputs]), False)
        returned = by_input(forward, found, given, self.wanted)
        n = forward.n_inputs
        derivatives = (
            returned.get(i) if i < n else by_parameter(forward, layer, i, given)
            for i in self.wanted
        )
        pairs = zip(self.wanted, derivatives, strict=True)
        return tuple(np.array(np.zeros_like(given[i]) if d is None else d) for i, d in pairs)
