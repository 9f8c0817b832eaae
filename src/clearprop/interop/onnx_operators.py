"""The operators of ONNX for the functions that networks are recorded in."""

from typing import Any

import numpy as np

from clearprop.compiler.leaf import Setting
from clearprop.compiler.rewriting import is_recorded
from clearprop.errors import UnsupportedError
from clearprop.graph.node import Node, data_of
from clearprop.interop import onnx_shapes as shapes
from clearprop.interop.onnx_images import added_windows, convolution, pooled
from clearprop.interop.onnx_writer import Operator, Writer, kind
from clearprop.primitives.indexing import getitem
from clearprop.primitives.labels import read_labels
from clearprop.primitives.windows import add_windows, sliding_window_view


def _common(node: Node) -> Any:
    """The dtype in which numbers are compared; plain ones take that of the others."""
    return np.result_type(
        *(float(x.data) if isinstance(x, Setting) else data_of(x) for x in node.inputs)
    )


def _same_dtype(operator: str, *more: Any) -> Operator:
    """An operator on numbers of the dtype of its result."""

    def write(w: Writer, node: Node) -> str:
        w.arguments(node, "casting")
        inputs = [w.value(node.inputs[i], node.out.dtype) for i in range(len(node.inputs))]
        return w.add(operator, inputs, **dict(more))

    return write


def _compared(kind: str, negated: bool = False) -> Operator:
    def write(w: Writer, node: Node) -> str:
        dtype = _common(node)
        if dtype.kind == "b" and kind != "Equal":
            dtype = np.dtype(np.int32)
        out = w.add(kind, [w.value(node.inputs[i], dtype) for i in range(2)])
        return w.add("Not", [out]) if negated else out

    return write


def _steps(*steps: Any) -> Operator:
    """Operators one after the other; `("Add", 1)` takes a number besides."""

    def write(w: Writer, node: Node) -> str:
        w.arguments(node, "casting")
        dtype = node.out.dtype
        name = w.value(node.inputs[0], dtype)
        for step in steps:
            operator, *more = (step,) if isinstance(step, str) else step
            name = w.add(operator, [name, *(w.constant(np.array(m, dtype)) for m in more)])
        return name

    return write


def _maximum(w: Writer, node: Node) -> str:
    x, y = node.inputs
    if not is_recorded(y) and np.ndim(y) == 0 and y == 0 and x.data.dtype == node.out.dtype:
        return w.add("Relu", [w.value(x)])
    return _same_dtype("Max")(w, node)


def _clip(w: Writer, node: Node) -> str:
    name = w.value(node.inputs[0], node.out.dtype)
    for operator, limit in zip(("Max", "Min"), node.inputs[1:], strict=False):
        if limit is not None:
            name = w.add(operator, [name, w.value(limit, node.out.dtype)])
    return name


def _square(w: Writer, node: Node) -> str:
    name = w.value(node.inputs[0], node.out.dtype)
    return w.add("Mul", [name, name])


def _logaddexp(w: Writer, node: Node) -> str:
    a, b = (w.value(node.inputs[i], node.out.dtype) for i in range(2))
    apart = w.add("Neg", [w.add("Abs", [w.add("Sub", [a, b])])])
    more = w.add("Add", [w.add("Exp", [apart]), w.constant(np.ones((), node.out.dtype))])
    return w.add("Add", [w.add("Max", [a, b]), w.add("Log", [more])])


def _where(w: Writer, node: Node) -> str:
    kinds = (bool, node.out.dtype, node.out.dtype)
    return w.add("Where", [w.value(node.inputs[i], dtype) for i, dtype in enumerate(kinds)])


def _reduce(kind: str) -> Operator:
    def write(w: Writer, node: Node) -> str:
        return _reduced(w, kind, w.value(node.inputs[0], node.out.dtype), node)

    return write


def _reduced(w: Writer, kind: str, name: str, node: Node) -> str:
    axis: Any
    axis, keepdims, _ = w.arguments(node, "axis", "keepdims", "dtype")
    if node.inputs[1:]:
        raise UnsupportedError("the argument where is not known to ONNX; use np.where")
    axes = range(np.ndim(node.inputs[0])) if axis is None else np.atleast_1d(axis).tolist()
    where = w.constant(np.array([*axes], np.int64))
    return w.add(kind, [name, where], keepdims=int(bool(keepdims)))


def _argument(kind: str) -> Operator:
    def write(w: Writer, node: Node) -> str:
        axis, keepdims = w.arguments(node, "axis", "keepdims")
        if axis is None:
            raise UnsupportedError("over all axes it has no operator; give an axis")
        return w.add(kind, [w.value(node.inputs[0])], axis=int(axis), keepdims=int(bool(keepdims)))

    return write


def _variance(root: bool) -> Operator:
    def write(w: Writer, node: Node) -> str:
        w.arguments(node, "axis", "keepdims")
        x = w.value(node.inputs[0], node.out.dtype)
        axes = range(np.ndim(node.inputs[0])) if node.params.get("axis") is None else None
        axes = w.constant(np.array([*axes] if axes else np.atleast_1d(node.params["axis"])))
        centred = w.add("Sub", [x, w.add("ReduceMean", [x, axes], keepdims=1)])
        found = _reduced(w, "ReduceMean", w.add("Mul", [centred, centred]), node)
        return w.add("Sqrt", [found]) if root else found

    return write


def _cumsum(w: Writer, node: Node) -> str:
    axis, _ = w.arguments(node, "axis", "dtype")
    return w.add("CumSum", [w.value(node.inputs[0], node.out.dtype), w.constant(np.array(axis))])


def _matmul(w: Writer, node: Node) -> str:
    w.arguments(node)
    found = convolution(w, node)
    if found is not None:
        return found
    return w.add("MatMul", [w.value(node.inputs[i], node.out.dtype) for i in range(2)])


def _mean(w: Writer, node: Node) -> str:
    found = None
    if node.params == {"axis": -1}:
        found = pooled(w, "AveragePool", node.inputs[0], 0, count_include_pad=1)
    return found or _reduce("ReduceMean")(w, node)


def _einsum(w: Writer, node: Node) -> str:
    subscripts, _ = w.arguments(node, "subscripts", "optimize")
    names = [w.value(node.inputs[i], node.out.dtype) for i in range(len(node.inputs))]
    return w.add("Einsum", names, equation=subscripts)


def _cast(w: Writer, node: Node) -> str:
    return w.add("Cast", [w.value(node.inputs[0])], to=kind(node.out.dtype))


_SHAPED = np.reshape, np.ravel, np.expand_dims, np.squeeze

SIZED = frozenset((*_SHAPED, np.broadcast_to, getitem, read_labels, add_windows))
"""What can be given sizes that go with the samples: written by the shape of what it gives."""

OPERATORS: dict[Any, Operator] = {
    np.add: _same_dtype("Add"),
    np.subtract: _same_dtype("Sub"),
    np.multiply: _same_dtype("Mul"),
    np.divide: _same_dtype("Div"),
    np.power: _same_dtype("Pow"),
    np.maximum: _maximum,
    np.minimum: _same_dtype("Min"),
    np.clip: _clip,
    np.square: _square,
    np.negative: _same_dtype("Neg"),
    np.reciprocal: _same_dtype("Reciprocal"),
    np.absolute: _same_dtype("Abs"),
    np.sign: _same_dtype("Sign"),
    np.sqrt: _same_dtype("Sqrt"),
    np.exp: _same_dtype("Exp"),
    np.log: _same_dtype("Log"),
    np.log1p: _steps(("Add", 1), "Log"),
    np.expm1: _steps("Exp", ("Sub", 1)),
    np.logaddexp: _logaddexp,
    np.floor: _same_dtype("Floor"),
    np.ceil: _same_dtype("Ceil"),
    np.rint: _same_dtype("Round"),
    np.remainder: _same_dtype("Mod"),  # of whole numbers
    np.fmod: _same_dtype("Mod", ("fmod", 1)),
    np.bitwise_and: _same_dtype("BitwiseAnd"),
    np.bitwise_or: _same_dtype("BitwiseOr"),
    np.bitwise_xor: _same_dtype("BitwiseXor"),
    **{
        getattr(np, name): _same_dtype(name.replace("arc", "a").capitalize())
        for name in (
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
            "arcsin",
            "arccos",
            "arctan",
            "arcsinh",
            "arccosh",
            "arctanh",
        )
    },
    np.greater: _compared("Greater"),
    np.greater_equal: _compared("GreaterOrEqual"),
    np.less: _compared("Less"),
    np.less_equal: _compared("LessOrEqual"),
    np.equal: _compared("Equal"),
    np.not_equal: _compared("Equal", negated=True),
    np.logical_and: _same_dtype("And"),
    np.logical_xor: _same_dtype("Xor"),
    np.logical_or: _same_dtype("Or"),
    np.logical_not: _same_dtype("Not"),
    np.isnan: lambda w, node: w.add("IsNaN", [w.value(node.inputs[0])]),
    np.where: _where,
    np.sum: _reduce("ReduceSum"),
    np.mean: _mean,
    np.max: _reduce("ReduceMax"),
    np.min: _reduce("ReduceMin"),
    np.prod: _reduce("ReduceProd"),
    np.var: _variance(root=False),
    np.std: _variance(root=True),
    np.argmax: _argument("ArgMax"),
    np.argmin: _argument("ArgMin"),
    np.matmul: _matmul,
    np.linalg.det: _same_dtype("Det"),
    np.einsum: _einsum,
    **dict.fromkeys(_SHAPED, shapes.reshape),
    **dict.fromkeys((np.transpose, np.swapaxes, np.moveaxis), shapes.turn),
    getitem: shapes.picked,
    sliding_window_view: shapes.windows,
    add_windows: added_windows,
    np.concatenate: shapes.join,
    np.stack: shapes.join,
    np.split: shapes.split,
    np.take: shapes.take,
    np.sort: lambda w, node: shapes.ordered(w, node)[0],
    np.argsort: lambda w, node: shapes.ordered(w, node)[1],
    np.roll: shapes.roll,
    np.cumsum: _cumsum,
    np.take_along_axis: shapes.along,
    np.pad: shapes.pad,
    np.broadcast_to: shapes.broadcast,
    np.astype: _cast,
    read_labels: shapes.labels,
    "scipy.special.erf": _same_dtype("Erf"),
    "scipy.special.expit": _same_dtype("Sigmoid"),
}
"""What ONNX has for each function, or several operators that say the same."""
