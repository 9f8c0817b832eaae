"""The edits of some functions, by the numbers that they are picked by."""

import ast
import copy
from collections.abc import Iterable
from types import FunctionType
from typing import Any, NamedTuple, cast

from clearprop.checking.codes import Source, the_pick
from clearprop.checking.edits import swapped
from clearprop.checking.findings import Kind
from clearprop.checking.slips_in_calls import axes_of, longer_calls
from clearprop.checking.slips_in_places import slices_of

MOST_ALIKE = 6
"""So many functions are tried in place of another."""
NOT_ALIKE = ("forward", "backward", "__call__")
Line = ast.stmt | ast.Lambda


class Edit(NamedTuple):
    """In a line of a source, something in place of something else; or lines in place of lines."""

    source: Source
    line: Line
    old: Any
    new: Any
    kind: Kind
    rank: int = 0
    """The later it is tried, the higher."""
    more: tuple["Edit", ...] = ()
    """What else is done at the same time."""


class Site(NamedTuple):
    """An expression whose value may be another one."""

    source: Source
    line: Line
    old: ast.expr
    role: str
    """What it is of what it stands in: "term", "factor", "exponent", "argument", "index", "place",
    the index of what is assigned to; or "carried", at the end of a loop."""


class Editor:
    """Makes the edited forms of functions.

    Numbers from 1 on are those of single `edits` and `sites`; negative ones do several at once.
    `trees` are what indices may have been confused with: those of forward, too.
    """

    def __init__(self, trees: Iterable[Any] = (), owner: type = object) -> None:
        self.edits: list[Edit] = []
        self.sites: list[Site] = []
        self.together: list[list[int]] = []
        """The edits that are the same change at several places; number -1 is the first entry."""
        self.alike: list[list[int]] = []
        """The sites of the same name in a function, and those that a line reads, likewise."""
        self._keys: dict[Any, int] = {}
        trees = [*trees]
        self.slices = slices_of(trees)
        self.calls, self.axes = longer_calls(trees), axes_of(trees)
        self.methods = {
            name: getattr(f, "__func__", f)
            for cls in reversed(owner.__mro__[:-1])
            for name, f in vars(cls).items()
            if not name.startswith("__") and name not in NOT_ALIKE
        }

    def alike_functions(self, source: Source) -> dict[tuple[bool, str], list[str]]:
        """By function of the user's own (of the module, or a method), those that take as many."""
        of_module = source.function.__globals__
        own = {
            n: f
            for n, f in of_module.items()
            if getattr(f, "__module__", "") == of_module.get("__name__")
        }
        found: dict[tuple[bool, str], list[str]] = {}
        for is_global, named in ((True, own), (False, self.methods)):
            counts = {n: _count(f) for n, f in named.items() if n != source.function.__name__}
            for name, count in counts.items():
                others = [n for n, c in counts.items() if c == count is not None and n != name]
                found[is_global, name] = others[:MOST_ALIKE]
        return found

    def add(self, edit: Edit, key: Any = None) -> tuple[int, ...]:
        """Enter an edit; the numbers by which it is picked, alone or with those like it."""
        self.edits.append(edit)
        number = len(self.edits)
        if key is None:
            return (number,)
        return number, self._joined(self.together, (edit.source.function, key), number)

    def add_site(self, site: Site) -> ast.expr:
        """The question whether a site is picked, by itself or with those of its name."""
        self.sites.append(site)
        number = len(self.sites)
        if not isinstance(site.old, ast.Name | ast.Attribute) or site.role == "carried":
            return is_picked("site", number)
        name, function = ast.dump(site.old), site.source.function
        in_line = (function, name, id(site.line), site.role == "place")
        keys = (function, name), in_line
        return is_picked("site", number, *(self._joined(self.alike, k, number) for k in keys))

    def _joined(self, groups: list[list[int]], key: Any, number: int) -> int:
        """The number of the group of a key."""
        place = self._keys.setdefault(key, len(groups))
        if place == len(groups):
            groups.append([])
        groups[place].append(number)
        return -1 - place


def _count(function: Any) -> int | None:
    """How many arguments a function takes; `None` for what is none."""
    return function.__code__.co_argcount if isinstance(function, FunctionType) else None


def is_picked(what: str, *numbers: int) -> ast.expr:
    """The question whether one of these numbers is picked."""
    listed: list[ast.expr] = [ast.Constant(cast(Any, frozenset(numbers)))]
    return ast.Compare(the_pick(what), [ast.In()], listed)


def written(edit: Edit) -> tuple[str, str]:
    """What stands in the source, and what would stand there: whole lines if they are short.

    The second is empty where the line would only assign to itself.
    """
    if isinstance(edit.new, list):
        return _text(edit.old), _text(edit.new)
    lines: dict[Line, Any] = {}
    for each in (edit, *edit.more):
        lines[each.line] = swapped(lines.get(each.line, each.line), each.old, each.new)
    before, after = _text([*lines]), _text([*lines.values()])
    if len(lines) > 1 or max(len(before), len(after)) >= LONG:
        return _text([edit.old]), _text([edit.new])
    left, is_set, right = after.partition(" = ")
    return before, "" if is_set and left == right else after


class _Plain(ast.NodeTransformer):
    """Writes `1 - (1 - a)` and `-(-a)` as `a`, which edits have made."""

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        self.generic_visit(node)
        inner: Any = node.right
        if isinstance(node.op, ast.Sub) and isinstance(inner, ast.BinOp):
            same = ast.dump(node.left) == ast.dump(inner.left)
            return inner.right if same and isinstance(inner.op, ast.Sub) else node
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        self.generic_visit(node)
        inner: Any = node.operand
        if isinstance(node.op, ast.USub) and isinstance(inner, ast.UnaryOp):
            return inner.operand if isinstance(inner.op, ast.USub) else node
        return node


LONG = 120
"""Lines of so many letters are not shown as a whole."""


def _text(body: list[Any]) -> str:
    """Lines of a source; of those that hold others, the first."""
    plain = (_Plain().visit(copy.deepcopy(node)) for node in body)
    lines = (ast.unparse(ast.fix_missing_locations(node)).split("\n")[0] for node in plain)
    return "; ".join(lines).replace("[::-1][::-1]", "")
