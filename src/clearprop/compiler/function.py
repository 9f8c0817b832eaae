"""Compiled functions of arrays, and the compiled prediction of a network."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compiler.printing import Printer
from clearprop.compiler.program import Program
from clearprop.compiler.simplify import simplified
from clearprop.compiler.text import identifier
from clearprop.compiler.threads import BlasThreads, largest_product
from clearprop.compiler.tracing import Trace, record_function, traced
from clearprop.errors import ConfigError
from clearprop.graph.recording import constant_operand


class Compiled:
    """A function of arrays as a straight-line NumPy program.

    Called with arrays, it gives what the function gives. A program is printed for each combination
    of shapes and dtypes when it is first met, and kept. `source` and `graph` show the one last
    used. The results are new arrays in every call.
    """

    def __init__(self, function: Callable[..., Any], *, threads: int | str | None = "auto") -> None:
        self.function = function
        self.threads = threads
        self._plans: dict[Any, _Plan] = {}
        self._last: _Plan | None = None

    @property
    def source(self) -> str:
        """The program last used, as text."""
        return self._used().program.source

    @property
    def graph(self) -> Trace:
        """The simplified graph of the program last used."""
        return self._used().trace

    def save(self, path: Any) -> None:
        """Write the program last used as a Python file, which needs NumPy and not clearprop."""
        self._used().program.save(path)

    def __call__(self, *args: Any) -> Any:
        """Run the program for arguments of these shapes and dtypes.

        Errors: `UnsupportedError` if what the function does depends on values, or cannot be
        recorded; `DTypeError` for arguments that are not real.
        """
        arrays = tuple(np.asarray(constant_operand(x, "compile")) for x in args)
        key = tuple((a.shape, a.dtype) for a in arrays)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _Plan(self.function, arrays, self.threads)
        self._last = plan
        with plan.threads:
            found = plan.program(*arrays)
        return plan.pack(found)

    def _used(self) -> "_Plan":
        if self._last is None:
            raise ConfigError("there is no program yet: shapes are known with the first call")
        return self._last


class _Plan:
    """The program for one combination of shapes and dtypes."""

    def __init__(self, function: Callable[..., Any], arrays: Any, threads: Any) -> None:
        leaves = [traced(a if a.ndim else a[()], f"x{i}") for i, a in enumerate(arrays)]
        recorded, self.pack = record_function(function, leaves)
        self.trace = simplified(recorded)
        name = getattr(function, "__name__", "f").strip("<>")
        title = (
            f"{name} for arrays {', '.join(str(a.shape) for a in arrays)}, written by clearprop."
        )
        source = Printer(self.trace, identifier(name), {}, {}, title, checks=False).source()
        self.program = Program(source, name, ())
        self.threads = BlasThreads.chosen(threads, largest_product(self.trace))


class Prediction:
    """The scores of a network as a compiled program: `predict(x)`.

    It reads the parameters where the layers hold them, so that training goes on to be seen.
    """

    def __init__(self, network: Any, *, threads: int | str | None = "auto") -> None:
        self.network = network
        self.threads = threads
        self._plans: dict[Any, Any] = {}
        self._last: Program | None = None
        self._arrays: tuple[Any, ...] = ()

    @property
    def source(self) -> str:
        """The program last used, as text."""
        if self._last is None:
            raise ConfigError("there is no program yet: shapes are known with the first call")
        return self._last.source

    def __call__(self, x: Any) -> Any:
        """Compute the scores of a batch."""
        x = np.asarray(x)
        arrays = tuple(self.network.params.values())
        if len(arrays) != len(self._arrays) or any(
            a is not b for a, b in zip(arrays, self._arrays, strict=True)
        ):
            self._plans.clear()
            self._arrays = arrays
        key = (x.shape, x.dtype)
        if key not in self._plans:
            self._plans[key] = self._plan(x)
        program, threads = self._plans[key]
        self._last = program
        with threads:
            return program(x)

    def _plan(self, x: np.ndarray) -> Any:
        names = tuple(self.network.params)
        leaves = [traced(a, n) for n, a in zip(names, self._arrays, strict=True)]
        start = traced(x, "x")

        def predict(*values: Any) -> Any:
            twin = copy.copy(self.network)
            for name, value in zip(names, values[1:], strict=True):
                twin.params[name] = value
            out = values[0]
            for layer in twin.layers.values():
                out = layer.forward(out)
            return out

        recorded, _ = record_function(predict, [start, *leaves])
        trace = simplified(recorded)
        kind = type(self.network).__name__
        title = f"Scores of {kind} for batches {x.shape}, written by clearprop."
        by_name: dict[Any, Any] = {v.name: v for v in trace.leaves}
        stored: dict[Any, str] = {by_name[n]: n for n in names if n in by_name}
        source = Printer(trace, "predict", stored, {}, title, checks=False).source()
        held = tuple(a for n, a in zip(names, self._arrays, strict=True) if n in by_name)
        program = Program(source, f"predict of {kind}", held)
        return program, BlasThreads.chosen(self.threads, largest_product(trace))
