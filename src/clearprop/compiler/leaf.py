"""The leaves of a program: Variables that stand for every value of their shape and dtype."""

from typing import Any, NoReturn

import numpy as np

from clearprop.errors import UnsupportedError
from clearprop.graph.node import Recorded, variable
from clearprop.graph.recording import attach
from clearprop.graph.variable import Variable
from clearprop.primitives.registry import PRIMITIVES


class Traced(Variable):
    """A Variable that stands for every value of its shape and dtype.

    What a program does must not depend on the values that it happened to be recorded with, so a
    Traced refuses to be branched on or turned into a number.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        self._refuse("branches on a value (if, while, and, or)")

    def __float__(self) -> float:
        self._refuse("turns a value into a number (float)")

    def __int__(self) -> int:
        self._refuse("turns a value into a number (int)")

    def item(self, *index: int) -> Any:
        """Refused: a program is recorded for all values."""
        self._refuse("turns a value into a number (item)")

    def tolist(self) -> Any:
        """Refused: a program is recorded for all values."""
        self._refuse("turns values into numbers (tolist)")

    @staticmethod
    def _refuse(what: str) -> NoReturn:
        raise UnsupportedError(
            f"it {what}, so that what it does depends on more than shapes; write it with np.where"
        )


Traced.made_as = Traced


class Setting(Traced):
    """A plain number among the leaves: a learning rate, the slope of a layer, the step's count.

    It is as weak as Python's own numbers are: beside a float32 array it does not make float64 of
    it. What is computed from such numbers alone is one too.
    """

    __slots__ = ()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        row = PRIMITIVES.get(ufunc)
        if method != "__call__" or kwargs or row is None or not row.elementwise:
            return super().__array_ufunc__(ufunc, method, *args, **kwargs)
        values = tuple(map(_weak, args))
        return attach(row, args, values, {}, row.evaluate(*values))


def _operator(ufunc: np.ufunc, turned: bool = False) -> Any:
    def method(self: Any, *others: Any) -> Any:
        args = (*others, self) if turned else (self, *others)
        out = self.__array_ufunc__(ufunc, "__call__", *args)
        if all(isinstance(_weak(x), int | float) for x in args):
            return variable(Setting, out.data, out.node, None)
        return out

    return method


def _weak(x: Any) -> Any:
    if isinstance(x, Setting):
        return float(x.data)
    return x.data if isinstance(x, Recorded) else x


# Python asks the class further down first, so that these decide on either side of an operator.
Setting.__neg__ = _operator(np.negative)  # type: ignore[method-assign]
for _name, _ufunc in {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "pow": np.power,
}.items():
    setattr(Setting, f"__{_name}__", _operator(_ufunc))
    setattr(Setting, f"__r{_name}__", _operator(_ufunc, turned=True))


def traced(value: Any, name: str) -> Traced:
    """Make a leaf of a program, sharing its array."""
    v = variable(Traced, value, None, None)
    v.name = name
    return v


def setting(value: float, name: str) -> Setting:
    """Make a leaf of a program for a plain number."""
    v = variable(Setting, np.float64(value), None, None)
    v.name = name
    return v
