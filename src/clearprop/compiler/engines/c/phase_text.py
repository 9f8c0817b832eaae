"""The C of one phase: which arrays it is given, where each value lies in them, its functions."""

import re
from typing import Any

import numpy as np

from clearprop.compiler.engines import text
from clearprop.compiler.engines.c import kernels
from clearprop.compiler.engines.c.fetching import lines_of
from clearprop.compiler.engines.c.functions import Function
from clearprop.compiler.engines.c.lines import Lines
from clearprop.compiler.engines.c.memory import Home, Room, image, needed
from clearprop.compiler.engines.c.phases import Kernel, Phase
from clearprop.compiler.engines.strided import row_by_row
from clearprop.compiler.rewriting import is_number, is_recorded, key_of


class PhaseText:
    """The C of a phase, and the arrays that it is given."""

    def __init__(self, printer: Any, phase: Phase) -> None:
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
        self.fetches = [fetch for fetch in printer.fetches if fetch.phase is phase]
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
        if key in printer.phase_of and key not in printer.homes:
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
        home = Home(own, shape, row_by_row(shape), self.dtype, whole=shape, half=half)
        zeros = f"kernels.zeros({text.literal(shape)}, {text.literal(self.dtype)})"
        self.printer.define(own, zeros)
        return self._used(home)

    # --- functions -----------------------------------------------------------------------------

    def texts(self) -> list[str]:
        """All functions of the phase."""
        texts, half = [], Lines()
        for fetch in self.fetches:
            to, rows = (
                self.find(fetch.key),
                Home("rows", (self.phase.n,), (1,), ROWS, varies="rows"),
            )
            assert to is not None
            self._used(fetch.data)
            for line in lines_of(fetch, to, self._used(rows)).lines:
                half(line)
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
                if home.name in words and home.dtype.kind in "fiu":
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
                python, strides = _side_by_side(home)
                self.own[key] = Home(name, home.shape, strides, home.dtype, varies=python)
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


def _side_by_side(home: Home) -> tuple[str, tuple[int, ...]]:
    """What Python calls an array in the order in which its features do, and its strides then."""
    python, shape = home.varies or home.name, home.shape
    if len(shape) < 3:
        return python, row_by_row(shape)
    *first, features, height, width = shape
    *outer, row, pixel, one = row_by_row((*first, height, width, features))
    return f"np.moveaxis({python}, -3, -1)", (*outer, one, row, pixel)


class _Copy:
    """Stands for the copying of a Variable."""

    params: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, x: Any) -> None:
        self.inputs, self.out = (x,), np.empty(x.shape, x.dtype)


class _Like:
    def __init__(self, home: Home) -> None:
        self.shape, self.dtype = home.shape, home.dtype


ROWS = np.dtype(np.intp)

NUMBERS = range(64)
"""How many numbers a phase can be given."""
