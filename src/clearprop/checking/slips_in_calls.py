"""What could have been meant in place of a call: another function, axis, order of arguments."""

import ast
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from clearprop.checking.findings import Kind
from clearprop.checking.slips import LOAD, SMALL, Change, Entries, exchanged, number

ALIKE = (
    ("sum", "mean", Kind.FACTOR),
    ("max", "min", Kind.WRONG_VALUE),
    ("maximum", "minimum", Kind.WRONG_VALUE),
    ("argmax", "argmin", Kind.WRONG_PLACE),
    ("sin", "cos", Kind.WRONG_VALUE),
    ("sinh", "cosh", Kind.WRONG_VALUE),
    ("exp", "log", Kind.WRONG_VALUE),
    ("tril", "triu", Kind.MASK_INVERTED),
    ("zeros_like", "ones_like", Kind.WRONG_VALUE),
    ("cumsum", "cumprod", Kind.WRONG_VALUE),
    ("var", "std", Kind.WRONG_VALUE),
    ("hstack", "vstack", Kind.WRONG_AXIS),
)
"""Functions that are taken for one another."""
MEANT = {
    "log10": "log",
    "log2": "log",
    "log1p": "log",
    "expm1": "exp",
    "tan": "tanh",
    "tanh": "tan",
}
"""And what was meant by one that is seldom it."""
MOVING = ("roll", "flip", "transpose", "swapaxes", "moveaxis", "reshape", "rot90", "shift")
LIBRARY = ("np", "numpy", "math")
REDUCING = ("sum", "mean", "max", "min", "amax", "amin", "prod", "var", "std", "argmax", "cumsum")
AXES = (0, 1, 2, -1, -2, None, (0, 1), (1, 2), (0, 2), (0, 2, 3), (2, 3))


def called(node: ast.Call) -> Entries:
    """What may have been meant in place of a call."""
    f, args = node.func, node.args
    name = f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "")
    for one, two, kind in ALIKE:
        if name in (one, two):
            yield _with_name(node, two if name == one else one), kind, (name, one, two)
    if name in MEANT:
        yield _with_name(node, MEANT[name]), Kind.WRONG_VALUE, (name, MEANT[name]), 2
    if name == "range":
        yield from _ranges(node)
    if name == "reversed" and len(args) == 1:
        yield args[0], Kind.WRONG_PLACE
        return
    if name in REDUCING:
        yield from _axes(node, 0 if _is_method(f) else 1)
    for word in node.keywords:
        others = [w for w in node.keywords if w is not word]
        if word.arg != "axis":
            yield ast.Call(f, args, others), Kind.WRONG_VALUE
        elif name not in REDUCING:
            yield from _axes(node, len(args))
    if name not in REDUCING:
        for i, arg in enumerate(args):
            for entry in (
                SMALL[type(arg)](arg) if isinstance(arg, ast.Constant | ast.UnaryOp) else ()
            ):
                other = Change(*entry)
                if name == "roll" and getattr(other.new, "value", None) == 0 and i == 1:
                    continue  # which leaves it where it is
                made = [*args[:i], other.new, *args[i + 1 :]]
                kind = Kind.WRONG_PLACE if name in MOVING else other.kind
                yield ast.Call(f, made, node.keywords), kind, None, other.rank
    if any(isinstance(a, ast.Starred) for a in args):
        return
    known = isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name) and f.value.id in LIBRARY
    for one, two, order in exchanged(args, 4):
        both = isinstance(one, ast.Constant) and isinstance(two, ast.Constant)
        if not both or not (known or name in ("range", "slice", *MOVING)):
            yield ast.Call(f, order, node.keywords), Kind.SWAPPED
    if name == "transpose" and len(args) > 1:
        for axes in itertools.permutations(args) if len(args) < 5 else _near(args):
            yield ast.Call(f, [*axes], node.keywords), Kind.WRONG_PLACE
    if name in ("cumsum", "cumprod") and (args or _is_method(f)):
        yield from _turned(node)
    if isinstance(f, ast.Attribute) and _is_method(f) and name not in ("append", "at"):
        yield f.value, Kind.WRONG_VALUE
    if len(args) in (1, 2, 3) and not isinstance(args[0], ast.Constant):
        yield args[0], Kind.WRONG_VALUE


def axes_of(trees: Iterable[Any]) -> list[ast.keyword]:
    """The axes that stand in sources and are none of the usual ones, each once."""
    words = (w for t in trees for n in ast.walk(t) if isinstance(n, ast.Call) for w in n.keywords)
    found = {ast.unparse(w.value): w for w in words if w.arg == "axis"}
    return [w for text, w in found.items() if text not in map(str, AXES)]


def over_axes(node: ast.Call, axes: Iterable[ast.keyword]) -> Iterator[ast.Call]:
    """A call over each of these axes in place of its own."""
    own = next((w for w in node.keywords if w.arg == "axis"), None)
    for axis in axes if own else ():
        if ast.dump(axis) != ast.dump(own):  # type: ignore[arg-type]
            words = [axis if w is own else w for w in node.keywords]
            yield ast.Call(node.func, node.args, words)


def longer_calls(trees: Iterable[Any]) -> dict[str, list[ast.Call]]:
    """The calls that give settings, by what is called: others of it may have forgotten them."""
    found: dict[str, list[ast.Call]] = {}
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Call) and _settings(node) and not _of_library(node.func):
            found.setdefault(ast.dump(node.func), []).append(node)
    return found


def with_settings(node: ast.Call, others: Iterable[ast.Call]) -> Iterator[ast.Call]:
    """A call with the settings that others of the same function have, and this one has not."""
    for other in others:
        has = {word.arg for word in node.keywords}
        more = [w for w in _settings(other) if isinstance(w, ast.keyword) and w.arg not in has]
        rest = other.args[len(node.args) :] if len(other.args) > len(node.args) else []
        if (more or rest) and all(map(_is_setting, rest)):
            yield ast.Call(node.func, [*node.args, *rest], [*node.keywords, *more])


def _settings(node: ast.Call) -> list[Any]:
    """What is given to a call, and is a constant or hangs on `self`."""
    words = [w for w in node.keywords if w.arg and _is_setting(w.value)]
    return [*words, *filter(_is_setting, node.args)]


def _is_setting(value: Any) -> bool:
    of_self = isinstance(value, ast.Attribute) and getattr(value.value, "id", "") == "self"
    return of_self or isinstance(value, ast.Constant)


def _of_library(f: Any) -> bool:
    return isinstance(f, ast.Attribute) and getattr(f.value, "id", "") in LIBRARY


def _near(axes: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """An order of many axes with two exchanged, and that which undoes it."""
    yield from (order for _, _, order in exchanged(axes))
    places = {getattr(axis, "value", None): number(i) for i, axis in enumerate(axes)}
    if {*places} == {*range(len(axes))}:
        yield [places[i] for i in range(len(axes))]


def _is_method(f: Any) -> bool:
    """Whether a call is that of a method of an array, and not of a function of a module."""
    if not isinstance(f, ast.Attribute):
        return False
    return not (isinstance(f.value, ast.Name) and f.value.id in (*LIBRARY, "self"))


def _axes(node: ast.Call, place: int) -> Entries:
    """A sum, or the like, over other axes: as a word, at its place, or where there are none."""
    named = [word.value for word in node.keywords if word.arg == "axis"]
    placed = node.args[place : place + 1]
    (now,) = [*named, *placed, None][:1]
    before = ast.unparse(now) if now is not None else "None"
    at = next((i for i, w in enumerate(node.keywords) if w.arg == "axis"), len(node.keywords))
    axes = [*AXES, *_fewer(now)]
    for axis in (axis for axis in axes if str(axis) != before):
        if named or not placed:
            made = [w for w in node.keywords if w.arg != "axis"]
            made.insert(at, ast.keyword("axis", number(axis)))
            yield ast.Call(node.func, node.args, made), Kind.WRONG_AXIS, ("axis", before, axis)
            if now is None and not any(word.arg == "keepdims" for word in made):
                made = [*made, ast.keyword("keepdims", ast.Constant(True))]
                yield ast.Call(node.func, node.args, made), Kind.WRONG_AXIS, ("wide", before, axis)
        else:
            args = [*node.args[:place], number(axis), *node.args[place + 1 :]]
            made_call = ast.Call(node.func, args, node.keywords)
            yield made_call, Kind.WRONG_AXIS, ("axis", before, axis)


def _fewer(now: Any) -> Iterator[tuple[Any, ...]]:
    """Several axes but one of them."""
    elements = now.elts if isinstance(now, ast.Tuple) else ()
    whole = [e.value for e in elements if isinstance(e, ast.Constant)]
    if len(whole) == len(elements) > 2:
        yield from itertools.combinations(whole, len(whole) - 1)


def _turned(node: ast.Call) -> Entries:
    """A running sum from the other end."""
    axis = next((w.value for w in node.keywords if w.arg == "axis"), None)
    last = node.args[-1] if node.args else None
    axis = last if axis is None and isinstance(last, ast.Constant | ast.UnaryOp) else axis
    depth = axis.value if isinstance(axis, ast.Constant) and isinstance(axis.value, int) else 0
    back = ast.Slice(None, None, number(-1))
    index: Any = ast.Tuple([*[ast.Slice(None, None, None)] * depth, back], LOAD) if depth else back
    if isinstance(axis, ast.UnaryOp):
        index = ast.Tuple([ast.Constant(...), back], LOAD)
    if _is_method(node.func):
        owner = ast.Subscript(node.func.value, index, LOAD)  # type: ignore[attr-defined]
        inner = ast.Call(ast.Attribute(owner, node.func.attr, LOAD), node.args, node.keywords)  # type: ignore[attr-defined]
    else:
        args = [ast.Subscript(node.args[0], index, LOAD), *node.args[1:]]
        inner = ast.Call(node.func, args, node.keywords)
    yield ast.Subscript(inner, index, LOAD), Kind.WRONG_PLACE


def _with_name(node: ast.Call, name: str) -> ast.Call:
    f = node.func
    other = (
        ast.Attribute(f.value, name, LOAD) if isinstance(f, ast.Attribute) else ast.Name(name, LOAD)
    )
    return ast.Call(other, node.args, node.keywords)


def _ranges(node: ast.Call) -> Entries:
    args = node.args
    one, kind = ast.Constant(1), Kind.WRONG_PLACE
    less, more = ast.BinOp(args[-1], ast.Sub(), one), ast.BinOp(args[-1], ast.Add(), one)
    at = 1 if len(args) > 1 else 0
    ends = ((less, Kind.EXTRA_TERM), (more, Kind.DROPPED_TERM))
    for end, of_sum in ends if len(args) < 3 else ():
        yield ast.Call(node.func, [*args[:at], end], []), of_sum
    if len(args) == 1:
        yield ast.Call(node.func, [one, args[0]], []), kind
        yield ast.Call(ast.Name("reversed", LOAD), [node], []), kind
    elif len(args) == 2:
        for start in (ast.BinOp(args[0], ast.Sub(), one), ast.BinOp(args[0], ast.Add(), one)):
            yield ast.Call(node.func, [start, args[1]], []), kind
        yield ast.Call(node.func, [args[1]], []), kind
        yield ast.Call(ast.Name("reversed", LOAD), [node], []), kind
