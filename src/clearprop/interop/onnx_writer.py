"""What is written of an ONNX model: nodes, constants, sizes that go with the number of samples."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import count, zip_longest
from typing import Any

import numpy as np

from clearprop.compiler.rewriting import is_recorded, whole_function_of
from clearprop.compiler.tracing import Trace, names
from clearprop.errors import UnsupportedError
from clearprop.graph.node import Node
from clearprop.interop.onnx_samples import BATCHES, OTHERWISE, Dim, Formula, Size, size, told

Operator = Callable[["Writer", Node], Any]
"""Writes a node, and gives the name of its output, or the names of several."""


class Writer:
    """Writes the nodes of ONNX for a graph that was recorded for several numbers of samples.

    What does not depend on the inputs is computed now. What differs between the recordings is the
    number of samples, and stays open; `formulas` says it of leaves.
    """

    def __init__(
        self, traces: Sequence[Trace], n_inputs: int, formulas: Mapping[Any, Formula]
    ) -> None:
        self.trace = trace = traces[0]
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.formulas = formulas
        leaves = trace.leaves[:n_inputs]
        self.inputs = [v.name or f"x{i}" for i, v in enumerate(leaves)]
        self._names: dict[Any, str] = dict(zip(leaves, self.inputs, strict=True))
        """Variables without a node, and pairs of node and output, that depend on the inputs."""
        self._constants: dict[Any, str] = {}
        self._number = count(1)
        for alike in zip_longest(*(t.nodes for t in traces)):
            if len({node and node.operation.name for node in alike}) > 1:
                i = next(i for i, node in enumerate(alike) if node is not None)
                with told(alike[i], traces[i]):
                    raise UnsupportedError(OTHERWISE)
        pairs = zip(*(t.nodes for t in traces), strict=True)
        self._alike = dict(zip(trace.nodes, pairs, strict=True))
        self._samples = ""

    def write(self, operators: Mapping[Any, "Operator"], sized: Collection[Any]) -> None:
        """Write all that depends on the inputs, by operators for functions or for their names.

        Only those of the functions in `sized` are given arguments that go with the samples.

        Errors: `UnsupportedError` for a function without an operator.
        """
        for node in self.trace.nodes:
            alike = self._alike[node]
            same = len({names(tuple(n.params.items())) for n in alike}) == 1
            if same and not any(is_recorded(v) and self.depends(v) for v in node.inputs):
                continue
            operator = operators.get(whole_function_of(node)) or operators.get(node.operation.name)
            with told(node, self.trace):
                if operator is None:
                    none = whole_function_of(node) in WITHOUT
                    raise UnsupportedError(
                        "ONNX has no operator for it" if none else "it is not exported yet"
                    )
                if (not same and whole_function_of(node) not in sized) or len(
                    {*map(_fixed, alike)}
                ) > 1:
                    raise UnsupportedError(OTHERWISE)
                found = operator(self, node)
            several = isinstance(node.out, tuple)
            for i, name in enumerate(found if several else [found]):
                self._names[node, i if several else None] = name

    def depends(self, v: Any) -> bool:
        """Whether a value depends on the inputs."""
        return v in self.formulas or (v if v.node is None else (v.node, v.index)) in self._names

    def value(self, v: Any, dtype: Any = None) -> str:
        """The name of a value, or of a constant, cast to a dtype if one is given."""
        if is_recorded(v) and self.depends(v):
            if v in self.formulas and v not in self._names:
                self._names[v] = write_formula(self, self.formulas[v])
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

    def alike(self, node: Node) -> Sequence[Node]:
        """The same node in each recording, this one first."""
        return self._alike[node]

    def arguments(self, node: Node, *names: str) -> list[Any]:
        """The arguments of these names. Errors: `UnsupportedError` for any other."""
        if more := node.params.keys() - {*names}:
            raise UnsupportedError(f"the argument {', '.join(sorted(more))} is not known to ONNX")
        return [node.params.get(name) for name in names]

    def dims(self, node: Node) -> list[Dim]:
        """The sizes of what a node gives, for any number of samples."""
        return self.sizes([np.shape(n.out) for n in self._alike[node]])

    def shaped(self, name: str, node: Node) -> str:
        """A value in the shape of what a node gives."""
        shapes = [np.shape(n.out) for n in self._alike[node]]
        shape = [d[0] if len({*d}) == 1 else -1 for d in zip(*shapes, strict=True)]
        open_ = shape.count(-1) > 1 or (-1 in shape and 0 in shape)
        where = self.shape(self.dims(node) if open_ else shape)
        return self.add("Reshape", [name, where], allowzero=int(0 in shape))

    def sizes(self, shapes: Iterable[Sequence[int]]) -> list[Dim]:
        """Sizes for several numbers of samples as such for any. Errors: `UnsupportedError`."""
        found = [size(values, BATCHES) for values in zip(*shapes, strict=True)]
        if None in found:
            raise UnsupportedError(OTHERWISE)
        return found  # type: ignore[return-value]

    def samples(self) -> str:
        """How many samples there are, as an array of one whole number."""
        if not self._samples:
            of_x = self.add("Shape", [self.inputs[0]])
            self._samples = self.add("Gather", [of_x, self.constant(np.array([0]))])
        return self._samples

    def shape(self, dims: Sequence[Dim]) -> str:
        """A shape as an array, with the number of samples that there are."""
        if not any(isinstance(d, Size) for d in dims):
            return self.constant(np.array(dims, np.int64))
        pieces = [
            self._size(d) if isinstance(d, Size) else self.constant(np.array([d], np.int64))
            for d in dims
        ]
        return self.add("Concat", pieces, axis=0) if len(pieces) > 1 else pieces[0]

    def _size(self, size: Size) -> str:
        name = self.samples()
        for operator, number, neutral in (("Mul", size.times, 1), ("Add", size.plus, 0)):
            if number != neutral:
                name = self.add(operator, [name, self.constant(np.array([number], np.int64))])
        return name


WITHOUT = {np.cumprod, np.linalg.inv, np.linalg.solve, np.linalg.eigh, np.linalg.cholesky}
"""What there is no operator for, nor others that say the same."""


def _fixed(node: Node) -> Any:
    """What is the same in each recording."""
    return node.operation.name, *(None if is_recorded(x) else names(x) for x in node.inputs)


def kind(dtype: Any) -> int:
    """What ONNX calls a dtype."""
    from onnx import helper

    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def write_formula(w: Writer, formula: Formula) -> str:
    """An array that goes with the samples, computed in float64, the exact way."""
    shape, dtype = w.shape(formula.dims), formula.dtype

    def number(value: Any) -> str:
        return w.constant(np.asarray(value, np.float64))

    def places(axis: int) -> str:
        end = w.add("Squeeze", [w.shape([formula.dims[axis]])])
        ends = [w.constant(np.array(0)), end, w.constant(np.array(1))]
        column = np.where(np.arange(len(formula.dims)) == axis, -1, 1)
        return w.add("Reshape", [w.add("Range", ends), w.constant(column)])

    if formula.diagonal is not None:
        comparison, k, here, elsewhere = formula.diagonal
        apart = w.add("Sub", [places(0), places(1)])
        where = w.add(comparison, [apart, w.constant(np.array(k))])
        if np.dtype(dtype).kind == "b":  # one truth value here, the other elsewhere
            return where if here.terms[0][1] else w.add("Not", [where])
        return w.add("Where", [where, write_formula(w, here), write_formula(w, elsewhere)])
    if not formula.slopes and [e for e, _ in formula.terms] == [0]:
        name = w.constant(formula.terms[0][1].astype(dtype))
    else:
        samples = w.add("Cast", [w.samples()], to=kind(np.float64))
        if not formula.dims:
            samples = w.add("Squeeze", [samples])
        total = number(0.0)
        for exponent, a in formula.terms:
            term = number(a)
            if exponent:
                power = w.add("Pow", [samples, number(exponent)]) if exponent != 1 else samples
                term = w.add("Mul", [power, term])
            total = w.add("Add", [total, term])
        for axis, a in formula.slopes:
            place = w.add("Cast", [places(axis)], to=kind(np.float64))
            total = w.add("Add", [total, w.add("Mul", [place, number(a)])])
        if formula.power != 1:
            total = w.add("Pow", [total, number(1 / formula.power)])
        if np.dtype(dtype).kind in "iu":
            total = w.add("Round", [total])
        name = w.add("Cast", [total], to=kind(dtype))
    return w.add("Expand", [name, shape]) if formula.dims else name
