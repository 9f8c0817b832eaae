"""Slopes by differences: along a direction, from both sides, with an estimate of their error.

A central difference is off by rounding if the step is small and by curvature if it is large. Two
steps of different size, extrapolated (Richardson), leave the curvature's share far below, and
their disagreement says how good the result is. The slopes from the left and from the right tell a
kink, such as ReLU's at 0, from a curve.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

EPS = float(np.finfo(np.float64).eps)
STEPS = (1e-4, 1e-6, 1e-3)
"""Steps to be tried, relative to the size of what is moved; the first serves almost always."""

GOOD = 1e-7
"""A relative error with which a slope is good enough not to try another step."""


@dataclass(frozen=True)
class Slope:
    """The slope of each output along one direction.

    `left` and `right` are the one-sided slopes, `error` bounds what rounding and curvature may
    have done, and `smooth` tells the outputs that have a slope here at all.
    """

    value: np.ndarray
    left: np.ndarray
    right: np.ndarray
    error: np.ndarray
    smooth: np.ndarray

    def along(self, dout: np.ndarray) -> tuple[float, float]:
        """The slope of Σ dout · output over the smooth outputs, and its error."""
        weights = np.where(self.smooth, dout, 0.0)
        value = np.where(self.smooth, self.value, 0.0)
        error = np.where(self.smooth, self.error, 0.0)
        return float(weights @ value), float(3 * np.linalg.norm(weights * error))

    def per(self, unit: float) -> "Slope":
        """The slope for a step of 1, where the step was `unit`."""
        parts = {n: getattr(self, n) / unit for n in ("value", "left", "right", "error")}
        return replace(self, **parts)

    def between(self, dout: np.ndarray) -> tuple[float, float]:
        """The lowest and the highest slope that Σ dout · output can be said to have here."""
        one, other = dout * self.left, dout * self.right
        margin = np.abs(dout) * self.error
        return (
            float(np.sum(np.minimum(one, other) - margin)),
            float(np.sum(np.maximum(one, other) + margin)),
        )


@np.errstate(all="ignore")
def slope_with(
    f: Callable[[float], np.ndarray], f0: np.ndarray, h: float, eps: float = EPS
) -> Slope:
    """Measure the slope of `f` at 0 with the steps h and h/2; `f0` is f(0), exact to `eps`."""
    high, low = f(h), f(-h)
    half_high, half_low = f(h / 2), f(-h / 2)
    wide, narrow = (high - low) / (2 * h), (half_high - half_low) / h
    value = narrow + (narrow - wide) / 3
    right = 4 * (half_high - f0) / h - (high - f0) / h
    left = 4 * (f0 - half_low) / h - (f0 - low) / h
    size = np.maximum(np.abs(high), np.maximum(np.abs(low), np.abs(f0)))
    noise = 8 * eps * size / h + np.finfo(np.float64).tiny / h
    error = np.abs(narrow - wide) / 3 + noise
    # What is smooth bends by h² here, and by a part of the slope at a kink.
    bend = max(1e-3, 10 * h if eps > EPS else 0) * np.maximum(np.abs(left), np.abs(right))
    bend += 30 * noise
    finite = np.isfinite(high) & np.isfinite(low) & np.isfinite(half_high) & np.isfinite(half_low)
    smooth = finite & (np.abs(right - left) <= bend) & (np.abs(narrow - wide) <= bend)
    # At a kink the difference of the sides is no error, but what the two steps disagree about is.
    both = 4 * np.abs(half_high - f0 - (high - f0) / 2) / h
    other = 4 * np.abs(f0 - half_low - (f0 - low) / 2) / h
    error = np.where(smooth, error, np.minimum(both, other) + noise)
    return Slope(value, left, right, np.where(finite, error, np.inf), smooth)


def slope(
    f: Callable[[float], np.ndarray], f0: np.ndarray, unit: float = 1.0, eps: float = EPS
) -> Slope:
    """Measure the slope of `f` at 0, trying other steps where the first is not good enough.

    `unit` is by how much the step may be larger than the size of what is moved: where everything
    that is moved is tiny, the function may live on the scale of 1. `eps` is the precision of `f`.
    """
    best: Slope | None = None
    steps = STEPS if unit <= 1 else (*STEPS[:1], STEPS[0] * unit, *STEPS[1:])
    wider = (eps / EPS) ** 0.25
    for h in steps:
        found = slope_with(f, f0, wider * h, eps)
        if best is None or _quality(found) < _quality(best):
            best = found
        if _quality(best) <= GOOD:
            break
    assert best is not None
    return best


def _quality(found: Slope) -> float:
    """The relative error; outputs without a slope count as much as a bad one."""
    size = max(float(np.max(np.abs(found.value[found.smooth]), initial=0.0)), 1e-300)
    error = float(np.max(found.error[found.smooth], initial=0.0)) / size
    rough = np.count_nonzero(~found.smooth)
    return error + (1e-2 * (1 + rough / found.smooth.size) if rough else 0.0)


def sizes(x: np.ndarray) -> np.ndarray:
    """How large a step each element deserves: its own size, but not less than the usual one."""
    return np.maximum(np.abs(x), typical(x))


def typical(x: np.ndarray) -> float:
    """The median size of the elements that are not 0; 1 if all are."""
    size = np.abs(x[np.isfinite(x) & (x != 0)])
    return float(np.median(size)) if size.size else 1.0
