"""Compiled functions of arrays."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from clearprop.compiler.engines.text import identifier
from clearprop.compiler.leaf import Traced, traced
from clearprop.compiler.packing import Packing
from clearprop.compiler.plans import Compiles, Plan, signature
from clearprop.compiler.sameness import form, varied
from clearprop.compiler.threads import BlasThreads
from clearprop.compiler.tracing import Trace, label
from clearprop.errors import ConfigError, UnsupportedError
from clearprop.graph.node import Node
from clearprop.graph.randomness import undrawn
from clearprop.graph.recording import constant_operand


class Compiled(Compiles):
    """A function of arrays as a straight-line NumPy program.

    Called with arrays, it gives what the function gives. A program is printed for each combination
    of shapes and dtypes when it is first met, and kept. `source` and `graph` show the one last
    used. The results are new arrays in every call.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        threads: int | str | None = "auto",
        engine: str = "numpy",
    ) -> None:
        super().__init__(threads, engine)
        self.function = function

    def __call__(self, *args: Any) -> Any:
        """Run the program for arguments of these shapes and dtypes.

        Errors: `UnsupportedError` if what the function does depends on values, or cannot be
        recorded; `DTypeError` for arguments that are not real.
        """
        arrays = tuple(np.asarray(constant_operand(x, "compile")) for x in args)
        key = signature(arrays)
        with self._lock:
            plan = self._last = self._plans.get(key) or self._keep(key, self._plan(arrays))
            with plan.threads:
                return plan.packing.pack(plan.program(*arrays))

    def _plan(self, arrays: Any) -> Any:
        leaves = [traced(a if a.ndim else a[()], f"x{i}") for i, a in enumerate(arrays)]
        with BlasThreads(1):
            recorded, packing = record_function(self.function, leaves)
        if recorded is None:
            return _Constants(packing)
        name = getattr(self.function, "__name__", "f").strip("<>")
        shapes = ", ".join(str(a.shape) for a in arrays)
        title = f"{name} for arrays {shapes}, written by clearprop."
        plan = Plan(self, recorded, identifier(name), title, {})
        plan.packing = packing
        return plan


class _Constants:
    """The plan and the program of a function that gives constants alone: nothing is computed."""

    source, trace, recorded, threads = "", None, None, nullcontext()

    def __init__(self, packing: Packing) -> None:
        self.packing, self.program = packing, self

    def __call__(self, *arrays: Any) -> Any:
        return ()

    def save(self, path: Any) -> None:
        raise ConfigError("the function gives a constant: there is no program to save")


def record_function(f: Callable[..., Any], leaves: list[Traced]) -> tuple[Trace | None, Packing]:
    """Record a function of arrays; gives the trace, and how its outputs are packed.

    The trace is `None` for a function that gives constants alone.

    Errors: `UnsupportedError` if what it does depends on values, draws random numbers, or cannot
    be recorded.
    """
    others = [varied(leaf) for leaf in leaves]
    with undrawn():
        packing, again = Packing(f(*leaves)), Packing(f(*others))
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
    labels: dict[Node, str] = {}
    label(labels, packing.recorded, getattr(f, "__name__", "f").strip("<>"))
    return Trace(packing.recorded, leaves, labels), packing
