"""Which matrices are stored column by column."""

import numpy as np

from clearprop.compiler.at_labels import pick_at, subtract_at
from clearprop.compiler.rewriting import fact, function_of, is_recorded
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node

SHORT = 64
"""Rows of at most this length are better reduced across columns (measured for 100 × 10: a maximum
takes 1.4 µs instead of 5.4, since columns of 100 fill the vector units and rows of 10 do not)."""


def column_major(trace: Trace) -> set[Node]:
    """Find the nodes whose matrix is stored by columns, because its short rows are reduced.

    Matrices of one shape that element-wise operations connect are stored alike; where one of them
    comes from outside, or goes into an operation that needs rows, all of them stay row by row.
    """
    group = {node: node for node in trace.nodes}

    def find(node: Node) -> Node:
        while group[node] is not node:
            node = group[node]
        return node

    wanted, barred = set(), set()
    for node in trace.nodes:
        function = function_of(node)
        shape = _shape(node)
        for x in node.inputs:
            maker = x.node if is_recorded(x) else None
            if np.ndim(x) != 2:
                continue
            if _elementwise(node) and np.shape(x) == shape:
                if maker is None:
                    barred.add(node)
                else:
                    group[find(maker)] = find(node)
            elif maker is None:
                continue
            elif fact(node, "reduces") and node.params.get("axis") in (-1, 1):
                if np.shape(x)[1] <= SHORT and np.shape(x)[0] > np.shape(x)[1]:
                    wanted.add(maker)
            elif not (function in (np.matmul, pick_at, np.transpose) or _elementwise(node)):
                barred.add(maker)
        if len(shape) == 2 and not (_elementwise(node) or function is np.matmul):
            barred.add(node)
    for v in trace.outputs:
        if v.node is not None:
            barred.add(v.node)
    good = {find(node) for node in wanted} - {find(node) for node in barred}
    return {node for node in trace.nodes if len(_shape(node)) == 2 and find(node) in good}


def _elementwise(node: Node) -> bool:
    return function_of(node) is subtract_at or bool(fact(node, "elementwise"))


def _shape(node: Node) -> tuple[int, ...]:
    return () if isinstance(node.out, tuple) else np.shape(node.out)
