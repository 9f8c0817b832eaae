"""The compiled prediction of a network."""

from typing import Any

import numpy as np

from clearprop.compiler.engines.labels import is_refusal
from clearprop.compiler.function import Packing
from clearprop.compiler.leaf import traced
from clearprop.compiler.numbers import numbers_between, with_numbers
from clearprop.compiler.plans import Compiles, Plan, as_arrays, flat, formed, signature
from clearprop.compiler.recording import Recorder, shown, value_of
from clearprop.compiler.threads import BlasThreads
from clearprop.compiler.tracing import Trace
from clearprop.compiler.watching import Watch
from clearprop.errors import LabelError, UnsupportedError
from clearprop.graph.agreement import ASKS, disagrees
from clearprop.graph.graph import Graph
from clearprop.graph.node import Recorded
from clearprop.networks.learning import rows_of


class Prediction(Compiles):
    """The scores of a network as a compiled program: `predict(x)`, by the layers' `infer`.

    It reads the parameters where the layers hold them, so that training goes on to be seen.
    `as_written` names the layers that could not be compiled, with the reason.
    """

    parts = ("network",)
    settings = (*Compiles.settings, "of")

    def __init__(
        self,
        network: Any,
        *,
        threads: int | str | None = "auto",
        engine: str = "numpy",
        of: str = "predict",
    ) -> None:
        super().__init__(threads, engine)
        self.network = network
        self.of = of
        """What is compiled: `"predict"`, or `"scores"`, which the loss layer is asked about."""

    @property
    def draws(self) -> bool:
        """Whether the program last used is given noise."""
        return bool(self._used().draws)

    @property
    def _method(self) -> str:
        """The method of the network that is compiled."""
        return "_scores" if self.of == "scores" else "predict"

    def prepare(self, x: Any) -> "Prediction":
        """Print the program for batches like this one, without running it."""
        with self._lock:
            self._find(as_arrays(x, turned=True))
        return self

    def __call__(self, x: Any) -> Any:
        """Compute the scores of a batch; of Variables without a program, on the graph."""
        if any(isinstance(part, Recorded) for part in flat(x)):
            return getattr(self.network, self._method)(x)
        x = as_arrays(x, turned=True)
        with self._lock:
            plan = self._find(x)
            try:
                with plan.threads, np.errstate(all="ignore"):
                    found = plan.program.run(*flat(x), *plan.noise(), *plan.values())
            except ValueError as error:
                if is_refusal(error):
                    raise LabelError(str(error)) from None
                raise
            return plan.packing.pack(found)

    def _find(self, x: Any) -> "_Plan":
        self.network.members.check()
        plan, key = self._last, signature(x)
        if plan is None or plan.key != key or plan.changed():
            plan = self._current(key, lambda: _Plan(self, x))
        return plan


class _Plan(Plan):
    """The program for batches of one shape and dtype."""

    def __init__(self, prediction: Prediction, x: Any) -> None:
        self.key = signature(x)
        network = prediction.network
        members = network.members
        params = {name: traced(a, name) for name, a in network.params.items()}
        parts = flat(x)
        names = ["x"] if len(parts) == 1 else [f"x{i}" for i in range(len(parts))]
        leaves = [traced(a, name) for a, name in zip(parts, names, strict=True)]

        def recorded(numbers: Any) -> tuple[Recorder, Packing]:
            recorder = Recorder(network, "infer", params, rows_of(x), numbers)
            return recorder, Packing(getattr(recorder, prediction.of)(formed(x, iter(leaves))))

        with np.errstate(all="ignore"), BlasThreads(1):
            numbers = numbers_between(network, "infer")
            recorder, packing = with_numbers(numbers, prediction.needed, recorded)
        of = prediction._method
        if (
            network.glue()
            and not recorder.draws
            and disagrees(
                packing.value(),
                lambda: network.computed("infer", x, lambda net: getattr(net, of)(x)),
            )
        ):
            raise UnsupportedError(
                f"compile: what {type(network).__name__} predicts is another for arrays than while "
                f"it is recorded: {ASKS}"
            )
        for i, v in enumerate(packing.recorded):
            recorder.label([v], f"output {i}")
        fixed = recorder.fixed
        used, held = set(Graph(packing.recorded).leaves), recorder.states | recorder.settings
        held = {v: place for v, place in held.items() if v in used}
        self._network, self._held = network, list(held.values())
        self.draws = recorder.draws
        given = [*leaves, *(u for draw in self.draws for u in draw.leaves), *held]
        trace = Trace(packing.recorded, [*given, *params.values(), *fixed], recorder.labels)
        self.as_written = {shown(n): why for n, why in recorder.as_written.items()}
        kind = type(network).__name__
        shapes = ", ".join(str(a.shape) for a in parts)
        title = f"Scores of {kind} for batches {shapes}, written by clearprop."
        stored = {v: network.params[name] for name, v in params.items()} | fixed
        super().__init__(prediction, trace, "predict", title, stored)
        self.packing = packing
        arrays = [held for holders in members.params.owners.values() for held in holders]
        scores = network.depending("infer", x, lambda net: getattr(net, of)(x))
        watch = Watch(recorder, [*arrays, *recorder.fixed_places], hanging=scores)
        self.changed = watch.changed

    def values(self) -> list[Any]:
        """The state and settings of the layers as they are now."""
        return list(map(value_of, self._held))

    def noise(self) -> list[Any]:
        """The noise of layers that have no other formula for prediction, as looking sees it."""
        if not self.draws:
            return []
        rng = self._network.learning.generator(self._network.rng)
        return [u for draw in self.draws for u in draw(rng)]
