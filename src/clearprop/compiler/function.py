"""Compiled functions of arrays, and the compiled prediction of a network."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compiler.engines import Job, engine
from clearprop.compiler.engines.text import identifier
from clearprop.compiler.leaf import traced
from clearprop.compiler.program import Program
from clearprop.compiler.simplify import simplified
from clearprop.compiler.threads import BlasThreads, largest_product
from clearprop.compiler.tracing import Trace, record_function
from clearprop.errors import ConfigError
from clearprop.graph.recording import constant_operand


class Compiled:
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
        self.function = function
        self.engine = engine
        self.threads = threads
        self._plans: dict[Any, _Plan] = {}
        self._last: _Plan | None = None

    @property
    def source(self) -> str:
        """The program last used, as text; empty for a function that gives a constant."""
        program = self._used().program
        return "" if program is None else program.source

    @property
    def graph(self) -> Trace | None:
        """The simplified graph of the program last used."""
        return self._used().trace

    def save(self, path: Any) -> None:
        """Write the program last used as a Python file, which needs NumPy and not clearprop."""
        program = self._used().program
        if program is None:
            raise ConfigError("the function gives a constant: there is no program to save")
        program.save(path)

    def __call__(self, *args: Any) -> Any:
        """Run the program for arguments of these shapes and dtypes.

        Errors: `UnsupportedError` if what the function does depends on values, or cannot be
        recorded; `DTypeError` for arguments that are not real.
        """
        arrays = tuple(np.asarray(constant_operand(x, "compile")) for x in args)
        key = tuple((a.shape, a.dtype) for a in arrays)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _Plan(self.function, arrays, self.threads, self.engine)
        self._last = plan
        if plan.program is None:
            return plan.packing.pack(())
        with plan.threads:
            return plan.packing.pack(plan.program(*arrays))

    def _used(self) -> "_Plan":
        if self._last is None:
            raise ConfigError("there is no program yet: shapes are known with the first call")
        return self._last


class _Plan:
    """The program for one combination of shapes and dtypes."""

    def __init__(
        self, function: Callable[..., Any], arrays: Any, threads: Any, name_of_engine: str
    ) -> None:
        leaves = [traced(a if a.ndim else a[()], f"x{i}") for i, a in enumerate(arrays)]
        with BlasThreads(1):
            recorded, self.packing = record_function(function, leaves)
        self.trace: Trace | None = None
        self.program: Program | None = None
        self.threads = BlasThreads(None)
        if recorded is None:
            return
        self.trace = simplified(recorded)
        name = getattr(function, "__name__", "f").strip("<>")
        title = (
            f"{name} for arrays {', '.join(str(a.shape) for a in arrays)}, written by clearprop."
        )
        self.program = engine(name_of_engine).program(Job(self.trace, identifier(name), title))
        self.threads = BlasThreads.chosen(threads, largest_product(self.trace))
