"""The code of a function made from a tree, and put in its place.

An edited form holds all edits at once, and does none of them unless a `Pick` says which: it is
compiled once, and what other threads run is as it was.
"""

import ast
import copy
import operator
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import CO_NESTED
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from clearprop.checking import guards
from clearprop.graph.code import codes

_MARK = "<pick>"


class Source(NamedTuple):
    """A function and what was written: `tree` has the line numbers of the file."""

    function: Any
    tree: ast.FunctionDef | ast.Lambda
    depth: int = 0
    """How many others of the user's own functions it is called through."""
    shared: bool = False
    """Whether forward runs it, and backward, too."""

    @property
    def owner(self) -> str | None:
        """The name of the class that the function was written in."""
        *_, owner, _ = ("", *self.function.__qualname__.split("."))
        return owner if owner.isidentifier() else None


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
    found = next((c for c in codes(whole) if c.co_name == code.co_name), None)
    if found is None or found.co_freevars != code.co_freevars:
        return None
    return found if pick is None else _picking(found, pick)


def _guarded(node: Any) -> Any:
    """A tree in which nothing is added at places but by `guards.at`; what is without that is kept.

    What it is made of is shared with the trees that edits are told by, so it is not changed.
    """
    if isinstance(node, _LEAVES):
        return node
    made, f = with_parts(node, _guarded), node.func if isinstance(node, ast.Call) else None
    if isinstance(f, ast.Attribute) and f.attr == "at" and len(node.args) > 2:
        return ast.Call(the_pick("put_at"), [f.value, *made.args], node.keywords)
    return made


def with_parts(node: Any, other: Callable[[Any], Any]) -> Any:
    """A node with another for each of its parts, or itself where they are the same."""
    changed: dict[str, Any] = {}
    for field, value in node.__dict__.items():
        if type(value) is list:
            parts = [other(v) if isinstance(v, ast.AST) else v for v in value]
            if any(map(operator.is_not, parts, value)):
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
_LEAVES = (ast.Name, ast.Constant, *_BARE)
"""What has no parts that are edited; most nodes are such."""
_FUTURES = 0x1FF0000
"""The flags of `from __future__ import …` among those of a code."""


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
