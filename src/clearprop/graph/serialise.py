"""A graph as JSON text and back: structure, values and derivatives, and no code."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.errors import FileFormatError, GraphError, UnsupportedError
from clearprop.graph.nested import NestedOperation
from clearprop.graph.node import Node, Recorded, data_of, mark_of, parts, variable
from clearprop.graph.variable import Parameter, Variable
from clearprop.primitives.indexing import Place
from clearprop.primitives.registry import row_named
from clearprop.primitives.table import WithKeywords

FORMAT = "clearprop graph"
VERSION = 1


def to_json(graph: Any, indent: int | None = None) -> str:
    """Write a Graph as JSON.

    >>> from clearprop.graph.graph import Graph, graph
    >>> x = Variable([1.0, float("inf")], "x")
    >>> copy = from_json(to_json(graph(x * 2)), Graph)
    >>> copy.outputs[0].data, copy.inputs[0].name
    (array([ 2., inf]), 'x')
    """
    return json.dumps(_graph(graph), indent=indent, ensure_ascii=False, allow_nan=False)


def from_json(text: str, make: Callable[..., Any]) -> Any:
    """Read what `to_json` wrote; `make` is Graph. Errors: `FileFormatError` for anything else."""
    try:
        content = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise FileFormatError(f"this is not JSON: {error}") from error
    try:
        return _read_graph(content, make)
    except FileFormatError:
        raise
    except _UNREADABLE as error:
        raise FileFormatError(
            f"this JSON is not a graph of clearprop: {type(error).__name__}: {error}"
        ) from error
    except (RecursionError, MemoryError) as error:
        raise FileFormatError("this JSON is nested too deeply, or too large") from error


_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, GraphError)


def _graph(graph: Any) -> dict[str, Any]:
    number: dict[Any, int] = {v: i for i, v in enumerate(graph.variables)}

    def operand(x: Any) -> Any:
        return {"variable": number[x]} if isinstance(x, Recorded) else {"constant": _encode(x)}

    nodes = []
    made = {mark_of(v): i for v, i in number.items() if v.node is not None}
    for node in graph.nodes:
        outs = range(len(node.out)) if isinstance(node.out, tuple) else (None,)
        nodes.append(
            {
                **_operation(graph, node),
                "inputs": [operand(x) for x in node.inputs],
                "params": {k: _encode(v) for k, v in node.params.items()},
                "outputs": [made.get((node.serial, i)) for i in outs],
                "out": _encode(node.out),
            }
        )
    return {
        "format": FORMAT,
        "version": VERSION,
        "variables": [
            {
                "name": v.name,
                "kind": "parameter" if isinstance(v, Parameter) else "variable",
                "made": v.node is not None,
                "data": _encode(v.data) if v.node is None else None,
                "grad": _encode(data_of(v.grad)),
                "grad_of": sorted({made.get(mark, _ELSEWHERE) for mark in v.grad_of}),
            }
            for v in number
        ],
        "nodes": nodes,
        "outputs": [number[v] for v in graph.outputs],
        "inputs": [number[v] for v in graph.inputs],
    }


def _operation(graph: Any, node: Node) -> dict[str, Any]:
    operation = node.operation
    if isinstance(operation, WithKeywords):
        return {"operation": operation.name, "keywords": list(operation.keywords)}
    if not operation.opens:
        return {"operation": operation.name}
    try:
        inner = _graph(graph.inside(node))
    except UnsupportedError:
        inner = None
    return {"layer": operation.name, "formula": operation.formula, "inside": inner}


def _read_graph(content: Any, make: Callable[..., Any]) -> Any:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise FileFormatError(f'this JSON is not a graph of clearprop: no "format": "{FORMAT}"')
    if content.get("version") != VERSION:
        raise FileFormatError(
            f"the graph was written in version {content.get('version')} of the format; "
            f"this clearprop reads version {VERSION}"
        )
    entries = content["variables"]
    made: dict[int, Any] = {}
    for i, entry in enumerate(entries):
        if not entry["made"]:
            kind = Parameter if entry["kind"] == "parameter" else Variable
            made[i] = variable(kind, _real(_decode(entry["data"])))
    for entry in content["nodes"]:
        inputs = tuple(
            made[x["variable"]] if "variable" in x else _decode(x["constant"])
            for x in entry["inputs"]
        )
        params = {k: _decode(v) for k, v in entry["params"].items()}
        out = _decode(entry["out"])
        several = isinstance(out, tuple)
        for o in parts(out):
            _real(o)
        values = tuple(map(data_of, inputs))
        node = Node(_read_operation(entry, make), inputs, values, params, out)
        for i, place in enumerate(entry["outputs"]):
            if place is not None:
                data, index = (out[i], i) if several else (out, None)
                made[place] = variable(Variable, data, node, index)
    for i, entry in enumerate(entries):
        made[i].name, made[i].grad = entry["name"], _decode(entry["grad"])
        of = entry.get("grad_of", ())
        made[i].grad_of = frozenset(k if k == _ELSEWHERE else mark_of(made[k]) for k in of)
        if not isinstance(entry["name"], str | None):
            raise FileFormatError(f"the name of a variable is text, not {entry['name']!r}")
        if made[i].grad is not None and _real(made[i].grad).shape != made[i].data.shape:
            raise FileFormatError(f"the derivative of variable {i} has not the shape of its value")
    return make((made[i] for i in content["outputs"]), (made[i] for i in content["inputs"]))


_ELSEWHERE = -1
"""The number, and the mark, of a result that the graph does not hold."""


def _read_operation(entry: dict[str, Any], make: Callable[..., Any]) -> Any:
    if "layer" in entry:
        inner = None if entry["inside"] is None else _read_graph(entry["inside"], make)
        return NestedOperation(entry["layer"], entry["formula"], inner)
    name = entry["operation"]
    row = row_named(name)
    if row is None:
        raise FileFormatError(f"the graph holds the operation {name!r}, which is not known here")
    return WithKeywords(row, tuple(entry["keywords"])) if "keywords" in entry else row


def _encode(value: Any) -> Any:
    """A value as JSON; what JSON lacks is a dictionary with one telling key."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.itemsize > 8:  # more digits than a number of JSON has
            numbers = [{"float": str(x)} for x in array.ravel()]
        else:
            numbers = [_encode_number(x) for x in array.ravel().tolist()]
        return {"array": numbers, "shape": array.shape, "dtype": array.dtype.str[1:]}
    if isinstance(value, int | float):
        return _encode_number(value)
    if isinstance(value, tuple | list):
        return {type(value).__name__: [_encode(x) for x in value]}
    if isinstance(value, slice):
        return {"slice": [_encode(value.start), _encode(value.stop), _encode(value.step)]}
    if isinstance(value, Place):
        return {"place": value.number}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, np.dtype | type):
        return {"dtype": np.dtype(value).str[1:]}
    raise UnsupportedError(
        f"to_json: a {type(value).__name__} among the arguments of a node cannot be written"
    )


def _encode_number(x: Any) -> Any:
    return x if not isinstance(x, float) or math.isfinite(x) else {"float": str(x)}


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "float": float,
    "tuple": lambda items: tuple(map(_decode, items)),
    "list": lambda items: list(map(_decode, items)),
    "slice": lambda items: slice(*map(_decode, items)),
    "place": Place,
    "ellipsis": lambda _: Ellipsis,
}


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        raise ValueError("a list without its kind")
    if not isinstance(value, dict):
        return value
    if "array" in value:
        dtype = _dtype(value["dtype"])
        content = value["array"]
        if dtype.itemsize > 8:
            content = [dtype.type(x["float"]) for x in content]
        array = np.array([_decode(x) for x in content], dtype).reshape(value["shape"])
        array.flags.writeable = False
        return array if array.ndim else array[()]
    if "dtype" in value:
        return _dtype(value["dtype"])
    ((kind, content),) = value.items()
    return _DECODERS[kind](content)


def _real(value: Any) -> Any:
    if not isinstance(value, np.ndarray | np.generic):
        raise FileFormatError(f"a value of a graph is an array of numbers, not {value!r}")
    return value


def _dtype(text: str) -> np.dtype:
    dtype = np.dtype(text)
    if dtype.kind not in "fiub":
        raise FileFormatError(f"a graph of clearprop holds real numbers, not {dtype}")
    return dtype
