"""What a function returns: one array or nested tuples of them, some of them constants."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.compiler.sameness import names
from clearprop.errors import UnsupportedError
from clearprop.graph.node import Recorded


class Packing:
    """The form of a result, and its constants; `recorded` are the Variables in it."""

    def __init__(self, out: Any) -> None:
        self.recorded: list[Any] = []
        self._form = self._unpack(out)

    def pack(self, results: Any) -> Any:
        """Put what a program returned into the form of the function's own result."""
        several = len(self.recorded) != 1
        return self._pack(self._form, iter(results if several else (results,)))

    def same_constants(self, other: "Packing") -> bool:
        """Whether two results have the same form and constants."""
        return self._form == other._form

    def _unpack(self, out: Any) -> Any:
        if isinstance(out, Recorded):
            self.recorded.append(out)
            return None
        if isinstance(out, tuple | list):
            return (type(out), [self._unpack(part) for part in out])
        if isinstance(out, np.ndarray | np.generic | int | float):
            return _Constant(out, names(out))
        raise UnsupportedError(
            f"compile: the function returns a {type(out).__name__}; it must return arrays, or "
            "tuples of arrays"
        )

    def _pack(self, form: Any, results: Iterator[Any]) -> Any:
        if form is None:
            return next(results)
        if isinstance(form, _Constant):
            return np.array(form.value)[()]
        kind, parts = form
        made = [self._pack(part, results) for part in parts]
        return kind(*made) if hasattr(kind, "_fields") else kind(made)


@dataclass
class _Constant:
    """A part of a result that does not depend on the arguments."""

    value: Any = field(compare=False)
    content: Any
