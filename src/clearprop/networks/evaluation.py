"""How well a network does: its loss, and a score as its loss layer gives it."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from clearprop.layers.loss import score_of


class Evaluation(NamedTuple):
    """How well a network does on a batch."""

    loss: float
    score: float
    """Larger is better; NaN where the loss layer gives no score."""


def tally(losses: Sequence[Any], scores: Any, t: Any, w: Any = None) -> np.ndarray:
    """The sums of which the score of some samples is made; of several outputs, of the first."""
    return losses[0].tally(first_output(scores), t[0] if len(losses) > 1 else t, w)


def first_output(scores: Any) -> Any:
    """Of several outputs the first; a list of plain numbers is one output."""
    several = isinstance(scores, tuple | list) and any(np.ndim(y) for y in scores)
    return scores[0] if several else scores


def scored(losses: Sequence[Any], scores: Any, t: Any, w: Any = None) -> float:
    """The score of a batch; NaN where the loss layer gives none."""
    if not losses or score_of(losses[0]) is None:
        return math.nan
    return losses[0].score(tally(losses, scores, t, w))


def given(w: Any) -> tuple[Any, ...]:
    """Weights as what is passed on: nothing where there are none, for a loss that knows of none."""
    return () if w is None else (w,)
