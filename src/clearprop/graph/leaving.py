"""How a Variable refuses to leave the graph without a word."""

import builtins
import dis
import linecache
import sys
from types import CodeType, FrameType
from typing import Any, NoReturn

from clearprop.errors import LeavesGraphError


def to_number(v: Any, convert: type[float] | type[int]) -> Any:
    """Answer `float(v)` or `int(v)`: written out by the user, and only for a single value.

    Python asks the same question on behalf of `math.sin(v)` and the like, which would go on with
    a bare number and lose the derivative. The call that is being carried out tells them apart.
    """
    name = convert.__name__
    if v.data.size != 1:
        raise LeavesGraphError(
            f"{name}(v): v has shape {v.data.shape} and is not a single number; "
            "use v.data for the array, or reduce it first (v.sum())"
        )
    frame = sys._getframe(2)
    if not _calls_builtin(frame, name):
        raise LeavesGraphError(
            f"{_source(frame)} takes a Variable off the graph and loses its derivative; "
            "use the NumPy function of that name (np.sin for math.sin), or v.item() for the number"
        )
    return convert(v.data.item())


def refuse_array() -> NoReturn:
    """Answer `np.asarray(v)` and whatever turns its arguments into plain arrays."""
    frame: FrameType | None = sys._getframe(2)
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] == "numpy":
        frame = frame.f_back
    raise LeavesGraphError(
        f"{_source(frame)} would turn a Variable into a plain array and lose its derivative; "
        "use np.stack([...]) to join Variables, another NumPy function on the Variable itself, "
        "or v.data for the array"
    )


def refuse_write(what: str) -> NoReturn:
    """Answer `v[0] = …` and the methods that change an array in place."""
    raise LeavesGraphError(
        f"{what} would overwrite a value that the backward pass needs; make a new value instead, "
        "for example with np.where(mask, new, v) or np.concatenate"
    )


def _calls_builtin(frame: FrameType, name: str) -> bool:
    """Whether the instruction under way is the call `name(...)` of the built-in of that name."""
    if frame.f_globals.get(name, getattr(builtins, name)) is not getattr(builtins, name):
        return False
    instructions = list(dis.get_instructions(frame.f_code))
    call = next((i for i in instructions if i.offset == frame.f_lasti), None)
    if call is None or not call.opname.startswith("CALL") or call.positions is None:
        return False
    start = (call.positions.lineno, call.positions.col_offset)
    return any(
        i.opname in ("LOAD_GLOBAL", "LOAD_NAME")
        and i.argval == name
        and i.positions is not None
        and (i.positions.lineno, i.positions.col_offset) == start
        for i in instructions
    )


def _source(frame: FrameType | None) -> str:
    """The text of the call under way, where the source can be read."""
    if frame is None:
        return "this call"
    text = _segment(frame.f_code, frame.f_lasti, frame.f_globals)
    return f"`{text}`" if text else "this call"


def _segment(code: CodeType, offset: int, namespace: dict[str, Any]) -> str:
    for i, (line, end_line, start, end) in enumerate(code.co_positions()):
        if 2 * i == offset and line and line == end_line:
            text = linecache.getline(code.co_filename, line, namespace).encode()
            return text[start:end].decode(errors="replace")
    return ""
