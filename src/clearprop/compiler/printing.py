"""Print a graph as straight-line NumPy source: one statement a line, into planned buffers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from typing import Any

import numpy as np

from clearprop.compiler import text
from clearprop.compiler.as_written import AsWrittenBackward, AsWrittenForward
from clearprop.compiler.at_labels import pick_at, subtract_at
from clearprop.compiler.cells import Buffer, Cell
from clearprop.compiler.lifetimes import REDUCE, Lifetimes, function_of
from clearprop.compiler.rewriting import is_recorded
from clearprop.compiler.sheet import Sheet
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node
from clearprop.primitives.indexing import getitem
from clearprop.primitives.labels import read_labels, read_numbers
from clearprop.primitives.table import WithKeywords

SMALL = 2**15
"""Elements up to which a constant array is read from the cache as fast as a number."""

_WITH_OUT = (np.mean, np.var, np.std, np.cumsum, np.cumprod, np.argmax, np.argmin, np.concatenate)
_WITH_OUT += (np.stack, np.dot, np.clip, np.round, np.any, np.all, np.ptp, np.median)
_OPERATORS = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.power: "**"}


@dataclass
class Source:
    """A printed program and what it needs from outside."""

    text: str
    as_written: dict[str, Any]
    """Layers whose own code the program calls, by the name they have in it."""
    nbytes: int
    """The size of its arena."""


@dataclass
class Printer:
    """Prints one graph.

    `stored` maps a leaf to the name of an array that is given once, when the program is made; the
    other leaves are arguments of each call. `update` is the output that replaces such an array.
    """

    trace: Trace
    function: str
    stored: dict[Any, str]
    update: dict[int, str]
    title: str
    checks: bool = True
    """Whether the update is held back from a loss or step that is not finite."""
    label_checks: bool = True
    """Whether each call checks its labels; not needed where all have been checked beforehand."""
    gathered: dict[Any, str] = field(default_factory=dict)
    """Leaves that are gathered from a larger array: leaf → the name of that array, stored."""
    as_written: dict[str, Any] = field(default_factory=dict)
    lives: Lifetimes = field(init=False)
    sheet: Sheet = field(init=False)

    def source(self) -> Source:
        """Print the program."""
        self.lives = Lifetimes(self.trace, set(self.update))
        self.sheet = Sheet(self.lives, self.function)
        arguments = []
        for v in self.trace.leaves:
            name = self.sheet.name(v.name or "x")
            stored = v in self.stored
            if v in self.gathered:
                self.sheet.gather(v, name, self.gathered[v])
                continue
            whole = Buffer(0, pinned=True)
            self.sheet.cells[v] = Cell(name, v.shape, v.dtype, whole, varies=not stored)
            if not stored:
                arguments.append(name)
        if self.gathered:
            arguments = ["rows", *arguments]
        for time, node in enumerate(self.lives.nodes):
            self._node(time, node)
        returned = [
            self.sheet.returned(v) for i, v in enumerate(self.trace.outputs) if i not in self.update
        ]
        result = ", ".join([*returned, *(["True"] if self.update and self.checks else [])])
        stored = [*self.stored.values(), *self.gathered.values()]
        written = self.sheet.assemble(self.title, stored, arguments, result)
        return Source(written, self.as_written, self.sheet.nbytes)

    def _node(self, time: int, node: Node) -> None:
        function = function_of(node)
        replaced = self._replaced(node)
        if isinstance(node.operation, AsWrittenForward | AsWrittenBackward):
            self._call_layer(node)
        elif function is read_labels:
            self._labels(node)
        elif function is read_numbers:
            self._numbers(node)
        elif self.lives.roots[node] is not node:
            self._view(node)
        elif isinstance(node.out, tuple):
            self._plain(node)
        elif not np.ndim(node.out):
            self._number(node)
        elif replaced:
            self._overwrite(time, node, replaced)
        elif function is np.matmul:
            self._matmul(time, node)
        elif isinstance(function, np.ufunc) and function.nout == 1:
            out = self.sheet.result(time, node, may_replace=True)
            operands = ", ".join(self._ufunc_operands(node))
            options = self._keywords(node)
            self.sheet.say(node, f"np.{function.__name__}({operands}{options}, out={out.name})")
        elif function in REDUCE and node.params.keys() <= {"axis", "keepdims"}:
            out = self.sheet.result(time, node)
            call = f"np.{REDUCE[function]}.reduce"
            options = text.keywords({"axis": None, **node.params})
            self.sheet.say(node, f"{call}({self.sheet.operands(node)}{options}, out={out.name})")
        elif function is np.where and len(node.inputs) == 3:
            self._where(time, node)
        elif function is np.astype:
            out = self.sheet.result(time, node)
            self.sheet.say(
                node,
                f'np.copyto({out.name}, {self.sheet.operand(node.inputs[0])}, casting="unsafe")',
            )
        elif function is pick_at:
            self._pick(time, node)
        elif function is subtract_at:
            self._subtract(time, node)
        elif function is np.concatenate and any(j is node for j, _ in self.lives.pins.values()):
            self._join(time, node)
        elif function in _WITH_OUT and not node.params.keys() & {"dtype", "casting"}:
            out = self.sheet.result(time, node)
            self.sheet.say(node, f"{self._call(node)[:-1]}, out={out.name})")
        else:
            self._plain(node)

    def _replaced(self, node: Node) -> str | None:
        for i, name in self.update.items():
            if self.trace.outputs[i].node is node:
                return name
        return None

    def _overwrite(self, time: int, node: Node, name: str) -> None:
        """The update of a stored array: into the array itself."""
        if self.checks:
            self._check_finite(node)
        function = function_of(node)
        if isinstance(function, np.ufunc) and function is not np.matmul:
            self.sheet.say(node, f"np.{function.__name__}({self.sheet.operands(node)}, out={name})")
        else:
            self.sheet.say(node, f"{name}[...] = {self._call(node)}")
        self.sheet.cells[node] = self.sheet.cells[
            next(v for v, n in self.stored.items() if n == name)
        ]

    def _check_finite(self, node: Node) -> None:
        loss = self.sheet.cells[self.trace.outputs[0].node].name
        steps = [x for x in node.inputs if is_recorded(x) and x.node and x.ndim == 1]
        names = [self.sheet.cells[x.node].name for x in steps]
        # The dot product is the quickest look at all elements; large finite ones may overflow it.
        whole = [f"(isfinite(np.dot({n}, {n})) or np.isfinite({n}).all())" for n in names]
        condition = " and ".join((f"isfinite({loss})", *whole))
        self.sheet.body.append((f"if not ({condition}):", "nothing has been changed yet"))
        self.sheet.body.append((f"    return {loss}, False", ""))

    def _number(self, node: Node) -> None:
        """A single number: a local name, no buffer."""
        function = function_of(node)
        operator = _OPERATORS.get(function)
        a = [self.sheet.operand(x) for x in node.inputs]
        if operator and len(a) == 2:
            value = f"{a[0]} {operator} {a[1]}"
        elif function in REDUCE and node.params.keys() <= {"axis", "keepdims"}:
            value = f"np.{REDUCE[function]}.reduce({a[0]}, axis=None)"
        else:
            # [()] turns an array without axes, which might be a view, into a number.
            value = self._call(node) + ("" if isinstance(function, np.ufunc) else "[()]")
        name = self.sheet.fresh_name(node)
        self.sheet.cells[node] = Cell(name, (), node.out.dtype, None, varies=True)
        self.sheet.say(node, f"{name} = {value}")

    def _plain(self, node: Node) -> None:
        """An operation that makes its result by itself."""
        if isinstance(node.out, tuple):
            names = [self.sheet.fresh_name(node) for _ in node.out]
            for i, (name, out) in enumerate(zip(names, node.out, strict=True)):
                cell = Cell(name, np.shape(out), out.dtype, Buffer(0, pinned=True), varies=True)
                self.sheet.cells[(node, i)] = cell
            call = self._call(node)
            if self.lives.shares(node):
                call = f"(np.array(part) for part in {call})"
            comma = "," if len(names) == 1 else ""
            self.sheet.say(node, f"{', '.join(names)}{comma} = {call}")
            return
        name = self.sheet.fresh_name(node)
        buffer = Buffer(0, pinned=True)
        self.sheet.cells[node] = Cell(name, node.out.shape, node.out.dtype, buffer, varies=True)
        call = self._call(node)
        if self.lives.shares(node):  # a view of a buffer would change when the buffer is reused
            call = f"np.array({call})"
        self.sheet.say(node, f"{name} = {call}")

    def _view(self, node: Node) -> None:
        source = self.sheet.cell(node.inputs[0])
        function, name = function_of(node), source.name
        if function in (np.reshape, np.ravel):
            value = f"{name}.reshape({text.literal(node.out.shape)})"
        elif function is np.transpose and not node.params.get("axes"):
            value = f"{name}.T"
        elif function is getitem:
            value = f"{name}[{text.index(node.params['form'], ())}]"
        else:
            value = self._call(node)
        own = self.sheet.view_name(node, source)
        cell = Cell(own, node.out.shape, node.out.dtype, source.buffer, varies=source.varies)
        self.sheet.cells[node] = cell
        if source.varies:
            self.sheet.body.append((f"{own} = {value}", ""))
        else:
            self.sheet.setup.append(f"{own} = {value}")

    def _matmul(self, time: int, node: Node) -> None:
        """A matrix product. `np.dot` is called 0.5 µs sooner where it does the same."""
        out = self.sheet.result(time, node)
        a, b = node.inputs
        exact = (
            not node.params
            and out.order == "C"
            and all(x.dtype == out.dtype for x in (a, b))
            and np.ndim(b) == 2
        )
        call = "np.dot" if exact and np.ndim(a) <= 2 else "np.matmul"
        options = self._keywords(node)
        self.sheet.say(node, f"{call}({self.sheet.operands(node)}{options}, out={out.name})")

    def _ufunc_operands(self, node: Node) -> Iterator[str]:
        """The operands; the number in a small maximum is spread out.

        NumPy's maximum is vectorised for two arrays and not for an array and a number: 0.9 µs
        against 2.7 for 100 × 50.
        """
        spread = function_of(node) in (np.maximum, np.minimum) and np.size(node.out) <= SMALL
        for x in node.inputs:
            if spread and not is_recorded(x) and not np.ndim(x):
                yield self.sheet.constant(np.full(node.out.shape, x, node.out.dtype), "all")
            else:
                yield self.sheet.operand(x)

    def _where(self, time: int, node: Node) -> None:
        condition, a, b = node.inputs
        out = self.sheet.result(time, node, may_replace=True, only=b)
        if not (is_recorded(b) and b.node and self.sheet.cells[b.node].name == out.name):
            self.sheet.say(node, f"np.copyto({out.name}, {self.sheet.operand(b)})")
        where = self.sheet.operand(condition)
        self.sheet.say(node, f"np.copyto({out.name}, {self.sheet.operand(a)}, where={where})")

    def _labels(self, node: Node) -> None:
        """Labels are checked in every call: one that is out of range would be read elsewhere."""
        source = self.sheet.cell(node.inputs[0])
        shape = tuple(node.params["shape"])
        name = source.name
        if node.out.shape == shape:  # one-hot or soft
            own = self.sheet.name("labels")
            self.sheet.cells[node] = Cell(
                own, shape, node.out.dtype, Buffer(0, pinned=True), varies=True
            )
            dtype = text.literal(node.out.dtype)
            self.sheet.say(node, f"{own} = {name}.astype({dtype}, copy=False)")
            off = f"abs({own}.sum(axis=-1) - 1).max() > 1e-6 * {shape[-1]}"
            condition = f"not {own}.min() >= 0 or not isfinite({own}.max()) or {off}"
            self._guard(condition, "one-hot or soft labels must be 0 or more and sum to 1")
            return
        if source.shape != node.out.shape:
            own = self.sheet.name("labels")
            self.sheet.body.append((f"{own} = {name}.reshape({text.literal(node.out.shape)})", ""))
            name = own
        self.sheet.cells[node] = Cell(
            name, node.out.shape, node.out.dtype, source.buffer, varies=True
        )
        signed = node.out.dtype.kind == "i"
        low = f"np.minimum.reduce({name}, axis=None) < 0 or " if signed else ""
        condition = f"{low}np.maximum.reduce({name}, axis=None) >= {shape[-1]}"
        what = f"a label is out of range: class numbers go from 0 to {shape[-1] - 1}"
        self._guard(condition, what)

    def _numbers(self, node: Node) -> None:
        """Numbers are checked in every call too, and read where they lie."""
        source = self.sheet.cell(node.inputs[0])
        self.sheet.cells[node] = source
        low, high = node.params["low"], node.params["high"]
        least, most = (f"np.{f}.reduce({source.name}, axis=None)" for f in ("minimum", "maximum"))
        parts = (f"{low!r} <= {least}" if isfinite(low) else f"isfinite({least})",)
        parts += (f"{most} <= {high!r}" if isfinite(high) else f"isfinite({most})",)
        what = f"a label is out of range: {node.params['name']} must be from {low} to {high}"
        self._guard(f"not ({' and '.join(parts)})", what)

    def _guard(self, condition: str, what: str) -> None:
        if self.label_checks:
            self.sheet.body.append((f"if {condition}:", ""))
            self.sheet.body.append((f'    raise ValueError("{what}")', ""))

    def _pick(self, time: int, node: Node) -> None:
        x, t = map(self.sheet.cell, node.inputs)
        places = self._places(node, x, t)
        out = self.sheet.result(time, node)
        flat = self.sheet.flat(x)
        self.sheet.say(node, f'{flat}.take({places}, out={out.name}, mode="clip")')

    def _subtract(self, time: int, node: Node) -> None:
        x, t = self.sheet.cell(node.inputs[0]), self.sheet.cell(node.inputs[1])
        places = self._places(node, x, t)
        out = self.sheet.result(time, node, may_replace=True, only=node.inputs[0])
        if out.name != x.name:
            self.sheet.say(node, f"np.copyto({out.name}, {x.name})")
        flat, few = self.sheet.flat(out), self.sheet.scratch(time, (x.shape[0],), x.dtype, "chosen")
        self.sheet.say(node, f'{flat}.take({places}, out={few}, mode="clip")')
        self.sheet.say(node, f"np.subtract({few}, {self.sheet.operand(node.inputs[2])}, out={few})")
        self.sheet.say(node, f'{flat}.put({places}, {few}, mode="clip")')

    def _places(self, node: Node, x: Cell, t: Cell) -> str:
        """Where the labels point in the flat array."""
        key = ("places", t.name, x.shape, x.order)
        if key not in self.sheet.cells:
            n, c = x.shape
            rows = self.sheet.constant(
                np.arange(n, dtype=np.intp) * (1 if x.order == "F" else c), "rows"
            )
            name = self.sheet.name("places")
            self.sheet.setup.append(f"{name} = np.empty({n}, np.intp)")
            if x.order == "F":
                self.sheet.say(node, f"np.multiply({t.name}, {n}, out={name}, dtype=np.intp)")
                self.sheet.say(node, f"np.add({name}, {rows}, out={name})")
            else:
                self.sheet.say(node, f"np.add({t.name}, {rows}, out={name}, dtype=np.intp)")
            self.sheet.cells[key] = Cell(name, (n,), np.intp)
        return self.sheet.cells[key].name

    def _join(self, time: int, node: Node) -> None:
        """The parts lie side by side already; those that do not are copied."""
        cell = self.sheet.joined(node)
        start = 0
        for x in node.inputs:
            stop = start + int(np.size(x))
            root = self.lives.root(x) if is_recorded(x) else None
            if not (isinstance(root, Node) and self.lives.pins.get(root) == (node, start)):
                self.sheet.say(node, f"{cell.name}[{start}:{stop}] = {self.sheet.operand(x)}")
            start = stop

    def _call_layer(self, node: Node) -> None:
        operation = node.operation
        if isinstance(operation, AsWrittenForward):
            name = text.identifier(operation.symbol)
            self.as_written[name] = operation
            self.sheet.names.add(name)
            inputs = ", ".join(self.sheet.operand(x) for x in node.inputs)
            call = f"{name}.evaluate({inputs})"
        else:
            name = text.identifier(f"{operation.symbol}_backward")
            self.as_written[name] = operation
            self.sheet.names.add(name)
            call = f"{name}.evaluate({self.sheet.operand(node.inputs[0])}, None)"
        outs = node.out if isinstance(node.out, tuple) else (node.out,)
        keys = [(node, i) for i in range(len(outs))] if isinstance(node.out, tuple) else [node]
        names = [self.sheet.fresh_name(node) for _ in outs]
        for key, own, out in zip(keys, names, outs, strict=True):
            cell = Cell(own, np.shape(out), out.dtype, Buffer(0, pinned=True), varies=True)
            self.sheet.cells[key] = cell
        comma = "," if isinstance(node.out, tuple) and len(outs) == 1 else ""
        self.sheet.say(node, f"{', '.join(names)}{comma} = {call}")

    def _call(self, node: Node) -> str:
        operation, function = node.operation, function_of(node)
        names = [self.sheet.operand(x) for x in node.inputs]
        if function is getitem:
            return f"{names[0]}[{text.index(node.params['form'], tuple(names[1:]))}]"
        if not operation.name.startswith("np."):
            # A function of clearprop's own, such as a part of a derivative: called as it is.
            name = self.sheet.name(operation.symbol)
            self.as_written[name] = partial(operation.evaluate, **node.params)
            return f"{name}({', '.join(names)})"
        options = self._keywords(node)
        if isinstance(operation, WithKeywords):
            at = len(names) - len(operation.keywords)
            named = zip(operation.keywords, names[at:], strict=True)
            options = "".join(f", {k}={v}" for k, v in named) + options
            names = names[:at]
        if function is np.einsum:
            params = {k: v for k, v in node.params.items() if k != "subscripts"}
            names.insert(0, text.literal(node.params["subscripts"]))
            options = text.keywords(params)
        joined = ", ".join(names)
        if operation.variadic and operation.evaluate is not function and function is not np.einsum:
            joined = f"({joined},)"
        return f"{operation.name}({joined}{options})"

    def _keywords(self, node: Node) -> str:
        """The parameters as arguments; arrays among them become constants."""
        arrays = {k: v for k, v in node.params.items() if isinstance(v, np.ndarray) and v.ndim}
        named = "".join(f", {k}={self.sheet.constant(v, 'constant')}" for k, v in arrays.items())
        return named + text.keywords({k: v for k, v in node.params.items() if k not in arrays})
