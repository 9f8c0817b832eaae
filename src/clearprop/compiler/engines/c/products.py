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


Loop = tuple[str, int | str, int | str]
"""The name of an index, where it starts, and where it stops."""


class Taps(NamedTuple):
    """What is summed over: loops, and where the numbers of pixels and filters are found in them."""

    loops: list[Loop]
    pixel: str
    """The address for the first pixel of a tile."""
    step: int
    """Elements from one pixel to the next."""
    filters: str
    """The address of the filters' first vector, without that of the features."""
    in_parts: bool = False
    """Whether what the inner loops give is a sum by itself: sums of sums are more exact."""


def tile(
    function: Function,
    taps: Taps,
    pixels: int,
    starts: list[tuple[str, str]],
    lanes: int,
    rest: str,
    sums: Home | None = None,
) -> None:
    """A tile of so many pixels, and of vectors that begin at these (elements, slots).

    With `sums` it is one of several blocks: those before it have left their sums there, and what
    comes of the sum is done after the `last`.
    """
    lines, n = function.lines, lanes
    names = [[f"a{t}_{h}" for h in range(len(starts))] for t in range(pixels)]
    outer, *inner = taps.loops
    folds = taps.in_parts
    with lines.block():
        lines(f"// {pixels} × {len(starts)} vectors of sums, in registers")
        for row in names:
            lines(f"v{n} {', '.join(f'{name} = {{0}}' for name in row)};")
            if folds:
                lines(f"v{n} {', '.join(f'total_{name} = {{0}}' for name in row)};")
        with lines.loop(*outer):
            _sum(function, taps, names, starts, n, inner)
            for row in names if folds else ():
                lines(" ".join(f"total_{a} += {a}, {a} = (v{n}){{0}};" for a in row))
        if sums is not None:
            width = sums.shape[1]
            places = [
                f"*(v{n} *)({sums.name} + (n + {t}) * {width} + {h * n})"
                for t in range(pixels)
                for h in range(len(starts))
            ]
            flat = [name for row in names for name in row]
            with lines.block("if (c0 > 0)"):
                for name, place in zip(flat, places, strict=True):
                    lines(f"{name} += {place};")
            with lines.block("if (!last)"):
                for name, place in zip(flat, places, strict=True):
                    lines(f"{place} = {name};")
                lines("continue;")
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
    loops: list[Loop],
) -> None:
    lines = function.lines
    if loops:
        first, *inner = loops
        with lines.loop(*first):
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


_TILED = {"n": "n", "f": "@F@", "i": "i", "j": "j + @T@"}
"""What stands for an index within a tile."""


def tiles(
    function: Function, taps: Taps, groups: Groups, size: Tile, length: int, *, slots: bool = True
) -> None:
    """Tiles along a row of pixels `j`, for all features."""
    lines, node = function.lines, function.kernel.node
    assert node is not None
    place = PLACE[len(function.kernel.domain)]
    rest = function.rest(groups.lanes, {node: "a"})
    rest += ", ".join(_TILED[i] for i in place) + ");"

    def along(starts: list[tuple[str, str]]) -> None:
        for pixels in lines.tiled("j", length, size.pixels):
            tile(function, taps, pixels, starts, groups.lanes, rest)

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

    loops = list(zip(names, shape, strict=True))
    lines("// the filters, with their features side by side")
    with lines.share(*loops[0]):
        _nested(lines, loops[1:], row)
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
    pixel = (
        f"{base} + (i * {steps[0]} + u) * {row} + (j * {steps[1]} + q) * {column} + c * {c_step}"
    )
    rows, columns, channels = shape
    where = f"{filters.name} + ((u * {columns} + q) * {channels} + c) * {groups.slots}"
    loops: list[Loop] = [("u", 0, rows), ("q", 0, columns), ("c", 0, channels)]
    in_parts = rows > 1 and columns * channels >= PART
    taps = Taps(loops, pixel, steps[1] * column, where, in_parts)
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
    _image_tiles(function, x, W, at, (rows, columns, channels), node.params["steps"], (-top, -left))


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
    """Rows of samples, times a matrix: samples take the part of pixels.

    Over a long row the sum is cut in blocks, so that the filters of a block stay in the cache while
    all samples use them.
    """
    node, lines = function.kernel.node, function.lines
    assert node is not None
    x, W = (function.place(v) for v in node.inputs)
    function.reads(x)
    inner, features = W.shape
    vectors = Groups(features, function.lanes, 1).vectors
    size = tile_for(6 if vectors > 2 else 12, vectors, function.lanes)
    groups = Groups(features, function.lanes, size.vectors)
    width = groups.together * groups.lanes
    straight = W.strides[1] == 1 and features <= WIDE
    filters = W if straight else _packed_in_groups(function, W, groups)
    function.reads(filters)
    longest = BLOCK if vectors > 2 else BLOCK // 2
    blocks = -(-inner // longest) if inner > longest + longest // 2 else 1
    length = -(-inner // blocks)
    sums = (
        function.writes(function.buffer("sums", (len(node.out), width), 1)) if blocks > 1 else None
    )
    rest = function.rest(groups.lanes, {node: "a"}) + "n + @T@, @F@);"

    def block(starts: list[tuple[str, str]], first: str, step: int) -> None:
        where = f"{filters.name}{first} + c * {step}"
        pixel = f"{x.name} + n * {x.strides[0]} + c * {x.strides[1]}"
        loops: list[Loop] = [("c", 0, inner) if blocks == 1 else ("c", "c0", "c1")]
        taps = Taps(loops, pixel, x.strides[0], where)
        lines("long n = n0;")
        for pixels in dict.fromkeys((size.pixels, 1)):
            with lines.block(f"for (; n + {pixels} <= n1; n += {pixels})"):
                tile(function, taps, pixels, starts, groups.lanes, rest, sums)

    def group(starts: list[tuple[str, str]], first: str, step: int) -> None:
        if blocks == 1:
            with lines.block():
                block(starts, first, step)
            return
        with lines.loop("c0", 0, inner, length):
            lines(f"const long c1 = c0 + {length} < {inner} ? c0 + {length} : {inner};")
            lines(f"const int last = c1 == {inner};")
            block(starts, first, step)

    for count, starts in over_groups(groups, slots=False):
        if straight:
            where = [(f, f) for f, _ in starts]
            first, step = "", W.strides[0]
        else:
            where = [(f, str(h * groups.lanes)) for h, (f, _) in enumerate(starts)]
            first = f" + f0 * {inner}" if count else f" + {groups.full * width * inner}"
            step = width
        if count:
            with lines.loop("f0", 0, count * width, width):
                group(where, first, step)
        else:
            group(where, first, step)


def _packed_in_groups(function: Function, W: Home, groups: Groups) -> Home:
    """A matrix in a buffer, with the vectors that are used together side by side."""
    inner, features = W.shape
    width = groups.together * groups.lanes
    count = -(-groups.vectors // groups.together)
    home = function.buffer("filters", (count, inner, width), 1)
    function.outside += [W, home]
    lines, regular = function.before, groups.regular * groups.lanes

    def column(slot: str) -> None:
        """All numbers of a column, one after the other."""
        with lines.loop("c", 0, inner):
            to = f"{home.name} + ({slot}) / {width} * {inner * width} + ({slot}) % {width}"
            lines(f"*({to} + c * {width}) = *({W.at('c', 'f')});")

    lines("// the matrix, with the columns side by side that are used together")
    with lines.share("f", regular):
        column("f")
    if regular < groups.slots:
        with lines.share("v", groups.lanes):
            lines(f"const long f = {features - groups.lanes} + v;")
            column(f"f + {groups.slots - features}")
    return home


PART = 32
"""So many products at least are a sum by themselves, where windows are summed row by row."""

BLOCK = 128
"""Numbers of a row that are summed before others are: sums of sums are more exact, too."""

WIDE = 512
"""Columns of a matrix that is read where it lies; the rows of a wider one are far apart."""


WRITERS = {"convolve": convolve, "convolve_x": convolve_x, "matmul": matmul}
"""How each kind of product is written."""
