"""Print a graph as straight-line NumPy source: one statement a line, into planned buffers."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.compiler import text
from clearprop.compiler.as_written import AsWrittenBackward, AsWrittenForward
from clearprop.compiler.at_labels import pick_at, subtract_at
from clearprop.compiler.cells import Buffer, Cell, place
from clearprop.compiler.layouts import column_major
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node, Recorded
from clearprop.primitives.indexing import Place, getitem
from clearprop.primitives.labels import read_labels
from clearprop.primitives.table import WithKeywords

_REDUCE = {np.sum: "add", np.max: "maximum", np.min: "minimum", np.prod: "multiply"}
_WITH_OUT = (np.mean, np.var, np.std, np.cumsum, np.cumprod, np.argmax, np.argmin, np.concatenate)
_WITH_OUT += (np.stack, np.dot, np.clip, np.round, np.any, np.all, np.ptp, np.median)
_VIEWS = (np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze)
_VIEWS += (np.broadcast_to, np.matrix_transpose, np.diagonal, np.flip, getitem)


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
    setup: list[str] = field(default_factory=list)
    body: list[tuple[str, str]] = field(default_factory=list)
    cells: dict[Any, Cell] = field(default_factory=dict)
    buffers: list[Buffer] = field(default_factory=list)
    as_written: dict[str, Any] = field(default_factory=dict)
    names: set[str] = field(default_factory=lambda: {"np", "arena", "isfinite", "b64decode"})

    def source(self) -> Source:
        """Print the program."""
        self.columns = column_major(self.trace)
        self.nodes = self._ordered()
        self.roots = self._find_roots()
        self.last = self._find_last_uses()
        self.pins = self._find_pins()
        arguments = []
        for v in self.trace.leaves:
            name = self._name(v.name or "x")
            stored = v in self.stored
            if v in self.gathered:
                self._gather(v, name)
                continue
            whole = Buffer(0, pinned=True)
            self.cells[v] = Cell(name, v.shape, v.dtype, whole, varies=not stored)
            if not stored:
                arguments.append(name)
        if self.gathered:
            arguments = ["rows", *arguments]
        for time, node in enumerate(self.nodes):
            self._node(time, node)
        returned = [
            self._returned(v) for i, v in enumerate(self.trace.outputs) if i not in self.update
        ]
        nbytes = place([b for b in self.buffers if not b.pinned])
        return Source(self._assemble(arguments, returned, nbytes), self.as_written, nbytes)

    def _gather(self, v: Any, name: str) -> None:
        """Fetch the rows of a batch into a buffer of their own."""
        dtype, shape = text.literal(v.dtype), text.literal(v.shape)
        self.setup.append(f"{name} = np.empty({shape}, {dtype})")
        axis = ", axis=0" if v.ndim > 1 else ""
        call = f'{self.gathered[v]}.take(rows{axis}, out={name}, mode="clip")'
        self.body.append(
            (call, f"the batch: rows of {self.gathered[v]} → {text.shape_of(v.shape)}")
        )
        self.cells[v] = Cell(name, v.shape, v.dtype, Buffer(0, pinned=True))

    # -- what is known before anything is printed ------------------------------------------------

    def _ordered(self) -> list[Node]:
        """The nodes in order; what overwrites a stored array comes last, when nobody reads it."""
        last = [self.trace.outputs[i].node for i in self.update]
        return [n for n in self.trace.nodes if n not in last] + [n for n in last if n is not None]

    def _find_roots(self) -> dict[Node, Any]:
        """The node or leaf in whose buffer the result of each node lies."""
        roots: dict[Node, Any] = {}
        for node in self.nodes:
            roots[node] = node
            x = node.inputs[0] if node.inputs else None
            if isinstance(x, Recorded) and (self._is_view(node) or _function(node) is read_labels):
                roots[node] = roots[x.node] if x.node is not None else x
        return roots

    def _find_last_uses(self) -> dict[Any, int]:
        last: dict[Any, int] = {}
        for time, node in enumerate(self.nodes):
            for x in node.inputs:
                if isinstance(x, Recorded):
                    last[self._root(x)] = time
            last.setdefault(self.roots[node], time)
        for v in self.trace.outputs:
            last[self._root(v)] = len(self.nodes)
        return last

    def _find_pins(self) -> dict[Node, tuple[Node, int]]:
        """Results that can be computed right where they are joined to others: node → (join, start).

        The derivatives of the parameters are written side by side, and never copied.
        """
        pins: dict[Node, tuple[Node, int]] = {}
        for join in self.nodes:
            if _function(join) is not np.concatenate or np.ndim(join.out) != 1:
                continue
            start = 0
            for x in join.inputs:
                root = self._root(x) if isinstance(x, Recorded) else None
                if isinstance(root, Node) and root not in pins and self._can_be_pinned(root, x):
                    pins[root] = (join, start)
                start += int(np.size(x))
        return pins

    def _can_be_pinned(self, root: Node, x: Any) -> bool:
        computed = isinstance(_function(root), np.ufunc) or _function(root) in _REDUCE
        return bool(
            computed
            and root not in self.columns
            and np.ndim(root.out)
            and np.size(root.out) == x.size
            and root.out.dtype == x.dtype
        )

    def _is_view(self, node: Node) -> bool:
        if _function(node) not in _VIEWS or isinstance(node.out, tuple):
            return False
        x, *arrays = node.inputs
        if arrays or not isinstance(x, Recorded) or not np.ndim(node.out):
            return False
        order = "F" if x.node in self.columns else "C"
        trial = np.empty(x.shape, x.dtype, order=order)
        return not trial.size or np.shares_memory(
            node.operation.evaluate(trial, **node.params), trial
        )

    def _root(self, v: Any) -> Any:
        return v if v.node is None else self.roots[v.node]

    # -- one node ----------------------------------------------------------------------------------

    def _node(self, time: int, node: Node) -> None:
        function = _function(node)
        replaced = self._replaced(node)
        if isinstance(node.operation, AsWrittenForward | AsWrittenBackward):
            self._call_layer(node)
        elif function is read_labels:
            self._labels(node)
        elif self.roots[node] is not node:
            self._view(node)
        elif isinstance(node.out, tuple):
            self._plain(node)
        elif not np.ndim(node.out):
            self._number(node)
        elif replaced:
            self._overwrite(time, node, replaced)
        elif isinstance(function, np.ufunc) and function.nout == 1:
            out = self._result(time, node, may_replace=function is not np.matmul)
            self._say(node, f"np.{function.__name__}({self._operands(node)}, out={out.name})")
        elif function in _REDUCE and node.params.keys() <= {"axis", "keepdims"}:
            out = self._result(time, node)
            call = f"np.{_REDUCE[function]}.reduce"
            options = text.keywords({"axis": None, **node.params})
            self._say(node, f"{call}({self._operands(node)}{options}, out={out.name})")
        elif function is np.where and len(node.inputs) == 3:
            self._where(time, node)
        elif function is np.astype:
            out = self._result(time, node)
            self._say(
                node, f'np.copyto({out.name}, {self._operand(node.inputs[0])}, casting="unsafe")'
            )
        elif function is pick_at:
            self._pick(time, node)
        elif function is subtract_at:
            self._subtract(time, node)
        elif function is np.concatenate and any(j is node for j, _ in self.pins.values()):
            self._join(time, node)
        elif function in _WITH_OUT and not isinstance(node.operation, WithKeywords):
            out = self._result(time, node)
            self._say(node, f"{self._call(node)[:-1]}, out={out.name})")
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
        function = _function(node)
        if isinstance(function, np.ufunc) and function is not np.matmul:
            self._say(node, f"np.{function.__name__}({self._operands(node)}, out={name})")
        else:
            self._say(node, f"{name}[...] = {self._call(node)}")
        self.cells[node] = self.cells[next(v for v, n in self.stored.items() if n == name)]

    def _check_finite(self, node: Node) -> None:
        loss = self.cells[self.trace.outputs[0].node].name
        steps = [x for x in node.inputs if isinstance(x, Recorded) and x.node and x.ndim == 1]
        dots = [f"np.dot({n}, {n})" for n in (self.cells[x.node].name for x in steps)]
        condition = " and ".join(f"isfinite({value})" for value in (loss, *dots))
        self.body.append((f"if not ({condition}):", "nothing has been changed yet"))
        self.body.append((f"    return {loss}, False", ""))

    def _number(self, node: Node) -> None:
        """A single number: a local name, no buffer."""
        function = _function(node)
        operator = _OPERATORS.get(function)
        a = [self._operand(x) for x in node.inputs]
        if operator and len(a) == 2:
            value = f"{a[0]} {operator} {a[1]}"
        elif function in _REDUCE and node.params.keys() <= {"axis", "keepdims"}:
            value = f"np.{_REDUCE[function]}.reduce({a[0]}, axis=None)"
        else:
            value = self._call(node)
        name = self._fresh_name(node)
        self.cells[node] = Cell(name, (), node.out.dtype, None, varies=True)
        self._say(node, f"{name} = {value}")

    def _plain(self, node: Node) -> None:
        """An operation that makes its result by itself."""
        if isinstance(node.out, tuple):
            names = [self._fresh_name(node) for _ in node.out]
            for i, (name, out) in enumerate(zip(names, node.out, strict=True)):
                cell = Cell(name, np.shape(out), out.dtype, Buffer(0, pinned=True), varies=True)
                self.cells[(node, i)] = cell
            self._say(node, f"{', '.join(names)} = {self._call(node)}")
            return
        name = self._fresh_name(node)
        buffer = Buffer(0, pinned=True)
        self.cells[node] = Cell(name, node.out.shape, node.out.dtype, buffer, varies=True)
        self._say(node, f"{name} = {self._call(node)}")

    def _view(self, node: Node) -> None:
        source = self._cell(node.inputs[0])
        function, name = _function(node), source.name
        if function in (np.reshape, np.ravel):
            value = f"{name}.reshape({text.literal(node.out.shape)})"
        elif function is np.transpose and not node.params.get("axes"):
            value = f"{name}.T"
        elif function is getitem:
            value = f"{name}[{text.index(node.params['form'], ())}]"
        else:
            value = self._call(node)
        own = self._view_name(node, source)
        cell = Cell(own, node.out.shape, node.out.dtype, source.buffer, varies=source.varies)
        self.cells[node] = cell
        if source.varies:
            self.body.append((f"{own} = {value}", ""))
        else:
            self.setup.append(f"{own} = {value}")

    def _where(self, time: int, node: Node) -> None:
        condition, a, b = node.inputs
        out = self._result(time, node, may_replace=True, only=b)
        if not (isinstance(b, Recorded) and b.node and self.cells[b.node].name == out.name):
            self._say(node, f"np.copyto({out.name}, {self._operand(b)})")
        self._say(
            node, f"np.copyto({out.name}, {self._operand(a)}, where={self._operand(condition)})"
        )

    def _labels(self, node: Node) -> None:
        """Labels are checked in every call: one that is out of range would be read elsewhere."""
        source = self._cell(node.inputs[0])
        shape = tuple(node.params["shape"])
        name = source.name
        if node.out.shape == shape:  # one-hot or soft
            own = self._name("labels")
            self.cells[node] = Cell(own, shape, node.out.dtype, Buffer(0, pinned=True), varies=True)
            dtype = text.literal(node.out.dtype)
            self._say(node, f"{own} = {name}.astype({dtype}, copy=False)")
            off = f"abs({own}.sum(axis=-1) - 1).max() > 1e-6 * {shape[-1]}"
            self._guard(f"not {own}.min() >= 0 or not isfinite({own}.max()) or {off}", "one-hot")
            return
        if source.shape != node.out.shape:
            own = self._name("labels")
            self.body.append((f"{own} = {name}.reshape({text.literal(node.out.shape)})", ""))
            name = own
        self.cells[node] = Cell(name, node.out.shape, node.out.dtype, source.buffer, varies=True)
        signed = node.out.dtype.kind == "i"
        low = f"np.minimum.reduce({name}, axis=None) < 0 or " if signed else ""
        self._guard(f"{low}np.maximum.reduce({name}, axis=None) >= {shape[-1]}", str(shape[-1]))

    def _guard(self, condition: str, kind: str) -> None:
        if not self.label_checks:
            return
        what = (
            "one-hot or soft labels must be 0 or more and sum to 1"
            if kind == "one-hot"
            else f"a label is out of range: class numbers go from 0 to {int(kind) - 1}"
        )
        self.body.append((f"if {condition}:", ""))
        self.body.append((f'    raise ValueError("{what}")', ""))

    def _pick(self, time: int, node: Node) -> None:
        x, t = map(self._cell, node.inputs)
        places = self._places(node, x, t)
        out = self._result(time, node)
        flat = self._flat(x)
        self._say(node, f'{flat}.take({places}, out={out.name}, mode="clip")')

    def _subtract(self, time: int, node: Node) -> None:
        x, t = self._cell(node.inputs[0]), self._cell(node.inputs[1])
        places = self._places(node, x, t)
        out = self._result(time, node, may_replace=True, only=node.inputs[0])
        if out.name != x.name:
            self._say(node, f"np.copyto({out.name}, {x.name})")
        flat, few = self._flat(out), self._scratch(time, (x.shape[0],), x.dtype, "chosen")
        self._say(node, f'{flat}.take({places}, out={few}, mode="clip")')
        self._say(node, f"np.subtract({few}, {self._operand(node.inputs[2])}, out={few})")
        self._say(node, f'{flat}.put({places}, {few}, mode="clip")')

    def _places(self, node: Node, x: Cell, t: Cell) -> str:
        """Where the labels point in the flat array."""
        key = ("places", t.name, x.shape, x.order)
        if key not in self.cells:
            n, c = x.shape
            rows = self._constant(
                np.arange(n, dtype=np.intp) * (1 if x.order == "F" else c), "rows"
            )
            name = self._name("places")
            self.setup.append(f"{name} = np.empty({n}, np.intp)")
            if x.order == "F":
                self._say(node, f"np.multiply({t.name}, {n}, out={name}, dtype=np.intp)")
                self._say(node, f"np.add({name}, {rows}, out={name})")
            else:
                self._say(node, f"np.add({t.name}, {rows}, out={name}, dtype=np.intp)")
            self.cells[key] = Cell(name, (n,), np.intp)
        return self.cells[key].name

    def _flat(self, x: Cell) -> str:
        key = ("flat", x.name)
        if key not in self.cells:
            name = self._name(f"{x.name}_flat")
            value = f"{x.name}{'.T' if x.order == 'F' else ''}.reshape(-1)"
            if x.varies:
                self.body.append((f"{name} = {value}", ""))
            else:
                self.setup.append(f"{name} = {value}")
            self.cells[key] = Cell(name, (), x.dtype)
        return self.cells[key].name

    def _join(self, time: int, node: Node) -> None:
        """The parts lie side by side already; those that do not are copied."""
        cell = self._joined(node)
        start = 0
        for x in node.inputs:
            stop = start + int(np.size(x))
            root = self._root(x) if isinstance(x, Recorded) else None
            if not (isinstance(root, Node) and self.pins.get(root) == (node, start)):
                self._say(node, f"{cell.name}[{start}:{stop}] = {self._operand(x)}")
            start = stop

    def _joined(self, node: Node) -> Cell:
        if node not in self.cells:
            name = self._name("G")
            self.setup.append(f"{name} = np.empty({node.out.size}, {text.literal(node.out.dtype)})")
            buffer = Buffer(0, pinned=True)
            self.cells[node] = Cell(name, node.out.shape, node.out.dtype, buffer)
        return self.cells[node]

    def _call_layer(self, node: Node) -> None:
        operation = node.operation
        if isinstance(operation, AsWrittenForward):
            name = text.identifier(operation.symbol)
            self.as_written[name] = operation
            self.names.add(name)
            inputs = ", ".join(self._operand(x) for x in node.inputs)
            call = f"{name}.evaluate({inputs})"
        else:
            name = text.identifier(f"{operation.symbol}_backward")
            self.as_written[name] = operation
            self.names.add(name)
            call = f"{name}.evaluate({self._operand(node.inputs[0])}, None)"
        outs = node.out if isinstance(node.out, tuple) else (node.out,)
        keys = [(node, i) for i in range(len(outs))] if isinstance(node.out, tuple) else [node]
        names = [self._fresh_name(node) for _ in outs]
        for key, own, out in zip(keys, names, outs, strict=True):
            cell = Cell(own, np.shape(out), out.dtype, Buffer(0, pinned=True), varies=True)
            self.cells[key] = cell
        comma = "," if isinstance(node.out, tuple) and len(outs) == 1 else ""
        self._say(node, f"{', '.join(names)}{comma} = {call}")

    # -- names, buffers, lines -------------------------------------------------------------------

    def _result(self, time: int, node: Node, may_replace: bool = False, only: Any = None) -> Cell:
        """The cell for a result: in place of an operand that is not needed any more, or new."""
        order = "F" if node in self.columns else "C"
        if node in self.pins:
            return self._pinned(node)
        if any(v.node is node for v in self.trace.outputs):
            return self._handed_out(node)
        if may_replace:
            for x in node.inputs if only is None else (only,):
                cell = self._replaceable(time, x, node, order)
                if cell is not None:
                    self.cells[node] = cell
                    cell.buffer.last = self.last[node]  # type: ignore[union-attr]
                    return cell
        cell = Cell(self._fresh_name(node), node.out.shape, node.out.dtype, order=order, whole=True)
        cell.buffer = Buffer(cell.nbytes, first=time, last=self.last[node])
        self.buffers.append(cell.buffer)
        self.cells[node] = cell
        self.setup.append(f"\0{len(self.buffers) - 1}\0{cell.name}")
        self._buffer_cells().append(cell)
        return cell

    def _replaceable(self, time: int, x: Any, node: Node, order: str) -> Cell | None:
        if not isinstance(x, Recorded) or x.node is None or x.node not in self.cells:
            return None
        cell = self.cells[x.node]
        fits = cell.shape == node.out.shape and cell.dtype == node.out.dtype and cell.order == order
        free = self.last[self.roots[x.node]] == time and cell.whole
        return cell if fits and free and x.node not in self.pins else None

    def _pinned(self, node: Node) -> Cell:
        join, start = self.pins[node]
        joined = self._joined(join)
        name = self._fresh_name(node)
        piece = f"{joined.name}[{start}:{start + node.out.size}]"
        shape = "" if node.out.ndim == 1 else f".reshape({text.literal(node.out.shape)})"
        self.setup.append(f"{name} = {piece}{shape}")
        cell = Cell(name, node.out.shape, node.out.dtype, joined.buffer)
        self.cells[node] = cell
        return cell

    def _handed_out(self, node: Node) -> Cell:
        """A result that is returned is the caller's: a new array in each call."""
        name = self._fresh_name(node)
        dtype = text.literal(node.out.dtype)
        self.body.append((f"{name} = np.empty({text.literal(node.out.shape)}, {dtype})", ""))
        buffer = Buffer(0, pinned=True)
        self.cells[node] = Cell(name, node.out.shape, node.out.dtype, buffer, varies=True)
        return self.cells[node]

    def _scratch(self, time: int, shape: tuple[int, ...], dtype: Any, name: str) -> str:
        cell = Cell(self._name(name), shape, dtype, whole=True)
        cell.buffer = Buffer(cell.nbytes, first=time, last=time)
        self.buffers.append(cell.buffer)
        self.setup.append(f"\0{len(self.buffers) - 1}\0{cell.name}")
        self._buffer_cells().append(cell)
        return cell.name

    def _buffer_cells(self) -> list[Cell]:
        return self.__dict__.setdefault("_cells_with_buffers", [])

    def _returned(self, v: Any) -> str:
        cell = self._cell(v)
        internal = not cell.varies or self._root(v) in set(self.trace.leaves)
        return f"{cell.name}.copy()" if internal and cell.shape else cell.name

    def _cell(self, v: Any) -> Cell:
        if v.node is None:
            return self.cells[v]
        return self.cells[v.node if v.index is None else (v.node, v.index)]

    def _operand(self, x: Any) -> str:
        if isinstance(x, Recorded):
            return self._cell(x).name
        if isinstance(x, np.ndarray) and x.ndim:
            return self._constant(x, "constant")
        return text.literal(x)

    def _operands(self, node: Node) -> str:
        return ", ".join(map(self._operand, node.inputs))

    def _call(self, node: Node) -> str:
        operation, function = node.operation, _function(node)
        names = [self._operand(x) for x in node.inputs]
        if function is getitem:
            return f"{names[0]}[{text.index(node.params['form'], tuple(names[1:]))}]"
        if isinstance(operation, WithKeywords):
            at = len(names) - len(operation.keywords)
            named = "".join(
                f", {k}={v}" for k, v in zip(operation.keywords, names[at:], strict=True)
            )
            return f"{operation.name}({', '.join(names[:at])}{named}{text.keywords(node.params)})"
        if not operation.name.startswith("np."):
            raise text.UnsupportedError(f"compile: {operation.name} has no NumPy source")
        joined = ", ".join(names)
        if operation.variadic and operation.evaluate is not function:
            joined = f"({joined},)"
        return f"{operation.name}({joined}{text.keywords(node.params)})"

    def _constant(self, value: np.ndarray, name: str) -> str:
        key = ("constant", value.dtype.str, value.shape, value.tobytes())
        if key not in self.cells:
            own = self._name(f"{name}_{'x'.join(map(str, value.shape))}")
            self.setup.append(f"{own} = {text.array(value)}")
            self.cells[key] = Cell(own, value.shape, value.dtype)
        return self.cells[key].name

    def _fresh_name(self, node: Node) -> str:
        label, _, phase = self.trace.labels[node].partition(".")
        what = node.operation.name.rpartition(".")[2]
        return self._name(f"{'d' if phase == 'backward' else ''}{label or self.function}_{what}")

    def _view_name(self, node: Node, source: Cell) -> str:
        label = self.trace.labels[node]
        if label.startswith("parameter "):
            return self._name(label.removeprefix("parameter "))
        suffix = {np.transpose: "T", np.expand_dims: "column", getitem: "part"}
        return self._name(f"{source.name}_{suffix.get(_function(node), 'view')}")

    def _name(self, wish: str) -> str:
        base = text.identifier(wish)
        name, n = base, 2
        while name in self.names:
            name, n = f"{base}_{n}", n + 1
        self.names.add(name)
        return name

    def _say(self, node: Node, statement: str) -> None:
        shapes = ", ".join(text.shape_of(np.shape(x)) for x in node.inputs if np.ndim(x))
        out = node.out[0] if isinstance(node.out, tuple) else node.out
        self.body.append(
            (statement, f"{self.trace.labels[node]}: {shapes} → {text.shape_of(np.shape(out))}")
        )

    def _without_unused(self, setup: list[str], returned: list[str]) -> list[str]:
        """Leave out the views that nothing reads, the last first, since they may be chained."""
        text_of_body = "\n".join([*(s for s, _ in self.body), *returned])
        words = Counter(re.findall(r"\w+", "\n".join([*setup, text_of_body])))
        needed = []
        for line in reversed(setup):
            name = line.split(" = ")[0]
            if words[name] > 1 or name == "arena":
                needed.append(line)
            else:
                words.subtract(re.findall(r"\w+", line))
        return needed[::-1]

    def _assemble(self, arguments: list[str], returned: list[str], nbytes: int) -> str:
        stored = ", ".join([*self.stored.values(), *self.gathered.values()])
        lines = [
            f'"""{self.title}"""',
            "",
            "from base64 import b64decode",
            "from math import isfinite",
        ]
        lines += ["", "import numpy as np", "", "", f"def make({stored}):"]
        setup = self._without_unused(self._setup_lines(nbytes), returned)
        lines += [f"    {line}" for line in setup]
        lines += ["", f"    def {self.function}({', '.join(arguments)}):"]
        width = max((len(s) for s, c in self.body if c and len(s) < 88), default=0)
        for statement, comment in self.body:
            padded = f"{statement:<{width}}  # {comment}" if comment else statement
            lines.append(f"        {padded}")
        result = ", ".join(returned)
        lines.append(f"        return {result}{', True' if self.update and self.checks else ''}")
        lines += ["", f"    return {self.function}"]
        if "b64decode(" not in "\n".join(lines[4:]):
            lines.remove("from base64 import b64decode")
        return "\n".join(lines) + "\n"

    def _setup_lines(self, nbytes: int) -> list[str]:
        lines = []
        if nbytes:
            lines.append(f"arena = np.empty({nbytes + 64}, np.uint8)")
            lines.append("arena = arena[-arena.ctypes.data % 64 :]")
        for line in self.setup:
            if not line.startswith("\0"):
                lines.append(line)
                continue
            cell = self._buffer_cells()[int(line.split("\0")[1])]
            buffer = cell.buffer
            assert buffer is not None
            stretch = f"arena[{buffer.offset}:{buffer.offset + cell.nbytes}]"
            typed = f"{stretch}.view({text.literal(cell.dtype)})"
            shape = cell.shape[::-1] if cell.order == "F" else cell.shape
            turned = ".T" if cell.order == "F" else ""
            formed = "" if len(shape) == 1 else f".reshape({text.literal(shape)})"
            lines.append(f"{cell.name} = {typed}{formed}{turned}")
        return lines


_OPERATORS = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.power: "**"}


def _function(node: Node) -> Any:
    return getattr(node.operation, "function", None)


__all__ = ["Place", "Printer", "Source"]
