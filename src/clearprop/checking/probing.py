"""Slopes of a layer under examination: along random directions, and element by element."""

from collections.abc import Iterator

import numpy as np

from clearprop.checking import differences
from clearprop.checking.differences import Slope
from clearprop.checking.evidence import Evidence, index_at

SWEEP = 512
"""How many elements are differentiated one by one, unless all are asked for."""
HASTY = 12
"""So many elements that differ are looked at closely; if none is a kink, the others are not."""


def probe(e: Evidence, name: str, a: np.ndarray) -> tuple[float, Slope]:
    """How far, in parts of the whole, a derivative is from the slope along a random direction.

    Errors of the difference itself are taken off. Outputs without a slope are left out, on both
    sides: their `dout` is 0.
    """
    sizes, rng = e.sizes[name], e.rng
    v = sizes * rng.uniform(0.5, 1.5, sizes.shape) * rng.choice([-1.0, 1.0], sizes.shape)
    slope = along(e, name, v)
    if not slope.smooth.all():
        if not slope.smooth.any():
            return 0.0, slope
        a = e.pull(np.where(slope.smooth, e.dout, 0.0))[name]
    numeric, error = slope.along(e.dout)
    moved = a * v
    whole = max(abs(numeric), float(np.linalg.norm(moved))) or 1.0
    return max(0.0, abs(numeric - float(moved.sum())) - 10 * error) / whole, slope


def along(e: Evidence, name: str, v: np.ndarray, h: float | None = None) -> Slope:
    """The slope of all outputs when an argument moves along a direction."""
    x = e.trial.arguments[name].value

    def f(step: float) -> np.ndarray:
        return e.forward(**{name: x + step * v})

    if h is not None:
        return differences.slope_with(f, e.out, h, e.eps)
    return differences.slope(f, e.out, 1 / min(1.0, float(e.sizes[name].min(initial=1.0))), e.eps)


def is_right(e: Evidence, name: str, given: np.ndarray, v: np.ndarray) -> bool:
    """Whether something agrees with the derivative by an argument, along a direction."""
    numeric, error = along(e, name, v).along(e.dout)
    far = 10 * error + 1e-4 * float(np.linalg.norm(given * v))
    return bool(abs(np.sum(given * v) - numeric) <= far)


def element(e: Evidence, name: str, index: tuple[int, ...], h: float | None = None) -> Slope:
    """The derivative of all outputs by one element, which moves by its own size."""
    unit = float(e.sizes[name][index])
    v = np.zeros(e.trial.arguments[name].value.shape)
    v[index] = unit
    return along(e, name, v, h).per(unit)


def quick(e: Evidence, name: str, index: tuple[int, ...]) -> np.ndarray:
    """The derivative of all outputs by one element, from two values of forward alone."""
    x = e.trial.arguments[name].value
    ahead, behind, h = x.copy(), x.copy(), 1e-5 * float(e.sizes[name][index])
    ahead[index] += h
    behind[index] -= h
    return (e.forward(**{name: ahead}) - e.forward(**{name: behind})) / (ahead - behind)[index]


def suspects(e: Evidence, name: str, a: np.ndarray) -> list[tuple[int, ...]]:
    """The elements to be swept: all, or those of the blocks that a direction finds wrong."""
    if a.size <= SWEEP:
        return list(np.ndindex(a.shape))
    block = np.arange(a.size)
    while block.size > SWEEP // 8:
        parts = np.array_split(block, 8)
        block = max(parts, key=lambda part: _gap_within(e, name, a, part))
    some = e.rng.choice(a.size, SWEEP // 8, replace=False)
    chosen = np.unique(np.concatenate([block, some]))
    return [index_at(i, a.shape) for i in chosen]


def worst_first(wrong: np.ndarray, a: np.ndarray, t: np.ndarray) -> Iterator[tuple[int, ...]]:
    """The wrong elements, those first that are furthest from the true ones."""
    order = np.argsort(-np.abs(np.where(wrong, a - t, 0)), axis=None, kind="stable")
    return (index_at(i, a.shape) for i in order[: np.count_nonzero(wrong)])


def _gap_within(e: Evidence, name: str, a: np.ndarray, block: np.ndarray) -> float:
    x = e.trial.arguments[name].value
    v = np.zeros(x.size)
    v[block] = e.sizes[name].reshape(-1)[block] * e.rng.uniform(0.5, 1.5, block.size)
    numeric, error = along(e, name, v.reshape(x.shape)).along(e.dout)
    return max(0.0, abs(numeric - float(a.reshape(-1) @ v)) - 10 * error)
