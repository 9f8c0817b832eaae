"""Convolutions, pools and their reverse: the operators of ONNX that runtimes are quick at."""

from typing import Any, NamedTuple

import numpy as np

from clearprop.compiler.rewriting import is_recorded, maker
from clearprop.errors import UnsupportedError
from clearprop.graph.node import Node
from clearprop.interop.onnx_writer import Writer
from clearprop.primitives.indexing import getitem
from clearprop.primitives.windows import sliding_window_view


class Windows(NamedTuple):
    """Windows of images, (N, C, OH, OW, FH, FW), as they were taken."""

    x: Any
    """The images."""
    size: tuple[int, ...]
    how: dict[str, Any]
    """Strides and padding, as ONNX calls them."""


def _windowed(v: Any, fill: float) -> Windows | None:
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
    return Windows(x, size, {"kernel_shape": size, "strides": strides, "pads": pads})


def convolution(w: Writer, node: Node) -> str | None:
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


def pooled(w: Writer, operator: str, found: Any, fill: float, **how: Any) -> str | None:
    """What is taken of windows of images, whose pixels stand along the last axis."""
    flat = maker(found, np.reshape)
    windows = _windowed(flat.inputs[0], fill) if flat else None
    if windows is None or np.ndim(found) != 5:
        return None
    return w.add(operator, [w.value(windows.x)], **windows.how, **how)


def largest(w: Writer, node: Node) -> str | None:
    """The largest of each window, `take_along_axis(f, argmax(f)[..., None])[..., 0]`."""
    along = maker(node.inputs[0], np.take_along_axis)
    column = maker(along.inputs[1], getitem) if along else None
    first = maker(column.inputs[0], np.argmax) if column else None
    if not (along and first and node.params["form"] == (Ellipsis, 0)):
        return None
    same = first.inputs[0] is along.inputs[0] and along.params.get("axis") in (-1, 4)
    if not same or first.params != {"axis": -1}:
        return None
    return pooled(w, "MaxPool", along.inputs[0], -np.inf)


def added_windows(w: Writer, node: Node) -> str:
    """Windows (N, C, OH, OW, FH, FW) added up where they overlap: a transposed convolution."""
    shape, axes, steps = w.arguments(node, "shape", "axes", "steps")
    v = node.inputs[0]
    if axes != (2, 3) or np.ndim(v) != 6:
        raise UnsupportedError("windows are added up over the two axes of images (N, C, H, W)")
    size, strides = np.shape(v)[4:], steps or (1, 1)
    given = _spread(w, v) or _apart(w, v)
    reached = [s * (n - 1) + f for s, n, f in zip(strides, np.shape(v)[2:4], size, strict=True)]
    x, filters, group = given
    inputs = [w.value(x, node.out.dtype) if is_recorded(x) else x, filters]
    name = w.add("ConvTranspose", inputs, kernel_shape=size, strides=strides, group=group)
    more = [n - m for n, m in zip(shape[2:], reached, strict=True)]
    if any(more):  # pixels in no window
        name = w.add("Pad", [name, w.constant(np.array([0] * 6 + more, np.int64))])
    return name


def _spread(w: Writer, v: Any) -> Any:
    """Images and filters, if the windows are what `TransposedConvolution` spreads."""
    turned = maker(v, np.transpose)
    flat = maker(turned.inputs[0], np.reshape) if turned else None
    product = maker(flat.inputs[0], np.matmul) if flat else None
    rows = maker(product.inputs[0], np.reshape) if product else None
    last = maker(rows.inputs[0], np.transpose) if rows else None
    if not (turned and flat and product and last):
        return None
    x, b, shape = last.inputs[0], product.inputs[1], np.shape(v)
    known = is_recorded(b) and not w.depends(b) and np.ndim(b) == 2
    *places, channels = np.shape(last.out)
    fits = places == [shape[0], *shape[2:4]] and np.shape(b)[0] == channels
    in_order = (0, 3, 1, 2, 4, 5), (0, 2, 3, 1)
    if not known or not fits or (turned.params.get("axes"), last.params.get("axes")) != in_order:
        return None
    filters = b.data.reshape(channels, shape[1], *shape[4:])
    return x, w.constant(np.ascontiguousarray(filters).astype(v.dtype)), 1


def _apart(w: Writer, v: Any) -> Any:
    """Each place of the windows as a channel of its own, with a filter that is 1 there."""
    channels, (fh, fw) = np.shape(v)[1], np.shape(v)[4:]
    name = w.add("Transpose", [w.value(v)], perm=(0, 1, 4, 5, 2, 3))
    shape = np.array([0, -1, *np.shape(v)[2:4]], np.int64)  # 0: as it is
    name = w.add("Reshape", [name, w.constant(shape)])
    filters = np.tile(np.eye(fh * fw, dtype=v.dtype).reshape(-1, 1, fh, fw), (channels, 1, 1, 1))
    return name, w.constant(filters), channels
