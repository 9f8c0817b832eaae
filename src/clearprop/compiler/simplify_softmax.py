"""Simplifications around softmax and cross entropy."""

from typing import Any

import numpy as np

from clearprop.compiler.at_labels import PICK_AT, SUBTRACT_AT
from clearprop.compiler.rewriting import function_of, is_recorded, maker, rebuild
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node
from clearprop.graph.recording import record
from clearprop.primitives.indexing import getitem
from clearprop.primitives.labels import read_labels


def shared_softmax(trace: Trace) -> Trace:
    """Compute the probabilities from the exponentials that the logarithm needed already.

    Before: `exp(s − log S)` with `S = Σ exp(s)`. After: `exp(s) / S`.
    """

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        if function_of(node) is not np.exp:
            return None
        difference = maker(inputs[0], np.subtract)
        if not difference:
            return None
        s, log_sum = difference.inputs
        logarithm = maker(log_sum, np.log)
        total = maker(logarithm.inputs[0], np.sum) if logarithm else None
        exponential = maker(total.inputs[0], np.exp) if total else None
        if not (exponential and total and logarithm) or exponential.inputs[0] is not s:
            return None
        return total.inputs[0] / logarithm.inputs[0]

    return rebuild(trace, rule)


def labels_as_places(trace: Trace) -> Trace:
    """Let a label say where to look, and build no one-hot array.

    Only labels that `read_labels` has checked: another would be looked up elsewhere.

    Before: `take_along_axis(a − b, t[:, None])`; after: `pick_at(a, t) − b`.
    Before: `y − (t[:, None] == [0, 1, …, C−1])`; after: `subtract_at(y, t, 1)`.
    """

    def rule(node: Node, inputs: tuple[Any, ...]) -> Any:
        function = function_of(node)
        if function is np.take_along_axis and node.params.get("axis") in (-1, 1):
            return _picked(inputs[0], _column(inputs[1]))
        if function is np.subtract:
            t = _one_hot_labels(inputs[1], np.shape(node.out))
            if t is not None and np.shape(inputs[0]) == np.shape(node.out):
                return record(SUBTRACT_AT, (inputs[0], t, 1), {})
        return None

    return rebuild(trace, rule)


def _picked(x: Any, t: Any) -> Any:
    if t is None or x.ndim != 2:
        return None
    difference = maker(x, np.subtract)
    if difference and np.shape(difference.inputs[0]) == x.shape:
        a, b = difference.inputs
        if is_recorded(b) and b.shape == (x.shape[0], 1):
            return np.expand_dims(record(PICK_AT, (a, t), {}), 1) - b
    return np.expand_dims(record(PICK_AT, (x, t), {}), 1)


def _column(v: Any) -> Any:
    """The labels (N,) behind the column `t[..., None]`, if they are known to be in range."""
    node = maker(v, getitem)
    if node and node.params["form"] == (Ellipsis, None) and node.inputs[0].ndim == 1:
        return node.inputs[0] if maker(node.inputs[0], read_labels) else None
    return None


def _one_hot_labels(v: Any, shape: tuple[int, ...]) -> Any:
    """The labels behind `t[..., None] == arange(C)`."""
    node = maker(v, np.equal)
    if not node or len(shape) != 2:
        return None
    column, classes = node.inputs
    known = isinstance(classes, np.ndarray) and np.array_equal(classes, np.arange(shape[1]))
    return _column(column) if known else None
