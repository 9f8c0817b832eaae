"""A recorded graph in which every node knows where it came from, and how two are compared."""

import ctypes
from array import array
from collections import deque
from collections.abc import ItemsView, Iterable, KeysView, Mapping, ValuesView
from mmap import mmap
from types import MappingProxyType
from typing import Any

import numpy as np

from clearprop.compiler.leaf import Setting, Traced
from clearprop.graph.graph import Graph
from clearprop.graph.node import Node, Recorded, variable
from clearprop.graph.variable import Variable

VIEWS = (KeysView, ValuesView, ItemsView)
BUFFERS = (bytearray, memoryview, array, mmap, *ctypes.Structure.__mro__[1:-1])
"""What holds bytes that may be written, beside arrays; last what all things of ctypes are."""


class Trace(Graph):
    """A graph in which every node knows where it came from, such as `Affine1.forward`."""

    def __init__(
        self, outputs: Iterable[Variable], inputs: Iterable[Variable], labels: Mapping[Node, str]
    ) -> None:
        super().__init__(outputs, inputs)
        self.labels = {node: labels.get(node, "") for node in self.nodes}


def label(
    labels: dict[Node, str],
    outputs: Iterable[Any],
    text: str,
    other: Mapping[Node, str] = MappingProxyType({}),
) -> None:
    """Label every node behind the outputs that has no label yet, some with another text."""
    stack = [v.node for v in outputs if isinstance(v, Recorded)]
    while stack:
        node = stack.pop()
        if node is not None and node not in labels:
            labels[node] = other.get(node, text)
            stack += [x.node for x in node.inputs if isinstance(x, Recorded)]


def form(outputs: Iterable[Any], inputs: tuple[Any, ...]) -> list[Any]:
    """Write down the operations between inputs and outputs, to compare two recordings."""
    places: dict[Any, Any] = {v: ("input", i) for i, v in enumerate(inputs)}
    numbers: dict[Node, int] = {}
    for node in reversed(_within(outputs, set(inputs))):
        numbers[node] = len(numbers)

    def place(x: Any) -> Any:
        if not isinstance(x, Recorded):
            return names(x)
        if x in places:
            return places[x]
        return ("leaf", names(x.data)) if x.node is None else (numbers[x.node], x.index)

    lines: list[Any] = [
        (node.operation.name, names(tuple(sorted(node.params.items()))), *map(place, node.inputs))
        for node in numbers
    ]
    return [*lines, *map(place, outputs)]


def _within(outputs: Iterable[Any], inputs: set[Any]) -> list[Node]:
    """The nodes behind the outputs that do not lie behind the inputs, the last made first."""
    found: set[Node] = set()
    stack = [v for v in outputs if isinstance(v, Recorded) and v not in inputs]
    while stack:
        node = stack.pop().node
        if node is None or node in found:
            continue
        found.add(node)
        stack += [x for x in node.inputs if isinstance(x, Recorded) and x not in inputs]
    return sorted(found, key=lambda node: -node.serial)


def varied(x: Any) -> Any:
    """A leaf with somewhat other values; integers and settings stay as they are."""
    if not isinstance(x, Recorded) or isinstance(x, Setting):
        return x
    data = x.data if x.data.dtype.kind != "f" else x.data * x.data.dtype.type(1 + 2**-7)
    return variable(Traced, data)


def names(x: Any) -> Any:
    """Something hashable that is equal exactly for equal arguments of operations."""
    if isinstance(x, Recorded):
        return ("variable", id(x))
    if isinstance(x, tuple | list | deque):
        return (type(x).__name__, *map(names, x))
    if isinstance(x, np.ndarray):
        return ("array", x.dtype.str, x.shape, x.tobytes())
    if isinstance(x, slice):
        return ("slice", x.start, x.stop, x.step)
    if isinstance(x, Mapping):
        return (type(x).__name__, *((names(key), names(entry)) for key, entry in x.items()))
    if isinstance(x, VIEWS):
        return (type(x).__name__, *map(names, x))
    return (type(x).__name__, bytes(x) if isinstance(x, BUFFERS) else repr(x))
