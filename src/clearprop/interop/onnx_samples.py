"""What depends on how many samples there are, found by comparing recordings of several sizes.

`len(x)` and `x.shape[0]` are plain numbers, and so is all that NumPy makes of them: a recording
holds the 5 of its own batch. What differs between batches of several sizes is such a number; it
becomes a leaf with a formula in N, or is refused by name. No number of one batch gets into a model.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np

from clearprop.compiler.leaf import Setting, Traced
from clearprop.compiler.rewriting import is_recorded, kept, rebuild
from clearprop.compiler.tracing import Trace, names
from clearprop.errors import UnsupportedError
from clearprop.graph.node import Node, parts, variable

BATCHES = 5, 7, 12
"""The model is written from recordings of so many samples; halves and remainders tell these apart.
"""

SMALL = 1, 2, 3
"""What is computed is compared with these too, where small batches often go another way."""

LARGE = 1031, 257, 67, 19
"""And with the first of these for which no more than `MUCH` numbers are computed."""

MUCH = 2**24


def large(a: Trace, b: Trace) -> list[int]:
    """Large batches to compare with, told by how what is computed grows over `BATCHES`."""
    sizes = [
        [sum(map(np.size, (*node.inputs, *parts(node.out)))) for node in t.nodes] for t in (a, b)
    ]
    few, many = (np.maximum(s[: min(map(len, sizes))], 1.0) for s in sizes)
    power = np.log(many / few) / np.log(BATCHES[-1] / BATCHES[0])
    return [n for n in LARGE if (many * (n / BATCHES[-1]) ** power).sum() <= MUCH]


@contextmanager
def told(node: Node, trace: Trace) -> Iterator[None]:
    """Say of what is not supported which function it is, and in which layer."""
    try:
        yield
    except UnsupportedError as error:
        where = f"{node.operation.name} in {trace.labels[node]}"
        raise UnsupportedError(f"to_onnx: {where}: {error}") from None


class Size(NamedTuple):
    """A size that goes with the number of samples: `times · N + plus`."""

    times: int
    plus: int


Dim = int | Size


class Formula(NamedTuple):
    """An array that goes with the number of samples N.

    Its elements are `(Σ terms[e] · N^e + Σ slopes[k] · iₖ) ^ (1 / power)`, with the place `iₖ`
    along an axis; with `diagonal`, one value where `i₀ − i₁` is as said, and another elsewhere.
    """

    dtype: Any
    dims: tuple[Dim, ...]
    power: int = 1
    terms: tuple[tuple[int, Any], ...] = ()
    slopes: tuple[tuple[int, Any], ...] = ()
    diagonal: Any = None
    """The comparison in ONNX, the difference of places, and formulas where it holds and not."""


FORMS = (
    (1, (0,)),
    (1, (0, 1)),
    (1, (0, -1)),
    (-1, (0, 1)),
    (2, (0, 1)),
    (-2, (0, 1)),
    (1, (0, 1, 2)),
    (-1, (0, 1, 2)),
)
"""Which power of a value is a sum of which powers of N: N, 1/N, 1/(N − 1), √N, N (N − 1) / 2 …"""

UNKNOWN = (
    "{what} depends on how many samples there are, in a way that is not known; known are N, 1/N, "
    "√N, what they make with plain numbers, and places, as np.arange(len(x)) gives them; write it "
    "with a function of x, such as np.mean"
)


def size(values: Sequence[Any], batches: Sequence[int]) -> Dim | None:
    """A size as such for any number of samples; `None` where it does not go with them evenly."""
    if len(set(values)) == 1:
        return int(values[0])
    times, rest = divmod(int(values[1] - values[0]), batches[1] - batches[0])
    plus = int(values[0]) - times * batches[0]
    right = all(times * n + plus == v for n, v in zip(batches, values, strict=True))
    return Size(times, plus) if right and not rest else None


def formula(arrays: Sequence[Any], batches: Sequence[int]) -> Formula | None:
    """What arrays for batches of these sizes have in common, or `None` where that is not known."""
    arrays = [*map(np.asarray, arrays)]
    shapes, dtype = [a.shape for a in arrays], arrays[0].dtype
    if {len(s) for s in shapes} != {len(shapes[0])} or {a.dtype for a in arrays} != {dtype}:
        return None
    dims = [size(sizes, batches) for sizes in zip(*shapes, strict=True)]
    if None in dims:
        return None
    open_axes = [k for k, d in enumerate(dims) if isinstance(d, Size)]
    found: Any = Formula(dtype, tuple(dims))  # type: ignore[arg-type]
    rows, places = [], []
    for a, n in zip(arrays, batches, strict=True):
        where = np.indices([a.shape[k] for k in open_axes])
        m = where[0].size if open_axes else 1
        rows.append(np.moveaxis(a, open_axes, range(len(open_axes))).reshape(m, _fixed(dims)))
        places.append(np.column_stack([np.full(m, float(n)), *where.reshape(-1, m)]))
    y, at = np.concatenate(rows), np.concatenate(places)
    shape = [1 if isinstance(d, Size) else d for d in dims]
    if len(y) and names(np.broadcast_to(y[0], y.shape)) == names(y):
        return found._replace(terms=((0, y[0].reshape(shape)),))
    if dtype.kind not in "iuf":
        return _diagonal(found, arrays, batches)
    for power, exponents in FORMS:
        columns = [at[:, 0] ** e for e in exponents] + [*at.T[1:]]
        if (c := _solved(y, np.column_stack(columns), power)) is not None:
            c = [row.reshape(shape) for row in c]
            terms = [(e, a) for e, a in zip(exponents, c, strict=False) if a.any()]
            slopes = zip(open_axes, c[len(exponents) :], strict=True)
            some = tuple((k, a) for k, a in slopes if a.any())
            return found._replace(power=power, terms=tuple(terms), slopes=some)
    return _diagonal(found, arrays, batches)


_FEW = 4000


def _fixed(dims: Sequence[Any]) -> int:
    return int(np.prod([d for d in dims if not isinstance(d, Size)]))


def _solved(y: Any, columns: Any, power: int) -> Any:
    """Coefficients that give `y`, tried as simple fractions first; `None` if there are none."""
    exact = y.dtype.kind in "iu"
    tolerance = 1e-9 if exact else 8 * np.finfo(y.dtype).eps
    y = y.astype(float)
    if len(y) <= columns.shape[1] or not np.isfinite(y).all() or (power != 1 and (y <= 0).any()):
        return None
    few = slice(_FEW)  # of the small batches, which come first; all must be right in the end
    found = np.linalg.lstsq(columns[few], y[few] ** power, rcond=None)[0]
    simple = np.rint(found * 720) / 720
    for c in (np.where(abs(simple - found) < 1e-6, simple, found), found):
        with np.errstate(all="ignore"):
            given = (columns @ c) ** (1 / power)
        if np.allclose(given, y, rtol=tolerance, atol=0 if exact else tolerance * abs(y).max()):
            return c
    return None


def _diagonal(found: Formula, arrays: Sequence[Any], batches: Sequence[int]) -> Formula | None:
    """np.eye, np.tri and what is made of them: one value where `i − j` is, or is from, a number."""
    if found.dims != (Size(1, 0), Size(1, 0)):
        return None
    apart = [np.subtract.outer(np.arange(n), np.arange(n)) for n in batches]
    for comparison, compare in (("Equal", np.equal), ("GreaterOrEqual", np.greater_equal)):
        for k in range(-2, 3):
            where = [compare(a, k) for a in apart]
            big = [i for i, m in enumerate(where) if m.any() and not m.all()]
            sides = []
            for mask in (where, [~m for m in where]):
                values = [arrays[i][mask[i]] for i in big]
                same = all((v == v[0]).all() for v in values)
                one = formula([v[0] for v in values], [batches[i] for i in big]) if same else None
                sides.append(one)
            if None not in sides:
                return found._replace(diagonal=(comparison, k, *sides))
    return None


def compared(
    traces: Sequence[Trace], batches: Sequence[int]
) -> tuple[list[Trace], dict[Any, Formula]]:
    """Recordings in which numbers that go with the samples are leaves, and formulas of the first's.

    Errors: `UnsupportedError` where the recordings do not do the same, or for such a number whose
    formula is not known, with the function and the layer.
    """
    known: dict[Any, tuple[Formula, list[Any]]] = {}
    inputs: list[dict[Node, tuple[Any, ...]]] = [{} for _ in traces]
    places = [_places(t) for t in traces]
    for nodes in zip_longest(*(t.nodes for t in traces)):
        first = next(node for node in nodes if node is not None)
        trace = traces[nodes.index(first)]
        try:
            _check_same(nodes, places, batches)
            given = [
                _given(xs, batches, known) for xs in zip(*(n.inputs for n in nodes), strict=True)
            ]
        except UnsupportedError as error:
            where = f"{first.operation.name} in {trace.labels[first]}"
            raise UnsupportedError(f"to_onnx: {where}: {error}") from None
        for i, node in enumerate(nodes):
            inputs[i][node] = tuple(xs[i] for xs in given)
    if len({tuple(p(v) for v in t.outputs) for t, p in zip(traces, places, strict=True)}) > 1:
        raise UnsupportedError(f"to_onnx: {OTHERWISE}")
    return [_rebuilt(t, found) for t, found in zip(traces, inputs, strict=True)], {
        leaves[0]: found for found, leaves in known.values()
    }


OTHERWISE = "what is computed depends on how many samples there are"


def _places(trace: Trace) -> Callable[[Any], Any]:
    """Where in a recording a Variable stands; `None` for what is none."""
    leaves = {v: i for i, v in enumerate(trace.leaves)}
    nodes = {node: i for i, node in enumerate(trace.nodes)}

    def place(x: Any) -> Any:
        if not is_recorded(x):
            return None
        return ("leaf", leaves[x]) if x.node is None else (nodes[x.node], x.index)

    return place


def _check_same(nodes: Sequence[Any], places: Sequence[Any], batches: Sequence[int]) -> None:
    """Refuse nodes that do not do the same, but for numbers that are sizes."""
    forms = {
        node
        and (
            node.operation.name,
            tuple(map(place, node.inputs)),
            tuple(sorted(node.params)),
            tuple((part.ndim, part.dtype) for part in map(np.asarray, parts(node.out))),
        )
        for node, place in zip(nodes, places, strict=True)
    }
    if len(forms) > 1:
        raise UnsupportedError(OTHERWISE)
    for name in nodes[0].params:
        _check_sizes([node.params[name] for node in nodes], batches)


def _check_sizes(values: Sequence[Any], batches: Sequence[int]) -> None:
    """Refuse what differs and is no size."""
    if len({names(v) for v in values}) == 1:
        return
    if all(isinstance(v, slice) for v in values):
        values = [(s.start, s.stop, s.step) for s in values]
    if all(isinstance(v, tuple | list) for v in values) and len({*map(len, values)}) == 1:
        for several in zip(*values, strict=True):
            _check_sizes(several, batches)
    elif not all(isinstance(v, int | np.integer) for v in values) or not formula(values, batches):
        raise UnsupportedError(OTHERWISE)


def _given(xs: Sequence[Any], batches: Sequence[int], known: dict[Any, Any]) -> Sequence[Any]:
    """An input in each recording: a constant that differs is a leaf with a formula."""
    key = tuple(map(names, xs))
    if is_recorded(xs[0]) or len({*key}) == 1:
        return xs
    if key not in known:
        if (found := formula(xs, batches)) is None:
            i = next(i for i, k in enumerate(key) if k != key[0])
            both = " and ".join(f"{xs[j]!s:.9} for {batches[j]}" for j in (0, i))
            what = "an array" if np.ndim(xs[0]) else f"a number ({both})"
            raise UnsupportedError(UNKNOWN.format(what=what))
        kind = Traced
        if type(xs[0]) in (int, float):  # weak, as Python's numbers are
            kind, found = Setting, found._replace(dtype=np.dtype(float))
        known[key] = found, [variable(kind, np.asarray(x, found.dtype)) for x in xs]
    return known[key][1]


def _rebuilt(trace: Trace, inputs: dict[Node, tuple[Any, ...]]) -> Trace:
    """The same recording with other constants."""

    def rule(node: Node, made: tuple[Any, ...]) -> Any:
        given = inputs[node]
        both = zip(made, given, node.inputs, strict=True)
        return kept(node, tuple(m if g is x else g for m, g, x in both), trace._made[node])

    return rebuild(trace, rule)
