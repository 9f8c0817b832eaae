"""The compiled prediction of a network."""

from typing import Any

import numpy as np

from clearprop.compiler.engines import Job, engine
from clearprop.compiler.leaf import traced
from clearprop.compiler.simplify import simplified
from clearprop.compiler.threads import BlasThreads, largest_product
from clearprop.compiler.tracing import Trace, record_prediction
from clearprop.errors import ConfigError


class Prediction:
    """The scores of a network as a compiled program: `predict(x)`.

    It reads the parameters where the layers hold them, so that training goes on to be seen.
    `as_written` names the layers that could not be compiled, with the reason.
    """

    def __init__(
        self, network: Any, *, threads: int | str | None = "auto", engine: str = "numpy"
    ) -> None:
        self.network = network
        self.engine = engine
        self.threads = threads
        self.as_written: dict[str, str] = {}
        self._plans: dict[Any, _Plan] = {}
        self._last: _Plan | None = None
        self._arrays: tuple[Any, ...] = ()

    @property
    def source(self) -> str:
        """The program last used, as text."""
        return self._used().program.source

    @property
    def graph(self) -> Trace:
        """The simplified graph of the program last used."""
        return self._used().trace

    def save(self, path: Any) -> None:
        """Write the program last used as a Python file, which needs NumPy and not clearprop."""
        self._used().program.save(path)

    def __call__(self, x: Any) -> Any:
        """Compute the scores of a batch."""
        x = np.asarray(x)
        self.network.check_places()
        arrays = tuple(self.network.params.values())
        if len(arrays) != len(self._arrays) or any(
            a is not b for a, b in zip(arrays, self._arrays, strict=True)
        ):
            self._plans.clear()
            self._arrays = arrays
        key = (x.shape, x.dtype)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _Plan(self, x, arrays)
            self.as_written = dict(plan.as_written)
        self._last = plan
        with plan.threads:
            return plan.program(x)

    def _used(self) -> "_Plan":
        if self._last is None:
            raise ConfigError("there is no program yet: shapes are known with the first call")
        return self._last


class _Plan:
    """The program for batches of one shape and dtype."""

    def __init__(self, prediction: Prediction, x: np.ndarray, arrays: tuple[Any, ...]) -> None:
        network = prediction.network
        params = {name: traced(a, name) for name, a in zip(network.params, arrays, strict=True)}
        with np.errstate(all="ignore"), BlasThreads(1):
            recording = record_prediction(network, traced(x, "x"), params)
            self.trace = simplified(recording.trace)
        self.as_written = recording.as_written
        kind = type(network).__name__
        title = f"Scores of {kind} for batches {x.shape}, written by clearprop."
        held = {v: v.data for v in params.values() if v in set(self.trace.leaves)}
        job = Job(self.trace, "predict", title, stored=held)
        self.program = engine(prediction.engine).program(job)
        self.threads = BlasThreads.chosen(prediction.threads, largest_product(self.trace))
