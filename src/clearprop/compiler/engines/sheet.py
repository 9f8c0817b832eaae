"""The sheet that a program is written on: names, places in memory, lines of set-up and body."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, ClassVar

import numpy as np

from clearprop.compiler.engines import Job, text
from clearprop.compiler.lifetimes import Lifetimes
from clearprop.compiler.orders import Order
from clearprop.compiler.rewriting import fact, function_of, is_recorded
from clearprop.errors import UnsupportedError
from clearprop.graph.node import Node
from clearprop.primitives.table import Primitive, WithKeywords

ALIGNMENT = 64
"""Bytes to which buffers are aligned: a cache line, as wide as the widest vector registers."""


@dataclass(eq=False)
class Buffer:
    """A stretch of the arena, and how long its content is needed."""

    nbytes: int
    first: int = 0
    last: int = 0
    offset: int = 0


@dataclass(eq=False)
class Cell:
    """A value of the program under the name it has in the source."""

    name: str
    shape: tuple[int, ...]
    dtype: Any
    buffer: Buffer | None = None
    """What it is the whole of; `None` for a view, a number, and what lies outside the arena."""
    order: Order | None = None
    """The order of its axes in memory, if not row by row."""
    varies: bool = False
    """Whether it is made anew in every call, rather than once beforehand."""

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=int)) * np.dtype(self.dtype).itemsize


def place(buffers: list[Buffer]) -> int:
    """Give every buffer an offset in one arena, and return the size of the arena in bytes.

    Buffers whose contents are needed at the same time do not overlap. Largest first, each at the
    lowest offset that is free while it lives.
    """
    spans = np.empty((0, 4), np.int64)
    """Offset, end, first and last use of what has its place, by offset."""
    for buffer in sorted(buffers, key=lambda b: -b.nbytes):
        starts, ends, first, last = spans.T
        beside = (first <= buffer.last) & (buffer.first <= last)
        free = np.maximum.accumulate(np.concatenate([[0], ends[beside]]))
        fits = free[:-1] + buffer.nbytes <= starts[beside]
        buffer.offset = int(free[np.argmax(fits)] if fits.any() else free[-1])
        end = _aligned(buffer.offset + buffer.nbytes)
        at = np.searchsorted(starts, buffer.offset)
        spans = np.insert(spans, at, (buffer.offset, end, buffer.first, buffer.last), axis=0)
    return int(spans[:, 1].max(initial=0))


def _aligned(n: int) -> int:
    return -(-n // ALIGNMENT) * ALIGNMENT


class Sheet:
    """Gives every value a name and a place, and keeps the lines until the arena is planned."""

    expressions: ClassVar[Mapping[Any, Callable[[Node, list[str]], str | None]]] = {}
    """How the result of a function is said otherwise than by a call; `None` leaves it to that."""

    def __init__(self, job: Job) -> None:
        self.job, self.trace = job, job.trace
        outputs = enumerate(self.trace.outputs)
        self._given_back: set[Any] = set()
        self._handed_out = {v.node for i, v in outputs if i not in job.replaces}
        self.setup: list[str | Cell] = []
        """Lines that run once; a cell stands for the line that cuts it out of the arena."""
        self.body: list[tuple[str, str]] = []
        """Statements of each call, with comments."""
        self.cells: dict[Any, Cell] = {}
        self.buffers: list[Buffer] = []
        known = [node.operation.name for node in self.trace.nodes if function_of(node)]
        roots = (name.partition(".")[0] for name in known if "." in name)
        words = "np arena make isfinite b64decode rows rng abs slice range ValueError"
        self.names = {*words.split(), *roots}
        """Taken already: by imports among others."""
        self.imports: set[str] = set()
        """Modules of functions that are not NumPy's."""
        self.nbytes = 0
        """The size of the arena, known once the program is assembled."""
        self.as_written: dict[str, Any] = {}
        """What the program calls and cannot import: layers as written, functions of our own."""

    @cached_property
    def lives(self) -> Lifetimes:
        """Where values are stored, and how long."""
        return Lifetimes(self.trace, self.job.replaces)

    def result(self, time: int, node: Node, may_replace: bool = False, only: Any = None) -> Cell:
        """The cell for a result: in place of an operand that is not needed any more, or new."""
        order = self.lives.orders.get(node)
        if node in self.lives.pins:
            return self._pinned(node)
        if node in self.lives.slots:
            return self._slot(time, node)
        if node in self._handed_out:  # what is returned is the caller's: new in each call
            made = text.empty(node.out.shape, node.out.dtype)
            return self.put(node, self.fresh_name(node), node.out, True, made)
        if may_replace:
            for x in node.inputs if only is None else (only,):
                cell = self._replaceable(time, x, node, order)
                if cell is not None:
                    self.cells[node] = cell
                    cell.buffer.last = self.lives.last[node]  # type: ignore[union-attr]
                    return cell
        name, until = self.fresh_name(node), self.lives.last[node]
        return self._in_arena(node, name, node.out, time, until, order)

    def _replaceable(self, time: int, x: Any, node: Node, order: Order | None) -> Cell | None:
        if not is_recorded(x) or x.node is None or x.node not in self.cells:
            return None
        if x.node in self.lives.joins:  # its parts may be read longer than the whole
            return None
        cell = self.cells[x.node]
        fits = cell.shape == node.out.shape and cell.dtype == node.out.dtype and cell.order == order
        free = self.lives.last[self.lives.roots[x.node]] == time and cell.buffer is not None
        return cell if fits and free else None

    def _in_arena(
        self, key: Any, name: str, like: Any, first: int, last: int, order: Order | None = None
    ) -> Cell:
        cell = self.put(key, name, like)
        cell.order, cell.buffer = order, Buffer(cell.nbytes, first, last)
        self.buffers.append(cell.buffer)
        self.setup.append(cell)
        return cell

    def put(
        self, key: Any, name: str, like: Any, varies: bool = False, value: str | None = None
    ) -> Cell:
        """Note under which name the value of a key is found, and define it where it is given."""
        if value is not None:
            self.define(name, value, varies)
        cell = self.cells[key] = Cell(name, np.shape(like), like.dtype, varies=varies)
        return cell

    def _pinned(self, node: Node) -> Cell:
        join, start = self.lives.pins[node]
        joined, name = self.joined(join), self.fresh_name(node)
        piece = f"{joined.name}[{start}:{start + node.out.size}]"
        shape = "" if node.out.ndim == 1 else f".reshape({text.literal(node.out.shape)})"
        return self.put(node, name, node.out, value=f"{piece}{shape}")

    def _slot(self, time: int, node: Node) -> Cell:
        """A place in what it is stacked into; there is room for all once the first is computed."""
        stack, i = self.lives.slots[node]
        index = (slice(None),) * (stack.params["axis"] % stack.out.ndim) + (i,)
        whole = self.stacked(time, stack)
        return self.put(
            node, self.fresh_name(node), node.out, value=f"{whole.name}[{text.index(index, ())}]"
        )

    def stacked(self, time: int, stack: Node) -> Cell:
        if stack not in self.cells:
            order, until = self.lives.orders.get(stack), self.lives.last[stack]
            self._in_arena(stack, self.fresh_name(stack), stack.out, time, until, order)
        return self.cells[stack]

    def joined(self, node: Node) -> Cell:
        if node not in self.cells:
            self._in_arena(node, self.name("G"), node.out, 0, len(self.trace.nodes))
        return self.cells[node]

    def scratch(self, time: int, like: Any, wish: str) -> str:
        name = self.name(wish)
        return self._in_arena(("scratch", name), name, like, time, time).name

    def cell(self, v: Any) -> Cell:
        if v.node is None:
            return self.cells[v]
        return self.cells[v.node if v.index is None else (v.node, v.index)]

    def operand(self, x: Any) -> str:
        if is_recorded(x):
            return self.cell(x).name
        if isinstance(x, np.ndarray | np.generic):
            # A number of NumPy stays one: it takes part in the choice of a dtype, Python's do not.
            return self.constant(np.asarray(x), "constant" if x.ndim else "number")
        return text.literal(x)

    def operands(self, node: Node) -> str:
        return ", ".join(map(self.operand, node.inputs))

    def keywords(self, node: Node) -> str:
        """The parameters as arguments; arrays among them become constants."""
        arrays = {k: v for k, v in node.params.items() if isinstance(v, np.ndarray) and v.ndim}
        named = "".join(f", {k}={self.constant(v, 'constant')}" for k, v in arrays.items())
        return named + text.keywords({k: v for k, v in node.params.items() if k not in arrays})

    def constant(self, value: np.ndarray, name: str) -> str:
        key = ("constant", value.dtype.str, value.shape, value.tobytes())
        if key not in self.cells:
            shape = "x".join(map(str, value.shape))
            own = self.name(f"{name}_{shape}" if shape else name)
            self.put(key, own, value, value=text.array(value))
        return self.cells[key].name

    def flat(self, x: Cell) -> str:
        whole = (int(np.prod(x.shape)),)
        return self.seen(x, "flat", f"{'.T' if x.order else ''}.reshape(-1)", whole).name

    def seen(self, x: Cell, what: str, how: str, shape: tuple[int, ...]) -> Cell:
        """A cell in another form and of another shape, under a name of its own."""
        key = (what, x.name, how)
        if key not in self.cells:
            self.define(name := self.name(f"{x.name}_{what}"), f"{x.name}{how}", x.varies)
            self.cells[key] = Cell(name, shape, x.dtype, varies=x.varies)
        return self.cells[key]

    def in_rows(self, x: Cell, most: int) -> Cell | None:
        """A buffer in the order of memory, as rows of at most so many elements."""
        if x.buffer is None:
            return None
        order = x.order or tuple(range(len(x.shape)))
        length, rest = 1, [x.shape[axis] for axis in order]
        while rest and length * rest[-1] <= most:
            length *= rest.pop()
        shape = int(np.prod(rest)), length
        turned = "" if x.order is None else f".transpose({text.literal(order)})"
        return self.seen(x, "rows", f"{turned}.reshape({text.literal(shape)})", shape)

    def is_returned(self, node: Node) -> bool:
        """Whether a result is the caller's: new in each call."""
        return node in self._handed_out

    def define(self, name: str, value: str, varies: bool = False) -> None:
        """Give an expression a name: in every call, or once beforehand."""
        if varies:
            self.line(f"{name} = {value}")
        else:
            self.setup.append(f"{name} = {value}")

    def fresh_name(self, node: Node) -> str:
        label, dot, phase = self.trace.labels[node].rpartition(".")
        if not dot:
            label, phase = phase, ""
        what = node.operation.name.rpartition(".")[2]
        return self.name(f"{'d' if phase == 'backward' else ''}{label or self.job.function}_{what}")

    def view_name(self, node: Node, source: Cell) -> str:
        label = self.trace.labels[node]
        if label.startswith("parameter "):
            return self.name(label.removeprefix("parameter "))
        return self.name(f"{source.name}_{fact(node, 'view')}")

    def name(self, wish: str) -> str:
        base = text.identifier(wish)
        name, n = base, 2
        while name in self.names:
            name, n = f"{base}_{n}", n + 1
        self.names.add(name)
        return name

    def say(self, node: Node, statement: str) -> None:
        shapes = ", ".join(str(np.shape(x)) for x in node.inputs if np.ndim(x))
        out = node.out[0] if isinstance(node.out, tuple) else node.out
        comment = f"{self.trace.labels[node]}: {shapes} → {np.shape(out)}"
        self.line(statement, comment)

    def line(self, statement: str, comment: str = "") -> None:
        self.body.append((statement, text.harmless(comment)))

    def call(self, node: Node, out: str = "") -> str:
        """A node as a call of its function, which writes into `out` where that is given."""
        operation, function = node.operation, function_of(node)
        if not isinstance(operation, Primitive | WithKeywords):
            raise UnsupportedError("it is not a function of arrays")
        names = [self.operand(x) for x in node.inputs]
        into = f", out={out}" if out else ""
        spell = self.expressions.get(function)
        spelt = spell(node, names) if spell else None
        if spelt and not out:
            return spelt
        module = operation.name.rpartition(".")[0]
        if module in ("", "clearprop"):
            # A function that no import finds, such as a part of a derivative: called as it is.
            name = self.name(operation.symbol)
            self.as_written[name] = partial(operation.evaluate, **node.params)
            return f"{name}({', '.join(names)}{into})"
        if not all(map(str.isidentifier, operation.name.split("."))):
            raise UnsupportedError("its name is not one that source could call")
        if module.partition(".")[0] != "np":
            self.imports.add(module)
        options = self.keywords(node)
        if isinstance(operation, WithKeywords):
            at = len(names) - len(operation.keywords)
            named = zip(operation.keywords, names[at:], strict=True)
            options = "".join(f", {k}={v}" for k, v in named) + options
            names = names[:at]
        joined = ", ".join(names)
        if operation.variadic and operation.evaluate is not function:
            joined = f"({joined},)"
        return f"{operation.name}({joined}{options}{into})"

    def gather(self, v: Any, name: str, data: str) -> None:
        """Fetch the rows of a batch into a buffer of their own."""
        self.put(v, name, v, value=text.empty(v.shape, v.dtype))
        axis = ", axis=0" if v.ndim > 1 else ""
        call = f'{data}.take(rows{axis}, out={name}, mode="clip")'
        self.line(call, f"the batch: rows of {data} → {v.shape}")

    def draw(self, v: Any, name: str, method: str) -> None:
        """Fill a buffer with noise."""
        self.put(v, name, v, value=text.empty(v.shape, v.dtype))
        option = "" if v.dtype == np.float64 else f"dtype={text.literal(v.dtype)}, "
        call = f"rng.{method}({option}out={name})"
        self.line(call, f"noise → {v.shape}")

    def returned(self, v: Any) -> str:
        """What is given back: an array that neither the program nor another result has."""
        cell, root = self.cell(v), self.lives.root(v)
        internal = not cell.varies or root in {*self.trace.leaves, *self._given_back}
        self._given_back.add(root)
        return f"{cell.name}.copy()" if internal and cell.shape else cell.name

    def _without_unused(self, setup: list[str], result: str) -> list[str]:
        """Leave out the views that nothing reads, the last first, since they may be chained."""
        text_of_body = "\n".join([*(s for s, _ in self.body), result])
        words = Counter(re.findall(r"\w+", "\n".join([*setup, text_of_body])))
        needed = []
        for line in reversed(setup):
            name = line.split(" = ")[0]
            if words[name] > 1 or name == "arena":
                needed.append(line)
            else:
                words.subtract(re.findall(r"\w+", line))
        return needed[::-1]

    def assemble(self, title: str, stored: list[str], arguments: list[str], result: str) -> str:
        """Write out the whole program: `make` with the set-up, in it the function of each call."""
        nbytes = self.nbytes = place(self.buffers)
        cut = [self._cut(x) if isinstance(x, Cell) else x for x in self.setup]
        if any(isinstance(x, Cell) for x in self.setup):
            cut.insert(0, f"arena = np.empty({nbytes + 64}, np.uint8)")
            cut.insert(1, "arena = arena[-arena.ctypes.data % 64 :]")
        setup = self._without_unused(cut, result)
        imports = ["import numpy as np", *(f"import {module}" for module in sorted(self.imports))]
        lines = [f'"""{text.harmless(title)}"""', "", *imports]
        if any("isfinite(" in statement for statement, _ in self.body):
            lines[2:2] = ["from math import isfinite", ""]
        if any("b64decode(" in line for line in setup):
            lines[2:2] = ["from base64 import b64decode", *([""] if len(lines) == 3 else [])]
        lines += ["", "", f"def make({', '.join(stored)}):", *(f"    {line}" for line in setup)]
        lines += ["", f"    def {self.job.function}({', '.join(arguments)}):"]
        width = max((len(s) for s, c in self.body if c and len(s) < 88), default=0)
        for statement, comment in self.body:
            padded = f"{statement:<{width}}  # {comment}" if comment else statement
            lines.append(f"        {padded}")
        lines += [f"        return {result}", "", f"    return {self.job.function}"]
        return "\n".join(lines) + "\n"

    @staticmethod
    def _cut(cell: Cell) -> str:
        """Cut a buffer out of the arena, and give it its type and shape."""
        assert cell.buffer is not None
        start = cell.buffer.offset
        stretch = f"arena[{start}:{start + cell.nbytes}].view({text.literal(cell.dtype)})"
        if cell.order is None:
            formed = "" if len(cell.shape) == 1 else f".reshape({text.literal(cell.shape)})"
            return f"{cell.name} = {stretch}{formed}"
        stored = tuple(cell.shape[axis] for axis in cell.order)
        back = tuple(np.argsort(cell.order).tolist())
        turned = ".T" if back == (1, 0) else f".transpose({text.literal(back)})"
        return f"{cell.name} = {stretch}.reshape({text.literal(stored)}){turned}"
