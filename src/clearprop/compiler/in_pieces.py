"""Vectors in pieces: parameter by parameter, for engines that would copy to cut and to join.

The parameters of a network lie in one vector, so that an update is one operation. Where views cost
nothing that is best. JAX cuts and joins by copying: there each parameter is an array of its own.
"""

from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from clearprop.compiler.engines import Job
from clearprop.compiler.rewriting import fact, function_of, is_recorded, kept, maker, origin
from clearprop.compiler.tracing import Trace, label
from clearprop.graph.node import Node, data_of, parts, variable
from clearprop.graph.recording import attach
from clearprop.primitives.indexing import getitem


class Piece(NamedTuple):
    """A stretch of a vector, and how it is formed."""

    start: int
    stop: int
    shape: tuple[int, ...]
    name: str

    def of(self, array: np.ndarray) -> np.ndarray:
        """This piece, a view."""
        return array[self.start : self.stop].reshape(self.shape)


def in_pieces(job: Job) -> Job:
    """The same job, with every vector in pieces of which pieces are read.

    Before: `W = P[0:6].reshape(2, 3); …; P - lr · concatenate(ravel(dW), db)`.
    After: `W, b` are stored; `W - lr · dW`, `b - lr · db` replace them. What computes element by
    element with such a vector does so with its pieces; whatever else meets one has it joined.
    """
    read = {v: pieces for v in job.stored if (pieces := _read(job.trace, v))}
    return _Spread(job, read).job() if read else job


Cuts = dict[Any, tuple[Piece, ...]]
"""Of leaves and nodes the pieces that they are taken apart into."""


def _cuts(job: Job, read: Cuts) -> Cuts:
    """The pieces of leaves and nodes: the same for all that are combined element by element."""
    above: dict[Any, Any] = {}

    def root(key: Any) -> Any:
        while above.setdefault(key, key) is not key:
            key = above[key]
        return key

    for node in job.trace.nodes:
        alone = not isinstance(node.out, tuple)  # where a layer runs as written, out may be several
        if alone and np.ndim(node.out) == 1 and fact(node, "elementwise"):
            for x in node.inputs:
                if is_recorded(x) and x.shape == node.out.shape:
                    above[root(origin(x) or x)] = root(node)
    found: dict[Any, set[tuple[Piece, ...]]] = {}
    for v, pieces in read.items():
        found.setdefault(root(v), set()).add(pieces)
    agreed = {key: pieces.pop() for key, pieces in found.items() if len(pieces) == 1}
    return {key: agreed[root(key)] for key in [*above] if root(key) in agreed}


def _read(trace: Trace, v: Any) -> tuple[Piece, ...]:
    """The pieces that are read of a leaf, if together they are all of it, each once."""
    slices = [n for n in trace.nodes if function_of(n) is getitem and n.inputs[0] is v]
    if not slices:
        return ()
    named = [n for n in trace.nodes if trace.labels[n].startswith("parameter ")]
    formed = {maker(n.inputs[0], getitem): n for n in named if function_of(n) is np.reshape}
    found = []
    for node in slices:
        index, shaped = node.params["form"][0], formed.get(node, node)
        if v.ndim == 1 and isinstance(index, slice) and index.step in (None, 1):
            start, stop, _ = index.indices(v.size)
            name = trace.labels[shaped].removeprefix("parameter ")
            found.append(Piece(start, stop, shaped.out.shape, name))
    found.sort()
    ends = [0, *(end for piece in found for end in piece[:2]), v.size]
    return tuple(found) if found and ends[::2] == ends[1::2] else ()


class _Pieces:
    """What has become of a vector."""

    def __init__(self, news: list[Any], cuts: tuple[Piece, ...]) -> None:
        self.news, self.cuts = news, cuts
        self._whole: Any = None

    def whole(self) -> Any:
        """All of it, joined."""
        if self._whole is None:
            self._whole = np.concatenate([_formed(v, (v.size,)) for v in self.news])
        return self._whole

    def at(self, form: Any) -> Any:
        """The piece that an index reads, as it lies in the vector; `None` if it is no piece."""
        for v, piece in zip(self.news, self.cuts, strict=True):
            if len(form) == 1 and form[0] == slice(*piece[:2]):
                return _formed(v, (v.size,))
        return None


class _Spread:
    """A walk through a graph that takes its vectors apart."""

    def __init__(self, job: Job, read: Cuts) -> None:
        self._job, self._cuts = job, _cuts(job, read)
        self._labels: dict[Node, str] = {}
        self._leaves = {
            v: [
                variable(type(v), p.of(v.data), name=("" if v in read else f"{v.name}_") + p.name)
                for p in self._cuts[v]
            ]
            for v in job.stored
            if v in self._cuts
        }
        """In place of a stored leaf the leaves for its pieces."""

    def job(self) -> Job:
        job, trace = self._job, self._job.trace
        known = {
            v: _Pieces(self._leaves[v], self._cuts[v]) if v in self._leaves else v
            for v in trace.leaves
        }
        outputs: list[Any] = []
        replaces: dict[int, Any] = {}
        for i, out in enumerate(parts(trace._run(known, self._node))):
            if i not in job.replaces:
                outputs.append(_whole(out))
                continue
            leaf = job.replaces[i]
            apart = leaf in self._leaves
            news = _in(out, self._cuts[leaf]) if apart else [_whole(out)]
            replaces |= dict(enumerate(self._new(leaf), len(outputs)))
            outputs += news
        label(self._labels, outputs, "update")
        stored: dict[Any, Any] = {}
        for v, array in job.stored.items():
            arrays = [p.of(array) for p in self._cuts[v]] if v in self._leaves else [array]
            stored |= zip(self._new(v), arrays, strict=True)
        return replace(
            job,
            trace=Trace(outputs, chain(*map(self._new, trace.leaves)), self._labels),
            stored=stored,
            replaces=replaces,
            kept=frozenset(chain(*map(self._new, job.kept))),
        )

    def _new(self, leaf: Any) -> list[Any]:
        return self._leaves.get(leaf, [leaf])

    def _node(self, node: Node, inputs: tuple[Any, ...]) -> Any:
        out = self._spread(node, inputs)
        made = out.news if isinstance(out, _Pieces) else parts(out)
        label(self._labels, made, self._job.trace.labels[node])
        return out

    def _spread(self, node: Node, inputs: tuple[Any, ...]) -> Any:
        function, x = function_of(node), inputs[0]
        if node in self._cuts and fact(node, "elementwise"):
            cuts = self._cuts[node]
            # A number, or the only element of a vector, goes with every piece.
            taken = [
                _in(x, cuts)
                if np.shape(data_of(old)) == node.out.shape
                else [_number(x)] * len(cuts)
                for x, old in zip(inputs, node.inputs, strict=True)
            ]
            news = [
                attach(node.operation, own, tuple(map(data_of, own)), node.params, p.of(node.out))
                for p, own in zip(cuts, zip(*taken, strict=True), strict=True)
            ]
            return _Pieces(news, cuts)
        if function is getitem and isinstance(x, _Pieces):
            piece = x.at(node.params["form"])
            if piece is not None:
                return piece
        if _before(x) is not None and function is np.reshape and _by_rows(node):
            return _formed(x, node.out.shape)
        return kept(node, tuple(map(_whole, inputs)), self._job.trace._made[node])


def _whole(x: Any) -> Any:
    return x.whole() if isinstance(x, _Pieces) else x


def _number(x: Any) -> Any:
    """A number, also where it is the only element of a vector: a piece may be one, too."""
    x = _whole(x)
    return _formed(x, ()) if is_recorded(x) else np.reshape(x, ()) if np.ndim(x) else x


def _in(x: Any, cuts: tuple[Piece, ...]) -> list[Any]:
    """A vector in these pieces."""
    if isinstance(x, _Pieces):
        return x.news
    if not is_recorded(x):
        return [p.of(x) for p in cuts]
    joined = maker(x, np.concatenate)
    if joined and [np.size(data_of(v)) for v in joined.inputs] == [p.stop - p.start for p in cuts]:
        return [_formed(v, p.shape) for v, p in zip(joined.inputs, cuts, strict=True)]
    return [_formed(x[p.start : p.stop], p.shape) for p in cuts]


def _by_rows(node: Node) -> bool:
    return node.params.get("order", "C") == "C"


def _before(x: Any) -> Any:
    """What a value was before it was given another shape, row by row; `None` if it was not."""
    node = maker(x, np.reshape, np.ravel)
    return node.inputs[0] if node and _by_rows(node) and is_recorded(node.inputs[0]) else None


def _formed(x: Any, shape: tuple[int, ...]) -> Any:
    """A value in another shape, or in that which it had before."""
    before = _before(x)
    x = x if before is None else before
    return x if x.shape == shape else x.reshape(shape)
