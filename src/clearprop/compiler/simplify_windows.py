"""Simplifications: windows that do not overlap are other axes of the same values.

A pool looks at windows of what a convolution gives. Taken before the convolution, at the windows of
its images, they cost nothing, and all that stands between is computed window by window.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from clearprop.compiler.rewriting import (
    consumers_of,
    fact,
    function_of,
    is_recorded,
    maker,
    rebuild,
    simplifies,
)
from clearprop.compiler.tensor_products import (
    LAID_OUT,
    compact,
    contract,
    contracted,
    laid_out,
    letters,
    terms,
)
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node, data_of
from clearprop.graph.recording import attach
from clearprop.primitives.broadcasting import normal_axes
from clearprop.primitives.indexing import getitem
from clearprop.primitives.windows import add_windows


class Windows(NamedTuple):
    """Which windows are taken of an array: along which axes, how long, and every so many."""

    axes: tuple[int, ...]
    lengths: tuple[int, ...]
    steps: tuple[int, ...]

    def apart(self) -> bool:
        """Whether no two of them share an element."""
        return all(step >= n for step, n in zip(self.steps, self.lengths, strict=True))

    def of(self, x: Any, ndim: int) -> Any:
        """These windows of an array that is broadcast to so many axes."""
        if not np.ndim(x):
            return x
        shape = (1,) * (ndim - np.ndim(x)) + np.shape(x)
        x = x if np.ndim(x) == ndim else np.reshape(x, shape)
        if all(shape[axis] == 1 for axis in self.axes):
            return np.reshape(x, (*shape, *[1] * len(self.axes)))
        if any(shape[axis] == 1 and n > 1 for axis, n in zip(self.axes, self.lengths, strict=True)):
            return None
        found = sliding_window_view(x, self.lengths, axis=self.axes)
        step = dict(zip(self.axes, self.steps, strict=True))
        skipping = [axis for axis in self.axes if step[axis] > 1]
        some = [slice(None, None, step.get(a) if a in skipping else None) for a in range(ndim)]
        return found[tuple(some[: max(skipping) + 1])] if skipping else found


def windows_taken(node: Node) -> tuple[Any, Windows] | None:
    """What windows a node takes every so many of, and of which array."""
    everything, *arrays = node.inputs or (None,)
    all_of_them = maker(everything, sliding_window_view)
    if function_of(node) is not getitem or all_of_them is None or arrays:
        return None
    x = all_of_them.inputs[0]
    form = node.params["form"]
    plain = all(isinstance(s, slice) and s.start is None and s.stop is None for s in form)
    axis = all_of_them.params.get("axis")
    axes = normal_axes(axis, x.ndim) if axis is not None else tuple(range(x.ndim))
    lengths = tuple(np.ravel(all_of_them.params["window_shape"]).tolist())
    steps = [s.step or 1 for s in form] if plain else []
    steps += [1] * (x.ndim - len(steps))
    if not plain or len(steps) > x.ndim or min(steps) < 1 or len(set(axes)) < len(axes):
        return None
    if any(step > 1 and axis not in axes for axis, step in enumerate(steps)):
        return None
    return x, Windows(axes, lengths, tuple(steps[axis] for axis in axes))


def risen_windows(trace: Trace) -> Trace:
    """Take windows that do not overlap before element-wise operations and products.

    Before: `windows(max(contract(x, W) + b, 0))`. After: `max(contract(windows(x), W) + b, 0)`.
    """
    consumers = consumers_of(trace)
    labels: dict[Node, str] = {}
    other: dict[Node, str] = {}

    def alone(v: Any, taken: Windows) -> bool:
        """Whether these windows are all that is wanted of a value."""
        for user in consumers[v.node]:
            if user is None or function_of(user) is not sliding_window_view:
                return False
            for last in consumers[user]:
                found = windows_taken(last) if last is not None else None
                if found is None or found[1] != taken:
                    return False
        return True

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        found = windows_taken(node)
        if found is None or not found[1].apart() or found[0].node is None:
            return None
        v, taken = found
        if not alone(v, taken):
            return None
        below = inputs[0].node.inputs[0].node  # what has become of `v`
        if below is None or isinstance(below.out, tuple):
            return None
        if fact(below, "elementwise") and not below.params:
            operands = [taken.of(x, v.ndim) for x in below.inputs]
            if any(x is None for x in operands):
                return None
            values = tuple(map(data_of, operands))
            out = attach(below.operation, tuple(operands), values, {}, node.out)
        elif function_of(below) is contract:
            out = _of_factor(below, taken, node.out)
        else:
            return None
        if out is not None:
            copied = (x.node for x in out.node.inputs if maker(x, laid_out))
            other.update(dict.fromkeys((out.node, *copied), labels[below]))
        return out

    return rebuild(trace, rule, labels, other=other)


def _of_factor(product: Node, taken: Windows, out: Any) -> Any:
    """Windows of a product: those of the factor that has these axes."""
    a, b, c = terms(product.params["subscripts"])
    seen = [c[axis] for axis in taken.axes]
    new = letters(len(seen), without=a + b)
    x, y = product.inputs
    if all(letter in a for letter in seen):
        x, a = windows_of_factor(x, Windows(_places(a, seen), *taken[1:])), a + new
    elif all(letter in b for letter in seen):
        y, b = windows_of_factor(y, Windows(_places(b, seen), *taken[1:])), b + new
    else:
        return None
    return contracted(x, y, f"{a},{b}->{c}{new}", out)


def _places(term: str, seen: list[str]) -> tuple[int, ...]:
    return tuple(map(term.index, seen))


def windows_of_factor(x: Any, taken: Windows) -> Any:
    """Windows of a factor, before it is laid out if it is."""
    before = maker(x, laid_out)
    x = before.inputs[0] if before else x
    return compact(taken.of(x, x.ndim))


def windows_added_last(trace: Trace) -> Trace:
    """Add windows that do not overlap up after a factor has come to them; or not at all.

    Before: `add_windows(d) · s`. After: `add_windows(d · windows(s))`.
    Before: `contract(add_windows(d), x)` and `Σ add_windows(d)`, over the axes of the windows.
    After: `contract(d, windows(x))` and `Σ d`.
    """
    consumers = consumers_of(trace)
    labels: dict[Node, str] = {}
    other: dict[Node, str] = {}

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        function = function_of(node)
        if function is np.multiply and not node.params:
            for d, s, old in ((*inputs, node.inputs[0]), (*inputs[::-1], node.inputs[1])):
                added = _apart(d)
                if added and np.shape(d) == node.out.shape and len(consumers[old.node]) == 1:
                    found = _scaled(added, s, node.out)
                    if found is not None:
                        other[found.node] = labels[d.node]
                    return found
        elif function is contract:
            for i in (0, 1):
                added = _apart(inputs[i])
                if added:
                    return _without_adding(node, inputs, i, added)
        elif function is np.sum and node.params.keys() == {"axis"}:
            added = _apart(inputs[0])
            if added:
                return _sum_of(added, node)
        return None

    return rebuild(trace, rule, labels, other=other)


def _apart(v: Any) -> tuple[Any, Windows, dict[str, Any]] | None:
    """The windows that are added up, which ones these are, and how they were added."""
    node = maker(v, add_windows)
    if node is None or not is_recorded(node.inputs[0]):
        return None
    d, params = node.inputs[0], node.params
    axes = params["axes"]
    lengths = d.shape[d.ndim - len(axes) :]
    taken = Windows(axes, lengths, params.get("steps") or (1,) * len(axes))
    return (d, taken, params) if taken.apart() else None


def _scaled(added: Any, s: Any, out: Any) -> Any:
    d, taken, params = added
    s = taken.of(s, out.ndim)
    fits = s is not None and all(n in (1, m) for n, m in zip(np.shape(s), d.shape, strict=False))
    if not fits:
        return None
    return add_windows(d * s, **params)


def _without_adding(node: Node, inputs: tuple[Any, ...], i: int, added: Any) -> Any:
    (d, taken, _), other = added, inputs[1 - i]
    names = list(terms(node.params["subscripts"]))
    mine, theirs, out = names[i], names[1 - i], names[2]
    seen = [mine[axis] for axis in taken.axes]
    if not all(letter in theirs for letter in seen):
        return None
    new = letters(len(seen), without=mine + theirs)
    places = _places(theirs, seen)
    windows = windows_of_factor(other, Windows(places, *taken[1:]))
    if [windows.shape[i] for i in places] != [d.shape[axis] for axis in taken.axes]:
        return None
    pairs = [(d, mine + new), (windows, theirs + new)]
    (x, a), (y, b) = pairs if i == 0 else pairs[::-1]
    return contracted(x, y, f"{a},{b}->{out}", node.out)


def _sum_of(added: Any, node: Node) -> Any:
    d, taken, params = added
    axis = node.params["axis"]
    ndim = len(params["shape"])
    axes = normal_axes(axis, ndim) if axis is not None else tuple(range(ndim))
    if not set(taken.axes) <= set(axes):
        return None
    out = np.sum(d, axis=(*sorted(axes), *range(ndim, d.ndim)))
    return out if out.shape == np.shape(node.out) else None


@simplifies(sliding_window_view)
def images_laid_out(node: Node, inputs: tuple[Any, ...]) -> Any:
    """Lay images that come from outside out anew before windows are copied of them.

    Before: `laid_out(windows(x))`. After: `laid_out(windows(laid_out(x)))`, where the images of a
    batch may stand side by side, pixel by pixel, so that the second copy goes in long stretches.
    """
    (x,) = inputs
    if node.params.get("axis") != (2, 3) or x.ndim != 4 or len(x) == 1:
        return None
    source = x
    while source.node is not None and fact(source.node, "elementwise"):
        arrays = [y for y in source.node.inputs if is_recorded(y) and y.ndim == 4]
        if len(arrays) != 1:
            return None
        (source,) = arrays
    if source.node is not None and function_of(source.node) is not np.astype:
        return None
    found = attach(LAID_OUT, (x,), (x.data,), {}, x.data)
    return sliding_window_view(found, **node.params)
