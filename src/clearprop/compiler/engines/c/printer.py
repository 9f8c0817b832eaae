"""A program of NumPy in which phases of kernels stand in place of statements."""

import re
from functools import cached_property
from typing import Any

import numpy as np

from clearprop.compiler.engines import Job, text
from clearprop.compiler.engines.c import updates
from clearprop.compiler.engines.c.fetching import Fetch, fetched
from clearprop.compiler.engines.c.kinds import Choice
from clearprop.compiler.engines.c.memory import Home, Users, image, layouts
from clearprop.compiler.engines.c.phase_text import PhaseText
from clearprop.compiler.engines.c.phases import Phase, Schedule
from clearprop.compiler.engines.c.vectors import header
from clearprop.compiler.engines.numpy import Printer
from clearprop.compiler.engines.strided import row_by_row
from clearprop.compiler.lifetimes import Lifetimes
from clearprop.compiler.rewriting import is_recorded
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node


class CPrinter(Printer):
    """Prints what has no kernel as NumPy's engine does.

    `without` are nodes that get no kernel. `c` is the source of the kernels, once all is printed.
    """

    def __init__(self, job: Job, vector_bytes: int, without: set[Node]) -> None:
        super().__init__(job)
        self.names |= {"kernels", "KERNELS", "p", "n", "f", "i", "j", "u", "q", "c", "n0", "n1"}
        self.names |= {"half", "at", "filters", "to", "of", "sum", "place", "a", "w", "all", "i0"}
        self.vector_bytes = vector_bytes
        self.schedule = Schedule(Choice(self.trace, job.replaces, without))
        self.users = Users(self.schedule)
        self.homes: dict[Any, Home] = {}
        """Where results of kernels, and what others have computed for them, are found."""
        self.fetches: list[Fetch] = []
        self.texts: list[str] = []
        self.written: list[PhaseText] = []
        self.phase_of = {node: phase for phase in self.schedule.phases for node in phase.nodes}

    def name(self, wish: str) -> str:
        """A name that is taken neither by C nor within kernels."""
        base = text.identifier(wish)
        return super().name(f"{base}_" if TAKEN.fullmatch(base) else wish)

    @cached_property
    def lives(self) -> Lifetimes:
        """Where values are stored, and how long, in the order of the schedule."""
        trace = Trace(self.trace.outputs, self.trace.leaves, self.trace.labels)
        trace.nodes = tuple(self._ordered())
        lives = Lifetimes(trace, self.job.replaces, layouts(self.schedule))
        time = {node: t for t, node in enumerate(lives.nodes)}
        for phase in self.schedule.phases:
            end = max(time[node] for node in phase.nodes)
            for root in {lives.root(x) for x in self._reads(phase)}:
                lives.last[root] = max(lives.last[root], end)
        self._ends = {phase: max(time[n] for n in phase.nodes) for phase in self.schedule.phases}
        self._starts = {phase: min(time[n] for n in phase.nodes) for phase in self.schedule.phases}
        return lives

    def _ordered(self) -> list[Node]:
        """All nodes; those that are computed within others stand before the first of these."""
        order: list[Node] = []
        seen: set[Node] = set()

        def add(node: Node) -> None:
            for x in node.inputs:
                within = is_recorded(x) and x.node in self.schedule.choice.inlined
                if within and x.node not in seen:
                    add(x.node)
            seen.add(node)
            order.append(node)

        for entry in self.schedule.order:
            if isinstance(entry, Phase):
                inlined = [x.node for n in entry.nodes for x in n.inputs if is_recorded(x)]
                for node in inlined:
                    if node in self.schedule.choice.inlined and node not in seen:
                        add(node)
                order += entry.nodes
                seen.update(entry.nodes)
            else:
                add(entry)
        return order

    def _reads(self, phase: Phase) -> list[Any]:
        """What a phase reads that others have computed, or that comes from outside."""
        found, stack = [], [x for node in phase.nodes for x in node.inputs]
        within = set(phase.nodes)
        while stack:
            x = stack.pop()
            if not is_recorded(x) or x.node in within:
                continue
            if x.node in self.schedule.choice.inlined:
                stack += x.node.inputs
            else:
                found.append(x)
        return found

    def gather(self, v: Any, name: str, data: str) -> None:
        """Leave the rows of a batch to the phase that reads them, if that can be."""
        found = fetched(self.schedule, v, data, self.job.gathered[v])
        if found is None:
            super().gather(v, name, data)
            return
        self.fetches.append(found)
        like = found.key.out if isinstance(found.key, Node) else v
        self.put(found.key, name, like, value=text.empty(like.shape, like.dtype))

    def _node(self, time: int, node: Node) -> None:
        if node in self.schedule.choice.inlined or any(node is f.key for f in self.fetches):
            return
        phase = self.phase_of.get(node)
        if phase is None:
            super()._node(time, node)
        elif time == self._ends[phase]:
            self._phase(phase)

    def _phase(self, phase: Phase) -> None:
        """Print a phase: its arrays, its C, and the call of it."""
        start = self._starts[phase]
        for node in phase.nodes:
            if self.users.is_stored(node) and not self.users.is_temporary(node):
                self._stored(start, node)
        written = PhaseText(self, phase)
        self.texts += written.texts()
        self.written.append(written)
        entries = ", ".join(written.arrays)
        more = ", large=True" if written.moved >= LARGE else ""
        self.define(phase.name, f'kernels.bind("{phase.name}", {phase.n}, [{entries}]{more})')
        for i, value in enumerate(written.number_values):
            self.line(f"{phase.name}_numbers[{i}] = {value}")
        labels = dict.fromkeys(
            self.trace.labels[k.nodes[0]].rpartition(".")[0] or self.trace.labels[k.nodes[0]]
            for k in phase.kernels
        )
        self.line(f"{phase.name}({', '.join(written.varying)})", f"C: {', '.join(labels)}")

    def _replace(self, node: Node, leaf: Any) -> None:
        found = updates.operands(self, node, leaf)
        if found is None:
            super()._replace(node, leaf)
            return
        sign, names = found
        name, last = self.name("update"), self.schedule.phases[-1].name
        lanes = self.vector_bytes // self.schedule.choice.dtype.itemsize
        self.texts.append(updates.function(name, sign, lanes))
        arrays = ", ".join([self.cells[leaf].name, *names])
        self.define(name, f'kernels.follow({last}, "{name}", {np.size(node.out)}, [{arrays}])')
        self.line(f"{name}()", f"C: {names[0]} {sign} {names[1]}")

    def _stored(self, time: int, node: Node) -> None:
        """Give a result of a kernel a place that others can read."""
        if np.ndim(node.out) == 4 and self.schedule.choice.kinds[node] != "convolve_W":
            home = image(self.fresh_name(node), node.out, self.users.room(node), temporary=False)
            cell = self.put(node, home.name, node.out, value=home.allocation())
            cell.order = self.lives.orders.get(node)
            self.homes[node] = home
            return
        if self.is_returned(node):
            name = self.fresh_name(node)
            made = f"kernels.zeros({text.literal(node.out.shape)}, {text.literal(node.out.dtype)})"
            cell = self.put(node, name, node.out, value=made)
        else:
            cell = self.result(time, node)
        self.homes[node] = Home(cell.name, cell.shape, row_by_row(cell.shape), node.out.dtype)

    def home(self, key: Any) -> Home:
        """Where something is found that is no result of a kernel."""
        if key not in self.homes:
            cell = self.cells[key]
            stored = self.job.stored.get(self.lives.roots.get(key, key))
            like = self.lives.trial(_Result(key) if isinstance(key, Node) else key)
            plain = stored is None or stored.flags.c_contiguous
            varies = cell.name if cell.varies or not plain else ""
            size = like.dtype.itemsize
            strides = row_by_row(cell.shape) if varies else tuple(s // size for s in like.strides)
            self.homes[key] = Home(cell.name, cell.shape, strides, like.dtype, varies=varies)
        return self.homes[key]

    def source(self) -> str:
        """Print the program, with the kernels as a text in it."""
        source = super().source()
        dtype = self.schedule.choice.dtype
        body = "\n".join(self.texts)
        top = header(dtype, self.vector_bytes // dtype.itemsize, body)
        self.c = top + body if body else ""
        self.parts = _parts(top, self.texts) if len(self.c) > LONG else [self.c][: len(body)]
        head, _, rest = source.partition("\n\n\ndef make(")
        return f'{head}\n\nKERNELS = r"""\n{self.c}"""\n\n\ndef make(kernels, {rest}'


class _Result:
    """What a node gives, to be asked for its place in memory."""

    def __init__(self, node: Node) -> None:
        self.node, self.index = node, None
        self.shape, self.dtype, self.ndim = np.shape(node.out), node.out.dtype, np.ndim(node.out)


def _parts(top: str, texts: list[str]) -> list[str]:
    """Functions in two sources of about the same length, each with all declarations."""
    heads = re.findall(r"^void \w+\(.*\)$", "\n".join(texts), re.MULTILINE)
    parts: list[list[str]] = [[], []]
    for text_of_one in sorted(texts, key=len, reverse=True):
        min(parts, key=lambda part: sum(map(len, part))).append(text_of_one)
    return ["\n".join([top, *(f"{head};" for head in heads), *part]) for part in parts]


TAKEN = re.compile(
    r"(total_)?[agmrsvwx]\d+(_\d+)?|[cf][01]|(all_s|row_|wins|all|pick|larger|smaller|sign|absolute"
    r"|root|logarithm|exponential|tangent|lanes)\d+|last|k|s|memcpy|memset|NAN|INFINITY|auto|case|char|const"
    r"|default|do|double|enum|extern|float|goto|inline|int|long|register|restrict|short|signed"
    r"|sizeof|static|struct|switch|typedef|union|unsigned|void|volatile"
)
"""What kernels call their vectors and what works on these, and the words of C."""

LONG = 40_000
"""Characters of C from which two compilers at once are sooner done with it than one."""

LARGE = 2**16
"""Numbers from which two threads move them sooner than one."""
