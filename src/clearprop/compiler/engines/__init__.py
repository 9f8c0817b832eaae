"""Engines: from a recording to a program. Each is a module of this package that has `program`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from clearprop.compiler.tracing import Trace
from clearprop.errors import ConfigError


@dataclass(frozen=True)
class Job:
    """What an engine is asked for: a program that computes the outputs of `trace`.

    It is called with a value for every leaf that is neither stored nor gathered, in their order,
    and gives the outputs that replace nothing: one alone, or a tuple.
    """

    trace: Trace
    function: str
    """What the program calls itself."""
    title: str
    """What it says it is."""
    stored: Mapping[Any, Any] = field(default_factory=dict)
    """Leaf → the array it is; given once, when the program is made."""
    gathered: Mapping[Any, Any] = field(default_factory=dict)
    """Leaf → a larger array, of which the rows that each call names first make up the leaf."""
    drawn: Mapping[Any, str] = field(default_factory=dict)
    """Leaf → the method of a generator, the argument `rng`, that fills it; in this order."""
    replaces: Mapping[int, Any] = field(default_factory=dict)
    """Number of an output → the stored leaf that it overwrites, once everything has been read."""
    checks: bool = False
    """Whether nothing is overwritten unless the first output, a loss, and all that is written, or
    added to what is there, are finite. Whether they were is then the last result."""
    label_checks: bool = True
    """Whether each call checks its labels; not needed where all have been checked beforehand."""
    kept: frozenset[Any] = frozenset()
    """Stored leaves that the program may keep elsewhere between two calls: nobody looks at their
    arrays, or writes into them, without calling its `fetch` before."""
    rows: int | None = None
    """How many samples the batch has: leaves with so many rows may be split among devices."""
    threads: int | str | None = "auto"
    """How many threads it may use: `1` for one, otherwise as the engine chooses."""
    devices: Any = None
    """Where it runs: what the engine takes, such as a number of devices."""


def engines() -> list[str]:
    """The names of the engines that there are.

    >>> engines()
    ['c', 'javascript', 'jax', 'numpy']
    """
    names = (module.name for module in iter_modules(__path__))
    return [name for name in names if hasattr(import_module(f"{__name__}.{name}"), "program")]


def usable(name: str) -> tuple[str, str | None]:
    """The engine that is used where this one is asked for, and what there is to say of that.

    `"auto"` is `"c"`, and `"c"` is `"numpy"` on a machine where there is no compiler that works;
    the second is one line that says so.
    """
    if name not in ("auto", "c"):
        return name, None
    reason = engine("c").why_not()
    if reason is None:
        return "c", None
    return "numpy", f"{reason}: NumPy computes what kernels in C would compute sooner"


def engine(name: str) -> Any:
    """The engine of this name: a module whose `program(job)` makes a `Program`.

    `program` raises `UnsupportedError`, with the name of the function and of the layer it stands
    in, for what the engine has no spelling for. Errors: `ConfigError` lists the engines there are.
    """
    if name in {module.name for module in iter_modules(__path__)}:
        module = import_module(f"{__name__}.{name}")  # and none of the others, which takes long
        if hasattr(module, "program"):
            return module
    raise ConfigError(f"there is no engine {name!r}; there are {', '.join(engines())}")
