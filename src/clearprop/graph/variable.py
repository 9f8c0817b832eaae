"""Variable: an array on the graph."""

import copy
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from clearprop.errors import DTypeError, GraphError, LacksError, LeavesGraphError, ShapeError
from clearprop.graph.backward import derivatives, floating, reach
from clearprop.graph.branches import tell_of_branches
from clearprop.graph.display import NOTEBOOK, Displayed
from clearprop.graph.gathering import scattered
from clearprop.graph.leaving import now, refuse_in_layers, refuse_leaving, told_in_layers
from clearprop.graph.methods import ArrayMethods
from clearprop.graph.node import NOTHING, Node, Recorded, data_of, mark_of, variable
from clearprop.graph.recording import array_function, array_ufunc
from clearprop.primitives.masked import refuse_masked


class Variable(ArrayMethods):
    """An array on a computational graph: its value, its derivative, and the node that made it.

    Operators, NumPy functions and the usual array methods work on it, and each becomes a node.
    Plain numbers and arrays met on the way are constants of the graph.

    `value` is a number or an array of real numbers; an array is copied, so that writing into the
    original does not change what was recorded. Integers are accepted (100 apples) and
    differentiated as floats. `name` is for people: it stands in pictures and messages.

    `grad` is `None` until a backward pass has been through the Variable, and then has its shape
    and dtype (float64 for integers).

    Errors: `DTypeError` for complex numbers, text and other objects.

    >>> apple, apple_num, tax = Variable(100), Variable(2), Variable(1.1)
    >>> price = apple * apple_num * tax
    >>> price
    Variable(220.00000000000003, from ×, derivative not computed yet)
    >>> price.backward()
    >>> print(apple.grad, apple_num.grad, tax.grad)
    2.2 110.00000000000001 200.0
    """

    __slots__ = ()

    data: Any
    """The value: an array, or a NumPy number.

    That of a Variable which was given from outside may be changed, as in `v.data -= lr * v.grad`:
    what was recorded before keeps the values that it had.
    """

    grad: Any
    """The derivative, or `None` if it is not computed yet."""

    name: str | None
    node: Node | None
    """The operation that made this value; `None` if it was given from outside."""

    def __init__(self, value: Any, name: str | None = None) -> None:
        if isinstance(value, Recorded):
            raise LeavesGraphError(
                "Variable(v): v is a Variable already; use v itself, or Variable(v.data) for a "
                "new start that is not connected with it"
            )
        refuse_masked(value, "Variable: the value")
        try:
            array = np.array(value)
        except LeavesGraphError:
            raise
        except (ValueError, TypeError) as error:
            raise ShapeError(f"Variable: this cannot be made an array: {error}") from error
        if array.dtype.kind not in "fiub":
            if array.dtype == object and any(isinstance(x, Recorded) for x in array.flat):
                refuse_leaving()
            raise DTypeError(
                f"Variable: a value of dtype {array.dtype} cannot be differentiated; "
                "give real numbers"
            )
        self.data = array if array.ndim else array[()]
        self.grad, self.grad_of = None, NOTHING
        self.name = name
        self.node = None
        self.index = None

    def backward(self, dout: Any = None, accumulate: bool = False, record: bool = False) -> None:
        """Compute the derivative of this value by everything it was made from, into their `grad`.

        `dout` is the derivative that arrives from upstream, 1 by default, of this value's shape.
        A second call computes the same again; with `accumulate` it adds to the `grad` that is
        there. With `record` the derivatives are Variables, so that they can be differentiated.

        Errors: `ShapeError` if `dout` is missing for a value that is not a single number, or has
        another shape; `GraphError` if nothing on a graph made this value.

        >>> x = Variable([1.0, 2.0], "x")
        >>> y = (x * x).sum()
        >>> y.backward()
        >>> x.grad
        array([2., 4.])
        """
        if self.node is None:
            raise GraphError(
                f"backward: {self._called()} was not computed from anything, so there is "
                "nothing to go back to; call backward on a result"
            )
        outputs = [(self, self._seed(dout, record))]
        found = derivatives(outputs, record=record, zeros=True, afresh=not accumulate)
        ends, chooses, this = [], False, frozenset({mark_of(self)})
        for v, dx in found.items():
            if v.node is None:
                ends.append(dx)
            elif v.node.operation.chooses:
                chooses = True
            if type(dx) is np.ndarray:
                dx.flags.writeable = False  # a derivative may be shared between Variables
            if record and not isinstance(dx, Recorded):  # it depends on nothing that is recorded
                dx = variable(type(self).made_as, dx)
            before = v.grad if accumulate else None
            v.grad, v.grad_of = (dx, this) if before is None else (before + dx, v.grad_of | this)
        if chooses:
            tell_of_branches(outputs, ends)

    def _seed(self, dout: Any, record: bool) -> Any:
        """The derivative from upstream: of the shape and dtype of this value."""
        shape, dtype = self.shape, floating(self.data)
        seed: Any = dout
        if dout is None:
            if self.size != 1:
                raise ShapeError(
                    f"backward: {self._called()} has shape {shape} and is not one number; "
                    "say what its derivative from upstream is, as in "
                    "v.backward(np.ones_like(v.data)), or reduce it first (v.sum())"
                )
            seed = np.ones(shape, dtype)
        elif not isinstance(dout, Recorded):
            seed = np.array(dout)
        elif not record:
            raise LeavesGraphError(
                "backward: dout is a Variable, whose derivative would be lost; "
                "call backward(dout, record=True), or give dout.data"
            )
        if seed.shape != shape:
            raise ShapeError(
                f"backward: dout has shape {seed.shape}, "
                f"but the value it is the derivative by has shape {shape}"
            )
        if seed.dtype.kind not in "fiub":
            raise DTypeError(f"backward: dout has dtype {seed.dtype}; give real numbers")
        if seed.dtype != dtype:
            seed = seed.astype(dtype)
        return seed if isinstance(seed, Recorded) else seed[()]

    def _called(self) -> str:
        return f"Variable {self.name!r}" if self.name else "this Variable"

    def _leave(self) -> Any:
        refuse_leaving()

    def _number(self) -> Any:
        return self._leave()  # which another kind of Variable answers in its own words

    __float__ = __int__ = __index__ = _number

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return scattered(self, dtype, copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        return array_ufunc(ufunc, method, args, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return array_function(function, args, kwargs)

    def __bool__(self) -> bool:
        return bool(self.data)

    def __format__(self, spec: str) -> str:
        if not spec or self.data.size != 1:
            return repr(self)
        return told_in_layers(self, format(self.data.item(), spec))

    def __repr__(self) -> str:
        parts = [_text(self.data)]
        if self.name:
            parts.append(f"name={self.name!r}")
        if self.data.ndim:
            parts.append(f"shape={self.shape}")
        if self.data.dtype != np.float64:
            parts.append(f"dtype={self.dtype}")
        if self.node is not None:
            parts.append(f"from {self.node.operation.symbol}")
        if self.grad is None:
            parts.append("derivative not computed yet")
        else:
            parts.append(f"derivative {_text(data_of(self.grad))}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def _repr_svg_(self) -> str:
        return Displayed.drawing.svg_of(self, width=NOTEBOOK)

    def _repr_html_(self) -> str:
        return Displayed.drawing.html_of(self)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Answer for what an array has and a Variable has not."""
            function = getattr(np, name, None)
            if isinstance(function, np.ufunc) and function.nin == 1:
                return partial(function, self)  # so NumPy asks the elements of an array of objects
            known = hasattr(np.ndarray, name)
            hint = f"; v.data.{name} is that of the value, off the graph" if known else ""
            # By names such as __array_interface__ NumPy asks what something is.
            kind = LacksError if known and not name.startswith("_") else AttributeError
            raise kind(f"a Variable has no {name!r}{hint}")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        """A Variable of its own, computed in the same way from Variables of its own.

        In the formula of a layer, and in a function that is being differentiated, it is itself.
        """
        if now.layer is not None or now.functions:
            return self
        fresh: list[tuple[Recorded, Recorded]] = []

        def twin(v: Any) -> Any:
            if not isinstance(v, Recorded) or (v.node is None and not v.may_change):
                return v
            if id(v) not in memo:
                node = v.node and memo[id(v.node)]
                data = v.data if node else copy.deepcopy(v.data, memo)  # a result cannot change
                memo[id(v)] = variable(type(v), data, node, v.index, v.name)
                fresh.append((v, memo[id(v)]))
            return memo[id(v)]

        def connected(v: Recorded) -> Any:
            nodes, _ = reach([v])
            for n in reversed(nodes):
                if id(n) not in memo:
                    inputs = tuple(map(twin, n.inputs))
                    other = Node(n.operation, inputs, n.values, n.params, n.out, n.marks)
                    other.serial = n.serial  # its derivatives are still those of the same results
                    memo[id(n)] = other
            return twin(v)

        made = connected(self)
        for v, other in fresh:  # which grow: a recorded derivative stands on a graph, too
            recorded = isinstance(v.grad, Recorded)
            other.grad = connected(v.grad) if recorded else copy.deepcopy(v.grad, memo)
            other.grad_of = v.grad_of
        return made

    def __reduce__(self) -> Any:
        """The value, its name and its derivative go into a pickle; how it was computed does not."""
        refuse_in_layers()
        return _unpickled, (self.data, self.name, data_of(self.grad))


def _unpickled(data: Any, name: str | None, grad: Any) -> Variable:
    made = variable(Variable, data, name=name)
    made.grad = grad
    return made


class Parameter(Variable):
    """A Variable that holds what a layer learns, as it was when the layer was called.

    `source` is the layer's own array, which training changes; the Variable keeps a copy.
    """

    __slots__ = ("__weakref__", "source")

    may_change = False

    source: Any

    def __init__(self, value: Any, name: str | None = None) -> None:
        super().__init__(value, name)
        if self.data.ndim:  # a layer that writes into what it has learned is found out
            self.data.flags.writeable = False

    def __deepcopy__(self, memo: Any) -> Self:
        return self  # it belongs to what was recorded


class Operand(Variable):
    """What goes into the formula of a node that is opened: the node sees to it that it stays."""

    __slots__ = ()

    may_change = False


Recorded.made_as = Variable


def new_leaves(
    values: Iterable[Any], names: Iterable[str | None], made_as: type[Variable] = Variable
) -> tuple[Any, ...]:
    """New Variables for real values; what is no real array or number stays as it is.

    A Python number takes the dtype of the arrays that it stands beside, as in NumPy's arithmetic.
    """
    values = tuple(values)
    if not _WEAK.isdisjoint(map(type, values)):
        dtypes = [v.dtype for v in values if isinstance(v, _ARRAYS)]
        dtypes = [dtype for dtype in dtypes if dtype.kind == "f"] or dtypes
        values = [
            np.asarray(v, np.result_type(*dtypes, v))[()] if type(v) in _WEAK else v for v in values
        ]
    return tuple(
        [
            variable(made_as, v, name=name)
            if isinstance(v, _ARRAYS) and v.dtype.kind in "fiub"
            else v
            for v, name in zip(values, names, strict=True)
        ]
    )


_ARRAYS = (np.ndarray, np.generic)
_WEAK = frozenset({int, float, bool})


def _text(data: Any) -> str:
    if not np.ndim(data):
        return str(data)
    text = np.array2string(np.asarray(data), precision=4, threshold=8, edgeitems=2, separator=", ")
    return " ".join(text.split())
