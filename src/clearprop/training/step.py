"""One training step: loss, derivatives, update."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compiler.step import Step as CompiledStep
from clearprop.errors import DTypeError, NonFiniteError, UnsupportedError
from clearprop.networks import Network
from clearprop.training.data import Samples
from clearprop.training.optimizers.base import Updates

Step = Callable[[np.ndarray], float]
"""Takes the row numbers of a batch, updates the parameters in place, returns the loss before.

If the loss or the update is not finite, it raises `NonFiniteError` and changes nothing: state and
generator of the network are as they were, too.
"""


def make_step(
    network: Network, optimizer: Updates, samples: Samples, batch_size: int, *, compiled: bool
) -> tuple[Step, str | None]:
    """Make the step of a training: compiled, or running the layers as they are written.

    An optimizer that is not a formula (see `SGD.change`), or a network that cannot be recorded,
    runs as written; the second of what is returned says why.
    """
    reason = CompiledStep.why_not(network, optimizer) if compiled else "compile=False was asked for"
    if reason is None:
        step = CompiledStep(network, optimizer).over(samples.x, samples.t, samples.scale)
        try:
            with np.errstate(all="ignore"):
                step.prepare(batch_size)
            return step, None
        except (UnsupportedError, DTypeError) as error:
            reason = str(error)
    on_batch = layered_step(network, optimizer)
    return lambda rows: on_batch(*samples.batch(rows)), reason


def layered_step(network: Network, optimizer: Updates) -> Callable[[Any, Any], float]:
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

    def step(x: Any, t: Any) -> float:
        # Overflow is found below and named; NumPy's warning would only say that it happened.
        with np.errstate(all="ignore"):
            loss, grads = network.loss_and_gradient(x, t)
            try:
                loss = float(loss)
                if not math.isfinite(loss):
                    raise NonFiniteError(f"the loss became {loss}")
                optimizer.update(network.params, grads)
            except BaseException:  # the step of learning is taken back as a whole
                network.learning.undo(network.members, network.rng)
                raise
        return loss

    return step
