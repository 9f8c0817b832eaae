"""What is odd about a result: no value there, one beyond all numbers, or a kink."""

from typing import Any

import numpy as np

from clearprop.explaining.story import Step

_AT_0 = ("np.absolute", "np.fabs")
_AT_A_TIE = ("np.maximum", "np.minimum", "np.fmax", "np.fmin", "np.clip")


def odd(step: Step) -> str:
    """`"undefined"` where numbers give NaN, `"infinite"` where they give ∞, `"kink"` at one.

    >>> from types import SimpleNamespace
    >>> step = SimpleNamespace(scalar=True, values=[-1.0], outputs=[SimpleNamespace(data=np.nan)])
    >>> odd(step)
    'undefined'
    """
    if not step.scalar or not np.isfinite([float(v) for v in given(step)]).all():
        return ""
    out = float(step.outputs[0].data)
    if not np.isfinite(out):
        return "undefined" if np.isnan(out) else "infinite"
    if not has_kinks(step):
        return ""
    x, *others = map(float, given(step))
    return "kink" if x in (others or [0.0]) else ""


def given(step: Step) -> list[Any]:
    """The numbers that went in; a bound that was left out is none."""
    return [v for v in step.values if v is not None]


def has_kinks(step: Step) -> bool:
    """Whether it is a function with a kink: where its operands are equal, or its only one is 0."""
    return step.node.operation.name in (*_AT_0, *_AT_A_TIE)
