"""The engine for C: hot regions as small functions, the rest NumPy.

What belongs together is compiled by the machine's own C compiler when a program is printed first,
and kept in the user's cache. Without a compiler the program is NumPy's.
"""

import ctypes
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compiler import simplify
from clearprop.compiler.engines import Job, numpy
from clearprop.compiler.engines.c import halves, trial
from clearprop.compiler.engines.c.compilers import Compiler, CompilerError, compiler
from clearprop.compiler.engines.c.images import of_images
from clearprop.compiler.engines.c.memory import zeros
from clearprop.compiler.engines.c.printer import CPrinter
from clearprop.compiler.engines.c.stacks import stacks_as_rows
from clearprop.compiler.program import Program
from clearprop.compiler.tracing import Trace
from clearprop.errors import ConfigError, UnsupportedError
from clearprop.graph.node import Node


def why_not() -> str | None:
    """Why there are no kernels in C on this machine, or `None` if there are."""
    found = compiler()
    if isinstance(found, str):
        return found
    try:
        halves.runner()
    except CompilerError as error:
        return str(error)
    return None


def simplified(trace: Trace) -> Trace:
    """Simplify a recording so that kernels find convolutions, pools and rows."""
    if why_not() is not None:
        return simplify.simplified(trace)
    return stacks_as_rows(simplify.simplified(trace, of_images))


def program(job: Job) -> Program:
    """Print a recording as NumPy and C, and compile the latter.

    Where C is not to be had, or its compiler fails, it is NumPy's program.
    """
    if job.devices is not None:
        raise ConfigError('the engine c knows no devices; leave them out, or use engine="jax"')
    found = compiler()
    if why_not() is not None or isinstance(found, str):
        return numpy.program(job)
    without: set[Node] = set()
    while True:
        printer = CPrinter(job, found.vector_bytes, without)
        source = printer.source()
        try:
            kernels = Kernels(found, printer.parts, alone=job.threads == 1)
        except CompilerError as error:
            warnings.warn(f"{error}; NumPy does it", RuntimeWarning, stacklevel=2)
            return numpy.program(job)
        wrong = trial.disagreeing(printer, kernels)
        if not wrong:
            return CProgram(job, printer, source, kernels)
        without |= wrong


class CProgram(Program):
    """A program of NumPy and C."""

    def __init__(self, job: Job, printer: CPrinter, source: str, kernels: "Kernels") -> None:
        super().__init__(source, job.function, printer.as_written, printer.nbytes)
        make = self.namespace["make"]
        self.run = make(kernels, *job.stored.values(), *job.gathered.values())

    def save(self, path: Any) -> None:
        """Refused: the file would need a compiler. Errors: `UnsupportedError`."""
        raise UnsupportedError(
            "a program with kernels in C does not run by itself; compile with "
            'engine="numpy" to save one that does'
        )


class Kernels:
    """What a printed program asks for: arrays for its kernels, and the kernels bound to arrays."""

    def __init__(self, found: Compiler, sources: list[str], *, alone: bool) -> None:
        self._alone = alone
        self._library: ctypes.CDLL | None = found.load(*sources) if sources else None

    @staticmethod
    def zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """An array of zeros that begins where a cache line does."""
        return zeros(shape, np.dtype(dtype))

    def bind(
        self, name: str, n: int, arrays: list[Any], *, large: bool = False
    ) -> Callable[..., None]:
        """A phase for n samples and these arrays; in place of `None` a call gives one."""
        assert self._library is not None
        return halves.bound(self._library, name, n, arrays, alone=self._alone, large=large)

    def follow(self, phase: Any, name: str, n: int, arrays: list[Any]) -> Callable[[], None]:
        """A function of n numbers, which goes in as many threads as a phase before it."""
        assert self._library is not None
        return halves.following(phase, self._library, name, n, arrays)
