"""What keeps a check from harm: no memory but that of arrays is read, and edits touch no world.

A layer is run on inputs that nobody gave, and its backward as nobody wrote it. What is computed
then may be nonsense, but it must stay inside: a view beyond the end of an array kills the process,
and a file that is written with the wrong name stays.
"""

import io
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

LONGEST_AXIS = 10_000
"""Of longer arrays, two that are broadcast against each other by mistake fill the memory."""
OUTSIDE = (
    *("open", "os.", "shutil.", "subprocess.", "socket.", "mmap.", "tempfile.", "signal."),
    *("ctypes.dl", "ctypes.call", "builtins.input", "builtins.breakpoint", "time.sleep"),
    *("_thread.start", "sqlite3.", "urllib.", "http.", "smtplib.", "ftplib.", "webbrowser."),
)
"""How the names of audited events begin that reach beyond the process."""
CHECKED = ("numpy", "scipy", "clearprop", "builtins", *sys.stdlib_module_names)
"""Modules whose compiled functions look at what they are given."""
UNCHECKED = ("ctypes", "_ctypes", "_cffi_backend", "cffi", "numba")


class _Here(threading.local):
    checks = 0
    """So many checks are at work in this thread, one inside the other."""
    edits = 0


class _Holder:
    """A constant of a code that has a function; unlike others, it equals nothing else."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call


_here = _Here()
_lock = threading.Lock()
_checks = 0
_written: CodeType | None = None


@contextmanager
def within_memory() -> Iterator[None]:
    """Let `as_strided` give no view beyond its array, by whatever name it was imported.

    NumPy does not look, as the function is for those who know what they do.
    """
    _here.checks += 1
    _count(1)
    try:
        yield
    finally:
        _here.checks -= 1
        _count(-1)


def _count(more: int) -> None:
    """The function itself runs other code as long as any thread checks."""
    global _checks, _written
    strided = np.lib.stride_tricks.as_strided
    if not isinstance(strided, FunctionType) or strided.__code__.co_freevars:
        return
    with _lock:
        _checks += more
        if _written is None and _checks:
            _written = strided.__code__
            as_it_was = FunctionType(_written, strided.__globals__, "as_strided")
            as_it_was.__defaults__ = strided.__defaults__
            as_it_was.__kwdefaults__ = strided.__kwdefaults__
            strided.__code__ = _calling(lambda *a, **k: _strided(as_it_was, *a, **k))
        elif _written is not None and not _checks:
            strided.__code__, _written = _written, None


def _calling(function: Callable[..., Any]) -> CodeType:
    """The code of a function that does nothing but call another."""
    holder = _Holder(function)
    pattern = (lambda *args, **named: "<holder>".call(*args, **named)).__code__  # type: ignore
    consts = (holder if const == "<holder>" else const for const in pattern.co_consts)
    return pattern.replace(co_consts=tuple(consts))


def _strided(
    strided: Any, x: Any, shape: Any = None, strides: Any = None, *args: Any, **named: Any
) -> Any:
    if _here.checks:
        array = np.asarray(x)
        steps = array.strides if strides is None else tuple(strides)
        counts = array.shape if shape is None else tuple(shape)
        if not _inside(array, counts, steps):
            raise ValueError(
                f"as_strided: a view of shape {counts} and strides {steps} goes beyond its array "
                f"of shape {array.shape}"
            )
    return strided(x, shape, strides, *args, **named)


def _inside(array: Any, shape: tuple[Any, ...], strides: tuple[Any, ...]) -> bool:
    """Whether a view lies within the memory of an array, or of what the array is a view of."""
    if len(shape) != len(strides) or any(n < 0 for n in shape):
        return False
    if 0 in shape:
        return True
    spans = [(n - 1) * step for n, step in zip(shape, strides, strict=True)]
    start = array.__array_interface__["data"][0]
    first = start + sum(s for s in spans if s < 0)
    last = start + sum(s for s in spans if s > 0) + array.itemsize
    owner = array
    while (base := getattr(owner, "base", None)) is not None and not isinstance(base, bytes):
        if isinstance(base, np.ndarray):
            owner = base
        elif isinstance(getattr(base, "base", None), np.ndarray):  # a view that as_strided gave
            owner = base.base
        else:
            break
    low, high = np.lib.array_utils.byte_bounds(owner)
    return low <= first and last <= high


def at(ufunc: Any, array: Any, index: Any, *values: Any) -> None:
    """`ufunc.at(array, index, values)`, where the values have no more axes than what they meet.

    NumPy does not look, and beside a slice it reads beyond them.
    """
    is_array = isinstance(ufunc, np.ufunc) and isinstance(array, np.ndarray)
    for value in values if is_array else ():
        if np.ndim(value) > np.ndim(array[index]):
            raise ValueError(f"{ufunc.__name__}.at: values of {np.ndim(value)} axes are too many")
    ufunc.at(array, index, *values)


@contextmanager
def touching_nothing() -> Iterator[None]:
    """Let what this thread runs raise where it would reach for files, processes or the net."""
    _listen()
    _here.edits += 1
    try:
        yield
    finally:
        _here.edits -= 1


@cache
def _listen() -> None:
    """Hear of what reaches beyond the process; what listens once cannot be made to stop."""
    sys.addaudithook(_heard)


def _heard(event: str, _: Any) -> None:
    if _here.edits and event.startswith(OUTSIDE):
        raise PermissionError(event)


def is_harmless(functions: Iterable[FunctionType], owners: Iterable[type]) -> bool:
    """Whether functions may run as nobody wrote them: they call nothing that trusts its caller.

    That is what others have compiled, which knows no bounds, and what writes into open files.
    `owners` are the types of what had a method in C called.
    """
    if any(issubclass(owner, io.IOBase) for owner in owners):
        return False
    return not any(_trusts(value) for f in functions for value in _named(f))


def _named(function: Any) -> Iterator[Any]:
    """What the names in a function stand for, as far as they are not local."""
    names = function.__code__.co_names
    found = [function.__globals__.get(name) for name in names]
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # not set yet
            continue
    for value in found:
        yield value
        if isinstance(value, ModuleType) and _root(value.__name__) not in CHECKED:
            yield from (getattr(value, name, None) for name in names)


def _trusts(value: Any) -> bool:
    """Whether something is a function that was compiled without looking at what it is given."""
    kind = type(value)
    if _root(kind.__module__) in UNCHECKED or kind.__name__.startswith(("cython_", "fused_cython")):
        return True
    if kind.__name__ == "builtin_function_or_method":
        return _root(getattr(value, "__module__", None) or "builtins") not in CHECKED
    return isinstance(value, ModuleType) and _root(value.__name__) in UNCHECKED


def _root(module: str) -> str:
    return module.partition(".")[0]
