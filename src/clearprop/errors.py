"""Named errors. Each message names the thing at fault, what was found, and the remedy.

Every error of the library is a `ClearpropError`, and also the built-in error a NumPy user would
expect (`ValueError`, `TypeError` …), so that code written for NumPy keeps catching it.
"""

from threading import local
from typing import Any


class ClearpropError(Exception):
    """The base of every error that clearprop raises on purpose."""


class _Said(local):
    refusal: "tuple[type[RefusedError], tuple[Any, ...]] | None" = None


said = _Said()
"""The last refusal of this thread: its class, and what it was made with. Code that runs on
Variables may catch the error itself, and would go on where arrays never take it (see
`clearprop.graph.leaving.Heeded`)."""


class RefusedError(ClearpropError):
    """The base of those that may say no to a Variable where an array would have been let through.

    Each is remembered as it is made.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        said.refusal = type(self), args


class ShapeError(ClearpropError, ValueError):
    """Arrays whose shapes do not fit each other."""


class DTypeError(RefusedError, TypeError):
    """An array of a kind that the operation cannot take, such as complex numbers or text."""


class LabelError(ClearpropError, ValueError):
    """Labels that are out of range, ambiguous, or not labels at all."""


class DataError(ClearpropError, ValueError):
    """Data that cannot be learned from: empty, not finite, or of the wrong width."""


class ConfigError(ClearpropError, ValueError):
    """A setting outside its range, such as a learning rate that is not positive."""


class FileFormatError(ClearpropError, ValueError):
    """A file that is not what its reader expects: wrong kind, truncated or corrupt."""


class OutputError(ClearpropError, OSError):
    """A file or folder that cannot be written."""


class NonFiniteError(ClearpropError, ArithmeticError):
    """NaN or infinity turned up in a forward or backward pass."""


class MissingPackageError(ClearpropError, ImportError):
    """An optional package is needed and not installed."""


class ProcessError(ClearpropError, RuntimeError):
    """Processes that shall compute together, of which one is missing, has gone or differs."""


class GraphError(ClearpropError, RuntimeError):
    """A graph used against its rules, such as `backward` on a value that nothing made."""


class LeavesGraphError(RefusedError, TypeError):
    """An operation would take a value off the graph and lose its derivative without a word."""


class LacksError(RefusedError, AttributeError):
    """An attribute that an array has and a Variable has not."""


class UnsupportedError(RefusedError, TypeError):
    """A function, argument or layer that clearprop cannot record, differentiate or compile."""


class RecordingWarning(UserWarning):
    """A program that is recorded anew again and again, since something outside of it changes."""


class WideningWarning(UserWarning):
    """A network of float32 parameters is computed in float64 from somewhere on."""
