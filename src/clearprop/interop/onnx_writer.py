"""What is written of an ONNX model: nodes, constants, sizes that go with the number of samples."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np

from clearprop.compiler.rewriting import function_of, is_recorded
from clearprop.compiler.tracing import Trace
from clearprop.errors import UnsupportedError
from clearprop.graph.node import Node

BATCHES = 5, 7
"""Two numbers of samples: a size that is so many times the one, and the other, goes with them."""

Dim = int | float
"""A size; a float is that many times the number of samples."""

Operator = Callable[["Writer", Node], Any]
"""Writes a node, and gives the name of its output, or the names of several."""


class Writer:
    """Writes the nodes of ONNX for a graph that was recorded for two numbers of samples.

    What does not depend on the inputs is computed now. What differs between the two recordings is
    the number of samples, and stays open.
    """

    def __init__(self, trace: Trace, other: Trace, n_inputs: int) -> None:
        self.trace = trace
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        leaves = trace.leaves[:n_inputs]
        self.inputs = [v.name or f"x{i}" for i, v in enumerate(leaves)]
        self._names: dict[Any, str] = dict(zip(leaves, self.inputs, strict=True))
        """Variables without a node, and pairs of node and output, that depend on the inputs."""
        self._constants: dict[Any, str] = {}
        self._number = count(1)
        if len(trace.nodes) != len(other.nodes):
            raise UnsupportedError(
                "to_onnx: what is computed depends on how many samples there are"
            )
        self._others = dict(zip(trace.nodes, other.nodes, strict=True))
        self._samples = ""

    def write(self, operators: Mapping[Any, "Operator"]) -> None:
        """Write all that depends on the inputs, by operators for functions or for their names.

        Errors: `UnsupportedError` for a function without one.
        """
        for node in self.trace.nodes:
            if not any(is_recorded(v) and self.depends(v) for v in node.inputs):
                continue
            operator = operators.get(function_of(node)) or operators.get(node.operation.name)
            try:
                if operator is None:
                    raise UnsupportedError("ONNX has no operator for it")
                found = operator(self, node)
            except UnsupportedError as error:
                raise UnsupportedError(
                    f"to_onnx: {node.operation.name} in {self.trace.labels[node]}: {error}"
                ) from None
            several = isinstance(node.out, tuple)
            for i, name in enumerate(found if several else [found]):
                self._names[node, i if several else None] = name

    def depends(self, v: Any) -> bool:
        """Whether a value depends on the inputs."""
        return (v if v.node is None else (v.node, v.index)) in self._names

    def value(self, v: Any, dtype: Any = None) -> str:
        """The name of a value, or of a constant, cast to a dtype if one is given."""
        if is_recorded(v) and self.depends(v):
            name = self._names[v if v.node is None else (v.node, v.index)]
            if dtype is None or v.data.dtype == dtype:
                return name
            return self.add("Cast", [name], to=kind(dtype))
        array = np.asarray(v.data if is_recorded(v) else v)
        return self.constant(array if dtype is None else array.astype(dtype))

    def constant(self, array: Any) -> str:
        """The name of a constant array."""
        from onnx import numpy_helper

        array = np.ascontiguousarray(array).reshape(np.shape(array))
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self._constants:
            name = self._constants[key] = f"constant{len(self._constants) + 1}"
            self.initializers.append(numpy_helper.from_array(array, name))
        return self._constants[key]

    def add(self, operator: str, inputs: Sequence[str], name: str = "", **attributes: Any) -> str:
        """Add a node of ONNX with one output, and give its name."""
        return self.several(operator, inputs, [name or self.fresh(operator)], **attributes)[0]

    def several(self, operator: str, inputs: Any, names: list[str], **attributes: Any) -> list[str]:
        """Add a node with several outputs."""
        from onnx import helper

        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names

    def prune(self, outputs: Iterable[str]) -> None:
        """Leave out what no output needs: what was told by fewer operators."""
        needed, kept = set(outputs), []
        for node in reversed(self.nodes):
            if needed & {*node.output}:
                needed |= {*node.input}
                kept.append(node)
        self.nodes = kept[::-1]
        self.initializers = [array for array in self.initializers if array.name in needed]

    def fresh(self, operator: str) -> str:
        """A name for an output."""
        return f"{operator}{next(self._number)}"

    def other(self, node: Node) -> Node:
        """The same node where there were other samples."""
        return self._others[node]

    def open_shape(self, a: Any, b: Any) -> list[Any]:
        """A shape for people: what goes with the samples is called N."""
        dims = self.dims(np.shape(a), np.shape(b))
        return [
            "N" if d == 1.0 and isinstance(d, float) else None if isinstance(d, float) else d
            for d in dims
        ]

    def dims(self, a: Iterable[int], b: Iterable[int]) -> list[Dim]:
        """Sizes for two numbers of samples as such for any. Errors: `UnsupportedError`."""
        found: list[Dim] = []
        for m, n in zip(a, b, strict=True):
            if m != n and m * BATCHES[1] != n * BATCHES[0]:
                raise UnsupportedError("what is computed depends on how many samples there are")
            found.append(m if m == n else m / BATCHES[0])
        return found

    def reshaped(self, name: str, dims: Sequence[Dim]) -> str:
        """A value in another shape."""
        if sum(isinstance(d, float) for d in dims) < 2:
            shape = [-1 if isinstance(d, float) else d for d in dims]
            return self.add(
                "Reshape",
                [name, self.constant(np.array(shape, np.int64))],
                allowzero=1 if 0 in shape and -1 not in shape else 0,
            )
        return self.add("Reshape", [name, self.shape(dims)])

    def shape(self, dims: Sequence[Dim]) -> str:
        """A shape as an array, with the number of samples that there are."""
        if not any(isinstance(d, float) for d in dims):
            return self.constant(np.array(dims, np.int64))
        if not self._samples:
            of_x = self.add("Shape", [self.inputs[0]])
            self._samples = self.add("Gather", [of_x, self.constant(np.array([0]))])
        pieces = [
            self.add("Mul", [self._samples, self.constant(np.array([int(d)]))])
            if isinstance(d, float)
            else self.constant(np.array([d], np.int64))
            for d in dims
        ]
        return self.add("Concat", pieces, axis=0)

    def same(self, node: Node, *names: str) -> list[Any]:
        """Parameters that must not depend on the samples."""
        params, others = node.params, self.other(node).params
        for name in names:
            if repr(params.get(name)) != repr(others.get(name)):
                raise UnsupportedError("what is computed depends on how many samples there are")
        return [params.get(name) for name in names]


def kind(dtype: Any) -> int:
    """What ONNX calls a dtype."""
    from onnx import helper

    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
