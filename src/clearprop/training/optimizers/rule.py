"""The rule of an optimiser as its docstring tells it, for notebooks."""

import inspect
from contextlib import suppress
from typing import Any

from clearprop.graph.display import table


def rule(optimizer: Any) -> str:
    """What the docstring says under **Rule**, or where it says nothing the source of `change`.

    >>> from clearprop.training.optimizers.sgd import SGD
    >>> rule(SGD(0.1))
    'p ← p − lr · g, where g = ∂L/∂p, for every parameter p of any shape.'
    """
    found: list[str] = []
    for block in (inspect.getdoc(type(optimizer)) or "").split("\n\n"):
        if block.startswith("**Rule**") or (found and block.startswith(" ")):
            found.append(block.removeprefix("**Rule**").lstrip(":, "))
        elif found:
            break
    if found:
        return "\n\n".join(found).replace("`", "")
    with suppress(OSError, TypeError):  # a class that was typed in has no source
        return inspect.cleandoc(inspect.getsource(type(optimizer).change))
    return "its change(p, g, …) tells"


def settings_table(optimizer: Any, names: tuple[str, ...]) -> str:
    """The settings that are there, and how often it has stepped."""
    values = {name: getattr(optimizer, name) for name in names}
    rows = {name: value for name, value in values.items() if value not in (None, {})}
    kind = type(optimizer).__name__
    return table([kind, ""], (rows | {"steps taken": f"{optimizer.step_count:,}"}).items())
