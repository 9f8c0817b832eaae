"""The operators of ONNX for the functions that networks are recorded in."""

from typing import Any, NamedTuple

import numpy as np

from clearprop.compiler.leaf import Setting
from clearprop.compiler.rewriting import function_of, is_recorded, maker
from clearprop.errors import UnsupportedError
from clearprop.graph.node import Node, data_of
from clearprop.interop.onnx_samples import Dim, Size
from clearprop.interop.onnx_writer import Operator, Writer, kind
from clearprop.primitives.indexing import Place, getitem
from clearprop.primitives.labels import read_labels
from clearprop.primitives.windows import sliding_window_view


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


def _matmul(w: Writer, node: Node) -> str:
    w.arguments(node)
    found = _convolution(w, node)
    if found is not None:
        return found
    return w.add("MatMul", [w.value(node.inputs[i], node.out.dtype) for i in range(2)])


class _Windows(NamedTuple):
    """Windows of images, (N, C, OH, OW, FH, FW), as they were taken."""

    x: Any
    """The images."""
    size: tuple[int, ...]
    how: dict[str, Any]
    """Strides and padding, as ONNX calls them."""


def _windowed(v: Any, fill: float) -> _Windows | None:
    """What windows were taken of, if a value is windows of images with this number around."""
    steps = maker(v, getitem)
    strides: list[int] = [1, 1]
    if steps:
        form = steps.params["form"]
        if len(form) != 4 or any(not isinstance(s, slice) or s.start or s.stop for s in form):
            return None
        strides = [s.step or 1 for s in form[2:]]
        v = steps.inputs[0]
    found = maker(v, sliding_window_view)
    if not found or found.params.get("axis") != (2, 3) or np.ndim(found.inputs[0]) != 4:
        return None
    x, pads = found.inputs[0], [0, 0, 0, 0]
    padded = maker(x, np.pad)
    if padded and padded.params.get("constant_values", 0) == fill:
        samples, channels, (top, bottom), (left, right) = padded.params["pad_width"]
        if (*samples, *channels) == (0, 0, 0, 0):
            x, pads = padded.inputs[0], [top, left, bottom, right]
    size = np.shape(found.out)[4:]
    return _Windows(x, size, {"kernel_shape": size, "strides": strides, "pads": pads})


def _convolution(w: Writer, node: Node) -> str | None:
    """A product of windows of images with filters: the operator that runtimes are quick at."""
    a, b = node.inputs
    flat = maker(a, np.reshape)
    turned = maker(flat.inputs[0], np.transpose) if flat else None
    known = is_recorded(b) and not w.depends(b) and np.ndim(b) == 2
    if not (turned and known and turned.params.get("axes") == (0, 2, 3, 1, 4, 5)):
        return None
    windows = _windowed(turned.inputs[0], 0)
    if windows is None:
        return None
    channels = np.shape(windows.x)[1]
    if np.shape(a)[1] != channels * int(np.prod(windows.size)):
        return None
    filters = np.ascontiguousarray(b.data.T).reshape(-1, channels, *windows.size)
    inputs = [w.value(windows.x, node.out.dtype), w.constant(filters.astype(node.out.dtype))]
    out = w.add("Conv", inputs, **windows.how)
    rows = w.add("Transpose", [out], perm=(0, 2, 3, 1))
    return w.shaped(rows, node)


def _pooled(w: Writer, operator: str, found: Any, fill: float, **how: Any) -> str | None:
    """What is taken of windows of images, whose pixels stand along the last axis."""
    flat = maker(found, np.reshape)
    windows = _windowed(flat.inputs[0], fill) if flat else None
    if windows is None or np.ndim(found) != 5:
        return None
    return w.add(operator, [w.value(windows.x)], **windows.how, **how)


def _largest(w: Writer, node: Node) -> str | None:
    """The largest of each window, `take_along_axis(f, argmax(f)[..., None])[..., 0]`."""
    along = maker(node.inputs[0], np.take_along_axis)
    column = maker(along.inputs[1], getitem) if along else None
    first = maker(column.inputs[0], np.argmax) if column else None
    if not (along and first and node.params["form"] == (Ellipsis, 0)):
        return None
    same = first.inputs[0] is along.inputs[0] and along.params.get("axis") in (-1, 4)
    if not same or first.params != {"axis": -1}:
        return None
    return _pooled(w, "MaxPool", along.inputs[0], -np.inf)


def _mean(w: Writer, node: Node) -> str:
    found = None
    if node.params == {"axis": -1}:
        found = _pooled(w, "AveragePool", node.inputs[0], 0, count_include_pad=1)
    return found or _reduce("ReduceMean")(w, node)


def _reshape(w: Writer, node: Node) -> str:
    if node.params.get("order", "C") != "C":
        raise UnsupportedError("ONNX knows the order of rows alone")
    return w.shaped(w.value(node.inputs[0]), node)


def _turn(w: Writer, node: Node) -> str:
    """Axes in another order, which is read off an array whose axes tell themselves apart."""
    ndim = np.ndim(node.inputs[0])
    trial = node.operation.evaluate(np.empty(tuple(range(1, ndim + 1))), **node.params)
    return w.add("Transpose", [w.value(node.inputs[0])], perm=[n - 1 for n in trial.shape])


def _getitem(w: Writer, node: Node) -> str:
    form = node.params["form"]
    if (largest := _largest(w, node)) is not None:
        return largest
    form = _sized_form(w, [n.params["form"] for n in w.alike(node)])
    x, *arrays = node.inputs
    axes = np.ndim(x)
    used = sum(e is not None and e is not Ellipsis for e in form)
    if Ellipsis in form:
        at = form.index(Ellipsis)
        form = (*form[:at], *(slice(None),) * (axes - used), *form[at + 1 :])
    if arrays:
        places = [i for i, e in enumerate(form) if isinstance(e, Place)]
        rest = [e for i, e in enumerate(form) if i not in places]
        if len(places) != 1 or rest != [slice(None)] * len(rest):
            raise UnsupportedError("an index of several arrays, or beside others, has no operator")
        index = arrays[0]
        if index.dtype.kind not in "iu":
            raise UnsupportedError("an index of truth values has no operator; use np.where")
        return w.add("Gather", [w.value(x), w.value(index, np.int64)], axis=places[0])
    name, axis = w.value(x), 0
    cut: list[tuple[Dim, Dim, Dim, Dim]] = []
    for entry in form:
        if entry is None:
            continue
        if isinstance(entry, slice):
            if entry != slice(None):
                cut.append((axis, *_limits(entry)))
        else:
            times, plus = entry if isinstance(entry, Size) else (0, entry)
            last = _FAR if entry == -1 else Size(times, plus + 1) if times else plus + 1
            cut.append((axis, entry, last, 1))
        axis += 1
    if cut:
        where, start, stop, step = map(w.shape, zip(*cut, strict=True))
        name = w.add("Slice", [name, start, stop, where, step])
    if any(not isinstance(e, slice) for e in form):
        return w.shaped(name, node)
    return name


def _sized_form(w: Writer, forms: list[Any]) -> Any:
    """An index whose numbers may go with the samples."""
    first = forms[0]
    if all(f == first for f in forms):
        return first
    if isinstance(first, tuple):
        return tuple(_sized_form(w, [*several]) for several in zip(*forms, strict=True))
    if isinstance(first, slice):
        return slice(*_sized_form(w, [(s.start, s.stop, s.step) for s in forms]))
    return w.sizes([[f] for f in forms])[0]


_FAR = 2**62


def _limits(s: slice) -> tuple[Dim, Dim, Dim]:
    step = 1 if s.step is None else s.step
    first, last = (0, _FAR) if step > 0 else (_FAR, -_FAR)
    return first if s.start is None else s.start, last if s.stop is None else s.stop, step


def _windows(w: Writer, node: Node) -> str:
    """All windows: the rows of each, then the columns of each, gathered along an axis."""
    x = node.inputs[0]
    axes, ndim = node.params.get("axis"), np.ndim(x)
    axes = range(ndim) if axes is None else [a % ndim for a in np.atleast_1d(axes).tolist()]
    name, places = w.value(x), list(range(ndim))
    shapes = [np.shape(n.out) for n in w.alike(node)]
    for k, axis in enumerate(axes):
        n, size = node.out.shape[axis], node.out.shape[ndim + k]
        if any(s[axis] != n for s in shapes) or axis in [*axes][:k]:
            raise UnsupportedError("windows over samples, or twice over one axis, have no operator")
        index = np.arange(n)[:, None] + np.arange(size)
        at = places.index(axis)
        name = w.add("Gather", [name, w.constant(index)], axis=at)
        places.insert(at + 1, ndim + k)
    return w.add("Transpose", [name], perm=[places.index(i) for i in range(len(places))])


def _join(w: Writer, node: Node) -> str:
    names = [w.value(x, node.out.dtype) for x in node.inputs]
    axis, *_ = w.arguments(node, "axis", "dtype", "casting")
    if function_of(node) is np.stack:
        where = w.constant(np.array([axis or 0]))
        names = [w.add("Unsqueeze", [name, where]) for name in names]
    return w.add("Concat", names, axis=axis or 0)


def _split(w: Writer, node: Node) -> list[str]:
    (axis,) = w.arguments(node, "axis")
    axis = axis or 0
    sizes = [np.shape(part)[axis] for part in node.out]
    if any(sizes != [np.shape(part)[axis] for part in n.out] for n in w.alike(node)):
        raise UnsupportedError("samples are not split")
    names = [w.fresh("Split") for _ in sizes]
    split = w.constant(np.array(sizes, np.int64))
    return w.several("Split", [w.value(node.inputs[0]), split], names, axis=axis)


def _along(w: Writer, node: Node) -> str:
    (axis,) = w.arguments(node, "axis")
    x, index = node.inputs
    inputs = [w.value(x), w.value(index, np.int64)]
    return w.add("GatherElements", inputs, axis=np.ndim(x) - 1 if axis is None else axis)


def _take(w: Writer, node: Node) -> str:
    (axis,) = w.arguments(node, "axis")
    if axis is None:
        raise UnsupportedError("without an axis it has no operator")
    return w.add("Gather", [w.value(node.inputs[0]), w.value(node.inputs[1], np.int64)], axis=axis)


def _pad(w: Writer, node: Node) -> str:
    width: Any
    width, mode, value = w.arguments(node, "pad_width", "mode", "constant_values")
    if mode not in (None, "constant") or np.ndim(value or 0):
        raise UnsupportedError("padding is done with one constant")
    pairs = np.broadcast_to(width, (np.ndim(node.inputs[0]), 2))
    where = w.constant(np.ascontiguousarray(pairs.T).ravel().astype(np.int64))
    constant = w.constant(np.array(value or 0, node.out.dtype))
    return w.add("Pad", [w.value(node.inputs[0]), where, constant], mode="constant")


def _broadcast(w: Writer, node: Node) -> str:
    dims = w.dims(node)
    return w.add("Expand", [w.value(node.inputs[0]), w.shape(dims)])


def _einsum(w: Writer, node: Node) -> str:
    subscripts, _ = w.arguments(node, "subscripts", "optimize")
    names = [w.value(node.inputs[i], node.out.dtype) for i in range(len(node.inputs))]
    return w.add("Einsum", names, equation=subscripts)


def _cast(w: Writer, node: Node) -> str:
    return w.add("Cast", [w.value(node.inputs[0])], to=kind(node.out.dtype))


def _labels(w: Writer, node: Node) -> str:
    """Class numbers that an embedding picks rows by."""
    if np.shape(node.inputs[0]) != np.shape(node.out):
        return _reshape(w, node)
    return w.value(node.inputs[0], node.out.dtype)


_SHAPED = np.reshape, np.ravel, np.expand_dims, np.squeeze

SIZED = frozenset((*_SHAPED, np.broadcast_to, getitem, read_labels))
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
    **{
        getattr(np, name): _same_dtype(name.replace("arc", "a").capitalize())
        for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan")
    },
    np.greater: _compared("Greater"),
    np.greater_equal: _compared("GreaterOrEqual"),
    np.less: _compared("Less"),
    np.less_equal: _compared("LessOrEqual"),
    np.equal: _compared("Equal"),
    np.not_equal: _compared("Equal", negated=True),
    np.logical_and: _same_dtype("And"),
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
    np.einsum: _einsum,
    **dict.fromkeys(_SHAPED, _reshape),
    **dict.fromkeys((np.transpose, np.swapaxes, np.moveaxis), _turn),
    getitem: _getitem,
    sliding_window_view: _windows,
    np.concatenate: _join,
    np.stack: _join,
    np.split: _split,
    np.take: _take,
    np.take_along_axis: _along,
    np.pad: _pad,
    np.broadcast_to: _broadcast,
    np.astype: _cast,
    read_labels: _labels,
    "scipy.special.erf": _same_dtype("Erf"),
    "scipy.special.expit": _same_dtype("Sigmoid"),
}
"""What ONNX has for each function, or several operators that say the same."""
