"""What a page computes by itself: the values and derivatives of a graph, in JavaScript.

The graph is run once more on leaves that stand for any numbers, opened to single operations. At
each level the derivatives are those that the level shows: a closed layer's own `backward`, inside
an opened one that of its operations. To tell what comes back along each branch, every operand is a
Variable of its own.
"""

import base64
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.compiler.engines import Job, engine
from clearprop.compiler.engines.javascript import runtime
from clearprop.compiler.engines.script_pieces import typed
from clearprop.compiler.leaf import traced
from clearprop.compiler.simplify import simplified
from clearprop.compiler.tracing import Trace
from clearprop.drawing.opening import inside
from clearprop.drawing.outline import End, Scope
from clearprop.errors import ClearpropError, UnsupportedError
from clearprop.explaining.story import key
from clearprop.graph.backward import derivatives
from clearprop.graph.graph import Graph
from clearprop.graph.node import Node, Recorded, parts
from clearprop.graph.recording import alias, record
from clearprop.graph.rounding import cleared, disturbed, is_tiny
from clearprop.page.backward import BackwardPass
from clearprop.page.slots import slotted

MOST = 1_000_000
"""Of so many numbers at most a page computes everything anew; they take 5 MB of it, or 11."""

Json = dict[str, Any]
Key = tuple[Any, ...]


@dataclass(eq=False)
class _Level:
    """One graph on the new leaves: the whole, or the inside of a node."""

    graph: Graph
    prefix: str
    values: dict[Any, Any]
    """By the key of a Variable of the graph the new one."""
    opened: list[tuple[Any, "_Level"]] = field(default_factory=list)
    """Of each node that opens: its outputs, and the level inside."""


class Live:
    """The program of one page, and the slots of its values: their places among its results.

    Slots are found by `value`, `back`, `share` and `local`; `None` where a value never changes.

    Errors: `UnsupportedError` says why a graph has no such program.
    """

    def __init__(self, graph: Graph, passed: BackwardPass) -> None:
        if sum(np.size(v.data) for v in graph.leaves) > MOST:
            raise UnsupportedError(
                f"its inputs are more than {MOST:,} numbers. Make the page of a smaller network, "
                "or let `clearprop play` train this one in a page of its own"
            )
        self.graph = graph
        self._found: dict[Key, Any] = {}
        self._slots: dict[int, int] = {}
        self._outputs: list[Any] = []
        self._inputs = [traced(_real(v.data), v.name or "x") for v in graph.leaves]
        known = dict(zip(graph.leaves, self._inputs, strict=True))
        level = self._level(graph, "", known)
        for i, v in enumerate(graph.leaves):
            self._found["value", f"x{i}"] = level.values[v]
        seeds = [(level.values[key(v)], seed) for v, seed in passed.seeds]
        self._back(level, seeds)
        local: list[Any] = [
            v for k, v in self._found.items() if k[0] == "local" and isinstance(v, Recorded)
        ]
        tiny = [v for v in local if is_tiny(v.data).any()]
        others = [g.outputs for g in disturbed(Graph(tiny, self._inputs))] if tiny else []
        self._disturbed = dict(zip(map(id, tiny), zip(*others, strict=True), strict=False))

    # Recording.

    def _level(self, graph: Graph, prefix: str, known: dict[Any, Any]) -> _Level:
        level = _Level(graph, prefix, dict(known))
        for i, node in enumerate(graph.nodes):
            id = f"{prefix}n{i}"
            # The last operand first: derivatives then come back, and are added, in their order.
            backwards = [
                _own(level.values[key(x)] if isinstance(x, Recorded) else x)
                for x in reversed(node.inputs)
            ]
            inputs = (*reversed(backwards),)
            for k, x in enumerate(inputs):
                self._found["operand", id, k] = x
            if node.operation.opens:
                outs = self._opened(level, node, id, inputs)
            else:
                outs = parts(record(node.operation, inputs, node.params))
            self._local(node, id, inputs)
            several = isinstance(node.out, tuple)
            for index, out in enumerate(outs):
                level.values[(node, index if several else None)] = out
                self._found["value", f"{id}:{index}" if several else id] = out
        return level

    def _opened(self, level: _Level, node: Node, id: str, inputs: tuple[Any, ...]) -> Any:
        inner = inside(node)
        known = {}
        for k, (leaf, x) in enumerate(zip(inner.leaves, inputs, strict=True)):
            known[leaf] = _own(x)
            self._found["value", f"{id}/x{k}"] = known[leaf]
        within = self._level(inner, f"{id}/", known)
        closed = parts(node.operation.again(inputs))
        level.opened.append((closed, within))
        return closed

    def _local(self, node: Node, id: str, inputs: tuple[Any, ...]) -> None:
        """The local derivatives, where they are single numbers."""
        if isinstance(node.out, tuple) or any(np.ndim(v) for v in (*node.values, node.out)):
            return
        fresh = tuple(map(_own, inputs))
        operation = node.operation
        out = operation.again(fresh) if operation.opens else record(operation, fresh, node.params)
        one = np.ones((), out.dtype if out.dtype.kind == "f" else np.float64)[()]
        targets = [x for x in fresh if isinstance(x, Recorded)]
        found = derivatives([(out, one)], targets=targets, record=True)
        for k, x in enumerate(fresh):
            if isinstance(x, Recorded):
                self._found["local", id, k] = found.get(x)

    def _back(self, level: _Level, seeds: list[tuple[Any, Any]]) -> None:
        """The derivatives of one level, and then of those inside."""
        seeds = [(v, seed) for v, seed in seeds if seed is not None]
        found = derivatives(seeds, record=True) if seeds else {}
        by_key = {key(v): d for v, d in found.items()}
        names: dict[Any, str] = {v: f"x{i}" for i, v in enumerate(level.graph.leaves)}
        names |= {node: f"n{i}" for i, node in enumerate(level.graph.nodes)}
        for v, made in level.values.items():
            node, index = v if isinstance(v, tuple) else (v, None)
            name = f"{level.prefix}{names[node]}" + ("" if index is None else f":{index}")
            if isinstance(made, Recorded):  # inside a layer what it is given may be plain
                self._found["back", name] = by_key.get(key(made))
        for i, node in enumerate(level.graph.nodes):
            for k in range(len(node.inputs)):
                x = self._found["operand", f"{level.prefix}n{i}", k]
                if isinstance(x, Recorded):
                    self._found["share", f"{level.prefix}n{i}", k] = by_key.get(key(x))
        for closed, within in level.opened:
            inner = zip(within.graph.outputs, closed, strict=True)
            self._back(within, [(within.values[key(v)], by_key.get(key(out))) for v, out in inner])

    # Slots.

    def slot(self, *key: Any) -> int | None:
        """The slot of a value: `("value", flow)`, `("back", flow)`, `("share", item, operand)` or
        `("local", item, operand)`, by their ids."""
        v = self._found.get(key)
        if not isinstance(v, Recorded):
            return None
        if id(v) not in self._slots:
            self._slots[id(v)] = len(self._outputs)
            self._outputs.append(v)
        return self._slots[id(v)]

    def end(self, v: Any) -> int | None:
        """The slot of an output of the graph."""
        name = f"n{self.graph.nodes.index(v.node)}"
        return self.slot("value", name if v.index is None else f"{name}:{v.index}")

    def gradient(self, i: int, value: Any) -> int | list[float] | None:
        """The slot of the derivative by a leaf, or the numbers that it always is."""
        slot = self.slot("back", f"x{i}")
        if slot is not None or value is None or not np.isfinite(value).all():
            return slot
        return np.ravel(value).tolist()

    def local(self, value: Any, item: str, operand: int) -> Any:
        """A local derivative with its slot, and 0 for what rounding has left of that."""
        others = self._disturbed.get(id(self._found.get(("local", item, operand))), ())
        made, left = cleared(value, [v.data for v in others])
        return slotted(made, self.slot("local", item, operand), left)

    def single(self) -> list[int]:
        """The slots that hold numbers of single precision."""
        return [i for i, v in enumerate(self._outputs) if v.data.dtype == np.float32]

    def script(self) -> str:
        """The program, as an expression that gives a function of the leaves.

        Errors: `UnsupportedError` for what JavaScript has no spelling for.
        """
        opened = Graph(self._outputs, self._inputs).opened()
        trace = simplified(Trace(opened.outputs, self._inputs, {}))
        title = "Every value and derivative of the graph on this page."
        source = engine("javascript").program(Job(trace, "look", title)).source
        return f"(() => {{\n{runtime(vectors=False)}\n{source}\nreturn make();\n}})()"

    def leaves(self) -> list[Json]:
        """What the program takes: the leaves as they were."""
        found = []
        for v, leaf in zip(self.graph.leaves, self._inputs, strict=True):
            made: Json = {"dtype": str(v.data.dtype), "shape": [*np.shape(v.data)]}
            if np.ndim(v.data):
                kind = typed(leaf.dtype)
                stored = {"Int32Array": np.int32, "Uint8Array": np.uint8}.get(kind, leaf.dtype)
                array = np.ascontiguousarray(v.data, stored)
                made |= {"kind": kind, "data": base64.b64encode(array.tobytes()).decode()}
            else:
                made["data"] = repr(float(v.data)).replace("inf", "Infinity").replace("nan", "NaN")
            found.append(made)
        return found


def live_of(graph: Graph, passed: BackwardPass) -> tuple[Live | None, str]:
    """The program of a graph's page, or why it has none."""
    try:
        with np.errstate(all="ignore"):
            return Live(graph, passed), ""
    except ClearpropError as error:
        return None, str(error)


def _own(v: Any) -> Any:
    """A Variable of its own for a value; truth values have no derivative that would need one."""
    return alias(v) if isinstance(v, Recorded) and v.data.dtype.kind != "b" else v


def _real(data: Any) -> Any:
    """A whole number may become one that is not; arrays of them may be labels, and stay."""
    whole = not np.ndim(data) and data.dtype.kind in "iub"
    return np.float64(data) if whole else data


def give_slots(scope: Scope, live: Live) -> None:
    """Let what a picture shows know its slots."""
    for inner in scope.walk():
        for flow in inner.flows:
            back = live.slot("back", flow.id)
            flow.value = slotted(flow.value, live.slot("value", flow.id), flow.left[0])
            flow.derivative = slotted(flow.derivative, back, flow.left[1])
            for end in flow.ends:
                if end.item is None or end.item.kind in ("output", "fold"):
                    continue
                slot = back if len(flow.ends) == 1 else _share(live, end)
                left = flow.left[1] if len(flow.ends) == 1 else end.left
                end.derivative = slotted(end.derivative, slot, left)
        for item in inner.items:
            if item.inside is not None:
                for flow in item.inside.flows:
                    for end in flow.ends:
                        if end.item is None:
                            many = isinstance(item.node.out, tuple)
                            name = f"{item.id}:{end.operand}" if many else item.id
                            end.derivative = slotted(end.derivative, live.slot("back", name))


def _share(live: Live, end: End) -> int | None:
    assert end.item is not None
    if end.item.inside is not None:
        return live.slot("back", f"{end.item.id}/x{end.operand}")
    return live.slot("share", end.item.id, end.operand)
