"""The examination of one layer at given values, in the order in which a person would do it.

Forward, backward, the true derivatives, the comparison, the contract. A stage that makes the next
ones meaningless ends the examination with what it found.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from clearprop.checking import compare, contract, differences
from clearprop.checking.automatic import Opened, agrees, open_forward
from clearprop.checking.findings import Finding, Found, Kind
from clearprop.checking.passes import first_backward, first_forward, has_backward, told
from clearprop.checking.report import LayerReport, Row
from clearprop.checking.trial import LayerRaised, Run, Trial

LARGE = 2**14
"""Numbers in a batch from which only the comparison of values is done on all of it."""


class Examination:
    """What is known of a layer at given values; each stage adds to it."""

    def __init__(
        self,
        name: str,
        layer: Any,
        inputs: Sequence[Any],
        rng: np.random.Generator,
        *,
        exhaustive: bool = False,
        is_function: bool = False,
        stages: str = "all",
    ) -> None:
        self.name, self.kind = name, type(layer).__name__
        self.given = layer, tuple(inputs)
        self.rng = rng
        self.exhaustive = exhaustive
        self.is_function = is_function
        self.stages = stages
        """"all", "values" (no contract) or "arrays" (automatic differentiation alone)."""
        self.findings: list[Finding] = []
        self.rows: dict[str, Row] = {}
        self.trial: Trial
        self.run: Run
        """A forward pass, on which `backward` has not been run yet."""
        self.out: np.ndarray
        self.dout: np.ndarray
        self.opened: Opened | None = None
        self.closed: str | None = None
        self.analytic: dict[str, np.ndarray] = {}
        """By `backward` under `dout`, for the arguments where it can be compared."""
        self.truth: dict[str, np.ndarray] = {}
        """By automatic or numerical differentiation; NaN where not known."""
        self.jacobians: dict[str, np.ndarray] = {}
        """By numerical differentiation, where every element was swept: (*argument, outputs)."""
        self.reproducible = True
        """Whether a run on the same values gives the same numbers on the same copy."""
        self.worker: Any = None
        self.moved: set[str] = set()
        """The parameters that the worker does not hold as they were."""
        self.puller: Run | None = None

    def report(self) -> LayerReport:
        """Go through all stages."""
        try:
            self.trial = Trial(self.name, *self.given)
            self._stages()
        except Found as found:
            self.add(found.finding)
        except LayerRaised as raised:
            problem = f"{raised.method} raises {told(raised.error)}, when it is called again"
            self.fault(Kind.RAISES, problem)
        notes = self.trial.notes if hasattr(self, "trial") else []
        return LayerReport(
            name=self.name,
            kind=self.kind,
            rows=tuple(self.rows.values()),
            findings=(*self.findings, *notes),
            closed=self.closed,
        )

    def _stages(self) -> None:
        if self.stages == "all" and not self.exhaustive and (few := self._few_samples()):
            self._on_few(few)
        self.run = first_forward(self)
        self.out = self.run.vector
        written = has_backward(self.trial.layer)
        if self.stages != "arrays":
            contract.forward_repeats(self)
        self.dout = self.random_dout()
        if written:
            first_backward(self)
            if self.stages != "arrays":
                contract.backward_repeats(self)
        self.open()
        if not written:
            compare.stand_in(self)
        compare.all_arguments(self)
        if written and self.stages == "all":
            contract.linear_in_dout(self)
            contract.nothing_stale(self)
            if not self.is_function:
                contract.other_batches(self)
                contract.keeps_float32(self)

    def _few_samples(self) -> list[Any] | None:
        """A few samples of a large batch, for all that need not be done on the whole of it."""
        work = sum(x.size for x in self.trial.inputs if isinstance(x, np.ndarray))
        inputs = contract.batch(self.trial, 0, 4) if work > LARGE else None
        if inputs is None:
            return None
        try:  # only where forward keeps the samples apart, or takes any number at least
            return inputs if np.isfinite(self.trial.run(inputs=inputs).vector).all() else None
        except LayerRaised:
            return None

    def _on_few(self, inputs: list[Any]) -> None:
        """Examine a few samples thoroughly; the values remain to be compared on the whole batch."""
        few = Examination(self.name, self.given[0], inputs, self.rng, is_function=self.is_function)
        report = few.report()
        self.findings = [f for f in few.findings if f not in few.trial.notes]
        self.rows = {row.argument: row for row in report.rows}
        self.stages = "arrays"

    def open(self) -> None:
        """Open `forward` for automatic differentiation, if it can be, and is to be believed."""
        opened = open_forward(self.trial)
        if isinstance(opened, str):
            self.closed = opened
        elif not agrees(opened, self.run):
            self.closed = "it gives other numbers on Variables than on arrays"
        else:
            self.opened = opened

    def add(self, finding: Finding) -> None:
        self.findings.append(finding)

    def fault(self, kind: Kind, message: str, argument: str | None = None, **more: Any) -> None:
        self.add(Finding(layer=self.name, kind=kind, message=message, argument=argument, **more))

    @property
    def faulty(self) -> set[str | None]:
        """The arguments at which a fault has been found already."""
        return {finding.argument for finding in self.findings if finding.fault}

    def random_dout(self) -> np.ndarray:
        """A random derivative from upstream, no element of it near 0."""
        size = self.out.size
        return self.rng.uniform(0.5, 1.5, size) * self.rng.choice([-1.0, 1.0], size)

    def forward(self, **values: np.ndarray) -> np.ndarray:
        """All outputs for other values of some arguments, as one vector."""
        if self.worker is None or not self.reproducible:
            self.worker, self.moved = self.trial.copy(), set()
        restored = {name: self.trial.arguments[name].value for name in self.moved}
        self.moved = {name for name in values if self.trial.arguments[name].slot}
        try:
            return self.trial.run({**restored, **values}, self.worker).vector
        except LayerRaised:  # beyond the edge of what forward takes
            return np.full(self.out.shape, np.nan)

    @cached_property
    def sizes(self) -> dict[str, np.ndarray]:
        """How large a step each element of each argument deserves."""
        return {n: differences.sizes(a.value) for n, a in self.trial.arguments.items()}

    def pull(self, dout: np.ndarray) -> dict[str, np.ndarray]:
        """The derivatives of all arguments by `backward`, under another `dout`."""
        if not has_backward(self.trial.layer):
            return self.true(dout)
        if self.puller is None or not self.reproducible:
            self.puller = self.trial.run()
        return self.puller.derivatives(dout)

    def true(self, dout: np.ndarray) -> dict[str, np.ndarray]:
        """The true derivatives under another `dout`, as far as they are to be had."""
        if self.opened:
            return self.opened.derivatives(dout)
        return {name: jacobian @ dout for name, jacobian in self.jacobians.items()}
