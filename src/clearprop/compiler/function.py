"""Compiled functions of arrays, and the form of what they return."""

import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.compiler.arguments import Arguments, name_of
from clearprop.compiler.engines.text import identifier
from clearprop.compiler.leaf import Setting, Traced
from clearprop.compiler.plans import Compiles, Plan, signature
from clearprop.compiler.side_effects import Outside
from clearprop.compiler.threads import BlasThreads
from clearprop.compiler.tracing import Trace, form, label, names, varied
from clearprop.compiler.watching import Watch
from clearprop.errors import ConfigError, RecordingWarning, UnsupportedError
from clearprop.graph.gathering import gathered
from clearprop.graph.graph import Graph
from clearprop.graph.leaving import spoken
from clearprop.graph.node import Node, Recorded
from clearprop.graph.parameters import KINDS, layers_of, names_of
from clearprop.graph.randomness import undrawn


class Packing:
    """The form of a result, and its constants; `recorded` are the Variables in it."""

    def __init__(self, out: Any) -> None:
        self.recorded: list[Any] = []
        self._form = self._unpack(out)

    def pack(self, results: Any) -> Any:
        """Put what a program returned into the form of the function's own result."""
        several = len(self.recorded) != 1
        return self._pack(self._form, iter(results if several else (results,)))

    def value(self) -> Any:
        """The result of the recording."""
        values = [v.data for v in self.recorded]
        return self.pack(values if len(values) != 1 else values[0])

    def open(self, leaves: list[Any]) -> None:
        """Open the layers that were called.

        Errors: `UnsupportedError` for one with parameters, state or noise, which a program of a
        function would keep as they are.
        """
        nodes = Graph(self.recorded).nodes if self.recorded else ()
        if any(node.operation.opens for node in nodes):
            for node in nodes:
                layer = getattr(node.operation, "layer", None)
                for _, held in () if layer is None else layers_of(layer):
                    if kinds := [k for k in KINDS if names_of(held, k)]:
                        raise UnsupportedError(
                            f"compile: the function calls {node.operation.name}, and a program "
                            f"would keep the {kinds[0]} of the first call; compile(network) is its "
                            "predict and compile(network, optimizer) its training, which follow "
                            "them; here write what forward computes, with parameters as arguments"
                        )
            self.recorded = [*Graph(self.recorded, leaves).opened().outputs]

    def same_constants(self, other: "Packing") -> bool:
        """Whether two results have the same form and constants."""
        return self._form == other._form

    def _unpack(self, out: Any) -> Any:
        out = gathered(out)
        if isinstance(out, Recorded):
            self.recorded.append(out)
            return None
        if isinstance(out, tuple | list):
            return (type(out), [self._unpack(part) for part in out])
        if isinstance(out, Mapping):
            return (_Dict(out), [self._unpack(part) for part in out.values()])
        if isinstance(out, np.ndarray | np.generic | int | float):
            return _Constant(out, names(out))
        raise UnsupportedError(
            f"compile: the function returns a {type(out).__name__}; it must return arrays, or "
            "tuples, lists or dicts of arrays"
        )

    def _pack(self, form: Any, results: Iterator[Any]) -> Any:
        if form is None:
            return next(results)
        if isinstance(form, _Constant):
            return np.array(form.value)[()]
        kind, parts = form
        made = [self._pack(part, results) for part in parts]
        return kind(*made) if hasattr(kind, "_fields") else kind(made)


class _Dict(tuple[Any, ...]):
    """The keys of a dict in a result, which makes it of the values."""

    __slots__ = ()

    def __call__(self, values: list[Any]) -> dict[Any, Any]:
        return dict(zip(self, values, strict=True))


@dataclass
class _Constant:
    """A part of a result that does not depend on the arguments."""

    value: Any = field(compare=False)
    content: Any


class Compiled(Compiles):
    """A function of arrays as a straight-line NumPy program.

    Called with arrays, or dicts, lists and tuples of them, it gives what the function gives. A
    program is printed for each combination of shapes, dtypes and forms when it is first met, and
    kept; arguments by keyword that are no arrays select one, too. `source` and `graph` show the one
    last used. The results are new arrays in every call. Layers without parameters may be called in
    it.
    """

    parts = ("function",)

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        threads: int | str | None = "auto",
        engine: str = "numpy",
    ) -> None:
        super().__init__(threads, engine)
        self.function = function

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Run the program for arguments of these shapes and dtypes; for Variables the function
        itself, as part of what is being differentiated or compiled.

        Errors: `UnsupportedError` if what the function does depends on values, or cannot be
        recorded; `DTypeError` for arguments that are not real.
        """
        given = Arguments(args, named)
        if given.on_graph:
            return self.function(*args, **named)
        key = (signature(given.arrays), given.key)
        with self._lock:
            plan = self._find(key, given)
            with plan.threads:
                return plan.packing.pack(plan.program.run(*given.values(plan.weak)))

    def _find(self, key: Hashable, given: Arguments) -> Any:
        return self._current(key, lambda: self._plan(given))

    def _plan(self, given: Arguments) -> Any:
        function, arrays = given.taken_by(self.function), given.arrays
        with BlasThreads(1):
            leaves, check = given.leaves(), lambda found: given.check(self.function, found)
            recorded, packing, what = record_in_place(function, leaves, self.function, check)
            if recorded and given.harden([*_needed_as_arrays(recorded, leaves)]):
                leaves = given.leaves()
                recorded, packing, what = record_in_place(function, leaves, self.function, check)
        if what:
            warnings.warn(
                f"compile: the function changes {what} outside of itself, which its program does "
                "not do; it is left as it was: return what is to be kept, or compile the part that "
                "computes",
                RecordingWarning,
                stacklevel=6,
            )
        changed = Watch(None, functions=[self.function]).changed
        if recorded is None:
            return _NoProgram(packing, changed)
        name = name_of(function)
        shapes = ", ".join(str(a.shape) for a in arrays)
        title = f"{name} for arrays {shapes}, written by clearprop."
        roots = {node.operation.name.partition(".")[0] for node in recorded.nodes}
        taken = identifier(name) in roots | {"np", "jax", "jnp"}  # the program imports these
        plan = Plan(self, recorded, identifier(name) + "_" * taken, title, {})
        plan.packing, plan.changed, plan.weak = packing, changed, given.weak
        return plan


def _needed_as_arrays(trace: Trace, leaves: list[Any]) -> Iterator[int]:
    """The places of plain numbers that something beside arithmetic, such as np.stack, is done to,
    or to what comes of them alone."""
    for i, leaf in enumerate(leaves):
        numbers: set[Node] = set()
        for node in trace.nodes if isinstance(leaf, Setting) else ():
            if any(x is leaf or getattr(x, "node", None) in numbers for x in node.inputs):
                if not node.operation.elementwise:
                    yield i
                    break
                if not np.ndim(node.out):
                    numbers.add(node)


class _NoProgram:
    """The plan and the program of a function that gives constants alone: nothing is computed."""

    source, trace, recorded, threads, as_written = "", None, None, nullcontext(), {}
    weak = ()
    size = 0

    def __init__(self, packing: Packing, changed: Callable[[], str]) -> None:
        self.packing, self.program, self.changed = packing, self, changed

    def run(self, *arrays: Any) -> Any:
        return ()

    def save(self, path: Any) -> None:
        raise ConfigError("the function gives a constant: there is no program to save")


def record_in_place(
    f: Any, leaves: list[Traced], whose: Any, check: Callable[[Any], None]
) -> tuple[Trace | None, Packing, str]:
    """Record a function, and undo what it changes outside of itself; gives what that is, too.

    What it does once and for all, such as to fill a cache with constants, is left alone.
    """

    before = Watch(None, functions=[whose]).outside()
    after: list[Outside] = []

    def once(*leaves: Any) -> Any:
        out = f(*leaves)
        if not after:
            after.append(before.now())
        return out

    once.__name__ = name_of(f)
    try:
        recorded, packing = record_function(once, leaves)
        what = after[0].changed() or before.changed(Recorded)
        if what or before.keeps(Recorded):
            before.restore()
        left = Watch(None, functions=[whose]).outside()
        try:
            check(packing.value())
        finally:
            left.restore()
    except BaseException:
        before.restore()
        raise
    return recorded, packing, what


def record_function(f: Callable[..., Any], leaves: list[Traced]) -> tuple[Trace | None, Packing]:
    """Record a function of arrays; gives the trace, and how its outputs are packed.

    The trace is `None` for a function that gives constants alone.

    Errors: `UnsupportedError` if what it does depends on values, draws random numbers, or cannot
    be recorded.
    """
    others = [varied(leaf) for leaf in leaves]
    with undrawn(), spoken():
        packing, again = Packing(f(*leaves)), Packing(f(*others))
        packing.open(leaves)
        again.open(others)
    # What was computed behind the back of the graph would be frozen in the program.
    if not packing.same_constants(again):
        raise UnsupportedError(
            "compile: the function returns values that were computed off the graph, or at random; "
            "compute them with NumPy functions on its arguments"
        )
    if not packing.recorded:
        return None, packing
    if form(packing.recorded, tuple(leaves)) != form(again.recorded, tuple(others)):
        raise UnsupportedError(
            "compile: the function does not do the same for every argument of this shape: it draws "
            "random numbers, or computes with values that are not on the graph"
        )
    if {*Graph(packing.recorded, leaves).leaves} - {*leaves}:
        raise UnsupportedError(
            "compile: the function uses a Variable that is none of its arguments, and a program "
            "would keep its value; give it as an argument, or use a plain array"
        )
    labels: dict[Node, str] = {}
    label(labels, packing.recorded, name_of(f))
    return Trace(packing.recorded, leaves, labels), packing
