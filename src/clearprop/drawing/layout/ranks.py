"""Columns: which vertex stands how far to the right."""

from collections.abc import Callable, Iterable, Sequence


def assign_ranks(
    count: int,
    edges: Sequence[tuple[int, int, int]],
    fixed: dict[int, int],
    floating: Sequence[bool],
    first: int = 0,
) -> list[int]:
    """Give each vertex a column, so that every edge goes to the right.

    `edges` are (from, to, how many columns at least). `fixed` vertices stand where they are told,
    all others at column `first` or behind. These stand as far left as their edges let them; after
    that a vertex moves right where that makes its edges shorter in sum. `floating` vertices, the
    leaves, do not hold back what uses them: they come along.

    >>> assign_ranks(4, [(0, 2, 1), (1, 3, 1), (2, 3, 1)], {}, [True, True, False, False])
    [0, 1, 1, 2]
    """
    into: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    outof: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for u, v, length in edges:
        into[v].append((u, length))
        outof[u].append((v, length))
    waiting = {v: len(edges) for v, edges in enumerate(into)}
    order = topological(waiting, lambda v: [w for w, _ in outof[v]])
    rank = [0] * count
    for v in order:
        rank[v] = fixed.get(v, max((rank[u] + n for u, n in into[v]), default=first))
    for _ in range(2):
        for v in reversed(order):
            if v in fixed or not outof[v]:
                continue
            pulled = sum(not floating[u] for u, _ in into[v])
            if pulled < len(outof[v]):
                rank[v] = max(rank[v], min(rank[w] - n for w, n in outof[v]))
    return rank


def topological(waiting: dict[int, int], behind: Callable[[int], Iterable[int]]) -> list[int]:
    """The vertices, each after those with an edge to it; the first in number first.

    `waiting` says how many edges come in at each vertex, `behind` to which vertices they go out.
    """
    ready = [v for v, edges in waiting.items() if not edges]
    for v in ready:  # grows while it is walked
        for w in behind(v):
            waiting[w] -= 1
            if not waiting[w]:
                ready.append(w)
    return ready
