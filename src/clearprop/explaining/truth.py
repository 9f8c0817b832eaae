"""Whether a formula is true: what it gives with numbers in the place of its names."""

from collections.abc import Callable
from functools import reduce
from operator import eq, ge, gt, le, lt, mul, ne
from typing import Any

import numpy as np

from clearprop.explaining import expressions as ex
from clearprop.explaining.expressions import Expression, parts

Values = Callable[[str], Any]
"""Gives the value of a name, `None` where it has none."""

_FUNCTIONS = {"log₂": np.log2, "log₁₀": np.log10}
_FUNCTIONS |= {f"ar{f}": getattr(np, f"arc{f}") for f in ("sinh", "cosh", "tanh")}
_BY_SIGN = dict(zip(">≥<≤=≠", (gt, ge, lt, le, eq, ne), strict=True))


class _UntoldError(Exception):
    """It cannot be told what this gives."""


def is_true(formula: Expression, index: str, wanted: Any, values: Values) -> bool | None:
    """Whether a formula gives what is wanted; `None` where that cannot be told.

    `index` is that of the left side. An index names axes: one that starts with `n`, for the `N`
    samples, the first ones, another the last ones; axes that it does not name are carried along.

    >>> from clearprop.explaining.reading import read
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> is_true(read("Σ_n x_n"), "", [4.0, 6.0], {"x": x, "N": 2}.get)
    True
    >>> is_true(read("x_k / Σ_j x_j"), "k", x / x.sum(axis=1, keepdims=True), {"x": x}.get)
    True
    >>> is_true(read("3x"), "", 2 * x, {"x": x}.get), is_true(read("3z"), "", x, {"x": x}.get)
    (False, None)
    """
    right = np.asarray(wanted)
    tolerance = np.finfo(right.dtype if right.dtype.kind == "f" else np.float64).eps ** 0.5
    evaluator = _Evaluator(formula, index, values)
    try:
        with np.errstate(all="ignore"):
            found = evaluator.of(formula)
        right = evaluator.spread(right.astype(np.float64), index)
        found = np.broadcast_to(found, right.shape)
    except (_UntoldError, ValueError):  # shapes that do not fit tell nothing either
        return None
    largest = np.max(np.abs(right), initial=0.0, where=np.isfinite(right))
    return np.allclose(found, right, tolerance, tolerance * largest, equal_nan=True)


class _Evaluator:
    """Computes an expression; where it has indices, each of their letters is an axis at the end."""

    def __init__(self, formula: Expression, index: str, values: Values) -> None:
        self.values = values
        named = (e.index for e in parts(formula) if isinstance(e, ex.Indexed))
        self.letters = sorted({*index, *(letter for index in named for letter in index)})

    def spread(self, array: Any, index: str = "") -> Any:
        """Move the axes that an index names to the end, each to the place of its letter."""
        n, rest = len(index), array.ndim - len(index)
        if len(set(index)) < n or rest < 0:
            raise _UntoldError
        if index.startswith("n") and array.shape[:1] != (self.values("N"),):
            raise _UntoldError
        first = 0 if index.startswith("n") else rest
        named = sorted(range(n), key=index.__getitem__)
        array = np.moveaxis(array, [first + i for i in named], range(rest, array.ndim))
        sizes = iter(array.shape[rest:])
        ends = (next(sizes) if letter in index else 1 for letter in self.letters)
        return array.reshape((*array.shape[:rest], *ends))

    def of(self, e: Expression) -> Any:
        """What an expression gives."""
        match e:
            case ex.Number(value):
                return np.float64(value)
            case ex.Symbol("π"):
                return np.float64(np.pi)
            case ex.Name(text):
                return self.spread(self.value(text))
            case ex.Indexed(ex.Name(text), index):
                return self.spread(self.value(text), index)
            case ex.Sum(terms):
                return sum(map(self.of, terms))
            case ex.Product(factors):
                return reduce(mul, map(self.of, factors))
            case ex.MatrixProduct(factors):
                return reduce(self.beside, map(self.of, factors))
            case ex.Quotient(above, below):
                return self.of(above) / self.of(below)
            case ex.Negative(inner):
                return -self.of(inner)
            case ex.Power(base, exponent):
                return self.of(base) ** self.of(exponent)
            case ex.Root(inner, degree):
                return np.sqrt(self.of(inner)) if degree == 2 else np.cbrt(self.of(inner))
            case ex.Fenced(inner, fence):
                return (np.abs if fence == "|" else np.floor)(self.of(inner))
            case ex.Transposed(inner) if not self.letters:
                return np.swapaxes(self.of(inner), -1, -2)
            case ex.Total(inner, index):
                return self.total(inner, index)
            case ex.Call(function, (x,)) if function not in ("max", "min", "softmax"):
                return (_FUNCTIONS.get(function) or getattr(np, function))(self.of(x))
            case ex.Call("max" | "min" as name, (x, y)):
                return getattr(np, f"{name}imum")(self.of(x), self.of(y))
            case ex.Comparison(left, sign, right):
                return _BY_SIGN[sign](self.of(left), self.of(right))
            case ex.Cases(cases, otherwise):
                made = np.nan if otherwise is None else self.of(otherwise)
                for value, condition in reversed(cases):
                    made = np.where(self.of(condition), self.of(value), made)
                return made
        raise _UntoldError

    def value(self, name: str) -> Any:
        """The number or numbers that a name stands for."""
        found = np.asarray(self.values(name))
        if found.dtype.kind not in "fiub":
            raise _UntoldError
        return found.astype(np.float64)

    def beside(self, x: Any, y: Any) -> Any:
        """Two values side by side: a product of matrices, or with a number."""
        if not x.ndim or not y.ndim:
            return x * y
        if self.letters or x.ndim < 2 or y.ndim < 2:
            raise _UntoldError
        return x @ y

    def total(self, inner: Expression, index: str) -> Any:
        """A sum over the axes of some letters, or over everything."""
        found = self.of(inner)
        if not index and not self.letters:
            return found.sum()
        summed = {i for e in parts(inner) if isinstance(e, ex.Indexed) for i in e.index}
        if not index or not summed.issuperset(index):
            raise _UntoldError
        axes = tuple(self.letters.index(i) - len(self.letters) for i in index)
        return found.sum(axis=axes, keepdims=True)
