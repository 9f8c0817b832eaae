"""Axes: where the ticks are, and what stands beside them."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scale:
    """From values to pixels, straight or by the logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, values: np.ndarray) -> np.ndarray:
        low, high = self.low, self.high
        values = np.asarray(values, dtype=np.float64)
        if self.log:
            low, high = math.log(low), math.log(high)
            values = np.log(np.maximum(values, self.low / 1e6))
        return self.start + (values - low) / (high - low) * (self.end - self.start)

    @property
    def ticks(self) -> list[tuple[float, float]]:
        """Round values with their places in pixels."""
        values = log_ticks(self.low, self.high) if self.log else ticks(self.low, self.high)
        return list(zip(values, self(np.array(values)).tolist(), strict=True))


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Choose round values between two values: steps of 1, 2 or 5 times a power of ten.

    >>> ticks(0, 16.7), ticks(0.962, 0.981)
    ([0.0, 5.0, 10.0, 15.0], [0.965, 0.97, 0.975, 0.98])
    """
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(m * power for m in (1, 2, 5, 10) if (high - low) / (m * power) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Choose powers of ten between two values; with few of them, 2 and 5 times them as well.

    >>> log_ticks(0.03, 2.5), log_ticks(1e-9, 1)
    ([0.05, 0.1, 0.2, 0.5, 1.0, 2.0], [1e-08, 1e-06, 0.0001, 0.01, 1.0])
    """
    if high < 8 * low:
        return ticks(low, high)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = -(-(last - first + 1) // most)
    factors = (1, 2, 5) if high < 200 * low else (1,)
    powers = [p for p in range(first, last + 1) if p % every == 0]
    found = [float(f"{m}e{p}") for p in powers for m in factors]
    return [v for v in found if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]


def label(value: float) -> str:
    """Write a value beside its tick.

    >>> label(15.0), label(20000.0), label(1e-6), label(-0.00025), label(0.05), label(-0.5)
    ('15', '20,000', '10⁻⁶', '−2.5·10⁻⁴', '0.05', '−0.5')
    """
    size = abs(value)
    if size and (size < 1e-2 or size >= 1e6):
        mantissa, _, power = f"{value:.2e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        raised = str(int(power)).replace("-", "−").translate(_RAISED)
        text = f"10{raised}" if mantissa == "1" else f"{mantissa}·10{raised}"
    else:
        text = f"{value:,.6g}" if size < 1000 else f"{value:,.0f}"
    return text.replace("-", "−")


def percent(value: float) -> str:
    """Write a share as a percentage, with as many digits as it has.

    >>> percent(0.965), percent(1.0)
    ('96.5%', '100%')
    """
    return f"{100 * value:.6g}%"


_RAISED = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
