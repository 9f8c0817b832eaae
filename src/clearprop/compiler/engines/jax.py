"""The engine for JAX: a pure function in `jax.numpy`, which JAX compiles for what it finds.

The program takes what is stored (parameters, optimiser state) and gives it back changed. A batch
may be split among devices: the program is one for all of it, so that sums over samples go over all
of them wherever they lie, and the numbers are the same.
"""

import re
from typing import Any

import numpy as np

from clearprop.compiler import simplify
from clearprop.compiler.as_written import AsWritten
from clearprop.compiler.devices import Numbers
from clearprop.compiler.engines import Job, text
from clearprop.compiler.engines.jax_words import SPELLING, translated
from clearprop.compiler.engines.sheet import Sheet
from clearprop.compiler.in_pieces import in_pieces
from clearprop.compiler.leaf import Setting
from clearprop.compiler.on_devices import OnDevices
from clearprop.compiler.program import Program
from clearprop.compiler.rewriting import fact, function_of, is_recorded
from clearprop.compiler.simplify_scalars import sunk_scalars
from clearprop.compiler.tracing import Trace
from clearprop.errors import UnsupportedError
from clearprop.graph.node import Node
from clearprop.primitives.labels import read_labels, read_numbers


def simplified(trace: Trace) -> Trace:
    """Simplify a recording, and leave to JAX what it does itself: it joins multiplications by a
    scalar, and sums, to what stands beside them."""
    without = (sunk_scalars, simplify.raised_scalars, simplify.sums_as_products)
    return simplify.simplified(trace, without=without)


def program(job: Job) -> Program:
    """Print a recording as a function of `jax.numpy`, and let JAX compile it at its first call."""
    exact, job = Numbers(), in_pieces(job)
    with exact as jax:
        printer = _Printer(job, jax)
        return OnDevices(job, printer.source(), printer.checks, exact)


_SMALL = 2**10
"""So many elements are looked at as they are; of more, sums by rows, which is sooner done."""
_IMPORTS = "import jax, jax.scipy.special, jax.numpy as jnp\nfrom base64 import b64decode"
_SETTINGS = (
    "It is meant to run with jax_enable_x64, so that numbers are what they are in NumPy, and with",
    'jax_default_matmul_precision "highest", so that products are as exact as their dtype.',
)


class _Printer(Sheet):
    """Prints statement by statement, and tries each on shapes alone: JAX says what it cannot do.

    Its results must have the dtypes that NumPy's have; where it would choose others, for whole
    numbers among floats, operands are cast.
    """

    expressions = SPELLING

    def __init__(self, job: Job, jax: Any) -> None:
        super().__init__(job)
        self.names |= {"jax", "jnp"}
        self.checks: dict[Node, str] = {}
        """What looks at targets; how the program says that they fit, if it does."""
        self._jax = jax
        self._scope: dict[str, Any] = {}
        self._tried = 0
        """How many lines of the set-up have been."""
        self._dtype: Any = None
        """What operands are cast to."""

    def source(self) -> str:
        """Print the program."""
        self.leaves = {v: self.name(v.name or "x") for v in self.trace.leaves}
        kinds = self._jax.ShapeDtypeStruct
        for v, name in self.leaves.items():
            if v.dtype.kind == "f" and v.dtype.itemsize > 8:
                raise UnsupportedError(
                    f"compile: {name} has dtype {v.dtype}, which JAX does not have; give "
                    f"{name}.astype(np.float64), or use the engine numpy"
                )
        like = [
            v.data.item() if isinstance(v, Setting) else kinds(v.shape, v.dtype.newbyteorder("="))
            for v in self.leaves
        ]
        self._jax.eval_shape(self._body, *like)
        job = self.job
        data = [self._data[v] for v in job.gathered]
        rest = [n for v, n in self.leaves.items() if v not in job.stored and v not in job.gathered]
        arguments = [*(self.leaves[v] for v in job.stored), *data, *["rows"] * bool(data), *rest]
        text_of_body = "\n".join(s for s, _ in self.body)
        more = [f"import {m}" for m in ("jax", "jax.scipy.special") if f"{m}." in text_of_body]
        lines = [f'"""{text.harmless(job.title)}', "", *_SETTINGS, '"""', ""]
        setup = [translated(str(line)) for line in self.setup]
        if any("b64decode(" in line for line in [*setup, text_of_body]):
            lines += ["from base64 import b64decode", ""]
        lines += [*more, "import jax.numpy as jnp", ""]
        lines += [*setup, *[""] * bool(setup)]
        lines += ["", f"def {job.function}({', '.join(arguments)}):"]
        width = max((len(s) for s, c in self.body if c and len(s) < 88), default=0)
        lines += [f"    {s:<{width}}  # {c}" if c else f"    {s}" for s, c in self.body]
        return "\n".join([*lines, f"    return {self._result}"]) + "\n"

    def _body(self, *values: Any) -> None:
        job = self.job
        self._scope = dict(zip(self.leaves.values(), values, strict=True))
        exec(_IMPORTS, self._scope)
        self._data = {v: self.name((v.name or "x").upper()) for v in job.gathered}
        for v, name in self.leaves.items():
            self.put(v, name, v, varies=True)
            if v in self._data:
                comment = f"the batch: rows of {self._data[v]} → {v.shape}"
                self.line(f"{name} = {self._data[v]}[rows]", comment)
        for node in self.trace.nodes:
            try:
                self._node(node)
            except Exception as error:  # whatever JAX raises, it is in this node
                said = str(error).strip().partition("\n")[0] or type(error).__name__
                said += "; numpy and c are engines that run it"
                raise text.not_spelled("jax", node, self.trace.labels[node], said) from None
        returned, new = [], []
        for i, v in enumerate(self.trace.outputs):
            (new if i in job.replaces else returned).append(self.cell(v).name)
        if job.checks:
            ok, loss = self.name("ok"), returned[0]
            self.line(f"{ok} = {self._finite()}", "otherwise nothing counts")
            new.append(loss)  # so that to learn of both one number is fetched
            returned[0] = f"jnp.where({ok}, {loss}, jnp.nan)"
        self._result = f"({', '.join([*returned, *new])},)"

    def _finite(self) -> str:
        """Whether labels fit, and loss and all that is written are finite.

        0 · ∞ and 0 · NaN are NaN, and sums hand NaN on (maxima need not, on processors).
        """
        outputs = self.trace.outputs
        written = [v for i, v in enumerate(outputs) if i in self.job.replaces or i == 0]
        cells = {self.cell(v).name: v for v in written if v.dtype.kind == "f"}
        looks = [n if v.size <= _SMALL else f"({n} * 0).sum(axis=-1)" for n, v in cells.items()]
        joined = ", ".join(f"{look}.ravel()" for look in looks)
        tests = [f"jnp.isfinite(jnp.concatenate([{joined}])).all()"]
        return " & ".join([*tests, *filter(None, self.checks.values())])

    def _fits(self, node: Node) -> str:
        """Whether class numbers are in range, in the program; all else is looked at beside it."""
        t, is_read = node.inputs[0], function_of(node) is read_labels
        if not (self.job.checks and is_read and node.out.dtype.kind in "ui"):
            return ""
        name, classes = self.operand(t), node.params["shape"][-1]
        above = f" & ({name} < {classes})" if classes <= np.iinfo(t.dtype).max else ""
        return f"(({name} >= 0){above}).all()"

    def _node(self, node: Node) -> None:
        if isinstance(node.operation, AsWritten):
            raise UnsupportedError(f"it runs as it is written: {node.operation.reason}")
        if function_of(node) in (read_labels, read_numbers):
            self.checks[node] = self._fits(node)
        several = isinstance(node.out, tuple)
        outs = node.out if several else (node.out,)
        names = []
        for i, out in enumerate(outs):
            names.append(self._named(node))
            self.put((node, i) if several else node, names[-1], out, varies=True)
        left = ", ".join(names) + ("," if several and len(names) == 1 else "")
        statement, wrong = self._tried_on(left, names, outs, self.call(node))
        if wrong:
            self._dtype = outs[0].dtype
            statement, wrong = self._tried_on(left, names, outs, self.call(node))
            self._dtype = None
        if wrong and not several:
            call = statement.partition(" = ")[2]
            cast = f"({call}).astype({text.literal(node.out.dtype)})"
            statement, wrong = self._tried_on(left, names, outs, cast)
        if wrong and not several:
            raise UnsupportedError(wrong)
        self.say(node, statement)
        for name, out in zip(names, outs, strict=True) if wrong else ():
            self.line(self._cast(name, out))

    def _tried_on(self, left: str, names: list[str], outs: Any, call: str) -> tuple[str, str]:
        """A statement, run on shapes; and what is wrong with what it gives, if anything."""
        for line in self.setup[self._tried :]:
            exec(translated(str(line)), self._scope)
        self._tried = len(self.setup)
        statement = translated(f"{left} = {call}")
        exec(statement, self._scope)
        for name, out in zip(names, outs, strict=True):
            found = self._scope[name]
            if np.shape(found) != np.shape(out):
                raise UnsupportedError(f"JAX gives {np.shape(found)} in place of {np.shape(out)}")
            if getattr(found, "dtype", np.float64) != out.dtype.newbyteorder("="):
                return statement, f"JAX gives {found.dtype} in place of {out.dtype}"
        return statement, ""

    def _cast(self, name: str, out: Any) -> str:
        """One of several results in the dtype that it has in NumPy."""
        statement = translated(f"{name} = {name}.astype({text.literal(out.dtype)})")
        exec(statement, self._scope)
        return statement

    def operand(self, x: Any) -> str:
        name, dtype = super().operand(x), self._dtype
        if dtype is None or not is_recorded(x) or x.dtype == dtype:
            return name
        if not np.can_cast(x.dtype, dtype, "same_kind"):
            return name  # a place that was looked up, say: its operands are no whole numbers
        return f"np.asarray({name}).astype({text.literal(self._dtype)})"

    def call(self, node: Node, out: str = "") -> str:
        operator = fact(node, "operator")
        if operator and len(node.inputs) == 2 and not node.params and operator != "**":
            return f" {operator} ".join(map(self.operand, node.inputs))
        function, module = function_of(node), node.operation.name.rpartition(".")[0]
        known = function in SPELLING or re.match(r"np\b|scipy\.special", module)
        if function is not None and not known:
            raise UnsupportedError("JAX does not know it")
        return super().call(node, out)

    def _named(self, node: Node) -> str:
        label = self.trace.labels[node]
        if label.startswith("parameter "):
            return self.name(label.removeprefix("parameter "))
        return self.fresh_name(node)
