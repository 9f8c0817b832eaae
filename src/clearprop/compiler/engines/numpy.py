"""The engine that needs nothing: straight-line NumPy, a statement a line, into planned buffers."""

from typing import Any

import numpy as np

from clearprop.compiler.as_written import AsWritten
from clearprop.compiler.engines import Job, text
from clearprop.compiler.engines.sheet import Sheet
from clearprop.compiler.engines.spelling import EXPRESSIONS, STATEMENTS
from clearprop.compiler.program import Program
from clearprop.compiler.rewriting import fact, function_of, is_recorded, reduces_only
from clearprop.errors import ConfigError, UnsupportedError
from clearprop.graph.node import Node


def program(job: Job) -> Program:
    """Print a recording as source, and make the source a function."""
    if job.devices is not None:
        raise ConfigError('the engine numpy knows no devices; leave them out, or use engine="jax"')
    printer = Printer(job)
    made = Program(printer.source(), job.function, printer.as_written, printer.nbytes)
    made.run = made.namespace["make"](*job.stored.values(), *job.gathered.values())
    return made


class Printer(Sheet):
    """Prints a statement for each node."""

    expressions = EXPRESSIONS

    def source(self) -> str:
        """Print the program."""
        job = self.job
        names = {v: self.name(v.name or "x") for v in self.trace.leaves}
        given = {v: names[v] for v in job.stored}
        for v in job.gathered:
            given[v] = self.name((v.name or "x").upper())
            self.gather(v, names[v], given[v])
        for v, method in job.drawn.items():
            self.draw(v, names[v], method)
        for v, name in names.items():
            if v not in job.gathered and v not in job.drawn:
                self.put(v, name, v, varies=v not in given)
        for time, node in enumerate(self.lives.nodes):
            if node not in self.lives.in_place:
                self._spell(time, node)
        returned = [
            self.returned(v) for i, v in enumerate(self.trace.outputs) if i not in job.replaces
        ]
        if job.replaces or job.checks:
            self._overwrite(returned)
        arguments = ["rng"] * bool(job.drawn) + ["rows"] * bool(job.gathered)
        arguments += [name for v, name in names.items() if v not in given and v not in job.drawn]
        result = ", ".join([*returned, *(["True"] if job.checks else [])])
        return self.assemble(job.title, list(given.values()), arguments, result)

    def _spell(self, time: int, node: Node) -> None:
        try:
            self._node(time, node)
        except UnsupportedError as error:
            raise text.not_spelled("numpy", node, self.trace.labels[node], error) from None

    def _node(self, time: int, node: Node) -> None:
        function = function_of(node)
        if isinstance(node.operation, AsWritten):
            name = self.name(fact(node, "symbol"))
            self.as_written[name] = node.operation
            self._assign(node, f"{name}.evaluate({self.operands(node)})")
        elif self.lives.roots[node] is not node and fact(node, "view"):
            self._view(node)
        elif isinstance(node.out, tuple):
            self._plain(node)
        elif not np.ndim(node.out):
            self._number(node)
        elif node in self.lives.joins:
            self._join(node)
        elif function in STATEMENTS and self._statement(time, node):
            pass
        elif isinstance(function, np.ufunc):
            out = self.result(time, node, may_replace=True)
            self.say(node, self.call(node, out.name))
        elif self._reduces(node):
            out = self.result(time, node)
            self.say(node, self._reduction(node, out.name))
        # NumPy's means of float16 are taken in float32, except into `out=`.
        elif fact(node, "takes_out") and not (
            node.params.keys() & {"dtype", "casting"} or node.out.dtype == np.float16
        ):
            out = self.result(time, node)
            self.say(node, self.call(node, out.name))
        else:
            self._plain(node)

    def _statement(self, time: int, node: Node) -> bool:
        return STATEMENTS[function_of(node)](self, time, node) is not NotImplemented

    @staticmethod
    def _reduces(node: Node) -> bool:
        """Whether the plain `reduce` of a ufunc says the same, and sooner."""
        return reduces_only(node) and fact(node, "reduces") is not None

    def _reduction(self, node: Node, out: str = "") -> str:
        options = text.keywords({"axis": None, **node.params} if out else {"axis": None})
        into = f", out={out}" if out else ""
        name = fact(node, "reduces").__name__
        return f"np.{name}.reduce({self.operands(node)}{options}{into})"

    def _overwrite(self, returned: list[str]) -> None:
        """The end of a step: what replaces stored arrays is written into them."""
        written = set(self.job.replaces.values())
        values: dict[Any, str] = {}
        for i, leaf in self.job.replaces.items():
            v = self.trace.outputs[i]
            if v.node in self.lives.in_place or v is leaf:
                continue
            values[leaf] = self.cell(v).name
            if self.lives.root(v) in written:  # it lies where something else is written
                values[leaf] = own = self.name(f"new_{leaf.name}")
                self.define(own, f"{self.cell(v).name}.copy()", varies=True)
        if self.job.checks:
            self._check_finite(returned)
        for node, leaf in self.lives.in_place.items():
            self._replace(node, leaf)
        for leaf, value in values.items():
            self.line(f"{self.cells[leaf].name}[...] = {value}", "update")

    def _replace(self, node: Node, leaf: Any) -> None:
        """Compute what replaces a stored array right where that lies."""
        self.say(node, self.call(node, self.cells[leaf].name))

    def _check_finite(self, returned: list[str]) -> None:
        """Hold back the update from a loss or a new value that is not finite."""
        watched = []
        for i, leaf in self.job.replaces.items():
            v = self.trace.outputs[i]
            operands = v.node.inputs if v.node in self.lives.in_place else (v,)
            watched += [x for x in operands if is_recorded(x) and x is not leaf]
        conditions = [f"isfinite({self.cell(self.trace.outputs[0]).name})"]
        real = (x for x in watched if x.dtype.kind == "f")
        for name, ndim in dict.fromkeys((self.cell(x).name, x.ndim) for x in real):
            if ndim == 0:
                conditions.append(f"isfinite({name})")
            elif ndim == 1:
                # The dot product is the quickest look; large finite elements may overflow it.
                quick = f"isfinite(np.dot({name}, {name}))"
                conditions.append(f"({quick} or np.isfinite({name}).all())")
            else:
                conditions.append(f"np.isfinite({name}).all()")
        self.line(f"if not ({' and '.join(conditions)}):", "nothing has been changed yet")
        self.line(f"    return {', '.join([*returned, 'False'])}")

    def _number(self, node: Node) -> None:
        """A single number: a local name, no buffer."""
        operator = fact(node, "operator")
        if operator and len(node.inputs) == 2:
            value = f" {operator} ".join(map(self.operand, node.inputs))
        elif self._reduces(node):
            value = self._reduction(node)
        else:
            value = self.call(node)
            if node.out.dtype == bool:  # some functions give Python's, as np.allclose does
                value = f"np.bool({value})"
            elif not isinstance(function_of(node), np.ufunc):
                value += "[()]"  # an array without axes, which might be a view, becomes a number
        name = self.fresh_name(node)
        self.put(node, name, node.out, varies=True)
        self.say(node, f"{name} = {value}")

    def _plain(self, node: Node) -> None:
        """An operation that makes its result by itself."""
        call = self.call(node)
        if self.lives.shares(node):  # a view of a buffer would change when the buffer is reused
            several = isinstance(node.out, tuple)
            call = f"(np.array(part) for part in {call})" if several else f"np.array({call})"
        self._assign(node, call)

    def _assign(self, node: Node, call: str) -> None:
        """What a call gives under names of its own."""
        if not isinstance(node.out, tuple):
            self.say(node, f"{self._made(node, node, node.out)} = {call}")
            return
        names = [self._made(node, (node, i), out) for i, out in enumerate(node.out)]
        comma = "," if len(names) == 1 else ""
        self.say(node, f"{', '.join(names)}{comma} = {call}")

    def _made(self, node: Node, key: Any, out: Any) -> str:
        return self.put(key, self.fresh_name(node), out, varies=True).name

    def _view(self, node: Node) -> None:
        source = self.cell(node.inputs[0])
        value = self.call(node)
        self.put(node, self.view_name(node, source), node.out, source.varies, value)

    def _join(self, node: Node) -> None:
        """The parts lie side by side already; those that do not are copied."""
        cell = self.joined(node)
        start = 0
        for x in node.inputs:
            stop = start + int(np.size(x))
            root = self.lives.root(x) if is_recorded(x) else None
            if not (isinstance(root, Node) and self.lives.pins.get(root) == (node, start)):
                self.say(node, f"{cell.name}[{start}:{stop}] = {self.operand(x)}")
            start = stop
