"""Kernels for rows, sample by sample: softmax and its loss, normalisation over features.

A row is run through in passes: what a whole row was needed for, such as its largest element, is
known after one pass and used in the next.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from clearprop.compiler.at_labels import pick_at, subtract_at
from clearprop.compiler.engines.c.functions import Function, Rest
from clearprop.compiler.engines.c.kinds import is_cheap, is_column, renames
from clearprop.compiler.engines.c.lines import lanes_for
from clearprop.compiler.engines.c.memory import Home
from clearprop.compiler.rewriting import function_of, is_recorded
from clearprop.graph.node import Node


class Reduction(NamedTuple):
    """How a row becomes one number."""

    start: str
    join: Callable[[int, str, str], str]
    """A number more, in so many lanes."""


_SUM = Reduction("0", lambda n, a, b: f"{a} + {b}")
REDUCTIONS: dict[Any, Reduction] = {
    np.sum: _SUM,
    np.mean: _SUM,
    np.max: Reduction("-INFINITY", lambda n, a, b: f"larger{n}({a}, {b})"),
    np.min: Reduction("INFINITY", lambda n, a, b: f"smaller{n}({a}, {b})"),
}


def rows(function: Function) -> None:
    """All passes over one row, then those over the next."""
    kernel, lines = function.kernel, function.lines
    passes = Passes(kernel.nodes)
    length = kernel.domain[1]
    lanes = lanes_for(length, function.lanes)
    whole = length // lanes * lanes
    row = _Row(function, passes)
    with lines.loop("n", "n0", "n1"):
        for node in passes.kept(lambda n: function.homes(n) is not None):
            row.kept[node] = name = f"row_{len(row.kept) + 1}"
            lines(f"f {name}[{length}];")
        row.columns(-1)
        for number in range(passes.count):
            reductions = passes.reductions(number)
            for node in reductions:
                start = REDUCTIONS[function_of(node)].start
                lines(f"v{lanes} {row.sum(node)} = all{lanes}({start});")
            with lines.loop("f", 0, whole, lanes):
                row.write(number, lanes)
            for node in reductions:
                start, join = REDUCTIONS[function_of(node)]
                lines(f"v1 {row.column(node)} = all1({start});")
                one = join(1, row.column(node), f"all1({row.sum(node)}[k])")
                lines(f"for (int k = 0; k < {lanes}; k++) {row.column(node)} = {one};")
            if whole < length:
                with lines.loop("f", whole, length):
                    row.write(number, 1)
            for node in reductions:
                if function_of(node) is np.mean:
                    lines(f"{row.column(node)} /= {length};")
            row.columns(number)


class Passes:
    """In which pass over a row each node is computed, or after which: -1 is before all."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.of: dict[Node, int] = {}
        self.wide = {n for n in nodes if not is_column(n.out)}
        for node in nodes:
            runs = node in self.wide or function_of(node) in REDUCTIONS
            needs = [self.of[x] + (runs and x not in self.wide) for x in _reads(node, self.of)]
            self.of[node] = max([0 if runs else -1, *needs])
        self.count = 1 + max(self.of.values())

    def reductions(self, number: int) -> list[Node]:
        """What is summed up in a pass."""
        return [n for n in self.nodes if self.of[n] == number and function_of(n) in REDUCTIONS]

    def kept(self, is_stored: Callable[[Node], bool]) -> Iterator[Node]:
        """What a later pass reads, and nobody has stored."""
        for node in self.nodes:
            if node in self.wide and not is_stored(node):
                users = [n for n in self.nodes if node in _reads(n, self.of)]
                if any(self.of[n] > self.of[node] or function_of(n) is pick_at for n in users):
                    yield node


def _reads(node: Node, known: dict[Node, int]) -> list[Node]:
    """The nodes of a kernel that a node reads, through what is computed within it."""
    found, stack = [], list(node.inputs)
    while stack:
        x = stack.pop()
        if is_recorded(x) and x.node is not None:
            if x.node in known:
                found.append(x.node)
            elif is_cheap(x.node):
                stack += x.node.inputs
    return found


class _Row:
    """What is known of the row at hand, and the lines that compute more."""

    def __init__(self, function: Function, passes: Passes) -> None:
        self.function, self.passes = function, passes
        self.kept: dict[Node, str] = {}
        """What is kept of the row → the name of the array."""
        self._numbers: dict[Node, int] = {}

    def column(self, node: Node) -> str:
        """The name of the number of a row."""
        return f"s{self._numbers.setdefault(node, len(self._numbers) + 1)}"

    def sum(self, node: Node) -> str:
        """The name of what becomes a number of the row."""
        return f"all_{self.column(node)}"

    def write(self, number: int, lanes: int) -> None:
        """The lines of a pass, for one vector."""
        of = self.passes.of
        written = _Vector(self, lanes, self._known(number, lanes))
        for node in self.passes.nodes:
            if of[node] != number:
                continue
            if function_of(node) in REDUCTIONS:
                written.reduce(node)
            elif node in self.passes.wide:
                written.compute(node)
        for line in written.lines.lines:
            self.function.lines(line)

    def _known(self, number: int, lanes: int) -> dict[Node, str]:
        found = {}
        for node, at in self.passes.of.items():
            if at < number and node not in self.passes.wide:
                found[node] = f"all{lanes}({self.column(node)}[0])"
            elif at < number and node in self.kept:
                found[node] = f"(*(const v{lanes} *)({self.kept[node]} + f))"
        return found

    def columns(self, number: int) -> None:
        """The lines that compute numbers of a row, once a pass is through."""
        known = {
            node: self.column(node)
            for node, at in self.passes.of.items()
            if node not in self.passes.wide
            and (at < number or (at == number and function_of(node) in REDUCTIONS))
        }
        written = _Number(self, 1, known)
        for node, at in self.passes.of.items():
            if at == number and node not in self.passes.wide:
                written.compute(node)
        for line in written.lines.lines:
            self.function.lines(line)

    def places(self, node: Node) -> Iterator[str]:
        """Where a vector of a node is put: in the row that is kept, or where others read it."""
        home = self.function.homes(node)
        if home is not None:
            self.function.writes(home)
            yield home.at("n", "f") if len(home.shape) == 2 else home.at("n")
        elif node in self.kept:
            yield f"{self.kept[node]} + f"


class _Vector(Rest):
    """A vector of a row."""

    def __init__(self, row: _Row, lanes: int, known: dict[Node, str]) -> None:
        super().__init__(row.function, lanes, known)
        self.row = row

    def compute(self, node: Node) -> None:
        """Compute a vector, and put it where it is needed."""
        if function_of(node) is subtract_at:
            name = self._less(node)
        else:
            name = self._computed(node)
        for place in self.row.places(node):
            self.lines(f"*(v{self.lanes} *)({place}) = {name};")

    def reduce(self, node: Node) -> None:
        """Take a vector into what becomes one number."""
        name = self.row.sum(node) if self.lanes > 1 else self.row.column(node)
        joined = REDUCTIONS[function_of(node)].join(self.lanes, name, self._value(node.inputs[0]))
        self.lines(f"{name} = {joined};")

    def _less(self, node: Node) -> str:
        """`x` less a number at the label of the row."""
        n, (x, t, c) = self.lanes, node.inputs
        label = self.function.read(t)
        less = f"pick{n}(lanes{n} == (w)(*({label.at('n')}) - f), {self._value(c)}, all{n}(0))"
        return self._named(node, f"{self._value(x)} - {less}")


class _Number(_Vector):
    """One number of a row."""

    def compute(self, node: Node) -> None:
        """Compute it, and put it where others read it."""
        if function_of(node) not in REDUCTIONS:
            self.known[node] = name = self.row.column(node)
            self.lines(f"v1 {name} = {self._said(node)};")
        for place in self.row.places(node):
            self.lines(f"*({place}) = {self.known[node]}[0];")

    def _said(self, node: Node) -> str:
        x = node.inputs[0]
        if renames(node):
            return self._value(x)
        if function_of(node) is pick_at:
            label = f"*({self.function.read(node.inputs[1]).at('n')})"
            if x.node in self.row.kept:
                return f"all1({self.row.kept[x.node]}[{label}])"
            return f"all1(*({self.function.read(x).at('n', label)}))"
        return self._spelt(node)

    def _read(self, home: Home) -> str:
        return f"all1(*({home.at('n', '0') if len(home.shape) == 2 else home.at('n')}))"
