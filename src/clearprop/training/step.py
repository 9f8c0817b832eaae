"""One training step: loss, derivatives, update."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.compiler.devices import Devices
from clearprop.compiler.plans import signature
from clearprop.compiler.step import Step as CompiledStep
from clearprop.errors import (
    ClearpropError,
    ConfigError,
    DTypeError,
    LeavesGraphError,
    NonFiniteError,
    UnsupportedError,
)
from clearprop.graph.overriding import is_outdated
from clearprop.networks import Network
from clearprop.training.data import Samples
from clearprop.training.optimizers.base import Updates

Step = Callable[[np.ndarray], float]
"""Takes the row numbers of a batch, updates the parameters in place, returns the loss before.

If the loss or the update is not finite, it raises `NonFiniteError` and changes nothing: state and
generator of the network are as they were, too.
"""


def make_step(
    network: Network,
    optimizer: Updates,
    samples: Samples,
    batch_size: int,
    *,
    compiled: bool,
    engine: str = "numpy",
    devices: Any = None,
) -> tuple[Step, str | None]:
    """Make the step of a training: compiled, or running the layers as they are written.

    An optimizer that is not a formula (see `SGD.change`), or a network that cannot be recorded,
    runs as written; the second of what is returned says why.

    Errors: `UnsupportedError` where an engine other than NumPy's cannot run the step,
    `ConfigError` for batches that its devices cannot share.
    """
    reason = CompiledStep.why_not(network, optimizer) if compiled else "compile=False was asked for"
    # Layers as written run in NumPy, whatever was asked for.
    only = engine not in ("numpy", "c", "auto") or (not compiled and engine != "numpy")
    if reason is not None and only:
        raise UnsupportedError(f"engine={engine!r} runs compiled steps alone: {reason}")
    if engine == "jax" and batch_size % (number := Devices(devices).number):
        raise ConfigError(
            f"batches of {batch_size} cannot be shared by {number} devices; use a batch_size that "
            f"is a multiple of {number}, such as {-(-batch_size // number) * number}, or other "
            "devices"
        )
    if reason is None:
        try:
            compiled_step = CompiledStep(network, optimizer, engine=engine, devices=devices)
            step = compiled_step.over_data(samples.data)
            with np.errstate(all="ignore"):
                step.prepare(batch_size)
            return step, None
        except Exception as error:
            if only:
                raise
            reason = why_not_recorded(error)
        x, *targets = samples.batch(slice(batch_size))
        with np.errstate(all="ignore"):  # what does not run as written either says so now
            network.walk("forward", x).loss(x, *targets)
    on_batch = layered_step(network, optimizer)
    return lambda rows: on_batch(*samples.batch(rows)), reason


def why_not_recorded(error: Exception) -> str:
    """Why something cannot be recorded, by the error; one that is not about recording is raised.

    Code that was written for arrays may raise anything when it is given Variables in their place.
    """
    about_recording = UnsupportedError, DTypeError, LeavesGraphError
    if isinstance(error, about_recording):
        return str(error)
    if isinstance(error, ClearpropError | MemoryError):
        raise error
    return f"it runs on arrays, but not on Variables ({type(error).__name__}: {error})"


def engine_of(step: Any) -> str | None:
    """What answers are computed by while this step trains; `None` where layers run as written."""
    compiled_step = getattr(step, "step", None)
    return compiled_step and ("c" if compiled_step.engine == "c" else "numpy")


def batch_step(network: Network, optimizer: Updates) -> Callable[..., float]:
    """Make the step on a batch `x`, `t`, perhaps `w`, for batches of any shape.

    Where a shape is met again it is compiled, if it can be; a first time runs the layers as they
    are written, which is quicker than to print a program.
    """
    on_batch, seen = layered_step(network, optimizer), set[Any]()
    step: CompiledStep | None = None
    compiles = CompiledStep.why_not(network, optimizer) is None

    def take(x: Any, t: Any, *w: Any) -> float:
        nonlocal step, compiles
        shape = signature((x, t, *w))
        if compiles and shape in seen:
            try:
                step = step or CompiledStep(network, optimizer)
                return step(x, t, *w)
            except Exception as error:
                why_not_recorded(error)
                compiles = False
        seen.add(shape)
        return on_batch(x, t, *w)

    return take


def layered_step(network: Network, optimizer: Updates) -> Callable[..., float]:
    """Make the step on a batch `x`, `t` that runs the layers as they are written.

    With weights `w` the loss is `Σ w l / N`, as in a compiled step. The forward pass runs once: it
    gives the loss, and `backward` uses what it kept.

    >>> from clearprop.layers import Affine
    >>> from clearprop.training import SGD
    >>> network = Network([Affine(W=np.array([[1.0, -1.0]]), b=np.zeros(2))])
    >>> step = layered_step(network, SGD(lr=1.0))
    >>> losses = [step(np.array([[1.0]]), np.array([1])) for _ in range(3)]
    >>> [round(loss, 3) for loss in losses]
    [2.127, 0.197, 0.101]
    """
    by_gradient = is_outdated(network, "loss_and_gradient", ("gradient",))

    def step(x: Any, t: Any, *w: Any) -> float:
        # Overflow is found below and named; NumPy's warning would only say that it happened.
        with np.errstate(all="ignore"):
            if by_gradient:
                grads = network.gradient(x, t, *w)
                loss = network.loss(x, t, *w)  # which looks at that step once more
            else:
                loss, grads = network.loss_and_gradient(x, t, *w)
            for mean in map(np.mean, w):
                loss, grads = loss * mean, {name: g * mean for name, g in grads.items()}
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
