"""Expressions as people type them, into a graph: parsed, checked piece by piece, never executed.

Python's own parser makes a tree of the text, and only what stands in the tables here is carried
out. Whatever else the tree holds is refused by its name.
"""

import ast
import math
import operator
import re
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NoReturn

import numpy as np

from clearprop.errors import ConfigError
from clearprop.graph import Variable
from clearprop.graph.node import Recorded
from clearprop.layers import Relu, Sigmoid, Softmax
from clearprop.primitives import arithmetic, transcendental

LONGEST, DEEPEST, LARGEST = 10_000, 200, 1_000_000
"""Characters of an expression, levels of nesting, elements of an array."""

_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Mod: operator.mod,
    ast.MatMult: operator.matmul,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_OTHER_FUNCTIONS = (
    *(np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std, np.where, np.dot, np.matmul),
    *(np.transpose, np.clip),
)
_REFUSED = {
    ast.Attribute: "a dot (attribute access)",
    ast.Lambda: "lambda",
    ast.IfExp: "if … else; use where(condition, a, b)",
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), "a comprehension"),
    ast.Dict: "a dictionary",
    ast.Set: "a set",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.YieldFrom: "yield",
    ast.NamedExpr: ":=",
    ast.BoolOp: "and, or",
    ast.JoinedStr: "an f-string",
    ast.Starred: "*",
    ast.Not: "not",
    ast.Invert: "~",
    ast.FloorDiv: "//",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitOr: "|",
    ast.BitAnd: "&",
    ast.BitXor: "^; powers are written **",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


@cache
def functions() -> dict[str, Callable[..., Any]]:
    """What an expression may call: functions by NumPy's name, and layers without parameters."""
    rows = (*arithmetic.ROWS, *transcendental.ROWS)
    known = (*(row.function for row in rows), *_OTHER_FUNCTIONS)
    usual = {"abs": np.absolute, "max": np.max, "min": np.min, "ln": np.log}
    layers = {kind.__name__.lower(): _applied(kind) for kind in (Relu, Sigmoid, Softmax)}
    return {f.__name__: f for f in known} | usual | layers


def _applied(kind: Any) -> Callable[..., Any]:
    def applied(x: Any) -> Any:
        return kind()(x)

    applied.__qualname__ = kind.__name__.lower()  # which Python's messages call it by
    return applied


def evaluate(expression: str, assignments: Sequence[str]) -> Variable:
    """Compute an expression on Variables.

    `assignments` give its names their values: `apple=100`, `x=[[1, 2], [3, 4]]`. The expression
    has numbers, names, lists of numbers, `+ - * / % ** @`, comparisons, NumPy's functions by name
    and plain indices; `price = …` in front of it names the result.

    Errors: `ConfigError` names what is not understood or not allowed, a name without a value or a
    value without a use.

    >>> evaluate("price = apple * num * tax", ["apple=100", "num=2", "tax=1.1"])
    Variable(220.00000000000003, name='price', from ×, derivative not computed yet)
    >>> evaluate("().__class__", [])
    Traceback (most recent call last):
        ...
    clearprop.errors.ConfigError: '().__class__': a dot (attribute access) cannot stand in an ...
    """
    named = re.match(r"\s*([^\W\d]\w*)\s*=(?!=)\s*", expression)
    formula = expression[named.end() :] if named else expression
    tree = _parse(formula)
    reader = _Reader(formula, _values(assignments))
    with np.errstate(all="ignore"):  # what is not finite is shown as it is
        try:
            result = reader.value(tree, 0)
        except ConfigError:
            raise
        except OverflowError:
            raise ConfigError(f"{formula!r}: a number in it is too large") from None
        except (ValueError, TypeError, ArithmeticError, IndexError, MemoryError) as error:
            raise ConfigError(f"{formula!r}: {error}") from error
    unused = ", ".join(sorted(reader.values.keys() - reader.used))
    if unused:
        raise ConfigError(f"{formula!r} does not use {unused}; leave that out, or look for a slip")
    if not isinstance(result, Variable) or result.node is None:
        raise ConfigError(
            f"{formula!r} computes nothing from a name; write something such as "
            "'apple * apple_num' apple=100 apple_num=2"
        )
    if result.data.dtype.kind == "b":
        raise ConfigError(f"{formula!r} is true or false, which has no derivative")
    if named:
        result.name = named[1]
    return result


def _values(assignments: Sequence[str]) -> dict[str, Variable]:
    values: dict[str, Variable] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        name = unicodedata.normalize("NFKC", name.strip())  # as Python's parser does with names
        if not equals or not name.isidentifier():
            raise ConfigError(f"{text!r} is not name=value, such as apple=100")
        if name.startswith("__") or name in functions():
            raise ConfigError(f"{text!r}: {name} cannot be the name of a value; choose another one")
        if name in values:
            raise ConfigError(f"{name} is given twice; give it one value")
        values[name] = Variable(_plain(_parse(value), value), name)
    return values


def _parse(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise ConfigError(f"{text[:40]!r}… is too long: {len(text):,} characters of {LONGEST:,}")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        where = getattr(error, "msg", None) or str(error)
        raise ConfigError(f"{text!r} cannot be read: {where}") from None
    except (RecursionError, MemoryError):
        raise ConfigError(f"{text[:40]!r}… is nested too deeply") from None


def _plain(tree: ast.expr, text: str) -> Any:
    """A number, or lists of numbers of one shape. Floats: whole ones could overflow in a power."""
    if isinstance(tree, ast.Tuple) and not text.lstrip().startswith("("):
        raise ConfigError(f"{text!r} has a comma: write 2.5 for a number, [2, 5] for two")
    value = _literal(tree, text, 0)
    try:
        array = np.array(value, np.float64)
    except ValueError:
        raise ConfigError(f"{text!r}: the rows of an array must be equally long") from None
    if not array.size:
        raise ConfigError(f"{text!r}: an array holds one number at least")
    return array[()]


def _literal(tree: ast.expr, text: str, depth: int) -> Any:
    if depth > 10:
        raise ConfigError(f"{text[:40]!r}: arrays have 10 axes at most")
    if isinstance(tree, ast.List | ast.Tuple):
        return [_literal(part, text, depth + 1) for part in tree.elts]
    match tree:
        case ast.UnaryOp(op=ast.UAdd() | ast.USub() as sign, operand=ast.Constant() as number):
            return _OPERATORS[type(sign)](_number(number, text))
        case ast.Constant():
            return _number(tree, text)
    raise ConfigError(f"{text!r} is not a number or a list of numbers, such as 1.5 or [[1, 2]]")


def _number(tree: ast.Constant, text: str) -> int | float:
    x = tree.value
    if isinstance(x, bool) or not isinstance(x, int | float):
        raise ConfigError(f"{text[:40]!r}: {x!r} is not a real number")
    if isinstance(x, int) and abs(x) < 1 << 62:
        return x
    with suppress(OverflowError):
        if abs(number := float(x)) < 2.0**1023:
            return number
    raise ConfigError(f"{text[:40]!r}: a number is too large")


class _Reader:
    """Carries out the tree of an expression."""

    def __init__(self, text: str, values: dict[str, Variable]) -> None:
        self.text = text
        self.values = values
        self.used: set[str] = set()

    def value(self, tree: ast.AST, depth: int) -> Any:
        """The value of a part of the tree."""
        if depth > DEEPEST:
            raise ConfigError(f"{self.text[:40]!r}… is nested more than {DEEPEST} levels deep")
        deeper = depth + 1
        match tree:
            case ast.Constant():
                return float(_number(tree, self.text))
            case ast.Name(id=name):
                return self._name(name)
            case ast.List() | ast.Tuple():
                return _plain(tree, self.text)
            case ast.UnaryOp(op=op, operand=inner):
                return self._operate(op, deeper, inner)
            case ast.BinOp(op=op, left=left, right=right):
                return self._operate(op, deeper, left, right)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self._operate(op, deeper, left, right)
            case ast.Call():
                return self._call(tree, deeper)
            case ast.Subscript(value=inner, slice=index):
                return self.value(inner, deeper)[self._index(index)]
            case ast.Compare():
                raise ConfigError(f"{self.text!r}: compare two things at a time")
        self._refuse(tree)

    def _operate(self, op: ast.AST, depth: int, *operands: ast.expr) -> Any:
        if type(op) not in _OPERATORS:
            self._refuse(op)
        return self._apply(_OPERATORS[type(op)], *(self.value(part, depth) for part in operands))

    def _name(self, name: str) -> Any:
        if name in self.values:
            self.used.add(name)
            return self.values[name]
        if name in ("pi", "e"):
            return getattr(math, name)
        if name in functions():
            raise ConfigError(f"{self.text!r}: {name} is a function; call it, as in {name}(x)")
        raise ConfigError(f"{self.text!r} uses {name}, which has no value; add {name}=…")

    def _call(self, tree: ast.Call, depth: int) -> Any:
        name = tree.func
        if isinstance(name, ast.Attribute) and isinstance(name.value, ast.Name):
            # np.exp is a way to write exp; nothing is looked up in it.
            said = name.attr if name.value.id == "np" else f"{name.value.id}.{name.attr}"
        elif isinstance(name, ast.Name):
            said = name.id
        else:
            self._refuse(name)
        function = functions().get(said)
        if function is None:
            raise ConfigError(
                f"{self.text!r}: {said} is not a function that an expression can call; "
                f"there are {', '.join(sorted(functions()))}"
            )
        if len(tree.args) > 8:
            raise ConfigError(f"{self.text!r}: {said} is called with too many arguments")
        if said in ("max", "min") and len(tree.args) > 1:
            raise ConfigError(
                f"{self.text!r}: {said} is for one array; of two values it is {said}imum(x, y)"
            )
        options = {}
        for keyword in tree.keywords:
            if keyword.arg not in ("axis", "keepdims"):
                raise ConfigError(
                    f"{self.text!r}: {said} can be told axis= and keepdims=, not {keyword.arg}="
                )
            options[keyword.arg] = self._option(keyword.arg, keyword.value)
        return self._apply(function, *(self.value(a, depth) for a in tree.args), **options)

    def _option(self, name: str, tree: ast.expr) -> Any:
        if name == "axis":
            return self._index(tree)
        if isinstance(tree, ast.Constant) and type(tree.value) is bool:
            return tree.value
        raise ConfigError(f"{self.text!r}: keepdims= is True or False")

    def _index(self, tree: ast.expr) -> Any:
        if isinstance(tree, ast.Tuple):
            return tuple(self._index(part) for part in tree.elts)
        if isinstance(tree, ast.Slice):
            parts = (tree.lower, tree.upper, tree.step)
            return slice(*(None if part is None else self._whole(part) for part in parts))
        return self._whole(tree)

    def _whole(self, tree: ast.expr) -> int:
        value = _literal(tree, self.text, 0)
        if type(value) is not int:
            raise ConfigError(f"{self.text!r}: an index or axis is a whole number")
        return value

    def _apply(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Carry out one step, after a look at how large its result will be."""
        shapes = [np.shape(a.data if isinstance(a, Recorded) else a) for a in args]
        if function in (operator.matmul, np.matmul, np.dot):
            # The axis that is summed over, the last of one and the last but one of the other, goes.
            one, other = shapes if len(shapes) == 2 else ((), ())
            size = math.prod(one[:-1]) * math.prod(other[:-2] + other[-1:] * (len(other) > 1))
        else:
            size = math.prod(np.broadcast_shapes(*shapes))
        if size > LARGEST:
            raise ConfigError(f"{self.text!r} makes an array of more than {LARGEST:,} numbers")
        try:
            return function(*args, **options)
        except ZeroDivisionError:  # Python refuses 1 / 0, which is ∞ in NumPy
            return float(function(*map(np.float64, args), **options))

    def _refuse(self, tree: ast.AST) -> NoReturn:
        what = _REFUSED.get(type(tree), f"this ({type(tree).__name__})")
        what, _, remedy = what.partition("; ")
        told = f"{self.text!r}: {what} cannot stand in an expression"
        raise ConfigError(f"{told}; {remedy}" if remedy else told)
