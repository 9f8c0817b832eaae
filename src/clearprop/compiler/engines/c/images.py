"""Simplifications for C: convolutions and pools, each as one operation, a function of ours.

A plain layer records windows, products over several axes, places of maxima. What these are
together is seen here, whichever layer wrote them; what each operation computes is said in NumPy,
and that is what its kernels in C are compared with.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from clearprop.compiler.rewriting import function_of, is_recorded, maker, reduces_only, simplifies
from clearprop.compiler.simplify_pools import largest_by_place, routed
from clearprop.compiler.tensor_products import contract, laid_out, terms
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node
from clearprop.graph.recording import attach
from clearprop.primitives.broadcasting import normal_axes
from clearprop.primitives.decorators import dispatched
from clearprop.primitives.indexing import getitem
from clearprop.primitives.table import Primitive, as_given, primitive
from clearprop.primitives.windows import add_windows

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]


def _windows(x: Any, window: Any, steps: Pair, pads: Pads = ((0, 0), (0, 0))) -> Any:
    padded = np.pad(x, ((0, 0), (0, 0), *pads)) if any(map(any, pads)) else x
    return sliding_window_view(padded, window, axis=(2, 3))[:, :, :: steps[0], :: steps[1]]


@dispatched
def convolve(x: Any, W: Any, *, steps: Pair, pads: Pads) -> Any:
    """All windows of the images x (N, C, H, W), times the filters W (F, C, I, J)."""
    found = _windows(x, W.shape[2:], steps, pads)
    return np.einsum("nchwij,fcij->nfhw", found, W, optimize=True)


@dispatched
def convolve_W(dout: Any, x: Any, *, window: Pair, steps: Pair, pads: Pads) -> Any:
    """The derivative of `convolve` by its filters."""
    found = _windows(x, window, steps, pads)
    return np.einsum("nfhw,nchwij->fcij", dout, found, optimize=True)


@dispatched
def convolve_x(dout: Any, W: Any, *, size: Pair, steps: Pair, pads: Pads) -> Any:
    """The derivative of `convolve` by images of this size."""
    parts = np.einsum("nfhw,fcij->nchwij", dout, W, optimize=True)
    (top, bottom), (left, right) = pads
    whole = (len(dout), W.shape[1], size[0] + top + bottom, size[1] + left + right)
    total = add_windows(parts, shape=whole, axes=(2, 3), steps=steps)
    return total[:, :, top : top + size[0], left : left + size[1]]


@dispatched
def largest(x: Any, *, window: Pair, steps: Pair) -> Any:
    """The largest of each window of the images x (N, C, H, W)."""
    return _windows(x, window, steps).max(axis=(4, 5))


@dispatched
def place_of_largest(x: Any, *, window: Pair, steps: Pair) -> Any:
    """Where in each window the largest stands, row by row; the first of equal ones."""
    found = _windows(x, window, steps)
    return found.reshape(*found.shape[:4], -1).argmax(axis=-1).astype(f"i{x.dtype.itemsize}")


@dispatched
def to_largest(dout: Any, place: Any, *, window: Pair, steps: Pair, size: Pair) -> Any:
    """`dout` at the place of the largest of each window, 0 elsewhere, in images of this size."""
    parts = np.where(np.arange(window[0] * window[1]) == place[..., None], dout[..., None], 0)
    parts = parts.reshape(*dout.shape, *window)
    return add_windows(parts, shape=(*dout.shape[:2], *size), axes=(2, 3), steps=steps)


def _row(function: Any, formula: str) -> Primitive:
    return primitive(function, formula, bind=as_given, operands=("x", "y"))


ROWS: dict[Any, Primitive] = {
    convolve: _row(convolve, "windows of x · W"),
    convolve_W: _row(convolve_W, "Σ dout · windows of x"),
    convolve_x: _row(convolve_x, "Σ windows of dout · W"),
    largest: _row(largest, "max of the windows of x"),
    place_of_largest: _row(place_of_largest, "argmax of the windows of x"),
    to_largest: _row(to_largest, "dout at the largest"),
}
"""The operations that kernels are written for, by their functions."""


def of_images(trace: Trace) -> Trace:
    """See convolutions and pools in what was recorded."""
    for simplification in (
        largest_by_place,
        _convolutions,
        _convolutions_by_x,
        _cropped,
        _pools,
        _routes,
        _scaled_before,
        _summed_by_axes,
    ):
        trace = simplification(trace)
    return trace


def _made(function: Any, inputs: tuple[Any, ...], out: Any, **params: Any) -> Any:
    return attach(ROWS[function], inputs, tuple(x.data for x in inputs), params, out)


def _ordered(x: Any, have: str, want: str) -> Any:
    """The axes of x, named by letters, in another order."""
    order = tuple(have.index(letter) for letter in want)
    return x if have == want else np.transpose(x, order)


def _seen(v: Any, borders: bool = True) -> tuple[Any, Pair, Pair, Pads] | None:
    """The images of which `v` shows windows; their size, steps, and zeros around the images."""
    node = maker(v, laid_out)
    v = node.inputs[0] if node else v
    steps, node = (1, 1), maker(v, getitem)
    if node is not None:
        form, (v, *places) = node.params["form"], node.inputs
        if places or not isinstance(form, tuple) or len(form) > 4:
            return None
        parts: list[Any] = [*form, *[slice(None)] * (4 - len(form))]
        if not all(isinstance(s, slice) and not s.start and s.stop is None for s in parts):
            return None
        first, second, down, right = (s.step or 1 for s in parts)
        if first != 1 or second != 1 or min(down, right) < 1:
            return None
        steps = (down, right)
    node = maker(v, sliding_window_view)
    axes = tuple(node.params.get("axis") or ()) if node else ()
    if node is None or axes not in ((2, 3), (-2, -1)) or np.ndim(node.out) != 6:
        return None
    x, pads = node.inputs[0], ((0, 0), (0, 0))
    window = node.out.shape[4:]
    border = maker(x, np.pad) if borders else None
    if border is not None and border.params.get("mode", "constant") == "constant":
        around = np.broadcast_to(border.params["pad_width"], (4, 2))
        value = border.params.get("constant_values", 0)
        if is_recorded(border.inputs[0]) and not np.any(value) and not around[:2].any():
            top, left = around[2:].tolist()
            pads = (top[0], top[1]), (left[0], left[1])
            x = border.inputs[0]
    return (x, window, steps, pads) if is_recorded(x) else None


@simplifies(contract)
def _convolutions(node: Node, inputs: tuple[Any, ...]) -> Any:
    """A product of windows with filters, or with a derivative.

    Before: `contract(laid_out(windows(pad(x))), W, "nchwij,fcij->nfhw")`. After: `convolve(x, W)`.
    """
    names = terms(node.params["subscripts"])
    for i in (0, 1):
        seen = _seen(inputs[i])
        if seen is None or len(names[i]) != 6 or len(names[1 - i]) != 4 or len(names[2]) != 4:
            continue
        x, window, steps, pads = seen
        n, c, h, w, k, m = names[i]
        other, theirs, out = inputs[1 - i], names[1 - i], names[2]
        f = "".join(set(theirs) - set(names[i]))
        filters, images = f"{f}{c}{k}{m}", f"{n}{f}{h}{w}"
        if set(theirs) == set(filters) and set(out) == set(images):
            value = np.transpose(node.out, [out.index(letter) for letter in images])
            W = _ordered(other, theirs, filters)
            return _ordered(_made(convolve, (x, W), value, steps=steps, pads=pads), images, out)
        if set(theirs) == set(images) and set(out) == set(filters):
            value = np.transpose(node.out, [out.index(letter) for letter in filters])
            both = (_ordered(other, theirs, images), x)
            made = _made(convolve_W, both, value, window=window, steps=steps, pads=pads)
            return _ordered(made, filters, out)
    return None


@simplifies(add_windows)
def _convolutions_by_x(node: Node, inputs: tuple[Any, ...]) -> Any:
    """Products that are added where windows were.

    Before: `add_windows(contract(dout, W, "nfhw,fcij->nchwij"))`. After: `convolve_x(dout, W)`.
    """
    product, out = maker(inputs[0], contract), node.out
    if product is None or node.params["axes"] != (2, 3) or np.ndim(product.out) != 6:
        return None
    names = terms(product.params["subscripts"])
    n, c, h, w, k, m = names[2]
    for i in (0, 1):
        (f,) = set(names[0]) & set(names[1])
        images, filters = f"{n}{f}{h}{w}", f"{f}{c}{k}{m}"
        if set(names[i]) == set(images) and set(names[1 - i]) == set(filters):
            both = (
                _ordered(product.inputs[i], names[i], images),
                _ordered(product.inputs[1 - i], names[1 - i], filters),
            )
            steps = node.params.get("steps") or (1, 1)
            none = ((0, 0), (0, 0))
            return _made(convolve_x, both, out, size=out.shape[2:], steps=steps, pads=none)
    return None


@simplifies(getitem)
def _cropped(node: Node, inputs: tuple[Any, ...]) -> Any:
    """Leave out the derivatives of the zeros around images."""
    found = maker(inputs[0], convolve_x)
    form = node.params["form"]
    if found is None or len(inputs) > 1 or not isinstance(form, tuple) or len(form) != 4:
        return None
    if not all(isinstance(s, slice) and s.step in (None, 1) for s in form):
        return None
    whole = np.shape(found.out)
    parts = [s.indices(n) for s, n in zip(form, whole, strict=True)]
    if any(start or stop != n for (start, stop, _), n in zip(parts[:2], whole, strict=False)):
        return None
    pads = tuple((a, n - b) for (a, b, _), n in zip(parts[2:], whole[2:], strict=True))
    params = {**found.params, "size": np.shape(node.out)[2:], "pads": pads}
    if found.params["pads"] != ((0, 0), (0, 0)) or 0 in np.shape(node.out):
        return None
    return _made(convolve_x, found.inputs, node.out, **params)


def _pooled(row: Any) -> tuple[Any, Pair, Pair] | None:
    """The images, of which `row` shows windows with the elements of each one after the other."""
    shown = maker(row, np.reshape)
    seen = _seen(shown.inputs[0], borders=False) if shown else None
    if shown is None or seen is None or np.ndim(shown.out) != 5:
        return None
    x, window, steps, _ = seen
    same = shown.out.shape[-1] == window[0] * window[1]
    if not same or shown.params.get("order", "C") != "C" or x.dtype.kind != "f":
        return None
    return x, window, steps


@simplifies(np.max)
def _pools(node: Node, inputs: tuple[Any, ...]) -> Any:
    """The largest of each window: `max(reshape(windows(x)), axis=-1)`."""
    found = _pooled(inputs[0]) if node.params == {"axis": -1} else None
    if found is None:
        return None
    x, window, steps = found
    return _made(largest, (x,), node.out, window=window, steps=steps)


@simplifies(add_windows)
def _routes(node: Node, inputs: tuple[Any, ...]) -> Any:
    """A derivative on its way to the largest of each window.

    Before: `add_windows(reshape(where(places == argmax(x), dout, 0)))`. After:
    `to_largest(dout, place_of_largest(x))`.
    """
    shown = maker(inputs[0], np.reshape)
    where = maker(shown.inputs[0], np.where) if shown else None
    route = routed(where, where.inputs) if where else None
    found = _pooled(route[0]) if route else None
    if route is None or found is None or np.ndim(shown.out) != 6:  # type: ignore[union-attr]
        return None
    (x, window, steps), dout = found, route[1]
    added = node.params.get("steps") or (1, 1)
    size = node.out.shape[2:]
    if node.params["axes"] != (2, 3) or added != steps or np.shape(x) != np.shape(node.out):
        return None
    value = np.zeros(dout.shape, f"i{dout.dtype.itemsize}")  # what it is does not matter here
    place = _made(place_of_largest, (x,), value, window=window, steps=steps)
    return _made(to_largest, (dout, place), node.out, window=window, steps=steps, size=size)


@simplifies(np.multiply)
def _scaled_before(node: Node, inputs: tuple[Any, ...]) -> Any:
    """Scale by the sign of the largest before a derivative is sent there.

    Before: `to_largest(dout, place of x) · sign(x)`.
    After: `to_largest(dout · sign(largest(x)), place of x)`.
    """
    for d, s in (inputs, inputs[::-1]):
        route, sign = maker(d, to_largest), maker(s, np.sign)
        if route is None or sign is None or node.params:
            continue
        dout, place = route.inputs
        x = place.node.inputs[0]
        if sign.inputs[0] is x:
            window = {k: route.params[k] for k in ("window", "steps")}
            top = _made(largest, (x,), np.zeros(dout.shape, x.dtype), **window)
            return _made(to_largest, (dout * np.sign(top), place), node.out, **route.params)
    return None


@simplifies(np.sum, np.mean)
def _summed_by_axes(node: Node, inputs: tuple[Any, ...]) -> Any:
    """Sum images over one axis after the other, the last first.

    They lie with their features innermost, where NumPy adds up pixel after pixel: what is rounded
    away then grows with the number of pixels, and so with that of each axis only.
    """
    x, function = inputs[0], function_of(node)
    axis = node.params.get("axis")
    if not reduces_only(node) or x.ndim != 4 or not isinstance(axis, tuple) or len(axis) < 2:
        return None
    if function is np.sum and node.params == {"axis": (0, 2, 3)}:
        return None  # there is a kernel for it
    for one in sorted(normal_axes(axis, 4), reverse=True):
        x = function(x, axis=one, keepdims=node.params.get("keepdims", False))
    return x
