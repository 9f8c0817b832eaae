"""Which mistakes may explain a wrong derivative: told from two numbers, without a backward pass.

A mistake changes what some operations give back. By how much that changes Σ dx · v, for a
direction v of an argument, needs only how the values inside move along v:
Σ (what it gives back wrongly − rightly) · (how the input of that operation moves). For two random
directions, that must be Σ (dx by backward − the true dx) · v.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from clearprop.checking.tape import At, Mistake, Tape, Wide, known_by, local
from clearprop.graph.node import Node, Recorded
from clearprop.primitives.broadcasting import sum_to

OFTEN = 12
"""What is run more often meets itself wherever it is moved."""
NEAR = 1e-3
"""So far from what it should be a number may be, as a part of it: the movements are differences."""
ROUNDING = 1e-7
"""So far besides, as a part of what it would be without a mistake."""
STEP = 1e-6
"""By this part of their size values are moved."""


class Screen:
    """The movements of all values along two directions of each wrong argument.

    What one line does again and again acts upon itself, so of an argument only a part is moved that
    meets each line once, such as the last time step; `complete` tells that there is one for each.
    """

    def __init__(self, tape: Tape, wrong: Mapping[str, Any]) -> None:
        """`wrong` has the cases of the wrong derivatives, by argument."""
        self.tape, rng = tape, np.random.default_rng(0)
        self.above = self._ancestors()
        moved: list[tuple[Any, np.ndarray]] = []
        rows: list[dict[Any, np.ndarray]] = []
        self.complete = True
        often = max(len(group.nodes) for group in tape.groups) > OFTEN
        for name, case in wrong.items():
            for part in () if often else _parts(case.t.shape):
                v = np.zeros((2, *case.t.shape))
                v[:, *part] = rng.uniform(0.5, 1.5, v[:, *part].shape)
                row = self._movements(name, v[0])
                if self._meets_once(row):
                    moved += [(case, v[0]), (case, v[1])]
                    rows += [row, self._movements(name, v[1])]
                    break
            else:
                self.complete = False
        self.along = [(case.name, v) for case, v in moved]
        """The arguments that are moved, and how."""
        self.due = np.array([np.sum((case.a - case.t) * v) for case, v in moved])
        self.room = NEAR * np.abs(self.due)
        self.room += ROUNDING * np.array([np.sum(np.abs(case.t * v)) for case, v in moved])
        self.moving = {
            key: np.array([np.ravel(row[key]) for row in rows])
            for key in (rows[0] if rows else ())
            if any(np.any(row[key]) for row in rows)
        }

    def _movements(self, name: str, v: np.ndarray) -> dict[Any, np.ndarray]:
        """How every value moves when an argument moves along `v`."""
        tape = self.tape
        leaf = tape.variables[name]
        h = STEP * float(np.median(np.abs(leaf.data)) or 1.0)
        with np.errstate(all="ignore"):
            ahead, behind = (tape.values_at({known_by(leaf): leaf.data + s * v}) for s in (h, -h))
            found = {k: (np.asarray(x, float) - behind[k]) / (2 * h) for k, x in ahead.items()}
        return {key: np.nan_to_num(x) for key, x in found.items()}

    def _meets_once(self, row: Mapping[Any, np.ndarray]) -> bool:
        return all(
            sum(any(np.any(row.get((n, i), 0)) for i in (None, 0, 1, 2, 3)) for n in g.nodes) < 2
            for g in self.tape.groups
            if len(g.nodes) > 1
        )

    def _ancestors(self) -> dict[Any, int]:
        """For each value, the operations that lead to it, as the bits of a number."""
        found: dict[Any, int] = {}
        for bit, node in enumerate(reversed(self.tape.nodes)):
            above = 1 << bit
            for x in node.inputs:
                if isinstance(x, Recorded):
                    above |= found.get(x.node, 0)
            found[node] = above
        return found

    def change(self, mistake: Mistake) -> np.ndarray | None:
        """By how much a mistake changes each number; `None` where that cannot be told like this."""
        tape, changed = self.tape, dict[Node, list[Any]]()
        if mistake.values:
            return None
        for (node, i), formula in mistake.changes.items():
            if any(key in self.moving for _, key, _ in tape.inputs_of[node]):
                changed.setdefault(node, []).append((i, formula))
        waiting: dict[Any, Any] = {}
        for key, (later, slope) in (mistake.past or {}).items():
            waiting[key] = tape.arrived[later] * slope - tape.arrived.get(key, 0)
        later = sum(1 << self._bit(node) for node in changed)
        for node in sorted(changed, key=tape.order.__getitem__):
            later &= ~(1 << self._bit(node))
            more = waiting.pop((node, None), None)
            if node not in tape.right:
                continue
            dout, raw, right = tape.right[node]
            if more is not None:
                dout = dout + more
                raw = local(node, dout, node.out, node.values)
            found = list(right) if more is None else list(raw)
            at = At(node, dout, node.out, node.values, raw, tape.arrived)
            for i, formula in changed[node]:
                found[i] = formula(at) if raw[i] is not None else None
            for i, key, shape in tape.inputs_of[node]:
                if found[i] is right[i]:
                    continue
                if later & self.above.get(key[0], 0) and key[0] not in changed:
                    return None  # it goes on to another of the changed ones
                gap = _wide(found[i], shape) - _wide(right[i], shape)
                waiting[key] = waiting[key] + gap if key in waiting else gap
        total = np.zeros(len(self.due))
        for key, gap in waiting.items():
            if key in self.moving:
                total += self.moving[key] @ np.ravel(gap)
        return total

    def _bit(self, node: Node) -> int:
        return len(self.tape.nodes) - 1 - self.tape.order[node]

    def lets(self, mistake: Mistake, change: np.ndarray | None) -> bool:
        """Whether a mistake may explain one of the derivatives at least."""
        if change is None:
            return True
        one, other = change.reshape(-1, 2).T, self.due.reshape(-1, 2).T
        if (np.abs(change - self.due) <= self.room).reshape(-1, 2).all(axis=1).any():
            return True
        left, right = one[0] * other[1], one[1] * other[0]
        return mistake.scales and bool(np.any(np.abs(left - right) <= NEAR * np.abs(right)))

    def pairs(self, changes: list[np.ndarray]) -> Iterator[tuple[int, int]]:
        """Which two of some mistakes may explain all together, be one added and one left out."""
        all_of = np.array(changes)
        for i in range(len(all_of) - 1):
            for sum_of in (all_of[i] + all_of[i:], all_of[i] - all_of[i:], all_of[i:] - all_of[i]):
                fits = (np.abs(sum_of - self.due) <= self.room).all(axis=1)
                yield from ((i, i + int(j)) for j in np.flatnonzero(fits) if j)


def _wide(dx: Any, shape: tuple[int, ...]) -> Any:
    if dx is None:
        return np.zeros(shape)
    return dx if np.shape(dx) == shape or isinstance(dx, Wide) else sum_to(np.asarray(dx), shape)


def _parts(shape: tuple[int, ...]) -> Iterator[Any]:
    """All of an argument, and the last place along each of its axes."""
    yield (...,)
    for axis, n in enumerate(shape):
        if n > 1:
            yield (*[slice(None)] * axis, -1)
