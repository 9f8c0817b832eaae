"""What a network is made of, as a table."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.graph.parameters import array_at, names_of


@dataclass(frozen=True)
class LayerSummary:
    """One row: a layer's name, output shape, number of parameters and multiply-adds a sample."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class NetworkSummary:
    """The rows of a network's summary; `str` or `print` shows them as a table."""

    rows: tuple[LayerSummary, ...]

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        return sum(row.multiply_adds for row in self.rows)

    def __str__(self) -> str:
        head = ("layer", "kind", "output shape", "parameters", "multiply-adds")
        cells = [
            (r.name, r.kind, _shape(r.shape), f"{r.parameters:,}", f"{r.multiply_adds:,}")
            for r in self.rows
        ]
        total = ("total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}")
        widths = [max(len(row[i]) for row in (head, *cells, total)) for i in range(5)]
        rule = "  ".join("─" * w for w in widths)
        lines = [_line(head, widths), rule, *(_line(c, widths) for c in cells), rule]
        return "\n".join([*lines, _line(total, widths)])

    __repr__ = __str__


def summarised(walk: Any) -> NetworkSummary:
    """The rows of a walk: each layer that ran, and each array of parameters once."""
    rows, seen = [], set()
    for use in walk.uses:
        names = names_of(use.layer)
        if use.opened and not names:
            continue
        shape = np.shape(use.outputs[0])[1:]
        arrays = [array_at(use.layer, name) for name in names]
        count = sum(int(np.size(a)) for a in arrays if id(a) not in seen)
        seen.update(map(id, arrays))
        name, kind = use.name or type(use.layer).__name__, type(use.layer).__name__
        macs = 0 if use.opened else multiply_adds(use.layer, shape)
        rows.append(LayerSummary(name, kind, shape, count, macs))
    return NetworkSummary(tuple(rows))


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """Words to the left, numbers to the right."""
    words = [c.ljust(w) for c, w in zip(cells[:3], widths[:3], strict=True)]
    numbers = [c.rjust(w) for c, w in zip(cells[3:], widths[3:], strict=True)]
    return "  ".join(words + numbers).rstrip()


def _shape(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, ('N', *shape)))})"


def multiply_adds(layer: Any, out_shape: tuple[int, ...]) -> int:
    """Count the multiply-adds of one sample: each weight is used once at every position.

    A matrix (D, M) is used once for each row of the output (…, M), a filter (F, C, …) once for each
    place of the output (F, …). Only products with parameters of two axes or more are counted;
    element-wise work is not.
    """
    weights = [np.shape(array_at(layer, name)) for name in names_of(layer)]
    rows, places = math.prod(out_shape[:-1]), math.prod(out_shape[1:])
    return sum(
        math.prod(shape) * (rows if len(shape) == 2 else places)
        for shape in weights
        if len(shape) > 1
    )
