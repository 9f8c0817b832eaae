"""The operators and array methods of a Variable: each one records a NumPy function."""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from clearprop.graph.constants import value_of
from clearprop.graph.leaving import refuse_in_layers, refuse_write
from clearprop.graph.node import Node, Recorded, variable
from clearprop.graph.recording import NUMBERS, array_function, attach, constant_operand, record
from clearprop.primitives.indexing import getitem, split_index
from clearprop.primitives.registry import PRIMITIVES

_NO_PARAMS: dict[str, Any] = {}


def _binary(ufunc: np.ufunc, symbol: str) -> Any:
    row = PRIMITIVES.get(ufunc)
    if row is None:  # such as divmod
        return _function(ufunc)
    compute: Callable[[Any, Any], Any] = getattr(operator, symbol)
    of_numbers = row.elementwise  # what gives a number is given numbers, but for products

    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, Recorded) and type(other) not in NUMBERS:
            other = constant_operand(other, row.name)
        if isinstance(other, Recorded):
            value = other.data if other.node is not None else value_of(other)
        else:
            value = other
        mine = self.data if self.node is not None else value_of(self)
        out = compute(mine, value)
        if out.__class__ is not np.float64 or not of_numbers:
            return attach(row, (self, other), (mine, value), _NO_PARAMS, out)
        # The shortest way for single numbers, whose expressions have many nodes.
        node = Node(row, (self, other), (mine, value), _NO_PARAMS, out)
        return variable(self.made_as, out, node, None)

    return method


def _both_sides(ufunc: np.ufunc, symbol: str) -> tuple[Any, Any]:
    def reflected(self: Any, other: Any) -> Any:
        return array_function(ufunc, (other, self), {})

    return _binary(ufunc, symbol), reflected


def _function(function: Callable[..., Any]) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return array_function(function, (self, *args), kwargs)

    method.__doc__ = f"`{function.__name__}` of this Variable, as `np.{function.__name__}`."
    return method


def _in_place(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        refuse_write(f"v.{name}()")

    method.__doc__ = "Refused: a recorded value is not changed in place."
    return method


class ArrayMethods(Recorded):
    """Operators, indexing and the usual methods of an array, on the graph."""

    __slots__ = ()

    __add__, __radd__ = _both_sides(np.add, "add")
    __sub__, __rsub__ = _both_sides(np.subtract, "sub")
    __mul__, __rmul__ = _both_sides(np.multiply, "mul")
    __truediv__, __rtruediv__ = _both_sides(np.divide, "truediv")
    __pow__, __rpow__ = _both_sides(np.power, "pow")
    __matmul__, __rmatmul__ = _both_sides(np.matmul, "matmul")
    __floordiv__, __rfloordiv__ = _both_sides(np.floor_divide, "floordiv")
    __mod__, __rmod__ = _both_sides(np.remainder, "mod")
    __divmod__, __rdivmod__ = _both_sides(np.divmod, "divmod")
    __lt__ = _function(np.less)
    __le__ = _function(np.less_equal)
    __gt__ = _function(np.greater)
    __ge__ = _function(np.greater_equal)
    __eq__ = _function(np.equal)
    __ne__ = _function(np.not_equal)
    __and__, __rand__ = _both_sides(np.bitwise_and, "and_")
    __or__, __ror__ = _both_sides(np.bitwise_or, "or_")
    __xor__, __rxor__ = _both_sides(np.bitwise_xor, "xor")
    __lshift__, __rlshift__ = _both_sides(np.left_shift, "lshift")
    __rshift__, __rrshift__ = _both_sides(np.right_shift, "rshift")
    __neg__ = _function(np.negative)
    __pos__ = _function(np.positive)
    __abs__ = _function(np.absolute)
    __invert__ = _function(np.invert)
    __round__ = _function(np.round)
    __hash__ = object.__hash__  # by identity: Variables are keys of the backward pass

    all = _function(np.all)
    any = _function(np.any)
    argmax = _function(np.argmax)
    argmin = _function(np.argmin)
    argsort = _function(np.argsort)
    clip = _function(np.clip)
    copy = _function(np.copy)
    cumprod = _function(np.cumprod)
    cumsum = _function(np.cumsum)
    diagonal = _function(np.diagonal)
    dot = _function(np.dot)
    flatten = _function(np.ravel)
    max = _function(np.max)
    mean = _function(np.mean)
    min = _function(np.min)
    nonzero = _function(np.nonzero)
    prod = _function(np.prod)
    ptp = _function(np.ptp)
    ravel = _function(np.ravel)
    repeat = _function(np.repeat)
    round = _function(np.round)
    searchsorted = _function(np.searchsorted)
    squeeze = _function(np.squeeze)
    std = _function(np.std)
    sum = _function(np.sum)
    swapaxes = _function(np.swapaxes)
    take = _function(np.take)
    trace = _function(np.trace)
    var = _function(np.var)

    fill = _in_place("fill")
    itemset = _in_place("itemset")
    partition = _in_place("partition")
    put = _in_place("put")
    resize = _in_place("resize")
    sort = _in_place("sort")

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """The same elements in another shape, as `ndarray.reshape`."""
        new = shape[0] if len(shape) == 1 else shape
        return array_function(np.reshape, (self, new), {"order": order} if order != "C" else {})

    def transpose(self, *axes: Any) -> Any:
        """The axes in another order, reversed by default, as `ndarray.transpose`."""
        order = axes[0] if len(axes) == 1 else axes or None
        return array_function(np.transpose, (self,) if order is None else (self, order), {})

    def astype(self, dtype: Any, **kwargs: Any) -> Any:
        """The values in another dtype; the derivative is cast back."""
        return array_function(np.astype, (self, dtype), kwargs)

    @property
    def T(self) -> Any:
        """The axes reversed."""
        return self.transpose()

    @property
    def mT(self) -> Any:
        """The last two axes exchanged."""
        return array_function(np.matrix_transpose, (self,), {})

    @property
    def real(self) -> Any:
        """The real part: the Variable itself, for its values are real."""
        return self

    @property
    def imag(self) -> Any:
        """The imaginary part: 0."""
        return np.zeros_like(self.data)

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.data.size

    @property
    def dtype(self) -> np.dtype:
        """The kind of number."""
        return self.data.dtype

    def item(self, *index: int) -> Any:
        """The value as a Python number, off the graph; refused within a layer's formula."""
        refuse_in_layers()
        return self.data.item(*index)

    def tolist(self) -> Any:
        """The values as (nested lists of) Python numbers, off the graph; refused likewise."""
        refuse_in_layers()
        return self.data.tolist()

    def __len__(self) -> int:
        if not self.data.ndim:
            raise TypeError(
                "len() of a Variable without axes: it is a single number, v.item() off the graph"
            )
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        if not self.data.ndim:
            raise TypeError("a Variable without axes is a single number and cannot be iterated")
        return (self[i] for i in range(len(self.data)))

    def __getitem__(self, index: Any) -> Any:
        form, arrays = split_index(index)
        operands = (a if isinstance(a, Recorded) else constant_operand(a, "v[…]") for a in arrays)
        return record(_GETITEM, (self, *operands), {"form": form})

    def __setitem__(self, index: Any, value: Any) -> None:
        refuse_write("v[...] = value")

    def __delitem__(self, index: Any) -> None:
        refuse_write("del v[...]")


_GETITEM = PRIMITIVES[getitem]
