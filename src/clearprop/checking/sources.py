"""The source of the functions that `backward` runs, and edited forms of them put in their place.

An edited form holds all edits at once, and does none of them unless a `Pick` says which: it is
compiled once, and what other threads run is as it was.
"""

import ast
import copy
import itertools
import linecache
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from inspect import CO_NESTED
from pathlib import Path
from types import CellType, CodeType, FrameType, FunctionType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from clearprop.checking import guards
from clearprop.checking.guards import is_harmless

_ROOMS = ("graph", "primitives", "checking", "networks")
NOT_THEIRS = (
    *(str(Path(__file__).parents[1] / room) for room in _ROOMS),
    str(Path(np.__file__).parent),
    "<frozen",
)
_LIBRARY = sysconfig.get_path("stdlib")
_MARK = "<pick>"


class Pick(threading.local):
    """Which edit is done, in the thread that chose it: by number, or at a site by `plan`."""

    at = 0
    site = 0
    left = 0
    """So many rounds of loops an edited form may still run."""
    silent = False
    put_at = staticmethod(guards.at)
    plan: Callable[[Any, Mapping[str, Any]], Any] | None = None

    @property
    def goes_on(self) -> bool:
        """Asked in each round of a loop: an edited one might never end."""
        if self.at or self.site:
            self.left -= 1
            if self.left < 0:
                raise ArithmeticError
        return True

    def edit(self, value: Any) -> Any:
        """Another value for what stands at the site, made with the local variables there."""
        if self.plan is None:
            return value
        frame = sys._getframe(1)
        local = frame.f_locals
        while frame.f_code.co_flags & CO_NESTED and frame.f_back:
            if not any(c is frame.f_code for c in frame.f_back.f_code.co_consts):
                break
            frame = frame.f_back  # what is around it, of which it sees only what it names
            local = {**frame.f_locals, **local}
        return self.plan(value, local)


class Source(NamedTuple):
    """A function and what was written: `tree` has the line numbers of the file."""

    function: Any
    tree: ast.FunctionDef | ast.Lambda

    @property
    def owner(self) -> str | None:
        """The name of the class that the function was written in."""
        *_, owner, _ = ("", *self.function.__qualname__.split("."))
        return owner if owner.isidentifier() else None


def sources_of(work: Callable[[], object], but: Iterable[Source] = ()) -> tuple[list[Source], int]:
    """The functions that run meanwhile and are the user's own, as far as there is source of them.

    The number tells how many calls were made, and so how much work it is. `but` are known already.
    There are none where it would do harm to run them with other values.
    """
    functions, owners, calls = functions_of(work)
    if not is_harmless(functions, owners):
        return [], calls
    known = {source.function for source in but}
    trees = ((f, tree_of(f)) for f in functions if f not in known)
    return [Source(function, tree) for function, tree in trees if tree is not None], calls


def functions_of(work: Callable[[], object]) -> tuple[list[FunctionType], set[type], int]:
    """The user's own functions that run meanwhile, what compiled code was called on, and how often.

    Those of NumPy, of Python and of the graph are not: they are not where a mistake is.
    """
    found: dict[CodeType, FunctionType | None] = {}
    owners: set[type] = set()
    calls = 0

    def look(frame: FrameType, event: str, called: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")
        if event == "c_call":
            owners.add(type(getattr(called, "__self__", None)))
        code = frame.f_code
        if event == "call" and code not in found and _is_theirs(code.co_filename):
            found[code] = _function_of(frame)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        work()
    finally:
        # cProfile stands there itself up to Python 3.11, and is nothing that `setprofile` takes
        before.enable() if hasattr(before, "enable") else sys.setprofile(before)  # type: ignore
    return [f for f in found.values() if f], owners, calls


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


def compiled(source: Source, tree: Any, pick: Pick | None = None) -> CodeType | None:
    """The code of a tree in place of that of the function: with its class and its free names."""
    code = source.function.__code__
    body: Any = tree if pick is None else _guarded(tree)
    if isinstance(body, ast.Lambda):
        body = ast.Expr(body)
    if source.owner:
        body = _new(ast.ClassDef, source.owner, [], [], [body], [])
    free = [name for name in code.co_freevars if name != "__class__"]
    if free:
        names: list[ast.expr] = [ast.Name(name, ast.Store()) for name in free]
        given = ast.Assign(names, ast.Constant(None))
        nothing = ast.arguments([], [], None, [], [], None, [])
        body = _new(ast.FunctionDef, "outer", nothing, [given, body], [])
    module = ast.Module([body], [])
    _locate(module, set(map(id, ast.walk(source.tree))), code.co_firstlineno)
    flags = code.co_flags & _FUTURES
    try:
        whole = compile(module, code.co_filename, "exec", flags=flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return None
    found = next((c for c in _inside(whole) if c.co_name == code.co_name), None)
    if found is None or found.co_freevars != code.co_freevars:
        return None
    return found if pick is None else _picking(found, pick)


def _guarded(node: Any) -> Any:
    """A tree in which nothing is added at places but by `guards.at`; what is without that is kept.

    What it is made of is shared with the trees that edits are told by, so it is not changed.
    """
    made, f = with_parts(node, _guarded), node.func if isinstance(node, ast.Call) else None
    if isinstance(f, ast.Attribute) and f.attr == "at" and len(node.args) > 2:
        return ast.Call(the_pick("put_at"), [f.value, *made.args], node.keywords)
    return made


def with_parts(node: Any, other: Callable[[Any], Any]) -> Any:
    """A node with another for each of its parts, or itself where they are the same."""
    changed: dict[str, Any] = {}
    for field, value in ast.iter_fields(node):
        if isinstance(value, list):
            parts = [other(v) if isinstance(v, ast.AST) else v for v in value]
            if any(a is not b for a, b in zip(parts, value, strict=True)):
                changed[field] = parts
        elif isinstance(value, ast.AST) and (made := other(value)) is not value:
            changed[field] = made
    if not changed:
        return node
    twin = copy.copy(node)
    twin.__dict__.update(changed)
    return twin


def _locate(node: Any, known: set[int], line: int) -> None:
    """Give all nodes but the known ones a place, those made in a line that of the line."""
    held = node.__dict__
    if "lineno" in held:
        if id(node) in known:
            return
        line = held["lineno"]
    elif node._attributes:
        held |= {"lineno": line, "end_lineno": line, "col_offset": 0, "end_col_offset": 0}
    for value in [*held.values()]:
        if isinstance(value, list):
            for child in value:
                if isinstance(child, ast.AST):
                    _locate(child, known, line)
        elif isinstance(value, ast.AST) and not isinstance(value, _BARE):
            _locate(value, known, line)


def _new(kind: Any, *fields: Any) -> Any:
    """A node without type parameters, which it has from Python 3.12 on."""
    return kind(*fields, type_params=[])


_BARE = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
_FUTURES = 0x1FF0000
"""The flags of `from __future__ import …` among those of a code."""


def _inside(code: CodeType) -> Iterator[CodeType]:
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield const
            yield from _inside(const)


def _picking(code: CodeType, pick: Pick) -> CodeType:
    """The code with its marks replaced by the pick itself: no name of the user's is taken."""
    consts = (
        pick if c == _MARK else _picking(c, pick) if isinstance(c, CodeType) else c
        for c in code.co_consts
    )
    return code.replace(co_consts=tuple(consts))


def with_inner(code: CodeType, old: CodeType, new: CodeType | None) -> CodeType:
    """A code whose inner function is another one; itself where it has no such inner function."""
    if new is None:
        return code
    if (code.co_name, code.co_firstlineno) == (old.co_name, old.co_firstlineno):
        return new if code.co_freevars == new.co_freevars else code
    consts = [with_inner(c, old, new) if isinstance(c, CodeType) else c for c in code.co_consts]
    same = all(a is b for a, b in zip(consts, code.co_consts, strict=True))
    return code if same else code.replace(co_consts=tuple(consts))


def the_pick(attribute: str) -> ast.expr:
    """The pick in a tree, by one of its attributes."""
    return ast.Attribute(ast.Constant(_MARK), attribute, ast.Load())


@contextmanager
def replaced(codes: Mapping[FunctionType, CodeType]) -> Iterator[None]:
    """Let functions run other code for a while."""
    before = {function: function.__code__ for function in codes}
    try:
        for function, code in codes.items():
            function.__code__ = code
        yield
    finally:
        for function, code in before.items():
            function.__code__ = code
