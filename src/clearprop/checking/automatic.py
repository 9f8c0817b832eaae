"""Automatic differentiation of `forward`: the layer's inside on a graph, where it can be opened."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clearprop.checking.copies import same_draws
from clearprop.checking.run import LayerRaised, flat
from clearprop.checking.trial import Trial
from clearprop.checking.writing import Writable, plain, writable_from_the_start
from clearprop.graph import Graph, Variable
from clearprop.graph.backward import derivatives
from clearprop.graph.gathering import gathered
from clearprop.graph.node import Recorded, data_of


class Opened:
    """`forward` of a trial, recorded: its primitives, with their true derivatives."""

    def __init__(self, variables: dict[str, Any], outputs: Sequence[Any]):
        self.variables = variables
        self.outputs = outputs
        self.graph = Graph([v for v in outputs if isinstance(v, Variable)], variables.values())

    def derivatives(self, dout: np.ndarray) -> dict[str, np.ndarray]:
        """The derivative of Σ dout · output by every argument."""
        return self.pull(*self._seeds(self.outputs, dout))

    def all_derivatives(self, dout: np.ndarray) -> dict[Any, Any]:
        """The derivative of Σ dout · output by every value inside."""
        return derivatives(zip(*self._seeds(self.outputs, dout), strict=True))

    def rounding(self, dout: np.ndarray) -> float:
        """What the rounding of every value inside can do to Σ dout · output, to first order."""
        found = self.all_derivatives(dout)
        eps = float(np.finfo(np.float64).eps)
        return eps * float(sum(np.sum(np.abs(d * v.data)) for v, d in found.items()))

    def pull(self, variables: Sequence[Any], douts: Sequence[Any]) -> dict[str, np.ndarray]:
        """Send derivatives that arrived at some values back to the arguments."""
        pairs = list(zip(variables, douts, strict=True))
        found = derivatives(pairs, targets=list(self.variables.values()))
        return {
            name: np.array(found[v]) if v in found else np.zeros(np.shape(v.data))
            for name, v in self.variables.items()
        }

    def _seeds(self, outputs: Sequence[Any], dout: np.ndarray) -> tuple[list[Any], list[Any]]:
        variables, douts, start = [], [], 0
        for out in outputs:
            shape, size = np.shape(data_of(out)), np.size(data_of(out))
            if isinstance(out, Recorded):
                variables.append(out)
                douts.append(dout[start : start + size].reshape(shape)[()])
            start += size
        return variables, douts


def open_forward(
    trial: Trial,
    values: Mapping[str, np.ndarray] | None = None,
    formula: str = "forward",
    kind: type[Variable] = Variable,
) -> Opened | str:
    """Run `forward`, or `infer`, on Variables; where that does not work, say why in a few words.

    Where it writes into arrays, it is run on handles, which can be written into.
    """
    opened = "" if trial.writes else _opened(trial, values, formula, kind)
    if not isinstance(opened, str):
        return opened
    with writable_from_the_start():
        written = _opened(trial, values, formula, kind, writes=True)
    trial.writes |= not isinstance(written, str)
    return opened if opened and isinstance(written, str) else written


def _opened(
    trial: Trial,
    values: Mapping[str, np.ndarray] | None,
    formula: str,
    kind: type[Variable],
    writes: bool = False,
) -> Opened | str:
    layer = trial.copy()
    inputs: list[Any] = [x.copy() if isinstance(x, np.ndarray) else x for x in trial.inputs]
    variables = {
        name: kind(argument.value if values is None else values.get(name, argument.value), name)
        for name, argument in trial.arguments.items()
    }
    try:
        for name, argument in trial.arguments.items():
            given: Any = Writable(variables[name], given=True) if writes else variables[name]
            if argument.slot:
                argument.slot.replace(layer, given)
            elif argument.place is not None:
                inputs[argument.place] = given
        with same_draws():
            found = plain(trial.call(layer, inputs, formula))
            outputs = tuple(map(gathered, trial.outputs(found)))
    except Exception as error:
        return _reason(error.error if isinstance(error, LayerRaised) else error)
    if not any(isinstance(out, Recorded) for out in outputs):
        return "its result does not come from recorded operations on its inputs"
    return Opened(variables, outputs)


def agrees(opened: Opened, expected: np.ndarray, rtol: float = 1e-9) -> bool:
    """Whether forward gave the same numbers on Variables as on arrays."""
    found = flat(map(data_of, opened.outputs))
    return found.shape == expected.shape and np.allclose(
        found, expected, rtol=rtol, atol=1e-300 if rtol < 1e-8 else rtol, equal_nan=True
    )


def _reason(error: BaseException) -> str:
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
