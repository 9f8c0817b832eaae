"""The engine for JavaScript: straight loops over typed arrays, with every shape written out.

It prints what a page runs. The program takes its leaves in the order of the trace, numbers as
numbers and all else as typed arrays, row by row, and gives an array of results, which are its own
and are overwritten by the next call. Whole numbers have 32 bits.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from clearprop.compiler.engines import Job
from clearprop.compiler.engines.script import Script
from clearprop.compiler.engines.script_arrays import STATEMENTS
from clearprop.compiler.in_node import call, define, forget
from clearprop.compiler.program import Program
from clearprop.compiler.rewriting import value_in
from clearprop.errors import ConfigError


def program(job: Job) -> Program:
    """Print a recording as a function in JavaScript; Node runs it, where it is called from here."""
    if job.devices is not None:
        raise ConfigError("the engine javascript knows no devices; leave them out")
    return InNode(job)


@cache
def runtime(vectors: bool = True) -> str:
    """What printed programs call: products of matrices, and functions that JavaScript has not.

    With `vectors`, products of float32 are in WebAssembly where that is allowed; asking for it
    where a page's policy forbids it would be noted as a fault.
    """
    here = files("clearprop.compiler.engines")
    wide = here.joinpath("vectors.js").read_text("utf-8") if vectors else "const vectors = null;\n"
    return here.joinpath("runtime.js").read_text("utf-8") + wide


class InNode(Program):
    """A program that Node runs; `source` is its text, without the runtime."""

    uses_blas = False

    def __init__(self, job: Job) -> None:
        self.job, script = job, Script(job, STATEMENTS)
        self.source = script.source()
        self.nbytes, self.as_written = script.nbytes, {}
        self.results = script.results
        """The form of each result: shape and dtype; of what was overwritten as well."""
        self._checks = script.checks
        self._number: int | None = None

    def run(self, *args: Any) -> Any:
        """Run the program in Node.

        Errors: `MissingPackageError` where there is no Node; `LabelError` for targets that do not
        fit.
        """
        job, given = self.job, iter(args)
        rng = next(given) if job.drawn else None
        rows = next(given) if job.gathered else None
        values: dict[Any, Any] = {}
        for v in job.trace.leaves:
            if v in job.stored:
                values[v] = job.stored[v]
            elif v in job.gathered:
                values[v] = job.gathered[v][rows]
            elif v in job.drawn:
                values[v] = getattr(rng, job.drawn[v])(v.shape, v.dtype)
            else:
                values[v] = np.asarray(next(given))
        for node in self._checks:
            value_in(node, values)  # targets are looked at before they are read
        if self._number is None:
            self._number = define(f"{runtime()}\n{self.source}\nreturn make();")
        places = {v: i for i, v in enumerate(job.trace.leaves)}
        written = {v: places[v] for v in job.replaces.values()}
        arrays = [
            np.atleast_1d(values[v]) if v in job.stored or values[v].ndim else values[v]
            for v in job.trace.leaves
        ]
        found, back = call(self._number, arrays, list(written.values()))
        for v, new in zip(written, back, strict=True):
            values[v][...] = new.reshape(v.shape)
        ok = [bool(found.pop())] if job.checks else []
        results = [
            np.array(x, dtype).reshape(shape)[()]
            for x, (shape, dtype) in zip(found, self.results, strict=True)
        ]
        results += ok
        return results[0] if len(results) == 1 else tuple(results)

    def __del__(self) -> None:
        number = getattr(self, "_number", None)
        if number is not None:
            forget(number)
