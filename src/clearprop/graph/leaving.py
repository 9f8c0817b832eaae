"""How a Variable refuses to leave the graph without a word."""

import builtins
import dis
import linecache
import sys
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any, NoReturn

import numpy as np

from clearprop.errors import LeavesGraphError
from clearprop.primitives.unsupported import ELSEWHERE

_NAMES = ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FAST", "LOAD_DEREF")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")


def to_number(v: Any, convert: type[float] | type[int]) -> Any:
    """Answer `float(v)` or `int(v)`: written out by the user, and only for a single value.

    Python asks the same question on behalf of `math.sin(v)` and the like, which would go on with
    a bare number and lose the derivative. The instruction that is being carried out tells them
    apart; where Python keeps no columns of its instructions (`-X no_debug_ranges`) nothing does,
    and both are refused.
    """
    name = convert.__name__
    if v.data.size != 1:
        raise LeavesGraphError(
            f"{name}(v): v has shape {v.data.shape} and is not a single number; "
            "use v.data for the array, or reduce it first (v.sum())"
        )
    frame = sys._getframe(2)
    known = getattr(builtins, name)
    written = _callee(frame.f_code, frame.f_lasti) == name
    meant = frame.f_locals.get(name, frame.f_globals.get(name, known)) if written else None
    if meant is not known:
        raise LeavesGraphError(
            f"{_source(frame)} takes a Variable off the graph and loses its derivative; "
            + _remedy_for_number(frame)
        )
    return convert(v.data.item())


def refuse_index() -> NoReturn:
    """Answer `range(v)`, `a_list[v]` and whatever else wants a whole number."""
    raise LeavesGraphError(
        f"{_source(sys._getframe(2))} needs a plain whole number, not a Variable; "
        "use v.item() for the number"
    )


def refuse_array() -> NoReturn:
    """Answer `np.asarray(v)` and whatever turns its arguments into plain arrays."""
    frame: FrameType | None = sys._getframe(2)
    while frame and _module(frame) in ("numpy", "clearprop", "scipy"):
        name = frame.f_code.co_name
        if _module(frame) == "scipy" and name in ELSEWHERE:
            raise LeavesGraphError(
                f"scipy.special.{name} makes a plain array of a Variable, which loses its "
                f"derivative; {ELSEWHERE[name]}"
            )
        frame = frame.f_back
    remedy = _JOIN if frame and _stores(frame) else f"{_JOIN}, or v.data for the array alone"
    raise LeavesGraphError(
        f"{_source(frame)} would turn a Variable into a plain array and lose its derivative; "
        + remedy
    )


def refuse_write(what: str) -> NoReturn:
    """Answer `v[0] = …` and the methods that change an array in place."""
    raise LeavesGraphError(
        f"{what} would overwrite a value that the backward pass needs; make a new value instead, "
        "for example with np.where(mask, new, v) or np.concatenate"
    )


_JOIN = (
    "use a NumPy function on the Variable itself, np.stack([...]) or np.concatenate([...]) for an "
    "array of several, np.where to choose between two"
)


def _remedy_for_number(frame: FrameType) -> str:
    if _stores(frame):
        return _JOIN
    module, _, name = (_callee(frame.f_code, frame.f_lasti) or "").rpartition(".")
    known = module in ("math", "cmath") and hasattr(np, name)
    instead = f"np.{name}" if known else "the NumPy function"
    return f"use {instead} on the Variable, or v.item() for the number"


def _module(frame: FrameType) -> str:
    return frame.f_globals.get("__name__", "").partition(".")[0]


def _stores(frame: FrameType) -> bool:
    """Whether the instruction under way is `target[index] = value`."""
    return dis.opname[frame.f_code.co_code[frame.f_lasti]] in ("STORE_SUBSCR", "STORE_SLICE")


@lru_cache(maxsize=256)
def _callee(code: CodeType, offset: int) -> str | None:
    """The dotted name that the call under way was written with, such as `np.asarray`.

    Python keeps for each instruction the piece of source that it came from. A name, the attributes
    looked up on it and the call itself all begin at the same place.
    """
    found = list(dis.get_instructions(code))
    at = next((n for n, i in enumerate(found) if i.offset == offset), None)
    if at is None or not found[at].opname.startswith(("CALL", "PRECALL")):
        return None
    start = _start(found[at])
    if start is None:
        return None
    name: str | None = None
    for instruction in found[:at]:
        if _start(instruction) != start:
            continue
        if instruction.opname.startswith(_NAMES):
            name = str(instruction.argval)
        elif instruction.opname in _ATTRIBUTES and name:
            name = f"{name}.{instruction.argval}"
        elif instruction.opname.startswith(("CALL", "BINARY")):
            name = None  # what is called now is an attribute of a result
    return name


def _start(instruction: dis.Instruction) -> tuple[int, int] | None:
    where = instruction.positions
    if where is None or where.lineno is None or where.col_offset is None:
        return None
    return where.lineno, where.col_offset


def _source(frame: FrameType | None) -> str:
    """What is being carried out, for a message: its source, or at least its name."""
    if frame is None:
        return "this call"
    text = _segment(frame.f_code, frame.f_lasti, frame.f_globals)
    if text:
        return f"`{text} = …`" if _stores(frame) else f"`{text}`"
    name = _callee(frame.f_code, frame.f_lasti)
    if name:
        return f"{name}(…)"
    return "assigning to an element" if _stores(frame) else "this operation"


def _segment(code: CodeType, offset: int, namespace: dict[str, Any]) -> str:
    positions = enumerate(code.co_positions())
    where = next((p for i, p in positions if 2 * i == offset), (None, None, None, None))
    line, last, start, end = where
    if line is None or line != last:
        return ""
    text = linecache.getline(code.co_filename, line, namespace)
    if start is None or end is None:
        return text.strip()
    return text.encode()[start:end].decode(errors="replace")
