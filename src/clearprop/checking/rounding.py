"""Rounding: how far two right formulas may differ."""

from typing import Any

import numpy as np

from clearprop.checking import differences
from clearprop.checking.automatic import open_forward
from clearprop.checking.case import Case
from clearprop.checking.evidence import Evidence
from clearprop.checking.trial import LayerRaised


def beyond_rounding(case: Case, wrong: np.ndarray) -> np.ndarray:
    """Leave out what rounding can explain: how much do both move with the last bits of the values?

    Where large numbers cancel, two right formulas differ by far more than their last digits. What
    `forward` kept is jittered as well: of an output that was rounded to 1, `1 - out` knows nothing.
    """
    e, name, a, dout = case.e, case.name, case.a, case.dout
    noise = np.zeros(a.shape)
    for _ in range(3 if wrong.any() else 0):
        jitter = {key: _jittered(e, arg.value) for key, arg in e.trial.arguments.items()}
        opened = open_forward(e.trial, jitter)
        if isinstance(opened, str):
            return wrong
        try:
            run = e.trial.run(jitter)
            moved = [run.derivatives(dout)[name]]
            kept = e.trial.run()
            _jitter_what_is_kept(e, kept.layer)
            moved.append(kept.derivatives(dout)[name])
        except LayerRaised:
            return wrong
        noise += np.abs(opened.derivatives(dout)[name] - case.t)
        noise += sum(np.abs(m - a) for m in moved if m.shape == a.shape)
    return wrong & ~(np.abs(a - case.t) <= 8 * noise)


def _jittered(e: Evidence, array: Any) -> Any:
    return array * (1 + 64 * differences.EPS * e.rng.uniform(-1, 1, np.shape(array)))


def _jitter_what_is_kept(e: Evidence, layer: Any) -> None:
    own = {a.slot.name for a in e.trial.arguments.values() if a.slot}
    for key, value in list(getattr(layer, "__dict__", {}).items()):
        is_array = isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f"
        if is_array and key not in own:
            setattr(layer, key, _jittered(e, value))
