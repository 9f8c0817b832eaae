"""The engine that needs nothing: straight-line NumPy, which a person can read."""

from clearprop.compiler.engines import Job
from clearprop.compiler.engines.printing import Printer
from clearprop.compiler.program import Program


def program(job: Job) -> Program:
    """Print a recording as source, and make the source a function."""
    return Program(
        Printer(job).source(), job.function, (*job.stored.values(), *job.gathered.values())
    )
