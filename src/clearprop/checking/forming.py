"""A function with all edits of it at once, each of which is done when its number is picked."""

import ast
import copy
from collections.abc import Iterator
from typing import Any

from clearprop.checking.codes import Source, the_pick
from clearprop.checking.edited import Edit, Editor, Line, Site, is_picked
from clearprop.checking.edits import edits, statements
from clearprop.checking.findings import Kind
from clearprop.checking.slips import LOAD, Change
from clearprop.checking.slips_in_calls import over_axes, with_settings
from clearprop.checking.slips_in_places import is_counted, lists_in

INDICES = ("index", "place")
"""The roles of what stands in brackets."""
HANDED = (*INDICES, "axis")
"""The roles that what is computed hands on to what it is made of."""


class Form:
    """Makes the edited form of a source: every edit of it at once."""

    def __init__(self, editor: Editor, source: Source) -> None:
        self.editor, self.source = editor, source
        code = source.function.__code__
        self.locals = {*code.co_varnames, *code.co_freevars, *code.co_cellvars}
        self.line: Line = source.tree
        self.asks = self.of_shape = False
        """Whether it is in a test, which asks settings, and in the brackets of a shape."""
        self.alike, self.listed = editor.alike_functions(source), lists_in(source.tree)

    def tree(self) -> Any:
        made = copy.copy(self.source.tree)
        if isinstance(made, ast.Lambda):
            made.body = self.expression(made.body, "term")
        else:
            made.body = self.block(made.body)
        return made

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        skipped = dict[int, list[int]]()
        for place, node in enumerate(body):
            now, skips = self.statement(node, body[place + 1 :])
            # What was done together with one before it is done already.
            done = skipped.pop(place, [])
            made += [ast.If(is_picked("at", *done), [ast.Pass()], now)] if done else now
            for number, lines in skips:
                for later in range(place + 1, place + lines):
                    skipped.setdefault(later, []).append(number)
        return made

    def statement(
        self, node: ast.stmt, following: list[ast.stmt]
    ) -> tuple[list[ast.stmt], list[tuple[int, int]]]:
        """The edited form of a statement, and the edits that do more lines, with how many."""
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
            return [node], []
        if isinstance(node, ast.Expr) and _speaks(node.value):
            return [ast.If(the_pick("silent"), [ast.Pass()], [node])], []
        outer, self.line = self.line, node
        others, skips = [], list[tuple[int, int]]()
        own = () if isinstance(node, ast.If) and self.source.shared else statements(node, following)
        for other, kind, _, rank, lines in (*own, *self.placed(node)):
            old = [node, *following[: lines - 1]]
            line = old[-1] if len(other) < lines else node  # done at once: the last reads the first
            (number,) = self.editor.add(Edit(self.source, line, old, other, kind, rank))
            others.append((is_picked("at", number), other or [ast.Pass()]))
            skips += [(number, lines)] if lines > 1 else []
        same: list[ast.stmt] = [self.inside(node)]
        for asked, other in others:
            same = [ast.If(asked, other, same)]
        self.line = outer
        return same, skips

    def placed(self, node: Any) -> Iterator[Change]:
        """What is assigned to other elements, those that something else takes."""
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        for change in (
            self.elsewhere(target) if isinstance(node, ast.Assign | ast.AugAssign) else ()
        ):
            made: Any = copy.copy(node)
            change.new.ctx = ast.Store()
            if isinstance(node, ast.Assign):
                made.targets = [change.new]
            else:
                made.target = change.new
            yield Change([made], change.kind)

    def inside(self, node: Any) -> Any:
        """A statement with the expressions and statements in it edited."""
        made: Any = copy.copy(node)
        for field, value in ast.iter_fields(node):
            if field in ("body", "orelse", "finalbody") and isinstance(value, list):
                more = self.carried(node) if field == "body" and isinstance(node, ast.For) else ()
                loops = field == "body" and isinstance(node, ast.For | ast.While)
                first = [ast.Expr(the_pick("goes_on"))] if loops else []
                setattr(made, field, [*first, *self.block(value), *more])
            elif field in ("value", "test", "iter") and value is not None:
                role = "term" if field == "value" else ""
                outer, self.asks = self.asks, field == "test"
                setattr(made, field, self.expression(value, role))
                self.asks = outer
        if isinstance(node, ast.Assign):
            made.targets = [self.target(target) for target in node.targets]
        elif isinstance(node, ast.AugAssign):
            made.target = self.target(node.target)
        return made

    def carried(self, loop: ast.For) -> Iterator[ast.stmt]:
        """At the end of a loop, what it may have to hand on to its next round."""
        first: dict[str, bool] = {}
        for name, is_set in (use for node in (loop.target, *loop.body) for use in _uses(node)):
            first.setdefault(name, is_set)
        own = {*self.locals} - {*self.source.function.__code__.co_freevars}
        for name in (n for n, is_set in first.items() if not is_set and n in own):
            value = ast.copy_location(ast.Name(name, LOAD), loop.body[-1])
            line = ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], value), value)
            asked = self.editor.add_site(Site(self.source, line, value, "carried"))
            now = ast.Call(the_pick("edit"), [ast.Name(name, LOAD)], [])
            yield ast.If(asked, [ast.Assign([ast.Name(name, ast.Store())], now)], [])

    def target(self, node: Any) -> Any:
        """What is assigned to: only the indices in it are read."""
        if not isinstance(node, ast.Subscript):
            return node
        made = copy.copy(node)
        made.value = self.target(node.value)
        made.slice = self.expression(node.slice, "place")
        return made

    def expression(self, node: Any, role: str) -> Any:
        """The edited form of an expression, which stands in another one as its `role`."""
        if isinstance(node, ast.Starred | ast.JoinedStr | ast.Lambda):
            return node
        made = copy.copy(node)
        if isinstance(node, ast.Slice):
            made.lower, made.upper = (
                end and self.expression(end, role) for end in (node.lower, node.upper)
            )
            return made
        if isinstance(node, ast.BinOp):
            inner = "term" if isinstance(node.op, ast.Add | ast.Sub | ast.MatMult) else "factor"
            inner = role if role in HANDED else inner
            divided = isinstance(node.op, ast.Div) and isinstance(node.left, ast.Constant)
            made.left = self.expression(node.left, "" if divided else inner)
            power = isinstance(node.op, ast.Pow) and inner == "factor"
            made.right = self.expression(node.right, "exponent" if power else inner)
        elif isinstance(node, ast.UnaryOp):
            made.operand = self.expression(node.operand, role if role in HANDED else "factor")
        elif isinstance(node, ast.Compare):
            made.left = self.expression(node.left, "argument")
            made.comparators = [self.expression(c, "argument") for c in node.comparators]
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                made.func = copy.copy(node.func)
                made.func.value = self.expression(node.func.value, "argument")
            adds = getattr(node.func, "attr", "") == "at"  # np.add.at(dx, i, what is added)
            inner = "count" if getattr(node.func, "id", "") == "range" else "argument"
            made.args = [
                a
                if _is_axis(a)
                else self.expression(a, "term" if adds and a is node.args[-1] else inner)
                for a in node.args
            ]
            made.keywords = [
                ast.keyword(k.arg, self.expression(k.value, "axis" if k.arg == "axis" else ""))
                for k in node.keywords
            ]
        elif isinstance(node, ast.Subscript):
            outer, self.of_shape = self.of_shape, _is_shape(node.value)
            made.value = self.expression(node.value, "factor")
            made.slice = self.expression(node.slice, "index")
            self.of_shape = outer
        elif isinstance(node, ast.Attribute) and not _is_chain(node):
            made.value = self.expression(node.value, "factor")
        elif isinstance(node, ast.Tuple | ast.List):
            inner = role if role in ("term", *HANDED) else "argument"
            made.elts = [self.expression(e, inner) for e in node.elts]
            if any(isinstance(e, ast.Slice) for e in node.elts):
                return made  # it stands in brackets only
        elif isinstance(node, ast.Dict):
            made.values = [self.expression(v, "term") for v in node.values]
        elif isinstance(node, ast.IfExp):
            made.test = self.expression(node.test, "")
            for field, e in (("body", node.body), ("orelse", node.orelse)):
                inner = "term" if isinstance(e, ast.Constant) else role  # the whole is a site
                setattr(made, field, self.expression(e, inner))
        elif isinstance(node, ast.ListComp | ast.GeneratorExp):
            made.generators = [copy.copy(generator) for generator in node.generators]
            for generator in made.generators:
                generator.iter = self.expression(generator.iter, "")
                generator.ifs = [the_pick("goes_on"), *generator.ifs]
            made.elt = self.expression(node.elt, "term")
        return self.choices(node, made, role) if _is_read(node) else made

    def choices(self, node: Any, made: Any, role: str) -> Any:
        """Every edit of an expression in one: which is done is asked only for one of them."""
        if self.asks and isinstance(node, ast.Constant):
            return made  # a mistake in what a setting is compared with is none in the derivative
        if role == "axis" and (_is_axis(node) or isinstance(node, ast.Tuple)):
            return made  # other numbers are edits of the call
        kept, here = node, list[int]()
        for change in (*edits(node), *self.elsewhere(node)):
            if not self.changes_nothing(change.new, role):
                kind = change.kind
                if role in INDICES:
                    kind = Kind.WRONG_PLACE if role == "place" else Kind.WRONG_VALUE
                elif role == "axis":
                    kind = Kind.WRONG_AXIS
                elif role == "count" and kind is Kind.EXTRA_TERM:
                    kind = Kind.DROPPED_TERM  # a range that ends too early
                rank = change.rank + self._is_odd(node, role)
                edit = Edit(self.source, self.line, node, change.new, kind, rank)
                numbers = self.editor.add(edit, change.key)
                kept = ast.IfExp(is_picked("at", *numbers), change.new, kept)
                here += numbers
        if here:
            made = ast.IfExp(is_picked("at", *here), kept, made)
        if role not in ("", "axis") and self.may_be_other(node, role):
            asked = self.editor.add_site(Site(self.source, self.line, node, role))
            made = ast.IfExp(asked, ast.Call(the_pick("edit"), [node], []), made)
        return made

    def _is_odd(self, node: Any, role: str) -> bool:
        """Whether there is something simpler: other places of a shape, than a size left out."""
        of_shape = isinstance(node, ast.Subscript) and _is_shape(node.value)
        return of_shape or (self.of_shape and role == "index")

    def changes_nothing(self, new: Any, role: str) -> bool:
        """Whether a number added is 0, or a factor 1: then it is left out, another edit."""
        value = new.value if isinstance(new, ast.Constant) else None
        return (value == 0 and role in ("term", *INDICES)) or (value == 1 and role == "factor")

    def elsewhere(self, node: Any) -> Iterator[Change]:
        """What is indexed as something else is; and something else, indexed so."""
        if isinstance(node, ast.Subscript):
            counts = isinstance(node.ctx, ast.Load) and is_counted(node.slice)
            for base in self.listed if counts else ():
                if ast.dump(base) != ast.dump(node.value):
                    other = ast.Subscript(base, node.slice, LOAD)
                    yield Change(other, Kind.WRONG_VALUE, rank=1)
            for index in self.editor.slices.values():
                for_slice = not isinstance(index, ast.Attribute | ast.Name)
                for_slice |= isinstance(node.slice, ast.Slice)
                if _length(index) == _length(node.slice) and for_slice:
                    yield Change(ast.Subscript(node.value, index, LOAD), Kind.WRONG_PLACE)
        if isinstance(node, ast.Call):
            f = node.func
            for call in over_axes(node, self.editor.axes):
                yield Change(call, Kind.WRONG_AXIS)
            for call in with_settings(node, self.editor.calls.get(ast.dump(f), ())):
                yield Change(call, Kind.WRONG_VALUE)
            for name in self.alike.get((isinstance(f, ast.Name), _named(f)), ()):
                other = ast.Name(name, LOAD) if isinstance(f, ast.Name) else None
                other = other or ast.Attribute(f.value, name, LOAD)  # type: ignore[attr-defined]
                yield Change(ast.Call(other, node.args, node.keywords), Kind.WRONG_VALUE, rank=1)

    def may_be_other(self, node: Any, role: str) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.locals
        if isinstance(node, ast.Attribute):
            root: Any = node
            while isinstance(root, ast.Attribute):
                root = root.value
            return not isinstance(root, ast.Name) or root.id in self.locals
        if isinstance(node, ast.Constant):
            whole = type(node.value) is int
            return (role in INDICES and whole) or (
                role == "factor" and (whole or type(node.value) is float)
            )
        return isinstance(node, ast.Subscript | ast.BinOp | ast.Call | ast.UnaryOp)


def _uses(node: Any) -> Iterator[tuple[str, bool]]:
    """The names in a statement in the order in which they are read or set, and whether set."""
    if isinstance(node, ast.Assign | ast.AugAssign):
        yield from _uses(node.value)
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, False
        for target in targets:
            yield from _uses(target)
    elif isinstance(node, ast.Name):
        yield node.id, isinstance(node.ctx, ast.Store)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _uses(child)


def _speaks(node: Any) -> bool:
    """Whether something is printed, which would be printed a thousand times."""
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"


def _named(f: Any) -> str:
    """The name of a function, or of a method of `self`."""
    if isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name) and f.value.id == "self":
        return f.attr
    return getattr(f, "id", "")


def _length(index: Any) -> int:
    return len(index.elts) if isinstance(index, ast.Tuple) else 1


def _is_axis(node: Any) -> bool:
    """Whether an argument is a number, as an axis is: which it may be is an edit of the call."""
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)
    )


def _is_shape(node: Any) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "shape"


def _is_read(node: Any) -> bool:
    return isinstance(getattr(node, "ctx", LOAD), ast.Load)


def _is_chain(node: Any) -> bool:
    while isinstance(node, ast.Attribute) and node.attr != "T":
        node = node.value
    return isinstance(node, ast.Name)
