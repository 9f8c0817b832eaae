"""The compiler: a recorded graph, simplified and printed as straight-line NumPy."""

from typing import Any

from clearprop.compiler.engines import engine as find_engine
from clearprop.compiler.engines import engines
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
    thing: Any, optimizer: Any = None, *, threads: int | str | None = "auto", engine: str = "numpy"
) -> Any:
    """Compile a network's training step, its prediction, or a function of arrays.

    - `compile(network, optimizer)` gives a `Step`: `step(x, t)` is one step of training;
    - `compile(network)` gives its scores: `predict(x)`;
    - `compile(f)` gives `f` itself, compiled; `compile(grad(f))` and `compile(value_and_grad(f))`
      its derivatives.

    What comes out is a program in plain NumPy, which can be read (`.source`) and saved. `threads`
    is the number of BLAS threads: `"auto"` chooses by the size of the products, `None` leaves the
    setting alone. `engine` is what prints the program, one of `engines()`.

    Errors: `ConfigError` for something else, or for an engine that is not there;
    `UnsupportedError` for what cannot be recorded.

    >>> import numpy as np
    >>> from clearprop.graph import grad
    >>> slope = compile(grad(lambda x: (x * x).sum()))
    >>> slope(np.array([1.0, 2.0, 3.0]))
    array([2., 4., 6.])
    """
    find_engine(engine)
    if isinstance(thing, Network):
        if optimizer is None:
            return Prediction(thing, threads=threads, engine=engine)
        return Step(thing, optimizer, threads=threads, engine=engine)
    if not callable(thing) or optimizer is not None:
        raise ConfigError(
            f"compile takes a network and an optimizer, a network, or a function; "
            f"got a {type(thing).__name__}" + (" and an optimizer" if optimizer is not None else "")
        )
    return Compiled(thing, threads=threads, engine=engine)
