"""What JavaScript says of arrays: moved elements, products, joins, windows, indices."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from clearprop.compiler.at_labels import pick_at, subtract_at
from clearprop.compiler.engines.script import LOOPS, Script
from clearprop.compiler.engines.script_pieces import spread, table
from clearprop.compiler.engines.script_sums import SUMS, added
from clearprop.compiler.engines.script_words import MOVES
from clearprop.compiler.engines.strided import Strided
from clearprop.compiler.rewriting import function_of, is_recorded
from clearprop.compiler.tensor_products import contract, letters
from clearprop.errors import UnsupportedError
from clearprop.graph.node import Node
from clearprop.primitives.indexing import Place, getitem, put_at
from clearprop.primitives.labels import read_labels, read_numbers
from clearprop.primitives.windows import add_windows


def _moved(script: Script, node: Node) -> None:
    """The same elements at other places: where they lie is found by moving their places.

    Where steps along axes lead to them, nothing is copied.
    """
    x, constants = script.array(node.inputs[0]), node.inputs[1:]
    if any(is_recorded(c) for c in constants):
        raise UnsupportedError("it moves elements to places that depend on values")

    def move(elements: np.ndarray) -> Any:
        return node.operation.evaluate(elements, *constants, **node.params)

    found = x.moved(move)
    if found is None and not x.is_dense:  # as when what was turned is put in another shape
        x = script.copied(x)
        found = x.moved(move)
    if found is None:
        places = np.asarray(move(x.places()))
        into = script.room(node)
        name = script.name("places")
        script.setup.append(f"const {name} = {table(places.ravel().astype(np.int32))};")
        script.say(script.comment([node]).removeprefix(" // "))
        script.loop({"i": places.size}, [f"{into.name}[i] = {x.name}[{name}[i]];"])
        return
    script.known[node] = found


def _labels(script: Script, node: Node) -> None:
    """Targets are checked before the program runs; here they only take their shape."""
    if script.job.label_checks:
        script.checks.append(node)
    x = script.array(node.inputs[0])
    x = x if x.is_dense else script.copied(x)
    script.known[node] = Strided.dense(x.name, np.shape(node.out), node.out.dtype)


# --- products ------------------------------------------------------------------------------------


def _matmul(script: Script, node: Node) -> None:
    a, b = (len(np.shape(x)) for x in node.inputs)
    if node.params:
        raise UnsupportedError("it has more arguments than two arrays")
    if a == 1 and b == 2 and not is_recorded(node.inputs[0]) and np.all(node.inputs[0] == 1):
        x = script.array(node.inputs[1])  # a sum over rows, which other engines write so
        lines = added(script, x, node.inputs[1].data, (0,))
        script.reduced(node, {LOOPS[1]: x.shape[1]}, lines, "total")
        return
    batch = letters(max(a, b, 2) - 2, "ikj")
    x = "k" if a == 1 else batch[len(batch) - (a - 2) :] * (a > 2) + "ik"
    y = "k" if b == 1 else batch[len(batch) - (b - 2) :] * (b > 2) + "kj"
    out = batch + "i" * (a > 1) + "j" * (b > 1)
    _product(script, node, x, y, out)


def _dot(script: Script, node: Node) -> None:
    a, b = (len(np.shape(x)) for x in node.inputs)
    if not a or not b:
        raise UnsupportedError("one factor is a number; write a product with *")
    x, y = letters(a - 1, "k") + "k", letters(b, letters(a - 1, "k") + "k")
    y = f"{y[: b - 2]}k{y[b - 2]}" if b > 1 else "k"
    _product(script, node, x, y, (x + y).replace("k", ""))


def _tensordot(script: Script, node: Node) -> None:
    a, b = (len(np.shape(x)) for x in node.inputs)
    axes = node.params.get("axes", 2)
    pairs: Any = (range(a - axes, a), range(axes)) if isinstance(axes, int) else axes
    of_a, of_b = ([pairs[i]] if isinstance(pairs[i], int) else [*pairs[i]] for i in (0, 1))
    x, y = [*letters(a)], [*letters(b, letters(a))]
    for i, j in zip(of_a, of_b, strict=True):
        y[j] = x[i]
    _product(
        script, node, "".join(x), "".join(y), "".join([c for c in x + y if (x + y).count(c) == 1])
    )


def _outer(script: Script, node: Node) -> None:
    a, b = (script.array(x) for x in node.inputs)
    if len(a.shape) != 1 or len(b.shape) != 1:
        raise UnsupportedError("its factors are not vectors")
    _product(script, node, "i", "j", "ij")


def _einsum(script: Script, node: Node) -> None:
    left, arrow, out = node.params["subscripts"].replace(" ", "").partition("->")
    operands = left.split(",")
    if not arrow:  # then what stands there once, by the alphabet
        out = "".join(c for c in sorted({*left} - {","}) if left.count(c) == 1)
    if "." in left or node.params.keys() - {"subscripts", "optimize"}:
        raise UnsupportedError("its subscripts have an ellipsis, or it has more arguments")
    own = [len(set(term)) == len(term) for term in operands]
    if len(operands) == 2 and all(own) and _is_product(operands[0], operands[1], out):
        _product(script, node, operands[0], operands[1], out)
        return
    values = [script.array(x) for x in node.inputs]
    terms = zip(operands, values, strict=True)
    sizes = {c: n for term, v in terms for c, n in zip(term, v.shape, strict=True)}
    named = dict(zip([*out, *sorted(set(sizes) - set(out))], LOOPS, strict=False))
    at = [v.at([named[c] for c in term]) for v, term in zip(values, operands, strict=True)]
    inner = {named[c]: sizes[c] for c in sizes if c not in out}
    lines = ["let total = 0;", *spread(inner, [f"total += {' * '.join(at)};"])]
    script.reduced(node, {named[c]: sizes[c] for c in out}, lines, "total")


def _is_product(x: str, y: str, out: str) -> bool:
    """Whether no letter is in one factor alone, and in nothing else."""
    return all(c in y or c in out for c in x) and all(c in x or c in out for c in y)


def _product(script: Script, node: Node, x: str, y: str, out: str) -> None:
    """A product over the letters that both have and the result has not."""
    a, b = (script.array(v) for v in node.inputs)
    if np.ndim(node.out):
        into = script.room(node)
    else:
        into = script.buffer(script.base(node), (), node.out.dtype)
        script.known[node] = into
    of_x, of_y, of_out = ({c: i for i, c in enumerate(term)} for term in (x, y, out))
    sizes = dict(zip(x, a.shape, strict=True))
    for c, n in zip(y, b.shape, strict=True):
        sizes[c] = max(sizes.get(c, 1), n)

    def axis(c: str) -> str:
        steps = [
            v.strides[of[c]] if c in of and v.shape[of[c]] > 1 else 0
            for v, of in ((a, of_x), (b, of_y), (into, of_out))
        ]
        return f"[{', '.join(map(str, [sizes[c], *steps]))}]"

    def axes(which: list[str]) -> str:
        return f"[{', '.join(map(axis, which))}]"

    rows = [c for c in out if c in of_x and c not in of_y]
    columns = [c for c in out if c in of_y and c not in of_x]
    batch = [c for c in out if c in of_x and c in of_y]
    inner = [c for c in x if c not in of_out]
    plan = script.name(f"{script.base(node)}_plan")
    parts = ", ".join(map(axes, (rows, columns, inner, batch)))
    script.setup.append(f"const {plan} = planned({parts}, [{a.start}, {b.start}]);")
    arguments = f"{plan}, {into.name}, {a.name}, {b.name}"
    script.line(f"multiply({arguments});{script.comment([node])}")


# --- joined, with borders, windows ---------------------------------------------------------------


def _concatenated(script: Script, node: Node) -> None:
    axis = node.params.get("axis", 0)
    into = script.room(node)
    script.say(script.comment([node]).removeprefix(" // "))
    start = 0
    for x in node.inputs:
        v = script.array(x)
        if axis is None:
            v = v if v.is_dense else script.copied(v)
            v = Strided.dense(v.name, (v.size,), v.dtype) if not v.start else v
        along = (axis or 0) % len(into.shape)
        n = v.shape[along]
        place = [slice(None)] * along + [slice(start, start + n)]
        script.copied(v, _part(into, tuple(place)))
        start += n


def _stacked(script: Script, node: Node) -> None:
    axis = node.params.get("axis", 0) % np.ndim(node.out)
    into = script.room(node)
    script.say(script.comment([node]).removeprefix(" // "))
    for i, x in enumerate(node.inputs):
        script.copied(script.array(x), _part(into, (slice(None),) * axis + (i,)))


def _padded(script: Script, node: Node) -> None:
    params = dict(node.params)
    if params.pop("mode", "constant") != "constant" or params.pop("constant_values", 0) != 0:
        raise UnsupportedError("it pads with something else than zeros")
    x, into = script.array(node.inputs[0]), script.room(node)
    widths = np.broadcast_to(node.params["pad_width"], (len(x.shape), 2)).tolist()
    place = tuple(slice(w[0], w[0] + n) for w, n in zip(widths, x.shape, strict=True))
    script.say(script.comment([node]).removeprefix(" // "))
    script.copied(x, _part(into, place))  # the border was zero from the start


def _part(x: Strided, place: Any) -> Strided:
    """A part of an array, as indices and slices give it."""
    found = x.moved(lambda elements: elements[place])
    assert found is not None
    return found


def _add_windows(script: Script, node: Node) -> None:
    x, into, axes = script.array(node.inputs[0]), script.room(node), node.params["axes"]
    sizes = x.shape[len(x.shape) - len(axes) :]
    steps = dict(zip(axes, node.params.get("steps") or (1,) * len(axes), strict=True))
    starts = tuple(slice(None, None, steps.get(axis, 1)) for axis in range(len(into.shape)))

    def move(elements: np.ndarray) -> np.ndarray:
        return sliding_window_view(elements, sizes, axis=axes)[starts]

    _add_up(script, node, into, into.moved(move), x)


def _add_up(script: Script, node: Node, into: Strided, places: Strided | None, x: Strided) -> None:
    assert places is not None
    script.say(script.comment([node]).removeprefix(" // "))
    script.line(f"{into.name}.fill(0);")
    loops = LOOPS[: len(x.shape)]
    if len(x.shape) > len(LOOPS):
        raise UnsupportedError("it has too many axes")
    # The axes of a window outside: what is added to lies together.
    order = [*range(len(into.shape), len(x.shape)), *range(min(len(into.shape), len(x.shape)))]
    sizes = {LOOPS[axis]: x.shape[axis] for axis in order}
    script.loop(sizes, [f"{places.at(loops)} += {x.at(loops)};"])


# --- indices -------------------------------------------------------------------------------------


def _getitem(script: Script, node: Node) -> None:
    if not any(is_recorded(index) for index in node.inputs[1:]):
        _moved(script, node)
        return
    x, into = script.array(node.inputs[0]), script.room(node)
    at, sizes = _indexed(script, node, x, np.shape(node.out))
    script.say(script.comment([node]).removeprefix(" // "))
    script.loop(sizes, [f"{into.at([*sizes])} = {at};"])


def _put_at(script: Script, node: Node) -> None:
    x, into = script.array(node.inputs[0]), script.room(node)
    if not any(is_recorded(index) for index in node.inputs[1:]):
        index, form = node.inputs[1:], node.params["form"]
        seen = into.moved(lambda elements: getitem(elements, *index, form=form))
        if seen is not None:
            _add_up(script, node, into, seen, x)
            return
    at, sizes = _indexed(script, node, into, x.shape)
    script.say(script.comment([node]).removeprefix(" // "))
    script.line(f"{into.name}.fill(0);")
    script.loop(sizes, [f"{at} += {x.at([*sizes])};"])


def _indexed(
    script: Script, node: Node, x: Strided, shape: tuple[int, ...]
) -> tuple[str, dict[str, int]]:
    """An element of x under indices in arrays that stand side by side, and the loops over it."""
    form = list(node.params["form"])
    arrays = [script.array(i) for i in node.inputs[1:]]
    if Ellipsis in form:
        i = form.index(Ellipsis)
        form[i : i + 1] = [slice(None)] * (len(x.shape) - len(form) + 1)
    form += [slice(None)] * (len(x.shape) - len(form))
    where = [i for i, entry in enumerate(form) if isinstance(entry, Place)]
    whole = all(isinstance(e, Place) or e == slice(None) for e in form)
    side = where == [*range(where[0], where[0] + len(where))]
    if not whole or not side or any(a.dtype.kind not in "iu" for a in arrays):
        raise UnsupportedError("an index of this form depends on values")
    ndim = len(np.broadcast_shapes(*(a.shape for a in arrays)))
    loops = LOOPS[: len(shape)]
    inside = loops[where[0] : where[0] + ndim]
    index = [*loops[: where[0]]]
    for entry, axis in zip(where, range(where[0], where[0] + len(where)), strict=True):
        found = arrays[form[entry].number].at(inside)
        index.append(f"wrapped({found}, {x.shape[axis]})")
    index += loops[where[0] + ndim :]
    return x.at(index), dict(zip(loops, shape, strict=True))


def _pick(script: Script, node: Node) -> None:
    x, t = map(script.array, node.inputs)
    into = script.room(node)
    script.say(script.comment([node]).removeprefix(" // "))
    script.loop({"i": into.size}, [f"{into.name}[i] = {x.at(['i', t.at(['i'])])};"])


def _subtract(script: Script, node: Node) -> None:
    x, t = map(script.array, node.inputs[:2])
    into, c = script.room(node), script.scalar(node.inputs[2])
    script.say(script.comment([node]).removeprefix(" // "))
    script.copied(x, into)
    script.loop({"i": into.shape[0]}, [f"{into.at(['i', t.at(['i'])])} -= {c};"])


def _take_along(script: Script, node: Node) -> None:
    x, index = map(script.array, node.inputs[:2])
    axis, into = node.params["axis"] % len(x.shape), script.room(node)
    loops = [*LOOPS[: len(into.shape)]]
    found = [*loops[:axis], f"wrapped({index.at(loops)}, {x.shape[axis]})", *loops[axis + 1 :]]
    script.say(script.comment([node]).removeprefix(" // "))
    script.loop(dict(zip(loops, into.shape, strict=True)), [f"{into.at(loops)} = {x.at(found)};"])


def _arg(better: str) -> Callable[[Script, Node], None]:
    def statement(script: Script, node: Node) -> None:
        x, axis = script.array(node.inputs[0]), node.params.get("axis")
        if axis is None:
            x = Strided.dense((x if x.is_dense else script.copied(x)).name, (x.size,), x.dtype)
        axis = (axis or 0) % len(x.shape)
        loops = [*LOOPS[: len(x.shape)]]
        v, best = x.at(loops), x.at([*loops[:axis], "total", *loops[axis + 1 :]])
        wins = f"{v} {better} {best} || ({v} !== {v} && {best} === {best})"  # NaN does, the first
        change = f"if ({wins}) total = {loops[axis]};"
        inner = spread({loops[axis]: x.shape[axis]}, [change])
        outer = {i: n for d, (i, n) in enumerate(zip(loops, x.shape, strict=True)) if d != axis}
        script.reduced(node, outer, ["let total = 0;", *inner], "total")

    return statement


def _sorted(script: Script, node: Node) -> None:
    """Rows in ascending order; typed arrays sort numbers as numbers, and NaN last."""
    x = script.array(node.inputs[0])
    if node.params.get("axis", -1) not in (-1, len(x.shape) - 1):
        raise UnsupportedError("it sorts along another axis than the last")
    n = x.shape[-1]
    script.say(script.comment([node]).removeprefix(" // "))
    into = script.room(node)
    rows = {"i": into.size // n}
    if function_of(node) is np.sort:
        script.copied(x, into)
        script.loop(rows, [f"{into.name}.subarray(i * {n}, i * {n} + {n}).sort();"])
        return
    x = x if x.is_dense and not x.start else script.copied(x)
    script.loop(rows, [f"{into.name}.set(order({x.name}, i * {n}, {n}), i * {n});"])


STATEMENTS: dict[Any, Callable[[Script, Node], None]] = {
    **dict.fromkeys(MOVES, _moved),
    read_labels: _labels,
    read_numbers: _labels,
    np.matmul: _matmul,
    np.dot: _dot,
    np.tensordot: _tensordot,
    np.outer: _outer,
    np.einsum: _einsum,
    contract: _einsum,
    np.concatenate: _concatenated,
    np.stack: _stacked,
    np.pad: _padded,
    add_windows: _add_windows,
    getitem: _getitem,
    put_at: _put_at,
    pick_at: _pick,
    subtract_at: _subtract,
    np.take_along_axis: _take_along,
    np.argmax: _arg(">"),
    np.argmin: _arg("<"),
    np.sort: _sorted,
    np.argsort: _sorted,
    **SUMS,
}
