"""What a layer does with plain arrays, to compare it with what was recorded of it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clearprop.compiler.leaf import plain
from clearprop.graph.layer_operation import LayerOperation
from clearprop.graph.node import Recorded, parts
from clearprop.graph.parameters import bind, layers_of
from clearprop.graph.passing import Drawn, Pass, inline, run, running
from clearprop.graph.twins import twin


def on_arrays(
    layer: Any, formula: str, inputs: Sequence[Any], own: Any, drawn: list[Drawn] | None
) -> Callable[[Sequence[int] | None], list[Any]]:
    """A function that gives the outputs of a layer for the values of these leaves, and with
    `wanted` the derivatives that its `backward` has for ones from upstream."""
    given = tuple(map(plain, (*inputs, *own.values())))
    noise = drawn and [(shapes, tuple(map(plain, arrays))) for shapes, arrays in drawn]

    def run_it(wanted: Sequence[int] | None) -> list[Any]:
        ran = twin(layer)
        for _, held in layers_of(ran):
            for name, value in [*getattr(held, "__dict__", {}).items()]:
                if isinstance(value, Recorded):
                    setattr(held, name, plain(value))
        bind(ran, tuple(own), given[len(inputs) :])
        again = None if noise is None else iter(noise)
        with running(Pass(formula, record=inline, again=again)):
            out = run(ran, formula, given[: len(inputs)])
        if wanted is None:
            return [*parts(out)]
        operation = _Ran(ran, len(inputs), tuple(own), type(layer).__name__)
        douts = tuple(np.ones_like(o) for o in parts(out))
        return [*parts(out), *operation.vjp(wanted, douts, out, given, {})]

    return run_it


class _Ran(LayerOperation):
    """A layer that has run: `backward` begins from there."""

    def _ran(self, values: tuple[Any, ...], recorded: bool) -> Any:
        return self.layer
