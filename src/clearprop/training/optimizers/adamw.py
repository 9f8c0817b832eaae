"""AdamW."""

from typing import Any

from clearprop.training.optimizers.adam import Adam


class AdamW(Adam):
    """AdamW: Adam with a weight decay that is not measured by the size of the derivatives.

    **Rule**: `p ← p − lr · weight_decay · p`, then Adam's, with its derivative as it is.

    Settings as for `Adam`. By default the `weight_decay` is 0.01, of parameters with two axes or
    more, see `Optimizer`.

    Source: Loshchilov and Hutter 2019, *Decoupled weight decay regularization*, algorithm 2, where
    the decay is not multiplied by the learning rate but by its schedule. PyTorch's `AdamW` is ours;
    it decays biases too, as `decay="all"` does.

    >>> import numpy as np
    >>> W, adamw = np.ones((1, 1)), AdamW(lr=0.5, weight_decay=0.1)
    >>> adamw.update({"W": W}, {"W": np.zeros((1, 1))})
    >>> W
    array([[0.95]])
    """

    usual_decay = 0.01

    @staticmethod
    def decayed(p: Any, g: Any, *, weight_decay: Any, lr: Any, **settings: Any) -> tuple[Any, Any]:
        """The parameter made smaller, and its derivative."""
        return p - lr * weight_decay * p, g
