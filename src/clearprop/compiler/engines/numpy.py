"""The engine that needs nothing: straight-line NumPy, which a person can read."""

from collections.abc import Mapping
from typing import Any

from clearprop.compiler.engines.printing import Printer
from clearprop.compiler.program import Program
from clearprop.compiler.tracing import Trace


def program(
    trace: Trace,
    function: str,
    title: str,
    *,
    stored: Mapping[Any, Any] | None = None,
    gathered: Mapping[Any, Any] | None = None,
    replaces: Mapping[int, Any] | None = None,
    checks: bool = False,
    label_checks: bool = True,
) -> Program:
    """Print a recording and make it a function; see `Engine.program`."""
    stored, gathered = stored or {}, gathered or {}
    printer = Printer(
        trace, function, title, stored, gathered, replaces or {}, checks, label_checks
    )
    return Program(printer.source(), function, (*stored.values(), *gathered.values()))
