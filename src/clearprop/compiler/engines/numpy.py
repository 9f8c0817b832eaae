"""The engine that needs nothing: straight-line NumPy, which a person can read."""

from clearprop.compiler.engines import Job
from clearprop.compiler.engines.printing import Printer
from clearprop.compiler.program import Program


def program(job: Job) -> Program:
    """Print a recording as source, and make the source a function."""
    printer = Printer(job)
    source, stored = printer.source(), (*job.stored.values(), *job.gathered.values())
    return Program(source, job.function, stored, printer.as_written, printer.sheet.nbytes)
