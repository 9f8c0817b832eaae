"""A float32 network that computes in float64: at which line of a layer that begins, and why."""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.compiler.as_written import AsWritten
from clearprop.compiler.leaf import Setting
from clearprop.compiler.rewriting import is_recorded, key_of
from clearprop.compiler.tracing import Trace
from clearprop.errors import WideningWarning
from clearprop.graph.node import Node


def warn_of_widening(trace: Trace, learned: Iterable[np.ndarray], batch: Iterable[Any]) -> None:
    """Warn where a float64 number or array in a layer makes float64 of what is float32.

    NumPy's numbers count, such as `np.sqrt(64)`, and noise as `rng.random(shape)` gives it;
    Python's numbers do not. What the batch is made of is the caller's choice, and so is what a
    layer asks for by a dtype.
    """
    if not all(p.dtype == np.float32 for p in learned):
        return
    of_batch: set[Any] = {*batch}
    for node in trace.nodes:
        recorded = [x for x in node.inputs if is_recorded(x)]
        if any(key_of(x) in of_batch for x in recorded):
            of_batch.add(node)
        if isinstance(node.out, tuple) or not np.ndim(node.out) or node.out.dtype != np.float64:
            continue
        if any(x.ndim and x.dtype == np.float32 for x in recorded) and "dtype" not in node.params:
            wide = next((x for x in node.inputs if _is_wide(x)), None)
            if wide is None and isinstance(node.operation, AsWritten):
                _warn(f"{trace.labels[node]} gives float64 for float32", ".astype(x.dtype) behind")
                return
            if wide is not None and not (is_recorded(wide) and key_of(wide) in of_batch):
                _warn(*_met(trace.labels[node], node, wide))
                return


def _is_wide(x: Any) -> bool:
    """Whether something is of float64; settings, which are plain numbers, only look like it."""
    return getattr(x, "dtype", None) == np.float64 and not isinstance(x, Setting)


def _met(label: str, node: Node, wide: Any) -> tuple[str, str]:
    what = f"an array {np.shape(wide)}" if np.ndim(wide) else "a number"
    remedy = ".astype(np.float32) behind" if np.ndim(wide) else "float(…) around"
    return f"{label}: {node.operation.name} meets {what} of float64", remedy


def _warn(what: str, remedy: str) -> None:
    message = (
        f"{what}, such as NumPy's functions give, and all that follows is computed in float64, "
        f"which takes about twice as long; write {remedy} it to stay in float32"
    )
    warnings.warn(message, WideningWarning, stacklevel=4)
