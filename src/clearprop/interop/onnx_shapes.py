"""Operators of ONNX that move values: shapes, indices, parts, order."""

from typing import Any

import numpy as np

from clearprop.compiler.rewriting import function_of, is_recorded
from clearprop.errors import UnsupportedError
from clearprop.graph.node import Node
from clearprop.interop.onnx_images import largest
from clearprop.interop.onnx_samples import Dim
from clearprop.interop.onnx_writer import Writer
from clearprop.primitives.indexing import Place


def reshape(w: Writer, node: Node) -> str:
    """The same values in another shape."""
    if node.params.get("order", "C") != "C":
        raise UnsupportedError("ONNX knows the order of rows alone")
    return w.shaped(w.value(node.inputs[0]), node)


def turn(w: Writer, node: Node) -> str:
    """Axes in another order, which is read off an array whose axes tell themselves apart."""
    ndim = np.ndim(node.inputs[0])
    trial = node.operation.evaluate(np.empty(tuple(range(1, ndim + 1))), **node.params)
    return w.add("Transpose", [w.value(node.inputs[0])], perm=[n - 1 for n in trial.shape])


def picked(w: Writer, node: Node) -> str:
    """`x[index]`: slices first, then what arrays pick, then the shape."""
    if (found := largest(w, node)) is not None:
        return found
    form = _sized_form(w, [n.params["form"] for n in w.alike(node)])
    x, *arrays = node.inputs
    if Ellipsis in form:
        at = form.index(Ellipsis)
        used = sum(e is not None and e is not Ellipsis for e in form)
        form = (*form[:at], *(slice(None),) * (np.ndim(x) - used), *form[at + 1 :])
    axes: list[Any] = [e for e in form if e is not None]
    cut = [
        (k, *_limits(e)) for k, e in enumerate(axes) if isinstance(e, slice) and e != slice(None)
    ]
    name = w.value(x)
    if cut:
        where, start, stop, step = map(w.shape, zip(*cut, strict=True))
        name = w.add("Slice", [name, start, stop, where, step])
    if arrays:
        name = _gathered(w, name, node, axes, [k for k, e in enumerate(form) if _is_place(e)])
    else:
        for k, number in reversed([(k, e) for k, e in enumerate(axes) if _is_place(e)]):
            one = w.add("Squeeze", [w.shape([number])])
            name = w.add("Gather", [name, one], axis=k)
    return w.shaped(name, node) if None in form else name


def _is_place(entry: Any) -> bool:
    """Whether an array, or a number beside arrays, picks here."""
    return entry is not None and not isinstance(entry, slice)


def _gathered(w: Writer, name: str, node: Node, axes: list[Any], at: list[int]) -> str:
    """What index arrays pick along their axes; `at` is where they stand in the index."""
    places = [k for k, e in enumerate(axes) if _is_place(e)]
    indices = [node.inputs[1 + e.number] if isinstance(e, Place) else e for e in axes]
    several = [_index(indices[k]) for k in places]
    if len(places) == 1:
        return w.add("Gather", [name, w.value(several[0], np.int64)], axis=places[0])
    rest = [k for k in range(np.ndim(node.inputs[0])) if k not in places]
    name = w.add("Transpose", [name], perm=places + rest)
    shapes = [np.broadcast_shapes(*map(np.shape, n.inputs[1:])) for n in w.alike(node)]
    wide, last = w.shape(w.sizes(shapes)), w.constant(np.array([-1]))
    columns = [
        w.add("Unsqueeze", [w.add("Expand", [w.value(i, np.int64), wide]), last]) for i in several
    ]
    name = w.add("GatherND", [name, w.add("Concat", columns, axis=-1)])
    first, many = places[0], len(shapes[0])
    if at != [*range(at[0], at[0] + len(at))] or not first:
        return name
    perm = [*range(many, many + first), *range(many), *range(many + first, many + len(rest))]
    return w.add("Transpose", [name], perm=perm)


def _index(index: Any) -> Any:
    """An index of whole numbers; a constant of truth values as the places where it is true."""
    if np.result_type(getattr(index, "dtype", np.int64)).kind in "iu":
        return index
    if is_recorded(index) or np.ndim(index) != 1:
        raise UnsupportedError("an index of truth values has no operator; use np.where")
    return np.flatnonzero(index)


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
    step: Dim = 1 if s.step is None else s.step
    first, last = (
        (0, _FAR) if (step if isinstance(step, int) else step.times) > 0 else (_FAR, -_FAR)
    )
    return first if s.start is None else s.start, last if s.stop is None else s.stop, step


def windows(w: Writer, node: Node) -> str:
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


def join(w: Writer, node: Node) -> str:
    """Arrays one after the other along an axis, or along a new one."""
    names = [w.value(x, node.out.dtype) for x in node.inputs]
    axis, *_ = w.arguments(node, "axis", "dtype", "casting")
    if function_of(node) is np.stack:
        where = w.constant(np.array([axis or 0]))
        names = [w.add("Unsqueeze", [name, where]) for name in names]
    return w.add("Concat", names, axis=axis or 0)


def split(w: Writer, node: Node) -> list[str]:
    """Parts of the same sizes in every batch."""
    (axis,) = w.arguments(node, "axis")
    axis = axis or 0
    sizes = [np.shape(part)[axis] for part in node.out]
    if any(sizes != [np.shape(part)[axis] for part in n.out] for n in w.alike(node)):
        raise UnsupportedError("samples are not split")
    names = [w.fresh("Split") for _ in sizes]
    split = w.constant(np.array(sizes, np.int64))
    return w.several("Split", [w.value(node.inputs[0]), split], names, axis=axis)


def along(w: Writer, node: Node) -> str:
    """The value at an index of its own for each place."""
    (axis,) = w.arguments(node, "axis")
    x, index = node.inputs
    inputs = [w.value(x), w.value(index, np.int64)]
    return w.add("GatherElements", inputs, axis=np.ndim(x) - 1 if axis is None else axis)


def take(w: Writer, node: Node) -> str:
    """What an index picks along an axis."""
    (axis,) = w.arguments(node, "axis")
    if axis is None:
        raise UnsupportedError("without an axis it has no operator")
    return w.add("Gather", [w.value(node.inputs[0]), w.value(node.inputs[1], np.int64)], axis=axis)


def ordered(w: Writer, node: Node) -> list[str]:
    """The values along an axis in order, and where each was; equal ones stay in their order."""
    axis, *_ = w.arguments(node, "axis", "kind", "stable")
    x, axis = node.inputs[0], -1 if axis is None else int(axis)
    many = w.shape([w.dims(node)[axis]])
    names = [w.fresh("TopK"), w.fresh("TopK")]
    return w.several("TopK", [w.value(x), many], names, axis=axis, largest=0)


def roll(w: Writer, node: Node) -> str:
    """The last so many first; what is more than there are begins again."""
    shift, axis = w.arguments(node, "shift", "axis")
    name = w.value(node.inputs[0])
    if axis is None:
        name = w.add("Reshape", [name, w.constant(np.array([-1]))])
    shifts, axes = np.broadcast_arrays(shift, 0 if axis is None else axis)
    for by, k in zip(shifts.ravel().tolist(), axes.ravel().tolist(), strict=True):
        where = w.constant(np.array([k]))
        of_x = w.add("Gather", [w.add("Shape", [name]), where])
        by = w.add("Mod", [w.constant(np.array([by])), of_x])
        first = w.add("Sub", [of_x, by])
        begin, end = w.constant(np.array([0])), w.constant(np.array([_FAR]))
        parts = [
            w.add("Slice", [name, first, end, where]),
            w.add("Slice", [name, begin, first, where]),
        ]
        name = w.add("Concat", parts, axis=k)
    return w.shaped(name, node) if axis is None else name


def pad(w: Writer, node: Node) -> str:
    """The same number around, the edge, or what it reflects."""
    width: Any
    width, mode, value = w.arguments(node, "pad_width", "mode", "constant_values")
    if mode not in (None, "constant", "edge", "reflect") or np.ndim(value or 0):
        raise UnsupportedError("padding is done with one constant, the edge or what it reflects")
    pairs = np.broadcast_to(width, (np.ndim(node.inputs[0]), 2))
    where = w.constant(np.ascontiguousarray(pairs.T).ravel().astype(np.int64))
    if mode in ("edge", "reflect"):
        shapes = zip(*(np.shape(n.inputs[0]) for n in w.alike(node)), strict=True)
        if mode == "reflect" and any(
            max(p) >= n[0] or (max(p) and len({*n}) > 1)
            for p, n in zip(pairs.tolist(), shapes, strict=True)
        ):
            raise UnsupportedError("no more is reflected than each sample has besides the edge")
        return w.add("Pad", [w.value(node.inputs[0]), where], mode=mode)
    constant = w.constant(np.array(value or 0, node.out.dtype))
    return w.add("Pad", [w.value(node.inputs[0]), where, constant], mode="constant")


def broadcast(w: Writer, node: Node) -> str:
    """Repeated along axes of size 1."""
    dims = w.dims(node)
    return w.add("Expand", [w.value(node.inputs[0]), w.shape(dims)])


def labels(w: Writer, node: Node) -> str:
    """Class numbers that an embedding picks rows by."""
    if np.shape(node.inputs[0]) != np.shape(node.out):
        return reshape(w, node)
    return w.value(node.inputs[0], node.out.dtype)
