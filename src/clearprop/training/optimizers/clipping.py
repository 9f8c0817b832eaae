"""Clipping: derivatives that are too large are made smaller before the step."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def clipped(grads: Sequence[Any], *, clip_value: Any = None, clip_norm: Any = None) -> list[Any]:
    """Make the derivatives of all parameters small enough, first by value, then by norm.

    **By value**: each element is moved into [−clip_value, clip_value]. Infinity becomes the bound,
    NaN stays NaN.

    **By the global norm**: `g ← g · min(1, clip_norm / (n + 1e-6))`, where `n` is the square root
    of the sum of the squares of all elements of all derivatives together. The direction stays.

    `grads` arrays of any shapes and real dtypes, which stay as they are; the result is new. Only
    NumPy functions, and no choice that depends on values: it can be recorded.

    As PyTorch's `clip_grad_value_` and `clip_grad_norm_`, with one difference: where the squares
    overflow, PyTorch's factor is 0 and the step is lost without a word; ours is NaN, so that the
    update is refused.

    Source: Pascanu, Mikolov and Bengio 2013, *On the difficulty of training recurrent neural
    networks*, algorithm 1, without the 1e-6.

    >>> clipped([np.array([3.0, 0.0]), np.array([4.0])], clip_norm=1.0)
    [array([0.59999988, 0. ]), array([0.79999984])]
    """
    grads = list(grads)
    if clip_value is not None:
        grads = [np.clip(g, -clip_value, clip_value) for g in grads]
    if clip_norm is not None:
        norm = np.sqrt(sum(np.sum(g * g) for g in grads))
        # 0 · norm is 0, and NaN where the norm is not finite.
        factor = np.minimum(clip_norm / (norm + 1e-6), 1) + 0 * norm
        grads = [factor * g for g in grads]
    return grads
