"""One training step: loss, derivatives, update."""

import math
from collections.abc import Callable

import numpy as np

from clearprop.compiler.step import Step as CompiledStep
from clearprop.errors import NonFiniteError
from clearprop.networks import Network
from clearprop.training.data import Samples
from clearprop.training.optimizers import Updates

Step = Callable[[np.ndarray], float]
"""Takes the row numbers of a batch, updates the parameters in place, returns the loss before.

If the loss or the update is not finite, it raises `NonFiniteError` and changes nothing.
"""


def make_step(
    network: Network, optimizer: Updates, samples: Samples, *, compiled: bool = True
) -> Step:
    """Make the step of a training: compiled, or running the layers as they are written.

    An optimizer that is not a formula (see `SGD.change`), or a network that computes its loss in a
    way of its own, runs as written.
    """
    if compiled and CompiledStep.why_not(network, optimizer) is None:
        return CompiledStep(network, optimizer).over(samples.x, samples.t, samples.scale)
    on_batch = layered_step(network, optimizer)
    return lambda rows: on_batch(*samples.batch(rows))


def layered_step(network: Network, optimizer: Updates) -> Callable[[np.ndarray, np.ndarray], float]:
    """Make the step on a batch `x`, `t` that runs the layers as they are written.

    The forward pass runs once: it gives the loss, and `backward` uses what it kept.

    >>> from clearprop.layers import Affine
    >>> from clearprop.training import SGD
    >>> network = Network([Affine(W=np.array([[1.0, -1.0]]), b=np.zeros(2))])
    >>> step = layered_step(network, SGD(lr=1.0))
    >>> losses = [step(np.array([[1.0]]), np.array([1])) for _ in range(3)]
    >>> [round(loss, 3) for loss in losses]
    [2.127, 0.197, 0.101]
    """

    def step(x: np.ndarray, t: np.ndarray) -> float:
        # Overflow is found below and named; NumPy's warning would only say that it happened.
        with np.errstate(all="ignore"):
            loss, grads = network.loss_and_gradient(x, t)
            loss = float(loss)
            try:
                if not math.isfinite(loss):
                    raise NonFiniteError(f"the loss became {loss}")
                optimizer.update(network.params, grads)
            except BaseException:
                network.learning.undo(network.rng)
                raise
        return loss

    return step
