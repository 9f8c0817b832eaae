"""Every kernel is tried before it is used: on random numbers, beside the NumPy it stands for."""

import hashlib
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from clearprop.compiler.at_labels import pick_at, subtract_at
from clearprop.compiler.engines.c.compilers import folder, is_ours
from clearprop.compiler.engines.c.kinds import SUMS
from clearprop.compiler.engines.c.memory import Home, zeros
from clearprop.compiler.engines.c.phases import Kernel, needs_whole
from clearprop.compiler.rewriting import function_of, is_number, is_recorded, key_of
from clearprop.graph.node import Node

ROWS, IMAGES = 67, 4
"""So many rows are tried: some tiles, and a rest. Of images, two for each half."""

TOLERANCE = {4: 1e-4, 8: 1e-10}
"""How far results may be apart, relative to the largest number, by the bytes of a number."""

FEW = 1e-3
"""The share of results that may differ more: where something jumps, rounding decides."""


def disagreeing(printer: Any, kernels: Any) -> set[Node]:
    """The nodes of the first kernel that does not give what NumPy gives; it warns of it.

    A program that has passed is remembered in the cache, beside what was compiled of it.
    """
    if not printer.c:
        return set()
    passed = folder() / f"{hashlib.sha256(printer.c.encode()).hexdigest()[:32]}.passed"
    if is_ours(passed):
        return set()
    with np.errstate(all="ignore"):
        for phase in printer.written:
            # Where something jumps, rounding may decide once; not with other numbers again.
            tried = (_Trial(phase, kernels, seed).wrong() for seed in (0, 1))
            if (wrong := next(tried)) and (wrong := next(tried)):
                kernel, apart = wrong
                label = printer.trace.labels[kernel.nodes[0]]
                warnings.warn(
                    f"the kernel in C for {label} ({kernel.kind}) differs from NumPy by {apart:.1e}"
                    " and is not used",
                    RuntimeWarning,
                    stacklevel=2,
                )
                return set(kernel.nodes)
    passed.touch(mode=0o600)
    return set()


class _Trial:
    """One phase, run on random numbers."""

    def __init__(self, written: Any, kernels: Any, seed: int) -> None:
        self.written, self.phase = written, written.phase
        self.kinds = written.printer.schedule.choice.kinds
        self.rng = np.random.default_rng(seed)
        self.known: dict[Node, Any] = {}
        """What NumPy gives for the nodes so far."""
        at_labels = [n for n in self.phase.nodes if function_of(n) in (pick_at, subtract_at)]
        self.classes = min([4, *(n.inputs[0].shape[1] for n in at_labels)])
        images = any(kernel.of_images for kernel in self.phase.kernels)
        self.n = min(self.phase.n, IMAGES if images else ROWS)
        made = {written.found[n].name for n in self.phase.nodes if n in written.found}
        self.views = {n: self._view(home, n in made) for n, (home, _) in written.used.items()}
        for name, same in written.copied.items():
            if {name, same} <= self.views.keys():
                self.views[name][...] = self.views[same]
        numbers = {key: self.rng.random() + 0.5 for key in written.numbers}
        self.numbers = {key: float(np.float32(value)) for key, value in numbers.items()}
        if numbers:
            self.views[f"{self.phase.name}_numbers"][: len(numbers)] = list(self.numbers.values())
        arrays: list[Any] = [np.zeros(1)] * len(written.arrays)
        for name, (_, place) in written.used.items():
            arrays[place] = self.views[name]
        kernels.bind(self.phase.name, self.n, arrays)()

    def wrong(self) -> tuple[Kernel, float] | None:
        """A kernel that is wrong, and by how much."""
        for fetch in self.written.fetches:
            rows, to = (
                self.views[n][: self.n] for n in ("rows", self.written.found[fetch.key].name)
            )
            if not np.array_equal(self.views[fetch.data.name][rows], to):
                return next(k for k in self.phase.kernels if fetch.readers[0] in k.nodes), np.inf
        for kernel in self.phase.kernels:
            for node in kernel.nodes:
                self.known[node] = wanted = self._evaluated(node, kernel)
                home = self.written.found.get(node)
                if home is None:
                    continue
                found = self.views[home.name]
                if home.half:  # what is left there is the last image of each half
                    last = dict.fromkeys(((self.n - 1) // 2, self.n - 1))
                    found, wanted = found[: len(last)], wanted[list(last)]
                elif kernel.kind not in SUMS:
                    found = found[: self.n]
                apart = np.abs(found - wanted) / max(1, np.nanmax(np.abs(wanted), initial=0))
                off = ~(apart <= TOLERANCE[self.written.dtype.itemsize])
                off &= ~(np.isnan(found) & np.isnan(wanted)) & (found != wanted)
                if off.mean() > FEW:
                    return kernel, float(np.max(apart[off]))
        return None

    def _evaluated(self, node: Node, kernel: Kernel) -> Any:
        params = dict(node.params)
        if function_of(node) in (np.reshape, np.ravel):
            shape = self.n, *np.shape(node.out)[1:]
            return np.reshape(self._value(node.inputs[0], node, kernel), shape)
        if kernel.kind == "matmul_W":
            x = node.inputs[0].node.inputs[0]
            first = self._value(x, node, kernel).T
            return first @ self._value(node.inputs[1], node, kernel)
        values = [self._value(x, node, kernel) for x in node.inputs]
        if kernel.kind == "sum" and not is_recorded(node.inputs[0]):
            values[0] = values[0][: self.n]
        return node.operation.evaluate(*values, **params)

    def _value(self, x: Any, node: Node, kernel: Kernel) -> Any:
        if not is_recorded(x):
            return x
        if x.node in self.known:
            return self.known[x.node]
        key = key_of(x)
        if key in self.numbers:
            return self.numbers[key]
        home = self.written.found.get(key)
        if home is None:
            inner = [self._value(v, x.node, kernel) for v in x.node.inputs]
            return x.node.operation.evaluate(*inner, **x.node.params)
        view = self.views[home.name]
        kind = kernel.kind if node is kernel.node else self.kinds.get(node, "chain")
        whole = needs_whole(node, kind, x)
        whole = whole or is_number(x) or x.shape[0] != self.phase.n
        return view if whole else view[: self.n]

    def _view(self, home: Home, empty: bool) -> np.ndarray:
        """An array that lies as the phase expects it, with random numbers if it is to be read."""
        if home.name.endswith("_numbers"):
            return np.ones(64)
        size = home.dtype.itemsize
        if home.whole:
            whole = zeros(home.whole, home.dtype)
            if not home.is_image:
                return whole
            view = home.within(whole)
        else:
            if any(home is fetch.data for fetch in self.written.fetches):
                home = replace(home, shape=(self.classes, *home.shape[1:]))  # not all the data
            spans = [(n - 1) * step for n, step in zip(home.shape, home.strides, strict=True)]
            room = zeros((1 + sum(map(abs, spans)),), home.dtype)
            start = -sum(span for span in spans if span < 0)  # some axes may go backwards
            strides = [step * size for step in home.strides]
            view = as_strided(room[start:], home.shape, strides)
        if empty:
            return view
        if home.dtype.kind == "f":
            # Quarters, so that sums are exact, and many numbers equal.
            view[...] = np.round(4 * self.rng.standard_normal(view.shape)) / 4
        else:
            view[...] = self.rng.integers(0, self.classes, view.shape)
        return view
