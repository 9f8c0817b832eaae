"""The order in which a program runs: NumPy's statements, and between them phases of kernels.

A phase is what is computed sample by sample without a look at anything of other samples that it has
computed itself: it can be split among threads, and run through all layers for one image at a time.
"""

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

import numpy as np

from clearprop.compiler.engines.c.kinds import SUMS, Choice, is_of_rows
from clearprop.compiler.rewriting import is_recorded
from clearprop.graph.node import Node


@dataclass(eq=False)
class Kernel:
    """A node, or none, and a chain of operations on single elements of what it gives."""

    kind: str
    node: Node | None
    domain: tuple[int, ...]
    """The shape that the chain goes over."""
    chain: list[Node] = field(default_factory=list)

    @property
    def nodes(self) -> list[Node]:
        return [*([] if self.node is None else [self.node]), *self.chain]

    @property
    def of_images(self) -> bool:
        """Whether it is called image by image."""
        return any(np.ndim(n.out) == 4 or np.ndim(n.inputs[0]) == 4 for n in self.nodes)


@dataclass(eq=False)
class Phase:
    """Kernels for samples 0 … n − 1."""

    n: int
    kernels: list[Kernel] = field(default_factory=list)
    name: str = ""

    @property
    def nodes(self) -> list[Node]:
        return [node for kernel in self.kernels for node in kernel.nodes]

    def loops(self) -> list[list[Kernel]]:
        """Kernels that are called image by image, one after the other, and others."""
        found: list[list[Kernel]] = []
        for kernel in self.kernels:
            if found and kernel.of_images and found[-1][0].of_images:
                found[-1].append(kernel)
            else:
                found.append([kernel])
        return found


class Schedule:
    """An order of all nodes of a graph, in which `phases` stand as a whole."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.order: list[Node | Phase] = []
        self.phases: list[Phase] = []
        self._done: set[Node] = set()
        self._nodes = [n for n in choice.trace.nodes if n not in choice.inlined]
        self._behind = {node: self._read(node) for node in self._nodes}
        """What a node reads, through what is computed within it."""
        self._places = {node: i for i, node in enumerate(self._nodes)}
        self._after: dict[Node, list[Node]] = {node: [] for node in self._nodes}
        self._waits: dict[Node, int] = {}
        """For how many others a node waits."""
        self._ready: list[int] = []
        self._open: list[int] = []
        """Heaps of the places of nodes that wait for none: those for NumPy, and for kernels."""
        for node, behind in self._behind.items():
            read = dict.fromkeys(x.node for x in behind)
            self._waits[node] = len(read)
            for other in read:
                self._after[other].append(node)
            if not read:
                self._enter(node)
        while self._ready or self._open:
            self._numpy()
            if self._open:
                self._phase()

    def _read(self, node: Node) -> list[Any]:
        found, stack = [], list(node.inputs)
        if self.choice.kinds.get(node) == "matmul_W":  # it reads x, not xᵀ
            stack[0] = stack[0].node.inputs[0]
        while stack:
            x = stack.pop()
            if is_recorded(x) and x.node in self.choice.inlined:
                stack += x.node.inputs
            elif is_recorded(x) and x.node is not None:
                found.append(x)
        return found

    def _enter(self, node: Node) -> None:
        heappush(self._open if node in self.choice.kinds else self._ready, self._places[node])

    def _placed(self, node: Node) -> None:
        """Those behind a node need not wait for it any longer."""
        for other in self._after[node]:
            self._waits[other] -= 1
            if not self._waits[other]:
                self._enter(other)

    def _numpy(self) -> None:
        """What is not for kernels and can be computed by now."""
        while self._ready:
            node = self._nodes[heappop(self._ready)]
            self.order.append(node)
            self._done.add(node)
            self._placed(node)

    def _phase(self) -> None:
        phase, within, later = Phase(0), dict[Node, Kernel](), list[int]()
        while self._open:
            node = self._nodes[heappop(self._open)]
            if self._fits(node, phase, within):
                phase.n = phase.n or _samples(node, self.choice.kinds[node])
                within[node] = self._assigned(node, phase, within)
                self._placed(node)
            else:
                later.append(self._places[node])
        self._open = later  # which is in order
        self._done |= within.keys()
        phase.kernels = self._in_loops(phase.kernels, within)
        phase.name = f"phase_{len(self.phases) + 1}"
        self.phases.append(phase)
        self.order.append(phase)

    def _in_loops(self, kernels: list[Kernel], within: dict[Node, Kernel]) -> list[Kernel]:
        """Kernels in an order in which those for images stand together as far as that can be."""
        order = dict[Kernel, None]()
        left, of_images = list(kernels), True
        read = {k: {within.get(x.node) for n in k.nodes for x in self._behind[n]} for k in kernels}
        while left:
            later = []
            for kernel in left:
                ready = read[kernel] - {None, kernel} <= order.keys()
                if ready and kernel.of_images == of_images:
                    order[kernel] = None
                else:
                    later.append(kernel)
            left, of_images = later, not of_images
        return list(order)

    def _fits(self, node: Node, phase: Phase, within: dict[Node, Kernel]) -> bool:
        kind = self.choice.kinds[node]
        if phase.n and _samples(node, kind) != phase.n:
            return False
        for x in self._behind[node]:
            if x.node in self._done:
                continue
            kernel = within.get(x.node)
            if kernel is None or kernel.kind in SUMS:
                return False
            if x.shape[:1] != (phase.n,) or needs_whole(node, kind, x):
                return False
        return True

    def _assigned(self, node: Node, phase: Phase, within: dict[Node, Kernel]) -> Kernel:
        """The kernel that a node goes into: that of what it reads, or a new one."""
        kind, shape = self.choice.kinds[node], np.shape(node.out)
        if kind == "to_largest":
            shape = node.inputs[0].shape
        if kind == "place_of_largest":  # found together with the largest itself
            for kernel in phase.kernels:
                if kernel.kind == "largest" and _same_pool(kernel.node, node):
                    kernel.chain.append(node)
                    return kernel
            kind = "largest"
        if kind == "row":
            return self._in_rows(node, phase, within)
        if kind not in ("chain", "to_largest"):
            phase.kernels.append(Kernel(kind, node, shape))
            return phase.kernels[-1]
        read = {within[x.node] for x in self._behind[node] if x.node in within}
        known = [k for k in phase.kernels if k in read] if read else phase.kernels
        last = known[-1] if known else None
        adds = kind == "to_largest" and overlaps(node)  # where windows overlap, beginning at 0
        if last is None or adds or not _goes_on(last, shape, beside=not read):
            last = Kernel("chain", None, shape)
            phase.kernels.append(last)
        last.chain.append(node)
        return last

    def _in_rows(self, node: Node, phase: Phase, within: dict[Node, Kernel]) -> Kernel:
        """The kernel of rows that a node goes into."""
        read = {within[x.node] for x in self._behind[node] if x.node in within}
        last = next((k for k in reversed(phase.kernels) if k in read), None)
        domain = node.inputs[0].shape if is_of_rows(node) else None
        fits = last is not None and (domain is None or domain == last.domain)
        if last is None or not fits or last.kind not in ("chain", "row"):
            last = Kernel("row", None, domain or (phase.n, 1))
            phase.kernels.append(last)
        last.kind = "row"
        last.chain.append(node)
        return last


_OPEN = ("chain", "convolve", "convolve_x", "matmul", "largest", "row")
"""Kinds whose results a chain can go on with before they are stored."""


def _goes_on(kernel: Kernel, shape: tuple[int, ...], *, beside: bool) -> bool:
    """Whether the chain of a kernel may have one more node of this shape, or one beside it."""
    known = ("chain",) if beside else _OPEN
    ended = any(n.params.keys() >= {"window", "size"} for n in kernel.chain)
    return kernel.domain == shape and kernel.kind in known and not ended


def _same_pool(a: Node | None, b: Node) -> bool:
    return a is not None and a.inputs[0] is b.inputs[0] and a.params == b.params


def _samples(node: Node, kind: str) -> int:
    """How many samples a kernel runs over: the length of the first axis."""
    if kind in ("convolve_W", "sum", "matmul_W"):
        return len(node.inputs[-1].data)
    return int(np.shape(node.out)[0])


def needs_whole(node: Node, kind: str, x: Any) -> bool:
    """Whether a kernel reads x for all samples, or in another way than sample by sample."""
    if kind in ("convolve", "convolve_x", "matmul"):
        return x is node.inputs[1]
    if kind in ("matmul_W", "row"):
        return False
    return kind in ("chain", "to_largest") and x.ndim != np.ndim(node.out)


def overlaps(node: Node) -> bool:
    """Whether the windows of a node share elements."""
    return any(k > s for k, s in zip(node.params["window"], node.params["steps"], strict=True))
