"""Nesterov's accelerated gradient."""

from clearprop.training.optimizers.momentum import Momentum


class Nesterov(Momentum):
    """Nesterov's momentum: the slope is taken where the velocity leads, not where we are.

    **Rule**: `v ← momentum · v − lr · g`, `p ← p + momentum · v − lr · g` with the new `v`; with
    the old one, `p ← p + momentum² · v − (1 + momentum) · lr · g`. `v` has the shape of `p` and
    begins at 0.

    `p` is the point led to, `θ + momentum · v`: there the derivative is taken, and it is what the
    network holds. Settings as for `Momentum`.

    Source: *Deep Learning from Scratch*, its code for chapter 6; Nesterov 1983; in this form
    Bengio, Boulanger-Lewandowski and Pascanu 2012, *Advances in optimizing recurrent networks*,
    section 3.5. PyTorch's `SGD(nesterov=True)` is the same while `lr` stays, see `Momentum`.

    >>> import numpy as np
    >>> p, nesterov = np.array([1.0]), Nesterov(lr=0.1, momentum=0.5)
    >>> nesterov.update({"p": p}, {"p": np.ones(1)})
    >>> p, nesterov.arrays
    (array([0.85]), {'v.p': array([-0.1])})
    """

    @staticmethod
    def change(p, g, v, *, step, lr, momentum):
        """The new parameter and its velocity."""
        slope = lr * g
        v = momentum * v - slope
        return p + momentum * v - slope, v
