"""The leaves of a program: Variables that stand for every value of their shape and dtype."""

import sys
from typing import Any

import numpy as np

from clearprop.errors import UnsupportedError
from clearprop.graph.leaving import at_fault, now
from clearprop.graph.node import Recorded, data_of, variable
from clearprop.graph.passing import is_bare
from clearprop.graph.recording import attach
from clearprop.graph.variable import Variable
from clearprop.primitives.constants import CONSTANT
from clearprop.primitives.registry import PRIMITIVES


class Traced(Variable):
    """A Variable that stands for every value of its shape and dtype.

    What a program does must not depend on the values that it happened to be recorded with, so a
    Traced refuses to be branched on or turned into a number.
    """

    __slots__ = ()

    stands_for_all = True

    def _leave(self, *args: Any, instead: str = "") -> Any:
        line, remedy = at_fault("array")
        raise UnsupportedError(
            f"{line} turns a value into a plain number, so that what it does depends on more than "
            f"shapes; {instead or remedy}"
        )

    def __index__(self) -> int:
        """Refused, as for a count: that may be given in another way."""
        return self._leave(
            instead="a count or an index is given by keyword, f(x, n=3), where it selects a "
            "program, and is an attribute of a network; for table[i] write "
            "np.take_along_axis(table, i, axis=0)"
        )

    item = tolist = _leave

    def __bool__(self) -> bool:
        line, _ = at_fault("array")
        raise UnsupportedError(
            f"{line} branches on a value (if, while, and, or), so that what it does depends on "
            "more than shapes; write it with np.where"
        )

    def __str__(self) -> str:
        if not _is_recording():
            return repr(self)
        return _refuse("turns a value into text", "return it, and read it outside")

    def __format__(self, spec: str) -> str:
        return str(self)

    def __repr__(self) -> str:
        if not _is_recording():
            return super().__repr__()
        return f"{type(self).__name__}(shape={self.shape}, dtype={self.dtype})"

    @property
    def data(self) -> Any:
        """The value that a program is recorded with; while it is, for clearprop alone."""
        asks = sys._getframe(1).f_globals.get("__name__", "")
        if not asks.startswith("clearprop") and _is_recording():
            _refuse("takes a value off the graph (data)", "stop_gradient(x) makes it a constant")
        return _value(self)

    @data.setter
    def data(self, value: Any) -> None:
        _hold(self, value)


def _refuse(what: str, instead: str) -> Any:
    line, _ = at_fault("array")
    raise UnsupportedError(
        f"{line} {what}, so that what it does depends on more than shapes; {instead}"
    )


def _is_recording() -> bool:
    """Whether somebody's code runs on the leaves."""
    return bool(now.functions) or now.layer is not None or not is_bare()


_value, _hold = Recorded.data.__get__, Recorded.data.__set__  # type: ignore[attr-defined]

Traced.made_as = Traced


class Setting(Traced):
    """A plain number among the leaves: a learning rate, the slope of a layer, the step's count.

    It is as weak as Python's own numbers are: beside a float32 array it does not make float64 of
    it. What is computed from such numbers alone is one too.
    """

    __slots__ = ()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        row = PRIMITIVES.get(ufunc) or CONSTANT.get(ufunc)
        if method != "__call__" or kwargs or row is None or not row.elementwise:
            return super().__array_ufunc__(ufunc, method, *args, **kwargs)
        values = tuple(map(_weak, args))
        return attach(row, args, values, {}, row.evaluate(*values))


def _operator(ufunc: np.ufunc, turned: bool = False) -> Any:
    def method(self: Any, *others: Any) -> Any:
        args = (*others, self) if turned else (self, *others)
        out = self.__array_ufunc__(ufunc, "__call__", *args)
        if all(isinstance(_weak(x), int | float) for x in args):
            return variable(Setting, out.data, out.node)
        return out

    return method


def _weak(x: Any) -> Any:
    return x.data.item() if isinstance(x, Setting) else data_of(x)


# Python asks the class further down first, so that these decide on either side of an operator.
Setting.__neg__ = _operator(np.negative)  # type: ignore[method-assign]
for _name, _ufunc in {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "pow": np.power,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
}.items():
    setattr(Setting, f"__{_name}__", _operator(_ufunc))
    setattr(Setting, f"__r{_name}__", _operator(_ufunc, turned=True))


def traced(value: Any, name: str) -> Traced:
    """Make a leaf of a program, sharing its array."""
    return variable(Traced, value, name=name)


def setting(value: float, name: str) -> Setting:
    """Make a leaf of a program for a plain number."""
    return variable(Setting, np.asarray(value)[()], name=name)


def plain(x: Any) -> Any:
    """What a leaf stands for: the array, or a plain number; what is none stays as it is."""
    return _weak(x)
