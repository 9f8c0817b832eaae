"""Kernels of products: tiles of pixels × vectors of features, kept in registers.

A tile loads a few vectors of the filters, and multiplies them by a number of each pixel: as many
multiplications as it has pixels times vectors, for as many loads as it has pixels plus vectors.
"""

from collections.abc import Callable
from typing import NamedTuple

from clearprop.compiler.engines.c.functions import PLACE, Function
from clearprop.compiler.engines.c.lines import Groups, Lines
from clearprop.compiler.engines.c.memory import Home


class Tile(NamedTuple):
    """How many pixels and vectors are computed together."""

    pixels: int
    vectors: int


def tile_for(pixels: int, vectors: int, widest: int) -> Tile:
    """A tile that the registers hold: 32 of the widest vectors of AVX-512, 16 of others."""
    registers = 28 if widest >= 16 else 12
    together = 1 if vectors == 1 else 2 if vectors % 4 in (1, 2) and vectors < 5 else 4
    together = min(together, vectors)
    most = max(1, min((registers - together) // together, 14 if together == 1 else 12))
    tiles = -(-pixels // most)
    return Tile(-(-pixels // tiles), together)


class Taps(NamedTuple):
    """What is summed over: loops, and where the numbers of pixels and filters are found in them.

    What the inner loops give is a sum by itself, and these are summed over the outermost loop: sums
    of sums are more exact than one long one.
    """

    loops: list[tuple[str, int]]
    pixel: str
    """The address for the first pixel of a tile."""
    step: int
    """Elements from one pixel to the next."""
    filters: str
    """The address of the filters' first vector, without that of the features."""


def tile(
    function: Function,
    taps: list[Taps],
    pixels: int,
    starts: list[tuple[str, str]],
    lanes: int,
    rest: str,
) -> None:
    """A tile of so many pixels, and of vectors that begin at these (elements, slots)."""
    lines, n = function.lines, lanes
    names = [[f"a{t}_{h}" for h in range(len(starts))] for t in range(pixels)]
    folds = len(taps) > 1 or (len(taps[0].loops) > 1 and taps[0].loops[0][1] > 1)
    with lines.block():
        for row in names:
            lines(f"v{n} {', '.join(f'{name} = {{0}}' for name in row)};")
            if folds:
                lines(f"v{n} {', '.join(f'total_{name} = {{0}}' for name in row)};")
        for part in taps:
            (outer, count), *inner = part.loops
            with lines.loop(outer, 0, count):
                _sum(function, part, names, starts, n, inner)
                for row in names if folds else ():
                    lines(" ".join(f"total_{a} += {a}, {a} = (v{n}){{0}};" for a in row))
        for t, row in enumerate(names):
            for name, (start, _) in zip(row, starts, strict=True):
                found = f"total_{name}" if folds else name
                call = rest.replace("(a, ", f"({found}, ")
                lines(call.replace("@T@", str(t)).replace("@F@", start))


def _sum(
    function: Function,
    taps: Taps,
    names: list[list[str]],
    starts: list[tuple[str, str]],
    n: int,
    loops: list[tuple[str, int]],
) -> None:
    lines = function.lines
    if loops:
        (name, count), *inner = loops
        with lines.loop(name, 0, count):
            _sum(function, taps, names, starts, n, inner)
        return
    lines(f"const f *at = {taps.pixel};")
    lines(f"const f *filters = {taps.filters};")
    for h, (_, slot) in enumerate(starts):
        lines(f"v{n} w{h} = *(const v{n} *)(filters + {slot});")
    for t, row in enumerate(names):
        for h, name in enumerate(row):
            lines(f"{name} += w{h} * at[{t * taps.step}];")


def over_groups(groups: Groups, slots: bool) -> list[tuple[int, list[tuple[str, str]]]]:
    """For each group the count of its loop, or 0, and (element, slot) of its vectors as C."""
    found = []
    for name, starts in groups:
        pairs = [
            (f"f0 + {f}", f"f0 + {s if slots else f}") if name else (str(f), str(s if slots else f))
            for f, s in starts
        ]
        found.append((groups.full if name else 0, pairs))
    return found


def tiles(
    function: Function, taps: Taps, groups: Groups, size: Tile, length: int, *, slots: bool = True
) -> None:
    """Tiles along a row of pixels `j`, for all features."""
    lines, node = function.lines, function.kernel.node
    assert node is not None
    place = PLACE[len(function.kernel.domain)]
    rest = function.rest(groups.lanes, {node: "a"})
    rest += ", ".join({"j": "j + @T@", "f": "@F@"}.get(i, i) for i in place) + ");"

    def along(starts: list[tuple[str, str]]) -> None:
        whole = length // size.pixels * size.pixels
        if whole:
            with lines.loop("j", 0, whole, size.pixels):
                tile(function, [taps], size.pixels, starts, groups.lanes, rest)
        if whole < length:
            with lines.block():
                lines(f"const long j = {whole};")
                tile(function, [taps], length - whole, starts, groups.lanes, rest)

    for count, starts in over_groups(groups, slots):
        if count:
            step = groups.lanes * groups.together
            with lines.loop("f0", 0, count * step, step):
                along(starts)
        else:
            along(starts)


def _packed(function: Function, W: Home, shape: tuple[int, ...], groups: Groups, at: str) -> Home:
    """The filters in a buffer: taps first, features last, in the slots of their vectors."""
    home = function.buffer("filters", (*shape, groups.slots), 1)
    function.outside += [W, home]
    lines, names = function.before, ("u", "q", "c")[-len(shape) :]
    regular = groups.regular * groups.lanes
    index = ""
    for name, size in zip(names, shape, strict=True):
        index = f"({index}) * {size} + {name}" if index else name
    to = f"{home.name} + ({index}) * {groups.slots}"

    def row() -> None:
        with lines.loop("f", 0, regular):
            lines(f"({to})[f] = *({at});")
        if regular < groups.slots:
            with lines.loop("f", groups.length - groups.lanes, groups.length):
                lines(f"({to})[f + {groups.slots - groups.length}] = *({at});")

    _nested(lines, list(zip(names, shape, strict=True)), row)
    return home


def _nested(lines: Lines, loops: list[tuple[str, int]], inner: Callable[[], None]) -> None:
    if not loops:
        inner()
        return
    (name, count), *rest = loops
    with lines.loop(name, 0, count):
        _nested(lines, rest, inner)


def _image_tiles(
    function: Function,
    x: Home,
    W: Home,
    at: str,
    shape: tuple[int, int, int],
    steps: tuple[int, int],
    start: tuple[int, int],
) -> None:
    """A convolution of images: `shape` of the taps (rows, columns, channels)."""
    _, features, height, width = function.kernel.domain
    widest = function.lanes
    vectors = Groups(features, widest, 1).vectors
    size = tile_for(width, vectors, widest)
    groups = Groups(features, widest, size.vectors)
    filters = _packed(function, W, shape, groups, at)
    function.reads(filters)
    _, c_step, row, column = x.strides
    base = x.at("n", "", "", "")
    offset = start[0] * row + start[1] * column
    base += f" - {-offset}" if offset < 0 else f" + {offset}" if offset else ""
    pixel = f"{base} + (i * {steps[0]} + u) * {row} + (j * {steps[1]} + q) * {column} + c * {c_step}"
    rows, columns, channels = shape
    where = f"{filters.name} + ((u * {columns} + q) * {channels} + c) * {groups.slots}"
    loops = [("u", rows), ("q", columns), ("c", channels)]
    if columns * channels < PART:
        loops.insert(0, ("once", 1))
    taps = Taps(loops, pixel, steps[1] * column, where)
    lines = function.lines
    with lines.loop("n", "n0", "n1"), lines.loop("i", 0, height):
        tiles(function, taps, groups, size, width)


def convolve(function: Function) -> None:
    """All windows of an image, times the filters."""
    node = function.kernel.node
    assert node is not None
    x, W = (function.place(v) for v in node.inputs)
    function.reads(x)
    _, channels, rows, columns = W.shape
    (top, _), (left, _) = node.params["pads"]
    at = W.at("f", "c", "u", "q")
    _image_tiles(
        function, x, W, at, (rows, columns, channels), node.params["steps"], (-top, -left)
    )


def convolve_x(function: Function) -> None:
    """The derivative by images: a convolution with the filters turned.

    Where the convolution went in steps, its derivative lies with zeros between its pixels.
    """
    node = function.kernel.node
    assert node is not None
    g, W = (function.place(v) for v in node.inputs)
    function.reads(g)
    features, _, rows, columns = W.shape
    (top, _), (left, _) = node.params["pads"]
    (down, right), (n, c, row, column) = node.params["steps"], g.strides
    dense = Home(g.name, g.shape, (n, c, row // down, column // right), g.dtype)
    at = W.at("c", "f", f"{rows - 1} - u", f"{columns - 1} - q")
    start = (top - rows + 1, left - columns + 1)
    _image_tiles(function, dense, W, at, (rows, columns, features), (1, 1), start)


def matmul(function: Function) -> None:
    """Rows of samples, times a matrix: samples take the part of pixels."""
    node, lines = function.kernel.node, function.lines
    assert node is not None
    x, W = (function.place(v) for v in node.inputs)
    function.reads(x)
    inner, features = W.shape
    vectors = Groups(features, function.lanes, 1).vectors
    size = tile_for(6 if vectors > 2 else 12, vectors, function.lanes)
    groups = Groups(features, function.lanes, size.vectors)
    straight = W.strides[1] == 1
    if straight:
        function.reads(W)
        where = f"{W.name} + c * {W.strides[0]}"
    else:
        filters = _packed(function, W, (inner,), groups, W.at("c", "f"))
        function.reads(filters)
        where = f"{filters.name} + c * {groups.slots}"
    pixel = f"{x.name} + n * {x.strides[0]} + c * {x.strides[1]}"
    taps = [
        Taps([("b", whole), ("c", length)], pixel.replace("c *", f"({start}) *"), x.strides[0], where.replace("c *", f"({start}) *"))
        for whole, length, start in _parts(inner)
    ]
    rest = function.rest(groups.lanes, {node: "a"}) + "n + @T@, @F@);"
    for count, starts in over_groups(groups, slots=not straight):
        step = groups.lanes * groups.together
        with lines.block():
            lines("long n = n0;")
            for pixels in dict.fromkeys((size.pixels, 1)):
                with lines.block(f"for (; n + {pixels} <= n1; n += {pixels})"):
                    if count:
                        with lines.loop("f0", 0, count * step, step):
                            tile(function, taps, pixels, starts, groups.lanes, rest)
                    else:
                        tile(function, taps, pixels, starts, groups.lanes, rest)


PART = 32
"""So many products at least are one sum; of twice as many, rows of a matrix have sums of sums."""


def _parts(length: int) -> list[tuple[int, int, str]]:
    """A row in parts: how many, how long each, and where an element `c` of part `b` stands."""
    whole = length // (2 * PART)
    if whole < 2:
        return [(1, length, "c")]
    rest = length - whole * 2 * PART
    parts = [(whole, 2 * PART, f"b * {2 * PART} + c")]
    return [*parts, (1, rest, f"c + {length - rest}")] if rest else parts


WRITERS = {"convolve": convolve, "convolve_x": convolve_x, "matmul": matmul}
"""How each kind of product is written."""
