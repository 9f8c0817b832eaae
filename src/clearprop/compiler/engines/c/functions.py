"""A kernel as a C function, and what it does with each vector of results before it stores them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from clearprop.compiler.engines.c.lines import Groups, Lines
from clearprop.compiler.engines.c.memory import Home
from clearprop.compiler.engines.c.phases import Kernel, overlaps
from clearprop.compiler.engines.c.vectors import compares, spelt
from clearprop.compiler.engines.text import harmless
from clearprop.compiler.rewriting import function_of, is_number, is_recorded, key_of
from clearprop.graph.node import Node

PLACE = {1: ("f",), 2: ("n", "f"), 4: ("n", "f", "i", "j")}
"""The names of the indices of so many axes; `f` is the one that runs in vectors."""


class Function:
    """A C function for one kernel, as it is written.

    `homes` says where a node's result or a leaf is found, if it has a place; `number` names a
    number that is known when it runs; `buffer` makes an array of the phase's own.
    """

    def __init__(
        self,
        kernel: Kernel,
        name: str,
        lanes: int,
        homes: Callable[[Any], Home | None],
        number: Callable[[Any], str],
        buffer: Callable[..., Home],
    ) -> None:
        self.kernel, self.name, self.lanes = kernel, name, lanes
        self.homes, self.number, self.buffer = homes, number, buffer
        self.arguments: dict[str, str] = {}
        """Name → type, of pointers and numbers."""
        self.before, self.after = Lines(), Lines()
        """What is done before both halves, and after them."""
        self.outside: list[Home] = []
        """Arrays that are read and written there."""
        self.cleared: list[Home] = []
        """Sums that begin at 0 in each half."""
        self.lines = Lines()
        self._rests: dict[int, str] = {}

    def place(self, x: Any) -> Home:
        """Where an operand is found."""
        home = self.homes(key_of(x))
        assert home is not None
        return home

    def result(self, node: Node) -> Home:
        """Where the result of a node is found."""
        home = self.homes(node)
        assert home is not None
        return home

    def read(self, x: Any) -> Home:
        """Where an operand is found, which is read."""
        return self.reads(self.place(x))

    def reads(self, home: Home) -> Home:
        """Note that an array is read."""
        self.arguments.setdefault(home.name, f"const {home.ctype} *")
        return home

    def writes(self, home: Home) -> Home:
        """Note that an array is written."""
        self.arguments[home.name] = f"{home.ctype} *"
        return home

    def write(self, node: Node) -> Home:
        """Where the result of a node is put."""
        return self.writes(self.result(node))

    def rest(self, lanes: int, given: Mapping[Node, str]) -> str:
        """The function that goes on with vectors of these nodes: as it is called with them."""
        if lanes not in self._rests:
            self._rests[lanes] = Rest(self, lanes, given).text()
        vectors = "".join(f"{name}, " for name in given.values())
        return f"{self.name}_by_{lanes}({vectors}@PASSED@"

    def text(self, comment: str) -> str:
        """The function as C, after its lines have been written."""
        declared = "".join(f"{kind}{name}, " for name, kind in self.arguments.items())
        passed = "".join(f"{name}, " for name in self.arguments)
        rests = "".join(self._rests.values()).replace("@DECLARED@", declared)
        body = str(self.lines).replace("@PASSED@", passed)
        head = f"void {self.name}({declared}long n0, long n1)"
        return _tidy(f"// {harmless(comment)}\n{rests}{head}\n{body}")

    def call(self, start: str, stop: str) -> str:
        """A call of the function."""
        return f"{self.name}({', '.join([*self.arguments, start, stop])});"

    def over_rows(self, domain: tuple[int, ...], inner: Callable[[], None]) -> None:
        """Loops over samples, and over the pixels of images."""
        lines = self.lines
        with lines.loop("n", "n0", "n1"):
            if len(domain) == 2:
                inner()
                return
            with lines.loop("i", 0, domain[2]), lines.loop("j", 0, domain[3]):
                inner()

    def over_vectors(self, groups: Groups, inner: Callable[[], None]) -> None:
        """Loops over the vectors of a row, one by one, with `f` for its first element."""
        for name, starts in groups:
            if name:
                step = groups.together * groups.lanes
                with self.lines.loop(name, 0, groups.full * step, groups.lanes):
                    inner()
                continue
            for start, _ in starts:
                with self.lines.block():
                    self.lines(f"const long f = {start};")
                    inner()


class Rest:
    """The chain of a kernel, for one vector of what it gives."""

    def __init__(self, function: Function, lanes: int, given: Mapping[Node, str]) -> None:
        self.function, self.lanes = function, lanes
        self.kernel = function.kernel
        self.place = PLACE[len(self.kernel.domain)]
        self.given = given
        self.known: dict[Node, str] = dict(given)
        self.lines = Lines()
        self._count = 0

    def text(self) -> str:
        """It as a function of C, which is inlined."""
        n = self.lanes
        with self.lines.block():
            for node in self.kernel.nodes:
                if node not in self.known and "window" in node.params:
                    self._spread(node)
                    continue
                name = self.known.get(node) or self._computed(node)
                home = self.function.homes(node)
                if home is not None:
                    self.function.writes(home)
                    self.lines(f"*({self._type(home)} *)({home.at(*self.place)}) = {name};")
        kinds = {"place": f"m{n}"}
        vectors = "".join(f"{kinds.get(v, f'v{n}')} {v}, " for v in self.given.values())
        indices = ", ".join(f"long {i}" for i in self.place)
        name = f"{self.function.name}_by_{n}({vectors}@DECLARED@{indices})"
        return f"static inline __attribute__((always_inline)) void {name}\n{self.lines}"

    def _type(self, home: Home) -> str:
        return f"{'v' if home.ctype == 'f' else 'm'}{self.lanes}"

    def _computed(self, node: Node) -> str:
        """A statement that computes the vector of a node, and its name."""
        return self._named(node, self._spelt(node))

    def _named(self, node: Node, said: str) -> str:
        """A statement that gives a vector a name."""
        self._count += 1
        name, kind = f"r{self._count}", "m" if compares(node) else "v"
        self.lines(f"{kind}{self.lanes} {name} = {said};")
        self.known[node] = name
        return name

    def _spelt(self, node: Node) -> str:
        """What computes the vector of a node."""
        spell, n = spelt(node), self.lanes
        assert spell is not None
        operands = []
        for i, x in enumerate(node.inputs):
            name = self._value(x)
            condition = is_recorded(x) and x.node is not None and compares(x.node)
            if condition and not (function_of(node) is np.where and i == 0):
                name = f"((v{n})({name} & (m{n})all{n}(1)))"
            operands.append(name)
        return spell(n, operands)

    def _value(self, x: Any) -> str:
        """An operand as a vector."""
        n = self.lanes
        if not is_recorded(x):
            return f"all{n}({literal(x)})"
        if x.node is not None and x.node in self.known:
            return self.known[x.node]
        if is_number(x):
            return f"all{n}({self.function.number(x)})"
        home = self.function.homes(key_of(x))
        if home is None:
            assert x.node is not None
            return self._computed(x.node)
        return self._read(self.function.reads(home))

    def _read(self, home: Home) -> str:
        """The vector at hand of an array."""
        n = self.lanes
        missing = len(self.place) - len(home.shape)
        at = home.at(*self.place[missing:])
        axis = self.place.index("f") - missing
        if axis < 0 or home.shape[axis] == 1:
            return f"all{n}(*({at}))"
        return f"(*(const {self._type(home)} *)({at}))"

    def _spread(self, node: Node) -> None:
        """A derivative at the place of the largest of its window, and 0 elsewhere in it."""
        n, home = self.lanes, self.function.write(node)
        d, place = (self._value(x) for x in node.inputs)
        (high, wide), (down, right) = node.params["window"], node.params["steps"]
        sign = "+=" if overlaps(node) else "="
        for k in range(high * wide):
            u, q = divmod(k, wide)
            at = home.at("n", "f", f"i * {down} + {u}", f"j * {right} + {q}")
            self.lines(f"*(v{n} *)({at}) {sign} pick{n}({place} == {k}, {d}, all{n}(0));")


def _tidy(text: str) -> str:
    """Without additions of 0 and multiplications by 1."""
    return re.sub(r" \* 1(?![\w.])", "", re.sub(r" \+ 0(?=[),;\]])", "", text))


def literal(x: Any) -> str:
    """A plain number in C."""
    value = float(x)
    if np.isnan(value):
        return "NAN"
    if np.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return repr(value)
