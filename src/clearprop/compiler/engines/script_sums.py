"""Sums in JavaScript, added up in the order in which NumPy adds them, so that all bits agree.

NumPy goes through memory. Where it meets numbers that lie one after the other and belong to one
sum, it adds them pairwise (`pairwise` in the runtime); sums that lie side by side, as those of
columns do, grow row by row. What of one sum lies apart is gathered first, some thousands at a time.
(NumPy 2.3 and later; before, what lies apart was not gathered.)
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from clearprop.compiler.engines.script import LOOPS, Script
from clearprop.compiler.engines.script_pieces import spread
from clearprop.compiler.engines.strided import Strided
from clearprop.compiler.rewriting import function_of
from clearprop.graph.node import Node

GATHERED = 8192
"""So many numbers NumPy gathers at a time."""


def in_memory(strides: tuple[int, ...]) -> list[int]:
    """The axes in the order in which NumPy goes along them, the slowest first.

    >>> in_memory((8, 32, 0))
    [1, 0, 2]
    """
    axes: list[int] = []
    for axis in reversed(range(len(strides))):
        place = len(axes)
        for i in reversed(range(len(axes))):
            one, other = abs(strides[axis]), abs(strides[axes[i]])
            if one and other and other <= one:
                break
            place = i if one and other else place
        axes.insert(place, axis)
    return axes[::-1]


def grouped(x: np.ndarray, axes: tuple[int, ...]) -> tuple[list[int], list[int], int]:
    """The axes of a sum that lie outside, those inside, and how many numbers are added pairwise.

    >>> grouped(np.empty((10, 3, 4, 5)), (0, 2, 3))
    ([0], [2, 3], 20)
    >>> grouped(np.empty((10, 3)), (0,))
    ([0], [], 1)
    """
    order = [axis for axis in in_memory(x.strides) if x.shape[axis] != 1]
    first = max((i + 1 for i, axis in enumerate(order) if axis not in axes), default=0)
    outside, inside = [a for a in order[:first] if a in axes], order[first:]
    runs: list[int] = []
    for i, axis in enumerate(inside):  # the lengths of what lies one after the other
        before = inside[i - 1]
        joined = i and x.strides[before] == x.strides[axis] * x.shape[axis]
        runs.append(x.shape[axis] * (runs.pop() if joined else 1))
    sizes = [prod(runs[i:]) for i in range(len(runs))]
    if len(runs) < 2 or sizes[-1] > GATHERED:
        return outside, inside, sizes[-1] if sizes else 1
    core = next(n for n in sizes if n <= GATHERED)
    return outside, inside, GATHERED // core * core


def added(script: Script, x: Strided, seen: np.ndarray, axes: tuple[int, ...]) -> list[str]:
    """Lines, within the loops over the other axes, after which `total` is the sum over these.

    `seen` is an array that lies in memory as that of the recording does.
    """
    outside, inside, most = grouped(seen, axes)
    again = "total = fround(total + {});" if x.dtype == np.float32 else "total += {};"
    loops = [*LOOPS[: len(x.shape)]]
    lines = [again.format(x.at(loops))]
    if x.dtype.kind == "f" and inside:
        n = prod(x.shape[axis] for axis in inside)
        others = [axis for axis in range(len(x.shape)) if axis not in inside]
        turned = x.transposed([*others, *inside])
        if (step := turned.step(len(inside))) is None:
            turned, step = script.copied(turned), 1
        place = turned.place([*(loops[axis] for axis in others), *("0" for _ in inside)])
        lines = [again.format(f"pairwise({turned.name}, {place}, {step}, {n})")]
        if most < n:
            some = f"pairwise({turned.name}, {place} + at * {step}, {step}, min({most}, {n} - at))"
            lines = [f"for (let at = 0; at < {n}; at += {most}) {again.format(some)}"]
    else:
        outside += inside
    return ["let total = 0;", *spread({loops[axis]: x.shape[axis] for axis in outside}, lines)]


def _others(shape: tuple[int, ...], axes: tuple[int, ...]) -> dict[str, int]:
    return {LOOPS[axis]: n for axis, n in enumerate(shape) if axis not in axes}


def _array(script: Script, node: Node) -> tuple[Strided, Any, tuple[int, ...]]:
    """What is summed, how it lies in NumPy's memory, and along which axes; as of the result."""
    x, kind = script.array(node.inputs[0]), node.out.dtype
    if kind.kind == "f" and x.dtype != kind:
        x = script.copied(x, script.buffer(f"{x.name}_wide", x.shape, kind))
    return x, node.inputs[0].data, script.axes(node, len(x.shape))


def sum_of(script: Script, node: Node) -> None:
    """A sum, or a mean."""
    script.only(node, "axis", "keepdims", "dtype")
    x, seen, axes = _array(script, node)
    lines = added(script, x, seen, axes)
    n = prod(x.shape[axis] for axis in axes)
    end = f"total / {n}" if function_of(node) is np.mean else "total"
    script.reduced(node, _others(x.shape, axes), lines, end)


def product_of(script: Script, node: Node) -> None:
    """The product of all elements, one after the other as they lie in memory."""
    script.only(node, "axis", "keepdims", "dtype")
    x, seen, axes = _array(script, node)
    order = {LOOPS[a]: x.shape[a] for a in in_memory(seen.strides) if a in axes}
    now = f"total * {x.at(LOOPS[: len(x.shape)])}"
    now = f"fround({now})" if node.out.dtype == np.float32 else now
    lines = ["let total = 1;", *spread(order, [f"total = {now};"])]
    script.reduced(node, _others(x.shape, axes), lines, "total")


def variance_of(script: Script, node: Node) -> None:
    """The mean of squared distances from the mean."""
    script.only(node, "axis", "keepdims", "ddof")
    x, seen, axes = _array(script, node)
    others, loops = _others(x.shape, axes), LOOPS[: len(x.shape)]
    n, ddof = prod(x.shape[axis] for axis in axes), node.params.get("ddof", 0)
    mean = script.buffer(f"{script.base(node)}_mean", tuple(others.values()), x.dtype)
    lines = [*added(script, x, seen, axes), f"{mean.at([*others])} = total / {n};"]
    script.loop(others, lines, block=True)
    squares = script.buffer(f"{script.base(node)}_squares", x.shape, x.dtype)
    away = f"{x.at(loops)} - {mean.at([*others])}"
    away = f"fround({away})" if x.dtype == np.float32 else away
    lines = [f"const away = {away};", f"{squares.at(loops)} = away * away;"]
    script.loop(dict(zip(loops, x.shape, strict=True)), lines, block=True)
    order = in_memory(seen.strides)  # as a difference from the mean lies
    laid = np.empty([seen.shape[a] for a in order], x.dtype).transpose(np.argsort(order))
    lines = added(script, squares, laid, axes)
    found = f"fround(total / {n - ddof})" if x.dtype == np.float32 else f"total / {n - ddof}"
    end = f"sqrt({found})" if function_of(node) is np.std else found
    script.reduced(node, others, lines, end)


def so_far(script: Script, node: Node) -> None:
    """The running sum or product along an axis, or over all elements."""
    start, sign = (0, "+") if function_of(node) is np.cumsum else (1, "*")
    x, axis = script.array(node.inputs[0]), node.params.get("axis")
    if axis is None:
        x = Strided.dense((x if x.is_dense else script.copied(x)).name, (x.size,), x.dtype)
    axis, into = (axis or 0) % len(x.shape), script.room(node)
    loops = [*LOOPS[: len(x.shape)]]
    # What holds it rounds it, at each step.
    now = f"{into.at(loops)} = total {sign} {x.at(loops)}"
    inner = spread({loops[axis]: x.shape[axis]}, [f"{now};", f"total = {into.at(loops)};"])
    outer = {i: n for d, (i, n) in enumerate(zip(loops, x.shape, strict=True)) if d != axis}
    script.say(script.comment([node]).removeprefix(" // "))
    script.loop(outer, [f"let total = {start};", *inner], block=True)


SUMS: dict[Any, Callable[[Script, Node], None]] = {
    **dict.fromkeys((np.sum, np.mean), sum_of),
    np.prod: product_of,
    **dict.fromkeys((np.var, np.std), variance_of),
    **dict.fromkeys((np.cumsum, np.cumprod), so_far),
}
