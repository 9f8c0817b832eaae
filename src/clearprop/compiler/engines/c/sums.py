"""Kernels that sum over samples: the derivatives of what is learned.

Each half of the samples has sums of its own; when both are there, they are added.
"""

from itertools import chain

import numpy as np

from clearprop.compiler.engines.c.functions import Function
from clearprop.compiler.engines.c.lines import Groups
from clearprop.compiler.engines.c.memory import Home
from clearprop.compiler.engines.c.products import over_groups, tile_for
from clearprop.compiler.rewriting import maker

TOGETHER = 64
"""Pixels that are summed before they are added to other sums: what is rounded away grows with what
is summed in a row."""

FEW = 4
"""Sums of every fourth pixel in a row, for the same reason."""


def convolve_W(function: Function) -> None:
    """For each tap of the filters: numbers of the image × vectors of the derivative, summed."""
    node, lines = function.kernel.node, function.lines
    assert node is not None
    g, x = (function.read(v) for v in node.inputs)
    rows, columns = node.params["window"]
    (down, right), ((top, _), (left, _)) = node.params["steps"], node.params["pads"]
    _, channels, _, _ = x.shape
    _, features, height, width = g.shape
    most = 28 if function.lanes >= 16 else 12
    vectors = Groups(features, function.lanes, 1).vectors
    together = min(2, vectors)
    groups = Groups(features, function.lanes, together)
    count = max(1, min((most - together) // together, 14 // together + 1))
    total = function.buffer("sum", (2, rows * columns * channels, groups.slots), 2)
    function.writes(total)
    function.cleared.append(total)
    _, c_step, row, column = x.strides
    n = groups.lanes

    def tile(offsets: list[str], first: str, starts: list[tuple[str, str]]) -> None:
        """Sums of some taps, kept in registers for a few rows of an image."""
        names = [[f"{t}_{h}" for h in range(len(starts))] for t in range(len(offsets))]
        with lines.block():
            lines(f"// {len(offsets)} × {len(starts)} vectors of sums, in registers")
            lines(f"f *to = {total.name} + ({first}) * {groups.slots};")
            zero(names, "s")
            for several in lines.tiled("i0", height, max(1, TOGETHER // width)):
                zero(names, "a")
                with lines.loop("i", "i0", f"i0 + {several}"), lines.loop("j", 0, width):
                    lines(f"const f *of = {g.at('n', '', 'i', 'j')};")
                    at = f"{x.at('n', '', '', '')} + i * {down * row} + j * {right * column}"
                    lines(f"const f *at = {at} - {top * row + left * column};")
                    for h, (start, _) in enumerate(starts):
                        lines(f"v{n} g{h} = *(const v{n} *)(of + {start});")
                    for offset, names_of_tap in zip(offsets, names, strict=True):
                        for h, name in enumerate(names_of_tap):
                            lines(f"a{name} += g{h} * at[{offset}];")
                for name in chain.from_iterable(names):
                    lines(f"s{name} += a{name};")
            for t, names_of_tap in enumerate(names):
                for name, (_, slot) in zip(names_of_tap, starts, strict=True):
                    lines(f"*(v{n} *)(to + {t * groups.slots} + {slot}) += s{name};")

    def zero(names: list[list[str]], sums: str) -> None:
        for names_of_tap in names:
            lines(f"v{n} {', '.join(f'{sums}{name} = {{0}}' for name in names_of_tap)};")

    def taps(starts: list[tuple[str, str]]) -> None:
        if channels < count:
            known = [
                (u * row + q * column + c * c_step)
                for u in range(rows)
                for q in range(columns)
                for c in range(channels)
            ]
            size = -(-len(known) // -(-len(known) // count))
            for k in range(0, len(known), size):
                tile([str(v) for v in known[k : k + size]], str(k), starts)
            return
        size = -(-channels // -(-channels // count))
        with lines.loop("u", 0, rows), lines.loop("q", 0, columns):
            base = f"u * {row} + q * {column} + c * {c_step}"
            first = f"(u * {columns} + q) * {channels} + c"
            offsets = [f"{base} + {t * c_step}" for t in range(size)]
            for together in lines.tiled("c", channels, size):
                tile(offsets[:together], first, starts)

    with lines.loop("n", "n0", "n1"):
        _over(function, groups, taps)
    out = function.result(node)
    to = out.at("f", "c", "u", "q")
    index = f"(u * {columns} + q) * {channels} + c"
    last = function.after
    with last.share("c", channels), last.loop("u", 0, rows), last.loop("q", 0, columns):
        _added(function, groups, total, out, to, index)


def _over(function: Function, groups: Groups, inner) -> None:
    for count, starts in over_groups(groups, slots=True):
        if count:
            step = groups.lanes * groups.together
            with function.lines.loop("f0", 0, count * step, step):
                inner(starts)
        else:
            inner(starts)


def _added(function: Function, groups: Groups, total: Home, out: Home, to: str, index: str) -> None:
    """Both halves of one row of sums, added."""
    lines = function.after
    function.outside += [total, out]
    lines("// the sums of both halves")
    lines(f"const f *sum = {total.name} + ({index}) * {groups.slots};")
    regular = groups.regular * groups.lanes
    with lines.loop("f", 0, regular):
        lines(f"*({to}) = sum[f] + sum[f + {total.half}];")
    if regular < groups.length:
        with lines.loop("f", regular, groups.length):
            slot = f"f + {groups.slots - groups.length}"
            lines(f"*({to}) = sum[{slot}] + sum[{slot} + {total.half}];")


def matmul_W(function: Function) -> None:
    """`xᵀ d`: for some columns of x, their numbers × vectors of d, summed over all samples."""
    node, lines = function.kernel.node, function.lines
    assert node is not None
    turned = maker(node.inputs[0], np.transpose)
    assert turned is not None
    x, d = function.read(turned.inputs[0]), function.read(node.inputs[1])
    inner, features = x.shape[1], d.shape[1]
    vectors = Groups(features, function.lanes, 1).vectors
    size = tile_for(6 if vectors > 2 else 12, vectors, function.lanes)
    groups = Groups(features, function.lanes, size.vectors)
    n = groups.lanes
    total = function.buffer("sum", (2, inner, groups.slots), 2)
    function.writes(total)

    def tile(count: int, starts: list[tuple[str, str]]) -> None:
        names = [[f"a{t}_{h}" for h in range(len(starts))] for t in range(count)]
        for row in names:
            lines(f"v{n} {', '.join(f'{name} = {{0}}' for name in row)};")
        with lines.loop("n", "n0", "n1"):
            lines(f"const f *of = {d.at('n', '')};")
            lines(f"const f *at = {x.at('n', 'c')};")
            for h, (start, _) in enumerate(starts):
                lines(f"v{n} g{h} = *(const v{n} *)(of + {start});")
            for t, row in enumerate(names):
                for h, name in enumerate(row):
                    lines(f"{name} += g{h} * at[{t * x.strides[1]}];")
        for t, row in enumerate(names):
            for name, (_, slot) in zip(row, starts, strict=True):
                lines(f"*(v{n} *)({total.name} + (c + {t}) * {groups.slots} + {slot}) = {name};")

    def columns(starts: list[tuple[str, str]]) -> None:
        for count in lines.tiled("c", inner, size.pixels):
            tile(count, starts)

    _over(function, groups, columns)
    out = function.result(node)
    with function.after.share("c", inner):
        _added(function, groups, total, out, out.at("c", "f"), "c")


def sum_(function: Function) -> None:
    """The sum over samples, and over the pixels of images."""
    node, lines = function.kernel.node, function.lines
    assert node is not None
    d = function.read(node.inputs[-1])
    groups = Groups(d.shape[1], function.lanes, 4)
    n = groups.lanes
    total = function.buffer("sum", (2, groups.slots), 2)
    function.writes(total)
    function.cleared.append(total)

    def vectors(starts: list[tuple[str, str]]) -> None:
        count = range(len(starts))
        with lines.block():
            lines(f"v{n} {', '.join(f'a{h} = {{0}}' for h in count)};")
            with lines.loop("n", "n0", "n1"):
                if len(d.shape) == 4:
                    with lines.loop("i", 0, d.shape[2]):
                        row_of_pixels(starts)
                        lines(f"// {FEW} sums, which are added two by two")
                        for h in count:
                            lines(f"a{h} += (s0_{h} + s1_{h}) + (s2_{h} + s3_{h});")
                else:
                    for h, (start, _) in enumerate(starts):
                        lines(f"a{h} += *(const v{n} *)({d.at('n', '')} + {start});")
            for h, (_, slot) in enumerate(starts):
                lines(f"*(v{n} *)({total.name} + {slot}) += a{h};")

    def row_of_pixels(starts: list[tuple[str, str]]) -> None:
        for k in range(FEW):
            lines(f"v{n} {', '.join(f's{k}_{h} = {{0}}' for h in range(len(starts)))};")
        for together in lines.tiled("j", d.shape[3], FEW):
            for k in range(together):
                at = d.at("n", "", "i", f"j + {k}")
                for h, (start, _) in enumerate(starts):
                    lines(f"s{k}_{h} += *(const v{n} *)({at} + {start});")

    _over(function, groups, vectors)
    out = function.result(node)
    with function.after.block("if (half == 0)"):
        _added(function, groups, total, out, out.at("f"), "0")


WRITERS = {"convolve_W": convolve_W, "matmul_W": matmul_W, "sum": sum_}
"""How each kind of sum is written."""
