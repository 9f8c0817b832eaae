"""Compiled functions of arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compiler.engines.text import identifier
from clearprop.compiler.leaf import traced
from clearprop.compiler.plans import Compiles, Plan, signature
from clearprop.compiler.threads import BlasThreads
from clearprop.compiler.tracing import Trace, record_function
from clearprop.errors import ConfigError
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

    @property
    def source(self) -> str:
        """The program last used, as text; empty for a function that gives a constant."""
        return "" if self._used()[0] is None else self._used()[0].program.source

    @property
    def graph(self) -> Trace | None:
        """The simplified graph of the program last used."""
        return None if self._used()[0] is None else self._used()[0].trace

    def save(self, path: Any) -> None:
        """Write the program last used as a Python file, which needs NumPy and not clearprop."""
        plan = self._used()[0]
        if plan is None:
            raise ConfigError("the function gives a constant: there is no program to save")
        plan.program.save(path)

    def __call__(self, *args: Any) -> Any:
        """Run the program for arguments of these shapes and dtypes.

        Errors: `UnsupportedError` if what the function does depends on values, or cannot be
        recorded; `DTypeError` for arguments that are not real.
        """
        arrays = tuple(np.asarray(constant_operand(x, "compile")) for x in args)
        key = signature(arrays)
        with self._lock:
            self._last = plan, packing = self._plans.get(key) or self._keep(key, self._plan(arrays))
            if plan is None:
                return packing.pack(())
            with plan.threads:
                return packing.pack(plan.program.run(*arrays))

    def _plan(self, arrays: Any) -> Any:
        leaves = [traced(a if a.ndim else a[()], f"x{i}") for i, a in enumerate(arrays)]
        with BlasThreads(1):
            recorded, packing = record_function(self.function, leaves)
        if recorded is None:
            return None, packing
        name = getattr(self.function, "__name__", "f").strip("<>")
        shapes = ", ".join(str(a.shape) for a in arrays)
        title = f"{name} for arrays {shapes}, written by clearprop."
        return Plan(self, recorded, identifier(name), title, {}), packing
