"""Prints a recording as JavaScript: what is stored where, and a loop for each step."""

import re
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from clearprop.compiler.as_written import AsWritten
from clearprop.compiler.engines import Job
from clearprop.compiler.engines.script_pieces import literal, spread, table, typed
from clearprop.compiler.engines.script_words import (
    BY_NAME,
    COMPARED,
    KEEPS,
    REDUCTIONS,
    WORDS,
)
from clearprop.compiler.engines.strided import Strided
from clearprop.compiler.engines.text import harmless, identifier, not_spelled
from clearprop.compiler.leaf import Setting
from clearprop.compiler.rewriting import function_of, is_recorded
from clearprop.errors import UnsupportedError
from clearprop.graph.node import Node

LOOPS = "ijklpqrsuw"
"""What the loops count with."""

_TAKEN = """
    ROWS TERMS abs acos acosh asin asinh at atan atan2 atanh await away break cbrt case catch ceil
    class const continue copysign cos cosh debugger decoded default delete do else enum erf exp
    expit expm1 export extends false finally finite floor fmax for fround function heaviside if
    implements import in instanceof interface let log log10 log1p log2 logaddexp make max min
    multiply new null order package packed pairwise parts planned power private protected public
    remainder return rint room sign sin sinh sqrt static super switch tan tanh this throw true trunc
    try typeof var vectors void while with yield arguments eval undefined NaN Infinity LN2 PI
    PRODUCTS value total hypot multiplyPlain multiplyWide wrapped isFinite Math Object Number
    Float32Array Float64Array Int32Array Uint8Array
"""


class Script:
    """The text of one program, as far as it is printed."""

    def __init__(self, job: Job, statements: dict[Any, Callable[[Any, Node], None]]) -> None:
        self.statements = statements
        """How a function is said that is not element-wise and no reduction."""
        self.job, self.trace = job, job.trace
        self.setup: list[str] = []
        """What is made once: arrays, and where the elements of products lie."""
        self.body: list[str] = []
        """The lines of each call."""
        self.known: dict[Any, Strided | str] = {}
        """Where a value is: in an array, or a number under a name."""
        self.names = {*_TAKEN.split(), *LOOPS}
        self.nbytes = 0
        self._lengths: dict[str, int] = {}
        self.checks: list[Node] = []
        """What looks at targets, before the program runs."""
        self.results: list[tuple[tuple[int, ...], np.dtype]] = []
        self.read: dict[Any, list[Node]] = {}
        """By node what reads it."""
        for node in self.trace.nodes:
            for x in node.inputs:
                if is_recorded(x) and x.node is not None:
                    self.read.setdefault(x.node, []).append(node)
        self.given_out = {v.node for v in self.trace.outputs}

    # The whole.

    def source(self) -> str:
        """Print the program."""
        job, leaves = self.job, []
        function = f"{job.function}_" if job.function in self.names else job.function
        for v in self.trace.leaves:
            leaves.append(name := self.name(v.name or "x"))
            held = v in job.stored or np.ndim(v)
            self.known[v] = Strided.dense(name, np.shape(v), v.dtype) if held else name
            self._lengths[name] = prod(np.shape(v))
        todo = list(self.trace.nodes)
        done: set[Node] = set()
        while todo:
            group = self._group(todo, done)
            self._print(group)
            done.update(group)
            todo = [node for node in todo if node not in done]
        results = self._finish()
        lines = [f"// {harmless(job.title)}"]
        lines += ["function make() {", *(f"  {line}" for line in self.setup), ""]
        lines += [f"  return function {function}({', '.join(leaves)}) {{"]
        lines += [f"    {line}" for line in self.body]
        return "\n".join([*lines, f"    return [{', '.join(results)}];", "  };", "}"]) + "\n"

    def _finish(self) -> list[str]:
        """What is given back; what is replaced is written once all has been read."""
        job = self.job
        written = {self.known[leaf].name for leaf in job.replaces.values()}  # type: ignore[union-attr]
        results, new = [], []
        for i, v in enumerate(self.trace.outputs):
            x = self.value(v)
            if i not in job.replaces:
                self.results.append((np.shape(v), v.dtype))
                if isinstance(x, Strided):
                    x = self._own(x, written).name if x.shape else x.at([])
                results.append(x)
            elif isinstance(x, str):
                new.append((job.replaces[i], x))
            elif v is not job.replaces[i]:
                new.append((job.replaces[i], self._own(x, written)))
        if job.checks:
            found = [x for v, x in new if v.dtype.kind == "f"]
            first = self.value(self.trace.outputs[0])
            real = [first, *found]
            looks = [f"isFinite({x})" if isinstance(x, str) else f"finite({x.name})" for x in real]
            self.say("nothing has been changed yet")
            self.line(f"if (!({' && '.join(looks)})) return [{', '.join([*results, 'false'])}];")
            results.append("true")
        for leaf, x in new:
            into = self.known[leaf]
            assert isinstance(into, Strided)
            put = f"{into.name}[0] = {x};" if isinstance(x, str) else f"{into.name}.set({x.name});"
            self.line(f"{put} // update")
        return results

    def _own(self, x: Strided, written: set[str]) -> Strided:
        """A value as a whole array that nothing else is written into."""
        whole = x.is_dense and not x.start and self._lengths.get(x.name) == x.size
        return x if whole and x.name not in written else self.copied(x)

    # One step, or several in one loop.

    def _group(self, todo: list[Node], done: set[Node]) -> list[Node]:
        """The next node, and with an element-wise one all of its shape that can be computed now."""
        first = todo[0]
        if self.word(first) is None or not np.ndim(first.out):
            return [first]
        group = {first: None}
        for node in todo[1:]:
            same = not isinstance(node.out, tuple) and np.shape(node.out) == np.shape(first.out)
            if (
                same
                and self.word(node) is not None
                and all(
                    x.node is None or x.node in done or x.node in group
                    for x in node.inputs
                    if is_recorded(x)
                )
            ):
                group[node] = None
        return [*group]

    def _print(self, group: list[Node]) -> None:
        node = group[0]
        try:
            for node in group:  # the one that is refused is the one to be named
                self._check(node)
            node = group[0]
            if self.word(node) is not None:
                self._elements(group) if np.ndim(node.out) else self._number(node)
                return
            function = function_of(node)
            if function in REDUCTIONS:
                self._reduction(node)
                return
            statement = self.statements.get(function)
            if statement is None:
                raise UnsupportedError("it is not a function that it knows")
            statement(self, node)
        except UnsupportedError as error:
            raise not_spelled("javascript", node, self.trace.labels[node], error) from None

    def _check(self, node: Node) -> None:
        """Refuse what no program says, and dtypes that JavaScript's numbers do not behave as.

        Errors: `UnsupportedError`.
        """
        if node.out.__class__ is tuple:
            raise UnsupportedError("it gives several results")
        if isinstance(node.operation, AsWritten):
            raise UnsupportedError(f"it runs as it is written: {node.operation.reason}")
        dtype, function = node.out.dtype, function_of(node)
        typed(dtype)
        if function in KEEPS or dtype.kind == "f" or dtype.name in ("int32", "int64"):
            return
        if dtype != np.bool_:
            raise UnsupportedError(
                f"{dtype} goes round at its ends, and JavaScript's numbers do not; compute in "
                "int64, x.astype(np.int64)"
            )
        if self.word(node) is None and function not in REDUCTIONS:
            raise UnsupportedError("it makes truth values; compute with x.astype(np.int64)")

    def word(self, node: Node) -> str | None:
        """An element-wise function as an expression with braces; `None` for what is none."""
        function = function_of(node)
        if isinstance(node.out, tuple):
            return None
        if function is np.astype:
            kind = np.dtype(node.params["dtype"]).kind
            return {"b": "+({} !== 0)", "i": "trunc({})", "u": "trunc({})"}.get(kind, "{}")
        found = WORDS.get(function) or BY_NAME.get(node.operation.name)
        if found is None or node.params.keys() - {"dtype"}:
            return None
        if node.out.dtype == np.bool_ and function in (np.add, np.multiply):
            return "{} | {}" if function is np.add else "{} & {}"
        if function is np.invert and node.out.dtype == np.bool_:
            return "+!{}"
        return found

    def expression(self, node: Node, operands: list[str]) -> str:
        """An element-wise function of operands, rounded as its dtype is."""
        narrow = [x for x in node.inputs if getattr(x, "dtype", None) == np.float32]
        looks = function_of(node) in COMPARED and narrow
        if node.out.dtype == np.float32 or looks:
            operands = [
                self._rounded(x, text) for x, text in zip(node.inputs, operands, strict=True)
            ]
        word = self.word(node)
        assert word is not None
        exact = re.fullmatch(r"-?\{\}|abs\(\{\}\)|\(\{\} !== 0 \? \{\} : \{\}\)|max.*|min.*", word)
        made = word.format(*operands)
        if node.out.dtype == np.float32 and not (exact and function_of(node) is not np.astype):
            return f"fround({made})"
        return made

    @staticmethod
    def _rounded(x: Any, text: str) -> str:
        """A plain number beside float32 is rounded to it."""
        if is_recorded(x):
            weak = isinstance(x, Setting) or (not np.ndim(x) and x.dtype == np.float64)
            return f"fround({text})" if weak else text
        return (
            literal(np.float32(x)) if not np.ndim(x) and np.asarray(x).dtype.kind == "f" else text
        )

    def _number(self, node: Node) -> None:
        operands = [self.scalar(x) for x in node.inputs]
        name = self.known[node] = self.fresh(node)
        self.line(f"const {name} = {self.expression(node, operands)};{self.comment([node])}")

    def _elements(self, group: list[Node]) -> None:
        """One loop over all elements."""
        shape, inside = np.shape(group[0].out), set(group)
        outside = [
            self.value(x)
            for node in group
            for x in node.inputs
            if not (is_recorded(x) and x.node in inside) and np.size(x) != 1
        ]
        flat = all(isinstance(v, Strided) and v.shape == shape and v.is_dense for v in outside)
        loops = LOOPS[:1] if flat else LOOPS[: len(shape)]
        local: dict[Any, str] = {}
        lines = []
        for node in group:
            operands = []
            for x in node.inputs:
                if is_recorded(x) and x.node in local:
                    operands.append(local[x.node])
                elif np.size(x) == 1:
                    operands.append(self.scalar(x))
                else:
                    operands.append(self._element(self.value(x), shape, loops, flat))
            made = self.expression(node, operands)
            stored = node in self.given_out or any(n not in inside for n in self.read.get(node, ()))
            if not stored:
                local[node] = name = self.fresh(node)
                lines.append(f"const {name} = {made};")
                continue
            into = self.room(node)
            place = self._element(into, shape, loops, flat)
            if any(n in inside for n in self.read.get(node, ())):
                local[node] = name = self.name(f"{into.name}_now")
                lines.append(f"const {name} = {place} = {made};")
            else:
                lines.append(f"{place} = {made};")
        sizes = (prod(shape),) if flat else shape
        self.say(self.comment(group).removeprefix(" // "))
        self.loop(dict(zip(loops, sizes, strict=True)), lines)

    @staticmethod
    def _element(v: Any, shape: tuple[int, ...], loops: str, flat: bool) -> str:
        if flat:
            return f"{v.name}[{f'{v.start} + i' if v.start else 'i'}]"
        return v.at([i for i, _ in zip(loops, shape, strict=True)])

    def _reduction(self, node: Node) -> None:
        x = self.array(node.inputs[0])
        axes = self.axes(node, len(x.shape))
        self.only(node, "axis", "keepdims", "dtype")
        start, change = REDUCTIONS[function_of(node)]
        inner = {LOOPS[d]: x.shape[d] for d in axes}
        outer = {LOOPS[d]: n for d, n in enumerate(x.shape) if d not in axes}
        lines = [f"let total = {start};"]
        step = change.format(a="total", x="value")
        if step.count("value") > 1:
            told = [f"const value = {x.at(LOOPS[: len(x.shape)])};", step]
        else:
            told = [change.format(a="total", x=x.at(LOOPS[: len(x.shape)]))]
        lines += spread(inner, told)
        self.reduced(node, outer, lines, "total")

    def reduced(self, node: Node, outer: dict[str, int], lines: list[str], end: str) -> None:
        """Write what the lines find for each place of the loops outside; one alone is a number."""
        narrow = node.out.dtype == np.float32
        self.say(self.comment([node]).removeprefix(" // "))
        if not np.ndim(node.out):
            name = self.known[node] = self.fresh(node)
            self.line(f"let {name};")
            end = f"fround({end})" if narrow else end
            self.loop(outer, [*lines, f"{name} = {end};"], block=True)
            return
        into = self.room(node)
        kept = Strided.dense(into.name, tuple(outer.values()), into.dtype)
        self.loop(outer, [*lines, f"{kept.at([*outer])} = {end};"], block=True)

    @staticmethod
    def only(node: Node, *names: str) -> None:
        """Errors: `UnsupportedError` for other arguments than these, and the first operand."""
        given = {
            k for k, v in node.params.items() if v is not None and not (k == "where" and v is True)
        }
        if len(node.inputs) > 1 or given - {*names}:
            raise UnsupportedError(f"it has other arguments than {', '.join(names)}")

    @staticmethod
    def axes(node: Node, ndim: int) -> tuple[int, ...]:
        """The axes that a reduction goes over."""
        axis = node.params.get("axis")
        if axis is None:
            return tuple(range(ndim))
        return tuple(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))

    # Values.

    def value(self, x: Any) -> Strided | str:
        """Where a value is; constants are made once."""
        if is_recorded(x):
            return self.known[x if x.node is None else x.node]
        array = np.asarray(x)
        if not array.ndim:
            return literal(array)
        key = ("constant", array.dtype.str, array.shape, array.tobytes())
        if key not in self.known:
            name = self.name("constant")
            self.setup.append(f"const {name} = {table(array)};")
            self.known[key] = Strided.dense(name, array.shape, array.dtype)
        return self.known[key]

    def scalar(self, x: Any) -> str:
        """A value of one element as a number."""
        v = self.value(x)
        return v if isinstance(v, str) else v.at(["0"] * len(v.shape))

    def array(self, x: Any) -> Strided:
        """A value as an array; a number becomes one of a single element."""
        v = self.value(x)
        if isinstance(v, Strided):
            return v
        made = self.buffer("number", (), np.asarray(x).dtype if not is_recorded(x) else x.dtype)
        self.line(f"{made.name}[0] = {v};")
        return made

    def buffer(self, wish: str, shape: tuple[int, ...], dtype: np.dtype) -> Strided:
        """A new array."""
        name, kind = self.name(wish), typed(dtype)
        self.setup.append(f"const {name} = new {kind}({prod(shape)});")
        self.nbytes += prod(shape) * np.dtype(dtype).itemsize
        self._lengths[name] = prod(shape)
        return Strided.dense(name, shape, np.dtype(dtype))

    def room(self, node: Node) -> Strided:
        """The array for a result."""
        made = self.buffer(self.base(node), np.shape(node.out), node.out.dtype)
        self.known[node] = made
        return made

    def copied(self, x: Strided, into: Strided | None = None) -> Strided:
        """The elements of a value, in another array or one of its own."""
        into = into or self.buffer(f"{x.name}_copy", x.shape, x.dtype)
        if x.is_dense and into.is_dense and x.size == self._lengths.get(x.name) and not x.start:
            start = f", {into.start}" if into.start else ""
            self.line(f"{into.name}.set({x.name}{start});")
        else:
            sizes = dict(zip(LOOPS, x.shape, strict=False))
            loops = LOOPS[: len(x.shape)]
            self.loop(sizes, [f"{into.at(loops)} = {x.at(loops)};"])
        return into

    # Words.

    def name(self, wish: str) -> str:
        """A name that nothing has yet."""
        base = re.sub(r"[^\x00-\x7f]", "_", identifier(wish))
        name, n = base, 2
        while name in self.names:
            name, n = f"{base}_{n}", n + 1
        self.names.add(name)
        return name

    def base(self, node: Node) -> str:
        """What a result could be called."""
        where, dot, phase = self.trace.labels[node].rpartition(".")
        if not dot:
            where, phase = phase, ""
        what = node.operation.name.rpartition(".")[2]
        return f"{'d' if phase == 'backward' else ''}{where or self.job.function}_{what}"

    def fresh(self, node: Node) -> str:
        return self.name(self.base(node))

    def comment(self, group: list[Node]) -> str:
        """Where these come from, and what they do."""
        where = [*dict.fromkeys(self.trace.labels[node] for node in group)]
        what = [*dict.fromkeys(node.operation.name.rpartition(".")[2] for node in group)]
        shapes = ", ".join(str(np.shape(x)) for x in group[0].inputs if np.ndim(x))
        shapes = f" {shapes} → {np.shape(group[0].out)}" if np.ndim(group[0].out) or shapes else ""
        text = f"{', '.join(filter(None, where))}: {', '.join(what)}{shapes}".removeprefix(": ")
        return f" // {harmless(text)}"

    def say(self, text: str) -> None:
        self.line(f"// {text}")

    def line(self, text: str) -> None:
        self.body.append(text)

    def loop(self, sizes: dict[str, int], lines: list[str], block: bool = False) -> None:
        """Lines for each place of some loops."""
        self.body += spread(sizes, lines, block)
