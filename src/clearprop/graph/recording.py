"""The one dispatcher: NumPy calls on Variables become nodes, or are refused by name."""

from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.errors import DTypeError, LeavesGraphError, UnsupportedError
from clearprop.graph.constants import LARGE, frozen, held, is_fixed, native, summary, value_of
from clearprop.graph.gathering import gathered
from clearprop.graph.leaving import told_in_layers
from clearprop.graph.node import Node, Recorded, variable
from clearprop.primitives.constants import CONSTANT, STATIC
from clearprop.primitives.masked import refuse_masked
from clearprop.primitives.registry import COMPOSITIONS, PRIMITIVES, UFUNC_METHODS, row_of
from clearprop.primitives.table import Primitive, WithKeywords, name_of
from clearprop.primitives.unsupported import remedy

NUMBERS = frozenset({int, float, bool} | {np.dtype(code).type for code in "?bhilqBHILQefdg"})
"""Types of real numbers, which cannot be changed and need no second look."""

PLAIN = NUMBERS | {type(None), str, slice, np.ndarray, np.dtype, type}
"""Types that may stand beside Variables as constants."""

SIZED = "how many elements it gives depends on values"


def record(operation: Any, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """Carry out an operation and put it on the graph as one node."""
    values = tuple([value_of(x) if isinstance(x, Recorded) else x for x in inputs])
    return attach(operation, inputs, values, params, operation.evaluate(*values, **params))


def attach(
    operation: Any, inputs: tuple[Any, ...], values: tuple[Any, ...], params: Any, out: Any
) -> Any:
    """Make the node and the Variables of an operation that has been carried out."""
    made_as, marks = Recorded.made_as, None
    for i, x in enumerate(inputs):
        if isinstance(x, Recorded):
            made_as = x.made_as
            if x.node is not None or not x.may_change:
                continue
        value = values[i]
        if value.__class__ is np.ndarray and value.nbytes >= LARGE and not is_fixed(value):
            marks = (*(marks or ()), (i, summary(value)))
    if made_as.stands_for_all:
        _refuse_sized(operation, inputs, params)
    kind = out.__class__
    if kind is np.float64:
        return variable(made_as, out, Node(operation, inputs, values, params, out, marks))
    if kind is not np.ndarray and isinstance(out, (tuple, list)):
        kept = tuple([_kept(o, values, operation) for o in out])
        node = Node(operation, inputs, values, params, kept, marks)
        made = [variable(made_as, o, node, i) for i, o in enumerate(kept)]
        # A list stays a list, and a named tuple such as QRResult(Q, R) keeps its names.
        return type(out)(*made) if hasattr(out, "_fields") else type(out)(made)
    out = _kept(out, values, operation)
    return variable(made_as, out, Node(operation, inputs, values, params, out, marks))


def _refuse_sized(operation: Any, inputs: tuple[Any, ...], params: Any) -> None:
    """Refuse what gives as many elements as values say. Errors: `UnsupportedError`."""
    sizing = getattr(operation, "sizing", None)
    if sizing is not None and any(isinstance(x, Recorded) for x in sizing(inputs, params)):
        own = operation.name.startswith("clearprop.")
        raise UnsupportedError(
            f"{operation.formula if own else operation.name}: {SIZED}, and a program is recorded "
            "for all values of a shape; keep the shape, as in "
            "np.where(mask, x, 0).sum() / mask.sum()"
        )


def alias(v: Recorded) -> Any:
    """Another Variable for the value of `v`, by which alone what follows can be differentiated."""
    value = value_of(v)
    return attach(PRIMITIVES[np.positive], (v,), (value,), {}, value)


def _kept(out: Any, values: tuple[Any, ...], operation: Any) -> Any:
    """Let real numbers pass, and protect arrays from being written into."""
    if type(out) is np.ndarray and out.ndim and out.dtype.kind in "fiub":
        for x in values:
            if x is out:  # handed on as it came, perhaps the caller's own
                out = out.view()
        out.setflags(write=False)  # the backward pass will need it
        return out
    if isinstance(out, np.ndarray) and type(out) is not np.ndarray:
        raise DTypeError(
            f"{operation.name}: the result is a {type(out).__name__}, not a plain array; "
            "clearprop differentiates real numbers in plain NumPy arrays"
        )
    array = np.asarray(out)
    if array.ndim or array.dtype.kind not in "fiub":
        raise DTypeError(
            f"{operation.name}: the result is a {type(out).__name__} of dtype {array.dtype}; "
            "clearprop differentiates real numbers"
        )
    return array[()]


def array_function(function: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """Answer NumPy's `__array_function__`: look the function up in the tables, in this order."""
    row = PRIMITIVES.get(function) or CONSTANT.get(function)
    if row is not None:
        return _call(row, args, kwargs)
    composition = COMPOSITIONS.get(function)
    if composition is not None:
        if "out" in kwargs:
            _refuse_out(name_of(function), kwargs)
        return composition(*args, **kwargs)
    if function in STATIC:
        found = function(*unwrapped(args), **{k: unwrapped(v) for k, v in kwargs.items()})
        return told_in_layers(args[0], found) if isinstance(found, str) else found
    row = row_of(function)  # of a package that was imported since
    if row is None:
        instead = remedy(function) or (
            "it has no derivative rule here; write it with functions that have one, give it a row "
            "(see clearprop.primitives), or use v.data for a value off the graph"
        )
        raise UnsupportedError(f"{name_of(function)} cannot be recorded on a graph: {instead}")
    return _call(row, args, kwargs)


def array_ufunc(ufunc: np.ufunc, method: str, args: Any, kwargs: dict[str, Any]) -> Any:
    """Answer NumPy's `__array_ufunc__`."""
    if method == "__call__":
        row = PRIMITIVES.get(ufunc)
        return array_function(ufunc, args, kwargs) if row is None else _call(row, args, kwargs)
    if kwargs.get("out") is not None:
        _refuse_out(f"{name_of(ufunc)}.{method}", kwargs)
    composed = UFUNC_METHODS.get((ufunc, method))
    if composed is None:
        known = ", ".join(sorted({m for f, m in UFUNC_METHODS if f is ufunc}))
        instead = f"of its methods these can: {known}" if known else "write it with plain functions"
        if method == "at":
            instead = (
                "it writes into an array; collect the parts with np.bincount(index, weights) or "
                "np.concatenate, or choose with np.where"
            )
        raise UnsupportedError(
            f"{name_of(ufunc)}.{method} cannot be recorded on a graph; {instead}"
        )
    return composed(*args, **kwargs)


def constant_operand(value: Any, name: str) -> Any:
    """Check a constant that is to stand on the graph. Errors: `DTypeError`, `UnsupportedError`."""
    kind = type(value)
    if kind is list or kind is tuple:
        value, kind = np.asarray(value), np.ndarray
    if kind is np.ndarray:
        if value.dtype == object and isinstance(joined := gathered(value), Recorded):
            return joined
        if value.dtype.kind not in "fiub":
            raise DTypeError(
                f"{name}: an array of dtype {value.dtype} beside a Variable; "
                "clearprop differentiates real numbers"
            )
        return held(native(value))
    if isinstance(value, complex | np.complexfloating):
        raise DTypeError(f"{name}: {value!r} is complex; clearprop differentiates real numbers")
    if kind not in PLAIN and not isinstance(value, np.dtype) and not callable(value):
        refuse_masked(value, f"{name}: what it is given")
        raise UnsupportedError(
            f"{name}: a {kind.__module__}.{kind.__qualname__} cannot be mixed with Variables, "
            "its own derivative would be lost; convert it to a NumPy array first"
        )
    return value


def _setting(value: Any, name: str) -> Any:
    if type(value) in (list, tuple):
        _refuse_nested(value, name)
        return type(value)(value)
    value = constant_operand(value, name)
    return frozen(value) if type(value) is np.ndarray else value


def _call(row: Primitive, args: Any, kwargs: dict[str, Any]) -> Any:
    if "out" in kwargs:
        _refuse_out(row.name, kwargs)
    inputs, params = row.bind(args, kwargs)
    operation: Any = row
    values = []
    for i, x in enumerate(inputs):
        if not isinstance(x, Recorded) and type(x) not in NUMBERS:
            x = constant_operand(x, row.name)
            inputs = (*inputs[:i], x, *inputs[i + 1 :])
        values.append(value_of(x) if isinstance(x, Recorded) else x)
    if params:
        recorded = tuple([k for k, v in params.items() if isinstance(v, Recorded)])
        if recorded:
            operation = _with_keywords(row, recorded, params)
            inputs = (*inputs, *[params[k] for k in recorded])
            values += [value_of(params[k]) for k in recorded]
        params = {k: _setting(v, row.name) for k, v in params.items() if k not in recorded}
    values = tuple(values)
    out = operation.evaluate(*values, **params)
    return attach(operation, inputs, values, params, out)


def _with_keywords(row: Primitive, keywords: tuple[str, ...], params: dict[str, Any]) -> Any:
    for keyword in keywords:
        if params[keyword].data.dtype.kind == "f" and row.rules:
            raise UnsupportedError(
                f"{row.name} has no derivative by its argument {keyword}; "
                f"give {keyword} as a plain value (v.data), or add it by another operation"
            )
    return WithKeywords(row, keywords)


def _refuse_out(name: str, kwargs: dict[str, Any]) -> None:
    out = kwargs.get("out")
    if out is None or (isinstance(out, tuple) and all(o is None for o in out)):
        return
    raise LeavesGraphError(
        f"{name}: writing into an existing array (out=, or += on an array) would take the result "
        f"off the graph; use the value that {name} returns, as in y = x + v"
    )


def _refuse_nested(values: Any, name: str) -> None:
    for value in values:
        if isinstance(value, Recorded):
            raise UnsupportedError(
                f"{name}: a list holds Variables; join them first with np.stack([...])"
            )
        if isinstance(value, list | tuple):
            _refuse_nested(value, name)


def unwrapped(value: Any) -> Any:
    """A value off the graph, with all that it contains."""
    if isinstance(value, Recorded):
        return value.data
    if type(value) in (list, tuple):
        return type(value)(map(unwrapped, value))
    if type(value) is dict:
        return {key: unwrapped(entry) for key, entry in value.items()}
    return value
