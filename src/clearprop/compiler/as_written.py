"""Layers that cannot be compiled run as they are written, inside the compiled step."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.errors import GraphError


class AsWrittenForward:
    """Call a layer's own `forward` on arrays."""

    elementwise = False
    opens = False

    def __init__(self, name: str, layer: Any, params: tuple[str, ...], n_inputs: int) -> None:
        self.name = f"{name}.forward"
        self.symbol = name
        self.formula = "as written"
        self.layer = layer
        self.params = params
        self.n_inputs = n_inputs

    def evaluate(self, *values: Any, **params: Any) -> Any:
        """Run on arrays; the parameters are the layer's own."""
        return np.array(self.layer.forward(*values[: self.n_inputs]))

    def vjp(self, wanted: Iterable[int], dout: Any, out: Any, values: Any, params: Any) -> Any:
        """Refused: the recording has the layer's own backward as a node of its own."""
        raise GraphError(f"{self.name} runs as written and is not differentiated here")


class AsWrittenBackward:
    """Call a layer's own `backward`, and collect the derivatives it sets."""

    elementwise = False
    opens = False

    def __init__(self, name: str, forward: AsWrittenForward, params: tuple[str, ...]) -> None:
        self.name = f"{name}.backward"
        self.symbol = name
        self.formula = "as written"
        self.forward = forward
        self.params = params

    def evaluate(self, *values: Any, **params: Any) -> Any:
        """Run on the derivative from upstream, given as a copy: such layers may write into it."""
        layer = self.forward.layer
        dx = layer.backward(np.array(values[0]))
        gradients = [np.array(getattr(layer, f"d{a}")) for a in self.params]
        return (np.array(dx), *gradients)

    def vjp(self, wanted: Iterable[int], dout: Any, out: Any, values: Any, params: Any) -> Any:
        """Refused: derivatives of derivatives are not compiled."""
        raise GraphError(f"{self.name} runs as written and is not differentiated here")
