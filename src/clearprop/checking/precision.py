"""In which precision does `forward` really compute? A buffer or a cast may make it float32.

Then it is compared at that precision: its noise is never read as kinks or wrong derivatives.
"""

from typing import Any

import numpy as np

from clearprop.checking.evidence import Evidence
from clearprop.checking.findings import Kind
from clearprop.checking.nests import hanging, spoken

# By how much values move in parts of themselves, and what noise then gives a precision away.
_STEPS = ((np.float32, 1e-8, 1.5e-8), (np.float16, 1e-4, 1e-4))


def measure(e: Evidence) -> None:
    """Set `e.eps` to the precision of forward, and say so where it is lower than that of the trial.

    Where values move by less than float32 can tell apart, a function in float64 follows in a
    straight line; one in float32 stays where it is, or jumps.
    """
    signs, rng = _narrow(e), np.random.default_rng(0)
    for dtype, step, noise in _STEPS:
        told = signs.get(np.dtype(dtype), "")
        if dtype is np.float16 and not told:
            continue
        # Beside the given values, since 0.5 and its like are exact in any precision.
        base = {n: _moved(a.value, 1e-3, rng) for n, a in e.trial.arguments.items()}
        ahead = {n: _moved(x, step, rng) - x for n, x in base.items()}
        values = [e.forward(**{n: x + k * ahead[n] for n, x in base.items()}) for k in range(5)]
        bent = float(np.max(np.abs(np.diff(values, n=2, axis=0)), initial=0.0))
        size = float(np.max(np.abs(e.out), initial=0.0))
        if (told and dtype is np.float16) or bent > noise * size:
            e.eps = float(np.finfo(dtype).eps)
            name = np.dtype(dtype).name
            message = (
                f"forward computes in {name}, at least in part{told}, though it was given "
                f"{e.trial.dtype}; everything was compared at the precision of {name}"
            )
            e.fault(Kind.DTYPE, message, "output", fault=False)
            return


def _moved(x: np.ndarray, step: float, rng: np.random.Generator) -> np.ndarray:
    return x * (1 + step * rng.uniform(0.5, 1.5, x.shape))


def _narrow(e: Evidence) -> dict[Any, str]:
    """The dtypes below that of the trial that outputs and kept values have, and which have it."""
    found: dict[Any, str] = {}
    for path, value in hanging(e.run.layer).items():
        dtype: Any = getattr(value, "dtype", None)
        if dtype in (np.float32, np.float16):
            found.setdefault(dtype, f" (self.{spoken(path)} is {dtype})")
    for out in e.run.outputs:
        if out.dtype in (np.float32, np.float16):
            found[out.dtype] = f" (its output is {out.dtype})"
    return found
