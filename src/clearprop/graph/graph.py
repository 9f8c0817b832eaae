"""Graph: what Variables were computed from, as one structure to walk."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from clearprop.errors import DTypeError, GraphError, ShapeError, UnsupportedError
from clearprop.graph.backward import reach
from clearprop.graph.constants import check_marks
from clearprop.graph.display import Displayed
from clearprop.graph.node import Node, Recorded, parts
from clearprop.graph.recording import record
from clearprop.graph.text import tree
from clearprop.graph.variable import Parameter, Variable


class Graph(Displayed):
    """The nodes between inputs and outputs, in topological order.

    Made by `clearprop.graph(outputs)`. A graph is a view of what was recorded: it holds Variables
    and nodes and copies nothing.

    - `nodes`: every operation, each after those it depends on;
    - `inputs`: the Variables that were given from outside, in the order in which they are used;
    - `parameters`: those that belong to layers, by name;
    - `constants`: the plain numbers and arrays met on the way;
    - `outputs`: what it was made from.

    >>> x, y = Variable(3.0, "x"), Variable(4.0, "y")
    >>> g = graph(x * y + x)
    >>> [node.operation.name for node in g.nodes], [v.name for v in g.inputs]
    (['np.multiply', 'np.add'], ['x', 'y'])
    >>> float(g.evaluate({"x": 10.0}))
    50.0
    """

    def __init__(self, outputs: Iterable[Variable], inputs: Iterable[Variable] = ()) -> None:
        self.outputs = tuple(outputs)
        if not self.outputs or not all(isinstance(v, Recorded) for v in self.outputs):
            kinds = ", ".join(type(v).__name__ for v in self.outputs) or "nothing"
            raise GraphError(f"a graph is made from Variables, got {kinds}")
        nodes, self._made = reach(self.outputs)
        self.nodes: tuple[Node, ...] = tuple(reversed(nodes))
        leaves = dict.fromkeys(inputs)
        if not all(isinstance(v, Recorded) and v.node is None for v in leaves):
            raise GraphError("the inputs of a graph are Variables that nothing was computed from")
        for node in self.nodes:
            if node.marks is not None:
                check_marks(node)
            for x in node.inputs:
                if isinstance(x, Variable) and x.node is None:
                    leaves[x] = None
        leaves.update(dict.fromkeys(v for v in self.outputs if v.node is None))
        self.inputs = tuple(v for v in leaves if not isinstance(v, Parameter))
        self._parameters = tuple(v for v in leaves if isinstance(v, Parameter))
        self.leaves = tuple(leaves)
        """Inputs and parameters together; `evaluate` can give each another value."""

    @property
    def parameters(self) -> dict[str, Variable]:
        """The parameters by name; a name that comes twice is numbered."""
        named: dict[str, Variable] = {}
        for v in self._parameters:
            name, n = v.name or "parameter", 2
            while name in named:
                name, n = f"{v.name or 'parameter'}_{n}", n + 1
            named[name] = v
        return named

    @property
    def constants(self) -> tuple[Any, ...]:
        """The plain numbers and arrays among the inputs of the nodes."""
        return tuple(x for n in self.nodes for x in n.inputs if not isinstance(x, Recorded))

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Every Variable: the leaves first, then what each node made, in order."""
        results = (v for n in self.nodes for v in sorted(self._made[n], key=lambda v: v.index or 0))
        return (*self.leaves, *results)  # type: ignore[return-value]

    def evaluate(self, values: Mapping[Any, Any] | None = None) -> Any:
        """Compute the outputs again, with other values for some of the leaves.

        `values` maps Variables, or their names, to numbers or arrays; leaves that are not
        mentioned keep theirs. Gives an array for one output, a tuple for several. Where a value is
        a Variable, the computation is recorded anew.

        A batch of another size goes through whole layers, whose `forward` runs again, and through
        NumPy functions of Variables alone. Where plain numbers, indices or shapes take part it is
        refused, for they may be sizes: `1 / len(x)` was recorded as a number.

        Errors: `GraphError` for a name that no leaf has, or that several have; `ShapeError` for a
        value of another number of axes, or of another shape where sizes may have been recorded.
        """
        known = self._substitutes(values or {})
        self._check_sizes(known)
        return self._run(known, _evaluate)

    def opened(self, depth: int | None = None) -> "Graph":
        """The same computation with the layers opened, to a depth or all the way.

        Depth 1 opens a network into its layers, depth 2 those into primitives. The leaves are the
        same Variables, so that a backward pass through either graph can be compared.

        Errors: `UnsupportedError` for a layer that cannot be opened, with the reason.
        """

        def expand(node: Node, inputs: tuple[Any, ...]) -> Any:
            if not node.operation.opens:
                return record(node.operation, inputs, node.params)
            out = node.operation.expand(inputs)
            _check_same(node, parts(out))
            return out

        graph, level = self, 0
        while (depth is None or level < depth) and any(n.operation.opens for n in graph.nodes):
            leaves = {v: v for v in (*graph.inputs, *graph._parameters)}
            graph = Graph(parts(graph._run(leaves, expand)), self.inputs)
            level += 1
        return graph

    @staticmethod
    def inside(node: Node) -> "Graph":
        """The graph inside the node of a layer or a network, leaves in the order of its inputs.

        Errors: `GraphError` for a primitive, which has no inside; `UnsupportedError` for a layer
        that cannot be opened, or that does not compute the same again.
        """
        if not node.operation.opens:
            raise GraphError(f"{node.operation.name} is a primitive: there is nothing inside")
        inputs, out = node.operation.open(node.values)
        outs = parts(out)
        _check_same(node, outs)
        leaves: tuple[Any, ...] = tuple(v for v in inputs if isinstance(v, Recorded))
        inner = Graph(outs, leaves)
        inner.leaves = leaves
        return inner

    def to_json(self, indent: int | None = None) -> str:
        """Write structure, values and derivatives as JSON text."""
        from clearprop.graph.serialise import to_json

        return to_json(self, indent)

    @staticmethod
    def from_json(text: str) -> "Graph":
        """Read what `to_json` wrote.

        Errors: `FileFormatError` for text that is not a graph.
        """
        from clearprop.graph.serialise import from_json

        return from_json(text, Graph)

    def __deepcopy__(self, memo: Any) -> "Graph":
        """The same computation on Variables of its own."""
        leaves = {v: copy.deepcopy(v, memo) for v in self.leaves}
        outputs = self._run(leaves, _evaluate)
        return Graph(parts(outputs), [leaves[v] for v in self.inputs])

    def __reduce__(self) -> Any:
        """A pickle holds the JSON text of the graph, with its layers opened."""
        return Graph.from_json, (self.opened().to_json(),)

    def __str__(self) -> str:
        return tree(self)

    def __repr__(self) -> str:
        return (
            f"<Graph of {len(self.nodes)} nodes: {len(self.inputs)} inputs, "
            f"{len(self._parameters)} parameters, {len(self.outputs)} outputs>"
        )

    def __len__(self) -> int:
        return len(self.nodes)

    def _run(self, known: dict[Any, Any], step: Any) -> Any:
        """Walk the nodes in order, each step making the outputs of a node from its inputs."""
        made: dict[Node, Any] = {}

        def current(x: Any) -> Any:
            if not isinstance(x, Recorded):
                return x
            if x.node is None:
                return known.get(x, x.data)
            out = made[x.node]
            return out if x.index is None else out[x.index]

        for node in self.nodes:
            made[node] = step(node, tuple(map(current, node.inputs)))
        outputs = [current(v) for v in self.outputs]
        return tuple(outputs) if len(outputs) > 1 else outputs[0]

    def _check_sizes(self, known: dict[Any, Any]) -> None:
        """Refuse values of another shape where sizes may have been recorded as numbers."""
        reached: dict[Any, Any] = {v: v for v, x in known.items() if np.shape(x) != v.shape}
        for node in self.nodes if reached else ():
            sources = [reached.get(x.node or x) for x in node.inputs if isinstance(x, Recorded)]
            leaf = next((v for v in sources if v is not None), None)
            if leaf is None:
                continue
            if not (node.operation.opens or _is_free_of_sizes(node)):
                raise ShapeError(
                    f"evaluate: {leaf.name or 'the input'} was recorded with shape {leaf.shape}, "
                    f"and the new value has {np.shape(known[leaf])}; {node.operation.name} was "
                    "recorded with plain numbers, which may be sizes; record the graph anew on the "
                    "new value"
                )
            reached[node] = leaf

    def _substitutes(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        leaves = (*self.inputs, *self._parameters)
        known: dict[Any, Any] = {}
        value: Any
        named = [*((v.name, v) for v in self.inputs if v.name), *self.parameters.items()]
        for key, value in values.items():
            if isinstance(key, str):
                matches = [v for n, v in named if n == key]
            else:
                matches = [v for v in leaves if v is key]
            if len(matches) != 1:
                names = ", ".join(repr(name) for name, _ in named) or "none has a name"
                how = "no leaf" if not matches else f"{len(matches)} leaves"
                raise GraphError(
                    f"evaluate: {how} of this graph is called {key!r}; leaves: {names}"
                )
            leaf = matches[0]
            value = value if isinstance(value, Recorded) else _like(leaf, value)
            known[leaf] = value
            if np.ndim(value) != leaf.ndim:
                raise ShapeError(
                    f"evaluate: {leaf.name or 'the input'} has {leaf.ndim} axes {leaf.shape}, "
                    f"the new value {np.ndim(value)} {np.shape(value)}"
                )
        return known


def _like(leaf: Recorded, value: Any) -> Any:
    """A value for a leaf as an array; a Python number takes the leaf's dtype."""
    weak = type(value) in (int, float, bool) and leaf.data.dtype.kind == "f"
    array = np.asarray(value, leaf.data.dtype if weak else None)
    if array.dtype.kind not in "fiub":
        raise DTypeError(
            f"evaluate: {leaf.name or 'the input'} cannot be of dtype {array.dtype}; "
            "give real numbers"
        )
    return array[()]


def graph(outputs: Any, inputs: Iterable[Variable] = ()) -> Graph:
    """Make the Graph of a Variable, or of several.

    `inputs` lists leaves that the graph shall have even where the outputs do not depend on them.

    >>> x = Variable(2.0, "x")
    >>> graph(x**2)
    <Graph of 1 nodes: 1 inputs, 0 parameters, 1 outputs>
    """
    return Graph(parts(outputs), inputs)


def _check_same(node: Node, outs: Iterable[Any]) -> None:
    """What a layer computes when it is opened must be what it computed when it was closed."""
    for before, now in zip(parts(node.out), outs, strict=True):
        eps = np.finfo(before.dtype).eps ** 0.5 if before.dtype.kind == "f" else 0
        scale = float(np.max(np.abs(before), initial=0, where=np.isfinite(before)))
        if before.shape != now.shape or not np.allclose(
            before, now.data, rtol=eps, atol=eps * scale, equal_nan=True
        ):
            raise UnsupportedError(
                f"{node.operation.name} cannot be opened: run again, its forward gives other "
                "numbers; it must be repeatable (no random numbers of its own, nothing counted)"
            )


def _is_free_of_sizes(node: Node) -> bool:
    """Whether no size can stand in a primitive: no number as in `x / len(x)`, index or shape."""
    plain = (x for x in node.inputs if not isinstance(x, Recorded))
    settings = (v for k, v in node.params.items() if k != "axis")
    return all(np.ndim(x) == 0 and x == 0 for x in plain) and all(
        v is None or isinstance(v, bool | str | type | np.dtype) for v in settings
    )


def _evaluate(node: Node, inputs: tuple[Any, ...]) -> Any:
    if any(isinstance(x, Recorded) for x in inputs):
        if node.operation.opens:
            return node.operation.again(inputs)
        return record(node.operation, inputs, node.params)
    return node.operation.evaluate(*inputs, **node.params)
