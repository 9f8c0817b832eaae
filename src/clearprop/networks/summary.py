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
    first: str = "N"
    """The first axis of the output, before `shape`: `"N"`, `"4N"` for four rows a sample, or a
    number where it is the same for any number of samples."""

    @property
    def output(self) -> str:
        """The shape of the output, as it is shown: `(N, 50)`."""
        return f"({', '.join(map(str, (self.first, *self.shape)))})"


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
            (r.name, r.kind, r.output, f"{r.parameters:,}", f"{r.multiply_adds:,}")
            for r in self.rows
        ]
        total = ("total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}")
        widths = [max(len(row[i]) for row in (head, *cells, total)) for i in range(5)]
        rule = "  ".join("─" * w for w in widths)
        lines = [_line(head, widths), rule, *(_line(c, widths) for c in cells), rule]
        return "\n".join([*lines, _line(total, widths)])

    __repr__ = __str__


def summarised(walk: Any, samples: int) -> NetworkSummary:
    """The rows of a walk on so many samples: each layer that ran, each array of parameters once."""
    rows, seen = [], set()
    for use in walk.uses:
        names = names_of(use.layer)
        if use.opened and not names:
            continue
        shape = np.shape(use.outputs[0])
        arrays = [array_at(use.layer, name) for name in names]
        count = sum(int(np.size(a)) for a in arrays if id(a) not in seen)
        seen.update(map(id, arrays))
        name, kind = use.name or type(use.layer).__name__, type(use.layer).__name__
        macs = 0 if use.opened else multiply_adds(use.layer, shape) // samples
        first = _first(shape, samples)
        rows.append(LayerSummary(name, kind, shape[1:], count, macs, first))
    return NetworkSummary(tuple(rows))


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """Words to the left, numbers to the right."""
    words = [c.ljust(w) for c, w in zip(cells[:3], widths[:3], strict=True)]
    numbers = [c.rjust(w) for c, w in zip(cells[3:], widths[3:], strict=True)]
    return "  ".join(words + numbers).rstrip()


def _first(shape: tuple[int, ...], samples: int) -> str:
    length = shape[0] if shape else 1
    if length % samples:
        return str(length)
    return "N" if length == samples else f"{length // samples}N"


def multiply_adds(layer: Any, shape: tuple[int, ...]) -> int:
    """Count the multiply-adds by the shape of the output: each weight is used at every position.

    A matrix (D, M) is used once for each row of the output (…, M), a filter (F, C, …) once for each
    place of the output (N, F, …). Only products with parameters of two axes or more are counted;
    element-wise work is not.
    """
    weights = [np.shape(array_at(layer, name)) for name in names_of(layer)]
    rows, places = math.prod(shape[:-1]), math.prod((*shape[:1], *shape[2:]))
    return sum(math.prod(w) * (rows if len(w) == 2 else places) for w in weights if len(w) > 1)
