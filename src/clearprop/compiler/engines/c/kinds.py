"""Which operations C kernels are written for, and what each needs."""

from collections import Counter
from typing import Any

import numpy as np

from clearprop.compiler.at_labels import pick_at, subtract_at
from clearprop.compiler.engines.c import images
from clearprop.compiler.engines.c.vectors import C_TYPES, compares, spelt
from clearprop.compiler.rewriting import (
    consumers_of,
    function_of,
    is_number,
    is_recorded,
    maker,
    origin,
    reduces_only,
)
from clearprop.compiler.tracing import Trace
from clearprop.graph.node import Node

LEAST = 2**11
"""Elements from which elementwise operations are worth a kernel."""

ENOUGH = 8
"""Operations that hang together, from which fewer elements will do."""

MOST_IN_CACHE = 2**20
"""Elements of the largest factor of a product; what is larger is for BLAS."""

FEW = 4
"""Rows of a product that are left to BLAS, which has its ways with vectors."""

LEAST_OF_ROWS, LONGEST_ROW = 2**6, 2**16
"""Elements of a matrix from which rows are worth a kernel; the longest row there is room for."""

REDUCTIONS = (np.sum, np.mean, np.max, np.min)
"""What makes one number of a row."""

SUMS = ("convolve_W", "matmul_W", "sum")
"""Kinds that sum over samples: their results are there at the end of a phase."""


def kind_of(node: Node) -> str | None:
    """What sort of kernel carries out a node; `None` where none does."""
    if isinstance(node.out, tuple) or not node.inputs or np.size(node.out) == 0:
        return None
    function, x = function_of(node), node.inputs[0]
    recorded = [v for v in node.inputs if is_recorded(v)]
    if any(v.index is not None or not v.dtype.isnative for v in recorded):
        return None  # C reads numbers with their bytes in the order of the machine
    if function in images.ROWS:
        return function.__name__ if x.dtype in C_TYPES else None
    if is_of_rows(node):
        return "row"
    if node.out.dtype not in C_TYPES and node.out.dtype != bool:
        return None
    if function is np.matmul:
        return _product(node)
    if function is np.sum and is_recorded(x) and x.dtype == node.out.dtype:
        over = node.params.get("axis")
        image = x.ndim == 4 and node.params == {"axis": (0, 2, 3)}
        return "sum" if image or (x.ndim == 2 and over == 0 and len(node.params) == 1) else None
    if function in (np.reshape, np.ravel):
        return _flattening(node)
    return "chain" if _is_plain(node) else None


def is_column(v: Any) -> bool:
    """Whether there is one number for each sample: (N,) or (N, 1)."""
    return np.ndim(v) == 1 or (np.ndim(v) == 2 and np.shape(v)[1] == 1)


def is_of_rows(node: Node) -> bool:
    """Whether a node makes one number of each row, or changes one at the row's label."""
    function, x = function_of(node), node.inputs[0]
    if not is_recorded(x) or x.ndim != 2 or not 1 < x.shape[1] <= LONGEST_ROW:
        return False
    if x.size < LEAST_OF_ROWS or x.dtype not in C_TYPES or x.dtype != node.out.dtype:
        return False
    if function in REDUCTIONS:
        return reduces_only(node) and node.params.get("axis") in (1, -1, (1,), (-1,))
    if function in (pick_at, subtract_at):
        t, *c = node.inputs[1:]
        return is_recorded(t) and t.ndim == 1 and t.dtype.kind in "iu" and all(map(is_number, c))
    return False


def renames(node: Node) -> bool:
    """Whether a node gives a column another shape, and nothing else."""
    x, views = node.inputs[0], (np.expand_dims, np.squeeze, np.reshape, np.ravel)
    if function_of(node) not in views or not is_recorded(x) or len(node.inputs) > 1:
        return False
    return is_column(x) and is_column(node.out) and len(x.data) == len(node.out) > 1


def _is_of_columns(node: Node, kinds: dict[Node, str]) -> bool:
    """Whether a node computes one number for each row from such numbers."""
    if isinstance(node.out, tuple) or not is_column(node.out) or node.out.dtype not in C_TYPES:
        return False
    columns = [x for x in node.inputs if not is_number(x)]
    if not any(is_recorded(x) and kinds.get(x.node) == "row" for x in columns):
        return False
    if renames(node):
        return True
    same = all(is_recorded(x) and x.shape == np.shape(node.out) for x in columns)
    return same and spelt(node) is not None and all(x.dtype == node.out.dtype for x in columns)


def _product(node: Node) -> str | None:
    x, y = node.inputs
    if node.params or (any(np.ndim(v) != 2 for v in (y, node.out)) and np.ndim(x) != 1):
        return None
    if not is_recorded(y) or np.ndim(y) != 2 or y.dtype != node.out.dtype:
        return None
    if not is_recorded(x):
        return "sum" if np.ndim(x) == 1 and (np.asarray(x) == 1).all() else None
    if min(len(x), len(y.data)) < FEW or x.ndim != 2 or x.dtype != y.dtype:
        return None
    if max(map(np.size, (x, y, node.out))) > MOST_IN_CACHE:
        return None
    turned = maker(x, np.transpose)
    if turned is not None and not turned.params:
        return "matmul_W"
    return "matmul"


def _flattening(node: Node) -> str | None:
    """Images as rows, or rows as images; each sample for itself."""
    x, out = node.inputs[0], node.out
    shapes = x.shape, np.shape(out)
    plain = node.params.get("order", "C") == "C"
    fits = plain and sorted(map(len, shapes)) == [2, 4] and shapes[0][0] == shapes[1][0]
    return "copy" if fits else None


def _is_plain(node: Node) -> bool:
    """Whether a node is an operation on single elements that C spells."""
    spell = spelt(node)
    if spell is None or np.ndim(node.out) not in (1, 2, 4) or function_of(node) is np.log:
        return False
    dtypes = {x.dtype for x in node.inputs if is_recorded(x) and x.ndim and not _is_condition(x)}
    if len(dtypes) != 1 or not dtypes <= set(C_TYPES):
        return False
    if not compares(node) and node.out.dtype not in dtypes:
        return False
    return all(_is_operand(x, np.shape(node.out)) for x in node.inputs)


def _is_condition(x: Any) -> bool:
    node = origin(x)
    return node is not None and compares(node)


def _is_operand(x: Any, shape: tuple[int, ...]) -> bool:
    """Whether a kernel can read it: a number, or an array of single elements or of one in a row."""
    if is_number(x):
        return is_recorded(x) or isinstance(x, int | float | np.generic | np.ndarray)
    return is_recorded(x) and len(x.shape) <= len(shape)


class Choice:
    """Which nodes of a graph go into kernels.

    - `dtype`: of all numbers in kernels;
    - `kinds`: node → kind of kernel;
    - `inlined`: cheap ones that are computed anew in each kernel that reads them, and not stored.
    """

    def __init__(self, trace: Trace, replaces: Any, without: set[Node]) -> None:
        self.trace = trace
        self.consumers = consumers_of(trace)
        ends = {trace.outputs[i].node for i in replaces}
        kinds: dict[Node, str] = {}
        for node in trace.nodes:
            kind = kind_of(node)
            kind = "row" if kind in (None, "chain") and _is_of_columns(node, kinds) else kind
            if kind is not None:
                kinds[node] = kind
        dtypes = Counter(map(number_type, kinds))
        self.dtype = max(dtypes, key=lambda dtype: dtypes[dtype], default=np.dtype(np.float32))
        self.kinds = {
            node: kind
            for node, kind in kinds.items()
            if node not in without and not (node in ends and _adds(node))
            if number_type(node) == self.dtype
        }
        self._lengths = self._found_lengths()
        while self._dropped():
            pass
        self.inlined = {node for node in self.kinds if is_cheap(node)}

    def _dropped(self) -> bool:
        """Leave out what does not pay, or cannot be read; whether anything was."""
        before = len(self.kinds)
        for node in list(self.kinds):
            if not self._pays(node):
                del self.kinds[node]
        return len(self.kinds) < before

    def _pays(self, node: Node) -> bool:
        kind, users = self.kinds[node], self.consumers[node]
        within = [user for user in users if user in self.kinds]
        if kind == "chain" and is_cheap(node):
            return len(within) == len(users)
        beside = [x.node for x in node.inputs if is_recorded(x) and x.node in self.kinds]
        if kind == "copy":
            return any(np.ndim(n.out) == 4 and self.kinds[n] != "copy" for n in (*beside, *within))
        if kind == "row":
            return bool(beside or within)
        if kind != "chain":
            return True
        conditions = [x for x in node.inputs if _is_condition(x)]
        if not all(x.node in self.kinds for x in conditions):
            return False
        leads = ("convolve", "convolve_x", "matmul", "largest", "to_largest")
        if any(self.kinds[n] in leads for n in beside):
            return True
        if any(self.kinds[n] == "row" for n in (*beside, *within)) and np.ndim(node.out) == 2:
            return True
        if np.ndim(node.out) == 4:
            return any(np.ndim(n.out) == 4 for n in (*beside, *within))
        length = self._lengths[node]
        return np.size(node.out) * (length if length >= ENOUGH else 1) >= LEAST

    def _found_lengths(self) -> dict[Node, int]:
        """How many operations on single elements, of one shape, hang together with each."""
        groups: dict[Node, list[Node]] = {}
        for node, kind in self.kinds.items():
            if kind == "chain":
                groups[node] = [node]
                for x in node.inputs:
                    other = groups.get(x.node) if is_recorded(x) else None
                    if other and other is not groups[node] and x.shape == np.shape(node.out):
                        few, many = sorted((groups[node], other), key=len)
                        many += few
                        groups.update(dict.fromkeys(few, many))
        return {node: len(group) for node, group in groups.items()}


def is_cheap(node: Node) -> bool:
    """Whether it is computed anew wherever it is read."""
    return compares(node) or function_of(node) is np.sign


def number_type(node: Node) -> Any:
    """The dtype of the numbers that a node works on."""
    if node.out.dtype.kind == "f":
        return node.out.dtype
    return next(x.dtype for x in node.inputs if is_recorded(x) and x.ndim)


def _adds(node: Node | None) -> bool:
    return node is not None and function_of(node) in (np.add, np.subtract)
