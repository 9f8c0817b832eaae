"""What is odd about a result: a function that has no value there, or one beyond all numbers."""

import numpy as np

from clearprop.explaining.story import Step


def odd(step: Step) -> str:
    """`"undefined"` where numbers give NaN, `"infinite"` where they give ∞; else empty.

    >>> from types import SimpleNamespace
    >>> step = SimpleNamespace(scalar=True, values=[-1.0], outputs=[SimpleNamespace(data=np.nan)])
    >>> odd(step)
    'undefined'
    """
    if not step.scalar or not np.isfinite([float(v) for v in step.values]).all():
        return ""
    out = float(step.outputs[0].data)
    return "undefined" if np.isnan(out) else "infinite" if np.isinf(out) else ""
