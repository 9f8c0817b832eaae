"""The kernels of chains, pools and copies, and how each kind is written."""

from contextlib import ExitStack

from clearprop.compiler.engines.c.functions import PLACE, Function
from clearprop.compiler.engines.c.lines import Groups
from clearprop.compiler.engines.c.phases import overlaps
from clearprop.compiler.engines.c.products import WRITERS as PRODUCTS
from clearprop.compiler.engines.c.rows import rows
from clearprop.compiler.engines.c.sums import WRITERS as SUMS
from clearprop.compiler.rewriting import function_of


def write(function: Function, comment: str) -> str:
    """Write the function of a kernel."""
    with function.lines.block():
        WRITERS[function.kernel.kind](function)
    return function.text(comment)


def chain(function: Function) -> None:
    """Operations on single elements, all in one pass."""
    domain, lines = function.kernel.domain, function.lines
    if len(domain) == 1:
        wide, one = (function.rest(n, {}) for n in (function.lanes, 1))
        lines("long f = n0;")
        with lines.block(f"for (; f + {function.lanes} <= n1; f += {function.lanes})"):
            lines(f"{wide}f);")
        with lines.block("for (; f < n1; f++)"):
            lines(f"{one}f);")
        return
    groups = Groups(domain[1], function.lanes, 1)
    for node in function.kernel.chain:
        if "window" in node.params and overlaps(node):
            lanes = groups.lanes
            while domain[1] % lanes:  # no element may be added twice
                lanes //= 2
            groups = Groups(domain[1], lanes, 1)
            home = function.write(node)
            _, c, h, w = home.shape
            with lines.loop("n", "n0", "n1"), lines.loop("i", 0, h), lines.loop("j", 0, w):
                lines(f"memset({home.at('n', '', 'i', 'j')}, 0, {c} * sizeof(f));")
    rest = function.rest(groups.lanes, {})
    place = ", ".join(PLACE[len(domain)])
    inner = lambda: function.over_vectors(groups, lambda: lines(f"{rest}{place});"))  # noqa: E731
    function.over_rows(domain, inner)


def largest(function: Function) -> None:
    """The largest of each window, and where it stands: the first of equal ones, or of NaN."""
    kernel, lines = function.kernel, function.lines
    node = kernel.node
    assert node is not None
    x, groups = function.read(node.inputs[0]), Groups(kernel.domain[1], function.lanes, 1)
    n = groups.lanes
    given = {}
    for each in kernel.nodes:
        if function_of(each).__name__ in ("largest", "place_of_largest"):
            given[each] = "place" if function_of(each).__name__ == "place_of_largest" else "a"
    rest = function.rest(n, given)
    (high, wide), (down, right) = node.params["window"], node.params["steps"]

    def vector() -> None:
        lines(f"v{n} a = *(const v{n} *)({x.at('n', 'f', f'i * {down}', f'j * {right}')});")
        lines(f"m{n} place = {{0}};")
        for k in range(1, high * wide):
            u, q = divmod(k, wide)
            at = x.at("n", "f", f"i * {down} + {u}", f"j * {right} + {q}")
            lines(f"v{n} x{k} = *(const v{n} *)({at});")
            lines(f"m{n} wins{k} = ~(x{k} <= a) & (a == a);")
            lines(f"a = pick{n}(wins{k}, x{k}, a);")
            lines(f"place = (wins{k} & {k}) | (~wins{k} & place);")
        lines(f"{rest}n, f, i, j);")

    function.over_rows(kernel.domain, lambda: function.over_vectors(groups, vector))


def copy(function: Function) -> None:
    """Images as rows, rows as images, or either in another order."""
    node = function.kernel.node
    assert node is not None
    source, target, lines = function.read(node.inputs[0]), function.write(node), function.lines
    images = target if len(target.shape) == 4 else source
    if len(images.shape) == 2:
        with lines.loop("n", "n0", "n1"), lines.loop("f", 0, images.shape[1]):
            lines(f"*({target.at('n', 'f')}) = *({source.at('n', 'f')});")
        return
    _, c, h, w = images.shape
    flat = f"c * {h * w} + i * {w} + j"
    place = {4: ("n", "c", "i", "j"), 2: ("n", flat)}
    to, at = (v.at(*place[len(v.shape)]) for v in (target, source))
    loops = ("n", "n0", "n1"), ("i", 0, h), ("c", 0, c), ("j", 0, w)
    with ExitStack() as stack:
        for loop in loops:
            stack.enter_context(lines.loop(*loop))
        lines(f"*({to}) = *({at});")


WRITERS = {**PRODUCTS, **SUMS, "chain": chain, "row": rows}
WRITERS |= {"largest": largest, "copy": copy}
"""How each kind of kernel is written."""
