"""Layers that cannot be compiled run as they are written, inside the compiled step."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.errors import GraphError
from clearprop.graph.layer_call import LayerOperation
from clearprop.graph.node import Recorded
from clearprop.graph.parameters import Places
from clearprop.graph.passing import Pass, run, running
from clearprop.graph.recording import attach


class AsWrittenForward(LayerOperation):
    """Call a layer's own formula on arrays; the parameters are the layer's own."""

    opens = False

    def __init__(
        self,
        name: str,
        layer: Any,
        n_inputs: int,
        places: tuple[Places, ...],
        mode: str,
        noise: tuple[str, ...],
        network: Any,
    ) -> None:
        super().__init__(layer, n_inputs, places, name, mode, noise)
        self.symbol, self.name = name, f"{name}.{mode}"
        self.network = network
        self.trial: Any = None
        """A copy to record with, so that nothing of the layer's own is used up."""

    def evaluate(self, *values: Any, **params: Any) -> Any:
        """Run the layer itself, with the noise of this step."""
        return self.on(self.layer, values)

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
        wanted = tuple(wanted)
        douts = dout if isinstance(dout, tuple) else (dout,)
        outs = out if isinstance(out, tuple) else (out,)
        operation = AsWrittenBackward(self, wanted, len(douts))
        # What went into forward, and came out, is an input here so that it is kept until now: the
        # layer may hold on to it.
        inputs = (*douts, *outs, *values)
        arrays = tuple(x.data if isinstance(x, Recorded) else x for x in inputs)
        found = attach(operation, inputs, arrays, {}, operation.on(self.trial, arrays))
        return list(found)


class AsWrittenBackward:
    """Call a layer's own `backward`, and collect the derivatives it sets."""

    elementwise = False
    opens = False

    def __init__(self, forward: AsWrittenForward, wanted: tuple[int, ...], n_outputs: int) -> None:
        self.name = f"{forward.symbol}.backward"
        self.symbol = f"{forward.symbol}_backward"
        self.formula = "as written"
        self.forward = forward
        self.wanted = wanted
        self.n_outputs = n_outputs

    def evaluate(self, *values: Any, **params: Any) -> Any:
        """Run on the derivatives from upstream."""
        return self.on(self.forward.layer, values)

    def on(self, layer: Any, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Run `backward` on copies, since such layers may write into what they are given."""
        forward = self.forward
        given = values[len(values) - forward.n_inputs - len(forward.places) :]
        with running(Pass("forward", bound=True)):
            found = forward._backward(layer, tuple(values[: self.n_outputs]), False)
        by_input = forward._by_input(found, given, self.wanted)
        n = forward.n_inputs
        derivatives = (
            by_input.get(i) if i < n else forward._by_parameter(layer, i, given)
            for i in self.wanted
        )
        pairs = zip(self.wanted, derivatives, strict=True)
        return tuple(np.array(np.zeros_like(given[i]) if d is None else d) for i, d in pairs)

    def vjp(self, wanted: Iterable[int], dout: Any, out: Any, values: Any, params: Any) -> Any:
        """Refused: derivatives of derivatives are not compiled."""
        raise GraphError(f"{self.name} runs as written and is not differentiated here")
