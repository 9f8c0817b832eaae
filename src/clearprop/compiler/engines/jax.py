"""The engine for JAX: a pure function in `jax.numpy`, which JAX compiles for what it finds.

The program takes what is stored (parameters, optimiser state) and gives it back changed. A batch
may be split among devices: the program is one for all of it, so that sums over samples go over all
of them wherever they lie, and the numbers are the same.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compiler import simplify
from clearprop.compiler.as_written import AsWritten
from clearprop.compiler.at_labels import pick_at, subtract_at
from clearprop.compiler.devices import Devices, Numbers
from clearprop.compiler.engines import Job, text
from clearprop.compiler.engines.sheet import Sheet
from clearprop.compiler.engines.spelling import EXPRESSIONS
from clearprop.compiler.in_pieces import in_pieces
from clearprop.compiler.leaf import Setting
from clearprop.compiler.processes import agree, told
from clearprop.compiler.program import Program
from clearprop.compiler.rewriting import fact, function_of, is_recorded, maker, value_in
from clearprop.compiler.simplify_scalars import sunk_scalars
from clearprop.compiler.tensor_products import contract, laid_out
from clearprop.compiler.tracing import Trace
from clearprop.errors import ConfigError, UnsupportedError
from clearprop.graph.node import Node
from clearprop.primitives.cumulative import running_argmax
from clearprop.primitives.indexing import getitem, put_at
from clearprop.primitives.labels import read_labels, read_numbers
from clearprop.primitives.windows import add_windows, sliding_window_view


def simplified(trace: Trace) -> Trace:
    """Simplify a recording, and leave to JAX what it does itself: it joins multiplications by a
    scalar, and sums, to what stands beside them."""
    without = (sunk_scalars, simplify.raised_scalars, simplify.sums_as_products)
    return simplify.simplified(trace, without=without)


def program(job: Job) -> Program:
    """Print a recording as a function of `jax.numpy`, and let JAX compile it at its first call."""
    exact, job = Numbers(), in_pieces(job)
    with exact as jax:
        return _OnDevices(job, _Printer(job, jax), exact)


# --- spelling ------------------------------------------------------------------------------------


def _getitem(node: Node, names: list[str]) -> str:
    index = text.index(node.params["form"], tuple(names[1:]))
    known = (not is_recorded(i) or maker(i, read_labels) for i in node.inputs[1:])
    if all(known) or node.out.dtype.kind != "f":
        return f"{names[0]}[{index}]"
    return f'{names[0]}.at[{index}].get(mode="fill")'  # NaN where there is no such element


def _put_at(node: Node, names: list[str]) -> str:
    zeros = f"np.zeros({text.literal(node.params['shape'])}, {text.literal(node.out.dtype)})"
    return f"{zeros}.at[{text.index(node.params['form'], tuple(names[1:]))}].add({names[0]})"


def _read(node: Node, names: list[str]) -> str:
    """Targets have been checked before; see `_OnDevices`."""
    x, out = node.inputs[0], node.out
    shaped = names[0] if np.shape(x) == out.shape else f"{names[0]}.reshape({out.shape})"
    return shaped if x.dtype == out.dtype else f"{shaped}.astype({text.literal(out.dtype)})"


def _pick(node: Node, names: list[str]) -> str:
    return f"np.take_along_axis({names[0]}, {names[1]}[:, None], axis=1)[:, 0]"


def _subtract(node: Node, names: list[str]) -> str:
    x, t, c = names
    return f"np.where({t}[:, None] == np.arange({node.out.shape[1]}), {x} - {c}, {x})"


def _windows(node: Node, names: list[str]) -> str:
    """All windows side by side, one slice for each place in a window."""
    shape, axes = np.shape(node.inputs[0]), node.params.get("axis")
    axes = range(len(shape)) if axes is None else axes if isinstance(axes, tuple) else (axes,)
    axes = [a % len(shape) for a in axes]
    sizes, index, loops = node.out.shape[len(shape) :], [":"] * len(shape), []
    for axis, size, i in zip(axes, sizes, "ijkl", strict=False):
        n = node.out.shape[axis]
        index[axis] = f"{i} : {i} + {n}"
        loops.append(f"for {i} in range({size})")
    parts = f"[{names[0]}[{', '.join(index)}] {' '.join(loops)}]"
    return f"np.stack({parts}, axis=-1).reshape({text.literal(node.out.shape)})"


def _add_windows(node: Node, names: list[str]) -> str:
    """The reverse: each place of a window, spread out and with zeros around, and all added."""
    shape, axes = node.out.shape, node.params["axes"]
    steps = dict(zip(axes, node.params.get("steps") or (1,) * len(axes), strict=True))
    windows = np.shape(node.inputs[0])
    around, loops, at = ["(0, 0, 0)"] * len(shape), [], []
    for axis, size, i in zip(axes, windows[len(shape) :], "ijkl", strict=False):
        right = shape[axis] - 1 - steps[axis] * (windows[axis] - 1)
        around[axis] = f"({i}, {right} - {i}, {steps[axis] - 1})"
        loops.append(f"for {i} in range({size})")
        at.append(i)
    zero = f"np.zeros((), {text.literal(node.out.dtype)})"
    part = f"jax.lax.pad({names[0]}[..., {', '.join(at)}], {zero}, [{', '.join(around)}])"
    return f"sum({part} {' '.join(loops)})"


def _running_argmax(node: Node, names: list[str]) -> str:
    x, shape = names[0], node.out.shape
    axis = node.params.get("axis", 0) % len(shape)
    column = [-1 if i == axis else 1 for i in range(len(shape))]
    places = f"np.arange({shape[axis]}).reshape({column})"
    wins = f"({x} == jax.lax.cummax({x}, {axis})) | np.isnan({x})"
    return f"jax.lax.cummax(np.where({wins}, {places}, 0), {axis})"


def _without(**said: str | None) -> Callable[[Node, list[str]], str]:
    """The function by its own name, without an argument that JAX has not, where it says nothing:
    if it is the default, or anything at all where `None` stands."""

    def spelling(node: Node, names: list[str]) -> str:
        given = {k: v for k, v in node.params.items() if k not in said or said[k] not in (None, v)}
        several = f"[{', '.join(names)}]" if function_of(node) is np.concatenate else names[0]
        return f"{node.operation.name}({several}{text.keywords(given)})"

    return spelling


SPELLING: dict[Callable[..., Any], Callable[[Node, list[str]], str | None]] = {
    **EXPRESSIONS,
    getitem: _getitem,
    put_at: _put_at,
    read_labels: _read,
    read_numbers: _read,
    pick_at: _pick,
    subtract_at: _subtract,
    sliding_window_view: _windows,
    add_windows: _add_windows,
    running_argmax: _running_argmax,
    contract: EXPRESSIONS[np.einsum],
    laid_out: lambda node, names: names[0],  # where it lies is for JAX to choose
    np.fix: lambda node, names: f"np.trunc({names[0]})",
    np.sort: _without(kind=None),  # it is always stable
    np.argsort: _without(kind=None),
    np.concatenate: _without(casting="same_kind"),
}
"""What JAX says otherwise than by the same name in `jax.numpy`."""

_NAMES = {
    r"\bnp\.": "jnp.",
    r"\bscipy\.special\.psi\b": "jax.scipy.special.digamma",
    r"\bscipy\.special\.log_expit\b": "jax.nn.log_sigmoid",
    r"(?<!jax\.)\bscipy\.special\b": "jax.scipy.special",
}


_LARGE = 2**16
"""So many elements are not joined to others, since that would copy them."""
_IMPORTS = "import jax, jax.scipy.special, jax.numpy as jnp\nfrom base64 import b64decode"
_SETTINGS = (
    "It is meant to run with jax_enable_x64, so that numbers are what they are in NumPy, and with",
    'jax_default_matmul_precision "highest", so that products are as exact as their dtype.',
)


def _translated(statement: str) -> str:
    for pattern, name in _NAMES.items():
        statement = re.sub(pattern, name, statement)
    return statement


class _Printer(Sheet):
    """Prints statement by statement, and tries each on shapes alone: JAX says what it cannot do.

    Its results must have the dtypes that NumPy's have; where it would choose others, for whole
    numbers among floats, operands are cast.
    """

    expressions = SPELLING

    def __init__(self, job: Job, jax: Any) -> None:
        super().__init__(job)
        self.names |= {"jax", "jnp"}
        self.checks: list[Node] = []
        """What looks at targets, which is done before a call."""
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
        like = [
            v.data.item() if isinstance(v, Setting) else kinds(v.shape, v.dtype)
            for v in self.leaves
        ]
        self._jax.eval_shape(self._body, *like)
        job = self.job
        data = [self._data[v] for v in job.gathered]
        rest = [n for v, n in self.leaves.items() if v not in job.stored and v not in job.gathered]
        arguments = [*(self.leaves[v] for v in job.stored), *data, *["rows"] * bool(data), *rest]
        text_of_body = "\n".join(s for s, _ in self.body)
        more = [f"import {m}" for m in ("jax", "jax.scipy.special") if f"{m}." in text_of_body]
        lines = [f'"""{job.title}', "", *_SETTINGS, '"""', ""]
        setup = [_translated(str(line)) for line in self.setup]
        if any("b64decode(" in line for line in setup):
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
                raise UnsupportedError(
                    f"compile: the engine jax has no spelling for {node.operation.name} in "
                    f"{self.trace.labels[node]}: {said}"
                ) from None
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
        """Whether the loss and all that is written are finite; what is small in one go."""
        outputs = self.trace.outputs
        written = [v for i, v in enumerate(outputs) if i in self.job.replaces or i == 0]
        small = {self.cell(v).name: v.size < _LARGE for v in written if v.dtype.kind == "f"}
        joined = ", ".join(f"{name}.ravel()" for name, is_small in small.items() if is_small)
        tests = [f"jnp.isfinite(jnp.concatenate([{joined}])).all()"]
        tests += [f"jnp.isfinite({name}).all()" for name, is_small in small.items() if not is_small]
        return " & ".join(tests)

    def _node(self, node: Node) -> None:
        if isinstance(node.operation, AsWritten):
            raise UnsupportedError(f"it runs as it is written: {node.operation.reason}")
        if function_of(node) in (read_labels, read_numbers) and self.job.label_checks:
            self.checks.append(node)
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
        if wrong:
            raise UnsupportedError(wrong)
        self.say(node, statement)

    def _tried_on(self, left: str, names: list[str], outs: Any, call: str) -> tuple[str, str]:
        """A statement, run on shapes; and what is wrong with what it gives, if anything."""
        for line in self.setup[self._tried :]:
            exec(_translated(str(line)), self._scope)
        self._tried = len(self.setup)
        statement = _translated(f"{left} = {call}")
        exec(statement, self._scope)
        for name, out in zip(names, outs, strict=True):
            found = self._scope[name]
            if np.shape(found) != np.shape(out):
                raise UnsupportedError(f"JAX gives {np.shape(found)} in place of {np.shape(out)}")
            if getattr(found, "dtype", np.float64) != out.dtype:
                return statement, f"JAX gives {found.dtype} in place of {out.dtype}"
        return statement, ""

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


# --- running -------------------------------------------------------------------------------------


class _OnDevices(Program):
    """The program, with what it keeps on the devices from one call to the next."""

    uses_blas = False

    def __init__(self, job: Job, printer: _Printer, exact: Numbers) -> None:
        super().__init__(printer.source(), job.function)
        self._devices = devices = Devices(job.devices)
        self._shared = devices.number > 1 and bool(job.rows) and job.rows % devices.number == 0
        if devices.number > 1 and not self._shared and not job.gathered:
            raise ConfigError(
                f"a batch of {job.rows} samples cannot be shared by {devices.number} devices; give "
                f"batches of a multiple of {devices.number}, or use fewer devices"
            )
        self.keeps = bool(job.kept)
        self._job, self._checks, self._exact = job, printer.checks, exact
        free = [v for v in job.trace.leaves if v not in job.stored and v not in job.gathered]
        shared = [self._shared and v.shape[:1] == (job.rows,) for v in free]
        self._free = list(zip(free, map(job.drawn.get, free), shared, strict=True))
        """What is given in a call, the generator's method that draws it, whether it is shared."""
        self._stored = [(array, v in job.kept) for v, array in job.stored.items()]
        places = {v: i for i, v in enumerate(job.stored)}
        self._replaced = [places[v] for v in job.replaces.values()]
        self._numbers = len(job.trace.outputs) - len(job.replaces)
        """How many outputs replace nothing."""
        self._kept: list[Any] = [None] * len(self._stored)
        """Of the stored arrays those that lie on the devices."""
        self._same: dict[Any, tuple[float, Any]] = {}
        """Of plain numbers the last value, and where that lies on the devices."""
        facts = {"program": self.source, "data": [*job.gathered.values()]}
        agree(facts | {"parameters": [array for array, _ in self._stored]})
        self._data = [devices.put(a, kept=True) for a in job.gathered.values()]
        function = self.namespace[job.function]
        self._function = exact.jax.jit(function, out_shardings=devices.whole)

    def run(self, *args: Any) -> Any:
        """Run the program. Errors: `LabelError` for targets that do not fit."""
        job, put, given = self._job, self._devices.put, iter(args)
        rng = next(given) if job.drawn else None
        with self._exact, told():
            data = [*self._data, put(next(given), shared=self._shared)] if job.gathered else []
            values = [
                next(given) if method is None else getattr(rng, method)(v.shape, v.dtype)
                for v, method, _ in self._free
            ]
            stored = [
                put(array, kept=stays) if x is None else x
                for x, (array, stays) in zip(self._kept, self._stored, strict=True)
            ]
            placed = [
                self._number(v, x) if type(x) is float else put(x, shared=s)
                for (v, _, s), x in zip(self._free, values, strict=True)
            ]
            for node in self._checks:
                value_in(node, {v: x for (v, *_), x in zip(self._free, values, strict=True)})
            outputs, n = self._function(*stored, *data, *placed), self._numbers
            if self._devices.far and n > 1:
                for x in outputs[:n]:  # all under way before one is waited for
                    x.copy_to_host_async()
            returned = [np.array(x)[()] for x in outputs[:n]]
            ok = not job.checks or bool(np.isfinite(returned[0]))
            if not ok:
                returned[0] = np.array(outputs[-1])[()]
            returned += [ok] * job.checks
            for i, new in zip(self._replaced if ok else (), outputs[n:], strict=False):
                array, stays = self._stored[i]
                if stays:
                    stored[i] = new
                else:
                    array[...] = np.asarray(new)
            if self.keeps:
                pairs = zip(stored, self._stored, strict=True)
                self._kept = [x if stays else None for x, (_, stays) in pairs]
        return returned[0] if len(returned) == 1 else tuple(returned)

    def _number(self, v: Any, x: float) -> Any:
        """A plain number where it is computed with, and where it stays while it is the same."""
        if not self._devices.far or self._devices.together:
            return x
        if self._same.get(v, (None,))[0] is not x:
            self._same[v] = x, self._exact.jax.device_put(x, self._devices.whole)
        return self._same[v][1]

    def fetch(self) -> None:
        """Bring the stored arrays up to date; what lies on the devices is not used again."""
        kept, self._kept = self._kept, [None] * len(self._stored)
        for i in self._replaced:
            if kept[i] is not None:
                self._stored[i][0][...] = np.asarray(kept[i])
