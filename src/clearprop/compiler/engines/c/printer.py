"""A program of NumPy in which phases of kernels stand in place of statements."""

import re
from functools import cached_property
from typing import Any

import numpy as np

from clearprop.compiler.engines import Job, text
from clearprop.compiler.engines.c import kernels
from clearprop.compiler.engines.c.functions import Function, key_of
from clearprop.compiler.engines.c.kinds import Choice
from clearprop.compiler.engines.c.lines import Lines
from clearprop.compiler.engines.c.memory import Home, Room, Users, image, layouts, needed
from clearprop.compiler.engines.c.phases import Kernel, Phase, Schedule
from clearprop.compiler.engines.c.vectors import header
from clearprop.compiler.engines.numpy import Printer
from clearprop.compiler.lifetimes import Lifetimes
from clearprop.compiler.rewriting import is_number, is_recorded
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node


class CPrinter(Printer):
    """Prints what has no kernel as NumPy's engine does.

    `without` are nodes that get no kernel. `c` is the source of the kernels, once all is printed.
    """

    def __init__(self, job: Job, vector_bytes: int, without: set[Node]) -> None:
        super().__init__(job)
        self.names |= {"kernels", "KERNELS", "p", "n", "f", "i", "j", "u", "q", "c", "n0", "n1"}
        self.names |= {"half", "at", "filters", "to", "of", "sum", "place", "a", "w", "all"}
        self.vector_bytes = vector_bytes
        self.schedule = Schedule(Choice(self.trace, job.replaces, without))
        self.users = Users(self.schedule)
        self.homes: dict[Any, Home] = {}
        """Where results of kernels, and what others have computed for them, are found."""
        self.texts: list[str] = []
        self.written: list[PhaseText] = []
        self._phases = {node: phase for phase in self.schedule.phases for node in phase.nodes}

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

    def _node(self, time: int, node: Node) -> None:
        if node in self.schedule.choice.inlined:
            return
        phase = self._phases.get(node)
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
        self.homes[node] = Home(cell.name, cell.shape, _dense(cell.shape), node.out.dtype)

    def home(self, key: Any) -> Home:
        """Where something is found that is no result of a kernel."""
        if key not in self.homes:
            cell = self.cells[key]
            stored = self.job.stored.get(self.lives.roots.get(key, key))
            like = self.lives.trial(_Result(key) if isinstance(key, Node) else key)
            plain = stored is None or stored.flags.c_contiguous
            varies = cell.name if cell.varies or not plain else ""
            size = like.dtype.itemsize
            strides = _dense(cell.shape) if varies else tuple(s // size for s in like.strides)
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


def _dense(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


class PhaseText:
    """The C of a phase, and the arrays that it is given."""

    def __init__(self, printer: CPrinter, phase: Phase) -> None:
        self.printer, self.phase = printer, phase
        self.arrays: list[str] = []
        """Python's names of what the phase is bound to; `None` for what is given in each call."""
        self.varying: list[str] = []
        self.number_values: list[str] = []
        self.used: dict[str, tuple[Home, int]] = {}
        """Name in C → home and number of the pointer."""
        self.own: dict[Any, Home] = {}
        """Where things are found within this phase only."""
        self.images: set[str] = set()
        """Copies of one image for each half."""
        self.copied: dict[str, str] = {}
        """What is given row by row → the same as it lies elsewhere."""
        self.functions: list[Function] = []
        self.moved = 0
        """Numbers that are moved before and after the halves."""
        self.found: dict[Any, Home] = {}
        """Where results and leaves are found, as far as somebody has asked."""
        self.numbers: dict[Any, str] = {}
        self.dtype = printer.schedule.choice.dtype
        self.lanes = printer.vector_bytes // self.dtype.itemsize

    # --- where things are ----------------------------------------------------------------------

    def find(self, key: Any) -> Home | None:
        """Where a result or a leaf is found; `None` if it is computed where it is read."""
        home = self._find(key)
        if home is not None:
            self.found.setdefault(key, home)
        return home

    def _find(self, key: Any) -> Home | None:
        printer, users = self.printer, self.printer.users
        if key in self.own:
            return self._used(self.own[key])
        if key in printer.schedule.choice.inlined:
            return None
        if key in printer._phases and key not in printer.homes:
            if not users.is_stored(key):
                return None
            room = users.room(key)
            name = printer.fresh_name(key)
            self.own[key] = home = image(name, key.out, room, temporary=True)
            printer.define(name, home.allocation())
            return self._used(home)
        return self._used(printer.home(key))

    def _used(self, home: Home) -> Home:
        if home.name not in self.used:
            self.used[home.name] = home, len(self.arrays)
            if home.varies:
                self.varying.append(f"np.ascontiguousarray({home.varies})")
            self.arrays.append("None" if home.varies else home.name)
        return home

    def number(self, x: Any) -> str:
        """The name of a number in C."""
        key = key_of(x)
        if key not in self.numbers:
            if not self.numbers:
                name = f"{self.phase.name}_numbers"
                home = Home(name, (1,), (1,), np.dtype(np.float64))
                self.printer.define(name, f"kernels.zeros({len(NUMBERS)}, np.float64)")
                self._used(home)
            operand = self.printer.operand(x)
            self.numbers[key] = text.identifier(f"{operand}_number".replace(".", "_"))
            self.number_values.append(operand)
        return self.numbers[key]

    def buffer(self, name: str, shape: tuple[int, ...], halves: int) -> Home:
        """An array of the phase's own: one for all, or one for each half."""
        half = int(np.prod(shape[1:])) if halves == 2 else 0
        own = self.printer.name(name)
        self.moved += int(np.prod(shape))
        home = Home(own, shape, _dense(shape), self.dtype, whole=shape, half=half)
        zeros = f"kernels.zeros({text.literal(shape)}, {text.literal(self.dtype)})"
        self.printer.define(own, zeros)
        return self._used(home)

    # --- functions -----------------------------------------------------------------------------

    def texts(self) -> list[str]:
        """All functions of the phase."""
        texts, half = [], Lines()
        clears: list[Home] = []
        before, after = Lines(), Lines()
        for loop in self.phase.loops():
            functions: list[Function] = []
            for key in [key for key, home in self.own.items() if home.name in self.images]:
                del self.own[key]  # a copy of one image is there for one loop
            for kernel in loop:
                functions += [*self._copies(kernel, texts), self._function(kernel)]
                self._write(functions[-1], texts, kernel)
            self._loop(half, loop, functions)
            for function in functions:
                clears += function.cleared
                for lines, own in ((before, function.before), (after, function.after)):
                    if own.lines:
                        with lines.block():
                            for line in own.lines:
                                lines(line)
            self.functions += functions
        cleared = Lines()
        for home in clears:
            cleared(f"memset({home.name}, 0, {home.half} * sizeof(f));")
        name = self.phase.name
        for suffix, lines in (("_before", before), ("", half), ("_after", after)):
            if lines.lines:
                body = [*(cleared.lines if not suffix else []), *lines.lines]
                texts.append(self._entry(f"{name}{suffix}", body, in_halves=not suffix))
        return texts

    def _loop(self, half: Lines, loop: list[Kernel], functions: list[Function]) -> None:
        if not loop[0].of_images:
            for function in functions:
                half(function.call("n0", "n1"))
            return
        half("// image by image, through all layers")
        with half.loop("n", "n0", "n1"):
            for function in functions:
                half(function.call("n", "n + 1"))

    def _entry(self, name: str, body: list[str], *, in_halves: bool) -> str:
        """A function that is called from outside, with the arrays as pointers."""
        lines = Lines()
        words, name_of = set(re.findall(r"\w+", "\n".join(body))), self.phase.name
        with lines.block(f"void {name}(void **p, long n0, long n1, long half)"):
            for home, i in self.used.values():
                if home.name in words and home.dtype.kind in "fi":
                    shift = f" + half * {home.half}" if home.half and in_halves else ""
                    lines(f"{home.ctype} *{home.name} = ({home.ctype} *)p[{i}]{shift};")
            for i, number in enumerate(self.numbers.values()):
                if number in words:
                    at = self.used[f"{name_of}_numbers"][1]
                    lines(f"f {number} = ((double *)p[{at}])[{i}];")
            for line in body:
                lines(line)
        return str(lines)

    def _function(self, kernel: Kernel) -> Function:
        label = self.printer.trace.labels[kernel.nodes[0]]
        layer, _, phase = label.rpartition(".")
        layer = layer or label
        name = f"{'d' if phase == 'backward' else ''}{layer}_{kernel.kind}"
        function = Function(
            kernel, self.printer.name(name), self.lanes, self.find, self._argument, self.buffer
        )
        function.number = lambda x: self._argument(function, x)  # type: ignore[method-assign]
        return function

    def _argument(self, function: Any, x: Any = None) -> str:
        name = self.number(x)
        function.arguments[name] = "f "
        return name

    def _write(self, function: Function, texts: list[str], kernel: Kernel) -> None:
        labels = self.printer.trace.labels
        steps = [f"{labels[n]} {n.operation.name.rpartition('.')[2]}" for n in kernel.nodes]
        shapes = ", ".join(str(np.shape(x)) for x in kernel.nodes[0].inputs if np.ndim(x))
        comment = f"{', then '.join(steps)}: {shapes} → {np.shape(kernel.nodes[-1].out)}"
        texts.append(kernels.write(function, comment))

    def _copies(self, kernel: Kernel, texts: list[str]) -> list[Function]:
        """Copies of images that do not lie as a kernel needs them."""
        made = []
        for x, room, in_vectors in self._operands(kernel):
            home = self.find(key_of(x))
            if home is None or (home.room.holds(room) and (not in_vectors or _in_rows(home))):
                continue
            key = key_of(x)
            if len(home.shape) != 4 or home.shape[0] != self.phase.n:
                name = self.printer.name(f"{home.name}_rows")
                shape, python = home.shape, home.varies or home.name
                self.own[key] = Home(name, shape, _dense(shape), home.dtype, varies=python)
                self.copied[name] = home.name
                continue
            name = self.printer.name(f"{home.name}_image")
            copied = image(name, _Like(home), room, temporary=True)
            self.printer.define(name, copied.allocation())
            function = Function(
                Kernel("copy", _Copy(x), home.shape),  # type: ignore[arg-type]
                self.printer.name(f"{name}_copy"),
                self.lanes,
                lambda k, x=x, to=copied: self._used(to) if isinstance(k, _Copy) else self.find(k),
                lambda x: "",
                self.buffer,
            )
            texts.append(kernels.write(function, f"{home.name}, with its channels side by side"))
            self.own[key] = copied
            self.images.add(name)
            made.append(function)
        return made

    def _operands(self, kernel: Kernel) -> list[tuple[Any, Room, bool]]:
        """What a kernel reads: with the zeros it needs, and whether in vectors of features."""
        found, kind = [], kernel.kind
        node = kernel.node
        if node is not None:
            sides = {"convolve": [0], "convolve_x": [0], "convolve_W": [0, 1]}
            for i in sides.get(kind, []):
                x = node.inputs[i]
                found.append((x, needed(node, kind, x), kind == "convolve_W" and i == 0))
            if kind in ("largest", "sum"):
                found.append((node.inputs[-1], Room(), True))
            if kind == "matmul_W":
                found.append((node.inputs[1], Room(), True))
        stack = [x for n in kernel.chain for x in n.inputs]
        within = set(kernel.nodes)
        while stack:
            x = stack.pop()
            if not is_recorded(x) or is_number(x) or x.node in within:
                continue
            if x.node in self.printer.schedule.choice.inlined:
                stack += x.node.inputs
            else:
                found.append((x, Room(), True))
        return found


def _in_rows(home: Home) -> bool:
    """Whether features lie side by side."""
    axis = len(home.shape) - 3 if len(home.shape) >= 3 else len(home.shape) - 1
    return home.strides[axis] == 1 or home.shape[axis] == 1


class _Copy:
    """Stands for the copying of a Variable."""

    params: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, x: Any) -> None:
        self.inputs, self.out = (x,), np.empty(x.shape, x.dtype)


class _Like:
    def __init__(self, home: Home) -> None:
        self.shape, self.dtype = home.shape, home.dtype


def _parts(top: str, texts: list[str]) -> list[str]:
    """Functions in two sources of about the same length, each with all declarations."""
    heads = re.findall(r"^void \w+\(.*\)$", "\n".join(texts), re.MULTILINE)
    parts: list[list[str]] = [[], []]
    for text_of_one in sorted(texts, key=len, reverse=True):
        min(parts, key=lambda part: sum(map(len, part))).append(text_of_one)
    return ["\n".join([top, *(f"{head};" for head in heads), *part]) for part in parts]


LONG = 40_000
"""Characters of C from which two compilers at once are sooner done with it than one."""

LARGE = 2**16
"""Numbers from which two threads move them sooner than one."""

NUMBERS = range(64)
"""How many numbers a phase can be given."""
