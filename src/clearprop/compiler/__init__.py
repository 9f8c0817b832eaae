"""The compiler: a recorded graph, simplified and printed as straight-line NumPy."""

from typing import Any

from clearprop.compiler.engines import engine as find_engine
from clearprop.compiler.engines import engines, usable
from clearprop.compiler.function import Compiled
from clearprop.compiler.prediction import Prediction
from clearprop.compiler.program import Program
from clearprop.compiler.simplify import SIMPLIFICATIONS, simplified
from clearprop.compiler.step import Step
from clearprop.compiler.threads import BlasThreads
from clearprop.errors import ConfigError
from clearprop.networks import Network

__all__ = [
    "SIMPLIFICATIONS",
    "BlasThreads",
    "Compiled",
    "Prediction",
    "Program",
    "Step",
    "compile",
    "engines",
    "simplified",
]


def compile(
    thing: Any,
    optimizer: Any = None,
    *,
    threads: int | str | None = "auto",
    engine: str = "numpy",
    devices: Any = None,
) -> Any:
    """Compile a network's training step, its prediction, or a function of arrays.

    - `compile(network, optimizer)` gives a `Step`: `step(x, t)` is one step of training;
    - `compile(network)` gives its scores: `predict(x)`;
    - `compile(f)` gives `f` itself, compiled; `compile(grad(f))` and `compile(value_and_grad(f))`
      its derivatives.

    What comes out is a program in plain NumPy, which can be read (`.source`) and saved. `threads`
    is the number of BLAS threads: `"auto"` chooses by the size of the products, `None` leaves the
    setting alone. `engine` is what prints the program, one of `engines()`: `"numpy"`; `"c"`, which
    has the machine's C compiler make kernels of its hot regions, and is NumPy with a warning where
    there is none; `"auto"`, which is that too; `"javascript"`, whose source a page runs, and Node
    runs here; or `"jax"`, which prints `jax.numpy`, keeps what a step changes on the device, and
    lets `devices` (how many, or a list of JAX's own) share the samples of its batches.

    Errors: `ConfigError` for something else, for an engine or devices that are not there;
    `UnsupportedError` for what cannot be recorded, or has no spelling in the engine;
    `MissingPackageError` for `"jax"` where it is not installed.

    >>> import numpy as np
    >>> from clearprop.graph import grad
    >>> slope = compile(grad(lambda x: (x * x).sum()))
    >>> slope(np.array([1.0, 2.0, 3.0]))
    array([2., 4., 6.])
    """
    find_engine(usable(engine)[0])
    if isinstance(thing, Network) and optimizer is not None:
        return Step(thing, optimizer, threads=threads, engine=engine, devices=devices)
    if devices is not None:
        raise ConfigError("devices share the batches of a training step; leave them out here")
    if isinstance(thing, Network):
        return Prediction(thing, threads=threads, engine=engine)
    if not callable(thing) or optimizer is not None:
        raise ConfigError(
            f"compile takes a network and an optimizer, a network, or a function; "
            f"got a {type(thing).__name__}" + (" and an optimizer" if optimizer is not None else "")
        )
    return Compiled(thing, threads=threads, engine=engine)
