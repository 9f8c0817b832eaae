"""How a Variable refuses to leave the graph without a word."""

import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from types import FrameType
from typing import Any, NoReturn

from clearprop.errors import ClearpropError, DTypeError, LeavesGraphError, said
from clearprop.primitives.unsupported import ELSEWHERE


class _Now(local):
    layer: Any = None
    functions: int = 0


now = _Now()
"""Of this thread: the layer whose formula runs, which was written for arrays, and how many
functions that are being differentiated or compiled."""

_OURS = "clearprop.graph.", "clearprop.primitives.", "clearprop.compiler."
_MACHINERY = ("numpy.", "scipy.", *_OURS)


class Heeded:
    """Run what somebody wrote for arrays on Variables: a refusal counts, whoever catches it.

    `try: s = float(x[0])` would else go on with its `except`, which no array comes to. An error
    that leaves the block is told as it is.
    """

    __slots__ = ("before",)

    def __enter__(self) -> None:
        self.before = said.refusal

    def __exit__(self, kind: Any, *_: object) -> None:
        if kind is None:
            heed(self.before)


def heed(before: Any) -> None:
    """Raise the refusal that has come since, if one has. `before` is what `said` held then."""
    if said.refusal is not before and said.refusal is not None:
        kind, args = said.refusal
        raise kind(*args)


def refuse_leaving() -> NoReturn:
    """Answer `float(v)`, `math.sin(v)`, `range(v)`, `np.asarray(v, float)`, `buf[0] = v` and so on.

    Python and NumPy ask a Variable the same for all of them: to be a plain number or array. They
    would go on with that and lose the derivative, so the answer is no, whoever wrote the line.
    """
    line, remedy = at_fault("Variable")
    raise LeavesGraphError(
        f"{line} takes a Variable off the graph and loses its derivative; {remedy}; v.data is the "
        "plain number or array"
    )


def at_fault(what: str) -> tuple[str, str]:
    """The line that asks for a plain number or array, and what to do with the array instead."""
    line, remedy = _line(sys._getframe(1))
    return line, remedy or (
        f"use a NumPy function on the {what} itself (np.sin, not math.sin), np.stack([...]) or "
        "np.concatenate([...]) for an array of several, np.where to choose between two, "
        "np.take_along_axis(table, v, axis=0) for table[v]"
    )


def refuse_in_layers() -> None:
    """Answer `x.item()` and `x.tolist()`, which a Variable has on request, and a layer's array too.

    In a layer's formula x was an array, and became a Variable later: nobody meant to leave.
    """
    if now.layer is not None:
        refuse_leaving()


def told_in_layers(v: Any, text: str) -> str:
    """A value as text; in a layer's formula, one that no number is read from.

    `float(f"{x.sum():.9g}")` would lose the derivative without a word.
    """
    return text if now.layer is None else f"{type(v).__name__}({text})"


@contextmanager
def spoken() -> Iterator[None]:
    """Run a function that is being differentiated or compiled.

    The refusal is let through that NumPy hides behind a message of its own, for `out[i, j] = v`.
    """
    now.functions += 1
    try:
        with Heeded():
            yield
    except ValueError as error:
        refuse_if_hidden(error)
        if "negative integer powers" in str(error):
            raise DTypeError(f"{error} Give the argument as a float: 2.0, not 2") from error
        raise
    except TypeError as error:
        if any(text in str(error) for text in _FOREIGN):
            raise LeavesGraphError(
                "a function that is not NumPy's, or one that goes through elements, was given a "
                f"Variable ({error}); use a NumPy function in its place (np.mean, not "
                "statistics.mean; v[i] or np.reshape(v, -1), not np.nditer(v))"
            ) from error
        if "dtype('O')" in str(error):  # of an array of Variables, which np.array(…) has made
            raise LeavesGraphError(
                "an array of Variables, as np.array([[a, b], [c, d]]) makes one, is nothing that "
                "this function can compute with; make one Variable of them, "
                f"np.stack([np.stack([a, b]), np.stack([c, d])]) ({error})"
            ) from error
        raise
    finally:
        now.functions -= 1


def refuse_if_hidden(error: ValueError) -> None:
    """Raise the refusal that stands behind an error of NumPy's, if one does."""
    if isinstance(error.__cause__, ClearpropError):
        raise error.__cause__ from None


def refuse_write(what: str) -> NoReturn:
    """Answer `v[0] = …` and the methods that change an array in place."""
    raise LeavesGraphError(
        f"{what} would overwrite a value that the backward pass needs; make a new value instead, "
        "for example with np.where(mask, new, v) or np.concatenate"
    )


def _line(frame: FrameType) -> tuple[str, str]:
    """The line at fault, as it is written; NumPy and the graph itself only carry it out.

    With it, what to use in place of the function of scipy.special that it calls, if that is known.
    """
    remedy = ""
    while frame.f_back and f"{frame.f_globals.get('__name__')}.".startswith(_MACHINERY):
        if f"{frame.f_globals.get('__name__')}.".startswith("scipy."):
            remedy = ELSEWHERE.get(frame.f_code.co_name, remedy)
        frame = frame.f_back
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno, frame.f_globals).strip()
    written = (told for text, told in _INSTEAD.items() if text in line)
    return (f"`{line}`" if line else "this line"), remedy or next(written, "")


_FOREIGN = "convert type 'Variable'", "convert type 'Traced'", "Iterator operand"
"""What Python and NumPy say, of a Variable that they take for a number or walk through."""

_INSTEAD = {
    "np.float32(": "use v.astype(np.float32)",
    "np.float64(": "use v.astype(np.float64)",
    "initial=": "put initial beside the result, as in np.sum(a) + v or np.maximum(np.max(a), v)",
}
"""What to use for a call that NumPy does not hand on to Variables."""
