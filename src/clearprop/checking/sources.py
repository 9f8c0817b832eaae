"""The source of the functions that `backward` runs, as far as it is to be had."""

import ast
import itertools
import linecache
import sys
import sysconfig
from collections.abc import Callable, Iterable
from inspect import CO_NESTED
from pathlib import Path
from types import CellType, CodeType, FrameType, FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from clearprop.checking.codes import Source, compiled
from clearprop.checking.guards import is_harmless

_ROOMS = ("graph", "primitives", "checking", "networks")
NOT_THEIRS = (
    *(str(Path(__file__).parents[1] / room) for room in _ROOMS),
    str(Path(np.__file__).parent),
    "<frozen",
)
_OURS = str(Path(__file__).parent)
_LIBRARY = sysconfig.get_path("stdlib")


def sources_of(work: Callable[[], object], but: Iterable[Source] = ()) -> tuple[list[Source], int]:
    """The functions that run meanwhile and are the user's own, as far as there is source of them.

    The number tells how many calls were made, and so how much work it is. `but` are known already.
    There are none where it would do harm to run them with other values.
    """
    functions, owners, calls = functions_of(work)
    if not is_harmless(functions, owners):
        return [], calls
    known = {source.function for source in but}
    trees = ((f, tree_of(f), depth) for f, depth in functions.items() if f not in known)
    return [Source(f, tree, depth) for f, tree, depth in trees if tree is not None], calls


def functions_of(work: Callable[[], object]) -> tuple[dict[FunctionType, int], set[type], int]:
    """The user's own functions that run meanwhile, what compiled code was called on, and how often.

    Those of NumPy, of Python and of the graph are not: they are not where a mistake is. With each
    function, through how many others it was called when it was first.
    """
    found: dict[CodeType, FunctionType | None] = {}
    depths: dict[CodeType, int] = {}
    owners: set[type] = set()
    calls = 0

    def look(frame: FrameType, event: str, called: Any) -> None:
        nonlocal calls
        ours = frame.f_code.co_filename.startswith(_OURS)
        calls += event in ("call", "c_call") and not ours
        if event == "c_call":
            owners.add(type(getattr(called, "__self__", None)))
        code = frame.f_code
        if event == "call" and code not in found and _is_theirs(code.co_filename):
            found[code] = _function_of(frame)
            depths[code] = 0
            while frame := frame.f_back:  # type: ignore[assignment]
                depths[code] += frame.f_code in found

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        work()
    finally:
        # cProfile stands there itself up to Python 3.11, and is nothing that `setprofile` takes
        before.enable() if hasattr(before, "enable") else sys.setprofile(before)  # type: ignore
    return {f: depths[code] for code, f in found.items() if f}, owners, calls


def _is_theirs(file: str) -> bool:
    if file.startswith(NOT_THEIRS):
        return False
    return not file.startswith(_LIBRARY) or "-packages" in file


def _function_of(frame: FrameType) -> FunctionType | None:
    """The function that a frame runs: of its object's class, of its caller, or of its module.

    A static method is that of the object whose method called it.
    """
    code, caller = frame.f_code, frame.f_back
    for held in itertools.chain(
        *(vars(cls).values() for f in (frame, caller) if f for cls in _classes_of(f)),
        caller.f_locals.values() if caller else (),
        frame.f_globals.values(),
    ):
        held = getattr(held, "__func__", None) or getattr(held, "fget", None) or held
        if isinstance(held, FunctionType) and held.__code__ is code:
            return held
    return _stand_in(frame) if code.co_flags & CO_NESTED and code.co_name != "<lambda>" else None


def _classes_of(frame: FrameType) -> tuple[type, ...]:
    """Of the first argument of a function, and what they are made of."""
    code = frame.f_code
    owner = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    return (owner if isinstance(owner, type) else type(owner)).__mro__[:-1]


def _stand_in(frame: FrameType) -> FunctionType:
    """A function for the code of one that is held nowhere in sight, as one just taken from a list.

    It is never called: what is around it makes such functions anew, with the edited code.
    """
    code = frame.f_code
    cells = tuple(CellType() for _ in code.co_freevars)
    made = FunctionType(code, frame.f_globals, closure=cells)
    made.__dict__["stands_in"] = True
    return made


def tree_of(function: FunctionType) -> Any:
    """What was written, or `None` where that is not to be had or is not what is run."""
    code = function.__code__
    first, last = code.co_firstlineno, _last_line(code)
    text = "".join(linecache.getlines(code.co_filename)[first - 1 : last])
    known = _trees.setdefault(code, {})
    if text not in known:
        known.clear()
        known[text] = _parsed(function, text)
    return known[text]


_trees: WeakKeyDictionary[CodeType, dict[str, Any]] = WeakKeyDictionary()
"""By code, what was written when it was last read."""


def _parsed(function: FunctionType, text: str) -> Any:
    code, first = function.__code__, function.__code__.co_firstlineno
    if text[:1].isspace():  # dedenting it would change the texts in it that span lines
        text, first = f"if True:\n{text}", first - 1
    try:
        module = ast.parse(text)
    except SyntaxError:
        return None
    kind = ast.Lambda if code.co_name == "<lambda>" else ast.FunctionDef
    for node in ast.walk(module):
        if not isinstance(node, kind) or getattr(node, "name", "<lambda>") != code.co_name:
            continue
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
        ast.increment_lineno(node, first - 1)
        made = compiled(Source(function, node), node)
        if made is not None and _content(made) == _content(code):
            return node
        ast.increment_lineno(node, 1 - first)
    return None


def _content(code: CodeType) -> Any:
    """What a code is made of, which would be other things if the file had been edited since."""
    plain = [repr(c) for c in code.co_consts if not isinstance(c, CodeType)]
    return code.co_names, code.co_varnames, plain


def _last_line(code: CodeType) -> int:
    ends = [end or 0 for _, end, _, _ in code.co_positions()]
    inner = [_last_line(c) for c in code.co_consts if isinstance(c, CodeType)]
    return max([*ends, *inner], default=code.co_firstlineno)
